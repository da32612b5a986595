/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_PLACE_H
#define PAM_TOTP_PLACE_H

#include "core/config.h"
#include "core/session.h"
#include "host.h"

/* Where this login is made, as the kernel says it. */

/* Seconds since the boot, those asleep too; false: unknown. */
bool place_read_clock(uint64_t *boottime_s);

/* The place that this process asks from. Returns false when what every place has is not known
 * (an account, a class, the boot); *p is empty then. */
bool place_find(const struct host *h, const struct settings *s, struct session_place *p);

/* The bond of kind TERMINAL, PASSED or SOURCE in that place; whether it is whole is
 * session_bond_ok's to say. */
void place_bind(const struct session_place *p, enum session_kind kind, struct session_bond *b);

/* The bond of kind LOGIN of this very process, of any class; false: something is not known. */
bool place_find_login(const struct host *h, struct session_bond *b);

#endif
