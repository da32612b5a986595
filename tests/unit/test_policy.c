/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The policy and the throttle as tables: both are pure functions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/policy.h"
#include "core/throttle.h"

#define NOW UINT64_C(1700000000)

enum kept { NAMELESS, NO_RECORD, NO_DEVICE, PENDING, DISABLED, EXPIRED, ACTIVE };

static void
who_must_show_a_code(void **unused)
{
	static const struct {
		bool is_account;
		enum kept kept;
		enum config_unenrolled unenrolled;
		enum policy_action action;
	} rows[] = {
		{ true, ACTIVE, UNENROLLED_DENY, POLICY_ASK },
		{ true, ACTIVE, UNENROLLED_SKIP, POLICY_ASK },
		{ true, NO_RECORD, UNENROLLED_DENY, POLICY_DENY },
		{ true, NO_RECORD, UNENROLLED_SKIP, POLICY_SKIP },
		{ true, NO_DEVICE, UNENROLLED_DENY, POLICY_DENY },
		{ true, NO_DEVICE, UNENROLLED_SKIP, POLICY_SKIP },
		{ true, PENDING, UNENROLLED_DENY, POLICY_DENY },
		{ true, PENDING, UNENROLLED_SKIP, POLICY_SKIP },
		{ true, DISABLED, UNENROLLED_DENY, POLICY_DENY },
		{ true, DISABLED, UNENROLLED_SKIP, POLICY_SKIP },
		{ true, EXPIRED, UNENROLLED_DENY, POLICY_DENY },
		{ true, NAMELESS, UNENROLLED_DENY, POLICY_DENY },
		{ true, NAMELESS, UNENROLLED_SKIP, POLICY_SKIP },
		/* A name without an account is never let through. */
		{ false, NAMELESS, UNENROLLED_SKIP, POLICY_DENY },
		{ false, NO_RECORD, UNENROLLED_SKIP, POLICY_DENY },
		{ false, ACTIVE, UNENROLLED_SKIP, POLICY_DENY },
		{ false, NAMELESS, UNENROLLED_DENY, POLICY_DENY },
		/* Settings that were never filled are no way through. */
		{ true, NO_RECORD, (enum config_unenrolled)0, POLICY_DENY },
	};

	(void)unused;
	assert_int_equal(POLICY_DENY, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_facts f = { .is_account = rows[i].is_account, .uid = 1000,
			.now_s = NOW };
		struct settings s = { .unenrolled = rows[i].unenrolled };
		struct store_entry e = { .has_record = rows[i].kept != NO_RECORD };

		e.record.device_count = rows[i].kept >= PENDING;
		e.record.device[0].expires = NOW + 600;
		e.record.device[0].state = rows[i].kept == PENDING ? DEVICE_PENDING :
		    rows[i].kept == DISABLED			   ? DEVICE_DISABLED :
								     DEVICE_ACTIVE;
		if (rows[i].kept == EXPIRED)
			e.record.device[0].expires = NOW;
		enum policy_action a =
		    policy_decide(&f, rows[i].kept == NAMELESS ? NULL : &e, &s);
		if (a != rows[i].action)
			fail_msg("row %zu: %d", i, (int)a);
	}
}

static uint64_t
tag_of(const char *source, const char *user)
{
	uint64_t tag = 0;

	assert_int_equal(throttle_tag(source, user, &tag), 0);
	assert_true(tag != 0);
	return tag;
}

static void
sources_are_told_apart_as_their_owners_are(void **unused)
{
	static const struct {
		const char *a, *b;
		bool is_same;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false },
		{ "192.0.2.7", "::ffff:192.0.2.7", true },
		{ "2001:db8:1:2::3", "2001:db8:1:2:ffff::9", true },
		{ "2001:db8:1:2::3", "2001:DB8:1:2:0:0:0:4", true },
		{ "2001:db8:1:2::3", "2001:db8:1:3::3", false },
		{ "fe80::1", "fe80::2", false },
		{ "", NULL, true },
		{ "", "192.0.2.7", false },
		{ "local:alice", "local:bob", false },
		{ "host.example", "host.example.org", false },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((tag_of(rows[i].a, NULL) == tag_of(rows[i].b, NULL)) != rows[i].is_same)
			fail_msg("row %zu", i);
	assert_true(tag_of("a", "bc") != tag_of("ab", "c"));
	assert_true(tag_of("192.0.2.7", "x") != tag_of("192.0.2.7", "y"));
	assert_true(tag_of("192.0.2.7", "x") != tag_of("192.0.2.7", NULL));
	/* As long as the application may make it. */
	char huge[5000];
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	tag_of(huge, huge);
}

static void
waits_double_to_an_hour(void **unused)
{
	static const uint32_t waits[] = { 0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600,
		3600, 3600 };
	struct settings s = { .throttle_after = 5, .throttle_delay_s = 30 };
	struct state st = { .generation = 0 };

	(void)unused;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(throttle_count(&st, 7, NOW), i + 1);
		assert_int_equal(throttle_wait(&st, 7, NOW, &s), waits[i]);
		assert_int_equal(throttle_wait(&st, 7, NOW + waits[i], &s), 0);
		if (waits[i] > 0)
			assert_int_equal(throttle_wait(&st, 7, NOW + waits[i] - 1, &s), 1);
		/* The clock a little back: never more than the whole delay. */
		assert_int_equal(throttle_wait(&st, 7, NOW - 30, &s), waits[i]);
		assert_int_equal(throttle_wait(&st, 8, NOW, &s), 0);
	}
	throttle_clear(&st, 7);
	assert_int_equal(throttle_wait(&st, 7, NOW, &s), 0);
	assert_int_equal(st.fails, 0);
	s.throttle_delay_s = 0;
	for (unsigned i = 0; i < 50; i++)
		throttle_count(&st, 7, NOW);
	assert_int_equal(throttle_wait(&st, 7, NOW, &s), 0);
	s.throttle_delay_s = 3600;
	assert_int_equal(throttle_wait(&st, 7, NOW, &s), 3600);
}

static void
many_sources_evict_the_oldest_and_count_for_the_user(void **unused)
{
	struct state st = { .generation = 0 };

	(void)unused;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(throttle_count(&st, 1000 + i, NOW + i), 1);
	assert_int_equal(st.fails, 100);
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++)
		assert_true(st.bucket[i].tag >= 1100 - STATE_BUCKETS_MAX);
	/* A success of one source forgets its own failures only. */
	throttle_clear(&st, 1099);
	assert_int_equal(throttle_count(&st, 1098, NOW + 100), 2);
	assert_int_equal(throttle_count(&st, 1099, NOW + 100), 1);
	/* Counters stop at their end. */
	st.fails = UINT32_MAX;
	st.bucket[0].fails = UINT32_MAX;
	assert_int_equal(throttle_count(&st, st.bucket[0].tag, NOW + 101), UINT32_MAX);
	assert_int_equal(st.fails, UINT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_must_show_a_code),
		cmocka_unit_test(sources_are_told_apart_as_their_owners_are),
		cmocka_unit_test(waits_double_to_an_hour),
		cmocka_unit_test(many_sources_evict_the_oldest_and_count_for_the_user),
	};
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
