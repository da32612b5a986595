/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* Changes of devices that need no codes of the device itself: rename, disable, delete, remove,
 * and a new set of recovery codes.
 *
 *  1. Refused before a password is asked for: what the record cannot become.
 *  2. Then password and, when a device is active, a code (proof_ask); both are looked at again
 *     by the write.
 *  3. Who must have a device by the settings keeps his last one (FLOW row 28); who need not
 *     is told that no code is asked for any more.
 *  4. New recovery codes are shown once they are on disk, once.
 */
#include <string.h>

#include "core/devices.h"
#include "utils/helper_change.h"

/* One request. */
struct order {
	struct change change;
	const struct kind *kind;
	char new_name[RECORD_NAME_CAP];
	bool is_required;  /* obligation 3 */
	bool is_unguarded; /* no device is left that login asks for */
	struct recovery_sheet sheet;
};

/* note: as change_note wants it, or NULL to say "device NAME was DONE". */
struct kind {
	const char *op;
	const char *done;
	bool has_name;
	bool has_new_name;
	int (*apply)(struct order *o, struct store_entry *e, struct diag *d);
};

static int
apply_rename(struct order *o, struct store_entry *e, struct diag *d)
{
	return devices_rename(e, o->change.name, o->new_name, d);
}

static int
apply_disable(struct order *o, struct store_entry *e, struct diag *d)
{
	return devices_disable(e, o->change.name, o->is_required, o->change.now_s, d);
}

static int
apply_delete(struct order *o, struct store_entry *e, struct diag *d)
{
	return devices_delete(e, o->change.name, o->change.now_s, d);
}

static int
apply_remove(struct order *o, struct store_entry *e, struct diag *d)
{
	return devices_remove(e, o->change.name, o->is_required, o->change.now_s, d);
}

static int
apply_recovery(struct order *o, struct store_entry *e, struct diag *d)
{
	if (!helper_has_active(e))
		return diag_set(d, E_NOENT, "there is no active MFA device to recover: "
		    "assign one first");
	return devices_new_recovery(e, &o->sheet, d);
}

static const struct kind kinds[] = {
	{"rename", "renamed", true, true, apply_rename},
	{"disable", "disabled", true, false, apply_disable},
	{"delete", "deleted", true, false, apply_delete},
	{"remove", "removed", true, false, apply_remove},
	{"recovery-codes", "recovery-codes", false, false, apply_recovery},
};

/* The notice: "device phone was disabled". "is now" is short: with two names of 64 bytes there is
 * a place for the terminal. */
static void
note(const struct order *o, struct store_entry *e)
{
	char text[2 * RECORD_REASON_CAP];
	struct bytes_writer w;

	bytes_writer_init(&w, text, sizeof(text));
	if (o->kind->has_name) {
		bytes_put(&w, "device ");
		bytes_put(&w, o->change.name);
		bytes_put(&w, o->kind->has_new_name ? " is now " : " was ");
		bytes_put(&w, o->kind->has_new_name ? o->new_name : o->kind->done);
	} else {
		bytes_put(&w, "new recovery codes were made");
	}
	change_note(&o->change, e, text);
}

static int
apply(struct store_entry *e, void *ctx, struct diag *d)
{
	struct order *o = ctx;

	int r = proof_check(&o->change, e, false, d);
	if (r != 0)
		return r;
	if (o->kind->has_name && change_find(&o->change, e, &r, d) == NULL)
		return r;
	bool was_guarded = record_count(&e->record, DEVICE_ACTIVE, o->change.now_s) > 0;
	r = o->kind->apply(o, e, d);
	if (r != 0)
		return r;
	o->is_unguarded = was_guarded &&
	    record_count(&e->record, DEVICE_ACTIVE, o->change.now_s) == 0;
	note(o, e);
	return 0;
}

static enum exit_code
read_request(struct order *o, const struct message *request)
{
	struct helper *h = o->change.h;
	const char *op = message_get(request, "op");
	enum exit_code code = EXIT_CODE_OK;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(op, kinds[i].op) == 0)
			o->kind = &kinds[i];
	if (o->kind == NULL)
		return helper_end(h, EXIT_CODE_USAGE, "unknown operation");
	o->change.event = o->kind->op;
	o->change.done = o->kind->done;
	if (request->count != 1U + o->kind->has_name + o->kind->has_new_name)
		return helper_end(h, EXIT_CODE_USAGE, "unknown or missing key in the request");
	if (o->kind->has_name)
		code = helper_take_name(h, request, "name", o->change.name);
	if (code == EXIT_CODE_OK && o->kind->has_new_name)
		code = helper_take_name(h, request, "new-name", o->new_name);
	return code;
}

/* It is on disk: log, tell, and say what follows from it. */
static enum exit_code
conclude(struct order *o)
{
	struct helper *h = o->change.h;
	const char *after = o->is_unguarded && !o->is_required ?
	    " Login asks for no code from now on." : "";

	change_tell(&o->change, "asked", o->new_name);
	if (o->kind->apply == apply_recovery) {
		if (codes_show(h, &o->sheet) != EXIT_CODE_OK)
			return helper_end(h, EXIT_CODE_FAILURE, "the new recovery codes were not "
			    "taken, and the old ones are void: ask for new ones again");
		return helper_end(h, EXIT_CODE_OK, "New recovery codes are in force; older ones "
		    "are void.");
	}
	if (o->kind->has_new_name)
		return helper_end(h, EXIT_CODE_OK, "Device %s is called %s now.", o->change.name,
		    o->new_name);
	if (o->kind->apply == apply_disable)
		return helper_end(h, EXIT_CODE_OK, "Device %s is disabled: its codes are refused."
		    "%s", o->change.name, after);
	return helper_end(h, EXIT_CODE_OK, "Device %s is %s. Delete its entry in the app as well."
	    "%s", o->change.name, o->kind->done, after);
}

enum exit_code
helper_devices(struct helper *h, const struct message *request)
{
	struct order o = {.change = {.h = h}};

	enum exit_code code = read_request(&o, request);
	o.is_required = change_is_required(h);
	if (code == EXIT_CODE_OK)
		code = change_rehearse(&o.change, apply, &o); /* 1 */
	recovery_sheet_wipe(&o.sheet);
	if (code == EXIT_CODE_OK)
		code = proof_ask(&o.change);
	if (code == EXIT_CODE_OK)
		code = change_update(&o.change, apply, &o);
	if (code == EXIT_CODE_OK)
		code = conclude(&o);
	bytes_wipe(&o, sizeof(o));
	return code;
}
