/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_SECRET_INPUT_H
#define PAM_TOTP_SECRET_INPUT_H

#include <stddef.h>

#include "core/bytes.h"

#define SECRET_INPUT_CAP 2048 /* bytes of a secret text with NUL: one otpauth URI or key */

/* Read one line of secret text: from standard input when path is "-" (without echo when that
 * is a terminal, after printing prompt to standard error), else from a file, which
 * must be a regular file with one link, owned by root or the caller, without any permission
 * for group and others. The end of the line and blanks around the text are taken off.
 * text: SECRET_INPUT_CAP bytes, the caller wipes it; "" on error.
 * E_NOENT: no such file. E_UNSAFE: it is not such a file. E_INVALID: empty, longer than
 * SECRET_INPUT_CAP - 1, more than one line, or a NUL in it. E_IO. d never quotes the text. */
int secret_input_read(const char *path, const char *prompt, char text[SECRET_INPUT_CAP],
    struct diag *d) MUST_USE;

/* Read two such texts from standard input: at a terminal one prompt each, else two lines.
 * Codes as above; both texts are "" on error. */
int secret_input_read_pair(const char *const prompt[2], char text[2][SECRET_INPUT_CAP],
    struct diag *d) MUST_USE;

#endif
