/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* import.h: what other programs write is read to the last bit or refused by its line; no
 * refusal shows a key. Texts are cut out of exact heap blocks, so that a sanitizer sees a
 * byte read too far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "utils/import.h"

#define HEX "3132333435363738393031323334353637383930" /* RFC 6238's 20 bytes */
#define KEY "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
#define URI "otpauth://totp/x:y?secret=" KEY

static const struct import_rules strict = { .user = "alice" };
static const struct import_rules weak = { .user = "alice", .takes_weak = true };

static int
parse(import_parse_fn *format, const struct import_rules *rules, const char *text,
    struct import_list *list, struct diag *d)
{
	size_t len = strlen(text);
	char *block = malloc(len > 0 ? len : 1);

	assert_non_null(block);
	memcpy(block, text, len);
	*list = (struct import_list){ .item = NULL };
	int r = format((struct span){ .at = block, .len = len }, rules, list, d);
	free(block);
	return r;
}

static void
accept(import_parse_fn *format, const struct import_rules *rules, const char *text,
    struct import_list *list)
{
	struct diag d = { "" };

	int r = parse(format, rules, text, list, &d);
	if (r != 0)
		print_message("# %s: %s\n", text, d.text);
	assert_int_equal(r, 0);
}

struct refusal {
	const char *text;
	const char *why;
};

static void
refuse_all(import_parse_fn *format, const struct refusal *row, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct import_list list;
		struct diag d = { "" };
		int r = parse(format, &strict, row[i].text, &list, &d);
		import_list_wipe(&list);
		if (r != E_INVALID || strstr(d.text, row[i].why) == NULL)
			print_message("# %s: %d %s\n", row[i].text, r, d.text);
		assert_int_equal(r, E_INVALID);
		assert_non_null(strstr(d.text, row[i].why));
		assert_ptr_equal(strstr(d.text, "line "), d.text);
		assert_null(strstr(d.text, "GEZDG"));
		assert_null(strstr(d.text, "313233"));
	}
}

static void
expect_item(const struct import_list *list, size_t i, const char *user, unsigned digits,
    unsigned period_s, unsigned line)
{
	assert_true(i < list->count);
	const struct import_device *item = &list->item[i];
	assert_string_equal(item->user, user);
	assert_int_equal(item->params.digits, digits);
	assert_int_equal(item->params.period_s, period_s);
	assert_int_equal(item->line, line);
	assert_int_equal(item->fate, IMPORT_NEW);
	assert_string_equal(item->name, "");
	assert_int_equal(item->secret.len, 20);
	assert_memory_equal(item->secret.bytes, "12345678901234567890", 20);
}

static void
test_uri(void **state)
{
	static const struct refusal refused[] = {
		{ "alice\n", "line 1: expected USER, a blank and an otpauth URI" },
		{ "# x\n\n" URI "\n", "line 3: expected USER, a blank" },
		{ "alice x" URI "\n", "line 1: not a URI that begins with otpauth://" },
		{ "alice otpauth://hotp/x?secret=" KEY "\n", "line 1: counter-based" },
		{ "alice otpauth://totp/x?secret=0189\n", "line 1: secret= is not base32" },
		{ "alice " URI " x\n", "line 1: the URI holds a blank" },
		{ "alice " URI "\nbob " URI "&digits=9\n", "line 2: digits=" },
		{ "../etc " URI "\n", "line 1: expected a user name" },
		{ ".bob " URI "\n", "line 1: expected a user name" },
		{ "alice otpauth://totp/x?secret=JBSWY3DPEHPK3PXP\n",
		    "line 1: the key has only 80" },
	};
	struct import_list list;

	(void)state;
	accept(import_uri, &strict, "# made by hand\n\n  alice \t " URI "  \r\nbob " URI
	    "&digits=8&period=60&algorithm=SHA512", &list);
	assert_int_equal(list.count, 2);
	expect_item(&list, 0, "alice", 6, 30, 3);
	expect_item(&list, 1, "bob", 8, 60, 4);
	assert_int_equal(list.item[0].params.algorithm, OTP_SHA1);
	assert_int_equal(list.item[1].params.algorithm, OTP_SHA512);
	import_list_wipe(&list);
	assert_null(list.item);
	accept(import_uri, &weak, "alice otpauth://totp/x?secret=JBSWY3DPEHPK3PXP\n", &list);
	assert_int_equal(list.item[0].secret.len, 10);
	import_list_wipe(&list);
	accept(import_uri, &strict, "", &list);
	assert_int_equal(list.count, 0);
	refuse_all(import_uri, refused, sizeof refused / sizeof refused[0]);
}

static void
test_oath(void **state)
{
	static const struct refusal refused[] = {
		{ "HOTP bob - " HEX "\n", "line 1: event-based tokens (HOTP)" },
		{ "HOTP/E bob - " HEX " 4\n", "line 1: event-based" },
		{ "HOTP/E/8 bob - " HEX "\n", "line 1: event-based" },
		{ "HOTP/T30 a - " HEX "\nHOTP/T30/5 b - " HEX "\n", "line 2: expected HOTP/T30" },
		{ "HOTP/T30/9 bob - " HEX "\n", "line 1: expected HOTP/T30" },
		{ "HOTP/T30/66 bob - " HEX "\n", "line 1: expected HOTP/T30" },
		{ "HOTP/T300 bob - " HEX "\n", "line 1: expected HOTP/T30" },
		{ "HOTP/T3 bob - " HEX "\n", "line 1: expected HOTP/T30" },
		{ "TOTP bob - " HEX "\n", "line 1: expected HOTP/T30" },
		{ "HOTP/T30 bob -\n", "line 1: expected a type, a user, a PIN and a key" },
		{ "HOTP/T30 bob 1234 " HEX "\n", "line 1: a PIN cannot be taken over" },
		{ "HOTP/T30 bob - " HEX "3\n", "line 1: the key is not hexadecimal" },
		{ "HOTP/T30 bob - " HEX "3g\n", "line 1: the key is not hexadecimal" },
		{ "HOTP/T30 bob - " HEX HEX HEX HEX "\n", "line 1: the key is not hexadecimal" },
		{ "HOTP/T30 bob - 31323334353637383930\n", "line 1: the key has only 80 bits" },
		{ "HOTP/T30 bob - 3132333435\n", "line 1: the key has 5 bytes" },
		{ "HOTP/T30 bob - " HEX " x\n", "line 1: expected a counter" },
		{ "HOTP/T30 bob - " HEX " -1\n", "line 1: expected a counter" },
		{ "HOTP/T30 bob - " HEX " 1 12345678a\n", "line 1: expected the last code" },
		{ "HOTP/T30 bob - " HEX " 1 123456789\n", "line 1: expected the last code" },
		{ "HOTP/T30 bob - " HEX " 1 123456 2009-12-07T00:23:48L x\n",
		    "line 1: more words" },
		{ "HOTP/T30 b/b - " HEX "\n", "line 1: expected a user name" },
	};
	struct import_list list;

	(void)state;
	accept(import_oath, &strict, "# users\n\nHOTP/T30 alice - " HEX "\n"
	    "HOTP/T30/7\talice\t+\t" HEX "\t0\t328482\t2009-12-07T00:23:48L\n"
	    "HOTP/T60/8  bob  -  " HEX " 18446744073709551615 12345678", &list);
	assert_int_equal(list.count, 3);
	expect_item(&list, 0, "alice", 6, 30, 3);
	expect_item(&list, 1, "alice", 7, 30, 4);
	expect_item(&list, 2, "bob", 8, 60, 5);
	import_list_wipe(&list);
	accept(import_oath, &weak, "HOTP/T60 bob - 3132333435363738393A", &list);
	assert_int_equal(list.item[0].secret.bytes[9], 0x3a);
	import_list_wipe(&list);
	refuse_all(import_oath, refused, sizeof refused / sizeof refused[0]);
}

static void
test_google(void **state)
{
	static const struct refusal refused[] = {
		{ "", "line 1: expected a key in base32" },
		{ "\n" KEY "\n", "line 1: expected a key in base32" },
		{ KEY "0\n\" TOTP_AUTH\n", "line 1: the key is not base32" },
		{ KEY KEY KEY KEY "\n\" TOTP_AUTH\n", "line 1: the key is not base32" },
		{ KEY "\n\" HOTP_COUNTER 1\n", "line 2: counter-based codes (HOTP_COUNTER)" },
		{ KEY "\n\" TOTP_AUTH\n\" HOTP_COUNTER 1\n", "line 3: counter-based" },
		{ KEY "\n\" WINDOW_SIZE 3\n", "line 2: expected a line \" TOTP_AUTH" },
		{ KEY "\n\" TOTP_AUTHX\n", "expected a line \" TOTP_AUTH" },
		{ KEY "\n\"TOTP_AUTH\n", "line 2: expected a blank and an option's name" },
		{ KEY "\n\"\n", "line 2: expected a blank" },
		{ KEY "\n\" TOTP_AUTH\n\" STEP_SIZE\n", "line 3: expected 15 to 120 seconds" },
		{ KEY "\n\" TOTP_AUTH\n\" STEP_SIZE 10\n", "line 3: expected 15 to 120 seconds" },
		{ KEY "\n\" STEP_SIZE 60\n\" STEP_SIZE 60\n", "line 3: STEP_SIZE is given twice" },
		{ KEY "\n\" TOTP_AUTH\n1234567\n", "line 3: expected \" and an option" },
		{ KEY "\n\" TOTP_AUTH\n123456789\n", "line 3: expected \" and an option" },
		{ KEY "\n\" TOTP_AUTH\nabcdefgh\n", "line 3: expected \" and an option" },
		{ "JBSWY3DPEHPK3PXP\n\" TOTP_AUTH\n", "line 1: the key has only 80 bits" },
	};
	struct import_list list;

	(void)state;
	accept(import_google, &strict, KEY "\n\" RATE_LIMIT 3 30 1700000000\n\" WINDOW_SIZE 17\n"
	    "\" DISALLOW_REUSE 56666667\n\" TOTP_AUTH\n18925705\n20018053\n46609125\n", &list);
	assert_int_equal(list.count, 1);
	expect_item(&list, 0, "alice", 6, 30, 1);
	assert_int_equal(list.scratch_codes, 3);
	import_list_wipe(&list);
	accept(import_google, &strict, KEY "\r\n\" STEP_SIZE 60\r\n\" TOTP_AUTH", &list);
	expect_item(&list, 0, "alice", 6, 60, 1);
	assert_int_equal(list.scratch_codes, 0);
	import_list_wipe(&list);
	accept(import_google, &weak, "JBSW Y3DP-ehpk 3pxp\n\" TOTP_AUTH\n", &list);
	assert_int_equal(list.item[0].secret.len, 10);
	import_list_wipe(&list);
	refuse_all(import_google, refused, sizeof refused / sizeof refused[0]);
}

/* The list grows many times; all that was in it is there. */
static void
test_many(void **state)
{
	enum { COUNT = 1000 };
	static char text[COUNT * 80];
	struct import_list list;
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "HOTP/T30 u%u - " HEX "\n", i);
	accept(import_oath, &strict, text, &list);
	assert_int_equal(list.count, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		char user[16];
		snprintf(user, sizeof user, "u%u", i);
		expect_item(&list, i, user, 6, 30, i + 1);
	}
	import_list_wipe(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri),
		cmocka_unit_test(test_oath),
		cmocka_unit_test(test_google),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
