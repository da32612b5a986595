/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The grace time in the store: begun once, told from a clock that was set back, decided anew
 * when somebody else came first, and nobody let in by what could not be written. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/date.h"
#include "core/grace.h"
#include "tests/support/attempt_fixture.h"

#define BOB "bob"
#define DAY DATE_DAY_S

static struct policy_facts
facts_at(uint64_t now_s)
{
	return (struct policy_facts){ .is_account = true, .uid = UID + 1, .in_groups = true,
		.now_s = now_s };
}

/* One login of bob, who has nothing. */
static struct policy_decision
enter(uint64_t now_s, int expected)
{
	struct policy_facts f = facts_at(now_s);
	struct policy_decision out = { .action = POLICY_SKIP };
	struct diag d = { "" };

	settings.unenrolled = UNENROLLED_GRACE;
	int r = grace_enter(&f, &settings, store, BOB, &out, &d);
	if (r != expected)
		fail_msg("%d: %s", r, d.text);
	if (r != 0) {
		assert_int_equal(out.action, POLICY_DENY);
		assert_int_equal(out.reason, POLICY_UNENROLLED);
	}
	return out;
}

static struct store_entry
look_at_bob(void)
{
	struct store_entry e;

	assert_int_equal(store_load(store, BOB, &e, NULL), 0);
	return e;
}

static void
begins_once(void **unused)
{
	(void)unused;
	struct policy_decision p = enter(NOW, 0);
	assert_int_equal(p.action, POLICY_SKIP);
	assert_int_equal(p.reason, POLICY_GRACE);
	assert_int_equal(p.days_left, 35);
	struct store_entry e = look_at_bob();
	assert_int_equal(e.state.grace_start, NOW);
	assert_int_equal(e.state.saved_at, NOW);
	assert_int_equal(e.state.uid, UID + 1);
	assert_false(e.has_record);

	p = enter(NOW + 9 * DAY, 0);
	assert_int_equal(p.days_left, 26);
	e = look_at_bob();
	assert_int_equal(e.state.grace_start, NOW);
	assert_int_equal(e.state.saved_at, NOW + 9 * DAY);

	/* Set back, the clock gives nothing back and lowers nothing. */
	p = enter(NOW - 100 * DAY, 0);
	assert_int_equal(p.days_left, 26);
	e = look_at_bob();
	assert_int_equal(e.state.grace_start, NOW);
	assert_int_equal(e.state.saved_at, NOW + 9 * DAY);

	assert_int_equal(enter(NOW + 35 * DAY - 1, 0).days_left, 1);
	assert_int_equal(enter(NOW + 35 * DAY, 0).action, POLICY_ENROL);
	/* It was over: no clock makes it begin anew. The last login within it counts. */
	assert_int_equal(enter(NOW, 0).days_left, 1);
	assert_int_equal(look_at_bob().state.saved_at, NOW + 35 * DAY - 1);
}

static void
what_is_not_stored_lets_nobody_in(void **unused)
{
	(void)unused;
	store_memory_fail(store, STORE_MEMORY_COMMIT, 1, E_IO);
	(void)enter(NOW, E_IO);
	store_memory_fail(store, STORE_MEMORY_LOAD, 1, E_CORRUPT);
	(void)enter(NOW, E_CORRUPT);
	store_memory_conflict(store, STORE_ROUNDS_MAX);
	(void)enter(NOW, E_CONFLICT);
	assert_int_equal(look_at_bob().state.grace_start, 0);
	store_memory_conflict(store, STORE_ROUNDS_MAX - 1);
	assert_int_equal(enter(NOW, 0).action, POLICY_SKIP);
	assert_int_equal(look_at_bob().state.grace_start, NOW);
}

/* Bob enrols, in another login, between the load and the commit of this one. */
static void
enrol_bob(struct store *s, const char *user, void *ctx)
{
	bool *is_done = ctx;
	struct store_entry e;
	struct otp_params params = OTP_PARAMS_DEFAULT;
	struct otp_secret secret;
	uint32_t id = 0;

	if (*is_done)
		return;
	*is_done = true;
	assert_string_equal(user, BOB);
	assert_int_equal(store_load(s, BOB, &e, NULL), 0);
	assert_int_equal(record_init(&e.record, BOB, UID + 1), 0);
	e.has_record = true;
	assert_int_equal(otp_secret_generate(params.algorithm, &secret), 0);
	assert_int_equal(enrolment_import(&e, "phone", DEVICE_VIRTUAL, &params, &secret, 8, 1,
	    NOW - 3600, &id, NULL), 0);
	assert_int_equal(store_replace(s, BOB, &e.record, &e.state, &e.version, NULL), 0);
}

static void
an_enrolment_in_between_is_seen(void **unused)
{
	bool is_done = false;

	(void)unused;
	store_memory_before(store, STORE_MEMORY_COMMIT, enrol_bob, &is_done);
	struct policy_decision p = enter(NOW, 0);
	store_memory_before(store, STORE_MEMORY_COMMIT, NULL, NULL);
	assert_true(is_done);
	assert_int_equal(p.action, POLICY_ASK);
	assert_int_equal(look_at_bob().state.grace_start, 0);
}

/* A record without a usable device: its state follows the rules of every login. */
static void
lost_state_is_over(void **unused)
{
	bool is_done = false;
	struct store_entry e;

	(void)unused;
	enrol_bob(store, BOB, &is_done);
	e = look_at_bob();
	e.record.device[0].state = DEVICE_DISABLED;
	assert_int_equal(store_replace(store, BOB, &e.record, &e.state, &e.version, NULL), 0);
	assert_int_equal(enter(NOW, 0).days_left, 35);
	assert_true(look_at_bob().has_record);
	assert_int_equal(look_at_bob().state.grace_start, NOW);
	store_memory_lose_state(store, BOB);
	assert_int_equal(enter(NOW, 0).action, POLICY_ENROL);
	/* Any change of the record rebuilds the state; that renews nothing. */
	e = look_at_bob();
	assert_true(store_entry_complete(&e, NOW));
	assert_int_equal(store_replace(store, BOB, &e.record, &e.state, &e.version, NULL), 0);
	assert_int_equal(enter(NOW, 0).action, POLICY_ENROL);
}

#define GRACE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GRACE_TEST(begins_once),
		GRACE_TEST(what_is_not_stored_lets_nobody_in),
		GRACE_TEST(an_enrolment_in_between_is_seen),
		GRACE_TEST(lost_state_is_over),
	};
	return cmocka_run_group_tests_name("grace", tests, NULL, NULL);
}
