/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_SESSION_TABLE_H
#define PAM_TOTP_SESSION_TABLE_H

#include "core/session.h"
#include "utils/table.h"

/* MFA sessions as totp-admin and totp-enroll list them. */

/* NULL: no memory; see table_new. */
struct table *session_table_new(void);

/* A row. PASSED is no session: none is added. Control characters are made harmless.
 * Returns whether there is a row. */
bool session_table_add(struct table *t, const char *user, const struct session *s);

/* A row in the place of sessions that cannot be read. */
void session_table_add_error(struct table *t, const char *user, const char *why);

#endif
