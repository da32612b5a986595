/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What is shown on a terminal: no control character, no override and no broken UTF-8 comes out,
 * whatever went in, and nothing is written past the end. The first bytes are sizes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "utils/text.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	size_t cap = (size_t)fuzz_u8(&in) * 4 + 1;
	unsigned flags = fuzz_u8(&in);
	char *text = fuzz_copy(in.at, in.left, true);
	char *out = fuzz_copy(NULL, 0, false);

	out = realloc(out, cap);
	fuzz_expect(out != NULL, "there is memory");
	memset(out, 'x', cap);
	text_clean(text, (flags & 1) != 0, out, cap);
	size_t len = strnlen(out, cap);
	fuzz_expect(len < cap && text_is_plain((struct span){ out, len }),
	    "what comes out is plain");
	for (size_t i = 0; i < len && (flags & 1) == 0; i++)
		fuzz_expect((unsigned char)out[i] < 0x80, "ASCII for an ASCII terminal");

	memset(out, 'x', cap);
	text_wrap(text, flags >> 1, out, cap);
	fuzz_expect(strnlen(out, cap) < cap, "terminated");
	free(out);
	free(text);
	return 0;
}
