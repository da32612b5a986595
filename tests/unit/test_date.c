/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Days: the two directions against each other for each day of the range, against timegm(3),
 * and what is no day. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/date.h"

#define DAYS_MAX UINT64_C(2932896) /* 9999-12-31 */

static int
parse(const char *text, uint64_t *at_s)
{
	return date_parse((struct span){ text, strlen(text) }, at_s);
}

/* By a calendar that counts on: each day follows the one before it. */
static void
each_day_there_and_back(void **unused)
{
	static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = 1970, month = 1, day = 1;

	(void)unused;
	for (uint64_t n = 0; n <= DAYS_MAX; n++) {
		char text[DATE_CAP], digits[] = "0123456789";
		uint64_t at_s = 0;
		const char expected[] = { digits[year / 1000], digits[year / 100 % 10],
			digits[year / 10 % 10], digits[year % 10], '-', digits[month / 10],
			digits[month % 10], '-', digits[day / 10], digits[day % 10], '\0' };

		date_print(n * DATE_DAY_S + n % DATE_DAY_S, text);
		if (strcmp(text, expected) != 0)
			fail_msg("day %ju: %s, not %s", (uintmax_t)n, text, expected);
		if (parse(text, &at_s) != 0 || at_s != n * DATE_DAY_S)
			fail_msg("%s: %ju", text, (uintmax_t)at_s);
		int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
		if (++day > length[month - 1] + (month == 2 && is_leap)) {
			day = 1;
			month++;
		}
		if (month > 12) {
			month = 1;
			year++;
		}
	}
}

static void
known_days(void **unused)
{
	static const struct {
		const char *text;
		int year, month, day;
	} rows[] = {
		{ "1970-01-01", 1970, 1, 1 },
		{ "2000-02-29", 2000, 2, 29 },
		{ "2026-12-01", 2026, 12, 1 },
		{ "2100-03-01", 2100, 3, 1 },
		{ "9999-12-31", 9999, 12, 31 },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tm tm = { .tm_year = rows[i].year - 1900, .tm_mon = rows[i].month - 1,
			.tm_mday = rows[i].day };
		uint64_t at_s = 1;

		assert_int_equal(parse(rows[i].text, &at_s), 0);
		assert_int_equal(at_s, (uint64_t)timegm(&tm));
	}
	char text[DATE_CAP];
	date_print(UINT64_MAX, text);
	assert_string_equal(text, "9999-12-31");
}

static void
minutes(void **unused)
{
	static const struct {
		uint64_t at_s;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01 00:00 UTC" },
		{ 59, "1970-01-01 00:00 UTC" },
		{ 1700000010, "2023-11-14 22:13 UTC" },
		{ 86399, "1970-01-01 23:59 UTC" },
		{ 86400, "1970-01-02 00:00 UTC" },
		{ UINT64_C(253402300799), "9999-12-31 23:59 UTC" },
		{ UINT64_MAX, "9999-12-31 23:59 UTC" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[DATE_MINUTE_CAP];

		date_print_minute(rows[i].at_s, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
the_time_of_a_day(void **unused)
{
	static const struct {
		uint64_t at_s;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 59, "1970-01-01T00:00:59Z" },
		{ UINT64_C(1700000010), "2023-11-14T22:13:30Z" },
		{ UINT64_C(253402300799), "9999-12-31T23:59:59Z" },
		{ UINT64_MAX, "9999-12-31T23:59:59Z" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[DATE_TIME_CAP];

		date_print_time(rows[i].at_s, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
no_days(void **unused)
{
	static const char *const rows[] = { "", "1969-12-31", "2026-00-01", "2026-13-01",
		"2026-01-00", "2026-01-32", "2026-04-31", "2026-02-29", "2100-02-29",
		"2026-2-01", "2026-02-1", "26-02-01", "2026/02/01", "20260201", "2026-02-011",
		" 2026-02-01", "2026-02-01 ", "2026-02-0a", "+026-02-01", "2026--2-01",
		"10000-01-01", "0000-01-01" };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t at_s = 1;

		if (parse(rows[i], &at_s) != E_INVALID || at_s != 0)
			fail_msg("taken: %s", rows[i]);
	}
	uint64_t at_s = 1;
	assert_int_equal(date_parse((struct span){ NULL, 0 }, &at_s), E_INVALID);
	/* A NUL inside is no digit. */
	assert_int_equal(date_parse((struct span){ "2026-02-0\0", 10 }, &at_s), E_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_day_there_and_back),
		cmocka_unit_test(known_days),
		cmocka_unit_test(minutes),
		cmocka_unit_test(the_time_of_a_day),
		cmocka_unit_test(no_days),
	};
	return cmocka_run_group_tests_name("date", tests, NULL, NULL);
}
