/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_HELPER_ADD_H
#define PAM_TOTP_HELPER_ADD_H

#include "core/enrolment.h"
#include "utils/helper.h"

/* What this run has asked for, shown and got. */
struct addition {
	struct helper *h;
	char name[RECORD_NAME_CAP];
	enum device_type type;
	struct otp_params params;

	bool is_proven;			    /* a code of an active device was accepted */
	char proof[RECORD_NAME_CAP];	    /* which device's; "" = a recovery code */
	uint32_t proof_id;		    /* 0: not looked up yet */
	uint32_t proof_recovery_id;

	uint64_t now_s;
	struct record_device pending; /* as begun; its secret is wiped once shown */
	struct otp_typed code[2];
	bool has_verdict; /* the last change was refused by a->verdict alone */
	enum enrolment_verdict verdict;
	uint32_t off_s;
	enum exit_code refusal; /* why a change was given up, with the text of `done`; OK = none */
};

/* helper_change.c: each loads, checks, writes; *a says what came out. */

/* Make the device in an entry, without storing it: what is wrong with the wish itself. Codes
 * as enrolment_begin. */
int change_make(struct addition *a, struct store_entry *e, struct diag *d) MUST_USE;

/* Store the pending device; a->pending holds it with its secret. */
enum exit_code change_begin(struct addition *a) MUST_USE;

/* Try a->code. EXIT_CODE_OK: a->verdict tells how the pair fared, and CONFIRMED is on disk. */
enum exit_code change_confirm(struct addition *a) MUST_USE;

/* Take the pending device out, if it still is this run's. h->text stays; when this is refused
 * the device ends by itself. */
void change_discard(struct addition *a);

#endif
