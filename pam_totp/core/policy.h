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
	POLICY_SKIP,	 /* let through without a code; see policy_reason */
	POLICY_ENROL	 /* must enrol in this login; where that cannot be, as DENY */
};

/* Why. Zero claims nothing. */
enum policy_reason {
	POLICY_UNENROLLED = 0, /* no usable device: whatever `unenrolled` says */
	POLICY_ENROLLED,       /* ASK: there is a usable device */
	POLICY_OTHER_ACCOUNT,  /* ASK: the record is another account's, which the attempt refuses */
	POLICY_EXEMPT,	       /* SKIP: an administrator's exemption, enrolled or not */
	POLICY_NOT_IN_GROUPS,  /* SKIP: not enrolled, and in none of `groups` */
	POLICY_NOT_YET,	       /* SKIP: not enrolled, and before `enforce_after` */
	POLICY_GRACE,	       /* SKIP: within the days of `unenrolled=grace`; grace.h notes it */
	POLICY_ENROL_BY	       /* SKIP: after a reset, before the record's enrol_by */
};

/* Facts of a login, gathered by the host; nothing is looked up from here on. */
struct policy_facts {
	bool is_account; /* the name has an account on this host */
	uint32_t uid;	 /* of that account */
	bool in_groups;	 /* as config_in_groups says */
	uint64_t now_s;	 /* seconds since 1970 UTC; 0 = the clock could not be read */
};

struct policy_decision {
	enum policy_action action;
	enum policy_reason reason;
	uint64_t until_s;   /* SKIP: when it ends, seconds since 1970 UTC; 0 = open */
	unsigned days_left; /* GRACE, ENROL_BY: days begun until then, at least 1 */
	char exemption[RECORD_REASON_CAP]; /* EXEMPT: the administrator's reason */
};

/* Decide. e: as loaded, or NULL for a name that can have no record (record_user_ok).
 * A user without a record, or whose whole record has no usable device, is unenrolled; an
 * unknown name is never let through. Times are compared with the later of now and the
 * state's saved_at, so that a clock set back prolongs nothing; a clock that cannot be read
 * lets nobody through by a date. GRACE is true only once grace_enter has stored it. Pure.
 * Source: DESIGN section 2.1, 6; FLOW rows 35, 36. */
struct policy_decision policy_decide(const struct policy_facts *f, const struct store_entry *e,
    const struct settings *s);

#endif
