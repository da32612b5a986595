/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Base32 and hexadecimal, strict, for secrets.
 *
 * Promises:
 *  1. Digits are computed, not looked up: which cache line is read and which branch is
 *     taken depends on lengths and on whether the text is valid, never on a secret byte.
 *  2. One value has one text of each case: padding in the wrong amount or place and
 *     left-over bits that are not zero are refused, so no two texts differ in nothing
 *     that counts.
 *  3. A refused text leaves nothing of itself in out.
 * Source: RFC 4648 sections 6 and 8. */

#include "encode.h"

/* All bits when lo <= c <= hi, else 0. All three are below 256, so a difference that
 * goes below zero sets every bit from 8 up, and no other does. */
static unsigned
range_mask(unsigned c, unsigned lo, unsigned hi)
{
	return 0U - ((((lo - 1U - c) & (c - hi - 1U)) >> 8) & 1U);
}

/* v: 0..31. 'A' for 0 .. 'Z' for 25, '2' for 26 .. '7' for 31. */
static char
base32_digit(unsigned v)
{
	unsigned c = 'A' + v - (range_mask(v, 26, 31) & ('A' + 26U - '2'));
	return (char)c; /* 7-bit ASCII */
}

/* The value of a base32 digit; *bad gets bits set when c is none. */
static unsigned
base32_value(char c, unsigned *bad)
{
	unsigned u = (unsigned char)c;
	unsigned upper = range_mask(u, 'A', 'Z');
	unsigned lower = range_mask(u, 'a', 'z');
	unsigned digit = range_mask(u, '2', '7');
	*bad |= ~(upper | lower | digit);
	return (upper & (u - 'A')) | (lower & (u - 'a')) | (digit & (u - '2' + 26U));
}

int
encode_base32_print(const uint8_t *in, size_t len, char *out, size_t cap)
{
	if (cap == 0)
		return E_INVALID;
	out[0] = '\0';
	if (len > SIZE_MAX / 8 - 1 || cap < ENCODE_BASE32_CAP(len))
		return E_INVALID;

	size_t used = 0;
	unsigned pending = 0; /* bits not printed yet, at the low end */
	unsigned bits = 0;    /* how many: 0..4 between two bytes */
	for (size_t i = 0; i < len; i++) {
		pending = (pending << 8 | in[i]) & 0xfffU;
		for (bits += 8; bits >= 5; bits -= 5)
			out[used++] = base32_digit(pending >> (bits - 5) & 0x1fU);
	}
	if (bits != 0)
		out[used++] = base32_digit(pending << (5 - bits) & 0x1fU);
	out[used] = '\0';
	return E_OK;
}

/* How many characters of text are digits; false when the padding is wrong. */
static bool
base32_unpad(struct span text, size_t *digits)
{
	size_t pad = 0;
	while (pad < text.len && text.at[text.len - 1 - pad] == '=')
		pad++;
	*digits = text.len - pad;
	size_t tail = *digits % 8;
	/* 1, 3 and 6 digits are no whole number of bytes. */
	if (tail == 1 || tail == 3 || tail == 6)
		return false;
	return pad == 0 || (tail != 0 && pad == 8 - tail);
}

int
encode_base32_parse(struct span text, uint8_t *out, size_t cap, size_t *len)
{
	*len = 0;
	size_t digits = 0;
	if (!base32_unpad(text, &digits) || digits / 8 * 5 + digits % 8 * 5 / 8 > cap) {
		bytes_wipe(out, cap);
		return E_INVALID;
	}

	size_t used = 0;
	unsigned pending = 0; /* bits not stored yet, at the low end */
	unsigned bits = 0;    /* how many: 0..7 between two digits */
	unsigned bad = 0;
	for (size_t i = 0; i < digits; i++) {
		pending = (pending << 5 | base32_value(text.at[i], &bad)) & 0xfffU;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[used++] = (uint8_t)(pending >> bits); /* the low byte is meant */
		}
	}
	bad |= pending & ((1U << bits) - 1U);
	if (bad != 0) {
		bytes_wipe(out, cap);
		return E_INVALID;
	}
	*len = used;
	return E_OK;
}

/* v: 0..15. */
static char
hex_digit(unsigned v)
{
	unsigned c = '0' + v + (range_mask(v, 10, 15) & ('a' - 10U - '0'));
	return (char)c; /* 7-bit ASCII */
}

/* The value of a hexadecimal digit; *bad gets bits set when c is none. */
static unsigned
hex_value(char c, unsigned *bad)
{
	unsigned u = (unsigned char)c;
	unsigned upper = range_mask(u, 'A', 'F');
	unsigned lower = range_mask(u, 'a', 'f');
	unsigned digit = range_mask(u, '0', '9');
	*bad |= ~(upper | lower | digit);
	return (upper & (u - 'A' + 10U)) | (lower & (u - 'a' + 10U)) | (digit & (u - '0'));
}

int
encode_hex_print(const uint8_t *in, size_t len, char *out, size_t cap)
{
	if (cap == 0)
		return E_INVALID;
	out[0] = '\0';
	if (len > SIZE_MAX / 2 - 1 || cap < ENCODE_HEX_CAP(len))
		return E_INVALID;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex_digit(in[i] >> 4);
		out[2 * i + 1] = hex_digit(in[i] & 0xfU);
	}
	out[2 * len] = '\0';
	return E_OK;
}

int
encode_hex_parse(struct span text, uint8_t *out, size_t len)
{
	if (text.len % 2 != 0 || text.len / 2 != len) {
		bytes_wipe(out, len);
		return E_INVALID;
	}
	unsigned bad = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned high = hex_value(text.at[2 * i], &bad);
		unsigned low = hex_value(text.at[2 * i + 1], &bad);
		out[i] = (uint8_t)(high << 4 | low); /* garbage only when bad is set */
	}
	if (bad != 0) {
		bytes_wipe(out, len);
		return E_INVALID;
	}
	return E_OK;
}
