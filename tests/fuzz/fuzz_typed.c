/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What a person types at the prompt: a code, a recovery code, or neither, never both; every
 * lawful one has one normal form, which is read back as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/verify.h"
#include "fuzz.h"

static void
try_code(struct span text)
{
	struct otp_typed typed = { 7, 7 }, again = { 0, 0 };
	char normal[16];

	if (otp_parse_typed(text, &typed) != 0) {
		fuzz_expect(typed.code == 0 && typed.digits == 0, "a refused code is none");
		return;
	}
	fuzz_expect(typed.digits >= OTP_DIGITS_MIN && typed.digits <= OTP_DIGITS_MAX, "digits");
	int len = snprintf(normal, sizeof(normal), "%0*u", (int)typed.digits, typed.code);
	fuzz_expect(len == (int)typed.digits, "the code has that many digits");
	fuzz_expect(otp_parse_typed((struct span){ normal, (size_t)len }, &again) == 0 &&
	    again.code == typed.code && again.digits == typed.digits, "it reads back equal");
}

static void
try_recovery(struct span text)
{
	struct recovery_typed typed, again;

	memset(&typed, 0xa5, sizeof(typed));
	if (recovery_parse_typed(text, &typed) != 0) {
		fuzz_expect(fuzz_is_zero(&typed, sizeof(typed)), "a refused code is wiped");
		return;
	}
	struct span normal = { typed.letters, sizeof(typed.letters) };
	fuzz_expect(recovery_parse_typed(normal, &again) == 0 &&
	    memcmp(&typed, &again, sizeof(typed)) == 0, "it reads back equal");
	/* Any one slip is seen. */
	again = typed;
	again.letters[0] = typed.letters[0] == 'b' ? 'c' : 'b';
	struct recovery_typed slip;
	fuzz_expect(recovery_parse_typed((struct span){ again.letters, sizeof(again.letters) },
	    &slip) != 0, "the check letter sees a slip");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = fuzz_copy(data, size, false);
	struct span text = { exact, size };
	struct answer a;

	try_code(text);
	try_recovery(text);
	for (unsigned i = 0; i < 2; i++) {
		verify_read(text, i != 0, &a);
		fuzz_expect(!a.is_code || !a.is_recovery, "one shape or none");
		fuzz_expect(size <= VERIFY_ANSWER_MAX || (!a.is_code && !a.is_recovery),
		    "a long answer has no shape");
		fuzz_expect(i == 1 || !a.is_code || a.code.digits >= OTP_DIGITS_MIN,
		    "junk is no code where there is a record");
	}
	free(exact);
	return 0;
}
