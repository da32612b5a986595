/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A text as a QR code (ISO/IEC 18004, byte mode, level L). It promises:
 *  1. The only file that knows libqrencode.
 *  2. No copy of the text or of the code is left in memory but the caller's. The library
 *     copies what it encodes to places that it frees as they are, in a host that lives on.
 *     So it is given as many zeros instead. What it draws is right but for the modules that
 *     depend on the text, and these are added here.
 *
 * That works because the code is linear: with one version and one mask, the symbol of text XOR
 * zeros is the symbol of the zeros with those modules turned over that the text alone, with
 * its own error correction, would make dark without a mask. Mode, length and padding are the
 * same in both and so cancel out. */
#include "qr_text.h"

#include <errno.h>
#include <qrencode.h>
#include <string.h>

#include "core/bytes.h"

#define WORDS_MAX 655 /* of the largest version, data and error correction */
#define CHECK_MAX 30  /* error correction words of a block */
#define BLOCKS_MAX 6
#define DATA_WORDS_MAX 523

#define LIBRARY_IS_DARK 0x01U  /* in a module of libqrencode's, see qrencode.h */
#define LIBRARY_IS_FIXED 0x80U /* it belongs to no word: finder, timing, format and so on */
#define TIMING_COLUMN 6

/* Level L, by version: the data words of all blocks, the blocks, and the error correction words
 * of each. Where the data is no multiple, the last blocks have one word more. */
static const struct layout {
	unsigned data;
	unsigned blocks;
	unsigned check;
} layouts[QR_VERSION_MAX + 1] = {
	{ 0, 0, 0 },
	{ 19, 1, 7 }, { 34, 1, 10 }, { 55, 1, 15 }, { 80, 1, 20 }, { 108, 1, 26 },
	{ 136, 2, 18 }, { 156, 2, 20 }, { 194, 2, 24 }, { 232, 2, 30 }, { 274, 4, 18 },
	{ 324, 4, 20 }, { 370, 4, 24 }, { 428, 4, 26 }, { 461, 4, 30 }, { 523, 6, 22 },
};

/* All that depends on the text while it is encoded. */
struct work {
	uint8_t data[DATA_WORDS_MAX];
	uint8_t check[BLOCKS_MAX][CHECK_MAX];
	uint8_t word[WORDS_MAX]; /* in the order of the symbol */
	unsigned count;
};

/* In GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1, without tables or branches: the same work for
 * every secret. */
static uint8_t
multiply(uint8_t a, uint8_t b)
{
	unsigned product = 0;

	for (unsigned i = 8; i-- > 0;) {
		product = (product << 1) ^ ((product >> 7) * 0x11d);
		product ^= (unsigned)(b >> i & 1) * a;
	}
	return (uint8_t)product;
}

/* The generator of so many check words, without its leading 1. */
static void
make_generator(unsigned count, uint8_t generator[CHECK_MAX])
{
	uint8_t root = 1;

	memset(generator, 0, CHECK_MAX);
	generator[count - 1] = 1;
	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = 0; k < count; k++) {
			generator[k] = multiply(generator[k], root);
			if (k + 1 < count)
				generator[k] ^= generator[k + 1];
		}
		root = multiply(root, 2);
	}
}

/* The remainder of a block: its error correction. */
static void
make_check(const uint8_t *data, unsigned len, const uint8_t *generator, unsigned count,
    uint8_t *check)
{
	memset(check, 0, count);
	for (unsigned i = 0; i < len; i++) {
		uint8_t factor = data[i] ^ check[0];
		memmove(check, check + 1, count - 1);
		check[count - 1] = 0;
		for (unsigned k = 0; k < count; k++)
			check[k] ^= multiply(generator[k], factor);
	}
}

/* The text behind the mode's four bits and the length's eight or sixteen. */
static void
put_text(struct work *w, const char *text, size_t len, unsigned version)
{
	size_t at = version < 10 ? 1 : 2;

	for (size_t i = 0; i < len; i++, at++) {
		uint8_t byte = (uint8_t)text[i];
		w->data[at] |= (uint8_t)(byte >> 4);
		w->data[at + 1] |= (uint8_t)(byte << 4);
	}
}

/* The words of all blocks in turn, as far as each has them; then their checks likewise. */
static void
make_words(struct work *w, const struct layout *l)
{
	uint8_t generator[CHECK_MAX];
	unsigned start[BLOCKS_MAX], len[BLOCKS_MAX], at = 0;
	unsigned shortest = l->data / l->blocks;

	make_generator(l->check, generator);
	for (unsigned b = 0; b < l->blocks; b++) {
		start[b] = at;
		len[b] = shortest + (b >= l->blocks - l->data % l->blocks);
		make_check(w->data + at, len[b], generator, l->check, w->check[b]);
		at += len[b];
	}
	for (unsigned i = 0; i <= shortest; i++)
		for (unsigned b = 0; b < l->blocks; b++)
			if (i < len[b])
				w->word[w->count++] = w->data[start[b] + i];
	for (unsigned i = 0; i < l->check; i++)
		for (unsigned b = 0; b < l->blocks; b++)
			w->word[w->count++] = w->check[b][i];
}

/* Turn over what the text makes dark: pairs of columns from the right, upwards and downwards by
 * turns, over the modules that the library did not mark as fixed. */
static void
turn_over(const struct work *w, const QRcode *code, struct qr *q)
{
	unsigned pairs = (q->side - 1) / 2, bit = 0;

	for (unsigned i = 0; i < pairs; i++) {
		unsigned left = 2 * (pairs - 1 - i);
		if (left >= TIMING_COLUMN)
			left++;
		for (unsigned k = 0; k < 2 * q->side; k++) {
			unsigned y = i % 2 == 0 ? q->side - 1 - k / 2 : k / 2;
			size_t at = (size_t)y * q->side + left + 1 - k % 2;
			if ((code->data[at] & LIBRARY_IS_FIXED) != 0)
				continue;
			/* A few modules behind the last word belong to none. */
			if (bit / 8 < w->count)
				q->module[at] ^=
				    (uint8_t)(w->word[bit / 8] >> (7 - bit % 8) & 1);
			bit++;
		}
	}
}

void
qr_wipe(struct qr *q)
{
	bytes_wipe(q, sizeof *q);
}

int
qr_encode(const char *text, struct qr *q, struct diag *d)
{
	static const uint8_t zeros[DATA_WORDS_MAX];
	struct work w = { .count = 0 };
	size_t len = strlen(text);

	memset(q, 0, sizeof *q);
	if (len == 0)
		return diag_set(d, E_INVALID, "nothing to encode");
	errno = 0;
	QRcode *code = len > sizeof zeros ? NULL :
	    QRcode_encodeData((int)len, zeros, 0, QR_ECLEVEL_L);
	if (code == NULL && (len > sizeof zeros || errno == ERANGE))
		return diag_set(d, E_LIMIT, "too long for a QR code");
	if (code == NULL)
		return diag_set(d, E_IO, "cannot make a QR code: libqrencode refused");
	int r = E_OK;
	if (code->version < 1 || code->version > QR_VERSION_MAX ||
	    code->width != code->version * 4 + 17) {
		r = diag_set(d, E_LIMIT, "too long for a QR code");
		goto out;
	}
	q->side = (unsigned)code->width;
	for (size_t i = 0; i < (size_t)q->side * q->side; i++)
		q->module[i] = code->data[i] & LIBRARY_IS_DARK;
	put_text(&w, text, len, (unsigned)code->version);
	make_words(&w, &layouts[code->version]);
	turn_over(&w, code, q);
	bytes_wipe(&w, sizeof w);
out:
	QRcode_free(code);
	return r;
}
