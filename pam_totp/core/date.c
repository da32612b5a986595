/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Days of the Gregorian calendar, for settings and messages. Its own arithmetic, because the
 * C library's reads the time zone (environment and files) even for UTC, which neither core
 * nor a guest in sshd may do. date_print writes what date_parse reads. */

#include "date.h"

#include <stdbool.h>
#include <string.h>

#define YEAR_FIRST 1970
#define YEAR_LAST 9999
#define DAY_LAST UINT64_C(2932896) /* 9999-12-31, counted from 1970-01-01 as 0 */

static bool
is_leap(uint64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days before the first of January of that year, from 1970 on. */
static uint64_t
days_before(uint64_t year)
{
	uint64_t y = year - 1; /* leap years that are over, less those over by 1970 */

	return (year - YEAR_FIRST) * 365 + (y / 4 - y / 100 + y / 400) - 477;
}

static uint64_t
days_of(uint64_t year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month] + (month == 1 && is_leap(year) ? 1U : 0U);
}

/* A field of fixed width; a leading zero belongs to it. */
static bool
read_field(const char *at, size_t width, uint64_t min, uint64_t max, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < width; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(at[i] - '0');
	}
	return *out >= min && *out <= max;
}

int
date_parse(struct span text, uint64_t *out_s)
{
	uint64_t year = 0, month = 0, day = 0;

	*out_s = 0;
	if (text.len != DATE_CAP - 1 || text.at[4] != '-' || text.at[7] != '-' ||
	    !read_field(text.at, 4, YEAR_FIRST, YEAR_LAST, &year) ||
	    !read_field(text.at + 5, 2, 1, 12, &month) ||
	    !read_field(text.at + 8, 2, 1, days_of(year, (unsigned)month - 1), &day))
		return E_INVALID;
	uint64_t days = days_before(year) + day - 1;
	for (unsigned i = 0; i + 1 < month; i++)
		days += days_of(year, i);
	*out_s = days * DATE_DAY_S;
	return E_OK;
}

static void
put_field(char *at, size_t width, uint64_t n)
{
	for (size_t i = width; i-- > 0; n /= 10)
		at[i] = (char)('0' + n % 10);
}

void
date_print(uint64_t at_s, char out[DATE_CAP])
{
	uint64_t days = at_s / DATE_DAY_S;
	unsigned month = 0;

	if (days > DAY_LAST)
		days = DAY_LAST;
	/* An estimate that is never too small: the leap days make it a few too large. */
	uint64_t year = YEAR_FIRST + days / 365;
	while (days_before(year) > days)
		year--;
	days -= days_before(year);
	for (; days >= days_of(year, month); month++)
		days -= days_of(year, month);
	memcpy(out, "YYYY-MM-DD", DATE_CAP);
	put_field(out, 4, year);
	put_field(out + 5, 2, month + 1);
	put_field(out + 8, 2, days + 1);
}

/* The day, and what of the time the form has room for: both put it in the same places. */
static void
print_time(uint64_t at_s, char *out, const char *form, size_t cap, bool has_seconds)
{
	const uint64_t last_s = (DAY_LAST + 1) * DATE_DAY_S - 1;
	char day[DATE_CAP];

	if (at_s > last_s)
		at_s = last_s;
	date_print(at_s, day);
	memcpy(out, form, cap);
	memcpy(out, day, DATE_CAP - 1);
	put_field(out + 11, 2, at_s % DATE_DAY_S / 3600);
	put_field(out + 14, 2, at_s % 3600 / 60);
	if (has_seconds)
		put_field(out + 17, 2, at_s % 60);
}

void
date_print_minute(uint64_t at_s, char out[DATE_MINUTE_CAP])
{
	print_time(at_s, out, "YYYY-MM-DD HH:MM UTC", DATE_MINUTE_CAP, false);
}

void
date_print_time(uint64_t at_s, char out[DATE_TIME_CAP])
{
	print_time(at_s, out, "YYYY-MM-DDTHH:MM:SSZ", DATE_TIME_CAP, true);
}
