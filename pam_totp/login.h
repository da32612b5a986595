/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_LOGIN_H
#define PAM_TOTP_LOGIN_H

#include "core/config.h"
#include "core/policy.h"
#include "host.h"
#include "report.h"

/* What the phases of a login share: steps 1 and 3, and what they found. */

/* One login. */
struct login {
	struct host host;
	struct settings settings;
	struct store *store;
	int argc;	  /* of the module's line, borrowed */
	const char **argv;
	bool is_by_helper; /* the host is not root: totp-helper decides, there is no store */
	bool in_groups; /* of those who must show a code */
	struct policy_decision decision;
	bool has_enrolled; /* just now, by pam_totp_enroll.so; result.device says which */
	bool has_session;  /* a code was typed here lately; result.device says which */
	uint64_t session_at_s;	/* when; 0: no session */
	uint64_t session_epoch; /* of the state as it was loaded */
	unsigned digits;   /* of the user's first device, for first_pass=append */
	struct attempt_result result;
	struct diag diag;
};

/* Step 1: the settings of this login's service and user, and whether `groups` names the user.
 * Returns 0, or an error of config_load with l->diag set. */
int login_load_settings(struct login *l, int argc, const char **argv) MUST_USE;

/* Step 3: open the store and look whether there is a usable device. No lock is held. Returns 0 with
 * l->decision set, or an error of the store, for which login_trouble has the outcome. */
int login_decide(struct login *l) MUST_USE;
enum outcome login_trouble(const struct login *l);

/* The outcome of a SKIP; every reason that is none of its own is INTERNAL. */
enum outcome login_outcome_of_skip(enum policy_reason reason);

/* export.c: tell the facts of a login that was let in, where export_env says so. code_at_s: when
 * its code was typed, seconds since 1970 UTC; 0: without one. */
void export_login(const struct login *l, uint64_t code_at_s);

/* account.c: leave in the handle that this login was let in, and take it back. */
void account_leave_passed(const struct host *h);
void account_forget_passed(const struct host *h);

/* account.c: the account phase: whether a code was typed in this place lately enough. */
enum outcome account_run(struct login *l, int argc, const char **argv);

#endif
