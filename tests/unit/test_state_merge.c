/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What becomes of two states of one user, field by field and in both orders. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/store_sample.h"

static struct record record;
static struct state a, b;

static int
set_up(void **unused)
{
	(void)unused;
	sample_make(&record, &a, "alice");
	b = a;
	return 0;
}

static void
expect_same(const struct state *x, const struct state *y)
{
	sample_expect_state(x, y);
}

static void
equal_states_stay_what_they_are(void **unused)
{
	(void)unused;
	struct state before = a;

	a.generation = before.generation = 7;
	state_merge(&a, &b, &record);
	expect_same(&a, &before);
	assert_int_equal(a.generation, 7);
}

/* What is used up, of two states of which each was ahead in something. */
struct row {
	uint32_t set_a, spent_a, set_b, spent_b, set, spent;
	uint64_t grace_a, grace_b, grace;
};

static const struct row rows[] = {
    {1, 0x3, 1, 0x5, 1, 0x7, 0, 0, 0},
    {1, 0x3, 2, 0x4, 2, 0x4, 0, 9, 9},
    {2, 0x4, 1, 0x3ff, 2, 0x4, 9, 0, 9},
    {0, 0, 3, 0x3ff, 3, 0x3ff, 8, 9, 8},
    {3, 0x1, 0, 0, 3, 0x1, 9, 8, 8},
    {1, STATE_RECOVERY_ALL, 1, 0, 1, STATE_RECOVERY_ALL, 1, SAMPLE_NOW, 1},
};

static void
what_is_used_stays_used(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct state x = a, y = b;

		x.recovery_id = row->set_a;
		x.recovery_spent = row->spent_a;
		x.grace_start = row->grace_a;
		y.recovery_id = row->set_b;
		y.recovery_spent = row->spent_b;
		y.grace_start = row->grace_b;
		x.bypass_spent = 5, y.bypass_spent = 4;
		x.ticket_spent = 4, y.ticket_spent = 5;
		x.notice_told = 5, y.notice_told = 4;
		x.session_epoch = 4, y.session_epoch = 5;
		x.saved_at = SAMPLE_NOW + 1;
		x.device[0].last_step++, x.device[0].last_used = 7, y.device[0].last_used = 6;
		y.device[1].last_step++, y.device[1].last_used = 8;

		struct state xy = x, yx = y;
		state_raise(&xy, &y, &record);
		state_raise(&yx, &x, &record);
		assert_int_equal(xy.recovery_id, row->set);
		assert_int_equal(xy.recovery_spent, row->spent);
		assert_int_equal(xy.grace_start, row->grace);
		assert_int_equal(xy.bypass_spent, 5);
		assert_int_equal(xy.ticket_spent, 5);
		assert_int_equal(xy.notice_told, 5);
		assert_int_equal(xy.session_epoch, 5);
		assert_int_equal(xy.saved_at, SAMPLE_NOW + 1);
		assert_int_equal(xy.device[0].last_step, x.device[0].last_step);
		assert_int_equal(xy.device[0].last_used, 7);
		assert_int_equal(xy.device[1].last_step, y.device[1].last_step);
		assert_int_equal(xy.device[1].last_used, 8);
		expect_same(&xy, &yx);
		/* Again: nothing more to do. */
		struct state again = xy;
		state_raise(&again, &x, &record);
		state_raise(&again, &y, &record);
		expect_same(&again, &xy);
	}
}

static void
failures_are_merged_but_not_raised(void **unused)
{
	(void)unused;
	a.fails = 3;
	a.bucket[0] = (struct state_bucket){.tag = 11, .last_fail = 100, .fails = 2};
	a.bucket[1] = (struct state_bucket){.tag = 12, .last_fail = 100, .fails = 1};
	b.fails = 9;
	b.is_locked = true;
	b.bucket[0] = (struct state_bucket){.tag = 12, .last_fail = 90, .fails = 8};
	b.bucket[3] = (struct state_bucket){.tag = 13, .last_fail = 50, .fails = 1};

	struct state raised = a;
	state_raise(&raised, &b, &record);
	expect_same(&raised, &a);

	struct state merged = a;
	state_merge(&merged, &b, &record);
	assert_true(merged.is_locked);
	assert_int_equal(merged.fails, 9);
	assert_int_equal(merged.bucket[0].tag, 11);
	assert_int_equal(merged.bucket[0].fails, 2);
	assert_int_equal(merged.bucket[1].tag, 12);
	assert_int_equal(merged.bucket[1].fails, 8);
	assert_int_equal(merged.bucket[1].last_fail, 100);
	assert_int_equal(merged.bucket[2].tag, 13);
	assert_int_equal(merged.bucket[2].fails, 1);

	/* A lock is not undone by the state that has none. */
	struct state locked = b;
	state_merge(&locked, &a, &record);
	assert_true(locked.is_locked);
	assert_int_equal(locked.fails, 9);
}

/* As where failures are counted: the source that failed longest ago makes room. */
static void
the_latest_sources_are_kept(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++)
		a.bucket[i] = (struct state_bucket){
		    .tag = 20 + i, .last_fail = 100 + i, .fails = 1};
	b.bucket[0] = (struct state_bucket){.tag = 40, .last_fail = 99, .fails = 9};
	b.bucket[1] = (struct state_bucket){.tag = 41, .last_fail = 200, .fails = 4};
	state_merge(&a, &b, &record);
	assert_int_equal(a.bucket[0].tag, 41);
	assert_int_equal(a.bucket[0].fails, 4);
	for (unsigned i = 1; i < STATE_BUCKETS_MAX; i++)
		assert_int_equal(a.bucket[i].tag, 20 + i);
}

static void
devices_that_only_one_knows(void **unused)
{
	(void)unused;
	/* Known to the other only: its steps and its drift come along. */
	a.device[2] = (struct state_device){.id = 0};
	b.device[2].drift = -3;
	state_merge(&a, &b, &record);
	const struct state_device *d = state_find(&a, b.device[2].id);
	assert_non_null(d);
	assert_int_equal(d->last_step, b.device[2].last_step);
	assert_int_equal(d->drift, -3);

	/* A known drift stays. */
	b.device[0].drift = 5;
	state_merge(&a, &b, &record);
	assert_int_equal(a.device[0].drift, 0);

	/* One that the record does not have takes no place of one that it has. */
	struct record full = record;
	for (unsigned i = record.device_count; i < RECORD_DEVICES_MAX; i++) {
		full.device[i] = record.device[0];
		full.device[i].id = i + 1;
		a.device[i].id = i + 1;
	}
	full.device_count = RECORD_DEVICES_MAX;
	b.device[3].id = 99;
	struct state before = a;
	state_merge(&a, &b, &full);
	expect_same(&a, &before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(equal_states_stay_what_they_are, set_up),
	    cmocka_unit_test_setup(what_is_used_stays_used, set_up),
	    cmocka_unit_test_setup(failures_are_merged_but_not_raised, set_up),
	    cmocka_unit_test_setup(the_latest_sources_are_kept, set_up),
	    cmocka_unit_test_setup(devices_that_only_one_knows, set_up),
	};
	return cmocka_run_group_tests_name("state_merge", tests, NULL, NULL);
}
