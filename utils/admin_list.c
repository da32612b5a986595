/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin list: every device of every user, or of one. It only reads. A record that
 * cannot be read is a row like any other, says why on standard error and makes the exit code
 * 1, after all others were listed. The JSON shape is documented in totp-admin(8): keys are
 * added to it, never renamed or taken away. */
#include <stdio.h>
#include <string.h>

#include "utils/admin.h"
#include "utils/table.h"

enum column {
	COLUMN_USER = 0,
	COLUMN_UID,
	COLUMN_NAME,
	COLUMN_ID,
	COLUMN_TYPE,
	COLUMN_STATE_SHOWN, /* text: also says that the user is locked */
	COLUMN_STATE,	    /* JSON: one word */
	COLUMN_LOCKED,
	COLUMN_ALGORITHM,
	COLUMN_DIGITS,
	COLUMN_PERIOD,
	COLUMN_CREATED,
	COLUMN_EXPIRES,
	COLUMN_LAST_USED,
	COLUMN_DRIFT,
	COLUMN_ERROR,
	COLUMN_COUNT
};

static const struct table_column columns[COLUMN_COUNT] = {
	[COLUMN_USER] = { .title = "USER", .key = "user" },
	[COLUMN_UID] = { .key = "uid" },
	[COLUMN_NAME] = { .title = "NAME", .key = "name" },
	[COLUMN_ID] = { .key = "id" },
	[COLUMN_TYPE] = { .title = "TYPE", .key = "type" },
	[COLUMN_STATE_SHOWN] = { .title = "STATE" },
	[COLUMN_STATE] = { .key = "state" },
	[COLUMN_LOCKED] = { .key = "locked" },
	[COLUMN_ALGORITHM] = { .key = "algorithm" },
	[COLUMN_DIGITS] = { .key = "digits" },
	[COLUMN_PERIOD] = { .key = "period" },
	[COLUMN_CREATED] = { .title = "CREATED", .key = "created" },
	[COLUMN_EXPIRES] = { .key = "expires" },
	[COLUMN_LAST_USED] = { .title = "LAST-USED", .key = "last_used" },
	[COLUMN_DRIFT] = { .title = "DRIFT", .key = "drift", .is_right = true },
	[COLUMN_ERROR] = { .key = "error" },
};

static void
add_device(struct table *t, const struct record_device *dev, struct store_entry *e,
    uint64_t now_s)
{
	const char *word = admin_state_word(dev, now_s);

	table_set_text(t, COLUMN_NAME, dev->name);
	table_set_number(t, COLUMN_ID, dev->id);
	table_set_text(t, COLUMN_TYPE, record_type_name(dev->type));
	table_set_text(t, COLUMN_STATE, word);
	table_set_text(t, COLUMN_STATE_SHOWN,
	    e->state.is_locked && record_device_is_usable(dev, now_s) ? "locked" : word);
	table_set_text(t, COLUMN_ALGORITHM, otp_algorithm_name(dev->params.algorithm));
	table_set_number(t, COLUMN_DIGITS, dev->params.digits);
	table_set_number(t, COLUMN_PERIOD, dev->params.period_s);
	table_set_time(t, COLUMN_CREATED, dev->created);
	table_set_time(t, COLUMN_EXPIRES, dev->expires);

	/* A lost state is not "never used, no drift": both stay unknown. */
	const struct state_device *sd =
	    e->health == STATE_WHOLE ? state_find(&e->state, dev->id) : NULL;
	if (sd == NULL)
		return;
	table_set_time(t, COLUMN_LAST_USED, sd->last_used);
	table_set_number(t, COLUMN_DRIFT, sd->drift);
}

static void
add_rows(struct table *t, const char *user, struct store_entry *e, uint64_t now_s)
{
	unsigned count = e->record.device_count;

	for (unsigned i = 0; i < count || i == 0; i++) {
		table_add_row(t);
		table_set_text(t, COLUMN_USER, user);
		table_set_number(t, COLUMN_UID, e->record.uid);
		if (e->health == STATE_WHOLE)
			table_set_bool(t, COLUMN_LOCKED, e->state.is_locked);
		if (count > 0)
			add_device(t, &e->record.device[i], e, now_s);
		else
			table_set_text(t, COLUMN_STATE_SHOWN, "no device");
	}
}

/* One user's rows. Not OK: told, and a row says so. */
static enum exit_code
add_user(struct admin *a, struct table *t, const char *user, bool is_demanded)
{
	struct store_entry e;
	struct diag d = { "" };
	enum exit_code code = EXIT_CODE_OK;

	int r = store_load(a->store, user, &e, &d);
	if (r == 0 && e.has_record)
		add_rows(t, user, &e, admin_now());
	else if (r == 0 && is_demanded)
		code = admin_fail(EXIT_CODE_NO_SUCH, "%s has no MFA record", user);
	else if (r != 0) {
		const char *why = d.text[0] != '\0' ? d.text : diag_code_text(r);
		table_add_row(t);
		table_set_text(t, COLUMN_USER, user);
		table_set_text(t, COLUMN_STATE_SHOWN, r == E_CORRUPT ? "corrupt" : "error");
		table_set_text(t, COLUMN_ERROR, why);
		code = admin_fail(EXIT_CODE_FAILURE, "%s: %s", user, why);
	}
	/* Neither: the record was removed since the names were read. */
	store_entry_wipe(&e);
	return code;
}

enum exit_code
admin_list(struct admin *a, char *const *operand)
{
	struct admin_users users = { .name = NULL };
	enum exit_code code = EXIT_CODE_OK;

	if (operand[0] != NULL)
		code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK && operand[0] == NULL)
		code = admin_users_load(a, &users);
	if (code != EXIT_CODE_OK)
		return code;

	struct table *t = table_new(columns, COLUMN_COUNT);
	if (operand[0] != NULL)
		code = add_user(a, t, operand[0], true);
	for (size_t i = 0; i < users.count; i++) {
		enum exit_code one = add_user(a, t, users.name[i], false);
		if (one != EXIT_CODE_OK)
			code = one;
	}
	if (operand[0] == NULL && users.count == 0)
		admin_warn("nobody is enrolled");
	if (code != EXIT_CODE_NO_SUCH && !admin_print(a, t, "devices"))
		code = admin_fail(EXIT_CODE_FAILURE, "out of memory");
	table_free(t);
	admin_users_free(&users);
	return code;
}
