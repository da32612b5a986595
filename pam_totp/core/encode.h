/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ENCODE_H
#define PAM_TOTP_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/* Characters of len bytes in base32 without padding, and with the NUL. */
#define ENCODE_BASE32_CAP(len) (((len) * 8 + 4) / 5 + 1)
#define ENCODE_HEX_CAP(len) ((len) * 2 + 1)

/* Print len bytes as base32 (A-Z2-7, upper case, no padding), terminated.
 * out: ENCODE_BASE32_CAP(len) bytes at least, else E_INVALID and out is "".
 * No table look-up depends on a secret byte. Source: RFC 4648 section 6. */
int encode_base32_print(const uint8_t *in, size_t len, char *out, size_t cap) MUST_USE;

/* Parse base32 of either case; '=' padding is accepted at the end only and only
 * in the right amount; anything else, and non-zero left-over bits, is refused.
 * (A person's spaces and '-' are for the caller to take out.)
 * out: cap bytes; *len: bytes written.
 * E_INVALID: not base32, or longer than cap; *len is 0 and out is wiped then. */
int encode_base32_parse(struct span text, uint8_t *out, size_t cap, size_t *len) MUST_USE;

/* Print len bytes as lower-case hexadecimal, terminated; E_INVALID: cap too small. */
int encode_hex_print(const uint8_t *in, size_t len, char *out, size_t cap) MUST_USE;

/* Parse exactly len bytes of hexadecimal (lower or upper case).
 * E_INVALID: other length or characters; out is wiped then. */
int encode_hex_parse(struct span text, uint8_t *out, size_t len) MUST_USE;

#endif
