/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* QR codes drawn with characters, for a terminal and for a prompt of PAM; qr_encode.c makes
 * them. A drawing that does not fit is overwritten. */
#include "qr_text.h"

#include "core/bytes.h"

/* Black on white, white on black, back to normal: ECMA-48 section 8.3.117. */
#define SGR_PAPER "\033[30;47m"
#define SGR_DARK "\033[37;40m"
#define SGR_END "\033[0m"

bool
qr_is_dark(const struct qr *q, unsigned quiet, unsigned x, unsigned y)
{
	if (x < quiet || y < quiet || x - quiet >= q->side || y - quiet >= q->side)
		return false;
	return q->module[(size_t)(y - quiet) * q->side + (x - quiet)] != 0;
}

void
qr_measure(const struct qr *q, enum qr_style style, unsigned quiet, unsigned *columns,
    unsigned *rows)
{
	unsigned side = q->side + 2 * quiet;
	*columns = style == QR_ASCII ? 2 * side : side;
	*rows = style == QR_ASCII ? side : (side + 1) / 2;
}

/* One line of half blocks: modules of lines y and y + 1. With colour the ink is dark,
 * without it the ink is light. Past the last line there is nothing: background. */
static void
draw_halves(const struct qr *q, bool has_colour, unsigned quiet, unsigned y,
    struct bytes_writer *w)
{
	static const char *const block[4] = { " ", "\xe2\x96\x80", "\xe2\x96\x84",
		"\xe2\x96\x88" };
	unsigned side = q->side + 2 * quiet;
	bool has_lower = y + 1 < side;
	if (has_colour)
		bytes_put(w, SGR_PAPER);
	for (unsigned x = 0; x < side; x++) {
		bool upper = qr_is_dark(q, quiet, x, y) == has_colour;
		bool lower = has_lower ? qr_is_dark(q, quiet, x, y + 1) == has_colour : false;
		bytes_put(w, block[(upper ? 1 : 0) + (lower ? 2 : 0)]);
	}
	if (has_colour)
		bytes_put(w, SGR_END);
}

/* One line of double characters. With colour the cells themselves are painted. */
static void
draw_pairs(const struct qr *q, bool has_colour, unsigned quiet, unsigned y,
    struct bytes_writer *w)
{
	unsigned side = q->side + 2 * quiet;
	for (unsigned x = 0; x < side; x++) {
		bool dark = qr_is_dark(q, quiet, x, y);
		if (has_colour && (x == 0 || dark != qr_is_dark(q, quiet, x - 1, y)))
			bytes_put(w, dark ? SGR_DARK : SGR_PAPER);
		bytes_put(w, has_colour || dark ? "  " : "##");
	}
	if (has_colour)
		bytes_put(w, SGR_END);
}

int
qr_draw(const struct qr *q, enum qr_style style, bool has_colour, unsigned quiet, char *out,
    size_t cap)
{
	struct bytes_writer w;
	bytes_writer_init(&w, out, cap);
	unsigned side = q->side + 2 * quiet;
	for (unsigned y = 0; y < side; y += style == QR_ASCII ? 1 : 2) {
		if (style == QR_ASCII)
			draw_pairs(q, has_colour, quiet, y, &w);
		else
			draw_halves(q, has_colour, quiet, y, &w);
		bytes_put(&w, "\n");
	}
	if (!w.has_overflowed)
		return E_OK;
	bytes_wipe(out, cap);
	return E_LIMIT;
}
