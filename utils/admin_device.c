/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin rename, remove and cancel: what needs no code of the device. The rules are those
 * of core/devices.h, on the very record that is then written; the last usable device of a
 * user goes only with --force, because without any the user is let in without a code or
 * locked out, as `unenrolled` says (FLOW row 28). */
#include <string.h>

#include "core/devices.h"
#include "utils/admin.h"

struct device_change {
	struct admin_change change; /* first: see admin.h */
	const char *new_name;
	bool is_forced;
	bool was_last; /* no usable device is left */
	const struct settings *settings;
};

static int
rename_device(struct store_entry *e, void *ctx, struct diag *d)
{
	struct device_change *dc = ctx;
	struct admin_change *c = &dc->change;
	struct record_device *dev = NULL;
	char old[RECORD_NAME_CAP];

	int r = admin_need_device(c, e, &dev, d);
	if (r != 0)
		return r;
	memcpy(old, dev->name, sizeof old);
	r = devices_rename(e, old, dc->new_name, d);
	if (r != 0)
		return admin_refuse_core(c, r, d);
	/* So short that two names of 64 bytes fit. */
	admin_note(c, e, "an administrator renamed %s to %s", old, dc->new_name);
	return 0;
}

enum exit_code
admin_rename(struct admin *a, char *const *operand)
{
	struct device_change dc = { .change = { .action = "rename", .user = operand[0],
		.device = operand[1], .now_s = admin_now() }, .new_name = operand[2] };

	enum exit_code code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK)
		code = admin_update(a, &dc.change, rename_device);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("rename", operand[0], operand[1], "ok");
	admin_say("%s: device \"%s\" is named \"%s\" now.", operand[0], operand[1], operand[2]);
	return EXIT_CODE_OK;
}

static int
remove_device(struct store_entry *e, void *ctx, struct diag *d)
{
	struct device_change *dc = ctx;
	struct admin_change *c = &dc->change;
	struct record_device *dev = NULL;

	int r = admin_need_device(c, e, &dev, d);
	if (r != 0)
		return r;
	bool was_usable = record_device_is_usable(dev, c->now_s);
	r = devices_remove(e, c->device, !dc->is_forced, c->now_s, d);
	if (r == E_PROTECTED)
		return admin_refuse(c, EXIT_CODE_NOT_PERMITTED, d,
		    "this is the last active device of %s; removing it %s: add another first, "
		    "or give --force", c->user, admin_consequence(dc->settings->unenrolled));
	if (r != 0)
		return admin_refuse_core(c, r, d);
	dc->was_last = was_usable && record_count(&e->record, DEVICE_ACTIVE, c->now_s) == 0;
	admin_note(c, e, "MFA device \"%s\" was removed by an administrator", c->device);
	return 0;
}

enum exit_code
admin_remove(struct admin *a, char *const *operand)
{
	struct device_change dc = { .change = { .action = "remove", .user = operand[0],
		.device = operand[1], .now_s = admin_now() },
		.is_forced = a->option[OPTION_FORCE] != NULL, .settings = &a->settings };

	enum exit_code code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK)
		code = admin_update(a, &dc.change, remove_device);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("remove", operand[0], operand[1], dc.was_last ? "last" : "ok");
	admin_say("%s: device \"%s\" is removed.", operand[0], operand[1]);
	if (dc.was_last)
		admin_warn("warning: %s has no active device left, which %s", operand[0],
		    admin_consequence(a->settings.unenrolled));
	return EXIT_CODE_OK;
}

static int
cancel_pending(struct store_entry *e, void *ctx, struct diag *d)
{
	struct admin_change *c = ctx;

	int r = admin_need_record(c, e, d);
	if (r != 0)
		return r;
	r = enrolment_cancel(e, d);
	if (r != 0)
		return admin_refuse(c, EXIT_CODE_NO_SUCH, d, "%s has no pending device", c->user);
	admin_note(c, e, "the enrolment of an MFA device was cancelled by an administrator");
	return 0;
}

enum exit_code
admin_cancel(struct admin *a, char *const *operand)
{
	struct admin_change c = { .action = "cancel", .user = operand[0], .now_s = admin_now() };

	enum exit_code code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK)
		code = admin_update(a, &c, cancel_pending);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("cancel", operand[0], NULL, "ok");
	admin_say("%s: the enrolment that was under way is cancelled.", operand[0]);
	return EXIT_CODE_OK;
}
