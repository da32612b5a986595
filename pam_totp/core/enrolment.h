/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ENROLMENT_H
#define PAM_TOTP_ENROLMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "otp.h"
#include "store.h"

#define ENROLMENT_PENDING_S 600 /* life of a pending device; NIST SP 800-63B-4 section 4.1 */
#define ENROLMENT_SEARCH_STEPS 10 /* each way, to tell stale and skewed codes by name */

/* How two codes fared. Zero is a refusal. */
enum enrolment_verdict {
	ENROLMENT_REFUSED = 0, /* libcrypto or an argument: see diag */
	ENROLMENT_CONFIRMED,
	ENROLMENT_SAME_CODE,	/* typed twice (and not two equal neighbours) */
	ENROLMENT_SWAPPED,	/* second, then first */
	ENROLMENT_GAP,		/* both right, not neighbours */
	ENROLMENT_STALE,	/* neighbours, but off_s seconds old */
	ENROLMENT_FAST,		/* neighbours, but off_s seconds ahead of this host */
	ENROLMENT_FIRST_WRONG,	/* only the second belongs to this device */
	ENROLMENT_SECOND_WRONG, /* only the first does */
	ENROLMENT_WRONG,	/* neither does */
	ENROLMENT_DIGITS,	/* another number of digits than the device's */
	ENROLMENT_EXPIRED,	/* the pending time is over */
	ENROLMENT_USED		/* a code at or below last_step */
};

/* A new pending device in e (has_record must be set; record_init makes an empty one).
 * secret: NULL to generate one. An older pending device is replaced, expired or not (one
 * pending a user). *id: the new device's; e->state has its entry, with no step consumed.
 * Nothing is written to the store.
 * E_INVALID: name or parameters. E_EXISTS: an active or disabled device has that name or
 * that secret. E_LIMIT: max_devices active or disabled devices already. E_CRYPTO. */
int enrolment_begin(struct store_entry *e, const char *name, enum device_type type,
    const struct otp_params *params, const struct otp_secret *secret, unsigned max_devices,
    uint64_t now_s, uint32_t *id, struct diag *d) MUST_USE;

/* Try two codes on pending device id. CONFIRMED: the device is active in e->record, its
 * last_step in e->state is the second code's step, so neither code can be used again; the
 * caller stores e. Every other verdict leaves e as it was. second step within +-window
 * of now. *off_s: seconds for STALE and FAST, else 0. One that `replaces` another device
 * finishes the rotation (devices_rotate_begin); EXPIRED when the other one is not usable.
 * Source: FLOW rows 12-14. */
enum enrolment_verdict enrolment_confirm(struct store_entry *e, uint32_t id,
    struct otp_typed code1, struct otp_typed code2, unsigned window, unsigned max_devices,
    uint64_t now_s, uint32_t *off_s, struct diag *d);

/* Take the pending device out. E_NOENT: there is none. */
int enrolment_cancel(struct store_entry *e, struct diag *d) MUST_USE;

/* Make a device active at once, as an administrator's import does: no two codes; every step
 * up to now is burnt. Codes as enrolment_begin. */
int enrolment_import(struct store_entry *e, const char *name, enum device_type type,
    const struct otp_params *params, const struct otp_secret *secret, unsigned max_devices,
    unsigned window, uint64_t now_s, uint32_t *id, struct diag *d) MUST_USE;

#endif
