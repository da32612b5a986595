/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A device that had to be replaced by now (totp-admin rotate) is replaced in the login:
 *
 *  1. First a code is asked for and consumed, with all that a login counts, logs and tells.
 *     Any proof that would let the user in will do: he may have lost this very device. Only
 *     then does anything tell that there is something to replace.
 *  2. The new secret is not stored before both its codes are right. The write that makes it
 *     active disables the old one; until then the old one works.
 *  3. That write looks again at what was shown: the device whose code it was is still
 *     active, the recovery set or the grant still the same, and the device that goes is the
 *     very one that was named. Of two logins side by side one wins.
 *  4. Where the code comes from another module (first_pass=use, append) nobody is asked here:
 *     with `append` the password is not even looked at before it. */

#include "enroll_login.h"

#include <string.h>

#include "core/devices.h"
#include "trial.h"

static bool
is_overdue(const struct record_device *d, uint64_t now_s)
{
	return record_device_is_usable(d, now_s) && d->rotate_by != 0 && d->rotate_by <= now_s;
}

/* The device of that number when it is overdue, else the first one that is, or NULL. */
static const struct record_device *
find_overdue(const struct record *r, uint32_t wanted, uint64_t now_s)
{
	const struct record_device *first = NULL;

	for (unsigned i = r->device_count; i-- > 0;) {
		if (!is_overdue(&r->device[i], now_s))
			continue;
		if (r->device[i].id == wanted)
			return &r->device[i];
		first = &r->device[i];
	}
	return first;
}

bool
rotation_is_due(const struct enrolling *x, const struct store_entry *e, uint64_t now_s)
{
	return x->decision.action == POLICY_ASK && x->decision.reason == POLICY_ENROLLED &&
	    trial_is_prompting(&x->settings) && find_overdue(&e->record, 0, now_s) != NULL;
}

/* Whether the code was one of a device. */
static bool
is_of_device(const struct attempt_result *proof)
{
	return !proof->has_used_recovery && !proof->has_used_bypass;
}

static enum enrol_outcome
choose(struct enrolling *x)
{
	enum enrol_outcome o = ENROL_MEANWHILE;
	struct store_entry e;

	if (store_load(x->store, x->host.user, &e, &x->diag) != 0)
		return ENROL_STORE;
	const struct record_device *old = !e.has_record || e.record.uid != x->host.uid ? NULL :
	    find_overdue(&e.record, is_of_device(&x->proof) ? x->proof.proof_id : 0, host_now());
	if (old != NULL) {
		x->old_id = old->id;
		x->old_created = old->created;
		x->rotate_by = old->rotate_by;
		x->params = old->params;
		memcpy(x->name, old->name, sizeof(x->name));
		o = ENROL_GO_ON;
	}
	store_entry_wipe(&e);
	return o;
}

enum enrol_outcome
rotation_prove(struct enrolling *x)
{
	const struct trial t = { .host = &x->host, .settings = &x->settings, .store = x->store,
		.decision = &x->decision, .digits = OTP_DIGITS_MIN, .result = &x->proof,
		.diag = &x->diag };

	enum outcome o = trial_run(&t);
	if (o == OUTCOME_ACCEPTED)
		o = OUTCOME_PROVEN;
	report_outcome(&x->host, &x->settings, o, &x->decision, &x->proof, &x->diag);
	if (o == OUTCOME_PROVEN)
		return choose(x);
	if (o == OUTCOME_THROTTLED || o == OUTCOME_LOCKED)
		return ENROL_MUST_WAIT;
	return o == OUTCOME_STORE ? ENROL_NO_STORE : ENROL_DENIED;
}

/* Obligation 3. */
static bool
holds(const struct enrolling *x, struct store_entry *e, uint64_t now_s)
{
	const struct attempt_result *p = &x->proof;
	struct record *r = &e->record;

	if (!e->has_record || r->uid != x->host.uid)
		return false;
	const struct record_device *old = record_find_id(r, x->old_id);
	if (old == NULL || old->created != x->old_created ||
	    !record_device_is_usable(old, now_s) || strcmp(old->name, x->name) != 0)
		return false;
	if (p->has_used_recovery)
		return r->recovery.id == p->proof_id;
	if (p->has_used_bypass)
		return r->bypass.id == p->proof_id;
	const struct record_device *used = record_find_id(r, p->proof_id);
	return used != NULL && record_device_is_usable(used, now_s);
}

int
rotation_begin(const struct enrolling *x, struct store_entry *e, uint64_t now_s, uint32_t *id,
    struct diag *d)
{
	*id = 0;
	if (!holds(x, e, now_s))
		return diag_set(d, E_STATE, "the devices have changed meanwhile");
	return devices_rotate_begin(e, x->name, &x->params, &x->secret, now_s, id, d);
}

void
rotation_finish(struct enrolling *x, struct store_entry *e)
{
	const struct record_device *old = record_find_id(&e->record, x->old_id);
	const struct state_device *sd = old == NULL ? NULL : state_find(&e->state, old->id);

	x->old_name[0] = '\0';
	if (old != NULL)
		memcpy(x->old_name, old->name, sizeof(x->old_name));
	x->old_used = sd == NULL ? 0 : sd->last_used;
}
