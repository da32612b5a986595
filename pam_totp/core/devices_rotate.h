/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DEVICES_ROTATE_H
#define PAM_TOTP_DEVICES_ROTATE_H

#include "store.h"

/* Between enrolment.c, devices.c and devices_rotate.c; of no use to others. */

/* The second half of a rotation: device id, which has just become active, takes name and end of
 * the one that it `replaces`, which is disabled or, without a place among max_devices or a
 * name for it, deleted. */
void devices_rotate_finish(struct store_entry *e, uint32_t id, unsigned max_devices,
    uint64_t now_s);

/* A device ceases to be active: the rotation that would replace it ends with it. */
void devices_rotate_end(struct store_entry *e, uint32_t old_id);

#endif
