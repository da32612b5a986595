/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* An enrolment or a rotation at login, and the store. Who enrols has shown the first factor only
 * (of who replaces a device see enroll_rotate.c):
 *
 *  1. A device is added to an account that has none: no active one, expired or not. The
 *     policy and this are looked at again on the entry that is replaced (DESIGN promise 10;
 *     AWS-2023-001). Of two first logins side by side one wins.
 *  2. Nothing is written before both codes are right: a conversation that is dropped, even
 *     by a kill, leaves nothing. The secret lives in this process until then.
 *  3. Where the settings want a ticket, it is checked before the secret is made and spent by
 *     the write that makes the device active. A wrong one is counted before that is told.
 *  4. Both codes are consumed by that write, and the recovery codes of a first device are made
 *     in it. */

#include "enroll_login.h"

#include <errno.h>
#include <string.h>

#include "core/devices.h"

static struct policy_decision
decide(const struct enrolling *x, const struct store_entry *e, uint64_t now_s)
{
	const struct policy_facts facts = { .is_account = x->host.is_account,
		.uid = x->host.uid, .in_groups = x->in_groups, .now_s = now_s };

	return policy_decide(&facts, e, &x->settings);
}

/* Obligation 1. */
static bool
may_enrol(const struct enrolling *x, const struct store_entry *e, uint64_t now_s)
{
	if (decide(x, e, now_s).action != POLICY_ENROL)
		return false;
	for (unsigned i = 0; e->has_record && i < e->record.device_count; i++)
		if (e->record.device[i].state == DEVICE_ACTIVE)
			return false;
	return true;
}

enum enrol_outcome
enrol_look(struct enrolling *x)
{
	const struct host *h = &x->host;
	const uint64_t now_s = host_now();
	struct store_entry e;

	/* Whether he must is not known: a fault excuses nobody. */
	if (h->account_error != 0) {
		errno = h->account_error;
		(void)diag_set(&x->diag, E_IO, "the account cannot be looked up: %m");
		return ENROL_LOOKUP;
	}
	if (!h->is_account || !record_user_ok(h->user))
		return ENROL_NOT_ASKED;
	if (store_load(x->store, h->user, &e, &x->diag) != 0)
		return ENROL_STORE;
	enum enrol_outcome o = ENROL_NOT_ASKED;
	if (may_enrol(x, &e, now_s)) {
		x->wait_s = attempt_wait(&e.state, h->source, now_s, &x->settings);
		o = x->wait_s == 0 ? ENROL_GO_ON :
		    x->wait_s == UINT32_MAX ? ENROL_LOCKED : ENROL_THROTTLED;
	} else {
		x->decision = decide(x, &e, now_s);
		x->is_rotation = rotation_is_due(x, &e, now_s);
		if (x->is_rotation)
			o = ENROL_GO_ON; /* whether he may try is the attempt's to say */
	}
	store_entry_wipe(&e);
	return o;
}

static bool
wants_ticket(const struct enrolling *x)
{
	return x->settings.enrol_ticket == ENROL_TICKET_REQUIRED;
}

/* Obligation 3. */
static enum enrol_outcome
count_failure(struct enrolling *x, uint64_t now_s)
{
	const struct attempt_request q = { .user = x->host.user, .uid = x->host.uid,
		.source = x->host.source, .now_s = now_s };

	if (attempt_count_failure(&q, x->store, &x->diag) != 0)
		return ENROL_STORE;
	return ENROL_TICKET;
}

enum enrol_outcome
enrol_check_ticket(struct enrolling *x)
{
	const uint64_t now_s = host_now();
	struct store_entry e;

	if (store_load(x->store, x->host.user, &e, &x->diag) != 0)
		return ENROL_STORE;
	(void)store_entry_complete(&e, now_s);
	int r = devices_spend_ticket(&e, x->ticket.span, now_s, &x->diag);
	store_entry_wipe(&e);
	if (r == E_NOENT)
		return count_failure(x, now_s);
	return r == 0 ? ENROL_GO_ON : ENROL_STORE;
}

/* Add the device, pending, to an entry in memory. An account without a record gets one. */
static int
add(const struct enrolling *x, struct store_entry *e, uint64_t now_s, uint32_t *id,
    struct diag *d)
{
	if (!e->has_record) {
		int r = record_init(&e->record, x->host.user, x->host.uid);
		if (r != 0)
			return diag_set(d, r, "the account cannot have a record");
		e->has_record = true;
		e->state.uid = x->host.uid;
	}
	return enrolment_begin(e, x->name, DEVICE_VIRTUAL, &x->params, &x->secret,
	    x->settings.max_devices, now_s, id, d);
}

enum enrol_outcome
enrol_rehearse(struct enrolling *x, const char **why)
{
	const uint64_t now_s = host_now();
	enum enrol_outcome o = ENROL_MEANWHILE;
	struct store_entry e;
	uint32_t id = 0;
	int r = 0;

	*why = NULL;
	if (store_load(x->store, x->host.user, &e, &x->diag) != 0)
		return ENROL_STORE;
	(void)store_entry_complete(&e, now_s);
	if (may_enrol(x, &e, now_s)) {
		r = add(x, &e, now_s, &id, &x->diag);
		o = r == 0 ? ENROL_GO_ON : r == E_LIMIT ? ENROL_LIMIT : ENROL_STORE;
	}
	store_entry_wipe(&e);
	if (r == E_INVALID)
		*why = "A name has 1 to 64 of A-Z a-z 0-9 + = , . @ - _ and no - first.";
	else if (r == E_EXISTS)
		*why = "There is a disabled device of that name already.";
	return *why != NULL ? ENROL_NAME : o;
}

/* What the user will be told at the next login; the notice has its time beside the text. */
static void
add_notice(const struct enrolling *x, struct store_entry *e, uint64_t now_s)
{
	const char *from = x->host.rhost[0] != '\0' ? x->host.rhost : x->host.tty;
	char text[RECORD_NAME_CAP + HOST_TEXT_CAP + 64];
	struct bytes_writer w;

	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, x->is_rotation ? "the secret of device " : "device ");
	bytes_put(&w, x->name);
	bytes_put(&w, x->is_rotation ? " was replaced at login" : " was added at login");
	if (from[0] != '\0') {
		bytes_put(&w, ", from ");
		bytes_put(&w, from);
	}
	record_add_notice(&e->record, e->state.notice_told, now_s, text);
}

/* What one round of the write wants, and how it ended when it refused. */
struct round {
	struct enrolling *x;
	uint64_t now_s;
	enum enrol_outcome refusal; /* ENROL_INTERNAL: none of its own */
};

/* The device of an account that has none. E_NOENT: the ticket was spent by another run, taken
 * back, or is over. */
static int
add_first(const struct enrolling *x, struct store_entry *e, uint64_t now_s, uint32_t *id,
    struct diag *d)
{
	if (!may_enrol(x, e, now_s))
		return E_STATE;
	int r = wants_ticket(x) ? devices_spend_ticket(e, x->ticket.span, now_s, d) : 0;
	return r == 0 ? add(x, e, now_s, id, d) : r;
}

static int
confirm(struct store_entry *e, void *ctx, struct diag *d)
{
	struct round *round = ctx;
	struct enrolling *x = round->x;
	uint32_t id = 0;

	round->refusal = ENROL_INTERNAL;
	x->has_verdict = false;
	int r = x->is_rotation ? rotation_begin(x, e, round->now_s, &id, d) :
	    add_first(x, e, round->now_s, &id, d);
	if (r == E_STATE || r == E_NOENT || r == E_EXISTS || r == E_LIMIT)
		round->refusal = ENROL_MEANWHILE;
	if (r != 0)
		return r;
	x->verdict = enrolment_confirm(e, id, x->code[0], x->code[1], x->settings.window,
	    x->settings.max_devices, round->now_s, &x->off_s, d);
	if (x->verdict != ENROLMENT_CONFIRMED) {
		x->has_verdict = x->verdict != ENROLMENT_REFUSED;
		return E_INVALID;
	}
	const struct state_device *sd = state_find(&e->state, id);
	if (sd == NULL)
		return diag_set(d, E_CORRUPT, "the new device has no state");
	x->device_id = id;
	x->step = sd->last_step;
	add_notice(x, e, round->now_s);
	if (x->is_rotation) {
		rotation_finish(x, e);
		return 0;
	}
	return devices_new_recovery(e, &x->sheet, d);
}

enum enrol_outcome
enrol_write(struct enrolling *x)
{
	struct round round = { .x = x, .now_s = host_now(), .refusal = ENROL_INTERNAL };

	if (round.now_s >= x->begun_s + ENROLMENT_PENDING_S)
		return ENROL_EXPIRED;
	int r = store_update(x->store, x->host.user, round.now_s, confirm,
	    &round, &x->diag);
	if (r == 0)
		return ENROL_GO_ON;
	recovery_sheet_wipe(&x->sheet);
	if (round.refusal != ENROL_INTERNAL)
		return round.refusal;
	return x->has_verdict ? ENROL_WRONG : ENROL_STORE;
}
