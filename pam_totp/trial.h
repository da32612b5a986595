/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TRIAL_H
#define PAM_TOTP_TRIAL_H

#include "core/attempt.h"
#include "core/policy.h"
#include "host.h"
#include "report.h"

/* Steps 4 and 5 of a login: a user is asked for a code, and it is tried. */

struct trial {
	const struct host *host;
	const struct settings *settings;
	struct store *store;
	const struct policy_decision *decision; /* anything but ASK: no record is looked at */
	unsigned digits; /* of the user's first device, for first_pass=append */
	struct attempt_result *result;
	struct diag *diag;
	/* Where there is no store: what stands in for attempt_run. NULL: nothing does. */
	enum attempt_verdict (*attempt)(void *ctx, struct span answer,
	    struct attempt_result *result, struct diag *d);
	void *ctx;
};

/* Ask as `first_pass` and `prompt` say, and try the answer, as often as `tries` allows; each
 * try but the last is reported. ACCEPTED as attempt_run promises. *result: of the last try. */
enum outcome trial_run(const struct trial *t);

/* Whether answers are typed at prompts of ours. */
bool trial_is_prompting(const struct settings *s);

#endif
