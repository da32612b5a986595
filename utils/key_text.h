/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_KEY_TEXT_H
#define PAM_TOTP_KEY_TEXT_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/otp.h"

/* Read a key in base32 as a person or a vendor writes it: either case, groups with blanks or
 * '-' between, '=' at the end. E_INVALID: anything else, or more than OTP_SECRET_MAX bytes; d
 * never quotes the text, *s is wiped then. */
int key_text_parse(struct span text, struct otp_secret *s, struct diag *d) MUST_USE;

/* Refuse a key from elsewhere that is no good: outside OTP_SECRET_MIN..OTP_SECRET_MAX bytes,
 * or below OTP_SECRET_STRONG unless takes_weak (RFC 4226 section 4, R6). E_INVALID. */
int key_text_check(const struct otp_secret *s, bool takes_weak, struct diag *d) MUST_USE;

#endif
