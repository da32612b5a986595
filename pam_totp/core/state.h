/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_STATE_H
#define PAM_TOTP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define STATE_SLOT_LEN 512
#define STATE_FILE_LEN (2 * STATE_SLOT_LEN) /* exactly, always */
#define STATE_SUM_LEN 32		    /* SHA-256 at the end of a slot */
#define STATE_BUCKETS_MAX 7
#define STATE_DRIFT_MAX RECORD_DRIFT_MAX    /* steps each way */
#define STATE_STEP_MAX RECORD_TIME_MAX	    /* steps are fewer than seconds; leaves room to add */
#define STATE_WINDOW_MAX 3		    /* steps; the widest `window` a service may have */
#define STATE_RECOVERY_ALL ((UINT32_C(1) << RECOVERY_CODES_MAX) - 1) /* every code spent */

struct state_device {
	uint32_t id;	    /* the record's device id; 0 = free */
	int32_t drift;	    /* steps that the device runs ahead (+) or behind (-) */
	uint64_t last_step; /* highest step ever consumed; only grows */
	uint64_t last_used; /* seconds since 1970 UTC; 0 = never */
};

/* Consecutive failures from one source. */
struct state_bucket {
	uint64_t tag;	    /* which source; 0 = free */
	uint64_t last_fail; /* seconds since 1970 UTC */
	uint32_t fails;
};

/* What changes at logins. All-zero is the state of an account that never had a record;
 * for an account that has one, absence is loss: see state_rebuild. */
struct state {
	uint64_t generation; /* grows by one with every write; set by the store */
	uint64_t saved_at;   /* wall clock of the last write, seconds since 1970 UTC */
	uint32_t uid;
	bool is_locked;		  /* NIST hard stop: an administrator or a recovery code ends it */
	uint32_t fails;		  /* consecutive failures of the user, all sources */
	uint32_t recovery_id;	  /* the only recovery set that is valid */
	uint32_t recovery_spent;  /* bit i: code i of that set was used */
	uint32_t bypass_spent;	  /* bypass grants with id <= this are spent */
	uint32_t ticket_spent;	  /* enrolment tickets with id <= this are spent */
	uint32_t notice_told;	  /* notices with id <= this were told */
	uint64_t grace_start;	  /* first login under enforcement; 0 = not begun */
	uint64_t session_epoch;	  /* MFA sessions of any other epoch are void */
	struct state_device device[RECORD_DEVICES_MAX];
	struct state_bucket bucket[STATE_BUCKETS_MAX];
};

/* Make every MFA session void that was made so far, for ever: the epoch becomes one that the
 * state did not have before. Called in the change that ends what they rest on. */
void state_end_sessions(struct state *s, uint64_t now_s);

/* Read a state file: STATE_FILE_LEN bytes, two slots. The newest slot that passes its
 * checksum wins; *slot is its number (0, 1), the other one is written next.
 * *is_half: the other slot is not the one that was written before it (nor zero beside the
 * first): it may have held a newer state, so steps that *s does not know may be used.
 * Two valid slots of the same generation must be equal, else E_CORRUPT.
 * E_CORRUPT: no slot is whole; *s is zero, *slot is 1 (0 is written next) and *is_half true.
 * E_CRYPTO: libcrypto refused. Thread-safe. */
int state_parse(const uint8_t file[STATE_FILE_LEN], struct state *s, unsigned *slot,
    bool *is_half, struct diag *d) MUST_USE;

/* Write one slot. state_parse reads it back equal; what a free place (id or tag 0) holds
 * is written as zero. E_CRYPTO: libcrypto refused; E_INVALID: a field is out of range
 * (times to RECORD_TIME_MAX, last_step to STATE_STEP_MAX, drift within STATE_DRIFT_MAX,
 * recovery_spent within STATE_RECOVERY_ALL, an id or a tag twice). out is zero then. */
int state_print(const struct state *s, uint8_t out[STATE_SLOT_LEN]) MUST_USE;

/* The entry of a device, or NULL. */
struct state_device *state_find(struct state *s, uint32_t id);

/* The entry of a device, made when there is none, taking a free place or that of a device that
 * r no longer has. A new one is zero but for id and the drift that r keeps of the device: one
 * that runs ahead and whose state was lost must not be burnt by this host's clock alone.
 * NULL only when r has more devices than places. */
struct state_device *state_ensure(struct state *s, const struct record *r, uint32_t id);

/* The step that a device shows at now_s by its drift. sd: NULL for one without an entry.
 * STATE_STEP_MAX at most, also when its parameters are out of range. */
uint64_t state_shown_step(const struct state_device *sd, const struct record_device *d,
    uint64_t now_s);

/* Burn every step of d that could have been used up to now_s: last_step becomes the
 * larger of itself and step(now) + drift + STATE_WINDOW_MAX, by the larger of both drifts, sd's
 * and d's: a state that was lost in part may be older than the record. Never lowers.
 * The widest window that a setting allows, not the one of the service that finds the loss: a
 * service with a wider one may have accepted the steps ahead. */
void state_burn(struct state_device *sd, const struct record_device *d, uint64_t now_s);

/* Burn every device of r (state_burn); one without an entry is given one. */
void state_burn_all(struct state *s, const struct record *r, uint64_t now_s);

/* Replace a lost state: every device of r burnt, the present recovery set and grants void
 * (recovery_id = the record's, all spent), notices taken as told, a grace time taken as over
 * (grace_start 1), sessions ended, no failures known. Used when a record exists and its state
 * is missing or unreadable. generation and saved_at are 0: the store and the committer set
 * them. */
void state_rebuild(struct state *s, const struct record *r, uint64_t now_s);

/* Whether the state is of a user who has, or had, a record with devices or recovery codes, and not
 * only of failures that were counted. */
bool state_knows_record(const struct state *s);

/* Follow a record that configuration management replaced: give every device of r that has no
 * entry a burnt one, and take over a recovery set whose id is larger than the known one (an
 * older set stays void: restoring an old record brings no spent code back; so is the set of a
 * record that is the first one that the state knows of, as it may have been here before and
 * been removed with the state of that time). When the record's
 * uid is another than the state's, all devices are burnt, with the record's drifts, and the
 * uid is taken over.
 * Returns whether anything changed. */
bool state_adopt(struct state *s, const struct record *r, uint64_t now_s);

/* Take over what another state of the same user knows to be used: per device the later step and
 * use, spent recovery codes (of two sets the later one), spent grants, told notices, the later
 * session epoch and saved_at, the earlier beginning of the grace time. Not what ends again:
 * failures and the lock. generation, uid and known drifts stay. r: the user's record, or zero;
 * says whose places may be taken. */
void state_raise(struct state *s, const struct state *other, const struct record *r);

/* state_raise, and of failures, waits and the lock whatever is worse. */
void state_merge(struct state *s, const struct state *other, const struct record *r);

/* Whether the clock was set back: s was saved more than STATE_CLOCK_SLACK_S after now_s, or
 * a device of r consumed a step later than any that now_s could offer, by either drift, with
 * the same slack and the widest window (at least STATE_WINDOW_MAX: another service may have a
 * wider one). */
#define STATE_CLOCK_SLACK_S 60
bool state_is_from_future(const struct state *s, const struct record *r, uint64_t now_s,
    unsigned window);

#endif
