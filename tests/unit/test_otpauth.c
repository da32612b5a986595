/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* otpauth.c: what is built is read back equal; what is read is either exactly a device or
 * refused, and a refusal leaves no secret behind and shows none. URIs are cut out of exact
 * heap blocks, so that a sanitizer sees a byte read too far. */
#include "utils/otpauth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" /* RFC 6238's 20 bytes */
#define ROUNDS 20000

static int
parse(const char *text, size_t len, struct otpauth *o, struct diag *d)
{
	char *block = malloc(len > 0 ? len : 1);
	assert_non_null(block);
	memcpy(block, text, len);
	int r = otpauth_parse((struct span){ block, len }, o, d);
	free(block);
	return r;
}

static void
accept(const char *uri, struct otpauth *o)
{
	struct diag d = { "" };
	int r = parse(uri, strlen(uri), o, &d);
	if (r != E_OK)
		print_message("# %s: %s\n", uri, d.text);
	assert_int_equal(r, E_OK);
}

static void
refuse(const char *uri, const char *why)
{
	static const struct otpauth zero;
	struct otpauth o;
	struct diag d = { "" };
	int r = parse(uri, strlen(uri), &o, &d);
	if (r != E_INVALID || strstr(d.text, why) == NULL)
		print_message("# %s: %d %s\n", uri, r, d.text);
	assert_int_equal(r, E_INVALID);
	assert_memory_equal(&o, &zero, sizeof o);
	assert_non_null(strstr(d.text, why));
	assert_null(strstr(d.text, "GEZDG"));
}

static void
test_plain(void **state)
{
	(void)state;
	struct otpauth o;
	accept("otpauth://totp/web1:alice?secret=" KEY "&issuer=web1", &o);
	assert_string_equal(o.issuer, "web1");
	assert_string_equal(o.account, "alice");
	assert_int_equal(o.secret.len, 20);
	assert_memory_equal(o.secret.bytes, "12345678901234567890", 20);
	assert_int_equal(o.params.algorithm, OTP_SHA1);
	assert_int_equal(o.params.digits, 6);
	assert_int_equal(o.params.period_s, 30);
}

static void
test_forms(void **state)
{
	(void)state;
	struct otpauth o;
	accept("OTPAUTH://TOTP/alice?secret=" KEY, &o);
	assert_string_equal(o.issuer, "");
	assert_string_equal(o.account, "alice");
	accept("otpauth://totp/Big%20Co%3A%20%20a%40b.c?issuer=Big%20Co&secret=" KEY, &o);
	assert_string_equal(o.issuer, "Big Co");
	assert_string_equal(o.account, "a@b.c");
	accept("otpauth://totp/a+b?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq", &o);
	assert_string_equal(o.account, "a+b");
	assert_int_equal(o.secret.len, 20);
	accept("otpauth://totp/x:a?secret=" KEY "&issuer=Other", &o);
	assert_string_equal(o.issuer, "Other");
	accept("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGE%3D%3D%3D%3D%3D%3D", &o);
	assert_int_equal(o.secret.len, 11);
	accept("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGE======", &o);
	assert_int_equal(o.secret.len, 11);
	accept("otpauth://totp/a?period=60&digits=8&algorithm=sha512&secret=" KEY, &o);
	assert_int_equal(o.params.algorithm, OTP_SHA512);
	assert_int_equal(o.params.digits, 8);
	assert_int_equal(o.params.period_s, 60);
	accept("otpauth://totp/M%C3%BCller?secret=" KEY, &o);
	assert_string_equal(o.account, "M\xc3\xbcller");
	/* What only decorates. */
	accept("otpauth://totp/a?image=https%3A%2F%2Fx%2Fy.png&secret=" KEY "&colour=red&lock&&x=",
	    &o);
	accept("otpauth://totp/a?image=1&image=2&counter=5&secret=" KEY, &o);
}

static void
test_refused(void **state)
{
	(void)state;
	refuse("", "otpauth://");
	refuse("http://totp/a?secret=" KEY, "otpauth://");
	refuse("otpauth:totp/a?secret=" KEY, "otpauth://");
	refuse("otpauth://hotp/a?secret=" KEY "&counter=1", "hotp");
	refuse("otpauth://steam/a?secret=" KEY, "totp/");
	refuse("otpauth://me@totp/a?secret=" KEY, "totp/");
	refuse("otpauth://totp:80/a?secret=" KEY, "totp/");
	refuse("otpauth://totp?secret=" KEY, "totp/");
	refuse("otpauth://totp/a/b?secret=" KEY, "'/'");
	refuse("otpauth://totp/?secret=" KEY, "no account");
	refuse("otpauth://totp/x:?secret=" KEY, "no account");
	refuse("otpauth://totp/x:%20?secret=" KEY, "no account");
	refuse("otpauth://totp/x:y:z?secret=" KEY, "no account");
	refuse("otpauth://totp/x%3Ay%3Az?secret=" KEY, "no account");
	refuse("otpauth://totp/a", "secret= is missing");
	refuse("otpauth://totp/a?issuer=x", "secret= is missing");
	refuse("otpauth://totp/a?Secret=" KEY, "secret= is missing");
	refuse("otpauth://totp/a?secret=" KEY "#x", "'#'");
	refuse("otpauth://totp/a b?secret=" KEY, "blank");
	refuse("otpauth://totp/a?secret=" KEY "\n", "blank");
	refuse("otpauth://totp/a\xc3\xa4?secret=" KEY, "ASCII");
	refuse("otpauth://totp/a%?secret=" KEY, "percent");
	refuse("otpauth://totp/a%4?secret=" KEY, "percent");
	refuse("otpauth://totp/a%4g?secret=" KEY, "percent");
	refuse("otpauth://totp/a%00b?secret=" KEY, "percent");
	refuse("otpauth://totp/a%1B%5B2J?secret=" KEY, "percent");
	refuse("otpauth://totp/a%C2%9B?secret=" KEY, "percent");
	refuse("otpauth://totp/a%E2%80%AEb?secret=" KEY, "percent");
	refuse("otpauth://totp/a%FF?secret=" KEY, "percent");
	refuse("otpauth://totp/a%C0%AF?secret=" KEY, "percent");
}

static void
test_refused_values(void **state)
{
	(void)state;
	refuse("otpauth://totp/a?secret=" KEY "&secret=" KEY, "twice");
	refuse("otpauth://totp/a?secret=" KEY "&digits=6&digits=6", "twice");
	refuse("otpauth://totp/a?secret=", "too short");
	refuse("otpauth://totp/a?secret=GEZDGNBVGY3TQOI", "too short");
	refuse("otpauth://totp/a?secret=GEZDGNBV1Y3TQOJQGEZDGNBV", "base32");
	refuse("otpauth://totp/a?secret=GEZD-GNBV-GY3T-QOJQ", "base32");
	refuse("otpauth://totp/a?secret=GEZD%20GNBV%20GY3T%20QOJQ", "base32");
	refuse("otpauth://totp/a?secret", "secret=");
	refuse("otpauth://totp/a?encoder=steam&secret=" KEY, "encoder=");
	refuse("otpauth://totp/a?algorithm=MD5&secret=" KEY, "algorithm=");
	refuse("otpauth://totp/a?algorithm=&secret=" KEY, "algorithm=");
	refuse("otpauth://totp/a?algorithm=SHA1%00&secret=" KEY, "algorithm=");
	refuse("otpauth://totp/a?digits=5&secret=" KEY, "digits=");
	refuse("otpauth://totp/a?digits=9&secret=" KEY, "digits=");
	refuse("otpauth://totp/a?digits=06&secret=" KEY, "digits=");
	refuse("otpauth://totp/a?digits=%2B6&secret=" KEY, "digits=");
	refuse("otpauth://totp/a?period=14&secret=" KEY, "period=");
	refuse("otpauth://totp/a?period=121&secret=" KEY, "period=");
	refuse("otpauth://totp/a?period=4294967326&secret=" KEY, "period=");
	refuse("otpauth://totp/a?issuer=a%3Ab&secret=" KEY, "issuer=");
	refuse("otpauth://totp/a?issuer&secret=" KEY, "issuer=");
}

static void
test_limits(void **state)
{
	(void)state;
	char uri[OTPAUTH_URI_MAX + 64];
	struct otpauth o;
	struct diag d = { "" };
	const char *head = "otpauth://totp/a?secret=" KEY "&image=";
	size_t len = strlen(head);
	memcpy(uri, head, len);
	memset(uri + len, 'x', sizeof uri - len);
	assert_int_equal(parse(uri, OTPAUTH_URI_MAX, &o, &d), E_OK);
	assert_int_equal(parse(uri, OTPAUTH_URI_MAX + 1, &o, &d), E_INVALID);
	/* An account of the largest size, and one more. */
	memset(uri, 'a', sizeof uri);
	memcpy(uri, "otpauth://totp/", 15);
	memcpy(uri + 15 + OTPAUTH_ACCOUNT_CAP - 1, "?secret=" KEY, 40);
	assert_int_equal(parse(uri, 15 + OTPAUTH_ACCOUNT_CAP - 1 + 40, &o, &d), E_OK);
	assert_int_equal(strlen(o.account), OTPAUTH_ACCOUNT_CAP - 1);
	memcpy(uri + 15 + OTPAUTH_ACCOUNT_CAP - 1, "a?secret=" KEY, 41);
	assert_int_equal(parse(uri, 15 + OTPAUTH_ACCOUNT_CAP + 40, &o, &d), E_INVALID);
}

static void
build_is(const struct otpauth *o, const char *wanted)
{
	char uri[OTPAUTH_URI_CAP];
	assert_int_equal(otpauth_build(o, uri, sizeof uri), E_OK);
	assert_string_equal(uri, wanted);
}

static void
test_build(void **state)
{
	(void)state;
	struct otpauth o = { .issuer = "web1", .account = "alice", .params = OTP_PARAMS_DEFAULT };
	memcpy(o.secret.bytes, "12345678901234567890", 20);
	o.secret.len = 20;
	build_is(&o, "otpauth://totp/web1:alice?secret=" KEY "&issuer=web1");
	o.issuer[0] = '\0';
	build_is(&o, "otpauth://totp/alice?secret=" KEY);
	strcpy(o.issuer, "A & B?");
	strcpy(o.account, "m\xc3\xbcller@x/y#z%");
	o.params = (struct otp_params){ OTP_SHA256, 8, 60 };
	build_is(&o, "otpauth://totp/A%20%26%20B%3F:m%C3%BCller@x%2Fy%23z%25?secret=" KEY
		     "&issuer=A%20%26%20B%3F&algorithm=SHA256&digits=8&period=60");
}

static void
build_fails(const struct otpauth *o, size_t cap, int error)
{
	char uri[OTPAUTH_URI_CAP];
	memset(uri, 'x', sizeof uri);
	assert_int_equal(otpauth_build(o, uri, cap), error);
	for (size_t i = 0; i < cap; i++)
		assert_int_equal(uri[i], 0);
}

static void
test_build_refused(void **state)
{
	(void)state;
	struct otpauth good = { .issuer = "web1",
		.account = "alice",
		.params = OTP_PARAMS_DEFAULT };
	good.secret.len = 20;
	build_fails(&good, 40, E_LIMIT);
	struct otpauth o = good;
	o.account[0] = '\0';
	build_fails(&o, sizeof(char[OTPAUTH_URI_CAP]), E_INVALID);
	o = good;
	strcpy(o.issuer, "a:b");
	build_fails(&o, OTPAUTH_URI_CAP, E_INVALID);
	o = good;
	strcpy(o.account, " a");
	build_fails(&o, OTPAUTH_URI_CAP, E_INVALID);
	o = good;
	strcpy(o.account, "a\033");
	build_fails(&o, OTPAUTH_URI_CAP, E_INVALID);
	o = good;
	memset(o.issuer, 'a', sizeof o.issuer); /* not terminated */
	build_fails(&o, OTPAUTH_URI_CAP, E_INVALID);
	o = good;
	o.secret.len = OTP_SECRET_MAX + 1;
	build_fails(&o, OTPAUTH_URI_CAP, E_INVALID);
	o = good;
	o.params.digits = 5;
	build_fails(&o, OTPAUTH_URI_CAP, E_INVALID);
}

/* Built from random parts, and read back: equal. */
static void
test_round_trip(void **state)
{
	(void)state;
	static const char bytes[] = "abcXYZ019 &?#%/=+@.-_~\"'<>|";
	srand(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct otpauth o = { .params = { (enum otp_algorithm)(1 + rand() % 3),
					 6 + (unsigned)rand() % 3, 15 + (unsigned)rand() % 106 } };
		struct otpauth back;
		char uri[OTPAUTH_URI_CAP];
		struct diag d = { "" };
		size_t issuer_len = (size_t)rand() % 20;
		size_t account_len = 1 + (size_t)rand() % 20;
		for (size_t i = 0; i < issuer_len; i++)
			o.issuer[i] = bytes[(size_t)rand() % (sizeof bytes - 1)];
		for (size_t i = 0; i < account_len; i++)
			o.account[i] = bytes[(size_t)rand() % (sizeof bytes - 1)];
		o.secret.len = OTP_SECRET_MIN +
		    (size_t)rand() % (OTP_SECRET_MAX - OTP_SECRET_MIN + 1);
		for (size_t i = 0; i < o.secret.len; i++)
			o.secret.bytes[i] = (uint8_t)rand();
		bool has_blank_end = o.issuer[0] == ' ' || o.account[0] == ' ' ||
		    o.account[account_len - 1] == ' ' ||
		    (issuer_len > 0 && o.issuer[issuer_len - 1] == ' ');
		int r = otpauth_build(&o, uri, sizeof uri);
		assert_int_equal(r, has_blank_end ? E_INVALID : E_OK);
		if (r != E_OK)
			continue;
		assert_int_equal(parse(uri, strlen(uri), &back, &d), E_OK);
		assert_memory_equal(&o, &back, sizeof o);
	}
}

/* Any bytes: a device or a refusal, and nothing read outside. */
static void
test_any_bytes(void **state)
{
	(void)state;
	const char *good = "otpauth://totp/web1:alice?secret=" KEY "&issuer=web1&digits=6";
	size_t len = strlen(good);
	char uri[128];
	unsigned accepted = 0;
	srand(2);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct otpauth o;
		memcpy(uri, good, len);
		for (int i = rand() % 3; i >= 0; i--)
			uri[(size_t)rand() % len] = (char)rand();
		if (parse(uri, (size_t)rand() % (len + 1), &o, NULL) != E_OK)
			continue;
		accepted++;
		assert_true(otp_params_ok(&o.params));
		assert_true(o.secret.len >= OTP_SECRET_MIN && o.secret.len <= OTP_SECRET_MAX);
		assert_true(o.account[0] != '\0');
	}
	assert_true(accepted > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_values),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_build_refused),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
