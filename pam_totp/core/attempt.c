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

#include <limits.h>
#include <string.h>

#include "throttle.h"

/* How far back a wrong code is looked for, to tell a slow device by name. Only steps that
 * are over are searched: telling that a code belongs to a step to come would let the guesser
 * use it then. Source: FLOW rows 13, 20. */
#define BEHIND_STEPS 10

/* What the typed answer is. Exactly one of the two shapes, or neither. */
struct answer {
	bool is_code;
	bool is_recovery;
	struct otp_typed code;
	struct recovery_typed recovery;
};

/* How the answer fits what is stored. */
struct finding {
	int fresh;	      /* index of the first device with an unused step, or -1 */
	int spent;	      /* first device with a used step only, or -1 */
	int behind;	      /* first device whose past, unused step it is, or -1 */
	uint64_t behind_step; /* that step */
	uint64_t step[RECORD_DEVICES_MAX]; /* lowest unused step that fits, or OTP_NO_STEP */
	int recovery;			   /* index of an unspent recovery code, or -1 */
	bool is_bypass;			   /* the administrator's one-time code, unspent */
};

struct round {
	struct store_entry entry;
	struct finding found;
	bool was_burnt; /* state or a device's entry was lost and is burnt now */
};

/* What every place without a usable device is computed with. Its codes are discarded. */
static const struct record_device dummy_device = {
	.params = { .algorithm = OTP_SHA1, .digits = 6, .period_s = 30 },
	.secret = { .len = OTP_SECRET_DEFAULT },
};

static void
answer_read(struct span text, struct answer *a)
{
	*a = (struct answer){ .is_code = false };
	if (text.at == NULL || text.len > ATTEMPT_ANSWER_MAX)
		return;
	a->is_code = otp_parse_typed(text, &a->code) == 0;
	if (!a->is_code)
		a->is_recovery = recovery_parse_typed(text, &a->recovery) == 0;
}

/* The usable device at place i and its entry, or the dummy with *sd NULL. (state_adopt gave
 * every device of the record an entry; one without counts as no device.) */
static const struct record_device *
device_at(struct round *r, unsigned i, uint64_t now_s, const struct state_device **sd)
{
	const struct record *rec = &r->entry.record;

	*sd = NULL;
	if (i >= rec->device_count || !record_device_is_usable(&rec->device[i], now_s))
		return &dummy_device;
	*sd = state_find(&r->entry.state, rec->device[i].id);
	return *sd == NULL ? &dummy_device : &rec->device[i];
}

/* Match the code against the steps centre-before .. centre+after of one place. */
static int
match_around(const struct record_device *d, uint64_t centre, unsigned before, unsigned after,
    struct otp_typed code, uint64_t *first, uint64_t *mask)
{
	/* A clock in 1970 has no steps before it; the count must not depend on that. */
	*first = centre >= before ? centre - before : 0;
	return otp_match(&d->params, &d->secret, *first, before + after + 1, code, mask);
}

/* The lowest set bit's step above last_step, or OTP_NO_STEP. */
static uint64_t
lowest_unused(uint64_t first, uint64_t mask, uint64_t last_step)
{
	for (unsigned i = 0; i < OTP_MATCH_MAX; i++)
		if ((mask >> i & 1) != 0 && first + i > last_step)
			return first + i;
	return OTP_NO_STEP;
}

/* Compare the code with every place and step (promise 3). */
static int
find_code(struct round *r, struct otp_typed code, uint64_t now_s, unsigned window)
{
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		const struct state_device *sd = NULL;
		const struct record_device *d = device_at(r, i, now_s, &sd);
		uint64_t first = 0, mask = 0;

		int error = match_around(d, state_shown_step(sd, d, now_s), window, window, code,
		    &first, &mask);
		if (error != 0)
			return error;
		if (sd == NULL || mask == 0)
			continue;
		r->found.step[i] = lowest_unused(first, mask, sd->last_step);
		if (r->found.step[i] != OTP_NO_STEP && r->found.fresh < 0)
			r->found.fresh = (int)i;
		if (r->found.step[i] == OTP_NO_STEP && r->found.spent < 0)
			r->found.spent = (int)i;
	}
	return 0;
}

/* A code that fitted nowhere: is it the past code of a slow device? Same work for all. */
static int
find_behind(struct round *r, struct otp_typed code, uint64_t now_s, unsigned window)
{
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		const struct state_device *sd = NULL;
		const struct record_device *d = device_at(r, i, now_s, &sd);
		uint64_t centre = state_shown_step(sd, d, now_s);
		uint64_t past = centre > window ? centre - window - 1 : 0;
		uint64_t first = 0, mask = 0;

		int error = match_around(d, past, BEHIND_STEPS - window - 1, 0, code, &first,
		    &mask);
		if (error != 0)
			return error;
		if (sd == NULL || r->found.behind >= 0)
			continue;
		uint64_t step = lowest_unused(first, mask, sd->last_step);
		if (step != OTP_NO_STEP && step < centre) {
			r->found.behind = (int)i;
			r->found.behind_step = step;
		}
	}
	return 0;
}

static int
find_recovery(struct round *r, const struct recovery_typed *typed)
{
	const struct record *rec = &r->entry.record;
	const struct state *st = &r->entry.state;
	int index = -1;

	int error = recovery_match(&rec->recovery, typed, &index);
	if (error != 0)
		return error;
	bool is_valid = rec->recovery.id != 0 && rec->recovery.id == st->recovery_id;
	if (index >= 0 && is_valid && (st->recovery_spent >> index & 1) == 0)
		r->found.recovery = index;
	return 0;
}

/* Is it the code that an administrator handed out? A second derivation, for decoys as well. */
static int
find_bypass(struct round *r, const struct recovery_typed *typed, uint64_t now_s)
{
	const struct record_grant *g = &r->entry.record.bypass;
	bool is_match = false;

	int error = recovery_grant_match(g->salt, g->hash, typed, &is_match);
	/* No grant has id 0, which is never above the mark. */
	r->found.is_bypass = is_match && g->id > r->entry.state.bypass_spent && g->expires > now_s;
	return error;
}

static int
verify(struct round *r, const struct answer *a, uint64_t now_s, unsigned window)
{
	r->found = (struct finding){ .fresh = -1, .spent = -1, .behind = -1, .recovery = -1 };
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++)
		r->found.step[i] = OTP_NO_STEP;

	/* An answer of no shape is compared as a code of no digits: it fits nothing. */
	int error = find_code(r, a->code, now_s, window);
	if (error == 0 && a->is_code && r->found.fresh < 0 && r->found.spent < 0)
		error = find_behind(r, a->code, now_s, window);
	if (error == 0 && a->is_recovery)
		error = find_recovery(r, &a->recovery);
	if (error == 0 && a->is_recovery)
		error = find_bypass(r, &a->recovery, now_s);
	return error;
}

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
	result->rotate_by = d->rotate_by;
	result->must_rotate = d->rotate_by != 0 && d->rotate_by <= now_s;
}

/* Hand the oldest untold notices to the caller, and mark them as told in the same commit. */
static void
take_notices(struct round *r, struct attempt_result *result)
{
	const struct record *rec = &r->entry.record;
	struct state *st = &r->entry.state;

	for (unsigned i = 0; i < rec->notice_count && i < RECORD_NOTICES_MAX; i++) {
		const struct record_notice *n = &rec->notice[i];

		if (result->notice_count == ATTEMPT_NOTICES_MAX)
			break;
		if (n->id <= st->notice_told)
			continue;
		result->notice[result->notice_count++] = *n;
		st->notice_told = n->id;
	}
}

static void
accept_recovery(struct round *r, struct attempt_result *result)
{
	struct state *st = &r->entry.state;

	st->recovery_spent |= UINT32_C(1) << r->found.recovery;
	result->has_used_recovery = true;
	for (unsigned i = 0; i < r->entry.record.recovery.count; i++)
		result->recovery_left += (st->recovery_spent >> i & 1) == 0;
}

static void
accept_bypass(struct round *r, struct attempt_result *result)
{
	r->entry.state.bypass_spent = r->entry.record.bypass.id;
	result->has_used_bypass = true;
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
			take_notices(r, result);
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
load(struct round *r, const struct attempt_request *q, const char *name, const struct settings *s,
    struct store *store, struct attempt_result *result, struct diag *d)
{
	struct store_entry *e = &r->entry;

	int error = store_load(store, name, e, d);
	if (error != 0)
		return error;
	r->was_burnt = false;
	if (q->is_decoy)
		return 0;
	if (!e->has_record)
		return E_NOENT;
	if (e->record.uid != q->uid) {
		result->record_uid = e->record.uid;
		return diag_set(d, E_MISMATCH,
		    "the record of %s belongs to another account of this name "
		    "(uid %u, now %u): an administrator must reset it",
		    name, e->record.uid, q->uid);
	}
	r->was_burnt = store_entry_complete(e, q->now_s, s->window);
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

/* One round. Returns 0 with *verdict true, E_CONFLICT to be tried again, or an error. */
static int
run_round(struct round *r, const struct answer *a, const struct attempt_request *q,
    const char *name, uint64_t tag, const struct settings *s, struct store *store,
    struct attempt_result *result, enum attempt_verdict *verdict, struct diag *d)
{
	*result = (struct attempt_result){ .verdict = ATTEMPT_FAILED };
	int error = load(r, q, name, s, store, result, d);
	if (error != 0)
		return error;
	error = verify(r, a, q->now_s, s->window);
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
	answer_read(q->answer, &a);
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
	if (error != 0)
		verdict = ATTEMPT_FAILED;
	result->error = error;
	result->verdict = verdict;
	bytes_wipe(&a, sizeof(a));
	bytes_wipe(&r.found, sizeof(r.found));
	return verdict;
}

int
attempt_count_failure(const struct attempt_request *q, const struct settings *settings,
    struct store *store, struct diag *d)
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

		error = load(&r, q, q->user, settings, store, &ignored, d);
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
