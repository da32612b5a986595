/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin report: AWS's credential report for this host, a row a user. It promises:
 *  1. The columns of CSV and the members of JSON stay, in this order; later ones come after.
 *  2. CSV and JSON are written a row at a time, whatever the number of users. A table, which
 *     needs the widths of all its rows, is held.
 *  3. What is unknown is "no_information", never false, 0 or empty.
 *  4. A user whose record cannot be read is a row as well; the exit code is 1 then.
 * Source: AWS's credential report, whose words for "no value" are kept. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "utils/account_facts.h"
#include "utils/csv.h"
#include "utils/json.h"
#include "utils/table.h"

#define VALUE_CAP 32 /* a printed value, with NUL */

enum format { FORMAT_TABLE = 1, FORMAT_CSV, FORMAT_JSON };

#define AT(member) offsetof(struct account_facts, member)

/* Between the user's name and the problem. */
static const struct field {
	const char *key;
	size_t offset; /* of a struct fact */
} fields[] = {
	{ "uid", AT(uid) },
	{ "password_enabled", AT(password_enabled) },
	{ "password_last_changed", AT(password_changed) },
	{ "password_next_rotation", AT(password_rotation) },
	{ "mfa_active", AT(mfa_active) },
	{ "mfa_required", AT(mfa_required) },
	{ "devices", AT(devices) },
	{ "mfa_last_used", AT(last_used) },
	{ "recovery_codes_left", AT(recovery_left) },
	{ "locked", AT(locked) },
	{ "locked_until", AT(locked_until) },
	{ "grace_until", AT(grace_until) },
	{ "exempt_until", AT(exempt_until) },
	{ "mfa_rotate_by", AT(rotate_by) },
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

enum column {
	COLUMN_USER = 0,
	COLUMN_UID,
	COLUMN_PASSWORD,
	COLUMN_MFA,
	COLUMN_REQUIRED,
	COLUMN_DEVICES,
	COLUMN_USED,
	COLUMN_CODES,
	COLUMN_NOTE,
	COLUMN_COUNT
};

static const struct table_column columns[COLUMN_COUNT] = {
	[COLUMN_USER] = { .title = "USER" },
	[COLUMN_UID] = { .title = "UID", .is_right = true },
	[COLUMN_PASSWORD] = { .title = "PASSWORD" },
	[COLUMN_MFA] = { .title = "MFA" },
	[COLUMN_REQUIRED] = { .title = "REQUIRED" },
	[COLUMN_DEVICES] = { .title = "DEVICES", .is_right = true },
	[COLUMN_USED] = { .title = "LAST-USED" },
	[COLUMN_CODES] = { .title = "CODES", .is_right = true },
	[COLUMN_NOTE] = { .title = "NOTE" },
};

struct report {
	enum format format;
	struct table *table;
	struct csv csv;
	struct json json;
	enum exit_code code;
};

/* The text of a fact as AWS writes it. is_day: of a time only the day. */
static const char *
fact_text(const struct fact *f, bool is_day, char out[VALUE_CAP])
{
	struct tm tm;

	switch (f->kind) {
	case FACT_UNKNOWN:
		break;
	case FACT_NONE:
		return "N/A";
	case FACT_ELSEWHERE:
		return "not_supported";
	case FACT_BOOL:
		return f->value != 0 ? "true" : "false";
	case FACT_NUMBER:
		snprintf(out, VALUE_CAP, "%" PRIu64, f->value);
		return out;
	case FACT_TIME: {
		time_t at = f->value > RECORD_TIME_MAX ? -1 : (time_t)f->value;
		if (at >= 0 && gmtime_r(&at, &tm) != NULL && strftime(out, VALUE_CAP,
		    is_day ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
			return out;
		break;
	}
	}
	return "no_information";
}

static const struct fact *
fact_at(const struct account_facts *f, size_t field)
{
	return (const struct fact *)(const void *)((const char *)f + fields[field].offset);
}

static void
add_csv(struct csv *c, const struct account_facts *f)
{
	char text[VALUE_CAP];

	csv_field(c, f->user);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		csv_field(c, fact_text(fact_at(f, i), false, text));
	csv_field(c, f->problem[0] == '\0' ? "N/A" : f->problem);
	csv_end_row(c);
}

static void
add_json(struct json *j, const struct account_facts *f)
{
	json_open(j, NULL, '{');
	json_text(j, "user", f->user);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const struct fact *fact = fact_at(f, i);
		switch (fact->kind) {
		case FACT_UNKNOWN:
		case FACT_NONE:
		case FACT_ELSEWHERE:
			json_null(j, fields[i].key);
			break;
		case FACT_BOOL:
			json_bool(j, fields[i].key, fact->value != 0);
			break;
		case FACT_NUMBER:
			json_number(j, fields[i].key, (int64_t)fact->value);
			break;
		case FACT_TIME:
			json_time(j, fields[i].key, fact->value);
			break;
		}
	}
	/* What CSV tells by its words for no value. */
	json_open(j, "no_information", '[');
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fact_at(f, i)->kind == FACT_UNKNOWN)
			json_text(j, NULL, fields[i].key);
	json_close(j, '[');
	json_text(j, "problem", f->problem[0] == '\0' ? NULL : f->problem);
	json_close(j, '{');
}

static void
add_row(struct table *t, const struct account_facts *f)
{
	const struct {
		enum column column;
		const struct fact *fact;
	} cells[] = {
		{ COLUMN_UID, &f->uid },
		/* When it was set, if there is one and that is known. */
		{ COLUMN_PASSWORD, f->password_enabled.value != 0 &&
			f->password_changed.kind == FACT_TIME ? &f->password_changed :
								&f->password_enabled },
		{ COLUMN_MFA, &f->mfa_active },
		{ COLUMN_REQUIRED, &f->mfa_required },
		{ COLUMN_DEVICES, &f->devices },
		{ COLUMN_USED, &f->last_used },
		{ COLUMN_CODES, &f->recovery_left },
	};

	table_add_row(t);
	table_set_text(t, COLUMN_USER, f->user);
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
		char text[VALUE_CAP];
		table_set_text(t, cells[i].column, fact_text(cells[i].fact, true, text));
	}
	table_set_text(t, COLUMN_NOTE, f->note[0] == '\0' ? NULL : f->note);
}

static void
report_user(const struct account_facts *f, void *ctx)
{
	struct report *r = ctx;

	switch (r->format) {
	case FORMAT_TABLE:
		add_row(r->table, f);
		break;
	case FORMAT_CSV:
		add_csv(&r->csv, f);
		break;
	case FORMAT_JSON:
		add_json(&r->json, f);
		break;
	}
	if (f->is_broken)
		r->code = admin_fail(EXIT_CODE_FAILURE, "%s: %s", f->user, f->problem);
}

static enum exit_code
read_format(const struct admin *a, enum format *format)
{
	static const struct {
		const char *word;
		enum format format;
	} words[] = { { "table", FORMAT_TABLE }, { "csv", FORMAT_CSV }, { "json", FORMAT_JSON } };
	const char *asked = a->option[OPTION_FORMAT];

	*format = a->option[OPTION_JSON] != NULL ? FORMAT_JSON : FORMAT_TABLE;
	if (asked == NULL)
		return EXIT_CODE_OK;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(asked, words[i].word) != 0)
			continue;
		*format = words[i].format;
		if (a->option[OPTION_JSON] != NULL && *format != FORMAT_JSON)
			break;
		return EXIT_CODE_OK;
	}
	return admin_fail(EXIT_CODE_USAGE, "--format: expected table, csv or json%s",
	    a->option[OPTION_JSON] != NULL ? ", and json alone with --json" : "");
}

static void
begin(struct report *r)
{
	csv_begin(&r->csv, stdout);
	json_begin(&r->json, stdout);
	if (r->format == FORMAT_TABLE)
		r->table = table_new(columns, COLUMN_COUNT);
	if (r->format == FORMAT_JSON) {
		json_open(&r->json, NULL, '{');
		json_open(&r->json, "users", '[');
	}
	if (r->format != FORMAT_CSV)
		return;
	csv_field(&r->csv, "user");
	for (size_t i = 0; i < FIELD_COUNT; i++)
		csv_field(&r->csv, fields[i].key);
	csv_field(&r->csv, "problem");
	csv_end_row(&r->csv);
}

static bool
end(struct report *r)
{
	bool is_whole = true;

	if (r->format == FORMAT_JSON) {
		json_close(&r->json, '[');
		json_close(&r->json, '{');
	}
	if (r->format == FORMAT_TABLE)
		is_whole = table_print(r->table, stdout, table_width(stdout));
	table_free(r->table);
	return is_whole;
}

enum exit_code
admin_report(struct admin *a, char *const *operand)
{
	struct report r = { .code = EXIT_CODE_OK };

	(void)operand;
	enum exit_code code = read_format(a, &r.format);
	if (code != EXIT_CODE_OK)
		return code;
	struct facts_source *s = facts_open(a, &code);
	if (s == NULL)
		return code;
	begin(&r);
	facts_each(s, report_user, &r);
	if (!end(&r))
		r.code = admin_fail(EXIT_CODE_FAILURE, "out of memory");
	if (s->has_failed_settings)
		r.code = admin_fail(EXIT_CODE_FAILURE, "who must show a code is not known: %s",
		    s->settings_diag.text);
	facts_close(s);
	return r.code;
}
