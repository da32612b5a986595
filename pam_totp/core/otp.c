/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* One-time codes: RFC 4226 (HOTP) over the clock of RFC 6238 (TOTP), HMAC by libcrypto.
 *
 * Promises:
 *  1. Every step asked for is computed and compared, in order, without an early exit; which
 *     step matched, or whether any did, changes nothing but the answer.
 *  2. Codes are compared by CRYPTO_memcmp together with their number of digits, so that
 *     0123456 never passes for 123456.
 *  3. A failure of libcrypto in any step makes the whole call fail, with an answer that
 *     matches nothing; no partial mask is given out.
 *  4. Parameters and secret are checked here again, whoever checked them before: nothing
 *     read from a damaged record divides by zero or reads past its array.
 *  5. Keys, hashes and codes are wiped. libcrypto's own copies are wiped by its _free.
 *  6. The host's queue of libcrypto errors is left as it was found (ERR_set_mark(3)): sshd
 *     reads that queue too.
 *
 * The key is set anew for each step. EVP_MAC_init with a NULL key would keep it and save
 * 0.3 us, but up to OpenSSL 3.0.2 that call reports success without resetting the context
 * and the codes that follow are wrong (openssl issue 17811); a FIPS provider may be that old
 * beside a newer libcrypto.
 * The default library context is used: one of our own costs 750 us at each login. */

#include "otp.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define STEP_LEN 8	     /* bytes of the moving factor, big-endian */
#define HASH_MIN 20	     /* SHA-1's; the truncation below reads at most byte 18 */
#define CODE_NONE UINT32_MAX /* larger than any code of 8 digits */
#define COMPARED_LEN 8	     /* a code and its number of digits, 4 bytes each */
#define PAIR_SPAN_MAX 6000   /* last - first in otp_find_pair */

/* One HMAC in use: hmac_open; hmac_use for each secret, then hmac_code for each step of it;
 * hmac_close on all paths. */
struct hmac {
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx;
	enum otp_algorithm algorithm; /* whose digest ctx has; 0 = none yet */
	const struct otp_params *params;
	const struct otp_secret *secret;
};

void
otp_secret_wipe(struct otp_secret *s)
{
	bytes_wipe(s, sizeof(*s));
}

bool
otp_params_ok(const struct otp_params *p)
{
	if (p->digits < OTP_DIGITS_MIN || p->digits > OTP_DIGITS_MAX)
		return false;
	if (p->period_s < OTP_PERIOD_MIN || p->period_s > OTP_PERIOD_MAX)
		return false;
	switch (p->algorithm) {
	case OTP_SHA1:
	case OTP_SHA256:
	case OTP_SHA512:
		return true;
	}
	return false;
}

static bool
is_usable(const struct otp_params *p, const struct otp_secret *s)
{
	return otp_params_ok(p) && s->len >= OTP_SECRET_MIN && s->len <= OTP_SECRET_MAX;
}

/* These are libcrypto's names of the digests as well. */
const char *
otp_algorithm_name(enum otp_algorithm a)
{
	switch (a) {
	case OTP_SHA1:
		return "SHA1";
	case OTP_SHA256:
		return "SHA256";
	case OTP_SHA512:
		return "SHA512";
	}
	return "?";
}

int
otp_algorithm_parse(struct span s, enum otp_algorithm *a)
{
	static const enum otp_algorithm all[] = { OTP_SHA1, OTP_SHA256, OTP_SHA512 };

	*a = (enum otp_algorithm)0; /* outside the enum: everything refuses it */
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const char *name = otp_algorithm_name(all[i]);
		/* No i in the names, so the host's locale makes no difference. */
		if (s.len == strlen(name) && strncasecmp(s.at, name, s.len) == 0) {
			*a = all[i];
			return E_OK;
		}
	}
	return E_INVALID;
}

int
otp_secret_generate(enum otp_algorithm a, struct otp_secret *s)
{
	otp_secret_wipe(s);
	size_t len = 0;
	switch (a) {
	case OTP_SHA1:
		len = OTP_SECRET_DEFAULT;
		break;
	case OTP_SHA256:
		len = 40;
		break;
	case OTP_SHA512:
		len = 60;
		break;
	}
	if (len == 0)
		return E_INVALID;
	if (getentropy(s->bytes, len) != 0) {
		otp_secret_wipe(s);
		return E_CRYPTO;
	}
	s->len = len;
	return E_OK;
}

uint64_t
otp_step(const struct otp_params *p, uint64_t now_s)
{
	if (p->period_s == 0)
		return OTP_NO_STEP;
	return now_s / p->period_s;
}

/* Give everything back, and drop what libcrypto said meanwhile (promise 6). */
static void
hmac_close(struct hmac *h)
{
	EVP_MAC_CTX_free(h->ctx);
	EVP_MAC_free(h->mac);
	*h = (struct hmac) { .mac = NULL };
	ERR_pop_to_mark();
}

/* Make ready; the caller calls hmac_close whatever the result. */
static int
hmac_open(struct hmac *h)
{
	*h = (struct hmac) { .mac = NULL };
	ERR_set_mark();
	h->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (h->mac == NULL)
		return E_CRYPTO;
	h->ctx = EVP_MAC_CTX_new(h->mac);
	return h->ctx != NULL ? E_OK : E_CRYPTO;
}

/* Go on with these; p and s stay borrowed. */
static int
hmac_use(struct hmac *h, const struct otp_params *p, const struct otp_secret *s)
{
	h->params = p;
	h->secret = s;
	if (h->algorithm == p->algorithm)
		return E_OK;

	char digest[8];
	if (bytes_copy((struct span) { otp_algorithm_name(p->algorithm),
	        strlen(otp_algorithm_name(p->algorithm)) }, digest, sizeof(digest)) != E_OK)
		return E_CRYPTO;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	if (EVP_MAC_CTX_set_params(h->ctx, params) != 1)
		return E_CRYPTO;
	h->algorithm = p->algorithm;
	return E_OK;
}

/* RFC 4226 section 5.3: 31 bits out of a hash of at least HASH_MIN bytes, which end at
 * hash[len - 1]; then as many decimal digits. A constant divisor in each case, so that it
 * becomes a multiplication: the time of a division may depend on what is divided. */
static uint32_t
truncate_hash(const uint8_t *hash, size_t len, unsigned digits)
{
	size_t at = hash[len - 1] & 0xfU;
	uint32_t n = (uint32_t)(hash[at] & 0x7fU) << 24 | (uint32_t)hash[at + 1] << 16 |
	    (uint32_t)hash[at + 2] << 8 | (uint32_t)hash[at + 3];
	switch (digits) {
	case 6:
		return n % 1000000U;
	case 7:
		return n % 10000000U;
	case 8:
		return n % 100000000U;
	default: /* digits is no enum; is_usable has refused the rest */
		return CODE_NONE;
	}
}

/* The code of one step. *code is CODE_NONE on failure. */
static int
hmac_code(const struct hmac *h, uint64_t step, uint32_t *code)
{
	int r = E_CRYPTO;
	uint8_t message[STEP_LEN];
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t hash_len = 0;

	*code = CODE_NONE;
	for (unsigned i = 0; i < STEP_LEN; i++)
		message[i] = (uint8_t)(step >> (8 * (STEP_LEN - 1 - i))); /* one byte is meant */

	if (EVP_MAC_init(h->ctx, h->secret->bytes, h->secret->len, NULL) != 1 ||
	    EVP_MAC_update(h->ctx, message, sizeof(message)) != 1 ||
	    EVP_MAC_final(h->ctx, hash, &hash_len, sizeof(hash)) != 1)
		goto out;
	if (hash_len < HASH_MIN || hash_len > sizeof(hash))
		goto out;
	*code = truncate_hash(hash, hash_len, h->params->digits);
	r = E_OK;
out:
	bytes_wipe(hash, sizeof(hash));
	return r;
}

/* 1 when the step's code is the typed one, else 0 (promises 1 and 2). */
static unsigned
is_same_code(const struct hmac *h, uint32_t code, struct otp_typed typed)
{
	uint8_t ours[COMPARED_LEN];
	uint8_t theirs[COMPARED_LEN];
	bytes_set_le32(ours, code);
	bytes_set_le32(ours + 4, h->params->digits);
	bytes_set_le32(theirs, typed.code);
	bytes_set_le32(theirs + 4, typed.digits);
	unsigned same = CRYPTO_memcmp(ours, theirs, COMPARED_LEN) == 0;
	bytes_wipe(ours, sizeof(ours));
	bytes_wipe(theirs, sizeof(theirs));
	return same;
}

int
otp_code(const struct otp_params *p, const struct otp_secret *s, uint64_t step, uint32_t *code)
{
	*code = CODE_NONE;
	if (!is_usable(p, s))
		return E_INVALID;

	struct hmac h;
	int r = hmac_open(&h);
	if (r == E_OK)
		r = hmac_use(&h, p, s);
	if (r == E_OK)
		r = hmac_code(&h, step, code);
	hmac_close(&h);
	return r;
}

static bool
is_in_order(const struct otp_matching *m)
{
	return is_usable(m->params, m->secret) && m->count >= 1 && m->count <= OTP_MATCH_MAX &&
	    m->first <= UINT64_MAX - m->count;
}

/* Promise 1. */
static int
match_one(struct hmac *h, struct otp_matching *m, struct otp_typed typed)
{
	uint32_t code = CODE_NONE;

	int r = hmac_use(h, m->params, m->secret);
	for (unsigned i = 0; r == E_OK && i < m->count; i++) {
		r = hmac_code(h, m->first + i, &code);
		m->mask |= (uint64_t)is_same_code(h, code, typed) << i;
	}
	bytes_wipe(&code, sizeof(code));
	return r;
}

int
otp_match_all(struct otp_matching *m, unsigned n, struct otp_typed typed)
{
	bool is_ok = true;
	for (unsigned i = 0; i < n; i++) {
		m[i].mask = 0;
		is_ok &= is_in_order(&m[i]);
	}
	if (!is_ok)
		return E_INVALID;

	struct hmac h;
	int r = hmac_open(&h);
	for (unsigned i = 0; r == E_OK && i < n; i++)
		r = match_one(&h, &m[i], typed);
	hmac_close(&h);
	for (unsigned i = 0; r != E_OK && i < n; i++) /* promise 3 */
		m[i].mask = 0;
	return r;
}

int
otp_match(const struct otp_params *p, const struct otp_secret *s, uint64_t first,
    unsigned count, struct otp_typed typed, uint64_t *mask)
{
	struct otp_matching m = { .params = p, .secret = s, .first = first, .count = count };

	int r = otp_match_all(&m, 1, typed);
	*mask = m.mask;
	return r;
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

int
otp_find_pair(const struct otp_params *p, const struct otp_secret *s, uint64_t first,
    uint64_t last, uint64_t near, struct otp_typed code1, struct otp_typed code2,
    uint64_t *step)
{
	*step = OTP_NO_STEP;
	if (!is_usable(p, s) || first > last || last - first > PAIR_SPAN_MAX ||
	    last == UINT64_MAX)
		return E_INVALID;

	uint64_t best = OTP_NO_STEP;
	unsigned was_code1 = 0; /* the step before this one had code1 */
	uint32_t code = CODE_NONE;
	struct hmac h;
	int r = hmac_open(&h);
	if (r == E_OK)
		r = hmac_use(&h, p, s);
	/* To last + 1, where the second code of a pair that begins at last is. */
	for (uint64_t i = 0; r == E_OK && i <= last - first + 1; i++) {
		uint64_t at = first + i;
		r = hmac_code(&h, at, &code);
		unsigned is_pair = was_code1 & is_same_code(&h, code, code2);
		was_code1 = is_same_code(&h, code, code1);
		/* The first one found beats OTP_NO_STEP in its own right. */
		if (is_pair != 0 && (best == OTP_NO_STEP ||
		    distance(at - 1, near) <= distance(best, near)))
			best = at - 1;
	}
	hmac_close(&h);
	bytes_wipe(&code, sizeof(code));
	if (r == E_OK)
		*step = best;
	return r;
}

int
otp_parse_typed(struct span answer, struct otp_typed *out)
{
	*out = (struct otp_typed) { .code = 0, .digits = 0 };
	struct otp_typed typed = { .code = 0, .digits = 0 };
	for (size_t i = 0; answer.at != NULL && i < answer.len; i++) {
		char c = answer.at[i];
		if (c == ' ' || c == '\t' || c == '-')
			continue;
		/* At most 8 digits, so code stays below 10^8. */
		if (c < '0' || c > '9' || typed.digits == OTP_DIGITS_MAX)
			return E_INVALID;
		typed.code = typed.code * 10 + (uint32_t)(c - '0');
		typed.digits++;
	}
	if (typed.digits < OTP_DIGITS_MIN)
		return E_INVALID;
	*out = typed;
	return E_OK;
}

int
otp_sha256(const void *in, size_t len, uint8_t out[32])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t hash_len = 0;

	ERR_set_mark();
	int ok = EVP_Q_digest(NULL, "SHA256", NULL, in, len, hash, &hash_len);
	ERR_pop_to_mark();
	int r = ok == 1 && hash_len == 32 ? E_OK : E_CRYPTO;
	if (r == E_OK)
		memcpy(out, hash, 32);
	else
		memset(out, 0, 32);
	bytes_wipe(hash, sizeof(hash));
	return r;
}
