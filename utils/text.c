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
