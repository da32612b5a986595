/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* diag.c: the code comes back, the text is printable, terminated and never stale. */

#include "core/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_code_comes_back(void **state)
{
	(void)state;
	struct diag d;
	for (int code = E_MISMATCH; code <= E_OK; code++) {
		assert_int_equal(diag_set(&d, code, "line %d", 7), code);
		assert_string_equal(d.text, "line 7");
		assert_int_equal(diag_set(NULL, code, "line %d", 7), code);
	}
}

static void
test_text_is_cut_and_terminated(void **state)
{
	(void)state;
	char longer[2 * DIAG_TEXT_MAX];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';

	struct {
		struct diag d;
		char fence[8];
	} s;
	memset(&s, 0x55, sizeof(s));
	assert_int_equal(diag_set(&s.d, E_IO, "%s", longer), E_IO);
	assert_int_equal(strnlen(s.d.text, sizeof(s.d.text)), DIAG_TEXT_MAX - 1);
	for (size_t i = 0; i < sizeof(s.fence); i++)
		assert_int_equal(s.fence[i], 0x55);

	/* Nothing of the long text is left behind a short one. */
	assert_int_equal(diag_set(&s.d, E_IO, "short"), E_IO);
	for (size_t i = strlen("short"); i < sizeof(s.d.text); i++)
		assert_int_equal(s.d.text[i], '\0');
}

static void
test_only_printable_ascii_is_kept(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		struct diag d;
		char in[] = { 'a', (char)c, 'b', '\0' };
		char want[] = { 'a', c >= 0x20 && c <= 0x7e ? (char)c : '?', 'b', '\0' };
		assert_int_equal(diag_set(&d, E_CORRUPT, "%s", in), E_CORRUPT);
		assert_string_equal(d.text, want);
	}
	struct diag d;
	assert_int_equal(diag_set(&d, E_CORRUPT, "x\n\033[2Jevent=accept"), E_CORRUPT);
	assert_string_equal(d.text, "x??[2Jevent=accept");
	/* A NUL that is printed ends the text. */
	assert_int_equal(diag_set(&d, E_CORRUPT, "a%cb", 0), E_CORRUPT);
	assert_string_equal(d.text, "a");
}

static void
test_text_may_wrap_itself(void **state)
{
	(void)state;
	struct diag d;
	assert_int_equal(diag_set(&d, E_IO, "fsync: %s", "EIO"), E_IO);
	assert_int_equal(diag_set(&d, E_IO, "state/alice: %s", d.text), E_IO);
	assert_string_equal(d.text, "state/alice: fsync: EIO");
}

static void
test_a_format_that_cannot_be_printed(void **state)
{
	(void)state;
	struct diag d;
	/* 0x110000 is no character, so printf(3) fails with EILSEQ. */
	const wchar_t wide[] = { 0x110000, 0 };
	assert_int_equal(diag_set(&d, E_UNSAFE, "%ls", wide), E_UNSAFE);
	assert_string_equal(d.text, diag_code_text(E_UNSAFE));
}

static void
test_every_code_has_its_own_phrase(void **state)
{
	(void)state;
	const char *unknown = diag_code_text(1);
	assert_non_null(unknown);
	assert_string_equal(diag_code_text(E_PROTECTED - 1), unknown);
	assert_string_equal(diag_code_text(INT32_MIN), unknown);
	for (int a = E_PROTECTED; a <= E_OK; a++) {
		assert_non_null(diag_code_text(a));
		assert_string_not_equal(diag_code_text(a), unknown);
		for (int b = a + 1; b <= E_OK; b++)
			assert_string_not_equal(diag_code_text(a), diag_code_text(b));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_comes_back),
		cmocka_unit_test(test_text_is_cut_and_terminated),
		cmocka_unit_test(test_only_printable_ascii_is_kept),
		cmocka_unit_test(test_text_may_wrap_itself),
		cmocka_unit_test(test_a_format_that_cannot_be_printed),
		cmocka_unit_test(test_every_code_has_its_own_phrase),
	};
	return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
