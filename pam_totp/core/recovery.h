/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_RECOVERY_H
#define PAM_TOTP_RECOVERY_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/* A recovery code is 20 letters in four groups of five, "kqvbz-mdxtl-frwng-hspcq":
 * 19 random letters of an alphabet of 20 consonants (82 bits) and one check letter.
 * It holds no digit, so it cannot be taken for a TOTP code, and no vowel, so it spells
 * nothing. */
#define RECOVERY_CODES_MAX 10
#define RECOVERY_LETTERS 20
#define RECOVERY_TEXT_CAP 24 /* with dashes and NUL */
#define RECOVERY_SALT_LEN 16
#define RECOVERY_HASH_LEN 32
#define RECOVERY_ITERATIONS 10000
#define RECOVERY_ITERATIONS_MIN 1000
#define RECOVERY_ITERATIONS_MAX 1000000

/* The hashed form of one set, as stored in the record.
 * id: grows with every new set; 0 means that there is no set. */
struct recovery_set {
	uint32_t id;
	uint32_t iterations;
	uint8_t salt[RECOVERY_SALT_LEN];
	unsigned count; /* 0..RECOVERY_CODES_MAX */
	uint8_t hash[RECOVERY_CODES_MAX][RECOVERY_HASH_LEN];
};

/* The clear form of one set, for the one time that it is shown. */
struct recovery_sheet {
	char text[RECOVERY_CODES_MAX][RECOVERY_TEXT_CAP];
};

/* A code as typed, in its normal form: RECOVERY_LETTERS lower-case letters. */
struct recovery_typed {
	char letters[RECOVERY_LETTERS];
};

void recovery_sheet_wipe(struct recovery_sheet *s);
void recovery_typed_wipe(struct recovery_typed *t);

/* Make a new set of RECOVERY_CODES_MAX codes with the given id (not 0): the hashes
 * into *set, the codes into *sheet, which the caller shows once and wipes.
 * E_INVALID: id is 0. E_CRYPTO: no random bytes, or libcrypto refused; both are wiped then. */
int recovery_generate(uint32_t id, struct recovery_set *set, struct recovery_sheet *sheet) MUST_USE;

/* Read a typed recovery code: blanks and '-' are passed over, either case.
 * E_INVALID: not 20 letters of the alphabet, or the check letter is wrong (a slip of
 * the pen, told apart from a wrong code); *out is wiped then. */
int recovery_parse_typed(struct span answer, struct recovery_typed *out) MUST_USE;

/* Which code of the set was typed: *index is 0..count-1, or -1 for none. One
 * key derivation (PBKDF2-HMAC-SHA256, RFC 8018 section 5.2) whatever the outcome;
 * all hashes are compared in constant time. A set with id 0 or count 0 matches nothing,
 * after the same work.
 * E_INVALID: count or iterations out of range. E_CRYPTO: libcrypto refused. *index is -1 then. */
int recovery_match(const struct recovery_set *set, const struct recovery_typed *typed,
    int *index) MUST_USE;

/* A one-time grant by an administrator (bypass code, enrolment ticket): one code of the same
 * shape and hash as a recovery code. record.h stores id, expires, salt and hash.
 * recovery_grant_make: salt, hash and text (RECOVERY_TEXT_CAP) of a new code; E_CRYPTO: all are
 * wiped. recovery_grant_match: *is_match in constant time, one key derivation; E_CRYPTO. */
int recovery_grant_make(uint8_t salt[RECOVERY_SALT_LEN], uint8_t hash[RECOVERY_HASH_LEN],
    char text[RECOVERY_TEXT_CAP]) MUST_USE;
int recovery_grant_match(const uint8_t salt[RECOVERY_SALT_LEN],
    const uint8_t hash[RECOVERY_HASH_LEN], const struct recovery_typed *typed,
    bool *is_match) MUST_USE;

#endif
