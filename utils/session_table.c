/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The rows of `totp-admin sessions` and `totp-enroll sessions`. The JSON shape is documented in
 * their manual pages: keys are added to it, never renamed or taken away. As text the terminal
 * and the address share a column, as no session has both. */
#include "utils/session_table.h"

#include <time.h>

#include "utils/text.h"

enum column {
	COLUMN_USER = 0,
	COLUMN_UID,
	COLUMN_NUMBER,
	COLUMN_KIND,
	COLUMN_CLASS,
	COLUMN_SERVICE,
	COLUMN_FROM,
	COLUMN_TTY,
	COLUMN_SOURCE,
	COLUMN_CALLER,
	COLUMN_DEVICE,
	COLUMN_AT,
	COLUMN_AGE,
	COLUMN_ERROR,
	COLUMN_COUNT
};

static const struct table_column columns[COLUMN_COUNT] = {
	[COLUMN_USER] = { .title = "USER", .key = "user" },
	[COLUMN_UID] = { .key = "uid" },
	[COLUMN_NUMBER] = { .title = "NUMBER", .key = "number", .is_right = true },
	[COLUMN_KIND] = { .title = "KIND", .key = "kind" },
	[COLUMN_CLASS] = { .key = "class" },
	[COLUMN_SERVICE] = { .title = "SERVICE", .key = "service" },
	[COLUMN_FROM] = { .title = "FROM" },
	[COLUMN_TTY] = { .key = "tty" },
	[COLUMN_SOURCE] = { .key = "source" },
	[COLUMN_CALLER] = { .key = "caller" },
	[COLUMN_DEVICE] = { .title = "DEVICE", .key = "device" },
	[COLUMN_AT] = { .title = "CODE-AT", .key = "code_at" },
	[COLUMN_AGE] = { .title = "AGE", .key = "age", .is_right = true },
	[COLUMN_ERROR] = { .key = "error" },
};

struct table *
session_table_new(void)
{
	return table_new(columns, COLUMN_COUNT);
}

/* Seconds since the code, by the clock that sessions are measured by; -1: not known. */
static int64_t
age_of(const struct session *s)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) != 0 || ts.tv_sec < 0 ||
	    (uint64_t)ts.tv_sec < s->boottime_s)
		return -1;
	return (int64_t)((uint64_t)ts.tv_sec - s->boottime_s);
}

/* Nothing is set for "". */
static void
set_clean(struct table *t, enum column column, const char *text)
{
	char clean[2 * RECORD_USER_CAP];

	if (text[0] != '\0')
		table_set_text(t, column, text_clean(text, true, clean, sizeof(clean)));
}

bool
session_table_add(struct table *t, const char *user, const struct session *s)
{
	const struct session_bond *b = &s->bond;
	int64_t age_s = age_of(s);

	if (b->kind == SESSION_PASSED)
		return false;
	table_add_row(t);
	set_clean(t, COLUMN_USER, user);
	table_set_number(t, COLUMN_UID, b->uid);
	table_set_number(t, COLUMN_NUMBER, s->number);
	table_set_text(t, COLUMN_KIND, session_kind_name(b->kind));
	set_clean(t, COLUMN_CLASS, b->class);
	set_clean(t, COLUMN_SERVICE, s->service);
	set_clean(t, COLUMN_FROM, b->tty[0] != '\0' ? b->tty : b->source);
	set_clean(t, COLUMN_TTY, b->tty);
	set_clean(t, COLUMN_SOURCE, b->source);
	set_clean(t, COLUMN_CALLER, b->caller);
	set_clean(t, COLUMN_DEVICE, s->device);
	table_set_time(t, COLUMN_AT, s->wall_s);
	if (age_s >= 0)
		table_set_number(t, COLUMN_AGE, age_s);
	return true;
}

void
session_table_add_error(struct table *t, const char *user, const char *why)
{
	table_add_row(t);
	set_clean(t, COLUMN_USER, user);
	set_clean(t, COLUMN_ERROR, why);
}
