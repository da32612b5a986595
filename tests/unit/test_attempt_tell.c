/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What an accepted login hands on to be told: each notice once, by the very commit that
 * accepted, and when the device has to be replaced. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/devices.h"
#include "support/attempt_fixture.h"

static enum attempt_verdict
try_and_tell(const char *answer, bool may_tell)
{
	struct attempt_request q = { .user = USER, .uid = UID,
		.answer = { answer, strlen(answer) }, .now_s = NOW, .may_tell = may_tell };
	struct diag d = { "" };

	return attempt_run(&q, &settings, store, &result, &d);
}

static void
add_notices(unsigned from, unsigned to)
{
	struct store_entry e = look();

	for (unsigned i = from; i <= to; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "change %u", i);
		record_add_notice(&e.record, e.state.notice_told, NOW - 60 + i, text);
	}
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
}

static void
expect_notices(unsigned from, unsigned count)
{
	assert_int_equal(result.notice_count, count);
	for (unsigned i = 0; i < count; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "change %u", from + i);
		assert_string_equal(result.notice[i].text, text);
		assert_int_equal(result.notice[i].at, NOW - 60 + from + i);
	}
}

static void
each_notice_is_told_once(void **unused)
{
	(void)unused;
	add_notices(1, 5);
	assert_int_equal(try_and_tell(wrong_code(), true), ATTEMPT_WRONG);
	expect_notices(0, 0);
	assert_int_equal(try_and_tell(code_at(0, NOW, -1), false), ATTEMPT_ACCEPTED);
	expect_notices(0, 0);
	assert_int_equal(look().state.notice_told, 0);
	/* Somebody else commits in between: the notices are those of the last round. */
	store_memory_conflict(store, 3);
	assert_int_equal(try_and_tell(code_at(0, NOW, 0), true), ATTEMPT_ACCEPTED);
	expect_notices(1, ATTEMPT_NOTICES_MAX);
	assert_int_equal(try_and_tell(code_at(0, NOW, 0), true), ATTEMPT_REUSED);
	expect_notices(0, 0);
	add_notices(6, 6);
	assert_int_equal(try_and_tell(code_at(0, NOW, 1), true), ATTEMPT_ACCEPTED);
	expect_notices(4, 3);
	assert_int_equal(look().state.notice_told, look().record.notice[5].id);
}

static void
nothing_is_taken_as_told_by_a_login_that_fails(void **unused)
{
	(void)unused;
	add_notices(1, 1);
	store_memory_fail(store, STORE_MEMORY_COMMIT, 1, E_IO);
	assert_int_equal(try_and_tell(code_at(0, NOW, 0), true), ATTEMPT_FAILED);
	assert_int_equal(look().state.notice_told, 0);
	assert_int_equal(try_and_tell(code_at(0, NOW, 0), true), ATTEMPT_ACCEPTED);
	expect_notices(1, 1);
}

/* What the commit would have made true is not claimed by one that was refused: the log would
 * give "recovery code" for a reason, where it has to give the store's. */
static void
a_login_that_fails_claims_nothing(void **unused)
{
	struct store_entry e = look();
	struct recovery_sheet sheet;

	(void)unused;
	settings.lock_after = 1;
	e.record.device[0].rotate_by = 1;
	assert_int_equal(devices_new_recovery(&e, &sheet, NULL), 0);
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	add_notices(1, 1);
	const char *const answers[] = { code_at(0, NOW, 0), sheet.text[0], wrong_code() };
	for (unsigned i = 0; i < 3; i++) {
		store_memory_fail(store, STORE_MEMORY_COMMIT, 1, E_IO);
		assert_int_equal(try_and_tell(answers[i], true), ATTEMPT_FAILED);
		assert_int_equal(result.error, E_IO);
		assert_string_equal(result.device, "");
		assert_false(result.has_used_recovery || result.has_locked || result.must_rotate);
		assert_int_equal(result.fails, 0);
		expect_notices(0, 0);
	}
	store_memory_lose_state(store, USER);
	store_memory_fail(store, STORE_MEMORY_COMMIT, 1, E_IO);
	assert_int_equal(try_and_tell(answers[0], true), ATTEMPT_FAILED);
	assert_false(result.has_rebuilt);
}

static void
rotation_is_handed_on(void **unused)
{
	static const struct {
		uint64_t rotate_by;
		bool must_rotate;
	} rows[] = { { 0, false }, { NOW + 1, false }, { NOW, true }, { 1, true } };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_entry e = look();

		e.record.device[0].rotate_by = rows[i].rotate_by;
		e.state.device[0].last_step = NOW / 30 - 120;
		assert_int_equal(
		    store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
		assert_int_equal(try_and_tell(wrong_code(), true), ATTEMPT_WRONG);
		assert_int_equal(result.rotate_by, 0);
		assert_false(result.must_rotate);
		assert_int_equal(try_and_tell(code_at(0, NOW, 0), true), ATTEMPT_ACCEPTED);
		assert_int_equal(result.rotate_by, rows[i].rotate_by);
		assert_int_equal(result.must_rotate, rows[i].must_rotate);
	}
}

static void
fail_from(const char *source, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		struct attempt_request q = { .user = USER, .uid = UID, .source = source,
			.answer = { wrong_code(), strlen(wrong_code()) }, .now_s = NOW };
		struct diag d = { "" };

		assert_int_equal(attempt_run(&q, &settings, store, &result, &d), ATTEMPT_WRONG);
		assert_int_equal(result.fails_elsewhere, 0);
	}
}

/* One's own typing errors are no news; what others tried is, once. */
static void
failures_from_elsewhere_are_handed_on(void **unused)
{
	(void)unused;
	settings.throttle_after = 1000;
	fail_from("192.0.2.7", 3);
	fail_from("2001:db8::1", 1);
	fail_from("", 2);
	assert_int_equal(try_and_tell(code_at(0, NOW, -1), true), ATTEMPT_ACCEPTED);
	assert_int_equal(result.fails_elsewhere, 4);
	assert_int_equal(try_and_tell(code_at(0, NOW, 0), true), ATTEMPT_ACCEPTED);
	assert_int_equal(result.fails_elsewhere, 0);
	/* A source whose own count is older than the last success. */
	fail_from("192.0.2.7", 1);
	assert_int_equal(try_and_tell(code_at(0, NOW, 1), true), ATTEMPT_ACCEPTED);
	assert_int_equal(result.fails_elsewhere, 1);
}

/* Also those whose source had to make room for others. */
static void
failures_of_a_crowd_are_handed_on(void **unused)
{
	char source[16];

	(void)unused;
	for (unsigned i = 0; i < 3 * STATE_BUCKETS_MAX; i++) {
		(void)snprintf(source, sizeof(source), "192.0.2.%u", i + 1);
		fail_from(source, 1);
	}
	assert_int_equal(try_and_tell(code_at(0, NOW, 0), true), ATTEMPT_ACCEPTED);
	assert_int_equal(result.fails_elsewhere, 3 * STATE_BUCKETS_MAX);
}

#define ATTEMPT_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ATTEMPT_TEST(each_notice_is_told_once),
		ATTEMPT_TEST(nothing_is_taken_as_told_by_a_login_that_fails),
		ATTEMPT_TEST(a_login_that_fails_claims_nothing),
		ATTEMPT_TEST(rotation_is_handed_on),
		ATTEMPT_TEST(failures_from_elsewhere_are_handed_on),
		ATTEMPT_TEST(failures_of_a_crowd_are_handed_on),
	};
	return cmocka_run_group_tests_name("attempt_tell", tests, NULL, NULL);
}
