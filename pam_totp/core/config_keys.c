/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The one table of settings and the parsers of their values.
 *
 *  1. Range and default are texts that the manual page repeats (man_keys.sh compares
 *     them); the parsers take their bounds and words out of the same texts, and a
 *     default is set by parsing it. They cannot disagree.
 *  2. A value is stored only when all of it is within its range.
 *  3. No text that is accepted does anything to a terminal or a log. */

#include "config_keys.h"

#include <limits.h>
#include <string.h>

#include "date.h"

#define STORE_SCHEME "file:/"
#define OR_ZERO "0 or " /* begins the range of a number that can be switched off */

/* A row of the table, and what only this file needs of it. */
struct row {
	struct config_key key;
	size_t offset; /* of the field in struct settings */
	int (*parse)(const char *range, struct span value, void *field);
};

/* The enums hold what parse_word stores. */
_Static_assert(sizeof(enum config_feedback) == sizeof(unsigned), "feedback");
_Static_assert(sizeof(enum config_first_pass) == sizeof(unsigned), "first_pass");
_Static_assert(sizeof(enum config_unenrolled) == sizeof(unsigned), "unenrolled");
_Static_assert(sizeof(enum config_enrol_ticket) == sizeof(unsigned), "enrol_ticket");

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The first "MIN..MAX" in the text of a range. */
static int
find_bounds(const char *range, uint64_t *min, uint64_t *max)
{
	size_t i = 0;

	while (range[i] != '\0' && !is_digit(range[i]))
		i++;
	struct span low = {range + i, 0};
	while (is_digit(range[i + low.len]))
		low.len++;
	i += low.len;
	if (strncmp(range + i, "..", 2) != 0)
		return E_INVALID;
	struct span high = {range + i + 2, 0};
	while (is_digit(high.at[high.len]))
		high.len++;
	if (bytes_parse_u64(low, 0, UINT_MAX, min) != 0)
		return E_INVALID;
	return bytes_parse_u64(high, *min, UINT_MAX, max);
}

static int
parse_number(const char *range, struct span value, void *field)
{
	uint64_t min = 0, max = 0, n = 0;

	if (find_bounds(range, &min, &max) != 0 || bytes_parse_u64(value, min, max, &n) != 0)
		return E_INVALID;
	/* find_bounds keeps max within UINT_MAX. */
	unsigned number = (unsigned)n;
	memcpy(field, &number, sizeof number);
	return E_OK;
}

/* "0 or MIN..MAX" */
static int
parse_number_or_zero(const char *range, struct span value, void *field)
{
	const unsigned zero = 0;

	if (!bytes_is(value, "0"))
		return parse_number(range + sizeof OR_ZERO - 1, value, field);
	memcpy(field, &zero, sizeof zero);
	return E_OK;
}

/* The place of a word among "one | two | three", from 1; 0 when it is none of them. */
static unsigned
find_word(const char *range, struct span value)
{
	struct span rest = {range, strlen(range)};
	unsigned place = 0;

	for (;;) {
		struct span word = bytes_next_word(&rest);
		if (word.len == 0)
			return 0;
		if (word.len == 1 && word.at[0] == '|')
			continue;
		place++;
		if (word.len == value.len && memcmp(word.at, value.at, word.len) == 0)
			return place;
	}
}

/* The words of a range stand in the order of their enum, which begins at 1. */
static int
parse_word(const char *range, struct span value, void *field)
{
	unsigned word = find_word(range, value);

	if (word == 0)
		return E_INVALID;
	memcpy(field, &word, sizeof word);
	return E_OK;
}

/* "no | yes" */
static int
parse_bool(const char *range, struct span value, void *field)
{
	unsigned word = find_word(range, value);

	if (word == 0)
		return E_INVALID;
	bool is_set = word == 2;
	memcpy(field, &is_set, sizeof is_set);
	return E_OK;
}

/* The length of the well-formed UTF-8 sequence at s, or 0; *point is its character.
 * Source: RFC 3629 section 4: no overlong form, no surrogate, nothing past U+10FFFF. */
static size_t
decode_utf8(struct span s, uint32_t *point)
{
	unsigned char first = (unsigned char)s.at[0];
	uint32_t least = 0;
	size_t len = 0;

	if (first < 0x80) {
		*point = first;
		return 1;
	} else if ((first & 0xe0) == 0xc0) {
		len = 2;
		least = 0x80;
		*point = first & 0x1fU;
	} else if ((first & 0xf0) == 0xe0) {
		len = 3;
		least = 0x800;
		*point = first & 0x0fU;
	} else if ((first & 0xf8) == 0xf0) {
		len = 4;
		least = 0x10000;
		*point = first & 0x07U;
	}
	if (len == 0 || len > s.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		unsigned char next = (unsigned char)s.at[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (next & 0x3fU);
	}
	if (*point < least || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
		return 0;
	return len;
}

/* Whether s is UTF-8 that does nothing to a terminal or a log: no control characters
 * (C0, DEL, C1), no line or paragraph separator. */
static bool
is_text(struct span s)
{
	while (s.len > 0) {
		uint32_t point = 0;
		size_t len = decode_utf8(s, &point);
		if (len == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0) ||
		    point == 0x2028 || point == 0x2029)
			return false;
		s.at += len;
		s.len -= len;
	}
	return true;
}

/* Text of "MIN..MAX bytes". */
static int
parse_text(const char *range, struct span value, void *field)
{
	uint64_t min = 0, max = 0;

	if (find_bounds(range, &min, &max) != 0 || max >= CONFIG_TEXT_CAP || value.len < min ||
	    value.len > max || !is_text(value))
		return E_INVALID;
	return bytes_copy(value, field, CONFIG_TEXT_CAP);
}

/* An issuer goes into otpauth labels, where ':' separates it from the account. */
static int
parse_issuer(const char *range, struct span value, void *field)
{
	if (value.len > 0 && memchr(value.at, ':', value.len) != NULL)
		return E_INVALID;
	return parse_text(range, value, field);
}

/* What the path may be is safefile_open_dir's to say, when the store is opened. */
static int
parse_store(const char *range, struct span value, void *field)
{
	const size_t scheme_len = sizeof STORE_SCHEME - 1;

	(void)range;
	if (value.len <= scheme_len || memcmp(value.at, STORE_SCHEME, scheme_len) != 0 ||
	    !is_text(value))
		return E_INVALID;
	return bytes_copy(value, field, CONFIG_TEXT_CAP);
}

/* Midnight UTC of a day; empty is 0. */
static int
parse_date(const char *range, struct span value, void *field)
{
	uint64_t at_s = 0;

	(void)range;
	if (value.len > 0 && date_parse(value, &at_s) != 0)
		return E_INVALID;
	memcpy(field, &at_s, sizeof at_s);
	return E_OK;
}

/* "MIN..MAX group names": the list is kept as it is written, with blanks for tabs, as every text
 * of the settings can be shown on a terminal. */
static int
parse_groups(const char *range, struct span value, void *field)
{
	uint64_t min = 0, max = 0, count = 0;
	struct span rest = value;

	if (find_bounds(range, &min, &max) != 0)
		return E_INVALID;
	for (;;) {
		struct span name = config_keys_next_group(&rest);
		if (name.len == 0)
			break;
		if (!config_keys_is_group(name) || ++count > max)
			return E_INVALID;
	}
	/* Separators alone are not the empty list: somebody meant something. */
	if (count < min || (count == 0 && value.len > 0))
		return E_INVALID;
	int error = bytes_copy(value, field, CONFIG_TEXT_CAP);
	for (char *at = field; error == 0 && *at != '\0'; at++)
		if (*at == '\t')
			*at = ' ';
	return error;
}

/* "MIN..MAX of a-z 0-9 . _ -" */
static int
parse_class(const char *range, struct span value, void *field)
{
	uint64_t min = 0, max = 0;

	if (find_bounds(range, &min, &max) != 0 || value.len < min || value.len > max)
		return E_INVALID;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];
		if (!((c >= 'a' && c <= 'z') || is_digit(c) || c == '.' || c == '_' || c == '-'))
			return E_INVALID;
	}
	return bytes_copy(value, field, CONFIG_TEXT_CAP);
}

/* An absolute path, or empty. What is there, and whose it is, is the user's of it to check. */
static int
parse_path(const char *range, struct span value, void *field)
{
	(void)range;
	if (value.len > 0 && (value.len < 2 || value.at[0] != '/' ||
	    value.at[value.len - 1] == '/' || !is_text(value)))
		return E_INVALID;
	return bytes_copy(value, field, CONFIG_TEXT_CAP);
}

/* The table. A new key: a row here and a field in struct settings; the settings page and
 * the example have to follow (tests/unit/man_keys.sh, test_config_keys). */
static const struct row rows[] = {
    {{"store", "file:/DIRECTORY", DEFAULT_STORE,
	 "where the devices and the state of all users are kept"},
	offsetof(struct settings, store), parse_store},
    {{"state_fallback", "/DIRECTORY or empty", "\"\"",
	 "where codes are marked as used while the store is read-only"},
	offsetof(struct settings, state_fallback), parse_path},
    {{"prompt", "text of 1..200 bytes", "\"MFA code: \"", "what the user is asked"},
	offsetof(struct settings, prompt), parse_text},
    {{"issuer", "text of 0..64 bytes without ':'", "\"\"",
	 "name of this host in the authenticator app; empty: the host's name"},
	offsetof(struct settings, issuer), parse_issuer},
    {{"window", "0..3", "1", "steps accepted before and after the present one"},
	offsetof(struct settings, window), parse_number},
    {{"tries", "1..5", "1", "prompts in one authentication"}, offsetof(struct settings, tries),
	parse_number},
    {{"echo", "no | yes", "no", "show the code while it is typed"}, offsetof(struct settings, echo),
	parse_bool},
    {{"feedback", "full | none", "full", "tell the user why a code was refused"},
	offsetof(struct settings, feedback), parse_word},
    {{"first_pass", "no | try | use | append", "no",
	 "take the code from the password of an earlier module"},
	offsetof(struct settings, first_pass), parse_word},
    {{"unenrolled", "deny | enroll | skip | grace", "deny",
	 "what becomes of a user who has no device"},
	offsetof(struct settings, unenrolled), parse_word},
    {{"grace_days", "1..365", "35", "days that unenrolled=grace gives, from the first login on"},
	offsetof(struct settings, grace_days), parse_number},
    {{"enforce_after", "YYYY-MM-DD or empty", "\"\"",
	 "day (UTC) before which nobody needs a device"},
	offsetof(struct settings, enforce_after_s), parse_date},
    {{"groups", "0..16 group names", "\"\"", "who needs a device; empty: everybody"},
	offsetof(struct settings, groups), parse_groups},
    {{"max_age", OR_ZERO "900..129600", "0",
	 "seconds for which a code counts for later logins; 0: always ask"},
	offsetof(struct settings, max_age_s), parse_number_or_zero},
    {{"session_class", "0..64 of a-z 0-9 . _ -", "\"\"",
	 "services of one class share their MFA sessions; empty: the service alone"},
	offsetof(struct settings, session_class), parse_class},
    {{"session_source", "no | yes", "no",
	 "whether max_age counts for later logins from the same remote address"},
	offsetof(struct settings, session_source), parse_bool},
    {{"export_env", "no | yes", "no", "tell MFA_PRESENT, MFA_DEVICE, MFA_TIME to the session"},
	offsetof(struct settings, export_env), parse_bool},
    {{"enrol_ticket", "optional | required", "optional",
	 "whether the first device of a user needs a ticket of the administrator"},
	offsetof(struct settings, enrol_ticket), parse_word},
    {{"qr", "utf8 | ascii | none", "utf8", "how an enrolment at login draws the QR code"},
	offsetof(struct settings, qr), parse_word},
    {{"notify", "/PROGRAM or empty", "\"\"", "program that is told of each change of a device"},
	offsetof(struct settings, notify), parse_path},
    {{"max_devices", "1..8", "8", "devices that one user may have"},
	offsetof(struct settings, max_devices), parse_number},
    {{"throttle_after", "1..1000", "5", "failures in a row from one source before it has to wait"},
	offsetof(struct settings, throttle_after), parse_number},
    {{"throttle_delay", "0..3600", "30",
	 "seconds of the first wait, which doubles up to an hour; 0: no wait"},
	offsetof(struct settings, throttle_delay_s), parse_number},
    {{"lock_after", "1..1000", "100",
	 "failures in a row of one user, from anywhere, before the lock"},
	offsetof(struct settings, lock_after), parse_number},
    {{"fail_delay", "0..10000", "2000", "milliseconds before the answer to a failure"},
	offsetof(struct settings, fail_delay_ms), parse_number},
};

#define ROWS (sizeof rows / sizeof rows[0])
_Static_assert(ROWS <= CONFIG_KEYS_MAX, "a bit a row");

static bool
is_group_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' ||
	    c == '_' || c == '+' || c == '@' || c == '$' || c == '\\' || c == '-';
}

bool
config_keys_is_group(struct span s)
{
	if (s.len == 0 || s.len > CONFIG_GROUP_MAX || s.at[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_group_char(s.at[i]))
			return false;
	return true;
}

static bool
is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

struct span
config_keys_next_group(struct span *rest)
{
	while (rest->len > 0 && is_separator(rest->at[0])) {
		rest->at++;
		rest->len--;
	}
	struct span name = { rest->at, 0 };
	while (name.len < rest->len && !is_separator(rest->at[name.len]))
		name.len++;
	rest->at += name.len;
	rest->len -= name.len;
	return name;
}

unsigned
config_keys_find(struct span name)
{
	unsigned i = 0;

	while (i < ROWS && !bytes_is(name, rows[i].key.name))
		i++;
	return i;
}

int
config_keys_set(unsigned i, struct span value, struct settings *s)
{
	if (i >= ROWS)
		return E_INVALID;
	return rows[i].parse(rows[i].key.range, value, (char *)s + rows[i].offset);
}

const struct config_key *
config_key_at(size_t i)
{
	return i < ROWS ? &rows[i].key : NULL;
}
