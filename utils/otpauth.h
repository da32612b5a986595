/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_OTPAUTH_H
#define PAM_TOTP_OTPAUTH_H

#include "core/bytes.h"
#include "core/diag.h"
#include "core/otpauth.h"

#define OTPAUTH_URI_MAX 2048 /* bytes of a URI that is read */

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

#endif
