/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DATE_H
#define PAM_TOTP_DATE_H

#include <stdint.h>

#include "bytes.h"

#define DATE_CAP 11		/* "YYYY-MM-DD" with NUL */
#define DATE_MINUTE_CAP 21	/* "YYYY-MM-DD HH:MM UTC" with NUL */
#define DATE_TIME_CAP 21	/* "YYYY-MM-DDTHH:MM:SSZ" with NUL */
#define DATE_DAY_S UINT64_C(86400)

/* The first second (since 1970, UTC) of a day written YYYY-MM-DD, 1970-01-01..9999-12-31 of
 * the Gregorian calendar: ten bytes, no other form.
 * E_INVALID: anything else, days that do not exist too; *out_s is 0 then. Pure. */
int date_parse(struct span text, uint64_t *out_s) MUST_USE;

/* The day (UTC) of a second since 1970 as YYYY-MM-DD; what lies past 9999 is its last day.
 * Pure: no time zone, no environment, unlike gmtime(3). */
void date_print(uint64_t at_s, char out[DATE_CAP]);

/* The same with the minute: "2026-11-21 17:00 UTC". */
void date_print_minute(uint64_t at_s, char out[DATE_MINUTE_CAP]);

/* The same as ISO 8601 writes it for programs: "2026-11-21T17:00:05Z". */
void date_print_time(uint64_t at_s, char out[DATE_TIME_CAP]);

#endif
