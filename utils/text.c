/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Text that somebody else wrote, made fit for a terminal. It promises:
 *  1. Nothing that text_clean gives can move a cursor, ring, set a title, answer back or
 *     reorder what stands around it: no C0 or C1 control character, no DEL, no
 *     bidirectional override passes, in any encoding of them.
 *  2. What does not fit is cut between characters, never inside one.
 * Pure: no locale, no memory of its own. */
#include "text.h"

#include <string.h>

char *
text_clean(const char *text, bool has_utf8, char *out, size_t cap)
{
	struct span s = { text, strlen(text) };
	size_t used = 0;
	while (s.len > 0) {
		size_t len = text_char_len(s);
		const char *put = s.at;
		size_t put_len = len;
		if (*s.at == '\n') {
			put = " ";
		} else if (len == 0 || (len > 1 && !has_utf8) ||
		    !text_is_plain((struct span){ s.at, len })) {
			put = "?";
			put_len = 1;
		}
		if (put_len > cap - 1 - used)
			break;
		memcpy(out + used, put, put_len);
		used += put_len;
		if (len == 0)
			len = 1;
		s.at += len;
		s.len -= len;
	}
	out[used] = '\0';
	return out;
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
