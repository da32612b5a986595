/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_LOGIN_LINE_H
#define PAM_TOTP_LOGIN_LINE_H

#include "core/attempt.h"
#include "core/policy.h"
#include "protocol.h"

/* Decisions and verdicts as lines of the protocol: totp-helper writes them, the module in a
 * host that is not root reads them. What one writes the other reads equal, but for
 * attempt_result.error, .proof_id and .record_uid, which stay with the helper.
 * The takers: E_INVALID for a line that is not exactly such a message; *out denies then. */

void login_put_decision(struct message *m, const struct policy_decision *p, unsigned digits);
int login_take_decision(const struct message *m, struct policy_decision *out,
    unsigned *digits) MUST_USE;

/* Notices stand in lines of their own before the verdict. is_brief (`feedback = none`): of a
 * refusal only that it is one, that it was too soon, or that nothing could be checked. */
void login_put_result(struct message *m, const struct attempt_result *r, bool is_brief);
int login_take_result(const struct message *m, struct attempt_result *out) MUST_USE;
void login_put_notice(struct message *m, const struct record_notice *n);
/* Adds to out; E_LIMIT: more than there is room for. */
int login_take_notice(const struct message *m, struct attempt_result *out) MUST_USE;

/* What an argument of the module's line is to the helper. */
enum login_argument {
	LOGIN_ARGUMENT_UNFIT = 0, /* the settings file alone can say it to a helper of root's */
	LOGIN_ARGUMENT_TALK,	  /* of the conversation, the module's own, or without effect */
	LOGIN_ARGUMENT_POLICY	  /* handed on: it says who must show a code */
};
#define LOGIN_ARGUMENTS_MAX 4 /* keys of the last kind */
enum login_argument login_argument_kind(const char *argument);

#endif
