/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* bytes.c: reading stays inside, writing stays inside and says what did not fit, numbers
 * have one form. Spans are cut out of exact heap blocks where an over-read would count. */

#include "core/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOTHING ((struct span) { .at = NULL, .len = 0 })

static struct span
span_of(const char *text)
{
	return (struct span) { .at = text, .len = strlen(text) };
}

static void
assert_span(struct span s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	if (s.len != 0)
		assert_memory_equal(s.at, text, s.len);
}

static void
test_lines(void **state)
{
	(void)state;
	static const char text[] = "one\n\n two \r\nsee\0d\nlast";
	struct bytes_reader r;
	struct span line;
	bytes_reader_init(&r, text, sizeof(text) - 1);
	assert_int_equal(r.line, 0);
	assert_true(bytes_next_line(&r, &line));
	assert_span(line, "one");
	assert_int_equal(r.line, 1);
	assert_true(bytes_next_line(&r, &line));
	assert_span(line, "");
	assert_true(bytes_next_line(&r, &line));
	assert_span(line, " two \r");
	assert_true(bytes_next_line(&r, &line));
	assert_int_equal(line.len, 5);
	assert_memory_equal(line.at, "see\0d", 5);
	assert_true(bytes_next_line(&r, &line));
	assert_span(line, "last");
	assert_int_equal(r.line, 5);
	assert_false(bytes_next_line(&r, &line));
	assert_int_equal(line.len, 0);
	assert_false(bytes_next_line(&r, &line));
	assert_int_equal(r.line, 5);
}

static void
test_lines_of_nothing_and_at_the_end(void **state)
{
	(void)state;
	struct bytes_reader r;
	struct span line;
	bytes_reader_init(&r, NULL, 0);
	assert_false(bytes_next_line(&r, &line));
	bytes_reader_init(&r, "", 0);
	assert_false(bytes_next_line(&r, &line));
	bytes_reader_init(&r, "\n", 1);
	assert_true(bytes_next_line(&r, &line));
	assert_int_equal(line.len, 0);
	assert_false(bytes_next_line(&r, &line));

	/* A final '\n' does not make another line, and nothing behind len is read. */
	char *exact = malloc(2);
	assert_non_null(exact);
	memcpy(exact, "a\n", 2);
	bytes_reader_init(&r, exact, 2);
	assert_true(bytes_next_line(&r, &line));
	assert_span(line, "a");
	assert_false(bytes_next_line(&r, &line));
	bytes_reader_init(&r, exact, 1);
	assert_true(bytes_next_line(&r, &line));
	assert_span(line, "a");
	assert_false(bytes_next_line(&r, &line));
	free(exact);
}

static void
test_words(void **state)
{
	(void)state;
	struct span rest = span_of(" \tkey \t value  of it\t");
	assert_span(bytes_next_word(&rest), "key");
	assert_span(rest, "value  of it\t");
	assert_span(bytes_next_word(&rest), "value");
	assert_span(bytes_next_word(&rest), "of");
	assert_span(bytes_next_word(&rest), "it");
	assert_int_equal(rest.len, 0);
	assert_span(bytes_next_word(&rest), "");
	assert_span(bytes_next_word(&rest), "");

	rest = span_of("   ");
	assert_span(bytes_next_word(&rest), "");
	rest = NOTHING;
	assert_span(bytes_next_word(&rest), "");
	/* Only space and tab part words. */
	rest = span_of("a\r\v\f\xa0" "b");
	assert_span(bytes_next_word(&rest), "a\r\v\f\xa0" "b");

	char *exact = malloc(3);
	assert_non_null(exact);
	memcpy(exact, "ab ", 3);
	rest = (struct span) { .at = exact, .len = 3 };
	assert_span(bytes_next_word(&rest), "ab");
	rest = (struct span) { .at = exact, .len = 2 };
	assert_span(bytes_next_word(&rest), "ab");
	free(exact);
}

static void
test_trim(void **state)
{
	(void)state;
	assert_span(bytes_trim(span_of("\t a b \t")), "a b");
	assert_span(bytes_trim(span_of("a")), "a");
	assert_span(bytes_trim(span_of(" \t ")), "");
	assert_span(bytes_trim(span_of("")), "");
	assert_span(bytes_trim(NOTHING), "");
	assert_span(bytes_trim(span_of("\na\n")), "\na\n");
}

static void
test_is(void **state)
{
	(void)state;
	assert_true(bytes_is(span_of("auto"), "auto"));
	assert_false(bytes_is(span_of("Auto"), "auto"));
	assert_false(bytes_is(span_of("aut"), "auto"));
	assert_false(bytes_is(span_of("autox"), "auto"));
	assert_false(bytes_is((struct span) { "auto\0x", 6 }, "auto"));
	assert_false(bytes_is((struct span) { "auto\0", 5 }, "auto"));
	assert_true(bytes_is(NOTHING, ""));
	assert_false(bytes_is(NOTHING, "auto"));
}

static void
test_numbers_accepted(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t n;
	} rows[] = {
		{ "0", 0 },
		{ "7", 7 },
		{ "10", 10 },
		{ "4294967296", UINT64_C(4294967296) },
		{ "18446744073709551615", UINT64_MAX },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = 1234;
		assert_int_equal(bytes_parse_u64(span_of(rows[i].text), 0, UINT64_MAX, &n), 0);
		assert_int_equal(n, rows[i].n);
	}
}

static void
test_numbers_refused(void **state)
{
	(void)state;
	static const char *const rows[] = { "", " ", "-1", "+1", " 1", "1 ", "1\n", "01", "00",
		"0x1", "1e3", "1.", "1_0", "a", "18446744073709551616", "18446744073709551620",
		"99999999999999999999", "100000000000000000000", "\xd9\xa1", "\xef\xbc\x91" };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = 1234;
		assert_int_equal(bytes_parse_u64(span_of(rows[i]), 0, UINT64_MAX, &n), E_INVALID);
		assert_int_equal(n, 0);
	}
	uint64_t n = 1234;
	assert_int_equal(bytes_parse_u64(NOTHING, 0, 9, &n), E_INVALID);
	assert_int_equal(bytes_parse_u64((struct span) { "1\0", 2 }, 0, 9, &n), E_INVALID);
	assert_int_equal(n, 0);
}

static void
test_numbers_keep_their_range(void **state)
{
	(void)state;
	uint64_t n = 1234;
	assert_int_equal(bytes_parse_u64(span_of("15"), 15, 120, &n), 0);
	assert_int_equal(n, 15);
	assert_int_equal(bytes_parse_u64(span_of("120"), 15, 120, &n), 0);
	assert_int_equal(n, 120);
	assert_int_equal(bytes_parse_u64(span_of("14"), 15, 120, &n), E_INVALID);
	assert_int_equal(n, 0);
	assert_int_equal(bytes_parse_u64(span_of("121"), 15, 120, &n), E_INVALID);
	assert_int_equal(bytes_parse_u64(span_of("50"), 120, 15, &n), E_INVALID);

	/* The span ends where it says, not where the digits do. */
	assert_int_equal(bytes_parse_u64((struct span) { "1234", 2 }, 0, 99, &n), 0);
	assert_int_equal(n, 12);
}

static void
test_copy(void **state)
{
	(void)state;
	char out[5];
	memset(out, 'x', sizeof(out));
	assert_int_equal(bytes_copy(span_of("abcd"), out, sizeof(out)), 0);
	assert_string_equal(out, "abcd");
	assert_int_equal(bytes_copy(span_of("abcde"), out, sizeof(out)), E_INVALID);
	assert_string_equal(out, "");
	assert_int_equal(bytes_copy((struct span) { "a\0b", 3 }, out, sizeof(out)), E_INVALID);
	assert_string_equal(out, "");
	assert_int_equal(bytes_copy(NOTHING, out, sizeof(out)), 0);
	assert_string_equal(out, "");
	assert_int_equal(bytes_copy(span_of(""), out, 1), 0);
	assert_int_equal(bytes_copy(span_of("a"), out, 1), E_INVALID);
	out[0] = 'x';
	assert_int_equal(bytes_copy(span_of(""), out, 0), E_INVALID);
	assert_int_equal(out[0], 'x');
}

static void
test_writer(void **state)
{
	(void)state;
	char buf[32];
	struct bytes_writer w;
	memset(buf, 'x', sizeof(buf));
	bytes_writer_init(&w, buf, sizeof(buf));
	assert_string_equal(buf, "");
	bytes_put(&w, "n=");
	bytes_put_u64(&w, 0);
	bytes_put(&w, "");
	bytes_put_span(&w, NOTHING);
	bytes_put_span(&w, (struct span) { " m=..", 3 });
	bytes_put_u64(&w, UINT64_MAX);
	assert_string_equal(buf, "n=0 m=18446744073709551615");
	assert_int_equal(w.len, strlen(buf));
	assert_false(w.has_overflowed);
}

static void
test_writer_that_is_full(void **state)
{
	(void)state;
	char buf[8];
	struct bytes_writer w;
	memset(buf, 'x', sizeof(buf));
	bytes_writer_init(&w, buf, 5);
	bytes_put(&w, "abc");
	bytes_put(&w, "d");
	assert_string_equal(buf, "abcd");
	assert_false(w.has_overflowed);
	bytes_put(&w, "e");
	assert_true(w.has_overflowed);
	assert_string_equal(buf, "abcd");
	assert_memory_equal(buf + 5, "xxx", 3);

	/* What does not fit is left out whole; what would fit afterwards as well. */
	bytes_writer_init(&w, buf, 5);
	bytes_put_u64(&w, 12345);
	assert_true(w.has_overflowed);
	bytes_put(&w, "a");
	assert_string_equal(buf, "");
	assert_int_equal(w.len, 0);

	buf[0] = 'x';
	bytes_writer_init(&w, buf, 0);
	assert_true(w.has_overflowed);
	bytes_put(&w, "a");
	assert_int_equal(buf[0], 'x');
}

static void
test_printed_numbers_are_read_back(void **state)
{
	(void)state;
	uint64_t n = 0;
	for (unsigned i = 0; i < 64; i++) {
		const uint64_t near[] = { n, n - 1, n + 1 };
		for (size_t k = 0; k < 3; k++) {
			char buf[21];
			struct bytes_writer w;
			uint64_t back = 1;
			bytes_writer_init(&w, buf, sizeof(buf));
			bytes_put_u64(&w, near[k]);
			assert_false(w.has_overflowed);
			assert_int_equal(bytes_parse_u64(span_of(buf), 0, UINT64_MAX, &back), 0);
			assert_true(back == near[k]);
		}
		n = UINT64_C(1) << i;
	}
}

static void
test_little_endian(void **state)
{
	(void)state;
	uint8_t b[12];
	memset(b, 0xee, sizeof(b));
	bytes_set_le64(b + 1, UINT64_C(0x8182838485868788));
	assert_memory_equal(b, "\xee\x88\x87\x86\x85\x84\x83\x82\x81\xee\xee\xee", 12);
	assert_true(bytes_get_le64(b + 1) == UINT64_C(0x8182838485868788));
	memset(b, 0xee, sizeof(b));
	bytes_set_le32(b + 1, UINT32_C(0x81828384));
	assert_memory_equal(b, "\xee\x84\x83\x82\x81\xee", 6);
	assert_true(bytes_get_le32(b + 1) == UINT32_C(0x81828384));
}

static void
test_wipe(void **state)
{
	(void)state;
	char buf[] = "secret!";
	bytes_wipe(buf + 1, 5);
	assert_memory_equal(buf, "s\0\0\0\0\0!", 8);
	bytes_wipe(NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lines_of_nothing_and_at_the_end),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_is),
		cmocka_unit_test(test_numbers_accepted),
		cmocka_unit_test(test_numbers_refused),
		cmocka_unit_test(test_numbers_keep_their_range),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_that_is_full),
		cmocka_unit_test(test_printed_numbers_are_read_back),
		cmocka_unit_test(test_little_endian),
		cmocka_unit_test(test_wipe),
	};
	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
