/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin reset: revoke everything of a user whose devices are lost or stolen. It promises:
 *  1. Devices, recovery codes, bypass code, ticket, exemption and lock go; what was spent or
 *     revoked stays so, also when an older record is restored: no mark is lowered.
 *  2. The record stays, without devices and with the time until which the user must enrol
 *     again: under unenrolled=skip no login goes on without a code for ever and in silence.
 *     Only --forget, for an account that is deleted, removes record and state.
 *  3. A record that cannot be parsed is replaced, or removed, by the version that was refused.
 *     A file that is unsafe is left to a person, who is told what to do.
 *  4. It asks first, because there is no way back; a program says --yes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/date.h"
#include "utils/admin.h"
#include "utils/table.h"

#define WITHIN_DEFAULT_S (7 * DATE_DAY_S)
#define WITHIN_MIN_S 3600
#define WITHIN_MAX_S (365 * DATE_DAY_S)
#define CORRUPT_ROUNDS 8 /* a record that is corrupt and changes all the time is no accident */

struct reset {
	struct admin_change change; /* first: see admin.h */
	bool is_forgetting;
	struct admin_uid uid; /* of the account, which the record is bound to from now on */
	uint64_t enrol_by;
};

static uint32_t
larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Obligation 1. */
static void
revoke_all(struct store_entry *e, uint64_t now_s)
{
	struct record *r = &e->record;
	struct state *st = &e->state;

	while (r->device_count > 0)
		record_remove_device(r, &r->device[0], now_s);
	st->recovery_id = larger(st->recovery_id, r->recovery.id);
	st->recovery_spent = STATE_RECOVERY_ALL;
	st->bypass_spent = larger(st->bypass_spent, r->bypass.id);
	st->ticket_spent = larger(st->ticket_spent, r->ticket.id);
	bytes_wipe(&r->recovery, sizeof r->recovery);
	bytes_wipe(&r->bypass, sizeof r->bypass);
	bytes_wipe(&r->ticket, sizeof r->ticket);
	r->exempt_until = 0;
	memset(r->exempt_reason, 0, sizeof r->exempt_reason);
	/* No step is left that a clock set back could open again, and a state ahead of the clock
	 * would end the time to enrol at once. */
	if (st->saved_at > now_s)
		st->saved_at = now_s;
	if (st->grace_start > now_s)
		st->grace_start = now_s;
	st->is_locked = false;
	state_end_sessions(st, now_s);
	st->fails = 0;
	memset(st->bucket, 0, sizeof st->bucket);
}

/* The record was another account's of this name: what it tells is not the new one's. */
static void
rebind(struct store_entry *e, uint32_t uid)
{
	struct record *r = &e->record;

	memset(r->former, 0, sizeof r->former);
	r->former_count = 0;
	memset(r->notice, 0, sizeof r->notice);
	r->notice_count = 0;
	r->uid = uid;
	e->state.uid = uid;
}

static void
note_reset(const struct admin_change *c, struct store_entry *e)
{
	admin_note(c, e, "all your MFA devices and recovery codes were revoked by an "
	    "administrator");
}

static int
reset_record(struct store_entry *e, void *ctx, struct diag *d)
{
	struct reset *re = ctx;
	struct admin_change *c = &re->change;

	int r = admin_need_record(c, e, d);
	if (r != 0)
		return r;
	if (re->is_forgetting) {
		c->was_rebuilt = false; /* it goes as well */
		e->has_record = false;
		return 0;
	}
	revoke_all(e, c->now_s);
	uint32_t told = e->state.notice_told;
	for (unsigned i = 0; i < e->record.notice_count; i++)
		told = larger(told, e->record.notice[i].id);
	if (re->uid.is_known && re->uid.uid != e->record.uid) {
		rebind(e, re->uid.uid);
		e->state.notice_told = told;
	}
	e->record.enrol_by = re->enrol_by;
	note_reset(c, e);
	return 0;
}

/* Obligation 3. Nothing is known of what the record gave out; all ids begin again above any
 * that it can have had, so that nothing of it comes back with a restored copy. */
static int
replace_corrupt(struct admin *a, struct reset *re, struct store_version *version, struct diag *d)
{
	struct admin_change *c = &re->change;
	struct store_entry e = { .has_record = true };
	uint32_t base = c->now_s < UINT32_MAX / 2 ? (uint32_t)c->now_s : UINT32_MAX / 2;

	int r = record_init(&e.record, c->user, re->uid.uid);
	if (r == 0) {
		e.record.next_id = base;
		e.record.enrol_by = re->enrol_by;
		/* No device of it is burnt, as it has none; the rest is as after a loss. */
		state_rebuild(&e.state, &e.record, c->now_s);
		e.state.uid = re->uid.uid;
		e.state.saved_at = c->now_s;
		e.state.recovery_id = e.state.bypass_spent = e.state.ticket_spent = base;
		e.state.recovery_spent = STATE_RECOVERY_ALL;
		e.state.notice_told = base;
		note_reset(c, &e);
		r = store_replace(a->store, c->user, &e.record, &e.state, version, d);
	}
	store_entry_wipe(&e);
	return r;
}

static enum exit_code
reset_corrupt(struct admin *a, struct reset *re)
{
	struct diag d = { "" };
	int r = E_CONFLICT;

	for (unsigned round = 0; r == E_CONFLICT && round < CORRUPT_ROUNDS; round++) {
		struct store_entry e;
		r = store_load(a->store, re->change.user, &e, &d);
		if (r == 0) /* somebody mended it meanwhile */
			r = E_CONFLICT;
		else if (r == E_CORRUPT && re->is_forgetting)
			r = store_replace(a->store, re->change.user, NULL, NULL, &e.version, &d);
		else if (r == E_CORRUPT)
			r = replace_corrupt(a, re, &e.version, &d);
		store_entry_wipe(&e);
	}
	re->change.refused = EXIT_CODE_OK;
	return admin_tell_update(&re->change, r, &d);
}

/* Nothing but "yes" is a yes. */
static enum exit_code
confirm(const char *user, bool is_forgetting)
{
	char answer[8] = "";

	if (!isatty(STDIN_FILENO))
		return admin_fail(EXIT_CODE_USAGE,
		    "nothing was changed: without a terminal to ask at, give --yes");
	admin_warn("this %s all devices and recovery codes of %s for good",
	    is_forgetting ? "forgets" : "revokes", user);
	fputs("Type yes to go on: ", stderr);
	if (fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0)
		return EXIT_CODE_OK;
	return admin_fail(EXIT_CODE_FAILURE, "nothing was changed");
}

/* Whose the record is from now on: of the account, if there is one; else, as for a store that
 * serves other hosts, of whom it says itself, or --uid says. */
static enum exit_code
find_uid(struct admin *a, struct reset *re, bool is_corrupt)
{
	if (re->is_forgetting)
		return EXIT_CODE_OK;
	enum exit_code code = admin_find_uid(a, re->change.user, &re->uid);
	if (code == EXIT_CODE_OK && is_corrupt && !re->uid.is_known)
		return admin_fail(EXIT_CODE_NO_SUCH, "no account is named %s on this host, and the "
		    "record does not say whose it is: give --uid N, or --forget",
		    re->change.user);
	return code;
}

/* Look at what is there, ask, and go on with what was found. */
static enum exit_code
run(struct admin *a, struct reset *re)
{
	const char *user = re->change.user;
	struct store_entry e;
	struct diag d = { "" };

	int r = store_load(a->store, user, &e, &d);
	bool has_record = e.has_record;
	store_entry_wipe(&e);
	if (r == E_UNSAFE) {
		enum exit_code code = admin_fail_core(r, &d);
		admin_warn("see who wrote that file and why, then mend its owner and mode, or "
		    "move it away, by hand: this tool changes no file that is not safe");
		return code;
	}
	if (r != 0 && r != E_CORRUPT)
		return admin_fail_core(r, &d);
	if (r == 0 && !has_record)
		return admin_fail(EXIT_CODE_NO_SUCH, "%s has no MFA record", user);
	if (r == E_CORRUPT)
		admin_warn("%s", d.text);

	enum exit_code code = find_uid(a, re, r == E_CORRUPT);
	if (code == EXIT_CODE_OK && a->option[OPTION_YES] == NULL)
		code = confirm(user, re->is_forgetting);
	if (code != EXIT_CODE_OK)
		return code;
	return r == E_CORRUPT ? reset_corrupt(a, re) : admin_update(a, &re->change, reset_record);
}

/* What a login is until then. */
static void
tell_consequence(const struct admin *a, const struct reset *re)
{
	char at[TABLE_TIME_CAP];

	table_time_text(re->enrol_by, true, at);
	switch (a->settings.unenrolled) {
	case UNENROLLED_SKIP:
	case UNENROLLED_GRACE:
		admin_say("Until %s a login needs no code; after it nobody without a device gets "
		    "in.", at);
		break;
	case UNENROLLED_ENROLL:
		admin_say("The next login demands a new device.");
		break;
	case UNENROLLED_DENY:
		admin_say("Until then logins are denied (unenrolled=deny).");
		break;
	}
}

enum exit_code
admin_reset(struct admin *a, char *const *operand)
{
	const char *user = operand[0];
	struct reset re = { .change = { .action = "reset", .user = user, .now_s = admin_now() },
		.is_forgetting = a->option[OPTION_FORGET] != NULL };
	uint64_t within_s = WITHIN_DEFAULT_S;

	if (re.is_forgetting && (a->option[OPTION_WITHIN] != NULL || a->option[OPTION_UID] != NULL))
		return admin_fail(EXIT_CODE_USAGE,
		    "--within and --uid are of no use with --forget");
	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK)
		code = admin_read_duration(a, OPTION_WITHIN, "within", WITHIN_MIN_S, WITHIN_MAX_S,
		    &within_s);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code != EXIT_CODE_OK)
		return code;
	re.enrol_by = re.change.now_s + within_s;
	code = run(a, &re);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("reset", user, NULL, re.is_forgetting ? "forgotten" : "ok");
	if (re.is_forgetting) {
		admin_say("%s: record and state are removed.", user);
		if (a->settings.unenrolled == UNENROLLED_SKIP)
			admin_say("A login needs no code from now on (unenrolled=skip).");
	} else {
		admin_say("%s: all devices and recovery codes are revoked; the user must enrol "
		    "again.", user);
		tell_consequence(a, &re);
	}
	admin_say("If a device was stolen, change the password too: passwd %s", user);
	return EXIT_CODE_OK;
}
