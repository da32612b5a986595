/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Recovery codes: made, shown once, stored only as hashes, read back.
 *
 * Promises:
 *  1. Each of the 19 random letters is one of 20 with exactly equal chance: bytes of
 *     getentropy(3) that would favour some letters are thrown away.
 *  2. Matching costs one key derivation and a comparison with all RECOVERY_CODES_MAX
 *     hashes, whether the set is full, empty or absent, and whichever code matched.
 *  3. A set that is absent (id 0, or no codes) or breaks its limits matches nothing.
 *  4. Clear codes and derived hashes are wiped; letters are told by scanning the whole
 *     alphabet, so no memory is addressed by a letter of a code.
 *
 * The alphabet: the 20 consonants without y. Without vowels a code spells nothing, and y
 * often stands for one; written by hand it is taken for v, which is another letter here,
 * while the look-alikes of l (1, I, |) are no letters at all and so are refused before
 * anything is counted. Without digits a recovery code is never taken for a TOTP code.
 *
 * The check letter makes the sum of value(letter i) * 3^(19-i) a multiple of 20. All
 * weights (1, 3, 9, 7 in turn) are coprime to 20 and neighbours differ by an even number
 * that is no multiple of 4 or 5, so it catches every single wrong letter, and every swap of
 * two neighbours but of letters 10 places apart (b and n, c and p ... m and z). No weighted
 * sum modulo 20 does better: two numbers coprime to 20 always differ by an even one. A code
 * of random letters passes once in 20 times. It is a help for the typist, not a defence. */

#include "recovery.h"

#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define ALPHABET_LEN 20U
static const char alphabet[ALPHABET_LEN + 1] = "bcdfghjklmnpqrstvwxz";

#define GROUP_LETTERS 5
#define WEIGHT_RATIO 3U /* weight of a letter over that of the next one */

/* Bytes below this fall evenly on the letters: 12 times 20. */
#define BYTE_LIMIT 240U
#define POOL_LEN 64
/* A byte is refused with chance 1/16, so many in a row (2^-256) mean a broken source. */
#define DRAWS_MAX 64

_Static_assert(RECOVERY_TEXT_CAP == RECOVERY_LETTERS + RECOVERY_LETTERS / GROUP_LETTERS,
    "the dashes and the NUL are as many as the groups");
_Static_assert(RECOVERY_CODES_MAX < 32, "one bit of a uint32_t for each code");

void
recovery_sheet_wipe(struct recovery_sheet *s)
{
	bytes_wipe(s, sizeof(*s));
}

void
recovery_typed_wipe(struct recovery_typed *t)
{
	bytes_wipe(t, sizeof(*t));
}

/* All bits when a == b, else 0; both below 256. */
static unsigned
equal_mask(unsigned a, unsigned b)
{
	return 0U - ((((a ^ b) - 1U) >> 8) & 1U);
}

/* value: 0..19. */
static char
letter_of(unsigned value)
{
	unsigned c = 0;
	for (unsigned i = 0; i < ALPHABET_LEN; i++)
		c |= equal_mask(i, value) & (unsigned char)alphabet[i];
	return (char)c; /* 7-bit ASCII */
}

/* 0..19, or ALPHABET_LEN when c is no letter of the alphabet in either case. Setting
 * bit 5 makes a letter lower-case, and makes no other byte a letter. */
static unsigned
value_of(char c)
{
	unsigned lower = (unsigned char)c | 0x20U;
	unsigned value = ALPHABET_LEN;
	for (unsigned i = 0; i < ALPHABET_LEN; i++) {
		unsigned hit = equal_mask(lower, (unsigned char)alphabet[i]);
		value = (value & ~hit) | (i & hit);
	}
	return value;
}

/* The weighted sum with one more letter after those that gave sum. */
static unsigned
sum_add(unsigned sum, unsigned value)
{
	return (sum * WEIGHT_RATIO + value) % ALPHABET_LEN;
}

/* Random letters of many codes, drawn from one source. */
struct letter_source {
	uint8_t pool[POOL_LEN];
	size_t used; /* bytes of the pool taken */
};

/* Promise 1. *value: 0..19. */
static int
source_draw(struct letter_source *s, unsigned *value)
{
	*value = 0;
	for (size_t i = 0; i < DRAWS_MAX; i++) {
		if (s->used == sizeof(s->pool)) {
			if (getentropy(s->pool, sizeof(s->pool)) != 0)
				return E_CRYPTO;
			s->used = 0;
		}
		unsigned byte = s->pool[s->used++];
		if (byte < BYTE_LIMIT) {
			*value = byte % ALPHABET_LEN;
			return E_OK;
		}
	}
	return E_CRYPTO;
}

static int
make_code(struct letter_source *source, struct recovery_typed *code)
{
	unsigned sum = 0;
	for (size_t i = 0; i < RECOVERY_LETTERS - 1; i++) {
		unsigned value = 0;
		if (source_draw(source, &value) != E_OK)
			return E_CRYPTO;
		code->letters[i] = letter_of(value);
		sum = sum_add(sum, value);
	}
	/* What brings the whole sum to 0. */
	unsigned check = (ALPHABET_LEN - sum_add(sum, 0)) % ALPHABET_LEN;
	code->letters[RECOVERY_LETTERS - 1] = letter_of(check);
	return E_OK;
}

static void
print_code(const struct recovery_typed *code, char text[RECOVERY_TEXT_CAP])
{
	size_t used = 0;
	for (size_t i = 0; i < RECOVERY_LETTERS; i++) {
		if (i != 0 && i % GROUP_LETTERS == 0)
			text[used++] = '-';
		text[used++] = code->letters[i];
	}
	text[used] = '\0';
}

/* PBKDF2-HMAC-SHA256 of a code in its normal form; out is zero on failure. */
static int
derive(const struct recovery_typed *code, const uint8_t salt[RECOVERY_SALT_LEN],
    uint32_t iterations, uint8_t out[RECOVERY_HASH_LEN])
{
	if (iterations < RECOVERY_ITERATIONS_MIN || iterations > RECOVERY_ITERATIONS_MAX) {
		bytes_wipe(out, RECOVERY_HASH_LEN);
		return E_INVALID;
	}
	ERR_set_mark(); /* sshd reads the same queue of errors */
	int ok = PKCS5_PBKDF2_HMAC(code->letters, RECOVERY_LETTERS, salt, RECOVERY_SALT_LEN,
	    (int)iterations, EVP_sha256(), RECOVERY_HASH_LEN, out); /* <= 1000000: fits an int */
	ERR_pop_to_mark();
	if (ok != 1) {
		bytes_wipe(out, RECOVERY_HASH_LEN);
		return E_CRYPTO;
	}
	return E_OK;
}

int
recovery_generate(uint32_t id, struct recovery_set *set, struct recovery_sheet *sheet)
{
	int r = E_INVALID;
	struct letter_source source = { .used = POOL_LEN };
	struct recovery_typed code = { .letters = { 0 } };

	bytes_wipe(set, sizeof(*set));
	recovery_sheet_wipe(sheet);
	if (id == 0)
		goto out;
	r = E_CRYPTO;
	if (getentropy(set->salt, sizeof(set->salt)) != 0)
		goto out;
	for (size_t i = 0; i < RECOVERY_CODES_MAX; i++) {
		r = make_code(&source, &code);
		if (r != E_OK)
			goto out;
		r = derive(&code, set->salt, RECOVERY_ITERATIONS, set->hash[i]);
		if (r != E_OK)
			goto out;
		print_code(&code, sheet->text[i]);
	}
	set->iterations = RECOVERY_ITERATIONS;
	set->count = RECOVERY_CODES_MAX;
	set->id = id;
out:
	if (r != E_OK) {
		bytes_wipe(set, sizeof(*set));
		recovery_sheet_wipe(sheet);
	}
	bytes_wipe(&source, sizeof(source));
	recovery_typed_wipe(&code);
	return r;
}

int
recovery_parse_typed(struct span answer, struct recovery_typed *out)
{
	recovery_typed_wipe(out);
	size_t used = 0;
	unsigned sum = 0;
	for (size_t i = 0; answer.at != NULL && i < answer.len; i++) {
		char c = answer.at[i];
		if (c == ' ' || c == '\t' || c == '-')
			continue;
		unsigned value = value_of(c);
		if (value == ALPHABET_LEN || used == RECOVERY_LETTERS)
			goto refused;
		out->letters[used++] = letter_of(value);
		sum = sum_add(sum, value);
	}
	if (used == RECOVERY_LETTERS && sum == 0)
		return E_OK;
refused:
	recovery_typed_wipe(out);
	return E_INVALID;
}

int
recovery_match(const struct recovery_set *set, const struct recovery_typed *typed, int *index)
{
	*index = -1;
	/* Promise 3: what is not a set is a set of none, at the same cost. */
	unsigned count = set->id == 0 ? 0 : set->count;
	if (count > RECOVERY_CODES_MAX)
		return E_INVALID;
	uint32_t iterations = count == 0 ? RECOVERY_ITERATIONS : set->iterations;

	uint8_t hash[RECOVERY_HASH_LEN];
	int r = derive(typed, set->salt, iterations, hash);
	uint32_t hits = 0;
	for (unsigned i = 0; i < RECOVERY_CODES_MAX; i++) {
		uint32_t hit = CRYPTO_memcmp(hash, set->hash[i], RECOVERY_HASH_LEN) == 0;
		hits |= hit << i;
	}
	bytes_wipe(hash, sizeof(hash));
	if (r != E_OK)
		return r;
	hits &= (1U << count) - 1U;
	if (hits != 0)
		*index = __builtin_ctz(hits);
	return E_OK;
}

int
recovery_grant_make(uint8_t salt[RECOVERY_SALT_LEN], uint8_t hash[RECOVERY_HASH_LEN],
    char text[RECOVERY_TEXT_CAP])
{
	int r = E_CRYPTO;
	struct letter_source source = { .used = POOL_LEN };
	struct recovery_typed code = { .letters = { 0 } };

	if (getentropy(salt, RECOVERY_SALT_LEN) == 0)
		r = make_code(&source, &code);
	if (r == E_OK)
		r = derive(&code, salt, RECOVERY_ITERATIONS, hash);
	if (r == E_OK) {
		print_code(&code, text);
	} else {
		bytes_wipe(salt, RECOVERY_SALT_LEN);
		bytes_wipe(hash, RECOVERY_HASH_LEN);
		bytes_wipe(text, RECOVERY_TEXT_CAP);
	}
	bytes_wipe(&source, sizeof(source));
	recovery_typed_wipe(&code);
	return r;
}

int
recovery_grant_match(const uint8_t salt[RECOVERY_SALT_LEN],
    const uint8_t hash[RECOVERY_HASH_LEN], const struct recovery_typed *typed, bool *is_match)
{
	uint8_t derived[RECOVERY_HASH_LEN];

	*is_match = false;
	int r = derive(typed, salt, RECOVERY_ITERATIONS, derived);
	bool is_equal = CRYPTO_memcmp(derived, hash, RECOVERY_HASH_LEN) == 0;
	bytes_wipe(derived, sizeof(derived));
	if (r == E_OK)
		*is_match = is_equal;
	return r;
}
