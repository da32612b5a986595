/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_CORE_OTPAUTH_H
#define PAM_TOTP_CORE_OTPAUTH_H

#include "diag.h"
#include "otp.h"

#define OTPAUTH_URI_CAP 2048	/* a built one, with NUL */
#define OTPAUTH_ISSUER_CAP 256	/* with NUL, decoded */
#define OTPAUTH_ACCOUNT_CAP 257 /* with NUL, decoded */

/* What an otpauth:// URI says. */
struct otpauth {
	char issuer[OTPAUTH_ISSUER_CAP];   /* "" = none; UTF-8 without control characters or ':' */
	char account[OTPAUTH_ACCOUNT_CAP]; /* not empty; same characters */
	struct otp_params params;
	struct otp_secret secret;
};

/* Overwrite. */
void otpauth_wipe(struct otpauth *o);

/* Write the URI, terminated, as short as apps allow (the QR code grows with it): no
 * padding, and algorithm, digits and period only where they are not the default.
 * otpauth_parse reads it back equal. out: OTPAUTH_URI_CAP bytes.
 * E_INVALID: a field breaks the rules above. E_LIMIT: does not fit. out is wiped then. */
int otpauth_build(const struct otpauth *o, char *out, size_t cap) MUST_USE;

#endif
