/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The promises of attempt.h when something went wrong before: replays, lost and restored
 * files, a clock that moved, a user who was stopped. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/devices.h"
#include "support/attempt_fixture.h"

static void
no_consumed_code_comes_back(void **unused)
{
	char used[5][16];

	(void)unused;
	settings.throttle_after = 1000;
	settings.lock_after = 1000;
	for (unsigned i = 0; i < 5; i++) {
		snprintf(used[i], sizeof(used[i]), "%s", code_at(0, NOW + 30 * i, 0));
		assert_int_equal(try_text(used[i], "", NOW + 30 * i), ATTEMPT_ACCEPTED);
	}
	/* In the same rhythm two hours later, then with the clock moved about. */
	static const int64_t shifts[] = { 7200, 0, -30, -60, -7200, 60, 86400 };
	for (size_t k = 0; k < sizeof(shifts) / sizeof(shifts[0]); k++)
		for (unsigned i = 0; i < 5; i++) {
			uint64_t when = NOW + 30 * i + (uint64_t)shifts[k];
			uint64_t mask = 0;
			struct store_entry e = look();
			struct otp_typed typed;

			assert_int_equal(otp_parse_typed((struct span){ used[i],
			    strlen(used[i]) }, &typed), 0);
			assert_int_equal(otp_match(&e.record.device[0].params,
			    &e.record.device[0].secret, when / 30 - 1, 3, typed, &mask), 0);
			/* The rare fresh code of the same digits is right (steps, not values). */
			if (mask != 0 && shifts[k] >= 300)
				continue;
			assert_int_not_equal(try_text(used[i], "", when), ATTEMPT_ACCEPTED);
		}
}

static void
the_hard_stop_holds_until_another_proof(void **unused)
{
	struct recovery_set set;
	struct recovery_sheet sheet;
	struct store_entry e = look();

	(void)unused;
	settings.throttle_after = 1000;
	assert_int_equal(recovery_generate(1, &set, &sheet), 0);
	e.record.recovery = set;
	e.state.recovery_id = 1;
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);

	for (unsigned i = 1; i <= 100; i++) {
		assert_int_equal(try_text(wrong_code(), "", NOW), ATTEMPT_WRONG);
		assert_int_equal(result.has_locked, i == 100);
	}
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_LOCKED);
	assert_int_equal(try_text(code_at(0, NOW, 0), "192.0.2.7", NOW), ATTEMPT_LOCKED);
	assert_int_equal(try_text(code_at(0, NOW + 86400, 0), "", NOW + 86400), ATTEMPT_LOCKED);
	assert_int_equal(try_text(sheet.text[3], "", NOW + 86400), ATTEMPT_ACCEPTED);
	assert_int_equal(try_text(code_at(0, NOW + 86400, 0), "", NOW + 86400),
	    ATTEMPT_ACCEPTED);
}

static void
a_recovery_code_is_spent_once(void **unused)
{
	struct recovery_set set, next;
	struct recovery_sheet sheet, next_sheet;
	struct store_entry e = look();

	(void)unused;
	assert_int_equal(recovery_generate(1, &set, &sheet), 0);
	e.record.recovery = set;
	e.state.recovery_id = 1;
	struct record old = e.record;
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);

	assert_int_equal(try_text(sheet.text[9], "", NOW), ATTEMPT_ACCEPTED);
	assert_true(result.has_used_recovery);
	assert_int_equal(result.recovery_left, 9);
	assert_int_equal(try_text(sheet.text[9], "", NOW), ATTEMPT_WRONG);
	/* Putting the old record back brings no spent code back. */
	store_memory_put_record(store, &old);
	assert_int_equal(try_text(sheet.text[9], "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_ACCEPTED);

	/* A new set voids the old one, also when the old record comes back. */
	e = look();
	assert_int_equal(recovery_generate(2, &next, &next_sheet), 0);
	e.record.recovery = next;
	e.state.recovery_id = 2;
	e.state.recovery_spent = 0;
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	assert_int_equal(try_text(sheet.text[1], "", NOW), ATTEMPT_WRONG);
	store_memory_put_record(store, &old);
	assert_int_equal(try_text(sheet.text[1], "", NOW), ATTEMPT_WRONG);
}

static void
a_lost_state_burns_every_step(void **unused)
{
	(void)unused;
	char code[16];
	snprintf(code, sizeof(code), "%s", code_at(0, NOW, 0));
	assert_int_equal(try_text(code, "", NOW), ATTEMPT_ACCEPTED);
	store_memory_lose_state(store, USER);
	assert_int_equal(try_text(code, "", NOW), ATTEMPT_BURNT);
	assert_true(result.has_rebuilt);
	/* The user is told to wait until the first code that is not burnt. */
	uint64_t first_good = (NOW / 30 + 4) * 30;
	assert_int_equal(result.wait_s, first_good - NOW);
	/* Also the code that the window would still offer from the coming step. */
	assert_int_equal(try_text(code_at(0, NOW, 1), "", NOW), ATTEMPT_REUSED);
	assert_false(result.has_rebuilt);
	assert_int_equal(try_text(code_at(0, first_good - 1, 0), "", first_good - 1),
	    ATTEMPT_REUSED);
	assert_int_equal(result.wait_s, 1);
	assert_int_equal(try_text(code_at(0, first_good, 0), "", first_good), ATTEMPT_ACCEPTED);
}

/* The service that finds the loss need not be the one that accepted the code. */
static void
a_lost_state_burns_the_window_of_every_service(void **unused)
{
	char code[16];

	(void)unused;
	for (unsigned finder = 0; finder < 3; finder++) {
		uint64_t now = NOW + finder * 3600;

		snprintf(code, sizeof(code), "%s", code_at(0, now, 3));
		settings.window = 3;
		assert_int_equal(try_text(code, "", now), ATTEMPT_ACCEPTED);
		store_memory_lose_state(store, USER);
		settings.window = finder;
		assert_int_equal(try_text(code_at(0, now, 0), "", now), ATTEMPT_BURNT);
		settings.window = 3;
		assert_int_equal(try_text(code, "", now), ATTEMPT_REUSED);
		assert_int_equal(try_text(code, "", now + 90), ATTEMPT_REUSED);
	}
}

/* By this host's clock alone the codes that it just showed would lie in the future. */
static void
a_lost_state_burns_a_fast_device_too(void **unused)
{
	struct store_entry e = look();
	int32_t drift = 0;
	char code[16];

	(void)unused;
	settings.throttle_after = 1000;
	settings.lock_after = 1000;
	struct otp_typed pair[2] = { { .digits = 6 }, { .digits = 6 } };
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(otp_code(&e.record.device[0].params,
		    &e.record.device[0].secret, NOW / 30 + 15 + i, &pair[i].code), 0);
	assert_int_equal(devices_resync(&e, e.record.device[0].id, pair[0], pair[1],
	    DEVICES_RESYNC_STEPS, NOW, &drift, NULL), ENROLMENT_CONFIRMED);
	assert_int_equal(drift, 16);
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	uint64_t later = NOW + 60;
	snprintf(code, sizeof(code), "%s", code_at(0, later, 16));
	assert_int_equal(try_text(code, "", later), ATTEMPT_ACCEPTED);

	store_memory_lose_state(store, USER);
	assert_int_equal(try_text(code, "", later), ATTEMPT_BURNT);
	for (unsigned i = 0; i < 20; i++)
		assert_int_not_equal(try_text(code, "", later + 30 * i), ATTEMPT_ACCEPTED);
	/* And the device is known to be fast as before. */
	later += 86400;
	assert_int_equal(try_text(code_at(0, later, 16), "", later), ATTEMPT_ACCEPTED);
}

static void
a_lost_state_voids_recovery_codes(void **unused)
{
	struct recovery_set set;
	struct recovery_sheet sheet;
	struct store_entry e = look();

	(void)unused;
	assert_int_equal(recovery_generate(1, &set, &sheet), 0);
	e.record.recovery = set;
	e.state.recovery_id = 1;
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	store_memory_lose_state(store, USER);
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_WRONG);
}

static void
a_clock_set_back_denies_and_lowers_nothing(void **unused)
{
	(void)unused;
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_ACCEPTED);
	struct store_entry before = look();
	uint64_t past = NOW - 7200;

	assert_int_equal(try_text(code_at(0, past, 0), "", past), ATTEMPT_CLOCK_BACK);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", past), ATTEMPT_CLOCK_BACK);
	struct store_entry after = look();
	assert_int_equal(after.state.device[0].last_step, before.state.device[0].last_step);
	assert_int_equal(after.state.saved_at, before.state.saved_at);
	/* The clock comes back: all is as before. */
	assert_int_equal(try_text(code_at(0, NOW + 30, 0), "", NOW + 30), ATTEMPT_ACCEPTED);
}

static void
a_small_step_back_of_the_clock_is_nothing(void **unused)
{
	(void)unused;
	assert_int_equal(try_text(wrong_code(), "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(code_at(0, NOW - 20, 0), "", NOW - 20), ATTEMPT_ACCEPTED);
}

static void
a_device_without_state_is_burnt(void **unused)
{
	struct store_entry e = look();

	(void)unused;
	/* Configuration management brings a record with a device of its own. */
	e.record.device[1] = e.record.device[0];
	e.record.device[1].id = e.record.next_id++;
	snprintf(e.record.device[1].name, RECORD_NAME_CAP, "pushed");
	assert_int_equal(otp_secret_generate(OTP_SHA1, &e.record.device[1].secret), 0);
	e.record.device_count = 2;
	store_memory_put_record(store, &e.record);
	assert_int_equal(try_text(code_at(1, NOW, 0), "", NOW), ATTEMPT_BURNT);
	assert_int_equal(try_text(code_at(1, NOW + 90, 0), "", NOW + 90), ATTEMPT_REUSED);
	assert_int_equal(try_text(code_at(1, NOW + 120, 0), "", NOW + 120), ATTEMPT_ACCEPTED);
}

static void
stored_drift_moves_the_window(void **unused)
{
	struct store_entry e = look();

	(void)unused;
	e.state.device[0].drift = -7;
	assert_int_equal(store_commit(store, USER, &e.state, &e.version, NULL), 0);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(code_at(0, NOW, -7), "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(try_text(code_at(0, NOW, -6), "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(look().state.device[0].drift, -7);
}

/* Who added a device with a stolen code must not take away the warning by logging in with it. */
static void
a_notice_waits_for_the_owner_of_an_older_device(void **unused)
{
	struct attempt_request q = { .user = USER, .uid = UID, .source = "", .now_s = NOW,
		.may_tell = true };
	struct store_entry e;

	(void)unused;
	add_device("evil", OTP_PARAMS_DEFAULT);
	e = look();
	e.record.device[0].created = NOW - 86400;
	record_add_notice(&e.record, e.state.notice_told, e.record.device[1].created + 60,
	    "device evil was added");
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		/* The intruder twice, then the owner, who is told and told no more. */
		unsigned device = i < 2 ? 1 : 0;
		char code[16];

		q.now_s = NOW + 60 * i;
		snprintf(code, sizeof(code), "%s", code_at(device, q.now_s, 0));
		q.answer = (struct span){ code, strlen(code) };
		assert_int_equal(attempt_run(&q, &settings, store, &result, NULL),
		    ATTEMPT_ACCEPTED);
		assert_int_equal(result.notice_count, i < 3 ? 1 : 0);
	}
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(no_consumed_code_comes_back),
		CASE(the_hard_stop_holds_until_another_proof),
		CASE(a_recovery_code_is_spent_once),
		CASE(a_lost_state_burns_every_step),
		CASE(a_lost_state_burns_a_fast_device_too),
		CASE(a_lost_state_burns_the_window_of_every_service),
		CASE(a_lost_state_voids_recovery_codes),
		CASE(a_clock_set_back_denies_and_lowers_nothing),
		CASE(a_small_step_back_of_the_clock_is_nothing),
		CASE(a_device_without_state_is_burnt),
		CASE(a_notice_waits_for_the_owner_of_an_older_device),
		CASE(stored_drift_moves_the_window),
	};
	return cmocka_run_group_tests_name("attempt_loss", tests, NULL, NULL);
}
