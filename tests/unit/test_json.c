/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* json.h: whatever a text holds, what is written is well-formed, and shows no control
 * character and no stray byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "utils/json.h"

/* What fill writes. The caller frees it. */
static char *
written(void (*fill)(struct json *j, const void *ctx), const void *ctx)
{
	char *text = NULL;
	size_t len = 0;
	struct json j;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	json_begin(&j, out);
	fill(&j, ctx);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strlen(text), len);
	return text;
}

static void
fill_text(struct json *j, const void *ctx)
{
	json_open(j, NULL, '[');
	json_text(j, NULL, ctx);
	json_close(j, '[');
}

static void
test_strings(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* between the quotes */
	} rows[] = {
		{ "", "" },
		{ "plain text", "plain text" },
		{ "a\"b\\c/d", "a\\\"b\\\\c/d" },
		{ "\n\t\x01\x1f\x7f", "\\u000a\\u0009\\u0001\\u001f\\u007f" },
		{ "\x1b[31m", "\\u001b[31m" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xf0\x9f\x94\x91", "\xf0\x9f\x94\x91" },
		{ "a\xc2\x9b" "b", "a\\u009bb" }, /* CSI, a control character of terminals */
		{ "a\xff" "b", "a\\ufffdb" },
		{ "\xc3", "\\ufffd" },			/* cut off */
		{ "\xc0\xaf", "\\ufffd\\ufffd" },	/* overlong '/' */
		{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" }, /* a surrogate */
		{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" }, /* above U+10FFFF */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char expected[128];
		char *text = written(fill_text, rows[i].in);
		snprintf(expected, sizeof expected, "[\n  \"%s\"\n]\n", rows[i].out);
		assert_string_equal(text, expected);
		free(text);
	}
}

static void
fill_all(struct json *j, const void *ctx)
{
	(void)ctx;
	json_open(j, NULL, '{');
	json_text(j, "text", NULL);
	json_number(j, "least", INT64_MIN);
	json_number(j, "most", INT64_MAX);
	json_bool(j, "yes", true);
	json_bool(j, "no", false);
	json_open(j, "none", '[');
	json_close(j, '[');
	json_open(j, "one", '[');
	json_open(j, NULL, '{');
	json_null(j, "k\"");
	json_close(j, '{');
	json_close(j, '[');
	json_number(j, "last", 0);
	json_close(j, '{');
}

static void
test_shape(void **state)
{
	char *text = written(fill_all, NULL);

	(void)state;
	assert_string_equal(text, "{\n"
				  "  \"text\": null,\n"
				  "  \"least\": -9223372036854775808,\n"
				  "  \"most\": 9223372036854775807,\n"
				  "  \"yes\": true,\n"
				  "  \"no\": false,\n"
				  "  \"none\": [],\n"
				  "  \"one\": [\n"
				  "    {\n"
				  "      \"k\\\"\": null\n"
				  "    }\n"
				  "  ],\n"
				  "  \"last\": 0\n"
				  "}\n");
	free(text);
}

static void
fill_time(struct json *j, const void *ctx)
{
	json_time(j, NULL, *(const uint64_t *)ctx);
}

static void
test_times(void **state)
{
	static const struct {
		uint64_t at_s;
		const char *out;
	} rows[] = {
		{ 0, "null" },
		{ 1, "\"1970-01-01T00:00:01Z\"" },
		{ 1893553445, "\"2030-01-02T03:04:05Z\"" },
		{ UINT64_C(4294967296), "\"2106-02-07T06:28:16Z\"" },
		{ UINT64_C(253402300799), "\"9999-12-31T23:59:59Z\"" },
		{ UINT64_MAX, "null" },
	};

	(void)state;
	/* UTC, whatever the time zone of the reader is. */
	assert_int_equal(setenv("TZ", "ABC-14", 1), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = written(fill_time, &rows[i].at_s);
		assert_string_equal(text, rows[i].out);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
