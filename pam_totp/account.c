/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The account phase, where max_age is set: an application that remembers a login by itself
 * (sudo's time stamp) runs only this phase, so the age of the code is looked at here too.
 * It lets nobody in by itself. */

#include "login.h"

#include <string.h>

/* Left in the handle by a login that was let in, for the account phase of the same login: whose
 * it was, HOST_TEXT_CAP bytes. A code counts there also when no session could be kept of it. */
#define PASSED_DATA "pam_totp_passed"

void
account_leave_passed(const struct host *h)
{
	/* Without it the account phase looks for a session, as ever. */
	(void)!host_leave_data(h, PASSED_DATA, h->user, sizeof(h->user));
}

/* Whether this very login was let in, by this handle. */
static bool
has_passed(const struct host *h)
{
	char user[HOST_TEXT_CAP];

	return host_take_data(h, PASSED_DATA, user, sizeof(user)) &&
	    strncmp(user, h->user, sizeof(user)) == 0;
}

void
account_forget_passed(const struct host *h)
{
	(void)has_passed(h);
}

/* Root needs no code of its own to be root: what runs as root calls sudo and su too. */
static bool
is_called_by_root(const struct host *h)
{
	return h->is_local && strcmp(h->ruser, "root") == 0;
}

enum outcome
account_run(struct login *l, int argc, const char **argv)
{
	if (login_load_settings(l, argc, argv) != 0)
		return OUTCOME_SETTINGS;
	if (l->settings.max_age_s == 0 || has_passed(&l->host) || is_called_by_root(&l->host))
		return OUTCOME_NOT_REQUIRED;
	if (login_decide(l) != 0)
		return login_trouble(l);
	switch (l->decision.action) {
	case POLICY_SKIP:
		return login_outcome_of_skip(l->decision.reason);
	case POLICY_ASK:
		return l->has_session ? OUTCOME_SESSION : OUTCOME_SESSION_OVER;
	case POLICY_DENY:
	case POLICY_ENROL:
		return OUTCOME_UNENROLLED;
	}
	return OUTCOME_INTERNAL;
}
