/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What is text, whoever wrote it: UTF-8 of which nothing moves a cursor, rings, answers back
 * or reorders what stands around it. Pure: no locale. */
#include "text.h"

#include <string.h>

size_t
text_char_len(struct span s)
{
	if (s.len == 0)
		return 0;
	const unsigned char *c = (const unsigned char *)s.at;
	if (c[0] < 0x80)
		return 1;
	if (c[0] < 0xc2 || c[0] > 0xf4)
		return 0;
	size_t len = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
	if (len > s.len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, above U+10FFFF. */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return len;
}

/* Whether the well-formed character of len bytes at c may be shown. */
static bool
is_shown(const char *c, size_t len)
{
	const unsigned char *u = (const unsigned char *)c;
	if (len == 1)
		return u[0] >= 0x20 && u[0] != 0x7f;
	if (len == 2)
		return u[0] != 0xc2 || u[1] >= 0xa0;
	if (len != 3 || u[0] != 0xe2)
		return true;
	/* U+2028..U+202E: separators, embeddings and overrides; U+2066..U+2069: isolates. */
	bool is_override = u[1] == 0x80 && u[2] >= 0xa8 && u[2] <= 0xae;
	bool is_isolate = u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9;
	return !is_override && !is_isolate;
}

bool
text_is_plain(struct span s)
{
	while (s.len > 0) {
		size_t len = text_char_len(s);
		if (len == 0 || !is_shown(s.at, len))
			return false;
		s.at += len;
		s.len -= len;
	}
	return true;
}

/* How many bytes of s make the next line of at most columns characters, and in *skip how
 * many blanks after it are passed over. */
static size_t
line_len(struct span s, unsigned columns, size_t *skip)
{
	size_t at = 0;
	size_t last_blank = 0;
	unsigned used = 0;
	*skip = 0;
	while (at < s.len) {
		size_t len = text_char_len((struct span){ s.at + at, s.len - at });
		bool is_blank = s.at[at] == ' ';
		if (columns > 0 && used == columns && !is_blank) {
			*skip = last_blank > 0 ? 1 : 0;
			return last_blank > 0 ? last_blank : at;
		}
		if (columns > 0 && used == columns) {
			*skip = 1;
			return at;
		}
		if (is_blank)
			last_blank = at;
		at += len > 0 ? len : 1;
		used++;
	}
	return at;
}

char *
text_wrap(const char *text, unsigned columns, char *out, size_t cap)
{
	struct bytes_writer w;
	bytes_writer_init(&w, out, cap);
	struct span s = { text, strlen(text) };
	do {
		size_t skip = 0;
		size_t len = line_len(s, columns, &skip);
		bytes_put_span(&w, (struct span){ s.at, len });
		bytes_put(&w, "\n");
		s.at += len + skip;
		s.len -= len + skip;
	} while (s.len > 0);
	return out;
}

void
text_put_field(struct bytes_writer *w, const char *key, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._:@/+,-";
	static const char hex[] = "0123456789ABCDEF";

	bytes_put(w, " ");
	bytes_put(w, key);
	bytes_put(w, "=");
	if (value[0] == '\0')
		bytes_put(w, "-");
	for (const char *p = value; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		char escaped[] = { '%', hex[c >> 4], hex[c & 15], '\0' };

		if (strchr(plain, *p) != NULL)
			bytes_put_span(w, (struct span){ p, 1 });
		else
			bytes_put(w, escaped);
	}
}
