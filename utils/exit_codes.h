/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_EXIT_CODES_H
#define PAM_TOTP_EXIT_CODES_H

/* How totp-enroll, totp-helper and totp-admin end: one list for all of them, because
 * programs depend on it and because the helper's code becomes totp-enroll's. A number
 * never changes its meaning; new ones are added at the end (and in EXIT_CODE_MAX, which
 * bounds what totp-enroll believes of its helper). */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILURE = 1,	      /* the system, the store or the helper refused */
	EXIT_CODE_USAGE = 2,	      /* wrong arguments or bad input */
	EXIT_CODE_WRONG_CODE = 3,     /* an MFA code; a wrong password is 10 */
	EXIT_CODE_EXISTS = 4,	      /* the name or the secret is taken */
	EXIT_CODE_LIMIT = 5,	      /* one more than max_devices */
	EXIT_CODE_NO_SUCH = 6,	      /* no such user or device */
	EXIT_CODE_WRONG_STATE = 7,    /* e.g. disable it first */
	EXIT_CODE_BUSY = 8,	      /* somebody else is changing the same record */
	EXIT_CODE_THROTTLED = 9,      /* must wait, or locked */
	EXIT_CODE_NOT_PERMITTED = 10, /* wrong password, not this user, or not without that proof */
	EXIT_CODE_MAX = EXIT_CODE_NOT_PERMITTED
};

#endif
