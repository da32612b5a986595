/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ENROLLED_H
#define PAM_TOTP_ENROLLED_H

#include "host.h"

/* What pam_totp_enroll.so leaves behind with pam_set_data(3) when the user has enrolled in this
 * very authentication, so that pam_totp.so below it in the stack asks for no third code.
 *
 * It is a claim, not a permission: pam_totp.so takes it once (and removes it), and believes it
 * only when the store agrees: the device is the user's, usable, and the last step that it
 * consumed is this one, a few minutes ago at most. */
#define ENROLLED_DATA "pam_totp_enrolled"
#define ENROLLED_STEPS_MAX 20 /* how old the claim may be; 10 minutes of a 30-s device */

struct enrolled {
	char user[HOST_TEXT_CAP]; /* as struct host's user */
	uint32_t device_id;	  /* the device that became active */
	uint64_t step;		  /* the later of its two codes' steps, which is consumed */
};

#endif
