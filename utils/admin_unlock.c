/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin unlock: end the hard stop of a user and every wait, and forget the failures
 * that led there. No used code becomes usable again, but by --clock: after the clock of the
 * host was ahead and has been mended, every login is denied, because codes of the future count
 * as used. On the administrator's word, and only where the state really is ahead, the state
 * is then bound to the clock of now, with every code up to now used up. */
#include <string.h>

#include "utils/admin.h"

struct unlocking {
	struct admin_change change; /* first: see admin.h */
	bool was_locked;
	uint32_t fails;
	bool is_rebinding;
	unsigned window;
};

/* The one place where last_step is lowered. */
static int
rebind_clock(struct unlocking *un, struct store_entry *e, struct diag *d)
{
	struct admin_change *c = &un->change;
	struct state *st = &e->state;

	if (!state_is_from_future(st, &e->record, c->now_s, un->window))
		return admin_refuse(c, EXIT_CODE_WRONG_STATE, d,
		    "the state of %s is not ahead of this host's clock", c->user);
	/* Not of devices that the record no longer has: it may be restored from a backup. */
	for (unsigned i = 0; i < e->record.device_count; i++) {
		struct state_device *sd = state_find(st, e->record.device[i].id);
		if (sd == NULL)
			continue;
		sd->last_step = 0;
		if (sd->last_used > c->now_s)
			sd->last_used = c->now_s;
	}
	state_burn_all(st, &e->record, c->now_s);
	st->saved_at = c->now_s;
	if (st->grace_start > c->now_s)
		st->grace_start = c->now_s;
	admin_note(c, e, "an administrator set your MFA state to the clock of this host");
	return 0;
}

static int
unlock_user(struct store_entry *e, void *ctx, struct diag *d)
{
	struct unlocking *un = ctx;

	int r = admin_need_record(&un->change, e, d);
	if (r == 0 && un->is_rebinding)
		r = rebind_clock(un, e, d);
	if (r != 0)
		return r;
	un->was_locked = e->state.is_locked;
	un->fails = e->state.fails;
	e->state.is_locked = false;
	e->state.fails = 0;
	memset(e->state.bucket, 0, sizeof e->state.bucket);
	if (un->was_locked)
		admin_note(&un->change, e, "your MFA lock was ended by an administrator");
	return 0;
}

enum exit_code
admin_unlock(struct admin *a, char *const *operand)
{
	const char *user = operand[0];
	struct unlocking un = { .change = { .action = "unlock", .user = user,
		.now_s = admin_now() }, .is_rebinding = a->option[OPTION_CLOCK] != NULL };

	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK) {
		un.window = a->settings.window;
		code = admin_update(a, &un.change, unlock_user);
	}
	if (code != EXIT_CODE_OK)
		return code;
	if (un.is_rebinding) {
		admin_log_alert("unlock", user, NULL, "clock-rebound");
		admin_warn("warning: %s: codes that count as used are lowered to now; if this "
		    "host's clock is wrong today, set it and do this again", user);
	} else
		admin_log("unlock", user, NULL, un.was_locked ? "unlocked" : "ok");
	admin_say("%s: %s; %u failures in a row are forgotten.", user,
	    un.was_locked ? "unlocked" : "was not locked", un.fails);
	return EXIT_CODE_OK;
}
