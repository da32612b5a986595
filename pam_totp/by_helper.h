/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_BY_HELPER_H
#define PAM_TOTP_BY_HELPER_H

#include "core/attempt.h"
#include "core/policy.h"
#include "host.h"

/* What a module leaves to totp-helper. Each call runs one helper to its end; none waits for the
 * user.
 *
 * Steps 3 and 5 of a login in a process that is not root and so cannot read the store, such as
 * a screen locker: the set-uid helper does them, for the account of the real uid only.
 * argc, argv: of the module's line. */

/* Whether the store, which could not be opened, may be asked for through the helper. */
bool by_helper_is_due(void);

/* Step 3. *digits: of the user's first device. Returns 0 with *out set by the policy of root's
 * settings for this service, or an error with d set and *out a DENY. */
int by_helper_decide(const struct host *h, int argc, const char **argv,
    struct policy_decision *out, unsigned *digits, struct diag *d) MUST_USE;

/* Step 5. As attempt_run: ACCEPTED only when the helper said so on a whole line, and that it
 * had come to its end. may_tell: take the notices that the user has not seen. */
enum attempt_verdict by_helper_attempt(const struct host *h, int argc, const char **argv,
    struct span answer, bool may_tell, struct attempt_result *result, struct diag *d);

/* Have a program told of a change that this login made, on disk already, as utils/notify.h says:
 * as nobody, with nothing of this process, for at most five seconds. The real uid must be root's.
 * program: of the setting `notify`. done: "added", "rotated". An error harms nobody. */
int by_helper_notify(const struct host *h, const char *program, const char *done,
    const char *device, struct diag *d) MUST_USE;

#endif
