/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin disable: an active device takes part in no login any more; its secret stays
 * until it is deleted. Without the last usable device a user is either let in without a code
 * or not let in at all, as `unenrolled` says (FLOW row 28): that needs --force, and the
 * decision is made on the very record that is then written. */
#include "core/devices.h"
#include "utils/admin.h"

struct disabling {
	struct admin_change change; /* first: see admin.h */
	bool is_forced;
	bool was_last;
	enum config_unenrolled unenrolled;
};

const char *
admin_consequence(enum config_unenrolled unenrolled)
{
	switch (unenrolled) {
	case UNENROLLED_SKIP:
		return "lets the user log in without a code (unenrolled=skip)";
	case UNENROLLED_ENROLL:
		return "demands a new device at the next login (unenrolled=enroll)";
	case UNENROLLED_GRACE:
		return "lets the user log in without a code while a grace time lasts "
		       "(unenrolled=grace)";
	case UNENROLLED_DENY:
		break;
	}
	return "locks the user out (unenrolled=deny)";
}

static int
disable_device(struct store_entry *e, void *ctx, struct diag *d)
{
	struct disabling *dis = ctx;
	struct admin_change *c = &dis->change;
	struct record_device *dev = NULL;

	int r = admin_need_device(c, e, &dev, d);
	if (r != 0)
		return r;
	if (dev->state == DEVICE_PENDING)
		return admin_refuse(c, EXIT_CODE_WRONG_STATE, d,
		    "device is pending; delete cancels it: totp-admin delete %s %s", c->user,
		    dev->name);
	if (dev->state == DEVICE_DISABLED)
		return admin_refuse(c, EXIT_CODE_WRONG_STATE, d,
		    "device is disabled already");
	bool was_usable = record_device_is_usable(dev, c->now_s);
	r = devices_disable(e, c->device, !dis->is_forced, c->now_s, d);
	if (r == E_PROTECTED)
		return admin_refuse(c, EXIT_CODE_NOT_PERMITTED, d,
		    "this is the last active device of %s; disabling it %s: add another first, "
		    "or give --force", c->user, admin_consequence(dis->unenrolled));
	if (r != 0)
		return admin_refuse_core(c, r, d);
	dis->was_last = was_usable && record_count(&e->record, DEVICE_ACTIVE, c->now_s) == 0;
	admin_note(c, e, "MFA device \"%s\" was disabled by an administrator", c->device);
	return 0;
}

enum exit_code
admin_disable(struct admin *a, char *const *operand)
{
	struct disabling dis = {
		.change = { .action = "disable", .user = operand[0], .device = operand[1],
		    .now_s = admin_now() },
		.is_forced = a->option[OPTION_FORCE] != NULL,
	};

	enum exit_code code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK) {
		dis.unenrolled = a->settings.unenrolled;
		code = admin_update(a, &dis.change, disable_device);
	}
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("disable", operand[0], operand[1], dis.was_last ? "last" : "ok");
	admin_say("%s: device \"%s\" is disabled.", operand[0], operand[1]);
	if (dis.was_last)
		admin_warn("warning: %s has no active device left, which %s", operand[0],
		    admin_consequence(dis.unenrolled));
	return EXIT_CODE_OK;
}
