/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Values of options that several verbs of totp-admin take. Each is the whole of its text or
 * an error that says what was expected; nothing is guessed, rounded or cut. */
#include <string.h>

#include "core/date.h"
#include "utils/admin.h"

static struct span
span_of(const char *text)
{
	return (struct span){ .at = text, .len = strlen(text) };
}

enum exit_code
admin_read_number(const struct admin *a, enum admin_option option, const char *name,
    unsigned min, unsigned max, unsigned *out)
{
	const char *text = a->option[option];
	uint64_t n = 0;

	if (text == NULL)
		return EXIT_CODE_OK;
	if (bytes_parse_u64(span_of(text), min, max, &n) != 0)
		return admin_fail(EXIT_CODE_USAGE, "--%s: expected a number from %u to %u", name,
		    min, max);
	*out = (unsigned)n;
	return EXIT_CODE_OK;
}

/* Seconds of a unit; 0 for another letter. */
static uint64_t
unit_s(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return DATE_DAY_S;
	default:
		return 0;
	}
}

enum exit_code
admin_read_duration(const struct admin *a, enum admin_option option, const char *name,
    uint64_t min_s, uint64_t max_s, uint64_t *out_s)
{
	const char *text = a->option[option];
	uint64_t n = 0;

	if (text == NULL)
		return EXIT_CODE_OK;
	struct span number = span_of(text);
	uint64_t unit = number.len == 0 ? 0 : unit_s(text[--number.len]);
	/* max_s / unit keeps the product within max_s. */
	if (unit == 0 || bytes_parse_u64(number, 1, max_s / unit, &n) != 0 || n * unit < min_s)
		return admin_fail(EXIT_CODE_USAGE, "--%s: expected a time as 30m, 12h or 7d, of %u "
		    "minutes to %u days", name, (unsigned)(min_s / 60),
		    (unsigned)(max_s / DATE_DAY_S));
	*out_s = n * unit;
	return EXIT_CODE_OK;
}

enum exit_code
admin_read_day_end(const struct admin *a, enum admin_option option, const char *name,
    uint64_t now_s, uint64_t *out_s)
{
	const char *text = a->option[option];
	uint64_t first_s = 0;

	if (text == NULL)
		return EXIT_CODE_OK;
	if (date_parse(span_of(text), &first_s) != 0) /* to the year 9999, as a record */
		return admin_fail(EXIT_CODE_USAGE, "--%s: expected a day as YYYY-MM-DD", name);
	if (first_s + DATE_DAY_S <= now_s)
		return admin_fail(EXIT_CODE_USAGE, "--%s: that day is over", name);
	*out_s = first_s + DATE_DAY_S - 1;
	return EXIT_CODE_OK;
}

enum exit_code
admin_read_uid(const struct admin *a, const char *user, uint32_t *uid)
{
	const char *text = a->option[OPTION_UID];
	uint32_t account_uid = 0;
	uint64_t n = 0;

	enum admin_account account = admin_find_account(user, &account_uid);
	if (text != NULL) {
		/* (uid_t)-1 is no uid: chown(2). */
		if (bytes_parse_u64(span_of(text), 0, UINT32_MAX - 1, &n) != 0)
			return admin_fail(EXIT_CODE_USAGE, "--uid: expected a number");
		if (account == ACCOUNT_FOUND && account_uid != n)
			return admin_fail(EXIT_CODE_USAGE, "--uid: %s has uid %u on this host",
			    user, account_uid);
		*uid = (uint32_t)n;
		return EXIT_CODE_OK;
	}
	switch (account) {
	case ACCOUNT_FOUND:
		*uid = account_uid;
		return EXIT_CODE_OK;
	case ACCOUNT_NONE:
		return admin_fail(EXIT_CODE_NO_SUCH, "no account is named %s on this host (for "
		    "another host's account give --uid N)", user);
	case ACCOUNT_UNKNOWN:
		break;
	}
	return admin_fail(EXIT_CODE_FAILURE, "the account of %s cannot be looked up", user);
}

enum exit_code
admin_find_uid(const struct admin *a, const char *user, struct admin_uid *u)
{
	uint32_t uid = 0;

	*u = (struct admin_uid){ .is_known = false };
	if (a->option[OPTION_UID] == NULL && admin_find_account(user, &uid) == ACCOUNT_NONE)
		return EXIT_CODE_OK;
	enum exit_code code = admin_read_uid(a, user, &u->uid);
	u->is_known = code == EXIT_CODE_OK;
	return code;
}
