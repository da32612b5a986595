/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* base32 and hexadecimal, and the small readers beside them: what is taken prints back as the
 * same text but for case and padding; what does not fit is refused and wiped. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/date.h"
#include "core/encode.h"
#include "core/otp.h"
#include "fuzz.h"

static void
try_base32(struct span text)
{
	uint8_t out[OTP_SECRET_MAX];
	char again[ENCODE_BASE32_CAP(sizeof(out))];
	size_t len = 99;

	memset(out, 0xa5, sizeof(out));
	if (encode_base32_parse(text, out, sizeof(out), &len) != 0) {
		fuzz_expect(len == 0 && fuzz_is_zero(out, sizeof(out)), "refused and wiped");
		return;
	}
	fuzz_expect(len <= sizeof(out), "it fits");
	fuzz_expect(encode_base32_print(out, len, again, sizeof(again)) == 0, "it prints");
	size_t letters = strlen(again);
	fuzz_expect(letters <= text.len && strncasecmp(again, text.at, letters) == 0,
	    "it prints the same letters");
	for (size_t i = letters; i < text.len; i++)
		fuzz_expect(text.at[i] == '=', "what is left is padding");
}

static void
try_hex(struct span text)
{
	uint8_t out[32];
	char again[ENCODE_HEX_CAP(sizeof(out))];
	size_t len = text.len / 2 < sizeof(out) ? text.len / 2 : sizeof(out);

	memset(out, 0xa5, sizeof(out));
	if (encode_hex_parse(text, out, len) != 0) {
		fuzz_expect(fuzz_is_zero(out, len), "refused and wiped");
		return;
	}
	fuzz_expect(encode_hex_print(out, len, again, sizeof(again)) == 0, "it prints");
	fuzz_expect(strlen(again) == text.len && strncasecmp(again, text.at, text.len) == 0,
	    "it prints the same digits");
}

static void
try_words(struct span text)
{
	enum otp_algorithm a = OTP_SHA1;
	char date[DATE_CAP];
	uint64_t n = 7;

	if (otp_algorithm_parse(text, &a) != 0)
		fuzz_expect(a == 0, "no algorithm");
	else
		fuzz_expect(strlen(otp_algorithm_name(a)) == text.len, "its own name");
	if (date_parse(text, &n) == 0) {
		date_print(n, date);
		fuzz_expect(bytes_is(text, date), "a date prints back");
	} else
		fuzz_expect(n == 0, "no date");
	n = 7;
	if (bytes_parse_u64(text, 0, UINT64_MAX, &n) == 0) {
		char number[24];
		struct bytes_writer w;
		bytes_writer_init(&w, number, sizeof(number));
		bytes_put_u64(&w, n);
		fuzz_expect(bytes_is(text, number), "a number prints back");
	} else
		fuzz_expect(n == 0, "no number");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = fuzz_copy(data, size, false);
	struct span text = { exact, size };

	try_base32(text);
	try_hex(text);
	try_words(text);
	free(exact);
	return 0;
}
