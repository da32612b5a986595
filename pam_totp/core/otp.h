/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_OTP_H
#define PAM_TOTP_OTP_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

#define OTP_SECRET_MIN 10     /* bytes: 80 bits, weak; imports warn below 16 */
#define OTP_SECRET_STRONG 16  /* bytes: 128 bits, RFC 4226 section 4, R6 */
#define OTP_SECRET_MAX 64     /* bytes: the HMAC-SHA-512 output */
#define OTP_SECRET_DEFAULT 20 /* bytes: the HMAC-SHA-1 output */
#define OTP_DIGITS_MIN 6
#define OTP_DIGITS_MAX 8
#define OTP_PERIOD_MIN 15  /* seconds */
#define OTP_PERIOD_MAX 120 /* seconds; NIST SP 800-63B-4 section 3.1.4 */
#define OTP_MATCH_MAX 64   /* steps in one otp_match */
#define OTP_NO_STEP UINT64_MAX

enum otp_algorithm { OTP_SHA1 = 1, OTP_SHA256, OTP_SHA512 };

struct otp_params {
	enum otp_algorithm algorithm;
	unsigned digits;   /* 6..8 */
	unsigned period_s; /* 15..120 */
};

struct otp_secret {
	uint8_t bytes[OTP_SECRET_MAX];
	size_t len; /* OTP_SECRET_MIN..OTP_SECRET_MAX */
};

/* A code as its user typed it: digits only, leading zeros kept by `digits`. */
struct otp_typed {
	uint32_t code;	 /* 0..10^digits - 1 */
	unsigned digits; /* 6..8 */
};

/* SHA1, 6 digits, 30 s: the only parameters that every authenticator app honours. */
#define OTP_PARAMS_DEFAULT \
	(struct otp_params) { .algorithm = OTP_SHA1, .digits = 6, .period_s = 30 }

/* Overwrite a secret. */
void otp_secret_wipe(struct otp_secret *s);

/* Whether the parameters are in range. */
bool otp_params_ok(const struct otp_params *p);

/* The name of an algorithm as in otpauth URIs ("SHA1", "SHA256", "SHA512");
 * "?" for a value outside the enum. otp_algorithm_parse takes it back, any case:
 * E_INVALID: another word; *a is 0 then, which no function accepts. */
const char *otp_algorithm_name(enum otp_algorithm a);
int otp_algorithm_parse(struct span s, enum otp_algorithm *a) MUST_USE;

/* Fill s with OTP_SECRET_DEFAULT (SHA1), 40 (SHA256) or 60 (SHA512) random bytes, the
 * multiples of 5 nearest to the HMAC output, so that base32 needs no padding.
 * E_INVALID: no such algorithm. E_CRYPTO: getentropy(3) refused; s is wiped then. */
int otp_secret_generate(enum otp_algorithm a, struct otp_secret *s) MUST_USE;

/* The step that holds a moment: now_s / period_s. now_s: seconds since 1970 UTC.
 * OTP_NO_STEP for a period of 0, which every function below then refuses.
 * Source: RFC 6238 section 4.2 with T0 = 0. */
uint64_t otp_step(const struct otp_params *p, uint64_t now_s);

/* The code of one step. Source: RFC 4226 section 5.3, RFC 6238 section 4.
 * E_INVALID: parameters or secret length out of range. E_CRYPTO: libcrypto refused.
 * *code is UINT32_MAX then. Thread-safe. */
int otp_code(const struct otp_params *p, const struct otp_secret *s, uint64_t step,
    uint32_t *code) MUST_USE;

/* Which of the count steps first, first+1, ... have the typed code: bit i of *mask is
 * set when step first+i matches. All steps are computed and compared in constant
 * time; the work depends on algorithm and count only. A typed code of another number
 * of digits matches nothing, after the same work.
 * count: 1..OTP_MATCH_MAX; first + count must not pass UINT64_MAX.
 * E_INVALID, E_CRYPTO as otp_code; *mask is 0 then. Source: RFC 6238 section 5.2. */
int otp_match(const struct otp_params *p, const struct otp_secret *s, uint64_t first,
    unsigned count, struct otp_typed typed, uint64_t *mask) MUST_USE;

/* One secret of otp_match_all. params, secret, first and count as for otp_match. */
struct otp_matching {
	const struct otp_params *params;
	const struct otp_secret *secret;
	uint64_t first;
	unsigned count;
	uint64_t mask; /* the answer */
};

/* otp_match for n secrets and one typed code, in order, whichever of them match. What
 * libcrypto has to make ready is made ready once, a third of the cost at three steps each.
 * E_INVALID, E_CRYPTO as otp_match, for any of them; every mask is 0 then. */
int otp_match_all(struct otp_matching *m, unsigned n, struct otp_typed typed) MUST_USE;

/* Find the step T in first..last whose code is code1 and whose successor's code is
 * code2: the step nearest to `near` when several fit, the later of two
 * equally near ones. All steps are computed.
 * *step: T, or OTP_NO_STEP when there is none. last - first: at most 6000;
 * last: below UINT64_MAX.
 * E_INVALID, E_CRYPTO as otp_code; *step is OTP_NO_STEP then. Source: RFC 4226 section 7.4. */
int otp_find_pair(const struct otp_params *p, const struct otp_secret *s, uint64_t first,
    uint64_t last, uint64_t near, struct otp_typed code1, struct otp_typed code2,
    uint64_t *step) MUST_USE;

/* Read a typed code: blanks and '-' anywhere are passed over, then 6..8 ASCII digits
 * must be all that is left.
 * E_INVALID: anything else (empty, letters, full-width digits, 5 or 9 digits);
 * *out is {0, 0} then. Not for logs: the text may be a password. */
int otp_parse_typed(struct span answer, struct otp_typed *out) MUST_USE;

/* SHA-256 of len bytes into out (32 bytes), by libcrypto.
 * E_CRYPTO: libcrypto refused; out is zero then. */
int otp_sha256(const void *in, size_t len, uint8_t out[32]) MUST_USE;

#endif
