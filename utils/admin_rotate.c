/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin rotate: demand new secrets of one user or of all whose devices are old. Nothing
 * changes but a date at each active device: from now on the user is reminded at every login,
 * and after the date is led through the replacement. It promises:
 *  1. A device that must be replaced sooner keeps that date when the devices are chosen by age:
 *     a job that runs every night puts nothing off.
 *  2. One record that cannot be read or written is told, and stops no other. */
#include <stdio.h>
#include <string.h>

#include "core/date.h"
#include "utils/admin.h"
#include "utils/table.h"

#define AGE_MAX_DAYS 36500

struct rotation {
	struct admin_change change; /* first: see admin.h */
	bool is_by_age;
	bool is_ending;
	unsigned age_days;
	uint64_t by;
	/* What the change did, once it is stored. */
	unsigned count;
	struct {
		char name[RECORD_NAME_CAP];
		uint64_t created;
	} done[RECORD_DEVICES_MAX];
};

enum column { COLUMN_USER = 0, COLUMN_NAME, COLUMN_CREATED, COLUMN_BY, COLUMN_COUNT };

static const struct table_column columns[COLUMN_COUNT] = {
	[COLUMN_USER] = { .title = "USER", .key = "user" },
	[COLUMN_NAME] = { .title = "NAME", .key = "name" },
	[COLUMN_CREATED] = { .title = "CREATED", .key = "created" },
	[COLUMN_BY] = { .title = "ROTATE-BY", .key = "rotate_by" },
};

static bool
is_meant(const struct rotation *ro, const struct record_device *dev)
{
	uint64_t now_s = ro->change.now_s;

	if (!record_device_is_usable(dev, now_s))
		return false;
	if (ro->is_by_age && (dev->created > now_s ||
		now_s - dev->created < ro->age_days * DATE_DAY_S))
		return false;
	if (ro->is_ending)
		return dev->rotate_by != 0;
	/* Obligation 1. */
	return !ro->is_by_age || dev->rotate_by == 0 || dev->rotate_by > ro->by;
}

static unsigned
count_meant(const struct rotation *ro, const struct record *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->device_count; i++)
		n += is_meant(ro, &r->device[i]);
	return n;
}

static int
mark(struct store_entry *e, void *ctx, struct diag *d)
{
	struct rotation *ro = ctx;
	struct admin_change *c = &ro->change;
	char day[DATE_CAP];

	ro->count = 0;
	int r = admin_need_record(c, e, d);
	if (r != 0)
		return r;
	if (count_meant(ro, &e->record) == 0)
		return admin_refuse(c, EXIT_CODE_WRONG_STATE, d, ro->is_ending ?
		    "%s has no device that must be replaced" : "%s has no active device",
		    c->user);
	date_print(ro->by, day);
	for (unsigned i = 0; i < e->record.device_count; i++) {
		struct record_device *dev = &e->record.device[i];
		if (!is_meant(ro, dev))
			continue;
		dev->rotate_by = ro->by;
		memcpy(ro->done[ro->count].name, dev->name, sizeof dev->name);
		ro->done[ro->count++].created = dev->created;
		if (ro->is_ending)
			admin_note(c, e, "MFA device \"%s\" need not be replaced, says an "
			    "administrator", dev->name);
		else
			admin_note(c, e, "MFA device \"%s\" must be replaced by %s, says an "
			    "administrator", dev->name, day);
	}
	return 0;
}

/* One user's devices; nothing to do is no failure when they are chosen by age. */
static enum exit_code
rotate_user(struct admin *a, struct rotation *ro, const char *user, struct table *t)
{
	struct store_entry e;
	struct diag d = { "" };

	ro->change.user = user;
	if (ro->is_by_age) {
		int r = store_load(a->store, user, &e, &d);
		unsigned meant = r == 0 && e.has_record ? count_meant(ro, &e.record) : 0;
		store_entry_wipe(&e);
		if (r != 0)
			return admin_fail(EXIT_CODE_FAILURE, "%s: %s", user,
			    d.text[0] != '\0' ? d.text : diag_code_text(r));
		if (meant == 0)
			return EXIT_CODE_OK;
	}
	enum exit_code code = admin_update(a, &ro->change, mark);
	for (unsigned i = 0; code == EXIT_CODE_OK && i < ro->count; i++) {
		admin_log("rotate", user, ro->done[i].name, ro->is_ending ? "ended" : "ok");
		table_add_row(t);
		table_set_text(t, COLUMN_USER, user);
		table_set_text(t, COLUMN_NAME, ro->done[i].name);
		table_set_time(t, COLUMN_CREATED, ro->done[i].created);
		table_set_time(t, COLUMN_BY, ro->by);
	}
	return code;
}

static enum exit_code
read_options(const struct admin *a, struct rotation *ro, const char *user)
{
	const char *by = a->option[OPTION_BY];

	ro->is_by_age = a->option[OPTION_OLDER_THAN] != NULL;
	ro->is_ending = a->option[OPTION_END] != NULL;
	if (user == NULL && !ro->is_by_age)
		return admin_fail(EXIT_CODE_USAGE, "expected a user, or --older-than DAYS");
	if ((by == NULL) != ro->is_ending)
		return admin_fail(EXIT_CODE_USAGE, "expected either --by DATE or --end");
	if (ro->is_ending && ro->is_by_age)
		return admin_fail(EXIT_CODE_USAGE, "--end goes with a user alone");
	if (user != NULL) {
		enum exit_code code = admin_check_user(user);
		if (code != EXIT_CODE_OK)
			return code;
	}
	enum exit_code code = admin_read_number(a, OPTION_OLDER_THAN, "older-than", 0,
	    AGE_MAX_DAYS, &ro->age_days);
	if (code == EXIT_CODE_OK && by != NULL && strcmp(by, "now") == 0)
		ro->by = ro->change.now_s;
	else if (code == EXIT_CODE_OK)
		code = admin_read_day_end(a, OPTION_BY, "by", ro->change.now_s, &ro->by);
	return code;
}

enum exit_code
admin_rotate(struct admin *a, char *const *operand)
{
	struct rotation ro = { .change = { .action = "rotate", .now_s = admin_now() } };
	struct admin_users users = { .name = NULL };

	enum exit_code code = read_options(a, &ro, operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK && operand[0] == NULL)
		code = admin_users_load(a, &users);
	if (code != EXIT_CODE_OK)
		return code;
	struct table *t = table_new(columns, COLUMN_COUNT);
	if (operand[0] != NULL)
		code = rotate_user(a, &ro, operand[0], t);
	for (size_t i = 0; i < users.count; i++) { /* obligation 2 */
		enum exit_code one = rotate_user(a, &ro, users.name[i], t);
		if (one != EXIT_CODE_OK)
			code = EXIT_CODE_FAILURE;
	}
	if ((operand[0] == NULL || code == EXIT_CODE_OK) && !admin_print(a, t, "devices"))
		code = admin_fail(EXIT_CODE_FAILURE, "out of memory");
	table_free(t);
	admin_users_free(&users);
	return code;
}
