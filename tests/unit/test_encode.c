/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* encode.c: the vectors of RFC 4648, every digit, every refusal, and print then parse. */

#include "core/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/vectors.h"

#define BASE32_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

static struct span
span_of(const char *text)
{
	return (struct span) { .at = text, .len = strlen(text) };
}

static void
assert_base32(const char *text, const uint8_t *bytes, size_t len)
{
	uint8_t out[64];
	size_t out_len = 99;
	assert_int_equal(encode_base32_parse(span_of(text), out, sizeof(out), &out_len), 0);
	assert_int_equal(out_len, len);
	assert_memory_equal(out, bytes, len);
}

/* Refused, with nothing left behind. */
static void
assert_no_base32(struct span text)
{
	uint8_t out[64];
	size_t out_len = 99;
	memset(out, 0x55, sizeof(out));
	assert_int_equal(encode_base32_parse(text, out, sizeof(out), &out_len), E_INVALID);
	assert_int_equal(out_len, 0);
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

static void
test_base32_vectors(void **state)
{
	(void)state;
	struct vectors v;
	unsigned seen = 0;
	vectors_open(&v, "base32.txt");
	while (vectors_next(&v, 2)) {
		uint8_t bytes[16];
		size_t len = vectors_hex(v.field[0], bytes, sizeof(bytes));
		char padded[32] = "";
		if (strcmp(v.field[1], "-") != 0)
			assert_true(snprintf(padded, sizeof(padded), "%s", v.field[1]) < 32);
		assert_base32(padded, bytes, len);

		/* Without its padding, which is also what is printed. */
		padded[strcspn(padded, "=")] = '\0';
		assert_base32(padded, bytes, len);
		char out[32];
		assert_int_equal(encode_base32_print(bytes, len, out, sizeof(out)), 0);
		assert_string_equal(out, padded);

		for (char *p = padded; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + ('a' - 'A'));
		assert_base32(padded, bytes, len);
		seen++;
	}
	assert_int_equal(seen, 7);
}

/* All 32 digits in both directions, and each of the other 224 bytes refused in each place. */
static void
test_base32_every_byte(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t place = 0; place < 8; place++) {
			char text[] = "AAAAAAAA";
			text[place] = (char)c;
			const char *upper = c == 0 ? NULL : strchr(BASE32_DIGITS, c);
			const char *lower = c >= 'a' && c <= 'z' ?
			    strchr(BASE32_DIGITS, c - 'a' + 'A') : NULL;
			const char *digit = upper != NULL ? upper : lower;
			if (digit == NULL) {
				if (c == '=' && place == 7)
					continue; /* padding; 7 digits are 4 bytes */
				assert_no_base32((struct span) { text, 8 });
				continue;
			}
			uint64_t want = (uint64_t)(digit - BASE32_DIGITS) << (5 * (7 - place));
			uint8_t bytes[5];
			for (size_t i = 0; i < 5; i++)
				bytes[i] = (uint8_t)(want >> (8 * (4 - i)));
			assert_base32(text, bytes, 5);
			char out[9];
			assert_int_equal(encode_base32_print(bytes, 5, out, sizeof(out)), 0);
			text[place] = *digit;
			assert_string_equal(out, text);
		}
	}
}

static void
test_base32_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"A", "AAA", "AAAAAA", "AAAAAAAAA",			/* no whole byte */
		"=", "==", "========", "AAAAAAAA=", "AAAAAAAA========", /* padding of nothing */
		"MY=", "MY=====", "MY=======", "MZXQ===", "MZXW6==", "MZXW6YQ==", /* amount */
		"MY====", "M=======", "MZX=====", "MZXW6Y==",
		"=MY=====", "M=Y=====", "MY====A=", "MY======MY======", "MY======\n",
		"MZ", "MZXR", "MZXW7", "MZXW6YR", "MZ======",		/* bits left over */
		"MZXW 6YTB", "MZXW-6YTB", "0ZXW6YTB", "1ZXW6YTB", "8ZXW6YTB", "9ZXW6YTB",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_no_base32(span_of(rows[i]));
	assert_no_base32((struct span) { "MZXW6YTB\0", 9 });
}

/* Of the last digit's values exactly those without left-over bits are taken. */
static void
test_base32_left_over_bits(void **state)
{
	(void)state;
	static const struct {
		size_t digits;
		unsigned spare; /* bits of the last digit that are not used */
	} rows[] = { { 2, 2 }, { 4, 4 }, { 5, 1 }, { 7, 3 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned v = 0; v < 32; v++) {
			char text[] = "AAAAAAAA";
			text[rows[i].digits - 1] = BASE32_DIGITS[v];
			struct span s = { text, rows[i].digits };
			uint8_t out[5];
			size_t len = 0;
			int want = v % (1U << rows[i].spare) == 0 ? E_OK : E_INVALID;
			assert_int_equal(encode_base32_parse(s, out, sizeof(out), &len), want);
		}
	}
}

static void
test_base32_capacity(void **state)
{
	(void)state;
	static const uint8_t foobar[] = "foobar";
	uint8_t out[6];
	size_t len = 99;
	assert_int_equal(encode_base32_parse(span_of("MZXW6YTBOI"), out, 6, &len), 0);
	assert_int_equal(len, 6);
	assert_memory_equal(out, foobar, 6);
	assert_int_equal(encode_base32_parse(span_of("MZXW6YTBOI"), out, 5, &len), E_INVALID);
	assert_int_equal(len, 0);
	assert_memory_equal(out, "\0\0\0\0\0r", 6);
	assert_int_equal(encode_base32_parse(span_of("MY"), out, 0, &len), E_INVALID);
	assert_int_equal(encode_base32_parse((struct span) { NULL, 0 }, out, 0, &len), 0);
	assert_int_equal(len, 0);

	char text[ENCODE_BASE32_CAP(6)];
	assert_int_equal(sizeof(text), 11);
	assert_int_equal(encode_base32_print(foobar, 6, text, sizeof(text)), 0);
	assert_string_equal(text, "MZXW6YTBOI");
	assert_int_equal(encode_base32_print(foobar, 6, text, sizeof(text) - 1), E_INVALID);
	assert_string_equal(text, "");
	assert_int_equal(encode_base32_print(NULL, 0, text, 1), 0);
	assert_string_equal(text, "");
	text[0] = 'x';
	assert_int_equal(encode_base32_print(NULL, 0, text, 0), E_INVALID);
	assert_int_equal(text[0], 'x');
	/* A length whose text cannot be counted; in is not read. */
	assert_int_equal(encode_base32_print(foobar, SIZE_MAX / 4, text, sizeof(text)), E_INVALID);
	assert_string_equal(text, "");
}

/* Every length of a secret, in heap blocks of the exact size. */
static void
test_print_then_parse(void **state)
{
	(void)state;
	uint32_t x = 1;
	for (size_t len = 1; len <= 64; len++) {
		uint8_t *in = malloc(len);
		uint8_t *back = malloc(len);
		char *text = malloc(ENCODE_BASE32_CAP(len));
		char *hex = malloc(ENCODE_HEX_CAP(len));
		assert_true(in != NULL && back != NULL && text != NULL && hex != NULL);
		for (size_t i = 0; i < len; i++) {
			x = x * 1664525U + 1013904223U;
			in[i] = (uint8_t)(x >> 24);
		}
		size_t back_len = 0;
		assert_int_equal(encode_base32_print(in, len, text, ENCODE_BASE32_CAP(len)), 0);
		assert_int_equal(strlen(text) + 1, ENCODE_BASE32_CAP(len));
		assert_int_equal(encode_base32_parse(span_of(text), back, len, &back_len), 0);
		assert_int_equal(back_len, len);
		assert_memory_equal(back, in, len);

		memset(back, 0, len);
		assert_int_equal(encode_hex_print(in, len, hex, ENCODE_HEX_CAP(len)), 0);
		struct span unended = { hex, 2 * len };
		assert_int_equal(encode_hex_parse(unended, back, len), 0);
		assert_memory_equal(back, in, len);
		free(in);
		free(back);
		free(text);
		free(hex);
	}
}

static void
test_hex(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 256; n++) {
		uint8_t in = (uint8_t)n;
		uint8_t back = (uint8_t)~n;
		char text[3], want[3];
		assert_int_equal(encode_hex_print(&in, 1, text, sizeof(text)), 0);
		(void)snprintf(want, sizeof(want), "%02x", n);
		assert_string_equal(text, want);
		(void)snprintf(want, sizeof(want), "%02X", n);
		assert_int_equal(encode_hex_parse(span_of(want), &back, 1), 0);
		assert_int_equal(back, in);

		/* n as a character is a digit or refused, in both places. */
		char high[] = { (char)n, '0' };
		char low[] = { '0', (char)n };
		bool is_digit = n != 0 && strchr("0123456789abcdefABCDEF", (int)n) != NULL;
		int r = is_digit ? E_OK : E_INVALID;
		back = 0x55;
		assert_int_equal(encode_hex_parse((struct span) { high, 2 }, &back, 1), r);
		if (r != E_OK)
			assert_int_equal(back, 0);
		back = 0x55;
		assert_int_equal(encode_hex_parse((struct span) { low, 2 }, &back, 1), r);
		if (r != E_OK)
			assert_int_equal(back, 0);
	}
}

static void
test_hex_lengths(void **state)
{
	(void)state;
	uint8_t out[2];
	static const char *const rows[] = { "", "a", "ab", "abc", "abcde", "abcdef" };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(out, 0x55, sizeof(out));
		assert_int_equal(encode_hex_parse(span_of(rows[i]), out, 2), E_INVALID);
		assert_memory_equal(out, "\0\0", 2);
	}
	assert_int_equal(encode_hex_parse((struct span) { NULL, 0 }, out, 0), 0);

	char text[5] = "xxxx";
	assert_int_equal(encode_hex_print(out, 2, text, 4), E_INVALID);
	assert_string_equal(text, "");
	assert_int_equal(encode_hex_print(out, 2, text, 5), 0);
	assert_string_equal(text, "0000");
	assert_int_equal(encode_hex_print(NULL, 0, text, 1), 0);
	assert_string_equal(text, "");
	text[0] = 'x';
	assert_int_equal(encode_hex_print(NULL, 0, text, 0), E_INVALID);
	assert_int_equal(text[0], 'x');
	assert_int_equal(encode_hex_print(out, SIZE_MAX / 2 + 2, text, 5), E_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base32_vectors),
		cmocka_unit_test(test_base32_every_byte),
		cmocka_unit_test(test_base32_refused),
		cmocka_unit_test(test_base32_left_over_bits),
		cmocka_unit_test(test_base32_capacity),
		cmocka_unit_test(test_print_then_parse),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_hex_lengths),
	};
	return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
