/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_GRACE_H
#define PAM_TOTP_GRACE_H

#include "policy.h"

/* Let somebody in by `unenrolled=grace` (AWS's 35 days of its root users, FLOW row 36): decide
 * anew, and when the decision is POLICY_GRACE make durable that the grace time has begun and
 * that it was now at this login, before *out says so. The beginning is set once and never
 * moved. When another decision is due meanwhile (the user enrolled), nothing is written and
 * *out is that one. user: whose entry it is; f as for policy_decide.
 * Returns 0, or E_* with *out a DENY: what could not be stored lets nobody in. */
int grace_enter(const struct policy_facts *f, const struct settings *settings,
    struct store *store, const char *user, struct policy_decision *out, struct diag *d) MUST_USE;

/* Step 3 of a login: load the user's entry and decide. A grace time that begins or goes on is on
 * disk (grace_enter) before *out says so. *e: as it was loaded, for the caller to wipe.
 * Returns 0, or an error of the store with *out a DENY and *e wiped. */
int grace_decide(const struct policy_facts *f, const struct settings *settings,
    struct store *store, const char *user, struct store_entry *e, struct policy_decision *out,
    struct diag *d) MUST_USE;

#endif
