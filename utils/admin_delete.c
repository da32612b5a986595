/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin delete: take a disabled device, or a pending one, out of a record. A device
 * that takes part in logins is refused (FLOW row 29): to disable it is the step that decides
 * whether its user can still log in, and that step asks. A deleted device leaves a tombstone
 * without its secret. */
#include "utils/admin.h"

struct deletion {
	struct admin_change change; /* first: see admin.h */
	bool was_pending;
};

static int
delete_device(struct store_entry *e, void *ctx, struct diag *d)
{
	struct deletion *del = ctx;
	struct admin_change *c = &del->change;
	struct record_device *dev = NULL;

	int r = admin_need_device(c, e, &dev, d);
	if (r != 0)
		return r;
	if (dev->state == DEVICE_ACTIVE)
		return admin_refuse(c, EXIT_CODE_WRONG_STATE, d,
		    "device is active; disable it first: totp-admin disable %s %s", c->user,
		    dev->name);
	del->was_pending = dev->state == DEVICE_PENDING;
	record_remove_device(&e->record, dev, c->now_s);
	admin_note(c, e, "MFA device \"%s\" was deleted by an administrator", c->device);
	return 0;
}

enum exit_code
admin_delete(struct admin *a, char *const *operand)
{
	struct deletion del = { .change = {
		.action = "delete", .user = operand[0], .device = operand[1], .now_s = admin_now()
	} };

	enum exit_code code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK)
		code = admin_update(a, &del.change, delete_device);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("delete", operand[0], operand[1], del.was_pending ? "cancelled" : "ok");
	admin_say(del.was_pending ? "%s: the enrolment of device \"%s\" is cancelled."
				  : "%s: device \"%s\" is deleted.", operand[0], operand[1]);
	return EXIT_CODE_OK;
}
