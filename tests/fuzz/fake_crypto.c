/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Stands in for what core calls of libcrypto, in one target: the same shape of answers from a
 * mixing function, which is a hundred times as fast and refuses when asked to. Nothing here is
 * secure; whether the real functions give the right codes is for test_otp and test_recovery. */
#include "fake_crypto.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"

#define MAC_LEN 20
#define DIGEST_LEN 32

struct evp_mac_st {
	int unused;
};

struct evp_mac_ctx_st {
	uint64_t mixed;
	bool is_open;
};

static struct evp_mac_st mac;
static struct evp_mac_ctx_st context;
static unsigned fail_in;

void
fake_crypto_fail(unsigned nth)
{
	fail_in = nth;
}

static bool
is_refused(void)
{
	return fail_in > 0 && --fail_in == 0;
}

/* SplitMix64's finisher. */
static uint64_t
mix(uint64_t n)
{
	n += UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

static uint64_t
absorb(uint64_t mixed, const void *data, size_t len)
{
	const uint8_t *p = data;

	mixed = mix(mixed ^ len);
	for (; len >= 8; p += 8, len -= 8)
		mixed = mix(mixed ^ bytes_get_le64(p));
	for (; len > 0; p++, len--)
		mixed = mix(mixed ^ *p);
	return mixed;
}

static void
squeeze(uint64_t mixed, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i += 4) {
		mixed = mix(mixed);
		bytes_set_le32(out + i, (uint32_t)(mixed >> 32));
	}
}

EVP_MAC *
EVP_MAC_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties)
{
	(void)library;
	(void)properties;
	fuzz_expect(strcmp(name, "HMAC") == 0, "HMAC is asked for");
	return is_refused() ? NULL : &mac;
}

void
EVP_MAC_free(EVP_MAC *m)
{
	fuzz_expect(m == NULL || m == &mac, "what was fetched is given back");
}

EVP_MAC_CTX *
EVP_MAC_CTX_new(EVP_MAC *m)
{
	fuzz_expect(m == &mac && !context.is_open, "one context at a time");
	if (is_refused())
		return NULL;
	context.is_open = true;
	return &context;
}

void
EVP_MAC_CTX_free(EVP_MAC_CTX *c)
{
	if (c != NULL)
		c->is_open = false;
}

int
EVP_MAC_CTX_set_params(EVP_MAC_CTX *c, const OSSL_PARAM params[])
{
	(void)params;
	return c->is_open && !is_refused();
}

int
EVP_MAC_init(EVP_MAC_CTX *c, const unsigned char *key, size_t len, const OSSL_PARAM params[])
{
	(void)params;
	c->mixed = absorb(1, key, len);
	return !is_refused();
}

int
EVP_MAC_update(EVP_MAC_CTX *c, const unsigned char *data, size_t len)
{
	c->mixed = absorb(c->mixed, data, len);
	return !is_refused();
}

int
EVP_MAC_final(EVP_MAC_CTX *c, unsigned char *out, size_t *out_len, size_t cap)
{
	fuzz_expect(cap >= MAC_LEN, "there is room");
	squeeze(c->mixed, out, MAC_LEN);
	*out_len = MAC_LEN;
	return !is_refused();
}

int
EVP_Q_digest(OSSL_LIB_CTX *library, const char *name, const char *properties, const void *data,
    size_t len, unsigned char *out, size_t *out_len)
{
	(void)library;
	(void)name;
	(void)properties;
	squeeze(absorb(2, data, len), out, DIGEST_LEN);
	*out_len = DIGEST_LEN;
	return !is_refused();
}

int
PKCS5_PBKDF2_HMAC(const char *password, int password_len, const unsigned char *salt, int salt_len,
    int iterations, const EVP_MD *digest, int out_len, unsigned char *out)
{
	(void)digest;
	fuzz_expect(iterations >= 1000 && out_len % 4 == 0, "work that is worth it");
	uint64_t mixed = absorb(3, password, (size_t)password_len);
	squeeze(absorb(mixed, salt, (size_t)salt_len), out, (size_t)out_len);
	return !is_refused();
}
