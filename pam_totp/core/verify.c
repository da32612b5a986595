/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Which device, step or one-time code an answer fits. Finding decides nothing: attempt does,
 * when all of this work is done.
 *
 *  1. All RECORD_DEVICES_MAX places and all steps are computed, without an early exit, so that
 *     neither time nor work tells how many devices there are, which one fitted, or whether the
 *     user has a record at all.
 *  2. Steps are compared, never the values of codes.
 *  3. Only what the stored state knows as unused is called fresh. */

#include "verify.h"

#include <string.h>

/* How far back a wrong code is looked for, to tell a slow device by name. Only steps that
 * are over are searched: telling that a code belongs to a step to come would let the guesser
 * use it then. Source: FLOW rows 13, 20. */
#define BEHIND_STEPS 10

/* What every place without a usable device is computed with. Its codes are discarded. */
static const struct record_device dummy_device = {
	.params = { .algorithm = OTP_SHA1, .digits = 6, .period_s = 30 },
	.secret = { .len = OTP_SECRET_DEFAULT },
};

/* sshd answers for a name that it will not let in, with junk as long as what was typed
 * (auth-pam.c, fake_password). */
static bool
is_junk_for_code(struct span text)
{
	static const char junk[] = "\b\n\r\177INCORRECT";

	return text.len >= OTP_DIGITS_MIN && text.len <= OTP_DIGITS_MAX &&
	    memcmp(text.at, junk, text.len) == 0;
}

void
verify_read(struct span text, bool is_decoy, struct answer *a)
{
	*a = (struct answer){ .is_code = false };
	if (text.at == NULL || text.len > VERIFY_ANSWER_MAX)
		return;
	a->is_code = otp_parse_typed(text, &a->code) == 0;
	/* A code of 0 digits fits nothing, after the same work. */
	if (is_decoy && is_junk_for_code(text))
		a->is_code = true;
	if (!a->is_code)
		a->is_recovery = recovery_parse_typed(text, &a->recovery) == 0;
}

/* The usable device at place i and its entry, or the dummy with *sd NULL. (state_adopt gave
 * every device of the record an entry; one without counts as no device.) */
static const struct record_device *
device_at(struct store_entry *e, unsigned i, uint64_t now_s, const struct state_device **sd)
{
	const struct record *rec = &e->record;

	*sd = NULL;
	if (i >= rec->device_count || !record_device_is_usable(&rec->device[i], now_s))
		return &dummy_device;
	*sd = state_find(&e->state, rec->device[i].id);
	return *sd == NULL ? &dummy_device : &rec->device[i];
}

/* The steps centre-before .. centre+after of one place. */
static struct otp_matching
steps_around(const struct record_device *d, uint64_t centre, unsigned before, unsigned after)
{
	return (struct otp_matching){
		.params = &d->params,
		.secret = &d->secret,
		/* A clock in 1970 has no steps before it; the count must not depend on that. */
		.first = centre >= before ? centre - before : 0,
		.count = before + after + 1,
	};
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
find_code(struct store_entry *e, struct otp_typed code, uint64_t now_s, unsigned window,
    struct finding *f)
{
	const struct state_device *sd[RECORD_DEVICES_MAX];
	struct otp_matching m[RECORD_DEVICES_MAX];

	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		const struct record_device *d = device_at(e, i, now_s, &sd[i]);
		m[i] = steps_around(d, state_shown_step(sd[i], d, now_s), window, window);
	}
	int error = otp_match_all(m, RECORD_DEVICES_MAX, code);
	if (error != 0)
		return error;
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		if (sd[i] == NULL || m[i].mask == 0)
			continue;
		f->step[i] = lowest_unused(m[i].first, m[i].mask, sd[i]->last_step);
		if (f->step[i] != OTP_NO_STEP && f->fresh < 0)
			f->fresh = (int)i;
		if (f->step[i] == OTP_NO_STEP && f->spent < 0)
			f->spent = (int)i;
	}
	return 0;
}

/* A code that fitted nowhere: is it the past code of a slow device? Same work for all. */
static int
find_behind(struct store_entry *e, struct otp_typed code, uint64_t now_s, unsigned window,
    struct finding *f)
{
	const struct state_device *sd[RECORD_DEVICES_MAX];
	struct otp_matching m[RECORD_DEVICES_MAX];
	uint64_t centre[RECORD_DEVICES_MAX];

	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		const struct record_device *d = device_at(e, i, now_s, &sd[i]);
		centre[i] = state_shown_step(sd[i], d, now_s);
		uint64_t past = centre[i] > window ? centre[i] - window - 1 : 0;
		m[i] = steps_around(d, past, BEHIND_STEPS - window - 1, 0);
	}
	int error = otp_match_all(m, RECORD_DEVICES_MAX, code);
	if (error != 0)
		return error;
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		if (sd[i] == NULL || f->behind >= 0 || f->spent >= 0)
			continue;
		uint64_t step = lowest_unused(m[i].first, m[i].mask, sd[i]->last_step);
		if (step != OTP_NO_STEP && step < centre[i]) {
			f->behind = (int)i;
			f->behind_step = step;
		}
	}
	return 0;
}

static int
find_recovery(const struct store_entry *e, const struct recovery_typed *typed, struct finding *f)
{
	const struct record *rec = &e->record;
	const struct state *st = &e->state;
	int index = -1;

	int error = recovery_match(&rec->recovery, typed, &index);
	if (error != 0)
		return error;
	bool is_valid = rec->recovery.id != 0 && rec->recovery.id == st->recovery_id;
	if (index >= 0 && is_valid && (st->recovery_spent >> index & 1) == 0)
		f->recovery = index;
	return 0;
}

/* Is it the code that an administrator handed out? A second derivation, for decoys as well. */
static int
find_bypass(const struct store_entry *e, const struct recovery_typed *typed, uint64_t now_s,
    struct finding *f)
{
	const struct record_grant *g = &e->record.bypass;
	bool is_match = false;

	int error = recovery_grant_match(g->salt, g->hash, typed, &is_match);
	/* No grant has id 0, which is never above the mark. */
	f->is_bypass = is_match && g->id > e->state.bypass_spent && g->expires > now_s;
	return error;
}

int
verify_answer(struct store_entry *e, const struct answer *a, uint64_t now_s, unsigned window,
    struct finding *f)
{
	*f = (struct finding){ .fresh = -1, .spent = -1, .behind = -1, .recovery = -1 };
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++)
		f->step[i] = OTP_NO_STEP;

	/* An answer of no shape is compared as a code of no digits: it fits nothing. */
	int error = find_code(e, a->code, now_s, window, f);
	/* A spent code costs what a wrong one costs: only acceptance may be quicker. */
	if (error == 0 && a->is_code && f->fresh < 0)
		error = find_behind(e, a->code, now_s, window, f);
	if (error == 0 && a->is_recovery)
		error = find_recovery(e, &a->recovery, f);
	if (error == 0 && a->is_recovery)
		error = find_bypass(e, &a->recovery, now_s, f);
	return error;
}
