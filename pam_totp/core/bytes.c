/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The only code of core that walks through text, and the only that appends to it.
 *
 * Promises:
 *  1. Nothing is read outside at..at+len of a span, whatever the bytes are; NUL is a byte
 *     as any other and never ends a text. A NULL span of length 0 is an empty text.
 *  2. Nothing is written outside cap bytes, and what is written is always terminated.
 *     What does not fit is left out whole, and said so: nothing is cut silently.
 *  3. A number is decimal digits and nothing else, within the range asked for, written in
 *     the one way that bytes_put_u64 writes it. */

#include "bytes.h"

#include <string.h>

#define U64_DIGITS_MAX 20 /* of 18446744073709551615 */

void
bytes_wipe(void *p, size_t len)
{
	if (len != 0)
		explicit_bzero(p, len);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Take n bytes off the front; n <= s->len. Adding 0 to a NULL pointer is undefined. */
static void
skip(struct span *s, size_t n)
{
	if (n == 0)
		return;
	s->at += n;
	s->len -= n;
}

static void
skip_blanks(struct span *s)
{
	while (s->len != 0 && is_blank(s->at[0]))
		skip(s, 1);
}

void
bytes_reader_init(struct bytes_reader *r, const char *text, size_t len)
{
	r->at = text;
	r->left = text == NULL ? 0 : len;
	r->line = 0;
}

bool
bytes_next_line(struct bytes_reader *r, struct span *line)
{
	*line = (struct span) { .at = r->at, .len = 0 };
	if (r->left == 0)
		return false;

	const char *end = memchr(r->at, '\n', r->left);
	line->len = end == NULL ? r->left : (size_t)(end - r->at);
	size_t taken = end == NULL ? line->len : line->len + 1;
	r->at += taken;
	r->left -= taken;
	r->line++;
	return true;
}

struct span
bytes_next_word(struct span *rest)
{
	skip_blanks(rest);
	struct span word = { .at = rest->at, .len = 0 };
	while (word.len < rest->len && !is_blank(word.at[word.len]))
		word.len++;
	skip(rest, word.len);
	skip_blanks(rest);
	return word;
}

struct span
bytes_trim(struct span s)
{
	skip_blanks(&s);
	while (s.len != 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

bool
bytes_is(struct span s, const char *text)
{
	size_t len = strlen(text);
	return s.len == len && (len == 0 || memcmp(s.at, text, len) == 0);
}

int
bytes_parse_u64(struct span s, uint64_t min, uint64_t max, uint64_t *out)
{
	*out = 0;
	if (s.len == 0 || s.len > U64_DIGITS_MAX)
		return E_INVALID;
	if (s.at[0] == '0' && s.len != 1)
		return E_INVALID;

	uint64_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return E_INVALID;
		if (__builtin_mul_overflow(n, 10U, &n) ||
		    __builtin_add_overflow(n, (unsigned)(s.at[i] - '0'), &n))
			return E_INVALID;
	}
	if (n < min || n > max)
		return E_INVALID;
	*out = n;
	return E_OK;
}

int
bytes_copy(struct span s, char *out, size_t cap)
{
	if (cap == 0)
		return E_INVALID;
	out[0] = '\0';
	if (s.len > cap - 1)
		return E_INVALID;
	if (s.len == 0)
		return E_OK;
	if (memchr(s.at, '\0', s.len) != NULL)
		return E_INVALID;
	memcpy(out, s.at, s.len);
	out[s.len] = '\0';
	return E_OK;
}

void
bytes_writer_init(struct bytes_writer *w, char *buf, size_t cap)
{
	*w = (struct bytes_writer) { .at = buf, .cap = cap, .len = 0, .has_overflowed = cap == 0 };
	if (cap != 0)
		buf[0] = '\0';
}

void
bytes_put_span(struct bytes_writer *w, struct span s)
{
	if (w->has_overflowed || s.len == 0)
		return;
	/* len < cap holds, so the right side cannot wrap; it keeps room for the NUL. */
	if (s.len > w->cap - w->len - 1) {
		w->has_overflowed = true;
		return;
	}
	memcpy(w->at + w->len, s.at, s.len);
	w->len += s.len;
	w->at[w->len] = '\0';
}

void
bytes_put(struct bytes_writer *w, const char *text)
{
	bytes_put_span(w, (struct span) { .at = text, .len = strlen(text) });
}

void
bytes_put_u64(struct bytes_writer *w, uint64_t n)
{
	char digits[U64_DIGITS_MAX];
	size_t first = sizeof(digits);
	do {
		first--;
		digits[first] = (char)('0' + n % 10); /* '0'..'9' */
		n /= 10;
	} while (n != 0);
	bytes_put_span(w, (struct span) { .at = digits + first, .len = sizeof(digits) - first });
}

void
bytes_set_le64(uint8_t *p, uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(n >> (8 * i)); /* the low byte is meant */
}

void
bytes_set_le32(uint8_t *p, uint32_t n)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> (8 * i)); /* the low byte is meant */
}

uint64_t
bytes_get_le64(const uint8_t *p)
{
	return (uint64_t)bytes_get_le32(p + 4) << 32 | bytes_get_le32(p);
}

uint32_t
bytes_get_le32(const uint8_t *p)
{
	/* Spelt out, as compilers make one load of it. */
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}
