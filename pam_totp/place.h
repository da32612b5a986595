/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_PLACE_H
#define PAM_TOTP_PLACE_H

#include "core/config.h"
#include "core/session.h"
#include "core/store.h"
#include "host.h"

/* MFA sessions for the module: where this login is made, as the kernel says it, and the
 * sessions of that place. */

/* Whether a code that was typed in this very place, at most max_age ago, spares another one.
 * e: the user's, as loaded; *device: the one it was of. Whatever cannot be known is no session;
 * what is wrong with the files is logged. */
bool place_has_session(const struct host *h, const struct settings *s, struct store_entry *e,
    uint64_t now_s, char device[RECORD_NAME_CAP]);

/* Remember that a code of this device was accepted here just now. Nothing to tell the user when
 * that cannot be: the next login asks again. A failure is logged. */
void place_add_session(const struct host *h, struct store *store, const char *device);

#endif
