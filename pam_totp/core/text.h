/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_CORE_TEXT_H
#define PAM_TOTP_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"

/* How many bytes the character at the beginning of s takes: 1..4, or 0 when s is empty
 * or does not begin with well-formed UTF-8. Source: RFC 3629 section 4. */
size_t text_char_len(struct span s);

/* Whether s is well-formed UTF-8 without control characters: nothing below U+0020, no
 * U+007F..U+009F, no bidirectional override. */
bool text_is_plain(struct span s);

/* Copy text into lines of at most columns characters, each ended by '\n', broken at
 * blanks where there are any; an empty text gives an empty line. columns: 0 = no limit.
 * out: cap bytes, at least 1; what does not fit is cut. Returns out. */
char *text_wrap(const char *text, unsigned columns, char *out, size_t cap);

/* Append " key=value" with every byte outside A-Z a-z 0-9 and "._:@/+,-" as %XX, so that no
 * value can forge a field or a line. An empty value is written as "-". */
void text_put_field(struct bytes_writer *w, const char *key, const char *value);

#endif
