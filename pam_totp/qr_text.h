/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_QR_TEXT_H
#define PAM_TOTP_QR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/diag.h"

#define QR_VERSION_MAX 15 /* 77 modules a side; 520 bytes at level L */
#define QR_SIDE_MAX (QR_VERSION_MAX * 4 + 17)
#define QR_QUIET 4	/* modules of empty border, ISO/IEC 18004 section 5.3.8 */
#define QR_TEXT_CAP 65536 /* bytes of the largest drawing as text, with NUL */

/* A QR code: side x side modules, 1 = dark. It is as secret as what it says. */
struct qr {
	unsigned side;
	uint8_t module[QR_SIDE_MAX * QR_SIDE_MAX];
};

/* How to draw with characters.
 * QR_UTF8: half blocks, one character for two modules above each other.
 * QR_ASCII: two characters a module, one module a line. */
enum qr_style { QR_UTF8 = 1, QR_ASCII };

void qr_wipe(struct qr *q);

/* Encode a terminated text at level L (the largest modules in a given room), as bytes.
 * E_LIMIT: too long for QR_VERSION_MAX. E_INVALID: empty. E_IO: no memory, or the library
 * refused. *q is wiped then. */
int qr_encode(const char *text, struct qr *q, struct diag *d) MUST_USE;

/* The columns and lines that qr_draw takes with quiet modules of border. */
void qr_measure(const struct qr *q, enum qr_style style, unsigned quiet, unsigned *columns,
    unsigned *rows);

/* Whether the module at column x, line y is dark; x and y count from the border's corner. */
bool qr_is_dark(const struct qr *q, unsigned quiet, unsigned x, unsigned y);

/* Draw as lines of text, each ended by '\n', with quiet (0..QR_QUIET) modules of border.
 * has_colour: black on white by SGR codes, the same on every terminal. Without it the
 * light modules are what is inked, as a dark terminal needs; on a light terminal the code
 * appears inverted, which most readers take.
 * out: QR_TEXT_CAP bytes. E_LIMIT: cap is too small; out is wiped then. */
int qr_draw(const struct qr *q, enum qr_style style, bool has_colour, unsigned quiet, char *out,
    size_t cap) MUST_USE;

#endif
