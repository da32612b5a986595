/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ENROLMENT_PARTS_H
#define PAM_TOTP_ENROLMENT_PARTS_H

#include "enrolment.h"

/* Shared by enrolment.c, enrolment_pair.c, devices.c and devices_rotate.c; of no use to
 * others. */

/* How many devices are active or disabled, expired or not: those that max_devices counts. */
unsigned enrolment_count_bound(const struct record *r);

/* The pending device, expired or not, or NULL. */
struct record_device *enrolment_find_pending(struct record *r);

/* Add *dev, of which name, type, params and replaces are set (and checked), as pending, and
 * an entry for it in the state. A secret of length 0 is generated. older: the device that
 * goes for it, or NULL. On 0 *dev is what was added; the caller wipes it in any case.
 * E_LIMIT: no place, or no id left. E_CRYPTO. e is as it was then. */
int enrolment_put(struct store_entry *e, struct record_device *dev, struct record_device *older,
    uint64_t now_s, struct diag *d) MUST_USE;

/* Two typed codes held against a device that shows step `centre` now, `span` steps each way.
 * CONFIRMED: they are those of two neighbouring steps in their order, *second is the later
 * one, within centre +- span. Else the reason, REFUSED with d when there is none, and
 * *second is OTP_NO_STEP. span: at most 2880. */
enum enrolment_verdict enrolment_find_codes(const struct record_device *dev,
    struct otp_typed code1, struct otp_typed code2, uint64_t centre, unsigned span,
    uint64_t *second, struct diag *d);

/* The same for codes that make a device active: the second one's step must lie within +-window
 * of what the device shows by its drift, the first one's above last_step. STALE and FAST with
 * *off_s seconds; USED. sd: NULL when nothing was consumed. */
enum enrolment_verdict enrolment_judge(const struct record_device *dev,
    const struct state_device *sd, struct otp_typed code1, struct otp_typed code2,
    unsigned window, uint64_t now_s, uint64_t *second, uint32_t *off_s, struct diag *d);

#endif
