/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* One attempt to show the second factor: load, may it try, verify, account, commit if
 * nothing changed, else again. The four promises stand in attempt.h; the code refers to
 * them by number.
 *
 * The order inside a round is fixed: the whole verification is done before anything is
 * decided (promise 3), so that neither time nor work tells whether the user exists, is
 * throttled or locked, or which device or step fitted. The state that the decision leads to
 * is then committed; only a commit that found nothing changed makes the decision true
 * (promises 1 and 2). Of N callers with one code each round lets one through; the others
 * load again and see its step consumed.
 *
 * Nothing here reads a clock, a file or the environment. */

#include "attempt.h"

#include <string.h>

#include "throttle.h"
#include "verify.h"

/* Between the creation of a device and the notice of it: the life of a pending device. */
#define BIRTH_S 600

struct round {
	struct store_entry entry;
	struct finding found;
	bool was_burnt; /* state or a device's entry was lost and is burnt now */
};

/* Seconds until the device shows a code that was not used, for the honest answer. */
static uint32_t
wait_for_next(const struct record_device *d, const struct state_device *sd, uint64_t now_s)
{
	uint64_t step = state_shown_step(sd, d, now_s);

	if (sd == NULL || step > sd->last_step)
		return 0;
	uint64_t steps = sd->last_step - step + 1;
	if (steps > UINT32_MAX / OTP_PERIOD_MAX)
		return UINT32_MAX;
	return (uint32_t)(steps * d->params.period_s - now_s % d->params.period_s);
}

static void
name_device(struct attempt_result *result, const struct record_device *d)
{
	memcpy(result->device, d->name, sizeof(result->device));
}

/* Consume every step that fitted, on every device (FLOW row 21). */
static void
accept_code(struct round *r, uint64_t now_s, struct attempt_result *result)
{
	struct record *rec = &r->entry.record;

	for (unsigned i = 0; i < rec->device_count; i++) {
		struct state_device *sd = state_find(&r->entry.state, rec->device[i].id);
		if (sd == NULL || r->found.step[i] == OTP_NO_STEP)
			continue;
		sd->last_step = r->found.step[i];
		sd->last_used = now_s;
	}
	const struct record_device *d = &rec->device[r->found.fresh];
	name_device(result, d);
	result->proof_id = d->id;
	result->rotate_by = d->rotate_by;
	result->must_rotate = d->rotate_by != 0 && d->rotate_by <= now_s;
}

/* Whether who logs in with this device may be the one whom a notice warns of: the device came
 * with it, and there is an older one whose owner has not seen it. Such a notice is shown, but
 * waits for that owner. */
static bool
may_be_about(const struct record *rec, const struct record_device *used,
    const struct record_notice *n, uint64_t now_s)
{
	if (used == NULL || n->at < used->created || n->at - used->created > BIRTH_S)
		return false;
	for (unsigned i = 0; i < rec->device_count; i++)
		if (rec->device[i].id < used->id && record_device_is_usable(&rec->device[i], now_s))
			return true;
	return false;
}

/* Hand the oldest untold notices to the caller, and mark them as told in the same commit.
 * used: the device whose code was accepted, or NULL. */
static void
take_notices(struct round *r, const struct record_device *used, uint64_t now_s,
    struct attempt_result *result)
{
	const struct record *rec = &r->entry.record;
	struct state *st = &r->entry.state;
	bool is_waiting = false;

	for (unsigned i = 0; i < rec->notice_count && i < RECORD_NOTICES_MAX; i++) {
		const struct record_notice *n = &rec->notice[i];

		if (result->notice_count == ATTEMPT_NOTICES_MAX)
			break;
		if (n->id <= st->notice_told)
			continue;
		result->notice[result->notice_count++] = *n;
		is_waiting |= may_be_about(rec, used, n, now_s);
		if (!is_waiting)
			st->notice_told = n->id;
	}
}

static void
accept_recovery(struct round *r, struct attempt_result *result)
{
	struct state *st = &r->entry.state;

	st->recovery_spent |= UINT32_C(1) << r->found.recovery;
	result->has_used_recovery = true;
	result->proof_id = r->entry.record.recovery.id;
	for (unsigned i = 0; i < r->entry.record.recovery.count; i++)
		result->recovery_left += (st->recovery_spent >> i & 1) == 0;
}

static void
accept_bypass(struct round *r, struct attempt_result *result)
{
	r->entry.state.bypass_spent = r->entry.record.bypass.id;
	result->has_used_bypass = true;
	result->proof_id = r->entry.record.bypass.id;
}

/* Decide on what was found and account for it in the entry's state. Returns the verdict that
 * becomes true if the commit succeeds; *must_commit says whether there is one. */
static enum attempt_verdict
account(struct round *r, const struct answer *a, const struct attempt_request *q, uint64_t tag,
    const struct settings *s, struct attempt_result *result, bool *must_commit)
{
	struct state *st = &r->entry.state;

	*must_commit = r->was_burnt;
	if (!a->is_code && !a->is_recovery)
		return ATTEMPT_MALFORMED;
	if (state_is_from_future(st, &r->entry.record, q->now_s, s->window))
		return ATTEMPT_CLOCK_BACK;
	result->wait_s = throttle_wait(st, tag, q->now_s, s);
	if (result->wait_s > 0)
		return ATTEMPT_THROTTLED;
	/* A recovery code, or that of an administrator, is the "other proof" that ends the hard
	 * stop. */
	bool is_other_proof = r->found.recovery >= 0 || r->found.is_bypass;
	if (st->is_locked && !is_other_proof)
		return ATTEMPT_LOCKED;

	*must_commit = true;
	if (!q->is_decoy && (r->found.fresh >= 0 || is_other_proof)) {
		if (r->found.fresh >= 0)
			accept_code(r, q->now_s, result);
		else if (r->found.recovery >= 0)
			accept_recovery(r, result);
		else
			accept_bypass(r, result);
		if (q->may_tell)
			take_notices(r, r->found.fresh < 0 ? NULL :
			    &r->entry.record.device[r->found.fresh], q->now_s, result);
		result->fails_elsewhere = throttle_elsewhere(st, tag);
		throttle_clear(st, tag);
		st->is_locked = false;
		return ATTEMPT_ACCEPTED;
	}

	const struct record *rec = &r->entry.record;
	if (r->found.spent >= 0) {
		const struct record_device *d = &rec->device[r->found.spent];
		name_device(result, d);
		result->wait_s = wait_for_next(d, state_find(st, d->id), q->now_s);
		if (r->was_burnt)
			return ATTEMPT_BURNT;
	}
	result->fails = throttle_count(st, tag, q->now_s);
	if (!q->is_decoy && !st->is_locked && st->fails >= s->lock_after) {
		st->is_locked = true;
		state_end_sessions(st, q->now_s);
		result->has_locked = true;
	}
	if (r->found.spent >= 0)
		return ATTEMPT_REUSED;
	if (r->found.behind >= 0) {
		const struct record_device *d = &rec->device[r->found.behind];
		uint64_t steps = state_shown_step(state_find(st, d->id), d, q->now_s) -
		    r->found.behind_step;
		name_device(result, d);
		result->behind_s = (uint32_t)(steps * d->params.period_s);
	}
	return q->is_decoy ? ATTEMPT_UNENROLLED : ATTEMPT_WRONG;
}

/* Load the entry and make its state complete. E_NOENT: there is no record (any more). */
static int
load(struct round *r, const struct attempt_request *q, const char *name, struct store *store,
    struct attempt_result *result, struct diag *d)
{
	struct store_entry *e = &r->entry;

	int error = store_load(store, name, e, d);
	if (error != 0)
		return error;
	r->was_burnt = false;
	if (q->is_decoy)
		return 0;
	if (!e->has_record) {
		(void)store_entry_complete(e, q->now_s);
		return E_NOENT;
	}
	if (e->record.uid != q->uid) {
		result->record_uid = e->record.uid;
		return diag_set(d, E_MISMATCH,
		    "the record of %s belongs to another account of this name "
		    "(uid %u, now %u): an administrator must reset it",
		    name, e->record.uid, q->uid);
	}
	r->was_burnt = store_entry_complete(e, q->now_s);
	result->has_rebuilt = e->health != STATE_WHOLE;
	return 0;
}

static int
commit(struct round *r, const char *name, uint64_t now_s, struct store *store, struct diag *d)
{
	struct state *st = &r->entry.state;

	if (st->saved_at < now_s)
		st->saved_at = now_s;
	return store_commit(store, name, st, &r->entry.version, d);
}

/* Whether a code is not to be looked at, right or wrong. */
static bool
is_held_back(const struct store_entry *e, uint64_t tag, uint64_t now_s, const struct settings *s)
{
	return e->state.is_locked || throttle_wait(&e->state, tag, now_s, s) > 0 ||
	    state_is_from_future(&e->state, &e->record, now_s, s->window);
}

/* One round. Returns 0 with *verdict true, E_CONFLICT to be tried again, or an error. */
static int
run_round(struct round *r, const struct answer *a, const struct attempt_request *q,
    const char *name, uint64_t tag, const struct settings *s, struct store *store,
    struct attempt_result *result, enum attempt_verdict *verdict, struct diag *d)
{
	*result = (struct attempt_result){ .verdict = ATTEMPT_FAILED };
	int error = load(r, q, name, store, result, d);
	if (error != 0)
		return error;
	/* Promise 3: whoever must wait learns nothing of a code, not even by the time that the
	 * verdict takes, which is not counted. One of no digits fits nothing at full work. */
	struct answer looked_at = *a;
	if (is_held_back(&r->entry, tag, q->now_s, s))
		looked_at.code = (struct otp_typed){ 0, 0 };
	error = verify_answer(&r->entry, &looked_at, q->now_s, s->window, &r->found);
	bytes_wipe(&looked_at, sizeof(looked_at));
	if (error != 0)
		return diag_set(d, error, "libcrypto refused to compute a code");

	bool must_commit = true;
	enum attempt_verdict decided = account(r, a, q, tag, s, result, &must_commit);
	if (must_commit) {
		error = commit(r, name, q->now_s, store, d);
		if (error != 0)
			return error;
	}
	*verdict = decided;
	return 0;
}

enum attempt_verdict
attempt_run(const struct attempt_request *q, const struct settings *settings, struct store *store,
    struct attempt_result *result, struct diag *d)
{
	struct attempt_request request = *q;
	struct round r = { .was_burnt = false };
	struct answer a;
	char decoy[STORE_DECOY_CAP];
	const char *name = q->user;
	enum attempt_verdict verdict = ATTEMPT_FAILED;
	uint64_t tag = 0;
	int error = E_CONFLICT;

	*result = (struct attempt_result){ .verdict = ATTEMPT_FAILED };
	verify_read(q->answer, q->is_decoy, &a);
	for (unsigned i = 0; i < STORE_ROUNDS_MAX && error == E_CONFLICT; i++) {
		error = throttle_tag(request.source, request.is_decoy ? q->user : NULL, &tag);
		if (error == 0 && request.is_decoy) {
			error = store_decoy_name(q->user, decoy);
			name = decoy;
		}
		if (error != 0) {
			diag_set(d, error, "libcrypto refused to compute a digest");
			break;
		}
		error = run_round(&r, &a, &request, name, tag, settings, store, result, &verdict,
		    d);
		if (error == E_NOENT) {
			/* The record went away since the policy looked. */
			request.is_decoy = true;
			error = E_CONFLICT;
		}
		store_entry_wipe(&r.entry);
	}
	if (error == E_CONFLICT)
		diag_set(d, error, "%s: too many logins at once", q->user);
	if (error != 0) {
		/* What was not stored did not happen, and is not to be told. */
		*result = (struct attempt_result){ .record_uid = result->record_uid };
		verdict = ATTEMPT_FAILED;
	}
	result->error = error;
	result->verdict = verdict;
	bytes_wipe(&a, sizeof(a));
	bytes_wipe(&r.found, sizeof(r.found));
	return verdict;
}

int
attempt_count_failure(const struct attempt_request *q, struct store *store, struct diag *d)
{
	struct round r = { .was_burnt = false };
	struct state *st = &r.entry.state;
	uint64_t tag = 0;

	int error = throttle_tag(q->source, NULL, &tag);
	if (error != 0)
		return diag_set(d, error, "libcrypto refused to compute a digest");
	error = E_CONFLICT;
	for (unsigned i = 0; i < STORE_ROUNDS_MAX && error == E_CONFLICT; i++) {
		struct attempt_result ignored = { .verdict = ATTEMPT_FAILED };

		error = load(&r, q, q->user, store, &ignored, d);
		/* A user without a record is counted as well. */
		if (error == E_NOENT)
			error = 0;
		if (error == 0) {
			st->uid = q->uid;
			throttle_count(st, tag, q->now_s);
			error = commit(&r, q->user, q->now_s, store, d);
		}
		store_entry_wipe(&r.entry);
	}
	return error;
}

uint32_t
attempt_wait(const struct state *st, const char *source, uint64_t now_s,
    const struct settings *settings)
{
	uint64_t tag = 0;

	if (st->is_locked)
		return UINT32_MAX;
	/* Without a digest nobody can be told apart: wait. */
	if (throttle_tag(source, NULL, &tag) != 0)
		return settings->throttle_delay_s;
	return throttle_wait(st, tag, now_s, settings);
}
