/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* state_parse: a slot that counts is what state_print writes; the newest one wins; a file
 * without a whole slot is no state. No fuzzer guesses a checksum, so the first byte of an input
 * says which slots are given a right one. */
#include <stdlib.h>
#include <string.h>

#include "core/otp.h"
#include "core/state.h"
#include "fuzz.h"

#define SUMMED (STATE_SLOT_LEN - STATE_SUM_LEN)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct state s;
	struct diag d = { "" };
	uint8_t again[STATE_SLOT_LEN];
	unsigned slot = 7;
	bool is_half = false;

	unsigned flags = fuzz_u8(&in);
	uint8_t *file = (uint8_t *)fuzz_copy(data, STATE_FILE_LEN < size ? STATE_FILE_LEN : size,
	    false);
	file = realloc(file, STATE_FILE_LEN);
	fuzz_expect(file != NULL, "there is memory");
	memset(file, 0, STATE_FILE_LEN);
	struct span bytes = fuzz_span(&in, STATE_FILE_LEN);
	if (bytes.len > 0)
		memcpy(file, bytes.at, bytes.len);
	/* Two equal slots, as after a copy. */
	if ((flags & 4) != 0)
		memcpy(file + STATE_SLOT_LEN, file, STATE_SLOT_LEN);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *p = file + i * STATE_SLOT_LEN;
		if ((flags >> i & 1) != 0)
			fuzz_expect(otp_sha256(p, SUMMED, p + SUMMED) == 0, "SHA-256 works");
	}
	memset(&s, 0xa5, sizeof(s));
	int error = state_parse(file, &s, &slot, &is_half, &d);
	if (error != 0) {
		fuzz_expect(error == E_CORRUPT && d.text[0] != '\0', "corrupt, and why");
		fuzz_expect(fuzz_is_zero(&s, sizeof(s)) && slot == 1 && is_half,
		    "a refused file is no state");
		free(file);
		return 0;
	}
	fuzz_expect(slot < 2, "a slot has a number");
	fuzz_expect(state_print(&s, again) == 0, "what is read can be written");
	fuzz_expect(memcmp(file + slot * STATE_SLOT_LEN, again, sizeof(again)) == 0,
	    "the slot is the one that is written");
	uint8_t *other = file + (1 - slot) * STATE_SLOT_LEN;
	fuzz_expect(is_half || fuzz_is_zero(other, STATE_SLOT_LEN) ||
	    bytes_get_le64(other + 8) + 1 == s.generation, "beside a whole one is its predecessor");
	free(file);
	return 0;
}
