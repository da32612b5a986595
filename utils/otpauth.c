/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* otpauth:// URIs, read from other systems; core/otpauth.c writes them. It promises:
 *  1. otpauth_parse is pure: any bytes give a device or E_INVALID; it reads nothing
 *     outside the span and allocates nothing.
 *  2. What it accepts is a device whose codes are right: nothing that changes the codes is
 *     guessed, ignored or rounded. What only decorates is passed over.
 *  3. What otpauth_build writes is read back equal.
 *  4. No message holds a part of the URI; every copy of the secret is overwritten, on
 *     every path. */
#include "otpauth.h"

#include <string.h>

#include "core/encode.h"
#include "text.h"

enum otpauth_key { KEY_SECRET, KEY_ISSUER, KEY_ALGORITHM, KEY_DIGITS, KEY_PERIOD, KEY_COUNT };

static const char *const key_names[KEY_COUNT] = {
	[KEY_SECRET] = "secret",
	[KEY_ISSUER] = "issuer",
	[KEY_ALGORITHM] = "algorithm",
	[KEY_DIGITS] = "digits",
	[KEY_PERIOD] = "period",
};

/* Cut s at the first c: the part before it is returned, *rest is what follows it, and
 * *found says whether there was one (else everything is before it). */
static struct span
cut(struct span s, char c, struct span *rest, bool *found)
{
	const char *at = s.len > 0 ? memchr(s.at, c, s.len) : NULL;
	*found = at != NULL;
	if (at == NULL) {
		*rest = (struct span){ NULL, 0 };
		return s;
	}
	size_t len = (size_t)(at - s.at);
	*rest = (struct span){ at + 1, s.len - len - 1 };
	return (struct span){ s.at, len };
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether s begins with the lower-case ASCII text, in either case; then it is taken off. */
static bool
take_prefix(struct span *s, const char *text)
{
	size_t len = strlen(text);
	if (s->len < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(s->at[i]) != text[i])
			return false;
	s->at += len;
	s->len -= len;
	return true;
}

/* Characters of RFC 3986 that stand for themselves in a path segment or a query value, as
 * written by the builders there are. '#', '[', ']', blanks and the like never do. */
static bool
is_uri_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("-._~!$'()*+,;=:@/?", c) != NULL);
}

/* Undo the percent-encoding of s, once. Returns false on a character that may not stand
 * there, a broken escape, a result that is not plain text or does not fit; out is wiped
 * then. */
static bool
decode(struct span s, char *out, size_t cap)
{
	size_t used = 0;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t byte = (uint8_t)s.at[i];
		if (used + 1 >= cap)
			goto refused;
		if (s.at[i] == '%') {
			if (s.len - i < 3 ||
			    encode_hex_parse((struct span){ s.at + i + 1, 2 }, &byte, 1) != E_OK)
				goto refused;
			i += 2;
		} else if (!is_uri_char(s.at[i])) {
			goto refused;
		}
		out[used++] = (char)byte;
	}
	out[used] = '\0';
	if (text_is_plain((struct span){ out, used }))
		return true;
refused:
	bytes_wipe(out, cap);
	return false;
}

/* Which key of the format name is, or KEY_COUNT. */
static enum otpauth_key
find_key(struct span name)
{
	enum otpauth_key k = KEY_SECRET;
	while (k < KEY_COUNT && !bytes_is(name, key_names[k]))
		k++;
	return k;
}

static int
parse_secret(const char *text, struct otp_secret *secret, struct diag *d)
{
	struct span s = { text, strlen(text) };
	if (encode_base32_parse(s, secret->bytes, sizeof secret->bytes, &secret->len) != E_OK)
		return diag_set(d, E_INVALID,
		    "secret= is not base32 (A-Z and 2-7) of at most %d bytes", OTP_SECRET_MAX);
	if (secret->len < OTP_SECRET_MIN)
		return diag_set(d, E_INVALID, "secret= is too short: %d bytes at least",
		    OTP_SECRET_MIN);
	return E_OK;
}

static int
parse_number(const char *text, const char *name, uint64_t min, uint64_t max, unsigned *out,
    struct diag *d)
{
	uint64_t n = 0;
	if (bytes_parse_u64((struct span){ text, strlen(text) }, min, max, &n) != E_OK)
		return diag_set(d, E_INVALID, "%s= is not a number from %u to %u", name,
		    (unsigned)min, (unsigned)max);
	*out = (unsigned)n;
	return E_OK;
}

/* One decoded value of a key of the format. */
static int
apply(enum otpauth_key key, const char *value, struct otpauth *o, struct diag *d)
{
	struct span s = { value, strlen(value) };
	switch (key) {
	case KEY_SECRET:
		return parse_secret(value, &o->secret, d);
	case KEY_ISSUER:
		if (strchr(value, ':') != NULL ||
		    bytes_copy(bytes_trim(s), o->issuer, sizeof o->issuer) != E_OK)
			return diag_set(d, E_INVALID, "issuer= holds a ':' or is too long");
		return E_OK;
	case KEY_ALGORITHM:
		if (otp_algorithm_parse(s, &o->params.algorithm) != E_OK)
			return diag_set(d, E_INVALID, "algorithm= is not SHA1, SHA256 or SHA512");
		return E_OK;
	case KEY_DIGITS:
		return parse_number(value, "digits", OTP_DIGITS_MIN, OTP_DIGITS_MAX,
		    &o->params.digits, d);
	case KEY_PERIOD:
		return parse_number(value, "period", OTP_PERIOD_MIN, OTP_PERIOD_MAX,
		    &o->params.period_s, d);
	case KEY_COUNT:
		break;
	}
	return diag_set(d, E_INVALID, "unknown key");
}

static int
parse_query(struct span query, struct otpauth *o, struct diag *d)
{
	bool seen[KEY_COUNT] = { false };
	bool more = true;
	char value[OTPAUTH_ISSUER_CAP];
	int r = E_INVALID;
	while (more) {
		struct span rest;
		struct span text;
		bool has_value = false;
		struct span pair = cut(query, '&', &rest, &more);
		struct span name = cut(pair, '=', &text, &has_value);
		query = rest;
		enum otpauth_key key = find_key(name);
		if (bytes_is(name, "encoder")) {
			r = diag_set(d, E_INVALID,
			    "encoder= asks for codes that are no TOTP codes");
			goto out;
		}
		if (key == KEY_COUNT)
			continue;
		if (!has_value || !decode(text, value, sizeof value)) {
			r = diag_set(d, E_INVALID, "%s= is not percent-encoded plain text",
			    key_names[key]);
			goto out;
		}
		if (seen[key]) {
			r = diag_set(d, E_INVALID, "%s= is given twice", key_names[key]);
			goto out;
		}
		seen[key] = true;
		r = apply(key, value, o, d);
		if (r != E_OK)
			goto out;
	}
	r = seen[KEY_SECRET] ? E_OK : diag_set(d, E_INVALID, "secret= is missing");
out:
	bytes_wipe(value, sizeof value);
	return r;
}

static int
parse_label(struct span label, struct otpauth *o, struct diag *d)
{
	char text[OTPAUTH_ISSUER_CAP + OTPAUTH_ACCOUNT_CAP];
	if (label.len > 0 && memchr(label.at, '/', label.len) != NULL)
		return diag_set(d, E_INVALID, "the label has a '/': expected [ISSUER:]ACCOUNT");
	if (!decode(label, text, sizeof text))
		return diag_set(d, E_INVALID, "the label is not percent-encoded plain text");
	bool has_issuer = false;
	struct span account;
	struct span issuer = cut((struct span){ text, strlen(text) }, ':', &account, &has_issuer);
	if (!has_issuer) {
		account = issuer;
		issuer.len = 0;
	}
	account = bytes_trim(account);
	if (account.len == 0 || memchr(account.at, ':', account.len) != NULL)
		return diag_set(d, E_INVALID,
		    "the label names no account: expected [ISSUER:]ACCOUNT");
	if (bytes_copy(account, o->account, sizeof o->account) != E_OK ||
	    bytes_copy(bytes_trim(issuer), o->issuer, sizeof o->issuer) != E_OK)
		return diag_set(d, E_INVALID, "the label is too long");
	return E_OK;
}

int
otpauth_parse(struct span uri, struct otpauth *o, struct diag *d)
{
	int r = E_INVALID;
	struct span query;
	bool has_query = false;
	memset(o, 0, sizeof *o);
	o->params = OTP_PARAMS_DEFAULT;
	if (uri.len > OTPAUTH_URI_MAX) {
		r = diag_set(d, E_INVALID, "the URI is longer than %d bytes", OTPAUTH_URI_MAX);
		goto out;
	}
	for (size_t i = 0; i < uri.len; i++) {
		if (uri.at[i] <= 0x20 || uri.at[i] >= 0x7f) {
			r = diag_set(d, E_INVALID, "the URI holds a blank or is not ASCII");
			goto out;
		}
	}
	if (!take_prefix(&uri, "otpauth://")) {
		r = diag_set(d, E_INVALID, "not a URI that begins with otpauth://");
		goto out;
	}
	if (take_prefix(&uri, "hotp/")) {
		r = diag_set(d, E_INVALID,
		    "counter-based codes (hotp) are not supported, only totp");
		goto out;
	}
	if (!take_prefix(&uri, "totp/")) {
		r = diag_set(d, E_INVALID, "expected otpauth://totp/");
		goto out;
	}
	struct span label = cut(uri, '?', &query, &has_query);
	if (!has_query) {
		r = diag_set(d, E_INVALID, "secret= is missing");
		goto out;
	}
	if (query.len > 0 && memchr(query.at, '#', query.len) != NULL) {
		r = diag_set(d, E_INVALID, "there is a '#' in the URI");
		goto out;
	}
	r = parse_label(label, o, d);
	if (r == E_OK)
		r = parse_query(query, o, d);
out:
	if (r != E_OK)
		otpauth_wipe(o);
	return r;
}
