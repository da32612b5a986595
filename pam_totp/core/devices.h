/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DEVICES_H
#define PAM_TOTP_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "enrolment.h"
#include "store.h"

/* What becomes of a device after its activation, in memory; the caller loads and stores e
 * (store_update), asks for the proof, logs and tells. Whatever fails leaves e as it was.
 * AWS's order is kept: active -> disabled -> deleted (FLOW section 1.5).
 * e: with its state as store_entry_complete leaves it.
 * name: looked up without regard to case. E_NOENT: no device of that name. */

#define DEVICES_RESYNC_STEPS 20	     /* each way, for the user: 10 minutes of a 30-s device */
#define DEVICES_RESYNC_STEPS_MAX 2880 /* each way, for an administrator: 24 hours */

/* Give a device another name. E_INVALID: the new name; E_EXISTS: taken by another device.
 * Changing only the case of its own name is allowed. */
int devices_rename(struct store_entry *e, const char *name, const char *new_name,
    struct diag *d) MUST_USE;

/* Make an active device disabled: it protects and admits no more and keeps its secret.
 * is_last_protected: refuse to disable the last usable device (a required policy). A rotation
 * of this device ends with it. E_STATE: not active. E_PROTECTED: the last one. */
int devices_disable(struct store_entry *e, const char *name, bool is_last_protected,
    uint64_t now_s, struct diag *d) MUST_USE;

/* Take a pending or disabled device out; a disabled one leaves a tombstone.
 * E_STATE: active, disable it first. */
int devices_delete(struct store_entry *e, const char *name, uint64_t now_s,
    struct diag *d) MUST_USE;

/* Disable and delete in one, as AWS's console button; in any state. E_PROTECTED as
 * devices_disable. */
int devices_remove(struct store_entry *e, const char *name, bool is_last_protected,
    uint64_t now_s, struct diag *d) MUST_USE;

/* Make a disabled device active again with two consecutive codes of its own, found as in
 * enrolment_confirm, both above its last_step; both are consumed. Verdicts as there;
 * ENROLMENT_EXPIRED: there is no disabled device of that id, or its time is over; REFUSED with
 * d: the limit. As the user may not know the secret, neither this nor devices_resync tells which
 * of two codes was wrong: WRONG stands for FIRST_WRONG and SECOND_WRONG as well. */
enum enrolment_verdict devices_enable(struct store_entry *e, uint32_t id, struct otp_typed code1,
    struct otp_typed code2, unsigned window, unsigned max_devices, uint64_t now_s,
    uint32_t *off_s, struct diag *d);

/* Set the drift of an active device from two consecutive codes, searched span_steps each way
 * (at most DEVICES_RESYNC_STEPS_MAX) around its known drift and around this host's clock, both
 * above its last_step; both are consumed (CVE-2019-12887). CONFIRMED: the drift is in e->state
 * and in the record, *drift is its new value in steps (+ = the device runs ahead), counted to
 * the second code. Never a login.
 * ENROLMENT_USED: a code at or below last_step. ENROLMENT_EXPIRED: there is no usable device
 * of that id. Source: RFC 6238 section 6. */
enum enrolment_verdict devices_resync(struct store_entry *e, uint32_t id, struct otp_typed code1,
    struct otp_typed code2, unsigned span_steps, uint64_t now_s, int32_t *drift,
    struct diag *d);

/* Begin to replace the secret of an active device: a pending device of the same type and
 * parameters (or *params when not NULL) named "<name>+new" that `replaces` it. It needs no
 * free place among max_devices. When enrolment_confirm confirms it, the old device is
 * disabled and named "<name>+old" (deleted, leaving a tombstone, when there is no place for
 * both or that name is taken), and the new one takes the name. Until then the old one works.
 * secret: NULL to generate one. An older pending device goes. Names are cut for their suffix;
 * "+new2" and so on where "+new" is taken. E_STATE: not usable. Others as enrolment_begin. */
int devices_rotate_begin(struct store_entry *e, const char *name, const struct otp_params *params,
    const struct otp_secret *secret, uint64_t now_s, uint32_t *id, struct diag *d) MUST_USE;

/* Make a new set of recovery codes; the old set is void. The codes go into *sheet, shown once.
 * They count once e is stored: *sheet must not be shown before. E_CRYPTO. */
int devices_new_recovery(struct store_entry *e, struct recovery_sheet *sheet,
    struct diag *d) MUST_USE;

/* How many recovery codes of the record still work; e may also be as it was loaded. */
unsigned devices_recovery_left(const struct store_entry *e);

/* Spend the enrolment ticket that an administrator handed out. answer: bytes of unknown
 * content. On 0 it is spent in e->state, and counts once e is stored.
 * E_NOENT: no ticket is outstanding, its time is over, or this is not it; the caller counts
 * that (attempt_count_failure). One key derivation in each case but for an answer that has not
 * the shape of a ticket. E_CRYPTO. */
int devices_spend_ticket(struct store_entry *e, struct span answer, uint64_t now_s,
    struct diag *d) MUST_USE;

#endif
