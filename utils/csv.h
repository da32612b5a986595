/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_CSV_H
#define PAM_TOTP_CSV_H

#include <stdbool.h>
#include <stdio.h>

/* Comma-separated values being written (RFC 4180, but with Unix line ends), a field at a time.
 * Whether the stream took it all is for the caller to ask of the stream, once, at the end. */
struct csv {
	FILE *out;
	bool has_field; /* the open row has one already */
};

/* Begin on out (borrowed). */
void csv_begin(struct csv *c, FILE *out);

/* Write the next field of the row: quoted, whatever it holds. text: terminated, UTF-8; NULL is
 * an empty field. A control character, a bidirectional override and a stray byte become '?'.
 * A field that a spreadsheet would run as a formula begins with a "'". */
void csv_field(struct csv *c, const char *text);

/* End the row. */
void csv_end_row(struct csv *c);

#endif
