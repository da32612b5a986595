/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_QR_H
#define PAM_TOTP_QR_H

#include "qr_text.h"

enum qr_format { QR_SVG = 1, QR_PNG };

/* The format that a file name asks for by its end (".svg", ".png", either case).
 * E_INVALID: neither. */
int qr_file_format(const char *path, enum qr_format *format, struct diag *d) MUST_USE;

/* Make the file that qr_file_write fills: O_EXCL and O_NOFOLLOW, mode 0600. *fd: the caller
 * closes it; -1 on error. E_EXISTS: something is there already; it is not touched.
 * E_IO: with the system's reason. */
int qr_file_create(const char *path, int *fd, struct diag *d) MUST_USE;

/* Write the picture, 8 pixels a module, with the full quiet border.
 * E_IO: with the reason; the file is then incomplete and the caller's to remove. */
int qr_file_write(const struct qr *q, enum qr_format format, int fd, struct diag *d) MUST_USE;

#endif
