/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TEXT_H
#define PAM_TOTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"

/* Copy a terminated text that somebody else wrote so that it can be shown on a terminal:
 * each control character, bidirectional override and stray byte becomes '?', and so does
 * each character outside ASCII when the terminal is not has_utf8. A '\n' becomes a blank.
 * What does not fit is cut at a character's end. out: cap bytes, at least 1; returns out. */
char *text_clean(const char *text, bool has_utf8, char *out, size_t cap);

#endif
