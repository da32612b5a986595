/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* JSON for programs that read what the tools list. It promises:
 *  1. What is written is always one well-formed RFC 8259 text in UTF-8, whatever bytes a
 *     user name or a message holds: control characters are escaped, stray bytes become
 *     U+FFFD, so that nothing stored can end a string or reach a terminal raw.
 *  2. Times are UTC and sortable as text. */
#include "utils/json.h"

#include <string.h>
#include <time.h>

#include "utils/text.h"

void
json_begin(struct json *j, FILE *out)
{
	*j = (struct json){ .out = out };
}

static void
put_string(FILE *out, const char *text)
{
	fputc('"', out);
	const unsigned char *s = (const unsigned char *)text;
	for (size_t left = strlen(text); left > 0;) {
		size_t len = text_char_len((struct span){ .at = (const char *)s, .len = left });
		if (len == 0) {
			fputs("\\ufffd", out);
			s++;
			left--;
			continue;
		}
		/* U+0080..U+009F are control characters of terminals as well. */
		bool is_c1 = len == 2 && s[0] == 0xc2 && s[1] < 0xa0;
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f || is_c1)
			fprintf(out, "\\u%04x", (unsigned)(is_c1 ? s[1] : s[0]));
		else
			fwrite(s, 1, len, out);
		s += len;
		left -= len;
	}
	fputc('"', out);
}

/* What stands before every value: the comma, the new line, the indentation, the name. */
static void
put_lead(struct json *j, const char *key)
{
	if (j->has_member)
		fputc(',', j->out);
	if (j->depth > 0)
		fprintf(j->out, "\n%*s", (int)(2 * j->depth), "");
	if (key != NULL) {
		put_string(j->out, key);
		fputs(": ", j->out);
	}
	j->has_member = true;
}

void
json_open(struct json *j, const char *key, char bracket)
{
	put_lead(j, key);
	fputc(bracket, j->out);
	j->depth++;
	j->has_member = false;
}

void
json_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->has_member)
		fprintf(j->out, "\n%*s", (int)(2 * j->depth), "");
	fputc(bracket == '{' ? '}' : ']', j->out);
	j->has_member = true;
	if (j->depth == 0)
		fputc('\n', j->out);
}

void
json_text(struct json *j, const char *key, const char *text)
{
	put_lead(j, key);
	if (text == NULL)
		fputs("null", j->out);
	else
		put_string(j->out, text);
}

void
json_number(struct json *j, const char *key, int64_t number)
{
	put_lead(j, key);
	fprintf(j->out, "%lld", (long long)number);
}

void
json_bool(struct json *j, const char *key, bool is_true)
{
	put_lead(j, key);
	fputs(is_true ? "true" : "false", j->out);
}

void
json_null(struct json *j, const char *key)
{
	json_text(j, key, NULL);
}

void
json_time(struct json *j, const char *key, uint64_t at_s)
{
	char text[40];
	struct tm tm;
	time_t at = at_s > INT64_MAX ? -1 : (time_t)at_s;
	if (at_s == 0 || at < 0 || gmtime_r(&at, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		json_null(j, key);
	else
		json_text(j, key, text);
}
