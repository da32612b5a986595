/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_OTPAUTH_H
#define PAM_TOTP_OTPAUTH_H

#include "core/bytes.h"
#include "core/diag.h"
#include "core/otp.h"

#define OTPAUTH_URI_MAX 2048	/* bytes of a URI that is read */
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

/* Read a URI of the Key URI format (uri: 1..OTPAUTH_URI_MAX bytes, no line end):
 *
 *   otpauth://totp/[ISSUER:]ACCOUNT?secret=BASE32[&issuer=][&algorithm=][&digits=][&period=]
 *
 *  - The scheme and "totp" are taken in either case; "hotp" is refused by name.
 *  - Label and values are percent-decoded once; '+' is itself. What they decode to must be
 *    UTF-8 without control characters. The first ':' of the label, plain or as %3A, ends the
 *    issuer; blanks after it are passed over; a second one is refused.
 *  - issuer= wins over the label's issuer, as in the apps.
 *  - secret: base32 of either case, '=' at the end allowed, OTP_SECRET_MIN..OTP_SECRET_MAX bytes.
 *    algorithm: SHA1, SHA256, SHA512. digits: 6..8. period: 15..120 seconds.
 *  - A key of the format given twice is refused. Other keys (image=, colour=, ...) are passed
 *    over, since apps add their own and the format reserves none, but for those that would
 *    change the codes: encoder= (Steam) is refused. counter= means nothing for totp.
 *  - A fragment, user information, a port or more path are refused.
 * E_INVALID: what was expected in d (never a part of the URI); *o is wiped then.
 * Source: github.com/google/google-authenticator/wiki/Key-Uri-Format; RFC 3986. */
int otpauth_parse(struct span uri, struct otpauth *o, struct diag *d) MUST_USE;

/* Write the URI, terminated, as short as apps allow (the QR code grows with it): no
 * padding, and algorithm, digits and period only where they are not the default.
 * otpauth_parse reads it back equal. out: OTPAUTH_URI_CAP bytes.
 * E_INVALID: a field breaks the rules above. E_LIMIT: does not fit. out is wiped then. */
int otpauth_build(const struct otpauth *o, char *out, size_t cap) MUST_USE;

#endif
