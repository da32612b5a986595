/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* otp.c: the vectors of RFC 4226 and RFC 6238, oathtool as an independent witness, every
 * refusal, and a libcrypto or kernel that refuses. getentropy and EVP_MAC_final are
 * replaced by this program's own, which pass the call on unless a test says otherwise;
 * the code under test is the one that ships. */

#include "core/otp.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <cmocka.h>

#include "core/encode.h"
#include "tests/support/vectors.h"

#define OATHTOOL_ROUNDS 200

/* How the replaced functions behave; all zero: they pass the call on. */
static struct fake {
	bool entropy_fails;
	unsigned finals;       /* calls of EVP_MAC_final so far */
	unsigned final_fails;  /* number of the call that fails; 0 = none */
	const uint8_t *hash;   /* the result of every call, 20 bytes; NULL = real */
	size_t hash_len;       /* how long that result claims to be */
	const uint32_t *codes; /* the code of call 0, 1, ...; NULL = real */
} fake;

static int
reset_fake(void **state)
{
	(void)state;
	fake = (struct fake) { .finals = 0 };
	return 0;
}

int
getentropy(void *buf, size_t len)
{
	if (fake.entropy_fails) {
		memset(buf, 0x55, len);
		errno = ENOSYS;
		return -1;
	}
	return getrandom(buf, len, 0) == (ssize_t)len ? 0 : -1;
}

int
EVP_MAC_final(EVP_MAC_CTX *ctx, unsigned char *out, size_t *len, size_t cap)
{
	int (*real)(EVP_MAC_CTX *, unsigned char *, size_t *, size_t) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "EVP_MAC_final");
	assert_non_null(symbol);
	memcpy(&real, &symbol, sizeof(real));
	unsigned call = fake.finals++;
	if (fake.finals == fake.final_fails) {
		ERR_raise(ERR_LIB_EVP, ERR_R_INTERNAL_ERROR);
		return 0;
	}
	int r = real(ctx, out, len, cap);
	if (fake.hash != NULL) {
		memcpy(out, fake.hash, 20);
		*len = fake.hash_len;
	}
	if (fake.codes != NULL) {
		memset(out, 0, 20); /* the last byte makes the offset 0 */
		for (unsigned i = 0; i < 4; i++)
			out[i] = (uint8_t)(fake.codes[call] >> (8 * (3 - i)));
		*len = 20;
	}
	return r;
}

static struct span
span_of(const char *text)
{
	return (struct span) { .at = text, .len = strlen(text) };
}

static struct otp_typed
typed(uint32_t code, unsigned digits)
{
	return (struct otp_typed) { .code = code, .digits = digits };
}

/* The secret of RFC 4226, Appendix D. */
static struct otp_secret
rfc_secret(void)
{
	struct otp_secret s = { .len = 20 };
	memcpy(s.bytes, "12345678901234567890", 20);
	return s;
}

static void
test_hotp_vectors(void **state)
{
	(void)state;
	const struct otp_params p = OTP_PARAMS_DEFAULT;
	struct vectors v;
	unsigned seen = 0;
	vectors_open(&v, "hotp.txt");
	while (vectors_next(&v, 3)) {
		struct otp_secret s = { .len = 0 };
		s.len = vectors_hex(v.field[0], s.bytes, sizeof(s.bytes));
		uint32_t code = 0;
		assert_int_equal(otp_code(&p, &s, vectors_number(v.field[1], 10), &code), 0);
		assert_int_equal(code, vectors_number(v.field[2], 10));
		seen++;
	}
	assert_int_equal(seen, 10);
}

static void
test_totp_vectors(void **state)
{
	(void)state;
	struct vectors v;
	unsigned seen = 0;
	vectors_open(&v, "totp.txt");
	while (vectors_next(&v, 5)) {
		struct otp_params p = OTP_PARAMS_DEFAULT;
		struct otp_secret s = { .len = 0 };
		assert_int_equal(otp_algorithm_parse(span_of(v.field[0]), &p.algorithm), 0);
		uint64_t step = otp_step(&p, vectors_number(v.field[1], 10));
		assert_int_equal(step, vectors_number(v.field[2], 16));
		s.len = vectors_hex(v.field[4], s.bytes, sizeof(s.bytes));

		/* A shorter code is the tail of a longer one. */
		uint64_t want = vectors_number(v.field[3], 10);
		static const uint64_t modulus[] = { 1000000, 10000000, 100000000 };
		for (unsigned digits = 6; digits <= 8; digits++) {
			uint32_t code = 0;
			uint64_t mask = 0;
			p.digits = digits;
			assert_int_equal(otp_code(&p, &s, step, &code), 0);
			assert_int_equal(code, want % modulus[digits - 6]);
			assert_int_equal(otp_match(&p, &s, step - 1, 3, typed(code, digits),
			    &mask), 0);
			assert_int_equal(mask, 2);
		}
		seen++;
	}
	assert_int_equal(seen, 18);
}

/* Not random, so that a failure can be repeated (Marsaglia's xorshift). */
static uint64_t
next_number(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* What oathtool says is the code, as text; "" when there is no oathtool. */
static void
ask_oathtool(const struct otp_params *p, const struct otp_secret *s, uint64_t now_s,
    char out[16])
{
	char hex[ENCODE_HEX_CAP(OTP_SECRET_MAX)];
	char command[512];
	assert_int_equal(encode_hex_print(s->bytes, s->len, hex, sizeof(hex)), 0);
	int n = snprintf(command, sizeof(command),
	    "oathtool --totp=%s --digits=%u --time-step-size=%us --now=@%llu %s",
	    otp_algorithm_name(p->algorithm), p->digits, p->period_s,
	    (unsigned long long)now_s, hex);
	assert_true(n > 0 && n < (int)sizeof(command));
	FILE *f = popen(command, "re");
	assert_non_null(f);
	out[0] = '\0';
	if (fgets(out, 16, f) != NULL)
		out[strcspn(out, "\n")] = '\0';
	assert_int_equal(pclose(f), 0);
}

static void
test_oathtool_agrees(void **state)
{
	(void)state;
	if (system("oathtool --version >/dev/null 2>&1") != 0) {
		print_message("# oathtool is not installed\n");
		skip();
	}
	uint64_t x = UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < OATHTOOL_ROUNDS; i++) {
		struct otp_params p = {
			.algorithm = (enum otp_algorithm)(OTP_SHA1 + i % 3),
			.digits = OTP_DIGITS_MIN + (unsigned)(next_number(&x) % 3),
			.period_s = OTP_PERIOD_MIN + (unsigned)(next_number(&x) % 106),
		};
		struct otp_secret s = { .len = OTP_SECRET_MIN + (size_t)(next_number(&x) % 55) };
		for (size_t k = 0; k < s.len; k++)
			s.bytes[k] = (uint8_t)next_number(&x);
		/* Up to the year 9999, half of them in this century. */
		uint64_t now_s = next_number(&x) % (i % 2 == 0 ? 4102444800U : 253402300800U);

		char want[16], got[16];
		uint32_t code = 0;
		ask_oathtool(&p, &s, now_s, want);
		assert_int_equal(otp_code(&p, &s, otp_step(&p, now_s), &code), 0);
		(void)snprintf(got, sizeof(got), "%0*u", (int)p.digits, code);
		assert_string_equal(got, want);

		struct otp_typed as_typed;
		uint64_t mask = 0;
		assert_int_equal(otp_parse_typed(span_of(want), &as_typed), 0);
		assert_int_equal(otp_match(&p, &s, otp_step(&p, now_s), 1, as_typed, &mask), 0);
		assert_int_equal(mask, 1);
	}
}

static void
test_match_finds_each_step(void **state)
{
	(void)state;
	const struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	/* Around 0, 2^32 and the end of 64 bits. */
	static const uint64_t firsts[] = { 0, 1, UINT64_C(0xfffffff0), UINT64_MAX - 64 };
	for (size_t f = 0; f < sizeof(firsts) / sizeof(firsts[0]); f++) {
		for (unsigned i = 0; i < OTP_MATCH_MAX; i++) {
			uint32_t code = 0;
			uint64_t mask = 0, want = 0;
			assert_int_equal(otp_code(&p, &s, firsts[f] + i, &code), 0);
			assert_int_equal(otp_match(&p, &s, firsts[f], 64, typed(code, 6),
			    &mask), 0);
			for (unsigned k = 0; k < OTP_MATCH_MAX; k++) {
				uint32_t other = 0;
				assert_int_equal(otp_code(&p, &s, firsts[f] + k, &other), 0);
				want |= (uint64_t)(other == code) << k;
			}
			assert_true(mask == want && (mask >> i & 1) == 1);
		}
	}
}

/* A step that differs in the high half only has another code: the counter is 64 bits. */
static void
test_steps_are_64_bits(void **state)
{
	(void)state;
	const struct otp_params p = { .algorithm = OTP_SHA1, .digits = 8, .period_s = 30 };
	const struct otp_secret s = rfc_secret();
	uint32_t low = 0, high = 0;
	assert_int_equal(otp_code(&p, &s, 1, &low), 0);
	assert_int_equal(otp_code(&p, &s, (UINT64_C(1) << 32) + 1, &high), 0);
	assert_int_not_equal(low, high);
	assert_int_equal(otp_code(&p, &s, UINT64_MAX, &high), 0);
}

static void
test_match_of_nothing(void **state)
{
	(void)state;
	struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	/* 755224 is step 0's code; neither 0755224 nor a value out of range is. */
	static const struct otp_typed rows[] = { { 755224, 7 }, { 755224, 8 }, { 755224, 5 },
		{ 755224, 0 }, { 1755224, 6 }, { 755225, 6 }, { UINT32_MAX, 6 }, { 0, 0 } };
	uint64_t mask = 1;
	assert_int_equal(otp_match(&p, &s, 0, 1, typed(755224, 6), &mask), 0);
	assert_int_equal(mask, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mask = 1;
		fake.finals = 0;
		assert_int_equal(otp_match(&p, &s, 0, 3, rows[i], &mask), 0);
		assert_int_equal(mask, 0);
		assert_int_equal(fake.finals, 3); /* the work is done all the same */
	}
	/* The same the other way: 84755224 is step 0's code of 8 digits. */
	p.digits = 8;
	assert_int_equal(otp_match(&p, &s, 0, 1, typed(84755224, 8), &mask), 0);
	assert_int_equal(mask, 1);
	assert_int_equal(otp_match(&p, &s, 0, 1, typed(755224, 6), &mask), 0);
	assert_int_equal(mask, 0);
}

static void
test_no_early_exit(void **state)
{
	(void)state;
	const struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	uint64_t mask = 0, step = 0;
	static const uint32_t codes[] = { 755224, 338314, 520489, 123456 };
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fake.finals = 0;
		assert_int_equal(otp_match(&p, &s, 0, 10, typed(codes[i], 6), &mask), 0);
		assert_int_equal(fake.finals, 10);
		fake.finals = 0;
		assert_int_equal(otp_find_pair(&p, &s, 0, 9, 0, typed(codes[i], 6),
		    typed(287082, 6), &step), 0);
		assert_int_equal(fake.finals, 11);
	}
}

static void
test_pair(void **state)
{
	(void)state;
	const struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	const struct otp_typed c3 = typed(969429, 6), c4 = typed(338314, 6), c5 = typed(254676, 6);
	uint64_t step = 1;
	assert_int_equal(otp_find_pair(&p, &s, 0, 9, 5, c3, c4, &step), 0);
	assert_int_equal(step, 3);
	/* first and last are included, and the successor of last is looked at. */
	assert_int_equal(otp_find_pair(&p, &s, 3, 9, 5, c3, c4, &step), 0);
	assert_int_equal(step, 3);
	assert_int_equal(otp_find_pair(&p, &s, 3, 3, 5, c3, c4, &step), 0);
	assert_int_equal(step, 3);
	/* Outside; swapped; with a gap; the same twice; other digits. */
	assert_int_equal(otp_find_pair(&p, &s, 4, 9, 5, c3, c4, &step), 0);
	assert_true(step == OTP_NO_STEP);
	assert_int_equal(otp_find_pair(&p, &s, 0, 2, 5, c3, c4, &step), 0);
	assert_true(step == OTP_NO_STEP);
	assert_int_equal(otp_find_pair(&p, &s, 0, 9, 5, c4, c3, &step), 0);
	assert_true(step == OTP_NO_STEP);
	assert_int_equal(otp_find_pair(&p, &s, 0, 9, 5, c3, c5, &step), 0);
	assert_true(step == OTP_NO_STEP);
	assert_int_equal(otp_find_pair(&p, &s, 0, 9, 5, c3, c3, &step), 0);
	assert_true(step == OTP_NO_STEP);
	assert_int_equal(otp_find_pair(&p, &s, 0, 9, 5, typed(969429, 7), c4, &step), 0);
	assert_true(step == OTP_NO_STEP);
	assert_int_equal(otp_find_pair(&p, &s, 0, 9, 5, c3, typed(338314, 8), &step), 0);
	assert_true(step == OTP_NO_STEP);
}

/* The widest search, and the last steps that there are. */
static void
test_pair_at_the_limits(void **state)
{
	(void)state;
	const struct otp_params p = { .algorithm = OTP_SHA256, .digits = 8, .period_s = 30 };
	const struct otp_secret s = rfc_secret();
	static const struct {
		uint64_t first, last;
	} rows[] = { { 1000, 7000 }, { UINT64_MAX - 6001, UINT64_MAX - 1 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint64_t at[] = { rows[i].first, rows[i].first + 3000, rows[i].last };
		for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
			uint32_t one = 0, two = 0;
			uint64_t step = 0;
			assert_int_equal(otp_code(&p, &s, at[k], &one), 0);
			assert_int_equal(otp_code(&p, &s, at[k] + 1, &two), 0);
			assert_int_equal(otp_find_pair(&p, &s, rows[i].first, rows[i].last, 0,
			    typed(one, 8), typed(two, 8), &step), 0);
			assert_true(step == at[k]);
		}
	}
}

/* Of several pairs the nearest one, of two equally near ones the later. */
static void
test_pair_nearest(void **state)
{
	(void)state;
	const struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	/* 1 then 2 at the steps 102, 106 and 110. */
	static const uint32_t codes[] = { 9, 2, 1, 2, 9, 9, 1, 2, 1, 1, 1, 2, 9 };
	static const struct {
		uint64_t near, step;
	} rows[] = { { 0, 102 }, { 102, 102 }, { 103, 102 }, { 104, 106 }, { 105, 106 },
		{ 107, 106 }, { 108, 110 }, { 111, 110 }, { UINT64_MAX, 110 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t step = 0;
		reset_fake(NULL);
		fake.codes = codes;
		assert_int_equal(otp_find_pair(&p, &s, 100, 111, rows[i].near, typed(1, 6),
		    typed(2, 6), &step), 0);
		assert_int_equal(step, rows[i].step);
		assert_int_equal(fake.finals, 13);
	}
	/* Two equal neighbours are a pair as well. */
	uint64_t step = 0;
	reset_fake(NULL);
	fake.codes = codes;
	assert_int_equal(otp_find_pair(&p, &s, 100, 111, 0, typed(1, 6), typed(1, 6), &step), 0);
	assert_int_equal(step, 108);
}

static void
test_truncation(void **state)
{
	(void)state;
	struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	static const struct {
		const char *hash;
		unsigned digits;
		uint32_t code;
	} rows[] = {
		/* RFC 4226 section 5.4 */
		{ "1f8698690e02ca16618550ef7f19da8e945b555a", 6, 872921 },
		{ "1f8698690e02ca16618550ef7f19da8e945b555a", 8, 57872921 },
		/* the first and the last offset; the top bit is dropped */
		{ "ffffffffeeeeeeeeeeeeeeeeeeeeeeeeeeeeeef0", 8, 47483647 },
		{ "eeeeeeeeeeeeeeeeeeeeeeeeeeeeee8000000aaf", 6, 10 },
		{ "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee800000ff", 7, 3882368 },
		{ "000f4240eeeeeeeeeeeeeeeeeeeeeeeeeeeeeee0", 6, 0 },
		{ "000f423feeeeeeeeeeeeeeeeeeeeeeeeeeeeeee0", 6, 999999 },
		{ "00000001eeeeeeeeeeeeeeeeeeeeeeeeeeeeeee0", 8, 1 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t hash[20];
		uint32_t code = 7;
		assert_int_equal(vectors_hex(rows[i].hash, hash, sizeof(hash)), 20);
		fake.hash = hash;
		fake.hash_len = sizeof(hash);
		p.digits = rows[i].digits;
		assert_int_equal(otp_code(&p, &s, 0, &code), 0);
		assert_int_equal(code, rows[i].code);

		/* A hash that is too short for the truncation is refused. */
		fake.hash_len = 19;
		assert_int_equal(otp_code(&p, &s, 0, &code), E_CRYPTO);
		assert_true(code == UINT32_MAX);
		fake.hash_len = 0;
		assert_int_equal(otp_code(&p, &s, 0, &code), E_CRYPTO);
		assert_true(code == UINT32_MAX);
	}
}

static void
assert_refused(const struct otp_params *p, const struct otp_secret *s)
{
	uint32_t code = 7;
	uint64_t mask = 7, step = 7;
	assert_int_equal(otp_code(p, s, 0, &code), E_INVALID);
	assert_true(code == UINT32_MAX);
	assert_int_equal(otp_match(p, s, 0, 3, typed(755224, 6), &mask), E_INVALID);
	assert_int_equal(mask, 0);
	assert_int_equal(otp_find_pair(p, s, 0, 3, 0, typed(755224, 6), typed(287082, 6),
	    &step), E_INVALID);
	assert_true(step == OTP_NO_STEP);
}

static void
test_parameters_refused(void **state)
{
	(void)state;
	static const struct otp_params rows[] = {
		{ (enum otp_algorithm)0, 6, 30 },
		{ (enum otp_algorithm)4, 6, 30 },
		{ OTP_SHA1, 0, 30 },
		{ OTP_SHA1, 5, 30 },
		{ OTP_SHA1, 9, 30 },
		{ OTP_SHA1, 6, 0 },
		{ OTP_SHA1, 6, 14 },
		{ OTP_SHA1, 6, 121 },
	};
	struct otp_secret s = rfc_secret();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(otp_params_ok(&rows[i]));
		assert_refused(&rows[i], &s);
	}
	static const struct otp_params good[] = { { OTP_SHA1, 6, 15 }, { OTP_SHA256, 7, 30 },
		{ OTP_SHA512, 8, 120 } };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(otp_params_ok(&good[i]));

	static const size_t lengths[] = { 0, 9, 65, SIZE_MAX };
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		s.len = lengths[i];
		assert_refused(&good[0], &s);
	}
}

static void
test_ranges_refused(void **state)
{
	(void)state;
	const struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	const struct otp_typed t = typed(755224, 6);
	static const struct {
		uint64_t first;
		unsigned count;
	} match[] = { { 0, 0 }, { 0, 65 }, { 0, UINT32_MAX }, { UINT64_MAX, 1 },
		{ UINT64_MAX - 2, 3 }, { UINT64_MAX - 3, 3 } };
	for (size_t i = 0; i < sizeof(match) / sizeof(match[0]); i++) {
		uint64_t mask = 7;
		int r = otp_match(&p, &s, match[i].first, match[i].count, t, &mask);
		/* first + count may be UINT64_MAX, not more. */
		assert_int_equal(r, i == 5 ? E_OK : E_INVALID);
		assert_int_equal(mask, 0);
	}
	static const struct {
		uint64_t first, last;
	} pair[] = { { 1, 0 }, { 0, 6001 }, { 0, UINT64_MAX - 1 }, { UINT64_MAX, UINT64_MAX },
		{ UINT64_MAX - 1, UINT64_MAX } };
	for (size_t i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		uint64_t step = 7;
		assert_int_equal(otp_find_pair(&p, &s, pair[i].first, pair[i].last, 0, t, t,
		    &step), E_INVALID);
		assert_true(step == OTP_NO_STEP);
	}
	assert_int_equal(fake.finals, 3);
}

static void
test_step(void **state)
{
	(void)state;
	struct otp_params p = OTP_PARAMS_DEFAULT;
	assert_int_equal(otp_step(&p, 0), 0);
	assert_int_equal(otp_step(&p, 29), 0);
	assert_int_equal(otp_step(&p, 30), 1);
	assert_true(otp_step(&p, UINT64_MAX) == UINT64_MAX / 30);
	p.period_s = 0;
	assert_true(otp_step(&p, 1234) == OTP_NO_STEP);
}

/* The first, a middle and the last step in which libcrypto fails: no partial answer, and
 * the host's queue of errors is as it was. */
static void
test_libcrypto_fails_in_a_step(void **state)
{
	(void)state;
	const struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	ERR_clear_error();
	ERR_raise(ERR_LIB_USER, ERR_R_DISABLED);
	unsigned long hosts = ERR_peek_last_error();
	for (unsigned n = 1; n <= 3; n++) {
		uint64_t mask = 7, step = 7;
		fake.finals = 0;
		fake.final_fails = n;
		assert_int_equal(otp_match(&p, &s, 0, 3, typed(755224, 6), &mask), E_CRYPTO);
		assert_int_equal(mask, 0);
		fake.finals = 0;
		assert_int_equal(otp_find_pair(&p, &s, 0, 1, 0, typed(755224, 6),
		    typed(287082, 6), &step), E_CRYPTO);
		assert_true(step == OTP_NO_STEP);
	}
	uint32_t code = 7;
	fake.finals = 0;
	fake.final_fails = 1;
	assert_int_equal(otp_code(&p, &s, 0, &code), E_CRYPTO);
	assert_true(code == UINT32_MAX);
	assert_true(ERR_peek_last_error() == hosts);
	assert_true(ERR_get_error() == hosts);
	assert_true(ERR_get_error() == 0);
}

/* A host that allows only certified code, without a provider of such: nothing can be
 * fetched. */
static void
test_libcrypto_has_no_algorithm(void **state)
{
	(void)state;
	const struct otp_params p = OTP_PARAMS_DEFAULT;
	const struct otp_secret s = rfc_secret();
	uint32_t code = 7;
	uint64_t mask = 7, step = 7;
	uint8_t sum[32];
	static const uint8_t zero[32];
	memset(sum, 0x55, sizeof(sum));
	assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
	ERR_clear_error();
	int r1 = otp_code(&p, &s, 0, &code);
	int r2 = otp_match(&p, &s, 0, 1, typed(755224, 6), &mask);
	int r3 = otp_find_pair(&p, &s, 0, 1, 0, typed(755224, 6), typed(287082, 6), &step);
	int r4 = otp_sha256("abc", 3, sum);
	unsigned long left = ERR_peek_error();
	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
	assert_int_equal(r1, E_CRYPTO);
	assert_true(code == UINT32_MAX);
	assert_int_equal(r2, E_CRYPTO);
	assert_int_equal(mask, 0);
	assert_int_equal(r3, E_CRYPTO);
	assert_true(step == OTP_NO_STEP);
	assert_int_equal(r4, E_CRYPTO);
	assert_memory_equal(sum, zero, 32);
	assert_true(left == 0);
	assert_int_equal(otp_code(&p, &s, 0, &code), 0);
	assert_int_equal(code, 755224);
}

/* Nine places as a login has them, of all algorithms in turn and one twice in a row: each
 * mask is that of a call of its own, and every step of all is computed whatever fits. */
static void
test_match_all(void **state)
{
	(void)state;
	static const enum otp_algorithm in_turn[] = { OTP_SHA1, OTP_SHA512, OTP_SHA512,
		OTP_SHA256, OTP_SHA1 };
	struct otp_params p[9];
	struct otp_secret s[9];
	struct otp_matching m[9];
	const uint64_t step = 60000000;

	for (unsigned i = 0; i < 9; i++) {
		p[i] = (struct otp_params) { in_turn[i % 5], 6, 30 };
		assert_int_equal(otp_secret_generate(p[i].algorithm, &s[i]), 0);
	}
	for (unsigned right = 0; right < 9; right++) {
		uint32_t code = 0;
		unsigned steps = 0;
		assert_int_equal(otp_code(&p[right], &s[right], step + right % 3, &code), 0);
		for (unsigned i = 0; i < 9; i++) {
			m[i] = (struct otp_matching) { &p[i], &s[i], step, 3 + i % 2, 7 };
			steps += m[i].count;
		}
		fake.finals = 0;
		assert_int_equal(otp_match_all(m, 9, typed(code, 6)), 0);
		assert_int_equal(fake.finals, steps);
		assert_true((m[right].mask >> (right % 3) & 1) == 1);
		for (unsigned i = 0; i < 9; i++) {
			uint64_t mask = 7;
			assert_int_equal(otp_match(&p[i], &s[i], step, m[i].count,
			    typed(code, 6), &mask), 0);
			assert_true(m[i].mask == mask);
		}
	}
}

/* One that cannot be computed, or one step of any that fails: nobody gets an answer. */
static void
test_match_all_or_none(void **state)
{
	(void)state;
	const struct otp_params good = OTP_PARAMS_DEFAULT;
	const struct otp_params bad = { OTP_SHA1, 6, 0 };
	const struct otp_secret s = rfc_secret();
	struct otp_matching m[3];

	for (unsigned turn = 0; turn < 13; turn++) {
		for (unsigned i = 0; i < 3; i++)
			m[i] = (struct otp_matching) { &good, &s, 0, 3, 7 };
		int want = E_CRYPTO;
		fake.finals = 0;
		fake.final_fails = turn < 9 ? turn + 1 : 0;
		if (turn >= 9)
			want = E_INVALID;
		if (turn == 9)
			m[2].params = &bad;
		if (turn == 10)
			m[2].count = 0;
		if (turn == 11)
			m[2].count = OTP_MATCH_MAX + 1;
		if (turn == 12)
			m[2].first = UINT64_MAX - 2;
		assert_int_equal(otp_match_all(m, 3, typed(755224, 6)), want);
		for (unsigned i = 0; i < 3; i++)
			assert_true(m[i].mask == 0);
		assert_true(turn < 9 || fake.finals == 0);
	}
	assert_int_equal(otp_match_all(m, 0, typed(755224, 6)), 0);
}

static void
test_algorithm_names(void **state)
{
	(void)state;
	static const char *const names[] = { "?", "SHA1", "SHA256", "SHA512", "?" };
	for (unsigned i = 0; i < 5; i++) {
		enum otp_algorithm a = (enum otp_algorithm)9;
		assert_string_equal(otp_algorithm_name((enum otp_algorithm)i), names[i]);
		int r = otp_algorithm_parse(span_of(names[i]), &a);
		assert_int_equal(r, i >= 1 && i <= 3 ? E_OK : E_INVALID);
		assert_int_equal(a, i >= 1 && i <= 3 ? i : 0);
	}
	enum otp_algorithm a = OTP_SHA1;
	assert_int_equal(otp_algorithm_parse(span_of("sHa256"), &a), 0);
	assert_int_equal(a, OTP_SHA256);
	static const char *const bad[] = { "", "SHA", "SHA-1", "SHA11", "SHA2", "SHA5122", "MD5",
		" SHA1", "SHA1 " };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(otp_algorithm_parse(span_of(bad[i]), &a), E_INVALID);
	assert_int_equal(otp_algorithm_parse((struct span) { NULL, 0 }, &a), E_INVALID);
	assert_int_equal(otp_algorithm_parse((struct span) { "SHA1\0", 5 }, &a), E_INVALID);
}

static void
test_generate(void **state)
{
	(void)state;
	static const struct {
		enum otp_algorithm a;
		size_t len;
	} rows[] = { { OTP_SHA1, 20 }, { OTP_SHA256, 40 }, { OTP_SHA512, 60 } };
	static const struct otp_secret zero;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct otp_secret one, two;
		memset(&one, 0x55, sizeof(one));
		assert_int_equal(otp_secret_generate(rows[i].a, &one), 0);
		assert_int_equal(otp_secret_generate(rows[i].a, &two), 0);
		assert_int_equal(one.len, rows[i].len);
		assert_int_equal(one.len % 5, 0);
		assert_memory_not_equal(one.bytes, two.bytes, one.len);
		/* The tail is random too (a run of 8 zeros: 2^-64), and nothing follows it. */
		assert_memory_not_equal(one.bytes + one.len - 8, zero.bytes, 8);
		assert_memory_equal(one.bytes + one.len, zero.bytes, OTP_SECRET_MAX - one.len);
		otp_secret_wipe(&one);
		assert_memory_equal(&one, &zero, sizeof(one));

		fake.entropy_fails = true;
		assert_int_equal(otp_secret_generate(rows[i].a, &two), E_CRYPTO);
		assert_memory_equal(&two, &zero, sizeof(two));
		fake.entropy_fails = false;
	}
	struct otp_secret s;
	memset(&s, 0x55, sizeof(s));
	assert_int_equal(otp_secret_generate((enum otp_algorithm)0, &s), E_INVALID);
	assert_memory_equal(&s, &zero, sizeof(s));
}

static void
test_typed_accepted(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t code;
		unsigned digits;
	} rows[] = {
		{ "123456", 123456, 6 },
		{ "000000", 0, 6 },
		{ "00000000", 0, 8 },
		{ "0123456", 123456, 7 },
		{ "99999999", 99999999, 8 },
		{ " 123 456\t", 123456, 6 },
		{ "12-34-56-78", 12345678, 8 },
		{ "--1 2\t3-4 5 6--", 123456, 6 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct otp_typed t = typed(7, 7);
		assert_int_equal(otp_parse_typed(span_of(rows[i].text), &t), 0);
		assert_int_equal(t.code, rows[i].code);
		assert_int_equal(t.digits, rows[i].digits);
	}
}

static void
test_typed_refused(void **state)
{
	(void)state;
	static const char *const rows[] = { "", " ", "-", "12345", "123456789", "1234567890123456",
		"42949673961", "12345a", "a123456", "123456a", "+123456", "123.456", "0x1234",
		"123456\n", "123456\r", "123456,", "hunter2", "bcdfg-hjklm-npqrs-tvwxb",
		"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xef\xbc\x94\xef\xbc\x95\xef\xbc\x96",
		"\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6", "123\xc2\xa0-456" };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct otp_typed t = typed(7, 7);
		assert_int_equal(otp_parse_typed(span_of(rows[i]), &t), E_INVALID);
		assert_int_equal(t.code, 0);
		assert_int_equal(t.digits, 0);
	}
	struct otp_typed t = typed(7, 7);
	assert_int_equal(otp_parse_typed((struct span) { "123456\0", 7 }, &t), E_INVALID);
	assert_int_equal(otp_parse_typed((struct span) { NULL, 0 }, &t), E_INVALID);
	assert_int_equal(otp_parse_typed((struct span) { NULL, 6 }, &t), E_INVALID);
	assert_int_equal(t.digits, 0);
}

static void
test_sha256(void **state)
{
	(void)state;
	/* FIPS 180-2 appendix B.1, and the empty text. */
	uint8_t sum[32], want[32];
	assert_int_equal(otp_sha256("abc", 3, sum), 0);
	(void)vectors_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    want, sizeof(want));
	assert_memory_equal(sum, want, 32);
	assert_int_equal(otp_sha256("", 0, sum), 0);
	(void)vectors_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	    want, sizeof(want));
	assert_memory_equal(sum, want, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_hotp_vectors, reset_fake),
		cmocka_unit_test_setup(test_totp_vectors, reset_fake),
		cmocka_unit_test_setup(test_oathtool_agrees, reset_fake),
		cmocka_unit_test_setup(test_match_finds_each_step, reset_fake),
		cmocka_unit_test_setup(test_steps_are_64_bits, reset_fake),
		cmocka_unit_test_setup(test_match_of_nothing, reset_fake),
		cmocka_unit_test_setup(test_no_early_exit, reset_fake),
		cmocka_unit_test_setup(test_pair, reset_fake),
		cmocka_unit_test_setup(test_pair_at_the_limits, reset_fake),
		cmocka_unit_test_setup(test_pair_nearest, reset_fake),
		cmocka_unit_test_setup(test_truncation, reset_fake),
		cmocka_unit_test_setup(test_parameters_refused, reset_fake),
		cmocka_unit_test_setup(test_ranges_refused, reset_fake),
		cmocka_unit_test_setup(test_step, reset_fake),
		cmocka_unit_test_setup(test_libcrypto_fails_in_a_step, reset_fake),
		cmocka_unit_test_setup(test_libcrypto_has_no_algorithm, reset_fake),
		cmocka_unit_test_setup(test_match_all, reset_fake),
		cmocka_unit_test_setup(test_match_all_or_none, reset_fake),
		cmocka_unit_test_setup(test_algorithm_names, reset_fake),
		cmocka_unit_test_setup(test_generate, reset_fake),
		cmocka_unit_test_setup(test_typed_accepted, reset_fake),
		cmocka_unit_test_setup(test_typed_refused, reset_fake),
		cmocka_unit_test_setup(test_sha256, reset_fake),
	};
	return cmocka_run_group_tests_name("otp", tests, NULL, NULL);
}
