/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* pam_oath's users file, as liboath reads it (its usersfile.c) and rewrites it:
 *
 *   TYPE USER PIN HEXKEY [COUNTER [LAST-CODE [LAST-TIME]]]
 *
 * TYPE: HOTP/T30 or HOTP/T60, then nothing, /6, /7 or /8; always SHA-1. PIN: "-" for none,
 * "+" for a password that somebody else checks. It promises:
 *  1. What would admit its user with less than pam_oath asks for is refused: a line with a
 *     PIN of its own. Event-based tokens (HOTP, HOTP/E) are refused by name.
 *  2. COUNTER and what follows need not be kept, since an import uses up every step to now;
 *     they must be what liboath writes all the same, or the line is not understood. */
#include "import.h"

#include <string.h>

#include "core/encode.h"

#define CODE_MAX 8 /* digits */

/* "HOTP/T30/6" and the like. Returns NULL, or what was expected instead. */
static const char *
parse_type(struct span type, struct otp_params *p)
{
	static const char *const events[] = { "HOTP", "HOTP/E", "HOTP/E/6", "HOTP/E/7",
		"HOTP/E/8" };
	static const unsigned periods[] = { 30, 60 };
	static const char *const starts[] = { "HOTP/T30", "HOTP/T60" };

	*p = OTP_PARAMS_DEFAULT;
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
		if (bytes_is(type, events[i]))
			return "event-based tokens (HOTP) are not supported: expected a time-based "
			       "one, HOTP/T30 or HOTP/T60";
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		size_t len = strlen(starts[i]);
		if (type.len < len || memcmp(type.at, starts[i], len) != 0)
			continue;
		p->period_s = periods[i];
		if (type.len == len)
			return NULL;
		if (type.len != len + 2 || type.at[len] != '/' || type.at[len + 1] < '6' ||
		    type.at[len + 1] > '8')
			break;
		p->digits = (unsigned)(type.at[len + 1] - '0');
		return NULL;
	}
	return "expected HOTP/T30 or HOTP/T60, and /6, /7 or /8 after it";
}

static bool
is_number(struct span s, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
	return s.len <= max;
}

/* What liboath wrote after the last login; all of it may be absent (obligation 2). */
static const char *
check_history(struct span rest)
{
	struct span counter = bytes_next_word(&rest);
	struct span code = bytes_next_word(&rest);
	uint64_t n = 0;

	if (counter.len > 0 && bytes_parse_u64(counter, 0, UINT64_MAX, &n) != 0)
		return "expected a counter after the key";
	if (!is_number(code, CODE_MAX))
		return "expected the last code after the counter";
	(void)bytes_next_word(&rest); /* its time, in this or that version's form */
	if (rest.len > 0)
		return "more words than a users file of pam_oath has";
	return NULL;
}

static const char *
parse_words(struct span line, struct import_device *device)
{
	struct span type = bytes_next_word(&line);
	struct span user = bytes_next_word(&line);
	struct span pin = bytes_next_word(&line);
	struct span key = bytes_next_word(&line);

	const char *fault = parse_type(type, &device->params);
	if (fault != NULL)
		return fault;
	if (key.len == 0 || bytes_copy(user, device->user, sizeof device->user) != 0)
		return "expected a type, a user, a PIN and a key in hexadecimal";
	if (!bytes_is(pin, "-") && !bytes_is(pin, "+"))
		return "a PIN cannot be taken over: expected - or + in its place";
	device->secret.len = key.len / 2;
	if (key.len % 2 != 0 || device->secret.len > OTP_SECRET_MAX ||
	    encode_hex_parse(key, device->secret.bytes, device->secret.len) != 0)
		return "the key is not hexadecimal of at most 64 bytes";
	return check_history(line);
}

int
import_oath(struct span text, const struct import_rules *rules, struct import_list *list,
    struct diag *d)
{
	struct bytes_reader in;
	struct span line;
	int r = 0;

	bytes_reader_init(&in, text.at, text.len);
	while (r == 0 && import_next_line(&in, &line)) {
		struct import_device device = { .line = in.line };
		if (line.len == 0 || line.at[0] == '#')
			continue;
		const char *fault = parse_words(line, &device);
		r = fault != NULL ? diag_set(d, E_INVALID, "line %u: %s", in.line, fault) :
				    import_put(list, rules, &device, d);
		otp_secret_wipe(&device.secret);
	}
	return r;
}
