/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* recovery.c: what is made can be read and matched, letters are uniform, and the check
 * letter catches exactly what recovery.c says it does, shown for every place and pair of
 * letters. getentropy is replaced by this program's own, which asks the kernel unless a
 * test says otherwise; the code under test is the one that ships. */

#include "core/recovery.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <cmocka.h>

#include "tests/support/vectors.h"

#define ALPHABET "bcdfghjklmnpqrstvwxz"
#define LETTERS 20U

/* How getentropy behaves; all zero: it asks the kernel. */
static struct fake {
	unsigned calls;
	unsigned call_fails; /* number of the call that fails; 0 = none */
	bool is_counting;    /* 0, 1, 2, ... 255, 0, ... */
	bool is_stuck;	     /* nothing but 0xff */
	uint8_t next;
} fake;

static int
reset_fake(void **state)
{
	(void)state;
	fake = (struct fake) { .calls = 0 };
	return 0;
}

int
getentropy(void *buf, size_t len)
{
	if (++fake.calls == fake.call_fails) {
		memset(buf, 0x55, len);
		errno = ENOSYS;
		return -1;
	}
	uint8_t *bytes = buf;
	for (size_t i = 0; fake.is_counting && i < len; i++)
		bytes[i] = fake.next++;
	if (fake.is_stuck)
		memset(buf, 0xff, len);
	if (fake.is_counting || fake.is_stuck)
		return 0;
	return getrandom(buf, len, 0) == (ssize_t)len ? 0 : -1;
}

static struct span
span_of(const char *text)
{
	return (struct span) { .at = text, .len = strlen(text) };
}

static bool
is_read(const char letters[RECOVERY_LETTERS])
{
	struct recovery_typed t;
	return recovery_parse_typed((struct span) { letters, RECOVERY_LETTERS }, &t) == E_OK;
}

/* A set with few iterations, so that a test may match often. */
static void
hash_cheaply(struct recovery_set *set, const struct recovery_sheet *sheet)
{
	set->iterations = RECOVERY_ITERATIONS_MIN;
	for (size_t i = 0; i < RECOVERY_CODES_MAX; i++) {
		struct recovery_typed t;
		assert_int_equal(recovery_parse_typed(span_of(sheet->text[i]), &t), 0);
		assert_int_equal(PKCS5_PBKDF2_HMAC(t.letters, RECOVERY_LETTERS, set->salt,
		    RECOVERY_SALT_LEN, RECOVERY_ITERATIONS_MIN, EVP_sha256(),
		    RECOVERY_HASH_LEN, set->hash[i]), 1);
	}
}

static void
test_generated_codes_match(void **state)
{
	(void)state;
	struct recovery_set set, other;
	struct recovery_sheet sheet, other_sheet;
	memset(&set, 0x55, sizeof(set));
	memset(&sheet, 0x55, sizeof(sheet));
	assert_int_equal(recovery_generate(7, &set, &sheet), 0);
	assert_int_equal(recovery_generate(8, &other, &other_sheet), 0);
	assert_int_equal(set.id, 7);
	assert_int_equal(set.count, RECOVERY_CODES_MAX);
	assert_int_equal(set.iterations, RECOVERY_ITERATIONS);
	assert_memory_not_equal(set.salt, other.salt, RECOVERY_SALT_LEN);

	for (int i = 0; i < RECOVERY_CODES_MAX; i++) {
		const char *text = sheet.text[i];
		assert_int_equal(strlen(text), RECOVERY_TEXT_CAP - 1);
		for (size_t k = 0; k < RECOVERY_TEXT_CAP - 1; k++) {
			if (k % 6 == 5)
				assert_int_equal(text[k], '-');
			else
				assert_non_null(strchr(ALPHABET, text[k]));
		}
		for (int k = 0; k < i; k++)
			assert_string_not_equal(text, sheet.text[k]);

		struct recovery_typed t;
		int index = 99;
		assert_int_equal(recovery_parse_typed(span_of(text), &t), 0);
		assert_int_equal(recovery_match(&set, &t, &index), 0);
		assert_int_equal(index, i);
		/* Somebody else's set does not know it. */
		assert_int_equal(recovery_match(&other, &t, &index), 0);
		assert_int_equal(index, -1);
	}
}

/* The hash is PBKDF2-HMAC-SHA256 of the 20 letters, so that another program can check it:
 * computed by Python's hashlib.pbkdf2_hmac. */
static void
test_hash_is_pbkdf2(void **state)
{
	(void)state;
	struct recovery_set set = { .id = 1, .iterations = 10000, .count = 2 };
	for (uint8_t i = 0; i < RECOVERY_SALT_LEN; i++)
		set.salt[i] = i;
	assert_int_equal(vectors_hex(
	    "f9785e6d6bfa330ac7bd6bc233a60b774c12ff14a7db1c2a9fc3571f03a57c8f",
	    set.hash[1], RECOVERY_HASH_LEN), RECOVERY_HASH_LEN);
	struct recovery_typed t;
	int index = 99;
	assert_int_equal(recovery_parse_typed(span_of("kqvbz-mdxtl-frwng-hspcq"), &t), 0);
	assert_int_equal(recovery_match(&set, &t, &index), 0);
	assert_int_equal(index, 1);
}

static void
test_match_limits(void **state)
{
	(void)state;
	struct recovery_set set;
	struct recovery_sheet sheet;
	struct recovery_typed t[RECOVERY_CODES_MAX];
	assert_int_equal(recovery_generate(1, &set, &sheet), 0);
	hash_cheaply(&set, &sheet);
	for (int i = 0; i < RECOVERY_CODES_MAX; i++)
		assert_int_equal(recovery_parse_typed(span_of(sheet.text[i]), &t[i]), 0);

	/* A code past count is none, whatever its hash. */
	static const unsigned counts[] = { 1, 9, 10 };
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		unsigned count = counts[c];
		set.count = count;
		for (int i = 0; i < RECOVERY_CODES_MAX; i++) {
			int index = 99;
			assert_int_equal(recovery_match(&set, &t[i], &index), 0);
			assert_int_equal(index, (unsigned)i < count ? i : -1);
		}
	}
	int index = 99;
	set.count = RECOVERY_CODES_MAX + 1;
	assert_int_equal(recovery_match(&set, &t[0], &index), E_INVALID);
	assert_int_equal(index, -1);
	set.count = RECOVERY_CODES_MAX;
	set.id = 0;
	index = 99;
	assert_int_equal(recovery_match(&set, &t[0], &index), 0);
	assert_int_equal(index, -1);
	set.id = 1;
	static const uint32_t iterations[] = { 0, RECOVERY_ITERATIONS_MIN - 1,
		RECOVERY_ITERATIONS_MAX + 1, UINT32_MAX };
	for (size_t i = 0; i < sizeof(iterations) / sizeof(iterations[0]); i++) {
		set.iterations = iterations[i];
		index = 99;
		assert_int_equal(recovery_match(&set, &t[0], &index), E_INVALID);
		assert_int_equal(index, -1);
	}
}

/* No set at all, as of a user without a record: nothing matches. */
static void
test_match_of_no_set(void **state)
{
	(void)state;
	static const struct recovery_set none;
	struct recovery_typed t;
	int index = 99;
	assert_int_equal(recovery_parse_typed(span_of("bbbbb-bbbbb-bbbbb-bbbbb"), &t), 0);
	assert_int_equal(recovery_match(&none, &t, &index), 0);
	assert_int_equal(index, -1);
	recovery_typed_wipe(&t);
	index = 99;
	assert_int_equal(recovery_match(&none, &t, &index), 0);
	assert_int_equal(index, -1);
}

static void
test_typed_forms(void **state)
{
	(void)state;
	struct recovery_typed want, t;
	assert_int_equal(recovery_parse_typed(span_of("kqvbz-mdxtl-frwng-hspcq"), &want), 0);
	assert_memory_equal(want.letters, "kqvbzmdxtlfrwnghspcq", RECOVERY_LETTERS);
	static const char *const good[] = { "kqvbzmdxtlfrwnghspcq",
		"KQVBZMDXTLFRWNGHSPCQ", " kqvbz-mdxtl-frwng-hspcq ",
		"\tkq VB zm DX tl FR wn GH sp CQ--" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&t, 0x55, sizeof(t));
		assert_int_equal(recovery_parse_typed(span_of(good[i]), &t), 0);
		assert_memory_equal(&t, &want, sizeof(t));
	}
}

static void
assert_not_read(struct span s)
{
	static const struct recovery_typed zero;
	struct recovery_typed t;
	memset(&t, 0x55, sizeof(t));
	assert_int_equal(recovery_parse_typed(s, &t), E_INVALID);
	assert_memory_equal(&t, &zero, sizeof(t));
}

static void
test_typed_refused(void **state)
{
	(void)state;
	/* "b" is worth 0, so that many of them are a code of check letter b. */
	static const char *const bad[] = { "", "-", " ", "b", "bbbbbbbbbbbbbbbbbbb",
		"bbbbbbbbbbbbbbbbbbbbb", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "123456",
		"bbbbb-bbbbb-bbbbb-bbbbc", "bbbbb_bbbbb_bbbbb_bbbbb", "bbbbb-bbbbb-bbbbb-bbbbb\n",
		"bbbbb-bbbbb-bbbbb-bbbbb.", "hunter2" };
	assert_true(is_read("bbbbbbbbbbbbbbbbbbbb"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_not_read(span_of(bad[i]));
	assert_not_read((struct span) { NULL, 0 });
	assert_not_read((struct span) { NULL, RECOVERY_LETTERS });
	assert_not_read((struct span) { "bbbbbbbbbbbbbbbbbbbb\0", 21 });

	/* Every byte that is no letter of the alphabet, in the first and the last place. */
	for (int c = 0; c < 256; c++) {
		int lower = c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
		if (c == ' ' || c == '\t' || c == '-' ||
		    (c != 0 && strchr(ALPHABET, lower) != NULL))
			continue;
		char text[RECOVERY_LETTERS + 1] = "bbbbbbbbbbbbbbbbbbbb";
		text[0] = (char)c;
		assert_not_read((struct span) { text, RECOVERY_LETTERS });
		text[0] = 'b';
		text[RECOVERY_LETTERS - 1] = (char)c;
		assert_not_read((struct span) { text, RECOVERY_LETTERS });
		/* Nor is it passed over. */
		text[RECOVERY_LETTERS - 1] = 'b';
		text[RECOVERY_LETTERS] = (char)c;
		assert_not_read((struct span) { text, RECOVERY_LETTERS + 1 });
	}
}

/* Every single wrong letter is caught: 10 codes, every place, every other letter. */
static void
test_every_wrong_letter_is_caught(void **state)
{
	(void)state;
	struct recovery_set set;
	struct recovery_sheet sheet;
	assert_int_equal(recovery_generate(1, &set, &sheet), 0);
	for (size_t i = 0; i < RECOVERY_CODES_MAX; i++) {
		struct recovery_typed t;
		assert_int_equal(recovery_parse_typed(span_of(sheet.text[i]), &t), 0);
		for (size_t place = 0; place < RECOVERY_LETTERS; place++) {
			char right = t.letters[place];
			for (unsigned k = 0; k < LETTERS; k++) {
				t.letters[place] = ALPHABET[k];
				assert_int_equal(is_read(t.letters), ALPHABET[k] == right);
			}
			t.letters[place] = right;
		}
	}
}

/* A code with the letters a and b at place, place + 1, and the letter at `fill` such that
 * the check letter is right. */
static void
make_code_with(char letters[RECOVERY_LETTERS], size_t place, unsigned a, unsigned b, size_t fill)
{
	memset(letters, 'b', RECOVERY_LETTERS);
	letters[place] = ALPHABET[a];
	letters[place + 1] = ALPHABET[b];
	unsigned found = 0;
	char right = '\0';
	for (unsigned k = 0; k < LETTERS; k++) {
		letters[fill] = ALPHABET[k];
		if (is_read(letters)) {
			right = ALPHABET[k];
			found++;
		}
	}
	assert_int_equal(found, 1); /* each place can be the check letter */
	letters[fill] = right;
}

/* Every swap of two neighbours is caught, in every place and for every pair of letters, but
 * of two that are 10 places apart in the alphabet: those never are. */
static void
test_swaps_of_neighbours(void **state)
{
	(void)state;
	unsigned caught = 0, missed = 0;
	for (size_t place = 0; place + 1 < RECOVERY_LETTERS; place++) {
		size_t fill = place >= 2 ? 0 : RECOVERY_LETTERS - 1;
		for (unsigned a = 0; a < LETTERS; a++) {
			for (unsigned b = 0; b < LETTERS; b++) {
				if (a == b)
					continue;
				char letters[RECOVERY_LETTERS];
				make_code_with(letters, place, a, b, fill);
				letters[place] = ALPHABET[b];
				letters[place + 1] = ALPHABET[a];
				bool is_missed = is_read(letters);
				assert_int_equal(is_missed, a + 10 == b || b + 10 == a);
				if (is_missed)
					missed++;
				else
					caught++;
			}
		}
	}
	assert_int_equal(caught, 19 * 360);
	assert_int_equal(missed, 19 * 20);
}

/* Whether a letter of this weight cannot be another one with the same sum. */
static bool
catches_letters(unsigned weight)
{
	for (unsigned d = 1; d < LETTERS; d++)
		if (weight * d % LETTERS == 0)
			return false;
	return true;
}

/* How many pairs of different letters have the same sum when swapped. */
static unsigned
missed_swaps(unsigned v, unsigned w)
{
	unsigned missed = 0;
	for (unsigned a = 0; a < LETTERS; a++)
		for (unsigned b = 0; b < LETTERS; b++)
			if (a != b && (v * a + w * b) % LETTERS == (v * b + w * a) % LETTERS)
				missed++;
	return missed;
}

/* No other weights would miss fewer: of all pairs of weights that catch every single wrong
 * letter, none catches all swaps, and none misses fewer than 20 of the 380. */
static void
test_no_weights_do_better(void **state)
{
	(void)state;
	unsigned fewest = LETTERS * LETTERS, pairs = 0;
	for (unsigned v = 1; v < LETTERS; v++) {
		for (unsigned w = 1; w < LETTERS; w++) {
			if (!catches_letters(v) || !catches_letters(w))
				continue;
			unsigned missed = missed_swaps(v, w);
			if (missed < fewest)
				fewest = missed;
			pairs++;
		}
	}
	assert_int_equal(pairs, 64); /* 8 numbers below 20 are coprime to it */
	assert_int_equal(fewest, 20);
}

/* 240 bytes that fall evenly on the letters, 16 that are thrown away: over whole rounds of
 * all 256 bytes each letter comes equally often. */
static void
test_letters_are_uniform(void **state)
{
	(void)state;
	struct recovery_set set;
	struct recovery_sheet sheet;
	fake.is_counting = true;
	fake.next = (uint8_t)-RECOVERY_SALT_LEN; /* the salt takes the first ones */
	unsigned counts[LETTERS] = { 0 };
	unsigned drawn = 0;
	assert_int_equal(recovery_generate(1, &set, &sheet), 0);
	for (size_t i = 0; i < RECOVERY_CODES_MAX; i++) {
		char flat[RECOVERY_LETTERS];
		for (size_t k = 0; k < RECOVERY_LETTERS; k++)
			flat[k] = sheet.text[i][k + k / 5];
		for (size_t k = 0; k < RECOVERY_LETTERS - 1; k++) {
			size_t value = (size_t)(strchr(ALPHABET, flat[k]) - ALPHABET);
			assert_int_equal(value, drawn % LETTERS);
			counts[value]++;
			drawn++;
		}
	}
	assert_int_equal(drawn, 190);
	for (size_t i = 0; i < LETTERS; i++)
		assert_in_range(counts[i], 9, 10);
}

/* A byte of 240..255 gives no letter: started there, the first letter is still b. */
static void
test_uneven_bytes_are_thrown_away(void **state)
{
	(void)state;
	struct recovery_set set;
	struct recovery_sheet sheet;
	static const unsigned firsts[] = { 239, 240, 255, 256 };
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		reset_fake(NULL);
		fake.is_counting = true;
		fake.next = (uint8_t)(firsts[i] - RECOVERY_SALT_LEN);
		assert_int_equal(recovery_generate(1, &set, &sheet), 0);
		assert_int_equal(sheet.text[0][0], firsts[i] == 239 ? 'z' : 'b');
	}
}

static void
assert_nothing_made(int r, const struct recovery_set *set, const struct recovery_sheet *sheet)
{
	static const struct recovery_set no_set;
	static const struct recovery_sheet no_sheet;
	assert_int_equal(r, E_CRYPTO);
	assert_memory_equal(set, &no_set, sizeof(no_set));
	assert_memory_equal(sheet, &no_sheet, sizeof(no_sheet));
}

static void
test_generate_fails_whole(void **state)
{
	(void)state;
	struct recovery_set set;
	struct recovery_sheet sheet;
	/* No random bytes for the salt, for the first letters, for later ones. */
	for (unsigned n = 1; n <= 4; n++) {
		memset(&set, 0x55, sizeof(set));
		memset(&sheet, 0x55, sizeof(sheet));
		reset_fake(NULL);
		fake.call_fails = n;
		assert_nothing_made(recovery_generate(1, &set, &sheet), &set, &sheet);
		assert_int_equal(fake.calls, n);
	}
	/* A source that gives the same byte for ever does not hang. */
	reset_fake(NULL);
	fake.is_stuck = true;
	assert_nothing_made(recovery_generate(1, &set, &sheet), &set, &sheet);

	reset_fake(NULL);
	assert_int_equal(recovery_generate(0, &set, &sheet), E_INVALID);
	assert_int_equal(set.count, 0);
	assert_int_equal(sheet.text[0][0], '\0');
}

static void
test_libcrypto_has_no_algorithm(void **state)
{
	(void)state;
	struct recovery_set set, made;
	struct recovery_sheet sheet, made_sheet;
	struct recovery_typed t;
	int index = 99;
	assert_int_equal(recovery_generate(1, &set, &sheet), 0);
	assert_int_equal(recovery_parse_typed(span_of(sheet.text[0]), &t), 0);
	ERR_clear_error();
	assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
	ERR_clear_error();
	int r1 = recovery_match(&set, &t, &index);
	/* A set without hashes does not match the hash that could not be made. */
	int index2 = 99;
	memset(set.hash, 0, sizeof(set.hash));
	int r2 = recovery_match(&set, &t, &index2);
	int r3 = recovery_generate(1, &made, &made_sheet);
	unsigned long left = ERR_peek_error();
	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
	assert_int_equal(r1, E_CRYPTO);
	assert_int_equal(index, -1);
	assert_int_equal(r2, E_CRYPTO);
	assert_int_equal(index2, -1);
	assert_nothing_made(r3, &made, &made_sheet);
	assert_true(left == 0);
}

/* Bypass codes and tickets: the same codes, one at a time. */
static void
test_grants_match_themselves_only(void **state)
{
	(void)state;
	uint8_t salt[2][RECOVERY_SALT_LEN], hash[2][RECOVERY_HASH_LEN];
	char text[2][RECOVERY_TEXT_CAP];
	struct recovery_typed t[2];
	for (int i = 0; i < 2; i++) {
		assert_int_equal(recovery_grant_make(salt[i], hash[i], text[i]), 0);
		assert_int_equal(strlen(text[i]), RECOVERY_TEXT_CAP - 1);
		assert_int_equal(recovery_parse_typed(span_of(text[i]), &t[i]), 0);
		uint8_t expected[RECOVERY_HASH_LEN];
		assert_int_equal(PKCS5_PBKDF2_HMAC(t[i].letters, RECOVERY_LETTERS, salt[i],
		    RECOVERY_SALT_LEN, RECOVERY_ITERATIONS, EVP_sha256(), RECOVERY_HASH_LEN,
		    expected), 1);
		assert_memory_equal(hash[i], expected, sizeof(expected));
	}
	assert_string_not_equal(text[0], text[1]);
	assert_memory_not_equal(salt[0], salt[1], sizeof(salt[0]));
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++) {
			bool is_match = i != k;
			assert_int_equal(recovery_grant_match(salt[i], hash[i], &t[k],
			    &is_match), 0);
			assert_int_equal(is_match, i == k);
			is_match = true;
			assert_int_equal(recovery_grant_match(salt[1 - i], hash[i], &t[k],
			    &is_match), 0);
			assert_false(is_match);
		}
	/* None at all, as of a user without a record. */
	static const uint8_t none[RECOVERY_HASH_LEN];
	bool is_match = true;
	assert_int_equal(recovery_grant_match(none, none, &t[0], &is_match), 0);
	assert_false(is_match);
}

static void
test_grants_fail_whole(void **state)
{
	(void)state;
	static const uint8_t none[RECOVERY_HASH_LEN];
	static const char no_text[RECOVERY_TEXT_CAP];
	uint8_t salt[RECOVERY_SALT_LEN], hash[RECOVERY_HASH_LEN];
	char text[RECOVERY_TEXT_CAP];
	struct recovery_typed t;
	memset(&t, 'b', sizeof(t));
	for (unsigned n = 1; n <= 4; n++) {
		memset(salt, 0x55, sizeof(salt));
		memset(hash, 0x55, sizeof(hash));
		memset(text, 0x55, sizeof(text));
		reset_fake(NULL);
		if (n <= 2)
			fake.call_fails = n;
		else if (n == 3)
			fake.is_stuck = true;
		else
			assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
		ERR_clear_error();
		int r = recovery_grant_make(salt, hash, text);
		bool is_match = true;
		/* A hash of zeros is not that of a code that could not be derived. */
		int r2 = n == 4 ? recovery_grant_match(none, none, &t, &is_match) : E_CRYPTO;
		unsigned long left = ERR_peek_error();
		if (n == 4) {
			assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
			assert_false(is_match);
		}
		assert_int_equal(r, E_CRYPTO);
		assert_int_equal(r2, E_CRYPTO);
		assert_true(left == 0);
		assert_memory_equal(salt, none, sizeof(salt));
		assert_memory_equal(hash, none, sizeof(hash));
		assert_memory_equal(text, no_text, sizeof(text));
	}
}

static void
test_wipe(void **state)
{
	(void)state;
	static const struct recovery_sheet no_sheet;
	static const struct recovery_typed no_typed;
	struct recovery_sheet sheet;
	struct recovery_typed t;
	memset(&sheet, 0x55, sizeof(sheet));
	memset(&t, 0x55, sizeof(t));
	recovery_sheet_wipe(&sheet);
	recovery_typed_wipe(&t);
	assert_memory_equal(&sheet, &no_sheet, sizeof(sheet));
	assert_memory_equal(&t, &no_typed, sizeof(t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_generated_codes_match, reset_fake),
		cmocka_unit_test_setup(test_hash_is_pbkdf2, reset_fake),
		cmocka_unit_test_setup(test_match_limits, reset_fake),
		cmocka_unit_test_setup(test_match_of_no_set, reset_fake),
		cmocka_unit_test_setup(test_typed_forms, reset_fake),
		cmocka_unit_test_setup(test_typed_refused, reset_fake),
		cmocka_unit_test_setup(test_every_wrong_letter_is_caught, reset_fake),
		cmocka_unit_test_setup(test_swaps_of_neighbours, reset_fake),
		cmocka_unit_test_setup(test_no_weights_do_better, reset_fake),
		cmocka_unit_test_setup(test_letters_are_uniform, reset_fake),
		cmocka_unit_test_setup(test_uneven_bytes_are_thrown_away, reset_fake),
		cmocka_unit_test_setup(test_generate_fails_whole, reset_fake),
		cmocka_unit_test_setup(test_libcrypto_has_no_algorithm, reset_fake),
		cmocka_unit_test_setup(test_grants_match_themselves_only, reset_fake),
		cmocka_unit_test_setup(test_grants_fail_whole, reset_fake),
		cmocka_unit_test_setup(test_wipe, reset_fake),
	};
	return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
