/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin reset: take everything from a user whose devices are lost or stolen: record and
 * state go, and with them every device, recovery code and lock. It asks first, because there
 * is no way back; the answer is taken from a terminal, and a program says --yes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "utils/admin.h"

static int
remove_record(struct store_entry *e, void *ctx, struct diag *d)
{
	struct admin_change *c = ctx;

	int r = admin_need_record(c, e, d);
	if (r != 0)
		return r;
	c->was_rebuilt = false; /* it goes as well */
	e->has_record = false;
	return 0;
}

/* Nothing but "yes" is a yes. */
static enum exit_code
confirm(const char *user, const struct record *r)
{
	char answer[8] = "";

	if (!isatty(STDIN_FILENO))
		return admin_fail(EXIT_CODE_USAGE,
		    "nothing was changed: without a terminal to ask at, give --yes");
	admin_warn("this removes all %u devices and the recovery codes of %s for good",
	    r->device_count, user);
	fputs("Type yes to go on: ", stderr);
	if (fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0)
		return EXIT_CODE_OK;
	return admin_fail(EXIT_CODE_FAILURE, "nothing was changed");
}

enum exit_code
admin_reset(struct admin *a, char *const *operand)
{
	const char *user = operand[0];
	struct admin_change c = { .action = "reset", .user = user };
	struct store_entry e;

	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code != EXIT_CODE_OK)
		return code;
	code = admin_load(a, user, &e);
	if (code == EXIT_CODE_FAILURE)
		admin_warn("only what can be read is removed: restore the file, or move it away "
		    "by hand");
	if (code != EXIT_CODE_OK)
		return code;
	if (a->option[OPTION_YES] == NULL)
		code = confirm(user, &e.record);
	store_entry_wipe(&e);
	c.now_s = admin_now();
	if (code == EXIT_CODE_OK)
		code = admin_update(a, &c, remove_record);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("reset", user, NULL, "ok");
	admin_say("%s: all devices and recovery codes are removed; the user must enrol again.",
	    user);
	if (a->settings.unenrolled == UNENROLLED_SKIP)
		admin_say("Until then a login needs no code (unenrolled=skip).");
	admin_say("If a device was stolen, change the password too: passwd %s", user);
	return EXIT_CODE_OK;
}
