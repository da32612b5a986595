/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* session_parse: what is taken is of whole bonds, prints, and reads back equal; what is refused
 * leaves no session behind and is explained. */
#include <stdlib.h>
#include <string.h>

#include "core/session.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[SESSION_FILE_MAX];
	static struct session_list first, again;
	size_t len = 0;
	struct diag d = { "" };

	if (size == 0 || size > sizeof(text)) /* the file's rule; an empty one is not parsed */
		return 0;
	char *exact = fuzz_copy(data, size, false);
	memset(&first, 0xa5, sizeof(first));
	int error = session_parse(exact, size, &first, &d);
	if (error != 0) {
		fuzz_expect(error == E_CORRUPT, "a refused file is corrupt");
		fuzz_expect(d.text[0] != '\0', "a refusal is explained");
		fuzz_expect(fuzz_is_zero(&first, sizeof(first)), "no session is left of it");
		free(exact);
		return 0;
	}
	for (unsigned i = 0; i < first.count; i++)
		fuzz_expect(session_bond_ok(&first.item[i].bond), "what is read is a whole bond");
	fuzz_expect(session_print(&first, text, sizeof(text), &len) == 0,
	    "what is read can be written");
	fuzz_expect(session_parse(text, len, &again, &d) == 0, "what is written can be read");
	fuzz_expect(memcmp(&first, &again, sizeof(first)) == 0, "it reads back equal");
	free(exact);
	return 0;
}
