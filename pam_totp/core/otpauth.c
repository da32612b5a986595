/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* otpauth:// URIs, written for the phone.
 *  1. What otpauth_build writes, otpauth_parse of utils reads back equal.
 *  2. Every copy of the secret is overwritten, on every path. */
#include "otpauth.h"

#include <string.h>

#include "encode.h"
#include "text.h"

#define SECRET_TEXT_CAP ENCODE_BASE32_CAP(OTP_SECRET_MAX)

void
otpauth_wipe(struct otpauth *o)
{
	bytes_wipe(o, sizeof *o);
}

/* The unreserved characters of RFC 3986 section 2.3, and '@', which needs no escape in a path
 * segment or a query value and is common in accounts. */
static bool
is_spared(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("-._~@", c) != NULL);
}

/* Append text percent-encoded. */
static void
put_encoded(struct bytes_writer *w, const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (is_spared(*c)) {
			bytes_put_span(w, (struct span){ c, 1 });
			continue;
		}
		const char *digits = "0123456789ABCDEF";
		char escape[3] = { '%', digits[(uint8_t)*c >> 4], digits[(uint8_t)*c & 15] };
		bytes_put_span(w, (struct span){ escape, sizeof escape });
	}
}

/* Whether a field can be read back: plain text without ':' and without blanks at its ends. */
static bool
is_label_part(const char *text, size_t cap)
{
	struct span s = { text, strnlen(text, cap) };
	if (s.len == cap || !text_is_plain(s))
		return false;
	return s.len == 0 || (memchr(s.at, ':', s.len) == NULL && bytes_trim(s).len == s.len);
}

int
otpauth_build(const struct otpauth *o, char *out, size_t cap)
{
	int r = E_INVALID;
	char secret[SECRET_TEXT_CAP];
	struct bytes_writer w;
	const struct otp_params usual = OTP_PARAMS_DEFAULT;
	bytes_writer_init(&w, out, cap);
	if (!is_label_part(o->issuer, sizeof o->issuer) || o->account[0] == '\0' ||
	    !is_label_part(o->account, sizeof o->account) || !otp_params_ok(&o->params) ||
	    o->secret.len < OTP_SECRET_MIN || o->secret.len > OTP_SECRET_MAX ||
	    encode_base32_print(o->secret.bytes, o->secret.len, secret, sizeof secret) != E_OK)
		goto out;
	bytes_put(&w, "otpauth://totp/");
	if (o->issuer[0] != '\0') {
		put_encoded(&w, o->issuer);
		bytes_put(&w, ":");
	}
	put_encoded(&w, o->account);
	bytes_put(&w, "?secret=");
	bytes_put(&w, secret);
	if (o->issuer[0] != '\0') {
		bytes_put(&w, "&issuer=");
		put_encoded(&w, o->issuer);
	}
	if (o->params.algorithm != usual.algorithm) {
		bytes_put(&w, "&algorithm=");
		bytes_put(&w, otp_algorithm_name(o->params.algorithm));
	}
	if (o->params.digits != usual.digits) {
		bytes_put(&w, "&digits=");
		bytes_put_u64(&w, o->params.digits);
	}
	if (o->params.period_s != usual.period_s) {
		bytes_put(&w, "&period=");
		bytes_put_u64(&w, o->params.period_s);
	}
	r = w.has_overflowed ? E_LIMIT : E_OK;
out:
	bytes_wipe(secret, sizeof secret);
	if (r != E_OK)
		bytes_wipe(out, cap);
	return r;
}
