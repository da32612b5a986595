/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_HELPER_ADD_H
#define PAM_TOTP_HELPER_ADD_H

#include "utils/helper_change.h"

/* A new secret: what this run has asked for, shown and got. change.name is the device's; for
 * a rotation that of the one replaced. */
struct addition {
	struct change change;
	bool is_rotation;
	enum device_type type;
	struct otp_params params;

	struct record_device pending; /* as begun; its secret is wiped once shown */
	struct otp_typed code[2];
	bool has_verdict; /* the last step was refused by `verdict` alone */
	enum enrolment_verdict verdict;
	uint32_t off_s;

	/* What came with the confirmation. */
	bool has_sheet; /* first device: recovery codes to be shown */
	struct recovery_sheet sheet;
	char old_name[RECORD_NAME_CAP]; /* of the replaced device; "" = there was no place for it */
	uint64_t old_used;
};

/* helper_add_steps.c: the steps of change_rehearse and change_update. */

/* Make the pending device; a->pending holds it with its secret. */
int addition_begin(struct store_entry *e, void *ctx, struct diag *d) MUST_USE;

/* Try a->code; a->verdict tells how the pair fared. */
int addition_confirm(struct store_entry *e, void *ctx, struct diag *d) MUST_USE;

/* Take the pending device out, if it still is this run's. */
int addition_discard(struct store_entry *e, void *ctx, struct diag *d) MUST_USE;

#endif
