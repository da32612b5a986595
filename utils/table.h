/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TABLE_H
#define PAM_TOTP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "utils/json.h"

#define TABLE_COLUMNS_MAX 24
#define TABLE_TIME_CAP 40 /* a printed time, with NUL */

/* A column. title: its heading in text, NULL = not shown there. key: its name in JSON,
 * NULL = not written there. */
struct table_column {
	const char *title;
	const char *key;
	bool is_right; /* aligned to the right in text */
};

/* Rows of values, printed as an aligned text table or as JSON. A cell that was not set is
 * "-" in text and null in JSON. Running out of memory is remembered and told by the
 * printing function, so the functions that fill need no check. */
struct table;

/* A new table. columns: count of them, 1..TABLE_COLUMNS_MAX, borrowed for its life.
 * NULL: no memory; every function here takes a NULL table, and table_print then fails. */
struct table *table_new(const struct table_column *columns, size_t count);
void table_free(struct table *t);

/* Begin a row; the setters fill the last one. Texts are copied; NULL leaves the cell unset.
 * at_s: seconds since 1970 UTC: local time to the minute in text, UTC in JSON; 0 unset. */
void table_add_row(struct table *t);
void table_set_text(struct table *t, size_t column, const char *text);
void table_set_number(struct table *t, size_t column, int64_t number);
void table_set_bool(struct table *t, size_t column, bool is_true);
void table_set_time(struct table *t, size_t column, uint64_t at_s);

/* Print as text. width: columns of the terminal, 0 = no limit. A table that is wider is
 * printed as one block of "HEADING value" lines a row, so that nothing is cut off.
 * Returns false: no memory. */
bool table_print(const struct table *t, FILE *out, unsigned width)
    __attribute__((warn_unused_result));

/* Write the rows as a JSON array of objects, all with the same keys in the same order.
 * Returns false: no memory; the JSON is well-formed all the same. */
bool table_print_json(const struct table *t, struct json *j, const char *key)
    __attribute__((warn_unused_result));

/* A moment in local time, ISO 8601: with seconds and offset ("2001-02-03T04:05:06+0100"),
 * or, is_short, to the minute. 0 gives "-". Returns out. */
const char *table_time_text(uint64_t at_s, bool is_short, char out[TABLE_TIME_CAP]);

/* The columns of the terminal behind out, or 0 when it is none. */
unsigned table_width(FILE *out);

#endif
