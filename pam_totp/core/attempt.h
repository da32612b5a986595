/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ATTEMPT_H
#define PAM_TOTP_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "config.h"
#include "store.h"
#include "verify.h"

#define ATTEMPT_ANSWER_MAX VERIFY_ANSWER_MAX /* a longer answer is malformed */
#define ATTEMPT_NOTICES_MAX 3 /* notices told at one login; the others wait for the next */

/* How an attempt ended. Zero is a denial; ACCEPTED is assigned at one place, after the
 * new state is durable. */
enum attempt_verdict {
	ATTEMPT_FAILED = 0, /* the store or libcrypto refused: see error and diag */
	ATTEMPT_ACCEPTED,
	ATTEMPT_WRONG,	    /* counted */
	ATTEMPT_REUSED,	    /* right, but its step was consumed; counted */
	ATTEMPT_MALFORMED,  /* no answer, or not the shape of a code; not counted */
	ATTEMPT_THROTTLED,  /* not looked at: this source must wait */
	ATTEMPT_LOCKED,	    /* not looked at: the user's hard stop */
	ATTEMPT_UNENROLLED, /* no usable device; the work was done all the same */
	ATTEMPT_CLOCK_BACK, /* the host's clock is behind what was recorded */
	ATTEMPT_BURNT	    /* right, but its step was burnt when the state was lost */
};

struct attempt_request {
	const char *user;
	uint32_t uid;	      /* of the account; must equal the record's */
	struct span answer;   /* bytes of unknown content; .at may be NULL */
	const char *source;   /* remote address or name, or "" for local; NULL as "" */
	uint64_t now_s;	      /* seconds since 1970 UTC */
	bool is_decoy;	      /* the policy said DENY: no record is looked at */
	bool may_tell;	      /* the caller will show the result's notices to the user */
};

struct attempt_result {
	enum attempt_verdict verdict;
	int error;			/* E_*, when FAILED */
	char device[RECORD_NAME_CAP];	/* the one that matched, else "" */
	uint32_t fails;			/* consecutive failures of the source after this one */
	uint32_t wait_s;		/* until the next try or code can succeed; 0 = unknown */
	uint32_t behind_s;		/* WRONG: the code is this old; 0 = not known */
	bool has_used_recovery;
	unsigned recovery_left;		/* codes left, when one was used */
	bool has_used_bypass;		/* the one-time code of an administrator; spent now */
	bool has_rebuilt;		/* the state was lost and has been rebuilt, burnt */
	bool has_locked;		/* this failure set the hard stop */
	/* ACCEPTED: the number of the device, recovery set or bypass grant that did it, which is
	 * no other's in the life of the record. */
	uint32_t proof_id;
	uint32_t record_uid;		/* E_MISMATCH: whose the record is */
	uint32_t fails_elsewhere;	/* ACCEPTED: failures from other sources since the last
					 * success, which the user may not know of */
	uint64_t rotate_by;		/* ACCEPTED: when `device` must be replaced; 0 = never */
	bool must_rotate;		/* that time is over */
	/* ACCEPTED: what the user has not been told yet, oldest first; taken as told, by the
	 * commit that accepted. None unless may_tell. */
	unsigned notice_count;
	struct record_notice notice[ATTEMPT_NOTICES_MAX];
};

/* Steps 5 of a login: load, may it try, verify, account, commit if unchanged, else again.
 *
 * Promises (DESIGN section 2):
 *  1. ACCEPTED only after a commit that consumed the step (or spent the recovery or bypass code).
 *  2. A wrong or reused answer is returned only after the commit that counted it.
 *  3. Every device place and every step of the window is computed, whoever the user is and
 *     whatever the outcome, and for an answer of a recovery code's shape both keys are derived
 *     (recovery set, bypass); a decoy is counted and committed like a record. Of who must
 *     wait no code is compared with the devices' own, so that nothing tells whether it is right.
 *  4. No lock and no file is held between load and commit; the answer is not kept.
 * settings: window, throttle_after, throttle_delay_s, lock_after are read.
 * *result is always set. d explains FAILED. Returns result->verdict. */
enum attempt_verdict attempt_run(const struct attempt_request *q, const struct settings *settings,
    struct store *store, struct attempt_result *result, struct diag *d);

/* Count a failure of another factor (a wrong password given to totp-helper) in the same
 * bucket, user and source as attempt_run would. Returns 0 once it is durable, or E_*. */
int attempt_count_failure(const struct attempt_request *q, struct store *store,
    struct diag *d) MUST_USE;

/* How many seconds this source must wait now; 0 = none. UINT32_MAX = locked. Pure. */
uint32_t attempt_wait(const struct state *st, const char *source, uint64_t now_s,
    const struct settings *settings);

#endif
