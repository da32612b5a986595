/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_POLICY_H
#define PAM_TOTP_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "store.h"

/* What a user must do at this login. Zero is DENY. */
enum policy_action {
	POLICY_DENY = 0, /* ask as ever and do the same work, then deny */
	POLICY_ASK,	 /* ask for a code */
	POLICY_SKIP	 /* not enrolled and let through by `unenrolled=skip` */
};

/* Facts of a login, gathered by the host; nothing is looked up from here on. */
struct policy_facts {
	bool is_account; /* the name has an account on this host */
	uint32_t uid;	 /* of that account */
	uint64_t now_s;	 /* seconds since 1970 UTC */
};

/* Decide. e: as loaded, or NULL for a name that can have no record (record_user_ok).
 * A user without a record, or whose whole record has no usable device, is unenrolled; an
 * unknown name is never let through. Pure.
 * Source: DESIGN section 2.1, 6. */
enum policy_action policy_decide(const struct policy_facts *f, const struct store_entry *e,
    const struct settings *s);

#endif
