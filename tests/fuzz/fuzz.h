/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_FUZZ_H
#define PAM_TOTP_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

/* What a target is: one .c file with this function, which runs one input, keeps nothing from it,
 * and does not come back from a broken promise. Built with libFuzzer by `make fuzz`, and with
 * replay.c by `make check`. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, saying which promise was broken, unless it was kept. */
void fuzz_expect(bool is_kept, const char *promise);

/* A copy of exactly size bytes, so that a sanitizer sees each byte too far; the caller frees it.
 * With a NUL after them when is_terminated. Never NULL. */
char *fuzz_copy(const void *data, size_t size, bool is_terminated);

/* Whether len bytes are all 0, as after a wipe. */
bool fuzz_is_zero(const void *p, size_t len);

/* Decisions taken from an input, from its beginning; 0 when it is used up. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

uint8_t fuzz_u8(struct fuzz_input *in);
uint32_t fuzz_u32(struct fuzz_input *in);

/* The next len bytes, or as many as are left. Borrowed. */
struct span fuzz_span(struct fuzz_input *in, size_t len);

#endif
