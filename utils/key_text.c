/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Keys that were made elsewhere, for `totp-admin add` and `import` alike. It promises:
 *  1. What is taken is exactly what the text says: nothing is guessed (0 for O, 1 for L) and
 *     nothing is cut.
 *  2. Every copy of a key that is made here is wiped; no message holds a part of one. */
#include "key_text.h"

#include "core/encode.h"

#define PADDING_MAX 6 /* of '=', RFC 4648 section 6 */

int
key_text_parse(struct span text, struct otp_secret *s, struct diag *d)
{
	char letters[ENCODE_BASE32_CAP(OTP_SECRET_MAX) + PADDING_MAX];
	size_t len = 0;
	int r = E_INVALID;

	s->len = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == ' ' || text.at[i] == '\t' || text.at[i] == '-')
			continue;
		if (len == sizeof letters)
			goto out;
		letters[len++] = text.at[i];
	}
	r = encode_base32_parse((struct span){ .at = letters, .len = len }, s->bytes,
	    sizeof s->bytes, &s->len);
out:
	bytes_wipe(letters, sizeof letters);
	if (r == 0)
		return 0;
	otp_secret_wipe(s);
	return diag_set(d, E_INVALID, "the key is not base32: expected letters A-Z and "
	    "digits 2-7 for %d to %d bytes", OTP_SECRET_MIN, OTP_SECRET_MAX);
}

int
key_text_check(const struct otp_secret *s, bool takes_weak, struct diag *d)
{
	if (s->len < OTP_SECRET_MIN || s->len > OTP_SECRET_MAX)
		return diag_set(d, E_INVALID, "the key has %zu bytes: expected %d to %d", s->len,
		    OTP_SECRET_MIN, OTP_SECRET_MAX);
	if (s->len < OTP_SECRET_STRONG && !takes_weak)
		return diag_set(d, E_INVALID, "the key has only %zu bits, expected %d or more: "
		    "get a longer one, or give --weak-ok", s->len * 8, OTP_SECRET_STRONG * 8);
	return 0;
}
