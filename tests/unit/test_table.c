/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* table.h: the same rows as text and as JSON; nothing is cut off on a narrow terminal, and
 * what was not set is "-" or null. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "utils/table.h"

static const struct table_column columns[] = {
	{ .title = "NAME", .key = "name" },
	{ .key = "id" },
	{ .title = "FAILS", .key = "fails", .is_right = true },
	{ .title = "WHEN", .key = "when" },
	{ .title = "ON" },
};

static struct table *
sample(void)
{
	struct table *t = table_new(columns, sizeof columns / sizeof columns[0]);

	assert_non_null(t);
	table_add_row(t);
	table_set_text(t, 0, "phone");
	table_set_number(t, 1, 7);
	table_set_number(t, 2, -3);
	table_set_time(t, 3, 1893553445);
	table_set_bool(t, 4, true);
	table_add_row(t);
	table_set_text(t, 0, "overwritten");
	table_set_text(t, 0, "a\x1b[31m");
	table_set_text(t, 3, NULL);
	table_set_time(t, 4, 0);
	return t;
}

static char *
printed(const struct table *t, unsigned width, bool is_json)
{
	char *text = NULL;
	size_t len = 0;
	struct json j;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	json_begin(&j, out);
	assert_true(is_json ? table_print_json(t, &j, NULL) : table_print(t, out, width));
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_text(void **state)
{
	static const char wide[] = "NAME      FAILS WHEN             ON\n"
				   "phone        -3 2030-01-02T17:04 yes\n"
				   "a\\x1b[31m     - -                -\n";
	struct table *t = sample();
	const unsigned widths[] = { 0, 36, 80 };

	(void)state;
	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		char *text = printed(t, widths[i], false);
		assert_string_equal(text, wide);
		free(text);
	}
	table_free(t);
}

static void
test_narrow(void **state)
{
	struct table *t = sample();
	char *text = printed(t, 35, false);

	(void)state;
	assert_string_equal(text, "NAME   phone\n"
				  "FAILS  -3\n"
				  "WHEN   2030-01-02T17:04\n"
				  "ON     yes\n"
				  "\n"
				  "NAME   a?[31m\n"
				  "FAILS  -\n"
				  "WHEN   -\n"
				  "ON     -\n");
	free(text);
	table_free(t);
}

static void
test_json(void **state)
{
	struct table *t = sample();
	char *text = printed(t, 0, true);

	(void)state;
	assert_string_equal(text, "[\n"
				  "  {\n"
				  "    \"name\": \"phone\",\n"
				  "    \"id\": 7,\n"
				  "    \"fails\": -3,\n"
				  "    \"when\": \"2030-01-02T03:04:05Z\"\n"
				  "  },\n"
				  "  {\n"
				  "    \"name\": \"a\\u001b[31m\",\n"
				  "    \"id\": null,\n"
				  "    \"fails\": null,\n"
				  "    \"when\": null\n"
				  "  }\n"
				  "]\n");
	free(text);
	table_free(t);
}

static void
test_empty(void **state)
{
	struct table *t = table_new(columns, 1);
	char *text = printed(t, 80, false);

	(void)state;
	assert_string_equal(text, "");
	free(text);
	text = printed(t, 0, true);
	assert_string_equal(text, "[]\n");
	free(text);
	/* Setters without a row, and out of range, change nothing. */
	table_set_text(t, 0, "x");
	table_add_row(t);
	table_set_number(t, 1, 1);
	text = printed(t, 0, true);
	assert_string_equal(text, "[\n  {\n    \"name\": null\n  }\n]\n");
	free(text);
	table_free(t);
}

static void
test_many_rows(void **state)
{
	struct table *t = table_new(columns, 2);
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		table_add_row(t);
		table_set_text(t, 0, "x");
	}
	char *text = printed(t, 0, false);
	for (const char *s = text; *s != '\0'; s++)
		lines += *s == '\n';
	assert_int_equal(lines, 1001);
	free(text);
	table_free(t);
}

static void
test_no_table(void **state)
{
	(void)state;
	assert_null(table_new(columns, 0));
	assert_null(table_new(columns, TABLE_COLUMNS_MAX + 1));
	table_add_row(NULL);
	table_set_text(NULL, 0, "x");
	table_set_bool(NULL, 0, true);
	assert_false(table_print(NULL, stdout, 0));
	table_free(NULL);
}

static void
test_time(void **state)
{
	char out[TABLE_TIME_CAP];

	(void)state;
	assert_string_equal(table_time_text(0, false, out), "-");
	assert_string_equal(table_time_text(UINT64_MAX, true, out), "-");
	assert_string_equal(table_time_text(1893553445, false, out), "2030-01-02T17:04:05+1400");
	assert_string_equal(table_time_text(1893553445, true, out), "2030-01-02T17:04");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_json), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_many_rows), cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_time),
	};

	/* Text shows local time: one that no build machine is in. */
	if (setenv("TZ", "ABC-14", 1) != 0)
		return 1;
	tzset();
	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
