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
 *     anybody in: it denies, or has no opinion. The session phase only notes that a login from
 *     afar is open, and has no opinion whatever happens. */

#include "login.h"

#include "by_helper.h"
#include "mfa_session.h"
#include "trial.h"

#define ENTRY_POINT __attribute__((visibility("default")))

/* The one table. */
static const int codes[OUTCOMES_MAX] = {
	[OUTCOME_INTERNAL] = PAM_SYSTEM_ERR,
	[OUTCOME_ACCEPTED] = PAM_SUCCESS,
	[OUTCOME_SESSION] = PAM_SUCCESS,
	[OUTCOME_ENROLLED] = PAM_SUCCESS,
	[OUTCOME_PROVEN] = PAM_SYSTEM_ERR, /* of pam_totp_enroll.so only */
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
	[OUTCOME_NO_HELPER] = PAM_AUTHINFO_UNAVAIL,
	[OUTCOME_SETTINGS] = PAM_SERVICE_ERR,
};

/* Of the other management groups: setcred has nothing to set and must not undo an accepted
 * authentication. Under session, by mistake under password, and under account where max_age is
 * 0, the module has no opinion: neither does `required` deny nor `sufficient` let in
 * because of it. */
static const int code_of_setcred = PAM_SUCCESS;
static const int code_of_others = PAM_IGNORE;

static void
report(const struct login *l, enum outcome o)
{
	report_outcome(&l->host, &l->settings, o, &l->decision, &l->result, &l->diag);
}

/* Step 5 where the host is not root. */
static enum attempt_verdict
attempt_by_helper(void *ctx, struct span answer, struct attempt_result *result, struct diag *d)
{
	const struct login *l = ctx;

	return by_helper_attempt(&l->host, l->argc, l->argv, answer, !l->host.is_silent, result,
	    d);
}

/* Steps 4 and 5. */
static enum outcome
try_codes(struct login *l)
{
	const struct trial t = { .host = &l->host, .settings = &l->settings, .store = l->store,
		.decision = &l->decision, .digits = l->digits, .result = &l->result,
		.diag = &l->diag, .attempt = l->is_by_helper ? attempt_by_helper : NULL,
		.ctx = l };

	return trial_run(&t);
}

/* Steps 1 to 5. */
static enum outcome
run(struct login *l, int argc, const char **argv)
{
	if (login_load_settings(l, argc, argv) != 0)
		return OUTCOME_SETTINGS;
	if (login_decide(l) != 0)
		return login_trouble(l);
	switch (l->decision.action) {
	case POLICY_SKIP:
		return login_outcome_of_skip(l->decision.reason);
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

/* A login that was let in: the code is remembered where max_age says so. One that was not takes
 * back what an earlier one left in this handle. */
static void
remember(const struct login *l, enum outcome o)
{
	if (codes[o] != PAM_SUCCESS)
		account_forget_passed(&l->host);
	if (l->settings.max_age_s == 0 || codes[o] != PAM_SUCCESS)
		return;
	account_leave_passed(&l->host);
	if ((o == OUTCOME_ACCEPTED || o == OUTCOME_ENROLLED) && !l->is_by_helper)
		mfa_session_add(&l->host, &l->settings, l->store, l->result.device,
		    l->session_epoch);
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
	if (codes[o] == PAM_SUCCESS)
		export_login(&l, o == OUTCOME_SESSION ? l.session_at_s : host_now());
	else if (codes[o] == PAM_IGNORE)
		export_login(&l, 0);
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
		o = account_run(&l, argc, argv);
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
	struct host h;

	(void)argc, (void)argv;
	if (host_has_user(pamh) && host_gather(pamh, flags, &h) == 0)
		mfa_session_open(&h);
	return code_of_others;
}

ENTRY_POINT int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct host h;

	(void)argc, (void)argv;
	if (host_has_user(pamh) && host_gather(pamh, flags, &h) == 0)
		mfa_session_close(&h);
	return code_of_others;
}

ENTRY_POINT int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_others;
}
