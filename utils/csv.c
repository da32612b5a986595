/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* CSV for spreadsheets and programs. It promises:
 *  1. A row has as many fields, and a file as many rows, as were written: every field is
 *     quoted, quotes in it are doubled, and no line end gets into one.
 *  2. No field is a formula. Quoting does not stop a spreadsheet from running what begins with
 *     = + - @ or a control character, and all four are legal in names, so such a field begins
 *     with "'", which spreadsheets take for "this is text". So does what begins with their
 *     full-width forms, which some take for the same.
 *  3. No field drives a terminal that the file is shown on.
 * Source: RFC 4180; OWASP, CSV Injection. */
#include "utils/csv.h"

#include <string.h>

#include "utils/text.h"

void
csv_begin(struct csv *c, FILE *out)
{
	*c = (struct csv){ .out = out };
}

/* Obligation 2. */
static bool
is_formula(const char *text)
{
	/* U+FF0B +, U+FF0D -, U+FF1D =, U+FF20 @ */
	static const char *const wide[] = { "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\x9d",
		"\xef\xbc\xa0" };
	unsigned char first = (unsigned char)text[0];

	if (first == '\0')
		return false;
	if (first < 0x20 || first == 0x7f || strchr("=+-@", first) != NULL)
		return true;
	for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
		if (strncmp(text, wide[i], strlen(wide[i])) == 0)
			return true;
	return false;
}

void
csv_field(struct csv *c, const char *text)
{
	struct span s = { text, text == NULL ? 0 : strlen(text) };

	fputs(c->has_field ? ",\"" : "\"", c->out);
	c->has_field = true;
	if (s.len > 0 && is_formula(text))
		fputc('\'', c->out);
	while (s.len > 0) {
		size_t len = text_char_len(s);
		if (len == 0 || !text_is_plain((struct span){ s.at, len }))
			fputc('?', c->out);
		else if (*s.at == '"')
			fputs("\"\"", c->out);
		else
			fwrite(s.at, 1, len, c->out);
		if (len == 0)
			len = 1;
		s.at += len;
		s.len -= len;
	}
	fputc('"', c->out);
}

void
csv_end_row(struct csv *c)
{
	fputc('\n', c->out);
	c->has_field = false;
}
