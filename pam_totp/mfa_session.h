/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_MFA_SESSION_H
#define PAM_TOTP_MFA_SESSION_H

#include "core/config.h"
#include "core/session.h"
#include "core/store.h"
#include "host.h"

/* MFA sessions for the module: what becomes of a code that was accepted (max_age). */

/* Whether a code that was typed in this very place, at most max_age ago, spares another one.
 * e: the user's, as loaded; *device: the one it was of, *at_s: when, seconds since 1970 UTC.
 * Whatever cannot be known is no session; what is wrong with the files is logged. */
bool mfa_session_find(const struct host *h, const struct settings *s, struct store_entry *e,
    uint64_t now_s, char device[RECORD_NAME_CAP], uint64_t *at_s);

/* Remember that a code of this device was accepted here just now: on a terminal of this host at
 * once; of a login from afar for when it is open (mfa_session_open), and with session_source for
 * its address. epoch: the state's session_epoch before the code was asked for. Nothing to tell the
 * user when that cannot be: the next login asks again. A failure is logged. */
void mfa_session_add(const struct host *h, const struct settings *s, struct store *store,
    const char *device, uint64_t epoch);

/* The session phase of a login from afar: its code counts within it from now on, until it is
 * closed. A failure is logged; without a code there is nothing to do. */
void mfa_session_open(const struct host *h);
void mfa_session_close(const struct host *h);

#endif
