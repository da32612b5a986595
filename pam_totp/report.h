/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_REPORT_H
#define PAM_TOTP_REPORT_H

#include "host.h"

/* How a login ended. Zero denies. */
enum outcome {
	OUTCOME_INTERNAL = 0,
	OUTCOME_ACCEPTED,
	OUTCOME_SKIPPED,
	OUTCOME_WRONG,
	OUTCOME_REUSED,
	OUTCOME_MALFORMED,
	OUTCOME_BURNT,
	OUTCOME_CLOCK_BACK,
	OUTCOME_UNENROLLED,
	OUTCOME_THROTTLED,
	OUTCOME_LOCKED,
	OUTCOME_NO_ANSWER,
	OUTCOME_NO_USER,
	OUTCOME_USER_CHANGED,
	OUTCOME_STORE,
	OUTCOME_SETTINGS
};
#define OUTCOMES_MAX (OUTCOME_SETTINGS + 1)

/* Write the log line of a decision: event, reason, user, service, rhost, tty, device, fails,
 * wait, then what is rare; fixed order, values escaped. d: why, for OUTCOME_STORE and
 * OUTCOME_SETTINGS. A name without an account is not written. */
void report_log(const struct host *h, enum outcome o, const struct attempt_result *r,
    const struct diag *d);

/* Tell the user the honest reason, in words that are the same for an unknown name, an
 * unenrolled user and a wrong code. Nothing for an accepted code, except the count of
 * recovery codes left. */
void report_tell(const struct host *h, enum outcome o, const struct attempt_result *r);

#endif
