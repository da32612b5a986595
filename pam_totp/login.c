/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Steps 1 and 3 of a login, which both the auth and the account phase take: which settings
 * hold, and what the store says of the user.
 *
 *  1. That the user has just enrolled is pam_totp_enroll.so's word; it is believed only when
 *     the store says so too.
 *  2. A session (max_age) is looked for only where a code would be asked for.
 *  3. Only a missing record means unenrolled; every other trouble is an error.
 *  4. Where the host is not root and cannot open the store, totp-helper decides for the account
 *     that the host runs as; without it nobody is let in. Sessions do not count there. */

#include "login.h"

#include <string.h>

#include "core/grace.h"
#include "by_helper.h"
#include "enrolled.h"
#include "mfa_session.h"

int
login_load_settings(struct login *l, int argc, const char **argv)
{
	const struct config_who who = {
		.service = l->host.service, .find_member = host_find_member, .ctx = &l->host
	};

	l->argc = argc;
	l->argv = argv;
	int error = config_load(argc, argv, DEFAULT_CONF, &who, &l->settings, &l->diag);
	if (error == 0)
		error = config_in_groups(&l->settings, &who, &l->in_groups, &l->diag);
	return error;
}

/* Whether the store bears out that the user enrolled just now (obligation 1): the device is
 * this account's and usable, and no step after the enrolment's, which is of these minutes,
 * was consumed. */
static bool
is_borne_out(const struct login *l, const struct enrolled *claim, struct store_entry *e,
    uint64_t now_s)
{
	if (strncmp(claim->user, l->host.user, sizeof(claim->user)) != 0 || !e->has_record ||
	    e->record.uid != l->host.uid || e->health != STATE_WHOLE)
		return false;
	const struct record_device *d = record_find_id(&e->record, claim->device_id);
	const struct state_device *sd = state_find(&e->state, claim->device_id);
	if (d == NULL || sd == NULL || !record_device_is_usable(d, now_s))
		return false;
	uint64_t now_step = otp_step(&d->params, now_s);
	return claim->step != 0 && sd->last_step == claim->step &&
	    (now_step <= claim->step || now_step - claim->step <= ENROLLED_STEPS_MAX);
}

/* What step 5 will need to know of the user's devices, and whether it is needed. */
static void
look_at_devices(struct login *l, struct store_entry *e, uint64_t now_s)
{
	struct enrolled claim;

	l->digits = record_code_digits(&e->record, now_s);
	l->has_enrolled = host_take_data(&l->host, ENROLLED_DATA, &claim, sizeof(claim)) &&
	    is_borne_out(l, &claim, e, now_s);
	if (l->has_enrolled)
		memcpy(l->result.device, record_find_id(&e->record, claim.device_id)->name,
		    sizeof(l->result.device));
	else if (l->decision.action == POLICY_ASK)
		l->has_session = mfa_session_find(&l->host, &l->settings, e, now_s,
		    l->result.device, &l->session_at_s);
	l->session_epoch = e->state.session_epoch;
}

int
login_decide(struct login *l)
{
	const struct host *h = &l->host;
	struct policy_facts facts = { .is_account = h->is_account, .uid = h->uid,
		.in_groups = l->in_groups, .now_s = host_now() };
	struct store_entry entry;

	/* Only a missing record means unenrolled. A missing store is an error. */
	int error = store_open(l->settings.store, l->settings.state_fallback, &l->store, &l->diag);
	l->is_by_helper = error != 0 && by_helper_is_due();
	if (l->is_by_helper)
		return by_helper_decide(h, l->argc, l->argv, &l->decision, &l->digits, &l->diag);
	if (error != 0)
		return error;
	l->digits = OTP_DIGITS_MIN;
	if (!h->is_account || !record_user_ok(h->user)) {
		l->decision = policy_decide(&facts, NULL, &l->settings);
		return 0;
	}
	error = grace_decide(&facts, &l->settings, l->store, h->user, &entry, &l->decision,
	    &l->diag);
	if (error == 0)
		look_at_devices(l, &entry, facts.now_s);
	store_entry_wipe(&entry);
	return error;
}

enum outcome
login_trouble(const struct login *l)
{
	return l->is_by_helper ? OUTCOME_NO_HELPER : OUTCOME_STORE;
}

enum outcome
login_outcome_of_skip(enum policy_reason reason)
{
	switch (reason) {
	case POLICY_UNENROLLED:
		return OUTCOME_SKIPPED;
	case POLICY_EXEMPT:
		return OUTCOME_EXEMPT;
	case POLICY_NOT_IN_GROUPS:
		return OUTCOME_NOT_REQUIRED;
	case POLICY_NOT_YET:
		return OUTCOME_NOT_YET;
	case POLICY_GRACE:
		return OUTCOME_GRACE;
	case POLICY_ENROL_BY:
		return OUTCOME_ENROL_BY;
	case POLICY_ENROLLED:
	case POLICY_OTHER_ACCOUNT:
		return OUTCOME_INTERNAL;
	}
	return OUTCOME_INTERNAL;
}
