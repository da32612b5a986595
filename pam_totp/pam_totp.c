/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The module's entry points and the six steps of a login:
 *
 *   1 settings      config    defaults, file, arguments
 *   2 who is it     host      user (pinned), uid, service, where from
 *   3 must they?    policy    ASK | SKIP | DENY | ENROL
 *   4 conversation  trial     one bounded answer; no lock and no file is held
 *   5 attempt       trial     load, verify, account, commit if unchanged, else again
 *   6 result        here      one table: outcome -> PAM code; report: one log line
 *
 * Obligations:
 *  1. The outcome starts as INTERNAL, which denies. PAM_SUCCESS and PAM_IGNORE stand in
 *     the table and nowhere else (CVE-2025-23013).
 *  2. PAM_IGNORE leaves authentication only for the policy's SKIP.
 *  3. Enrolment is pam_totp_enroll.so's. Its word that the user has just enrolled is
 *     believed only when the store says so too; whoever must enrol and has not is
 *     asked and refused like anybody without a device.
 *  4. An MFA session (max_age) spares the conversation to somebody who would be asked, and to
 *     nobody else. The account phase looks at the same session, because an application that
 *     remembers a login by itself (sudo's time stamp) runs only that phase. It never lets
 *     anybody in: it denies, or has no opinion. */

#include "host.h"

#include <string.h>

#include "core/config.h"
#include "core/grace.h"
#include "core/policy.h"
#include "enrolled.h"
#include "place.h"
#include "report.h"
#include "trial.h"

/* Left in the handle by a login that was let in, for the account phase of the same login: whose
 * it was, HOST_TEXT_CAP bytes. A code counts there also when no session could be kept of it. */
#define PASSED_DATA "pam_totp_passed"

#define ENTRY_POINT __attribute__((visibility("default")))

/* The one table. */
static const int codes[OUTCOMES_MAX] = {
	[OUTCOME_INTERNAL] = PAM_SYSTEM_ERR,
	[OUTCOME_ACCEPTED] = PAM_SUCCESS,
	[OUTCOME_SESSION] = PAM_SUCCESS,
	[OUTCOME_ENROLLED] = PAM_SUCCESS,
	[OUTCOME_SKIPPED] = PAM_IGNORE,
	[OUTCOME_EXEMPT] = PAM_IGNORE,
	[OUTCOME_NOT_REQUIRED] = PAM_IGNORE,
	[OUTCOME_NOT_YET] = PAM_IGNORE,
	[OUTCOME_GRACE] = PAM_IGNORE,
	[OUTCOME_ENROL_BY] = PAM_IGNORE,
	[OUTCOME_WRONG] = PAM_AUTH_ERR,
	[OUTCOME_REUSED] = PAM_AUTH_ERR,
	[OUTCOME_MALFORMED] = PAM_AUTH_ERR,
	[OUTCOME_BURNT] = PAM_AUTH_ERR,
	[OUTCOME_CLOCK_BACK] = PAM_AUTH_ERR,
	[OUTCOME_UNENROLLED] = PAM_AUTH_ERR,
	[OUTCOME_THROTTLED] = PAM_MAXTRIES,
	[OUTCOME_LOCKED] = PAM_MAXTRIES,
	[OUTCOME_SESSION_OVER] = PAM_PERM_DENIED,
	[OUTCOME_NO_ANSWER] = PAM_AUTH_ERR,
	[OUTCOME_NO_USER] = PAM_USER_UNKNOWN,
	[OUTCOME_USER_CHANGED] = PAM_AUTH_ERR,
	[OUTCOME_STORE] = PAM_AUTHINFO_UNAVAIL,
	[OUTCOME_SETTINGS] = PAM_SERVICE_ERR,
};

/* Of the other management groups: setcred has nothing to set and must not undo an accepted
 * authentication. Listed by mistake under session or password, or under account where max_age
 * is 0, the module has no opinion: neither does `required` deny nor `sufficient` let in
 * because of it. */
static const int code_of_setcred = PAM_SUCCESS;
static const int code_of_others = PAM_IGNORE;

/* One login. */
struct login {
	struct host host;
	struct settings settings;
	struct store *store;
	bool in_groups; /* of those who must show a code */
	struct policy_decision decision;
	bool has_enrolled; /* just now, by pam_totp_enroll.so; result.device says which */
	bool has_session;  /* a code was typed here lately; result.device says which */
	unsigned digits;   /* of the user's first device, for first_pass=append */
	struct attempt_result result;
	struct diag diag;
};

/* The outcome of a SKIP; every reason that is none of its own is INTERNAL. */
static enum outcome
outcome_of_skip(enum policy_reason reason)
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

/* Whether the store bears out that the user enrolled just now (obligation 3): the device is
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

	for (unsigned i = e->record.device_count; i-- > 0;)
		if (record_device_is_usable(&e->record.device[i], now_s))
			l->digits = e->record.device[i].params.digits;
	l->has_enrolled = host_take_data(&l->host, ENROLLED_DATA, &claim, sizeof(claim)) &&
	    is_borne_out(l, &claim, e, now_s);
	if (l->has_enrolled)
		memcpy(l->result.device, record_find_id(&e->record, claim.device_id)->name,
		    sizeof(l->result.device));
	else if (l->decision.action == POLICY_ASK)
		l->has_session = place_has_session(&l->host, &l->settings, e, now_s,
		    l->result.device);
}

/* Step 3: open the store and look whether there is a usable device. No lock is held. Returns 0 with
 * l->decision set, or an error of the store. */
static int
decide(struct login *l)
{
	const struct host *h = &l->host;
	struct policy_facts facts = { .is_account = h->is_account, .uid = h->uid,
		.in_groups = l->in_groups, .now_s = host_now() };
	struct store_entry entry;

	/* Only a missing record means unenrolled. A missing store is an error. */
	int error = store_open(l->settings.store, &l->store, &l->diag);
	if (error != 0)
		return error;
	l->digits = OTP_DIGITS_MIN;
	if (!h->is_account || !record_user_ok(h->user)) {
		l->decision = policy_decide(&facts, NULL, &l->settings);
		return 0;
	}
	error = store_load(l->store, h->user, &entry, &l->diag);
	if (error == 0) {
		l->decision = policy_decide(&facts, &entry, &l->settings);
		look_at_devices(l, &entry, facts.now_s);
	}
	store_entry_wipe(&entry);
	/* Nobody is let in by a grace time that is not on disk. */
	if (error == 0 && l->decision.reason == POLICY_GRACE)
		error = grace_enter(&facts, &l->settings, l->store, h->user, &l->decision,
		    &l->diag);
	return error;
}

/* Step 1. */
static int
load_settings(struct login *l, int argc, const char **argv)
{
	const struct config_who who = {
		.service = l->host.service, .find_member = host_find_member, .ctx = &l->host
	};

	int error = config_load(argc, argv, DEFAULT_CONF, &who, &l->settings, &l->diag);
	if (error == 0)
		error = config_in_groups(&l->settings, &who, &l->in_groups, &l->diag);
	return error;
}

static void
report(const struct login *l, enum outcome o)
{
	report_outcome(&l->host, &l->settings, o, &l->decision, &l->result, &l->diag);
}

/* Steps 4 and 5. */
static enum outcome
try_codes(struct login *l)
{
	const struct trial t = { .host = &l->host, .settings = &l->settings, .store = l->store,
		.decision = &l->decision, .digits = l->digits, .result = &l->result,
		.diag = &l->diag };

	return trial_run(&t);
}

/* Steps 1 to 5. */
static enum outcome
run(struct login *l, int argc, const char **argv)
{
	if (load_settings(l, argc, argv) != 0)
		return OUTCOME_SETTINGS;
	if (decide(l) != 0)
		return OUTCOME_STORE;
	switch (l->decision.action) {
	case POLICY_SKIP:
		return outcome_of_skip(l->decision.reason);
	case POLICY_ASK:
		if (l->has_enrolled)
			return OUTCOME_ENROLLED;
		if (l->has_session && trial_is_prompting(&l->settings))
			return OUTCOME_SESSION;
		return try_codes(l);
	case POLICY_DENY:
	case POLICY_ENROL:
		return try_codes(l);
	}
	return OUTCOME_INTERNAL;
}

/* Whether this very login was let in, by this handle. */
static bool
has_passed(const struct host *h)
{
	char user[HOST_TEXT_CAP];

	return host_take_data(h, PASSED_DATA, user, sizeof(user)) &&
	    strncmp(user, h->user, sizeof(user)) == 0;
}

/* Root needs no code of its own to be root: what runs as root calls sudo and su too. */
static bool
is_called_by_root(const struct host *h)
{
	return h->is_local && strcmp(h->ruser, "root") == 0;
}

/* The account phase (obligation 4): whether a code was typed in this place lately enough. */
static enum outcome
run_account(struct login *l, int argc, const char **argv)
{
	if (load_settings(l, argc, argv) != 0)
		return OUTCOME_SETTINGS;
	if (l->settings.max_age_s == 0 || has_passed(&l->host) || is_called_by_root(&l->host))
		return OUTCOME_NOT_REQUIRED;
	if (decide(l) != 0)
		return OUTCOME_STORE;
	switch (l->decision.action) {
	case POLICY_SKIP:
		return outcome_of_skip(l->decision.reason);
	case POLICY_ASK:
		return l->has_session ? OUTCOME_SESSION : OUTCOME_SESSION_OVER;
	case POLICY_DENY:
	case POLICY_ENROL:
		return OUTCOME_UNENROLLED;
	}
	return OUTCOME_INTERNAL;
}

/* A login that was let in: the code is remembered where max_age says so. One that was not takes
 * back what an earlier one left in this handle. */
static void
remember(const struct login *l, enum outcome o)
{
	if (codes[o] != PAM_SUCCESS)
		(void)has_passed(&l->host);
	if (l->settings.max_age_s == 0 || codes[o] != PAM_SUCCESS)
		return;
	/* Without it the account phase looks for a session, as ever. */
	(void)!host_leave_data(&l->host, PASSED_DATA, l->host.user, sizeof(l->host.user));
	if (o == OUTCOME_ACCEPTED || o == OUTCOME_ENROLLED)
		place_add_session(&l->host, l->store, l->result.device);
}

ENTRY_POINT int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct login l = { .store = NULL };
	enum outcome o = OUTCOME_NO_USER;

	if (host_gather(pamh, flags, &l.host) == 0)
		o = run(&l, argc, argv);
	else
		config_defaults(&l.settings); /* for the report */
	remember(&l, o);
	store_close(l.store);
	report(&l, o);
	if (codes[o] == PAM_AUTH_ERR || codes[o] == PAM_MAXTRIES)
		host_delay(&l.host, l.settings.fail_delay_ms);
	bytes_wipe(&l.result, sizeof(l.result));
	return codes[o];
}

ENTRY_POINT int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_setcred;
}

ENTRY_POINT int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct login l = { .store = NULL };
	enum outcome o = OUTCOME_NO_USER;

	if (host_gather(pamh, flags, &l.host) == 0)
		o = run_account(&l, argc, argv);
	else
		config_defaults(&l.settings); /* for the report */
	store_close(l.store);
	bool is_denied = codes[o] != PAM_SUCCESS && codes[o] != PAM_IGNORE;
	if (is_denied)
		report(&l, o);
	bytes_wipe(&l.result, sizeof(l.result));
	return is_denied ? codes[o] : code_of_others;
}

ENTRY_POINT int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_others;
}

ENTRY_POINT int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_others;
}

ENTRY_POINT int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_others;
}
