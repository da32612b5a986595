/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_REPORT_H
#define PAM_TOTP_REPORT_H

#include "core/policy.h"
#include "host.h"

/* How a login ended. Zero denies. */
enum outcome {
	OUTCOME_INTERNAL = 0,
	OUTCOME_ACCEPTED,
	OUTCOME_SESSION,      /* accepted: a code was typed in this place lately */
	OUTCOME_ENROLLED,     /* accepted: by the two codes of an enrolment just before */
	OUTCOME_PROVEN,	      /* a right code, which begins the replacement of a device */
	OUTCOME_SKIPPED,      /* unenrolled=skip */
	OUTCOME_EXEMPT,
	OUTCOME_NOT_REQUIRED, /* in none of the groups */
	OUTCOME_NOT_YET,      /* before enforce_after */
	OUTCOME_GRACE,
	OUTCOME_ENROL_BY,     /* a grace time that totp-admin reset gave */
	OUTCOME_WRONG,
	OUTCOME_REUSED,
	OUTCOME_MALFORMED,
	OUTCOME_BURNT,
	OUTCOME_CLOCK_BACK,
	OUTCOME_UNENROLLED,
	OUTCOME_THROTTLED,
	OUTCOME_LOCKED,
	OUTCOME_SESSION_OVER, /* account phase: there was none lately enough */
	OUTCOME_NO_ANSWER,
	OUTCOME_NO_USER,
	OUTCOME_USER_CHANGED,
	OUTCOME_STORE,
	OUTCOME_NO_HELPER,    /* the host is not root, and totp-helper cannot stand in */
	OUTCOME_SETTINGS
};
#define OUTCOMES_MAX (OUTCOME_SETTINGS + 1)

/* Write the log line of a decision: event, reason, user, service, rhost, tty, device, fails,
 * wait, then what is rare; fixed order, values escaped. p: what the policy decided. d: why,
 * for OUTCOME_STORE, NO_HELPER and SETTINGS. A name without an account is not written. */
void report_log(const struct host *h, enum outcome o, const struct policy_decision *p,
    const struct attempt_result *r, const struct diag *d);

/* Tell the user the honest reason, in words that are the same for an unknown name, an
 * unenrolled user and a wrong code. Nothing for a right code, except the count of
 * recovery codes left and that a bypass code is spent. */
void report_tell(const struct host *h, enum outcome o, const struct attempt_result *r);

/* Tell the user whose code was right what has to be done, whatever `feedback` is: the days left
 * without a device, the end of an exemption, changes of the devices, a device to replace. */
void report_notices(const struct host *h, enum outcome o, const struct policy_decision *p,
    const struct attempt_result *r);

/* All of them, as the settings want it. */
void report_outcome(const struct host *h, const struct settings *s, enum outcome o,
    const struct policy_decision *p, const struct attempt_result *r, const struct diag *d);

#endif
