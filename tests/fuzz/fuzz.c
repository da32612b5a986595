/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What the fuzzing targets share: promises, exact copies, and decisions from bytes. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_expect(bool is_kept, const char *promise)
{
	if (is_kept)
		return;
	fprintf(stderr, "broken promise: %s\n", promise);
	abort();
}

char *
fuzz_copy(const void *data, size_t size, bool is_terminated)
{
	char *copy = malloc(size + is_terminated > 0 ? size + is_terminated : 1);

	fuzz_expect(copy != NULL, "there is memory");
	if (size > 0)
		memcpy(copy, data, size);
	if (is_terminated)
		copy[size] = '\0';
	return copy;
}

bool
fuzz_is_zero(const void *p, size_t len)
{
	const uint8_t *byte = p;

	/* Each byte is like the one before it. */
	return len == 0 || (byte[0] == 0 && memcmp(byte, byte + 1, len - 1) == 0);
}

uint8_t
fuzz_u8(struct fuzz_input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

uint32_t
fuzz_u32(struct fuzz_input *in)
{
	uint8_t bytes[4];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = fuzz_u8(in);
	return bytes_get_le32(bytes);
}

struct span
fuzz_span(struct fuzz_input *in, size_t len)
{
	struct span s = { (const char *)in->at, len < in->left ? len : in->left };

	in->at += s.len;
	in->left -= s.len;
	return s;
}
