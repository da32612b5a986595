/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The promises of attempt.h, over the memory back end and with the clock as a number:
 * who gets in, who is told what, what is counted. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/attempt_fixture.h"

static void
a_right_code_is_accepted_once(void **unused)
{
	(void)unused;
	const char *code = code_at(0, NOW, 0);

	assert_int_equal(try_text(code, "192.0.2.7", NOW), ATTEMPT_ACCEPTED);
	assert_string_equal(result.device, "phone");
	assert_int_equal(look().state.device[0].last_used, NOW);
	/* Used on ssh, then tried on sudo: another source. */
	assert_int_equal(try_text(code, "", NOW), ATTEMPT_REUSED);
	assert_string_equal(result.device, "phone");
	assert_int_equal(result.wait_s, 30 - NOW % 30);
	assert_int_equal(try_text(code, "192.0.2.7", NOW + 29), ATTEMPT_REUSED);
}

static void
the_window_is_one_step_each_way(void **unused)
{
	static const struct {
		int offset;
		unsigned window;
		bool is_in;
	} rows[] = {
		{ -2, 1, false }, { -1, 1, true }, { 0, 1, true }, { 1, 1, true },
		{ 2, 1, false }, { -1, 0, false }, { 0, 0, true }, { 1, 0, false },
		{ -3, 3, true }, { 3, 3, true }, { -4, 3, false }, { 4, 3, false },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct state burnt;
		struct store_entry e = look();

		settings.window = rows[i].window;
		/* Each row on a device whose last step is an hour ago. */
		burnt = e.state;
		burnt.device[0].last_step = NOW / 30 - 120;
		assert_int_equal(store_commit(store, USER, &burnt, &e.version, NULL), 0);
		enum attempt_verdict v = try_text(code_at(0, NOW, rows[i].offset), "", NOW);
		if ((v == ATTEMPT_ACCEPTED) != rows[i].is_in)
			fail_msg("offset %d, window %u: verdict %d", rows[i].offset,
			    rows[i].window, (int)v);
	}
}

static void
an_older_step_is_refused_after_a_newer_one(void **unused)
{
	(void)unused;
	const char *previous = code_at(0, NOW, -1);
	const char *next = code_at(0, NOW, 1);

	assert_int_equal(try_text(next, "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(try_text(previous, "", NOW), ATTEMPT_REUSED);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_REUSED);
	/* The phone shows its next unused code in two steps. */
	assert_int_equal(result.wait_s, 60 - NOW % 30);
}

static void
an_old_code_is_named_and_a_coming_one_is_not(void **unused)
{
	(void)unused;
	assert_int_equal(try_text(code_at(0, NOW, -3), "", NOW), ATTEMPT_WRONG);
	assert_int_equal(result.behind_s, 90);
	assert_string_equal(result.device, "phone");
	/* Telling that a guess belongs to a step to come would let the guesser wait for it. */
	assert_int_equal(try_text(code_at(0, NOW, 3), "", NOW), ATTEMPT_WRONG);
	assert_int_equal(result.behind_s, 0);
	assert_string_equal(result.device, "");
	assert_int_equal(try_text(code_at(0, NOW, -11), "", NOW), ATTEMPT_WRONG);
	assert_int_equal(result.behind_s, 0);
	assert_int_equal(look().state.fails, 3);
}

static void
a_failure_is_stored_before_it_is_told(void **unused)
{
	(void)unused;
	assert_int_equal(try_text(wrong_code(), "192.0.2.7", NOW), ATTEMPT_WRONG);
	assert_int_equal(result.fails, 1);
	assert_int_equal(look().state.fails, 1);

	/* Not stored: neither "wrong" nor "right" is told. */
	store_memory_fail(store, STORE_MEMORY_COMMIT, 1, E_IO);
	assert_int_equal(try_text(wrong_code(), "192.0.2.7", NOW), ATTEMPT_FAILED);
	assert_int_equal(result.error, E_IO);
	store_memory_fail(store, STORE_MEMORY_COMMIT, 1, E_IO);
	assert_int_equal(try_text(code_at(0, NOW, 0), "192.0.2.7", NOW), ATTEMPT_FAILED);
	assert_int_equal(result.error, E_IO);
	/* The refused commit consumed nothing. */
	assert_int_equal(try_text(code_at(0, NOW, 0), "192.0.2.7", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(look().state.fails, 0);
}

static void
every_store_error_denies(void **unused)
{
	static const int codes[] = { E_UNSAFE, E_CORRUPT, E_IO, E_INVALID, E_CRYPTO };

	(void)unused;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		store_memory_fail(store, STORE_MEMORY_LOAD, 1, codes[i]);
		enum attempt_verdict v = try_text("123456", "", NOW);
		assert_int_equal(v, ATTEMPT_FAILED);
		assert_int_equal(result.error, codes[i]);
	}
}

static void
use_it_elsewhere(struct store *s, const char *user, void *ctx)
{
	struct attempt_result other;
	struct attempt_request q = { .user = user, .uid = UID, .source = "198.51.100.1",
		.now_s = NOW, .answer = { ctx, strlen(ctx) } };

	store_memory_before(s, STORE_MEMORY_COMMIT, NULL, NULL);
	assert_int_equal(attempt_run(&q, &settings, s, &other, NULL), ATTEMPT_ACCEPTED);
}

static void
of_two_at_once_one_wins(void **unused)
{
	char code[16];

	(void)unused;
	snprintf(code, sizeof(code), "%s", code_at(0, NOW, 0));
	/* Between our load and our commit somebody else logs in with the same code. */
	store_memory_before(store, STORE_MEMORY_COMMIT, use_it_elsewhere, code);
	assert_int_equal(try_text(code, "192.0.2.7", NOW), ATTEMPT_REUSED);
	assert_int_equal(look().state.fails, 1);
}

static void
conflicts_are_retried_and_end(void **unused)
{
	(void)unused;
	store_memory_conflict(store, STORE_ROUNDS_MAX - 1);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_ACCEPTED);
	store_memory_conflict(store, STORE_ROUNDS_MAX);
	assert_int_equal(try_text(code_at(0, NOW + 30, 0), "", NOW + 30), ATTEMPT_FAILED);
	assert_int_equal(result.error, E_CONFLICT);
}

static void
a_source_waits_and_another_does_not(void **unused)
{
	(void)unused;
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(try_text(wrong_code(), "203.0.113.9", NOW), ATTEMPT_WRONG);
		assert_int_equal(result.fails, i);
	}
	/* Not even the right code is looked at, nor is it consumed. */
	assert_int_equal(try_text(code_at(0, NOW, 0), "203.0.113.9", NOW), ATTEMPT_THROTTLED);
	assert_int_equal(result.wait_s, 30);
	assert_int_equal(look().state.fails, 5);
	assert_int_equal(try_text(code_at(0, NOW, 0), "192.0.2.7", NOW), ATTEMPT_ACCEPTED);
	/* Somebody's success does not free the stranger. */
	assert_int_equal(try_text("000000", "203.0.113.9", NOW + 29), ATTEMPT_THROTTLED);
	assert_int_equal(result.wait_s, 1);
	assert_int_equal(try_text(wrong_code(), "203.0.113.9", NOW + 30), ATTEMPT_WRONG);
	assert_int_equal(try_text("000000", "203.0.113.9", NOW + 31), ATTEMPT_THROTTLED);
	assert_int_equal(result.wait_s, 59);
}

static void
what_has_no_shape_is_not_counted(void **unused)
{
	static const char *const texts[] = { "", " ", "12345", "123456789", "12345a", "+12345",
		"correct horse battery staple", "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93",
		"123456\n", "0x1234", "bcdfg-hjkmn-pqrst-vwxz" };

	(void)unused;
	assert_int_equal(try_text(NULL, "", NOW), ATTEMPT_MALFORMED);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (try_text(texts[i], "", NOW) != ATTEMPT_MALFORMED)
			fail_msg("\"%s\": verdict %d", texts[i], (int)result.verdict);
	char huge[ATTEMPT_ANSWER_MAX + 2];
	memset(huge, '1', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	assert_int_equal(try_text(huge, "", NOW), ATTEMPT_MALFORMED);
	assert_int_equal(look().state.fails, 0);
	assert_int_equal(store_memory_count(store, STORE_MEMORY_COMMIT), 0);
}

static void
blanks_and_dashes_are_passed_over(void **unused)
{
	char text[16];
	const char *code = code_at(0, NOW, 0);

	(void)unused;
	snprintf(text, sizeof(text), " %.3s-%.3s ", code, code + 3);
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_ACCEPTED);
}

static void
any_active_device_will_do_and_one_failure_is_one(void **unused)
{
	(void)unused;
	add_device("tablet", (struct otp_params){ OTP_SHA256, 8, 60 });
	add_device("token", (struct otp_params){ OTP_SHA512, 7, 15 });

	assert_int_equal(try_text(wrong_code(), "", NOW), ATTEMPT_WRONG);
	assert_int_equal(look().state.fails, 1);
	for (unsigned i = 3; i-- > 0;) {
		uint64_t others = look().state.device[(i + 1) % 3].last_step;
		char code[16];

		snprintf(code, sizeof(code), "%s", code_at(i, NOW, 0));
		assert_int_equal(try_text(code, "", NOW), ATTEMPT_ACCEPTED);
		assert_string_equal(result.device, look().record.device[i].name);
		assert_int_equal(try_text(code, "", NOW), ATTEMPT_REUSED);
		assert_int_equal(look().state.device[(i + 1) % 3].last_step, others);
	}
}

static void
only_usable_devices_count(void **unused)
{
	static const enum device_state states[] = { DEVICE_PENDING, DEVICE_DISABLED };

	(void)unused;
	add_device("tablet", OTP_PARAMS_DEFAULT);
	for (size_t i = 0; i < 2; i++) {
		struct store_entry e = look();
		e.record.device[1].state = states[i];
		e.record.device[1].expires = NOW + 600;
		store_memory_put_record(store, &e.record);
		assert_int_equal(try_text(code_at(1, NOW, 0), "", NOW), ATTEMPT_WRONG);
	}
	struct store_entry e = look();
	e.record.device[1].state = DEVICE_ACTIVE;
	e.record.device[1].expires = NOW - 1;
	store_memory_put_record(store, &e.record);
	assert_int_equal(try_text(code_at(1, NOW, 0), "", NOW), ATTEMPT_WRONG);
}

static void
another_account_of_the_name_is_refused(void **unused)
{
	struct attempt_request q = { .user = USER, .uid = UID + 7, .now_s = NOW, .source = "",
		.answer = { code_at(0, NOW, 0), 6 } };
	struct diag d = { "" };

	(void)unused;
	assert_int_equal(attempt_run(&q, &settings, store, &result, &d), ATTEMPT_FAILED);
	assert_int_equal(result.error, E_MISMATCH);
	assert_non_null(strstr(d.text, "uid 1000, now 1007"));
}

/* A decoy gets the same verdicts in the same order, with the same calls of the store. */
static void
a_decoy_behaves_like_a_user(void **unused)
{
	struct attempt_request q = { .user = "nobody-of-that-name", .now_s = NOW,
		.source = "192.0.2.7", .is_decoy = true };
	struct diag d = { "" };

	(void)unused;
	q.answer = (struct span){ wrong_code(), 6 };
	for (unsigned i = 1; i <= 6; i++) {
		unsigned loads = store_memory_count(store, STORE_MEMORY_LOAD);
		unsigned commits = store_memory_count(store, STORE_MEMORY_COMMIT);
		enum attempt_verdict v = attempt_run(&q, &settings, store, &result, &d);
		unsigned decoy_loads = store_memory_count(store, STORE_MEMORY_LOAD) - loads;
		unsigned decoy_commits =
		    store_memory_count(store, STORE_MEMORY_COMMIT) - commits;
		uint32_t fails = result.fails, wait_s = result.wait_s;

		loads = store_memory_count(store, STORE_MEMORY_LOAD);
		commits = store_memory_count(store, STORE_MEMORY_COMMIT);
		enum attempt_verdict known = try_text(q.answer.at, q.source, NOW);
		assert_int_equal(decoy_loads,
		    store_memory_count(store, STORE_MEMORY_LOAD) - loads);
		assert_int_equal(decoy_commits,
		    store_memory_count(store, STORE_MEMORY_COMMIT) - commits);
		assert_int_equal(fails, result.fails);
		assert_int_equal(wait_s, result.wait_s);
		assert_int_equal(v, i <= 5 ? ATTEMPT_UNENROLLED : ATTEMPT_THROTTLED);
		assert_int_equal(known, i <= 5 ? ATTEMPT_WRONG : ATTEMPT_THROTTLED);
	}
}

/* sshd hides what was typed for a name that it refuses behind junk of the same length. */
static void
junk_for_a_decoy_counts_as_a_code(void **unused)
{
	static const char junk[] = "\b\n\r\177INCORRECT";

	(void)unused;
	for (size_t len = 0; len < sizeof(junk); len++) {
		struct attempt_request q = { .user = "nobody", .now_s = NOW, .source = "",
			.answer = { junk, len }, .is_decoy = true };
		bool is_code = len >= 6 && len <= 8;

		assert_int_equal(attempt_run(&q, &settings, store, &result, NULL),
		    is_code ? ATTEMPT_UNENROLLED : ATTEMPT_MALFORMED);
		/* A user's own such answer is no code. */
		q.user = USER;
		q.uid = UID;
		q.is_decoy = false;
		assert_int_equal(attempt_run(&q, &settings, store, &result, NULL),
		    ATTEMPT_MALFORMED);
	}
	assert_int_equal(look().state.fails, 0);
}

static void
a_decoy_is_never_accepted(void **unused)
{
	/* The codes of the dummy secret, and those of the user's own device. */
	struct otp_params params = OTP_PARAMS_DEFAULT;
	struct otp_secret zero = { .len = OTP_SECRET_DEFAULT };
	uint32_t code = 0;
	char text[16];

	(void)unused;
	assert_int_equal(otp_code(&params, &zero, otp_step(&params, NOW), &code), 0);
	snprintf(text, sizeof(text), "%06u", code);
	const char *const answers[] = { text, code_at(0, NOW, 0) };
	for (size_t i = 0; i < 2; i++) {
		struct attempt_request q = { .user = USER, .uid = UID, .now_s = NOW,
			.source = "", .answer = { answers[i], 6 }, .is_decoy = true };
		assert_int_equal(attempt_run(&q, &settings, store, &result, NULL),
		    ATTEMPT_UNENROLLED);
	}
	/* And an enrolled user's dummy places fit nothing either. */
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_WRONG);
}

static void
take_record_away(struct store *s, const char *user, void *ctx)
{
	struct store_entry e;

	(void)ctx;
	store_memory_before(s, STORE_MEMORY_LOAD, NULL, NULL);
	assert_int_equal(store_load(s, user, &e, NULL), 0);
	assert_int_equal(store_replace(s, user, NULL, &e.state, &e.version, NULL), 0);
}

static void
a_record_that_went_away_denies(void **unused)
{
	char code[16];

	(void)unused;
	snprintf(code, sizeof(code), "%s", code_at(0, NOW, 0));
	store_memory_before(store, STORE_MEMORY_LOAD, take_record_away, NULL);
	assert_int_equal(try_text(code, "", NOW), ATTEMPT_UNENROLLED);
}

static void
another_factors_failure_fills_the_same_bucket(void **unused)
{
	struct attempt_request q = { .user = USER, .uid = UID, .now_s = NOW,
		.source = "totp-enroll" };

	(void)unused;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(attempt_count_failure(&q, store, NULL), 0);
	struct store_entry seen = look();
	assert_int_equal(seen.state.fails, 5);
	assert_int_equal(attempt_wait(&seen.state, "totp-enroll", NOW, &settings), 30);
	assert_int_equal(attempt_wait(&seen.state, "other", NOW, &settings), 0);
	assert_int_equal(try_text(code_at(0, NOW, 0), "totp-enroll", NOW), ATTEMPT_THROTTLED);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_ACCEPTED);
	/* A user without a record is counted too, and stays without one. */
	q.user = "bob";
	q.uid = 1001;
	assert_int_equal(attempt_count_failure(&q, store, NULL), 0);
	struct store_entry e;
	assert_int_equal(store_load(store, "bob", &e, NULL), 0);
	assert_false(e.has_record);
	assert_int_equal(e.state.fails, 1);
	store_memory_fail(store, STORE_MEMORY_COMMIT, 1, E_IO);
	assert_int_equal(attempt_count_failure(&q, store, NULL), E_IO);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_right_code_is_accepted_once),
		CASE(the_window_is_one_step_each_way),
		CASE(an_older_step_is_refused_after_a_newer_one),
		CASE(an_old_code_is_named_and_a_coming_one_is_not),
		CASE(a_failure_is_stored_before_it_is_told),
		CASE(every_store_error_denies),
		CASE(of_two_at_once_one_wins),
		CASE(conflicts_are_retried_and_end),
		CASE(a_source_waits_and_another_does_not),
		CASE(what_has_no_shape_is_not_counted),
		CASE(blanks_and_dashes_are_passed_over),
		CASE(any_active_device_will_do_and_one_failure_is_one),
		CASE(only_usable_devices_count),
		CASE(another_account_of_the_name_is_refused),
		CASE(a_decoy_behaves_like_a_user),
		CASE(junk_for_a_decoy_counts_as_a_code),
		CASE(a_decoy_is_never_accepted),
		CASE(a_record_that_went_away_denies),
		CASE(another_factors_failure_fills_the_same_bucket),
	};
	return cmocka_run_group_tests_name("attempt", tests, NULL, NULL);
}
