/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_MEMBER_H
#define PAM_TOTP_MEMBER_H

#include <stdbool.h>

#include "core/config.h"

/* For struct config_who: whether the account is in that group of this host, by its primary group
 * or as a member. user: its name, a const char *; NULL or a name without an account is in
 * none. E_NOENT: no such group. E_IO: it cannot be looked up. Not thread-safe. */
int member_find(void *user, const char *group, bool *is_member) MUST_USE;

#endif
