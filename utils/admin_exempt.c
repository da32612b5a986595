/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin exempt: let a user log in without a code until a day, for a reason that stands in
 * the record and in `show`. It ends by itself; nobody is exempt for ever or without a reason.
 * A user who has no record is given one, without devices. */
#include <string.h>

#include "core/date.h"
#include "utils/admin.h"

struct exemption {
	struct admin_change change; /* first: see admin.h */
	struct admin_uid uid;
	uint64_t until_s; /* 0: end it */
	const char *reason;
};

static int
change_exemption(struct store_entry *e, void *ctx, struct diag *d)
{
	struct exemption *ex = ctx;
	struct admin_change *c = &ex->change;
	struct record *r = &e->record;
	char day[DATE_CAP];

	int error = ex->until_s == 0 ? admin_need_record(c, e, d) :
	    admin_need_record_of(c, e, &ex->uid, d);
	if (error != 0)
		return error;
	if (ex->until_s == 0 && r->exempt_until == 0)
		return admin_refuse(c, EXIT_CODE_WRONG_STATE, d, "%s is not exempt", c->user);
	r->exempt_until = ex->until_s;
	memset(r->exempt_reason, 0, sizeof r->exempt_reason);
	if (ex->until_s == 0) {
		admin_note(c, e, "your exemption from MFA was ended by an administrator");
		return 0;
	}
	memcpy(r->exempt_reason, ex->reason, strlen(ex->reason) + 1); /* record_text_ok */
	date_print(ex->until_s, day);
	admin_note(c, e, "an administrator exempted you from MFA until the end of %s", day);
	return 0;
}

enum exit_code
admin_exempt(struct admin *a, char *const *operand)
{
	const char *user = operand[0];
	bool is_ending = a->option[OPTION_END] != NULL;
	struct exemption ex = { .change = { .action = "exempt", .user = user,
		.now_s = admin_now() }, .reason = a->option[OPTION_REASON] };

	if (is_ending ? a->option[OPTION_UNTIL] != NULL || ex.reason != NULL ||
		a->option[OPTION_UID] != NULL :
	    a->option[OPTION_UNTIL] == NULL || ex.reason == NULL)
		return admin_fail(EXIT_CODE_USAGE, "expected --until and --reason, or --end alone");
	if (!is_ending && !record_text_ok(ex.reason))
		return admin_fail(EXIT_CODE_USAGE, "--reason: expected 1 to %d printable ASCII "
		    "characters, no blank at either end", RECORD_REASON_CAP - 1);
	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK)
		code = admin_read_day_end(a, OPTION_UNTIL, "until", ex.change.now_s, &ex.until_s);
	if (code == EXIT_CODE_OK && !is_ending)
		code = admin_find_uid(a, user, &ex.uid);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, !is_ending);
	if (code == EXIT_CODE_OK) {
		code = admin_update(a, &ex.change, change_exemption);
	}
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("exempt", user, NULL, is_ending ? "ended" : "ok");
	if (is_ending)
		admin_say("%s: the exemption is over.", user);
	else
		admin_say("%s: exempt until the end of %s UTC; no login asks for a code.", user,
		    a->option[OPTION_UNTIL]);
	return EXIT_CODE_OK;
}
