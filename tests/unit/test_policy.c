/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The policy and the throttle as tables: both are pure functions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/date.h"
#include "core/policy.h"
#include "core/throttle.h"

#define NOW UINT64_C(1700000000)

#define DAY DATE_DAY_S
#define UID 1000u

/* What is stored of the user. EXPIRED: the only device's time is over. */
enum kept { NAMELESS, NO_RECORD, NO_DEVICE, PENDING, DISABLED, EXPIRED, ACTIVE };

/* A case; what is zero is usual: an account of this host, in the groups, a whole state. */
struct row {
	enum kept kept;
	enum config_unenrolled unenrolled;
	enum policy_action action;
	enum policy_reason reason;
	unsigned days_left;
	uint64_t until_s;
	bool is_stranger;
	bool is_out; /* in none of the groups */
	bool has_no_clock;
	uint32_t record_uid; /* another account's */
	uint64_t enforce_after_s, exempt_until, enrol_by, grace_start, saved_at;
	enum state_health health; /* LOST (0) stands for WHOLE or FRESH; see is_lost */
	bool is_lost;
};

static struct policy_decision
decide(const struct row *row)
{
	struct policy_facts f = { .is_account = !row->is_stranger, .uid = UID,
		.in_groups = !row->is_out, .now_s = row->has_no_clock ? 0 : NOW };
	struct settings s = { .unenrolled = row->unenrolled, .grace_days = 35,
		.enforce_after_s = row->enforce_after_s };
	struct store_entry e = { .has_record = row->kept > NO_RECORD };
	struct record_device *d = &e.record.device[0];

	e.health = row->is_lost ? STATE_LOST :
	    row->health != STATE_LOST ? row->health :
	    e.has_record	      ? STATE_WHOLE :
					STATE_FRESH;
	e.state.saved_at = row->saved_at;
	e.state.grace_start = row->grace_start;
	e.record.uid = row->record_uid != 0 ? row->record_uid : UID;
	e.record.exempt_until = row->exempt_until;
	if (row->exempt_until != 0)
		memcpy(e.record.exempt_reason, "robot", sizeof("robot"));
	e.record.enrol_by = row->enrol_by;
	e.record.device_count = row->kept >= PENDING;
	d->expires = row->kept == EXPIRED ? NOW : NOW + 600;
	d->state = row->kept == PENDING ? DEVICE_PENDING :
	    row->kept == DISABLED	? DEVICE_DISABLED :
					  DEVICE_ACTIVE;
	return policy_decide(&f, row->kept == NAMELESS ? NULL : &e, &s);
}

static void
check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct policy_decision p = decide(&rows[i]);

		if (p.action != rows[i].action || p.reason != rows[i].reason ||
		    p.days_left != rows[i].days_left || p.until_s != rows[i].until_s)
			fail_msg("row %zu: action %d reason %d days %u until %ju", i,
			    (int)p.action, (int)p.reason, p.days_left, (uintmax_t)p.until_s);
	}
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows[0]))

static void
who_must_show_a_code(void **unused)
{
	static const struct row rows[] = {
		{ .kept = ACTIVE, UNENROLLED_DENY, POLICY_ASK, POLICY_ENROLLED },
		{ .kept = ACTIVE, UNENROLLED_ENROLL, POLICY_ASK, POLICY_ENROLLED },
		{ .kept = ACTIVE, UNENROLLED_SKIP, POLICY_ASK, POLICY_ENROLLED },
		{ .kept = ACTIVE, UNENROLLED_GRACE, POLICY_ASK, POLICY_ENROLLED },
		{ .kept = ACTIVE, (enum config_unenrolled)0, POLICY_ASK, POLICY_ENROLLED },
		{ .kept = NO_RECORD, UNENROLLED_DENY, POLICY_DENY },
		{ .kept = NO_RECORD, UNENROLLED_ENROLL, POLICY_ENROL },
		{ .kept = NO_RECORD, UNENROLLED_SKIP, POLICY_SKIP },
		{ .kept = NO_DEVICE, UNENROLLED_DENY, POLICY_DENY },
		{ .kept = NO_DEVICE, UNENROLLED_ENROLL, POLICY_ENROL },
		{ .kept = NO_DEVICE, UNENROLLED_SKIP, POLICY_SKIP },
		{ .kept = PENDING, UNENROLLED_DENY, POLICY_DENY },
		{ .kept = PENDING, UNENROLLED_ENROLL, POLICY_ENROL },
		{ .kept = PENDING, UNENROLLED_SKIP, POLICY_SKIP },
		{ .kept = DISABLED, UNENROLLED_DENY, POLICY_DENY },
		{ .kept = DISABLED, UNENROLLED_SKIP, POLICY_SKIP },
		{ .kept = EXPIRED, UNENROLLED_DENY, POLICY_DENY },
		{ .kept = EXPIRED, UNENROLLED_SKIP, POLICY_SKIP },
		{ .kept = NAMELESS, UNENROLLED_DENY, POLICY_DENY },
		{ .kept = NAMELESS, UNENROLLED_ENROLL, POLICY_ENROL },
		{ .kept = NAMELESS, UNENROLLED_SKIP, POLICY_SKIP },
		/* Nobody can count for whom nothing can be stored. */
		{ .kept = NAMELESS, UNENROLLED_GRACE, POLICY_ENROL },
		/* Settings that were never filled are no way through. */
		{ .kept = NO_RECORD, (enum config_unenrolled)0, POLICY_DENY },
		{ .kept = NO_RECORD, (enum config_unenrolled)9, POLICY_DENY },
	};

	(void)unused;
	assert_int_equal(POLICY_DENY, 0);
	CHECK_ROWS(rows);
}

/* A name without an account gets no further, whatever else is true. */
static void
strangers_are_never_let_through(void **unused)
{
	(void)unused;
	for (unsigned kept = NAMELESS; kept <= ACTIVE; kept++)
		for (unsigned u = 0; u <= UNENROLLED_GRACE; u++)
			for (unsigned bits = 0; bits < 8; bits++) {
				struct row row = { .kept = (enum kept)kept,
					.unenrolled = (enum config_unenrolled)u,
					.is_stranger = true, .is_out = (bits & 1) != 0,
					.enforce_after_s = (bits & 2) != 0 ? NOW + DAY : 0,
					.exempt_until = (bits & 4) != 0 ? NOW + DAY : 0 };
				assert_int_equal(decide(&row).action, POLICY_DENY);
			}
}

static void
grace_ends(void **unused)
{
	static const uint64_t begun = NOW - 10 * DAY;
	static const struct row rows[] = {
		/* Not begun: all days are left, and it begins now. */
		{ .kept = NO_RECORD, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 35,
		    NOW + 35 * DAY },
		{ .kept = NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 35,
		    NOW + 35 * DAY },
		{ .kept = PENDING, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 35,
		    NOW + 35 * DAY },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 25, begun + 35 * DAY,
		    .grace_start = begun },
		/* The last second, the first one after. */
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 1, NOW + 1,
		    .grace_start = NOW + 1 - 35 * DAY },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_ENROL, .grace_start = NOW - 35 * DAY },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_ENROL, .grace_start = 1 },
		/* A day begun is a day. */
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 34, NOW + 34 * DAY,
		    .grace_start = NOW - DAY },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 35, NOW + 34 * DAY + 1,
		    .grace_start = NOW - DAY + 1 },
		/* The clock was set back: the later time counts. */
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_ENROL, .grace_start = begun,
		    .saved_at = begun + 35 * DAY },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 1, begun + 35 * DAY,
		    .grace_start = begun, .saved_at = begun + 35 * DAY - 1 },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_DENY, .grace_start = begun,
		    .has_no_clock = true },
		{ NO_RECORD, UNENROLLED_GRACE, POLICY_DENY, .has_no_clock = true },
		/* A beginning that may have been lost is long ago. */
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_ENROL, .is_lost = true },
		{ NO_RECORD, UNENROLLED_GRACE, POLICY_ENROL, .is_lost = true },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_ENROL, .health = STATE_HALF },
		{ NO_RECORD, UNENROLLED_GRACE, POLICY_ENROL, .health = STATE_HALF },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_GRACE, 25, begun + 35 * DAY,
		    .health = STATE_HALF, .grace_start = begun },
		{ NO_RECORD, UNENROLLED_GRACE, POLICY_ENROL, .health = (enum state_health)9 },
	};

	(void)unused;
	CHECK_ROWS(rows);
}

static void
exemptions_end(void **unused)
{
	static const struct row rows[] = {
		{ NO_DEVICE, UNENROLLED_DENY, POLICY_SKIP, POLICY_EXEMPT, 0, NOW + 1,
		    .exempt_until = NOW + 1 },
		{ ACTIVE, UNENROLLED_DENY, POLICY_SKIP, POLICY_EXEMPT, 0, NOW + 1,
		    .exempt_until = NOW + 1 },
		{ NO_DEVICE, UNENROLLED_DENY, POLICY_DENY, .exempt_until = NOW },
		{ ACTIVE, UNENROLLED_DENY, POLICY_ASK, POLICY_ENROLLED, .exempt_until = NOW },
		/* The clock was set back. */
		{ ACTIVE, UNENROLLED_SKIP, POLICY_ASK, POLICY_ENROLLED, .exempt_until = NOW + 9,
		    .saved_at = NOW + 9 },
		{ ACTIVE, UNENROLLED_SKIP, POLICY_ASK, POLICY_ENROLLED, .exempt_until = NOW + 9,
		    .has_no_clock = true },
		{ NO_DEVICE, UNENROLLED_ENROLL, POLICY_ENROL, .exempt_until = NOW + 9,
		    .has_no_clock = true },
		/* Of somebody else who had this name. */
		{ ACTIVE, UNENROLLED_SKIP, POLICY_ASK, POLICY_OTHER_ACCOUNT,
		    .exempt_until = NOW + 9, .record_uid = UID + 1 },
	};

	(void)unused;
	CHECK_ROWS(rows);
	struct policy_decision p = decide(&rows[0]);
	assert_string_equal(p.exemption, "robot");
}

/* A record of another account is no sign of anything: the attempt refuses it. */
static void
other_accounts_records_are_asked_about(void **unused)
{
	(void)unused;
	for (unsigned kept = NO_DEVICE; kept <= ACTIVE; kept++)
		for (unsigned u = 0; u <= UNENROLLED_GRACE; u++) {
			struct row row = { .kept = (enum kept)kept, .record_uid = UID + 1,
				.unenrolled = (enum config_unenrolled)u, .is_out = true };
			assert_int_equal(decide(&row).action, POLICY_ASK);
			assert_int_equal(decide(&row).reason, POLICY_OTHER_ACCOUNT);
		}
}

static void
groups_and_dates(void **unused)
{
	static const uint64_t later = NOW + 3 * DAY;
	static const struct row rows[] = {
		{ NO_RECORD, UNENROLLED_DENY, POLICY_SKIP, POLICY_NOT_IN_GROUPS,
		    .is_out = true },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_NOT_IN_GROUPS,
		    .is_out = true },
		{ NAMELESS, UNENROLLED_DENY, POLICY_SKIP, POLICY_NOT_IN_GROUPS, .is_out = true },
		/* Who has a device shows it. */
		{ ACTIVE, UNENROLLED_DENY, POLICY_ASK, POLICY_ENROLLED, .is_out = true },
		{ NO_RECORD, UNENROLLED_DENY, POLICY_SKIP, POLICY_NOT_YET, 3, later,
		    .enforce_after_s = later },
		{ NO_RECORD, UNENROLLED_ENROLL, POLICY_SKIP, POLICY_NOT_YET, 3, later,
		    .enforce_after_s = later },
		{ NO_RECORD, UNENROLLED_GRACE, POLICY_SKIP, POLICY_NOT_YET, 3, later,
		    .enforce_after_s = later },
		{ NO_RECORD, UNENROLLED_SKIP, POLICY_SKIP, POLICY_NOT_YET, 3, later,
		    .enforce_after_s = later },
		{ ACTIVE, UNENROLLED_DENY, POLICY_ASK, POLICY_ENROLLED,
		    .enforce_after_s = later },
		{ NO_RECORD, UNENROLLED_DENY, POLICY_SKIP, POLICY_NOT_YET, 1, NOW + 1,
		    .enforce_after_s = NOW + 1 },
		{ NO_RECORD, UNENROLLED_DENY, POLICY_DENY, .enforce_after_s = NOW },
		{ NO_DEVICE, UNENROLLED_DENY, POLICY_DENY, .enforce_after_s = later,
		    .saved_at = later },
		{ NO_RECORD, UNENROLLED_DENY, POLICY_DENY, .enforce_after_s = later,
		    .has_no_clock = true },
		/* Before the day the grace time has not begun. */
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_NOT_YET, 3, later,
		    .enforce_after_s = later, .grace_start = 1 },
		/* A reset user: a time of its own, with the settings that let users through. */
		{ NO_DEVICE, UNENROLLED_SKIP, POLICY_SKIP, POLICY_ENROL_BY, 3, later,
		    .enrol_by = later },
		{ NO_DEVICE, UNENROLLED_SKIP, POLICY_ENROL, .enrol_by = NOW },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_SKIP, POLICY_ENROL_BY, 3, later,
		    .enrol_by = later, .grace_start = 1 },
		{ NO_DEVICE, UNENROLLED_GRACE, POLICY_ENROL, .enrol_by = NOW,
		    .grace_start = NOW },
		{ NO_DEVICE, UNENROLLED_DENY, POLICY_DENY, .enrol_by = later },
		{ NO_DEVICE, UNENROLLED_ENROLL, POLICY_ENROL, .enrol_by = later },
		{ NO_DEVICE, UNENROLLED_SKIP, POLICY_DENY, .enrol_by = later,
		    .has_no_clock = true },
		{ NO_DEVICE, UNENROLLED_SKIP, POLICY_ENROL, .enrol_by = later,
		    .saved_at = later },
		{ ACTIVE, UNENROLLED_SKIP, POLICY_ASK, POLICY_ENROLLED, .enrol_by = NOW },
	};

	(void)unused;
	CHECK_ROWS(rows);
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
		cmocka_unit_test(strangers_are_never_let_through),
		cmocka_unit_test(grace_ends),
		cmocka_unit_test(exemptions_end),
		cmocka_unit_test(other_accounts_records_are_asked_about),
		cmocka_unit_test(groups_and_dates),
		cmocka_unit_test(sources_are_told_apart_as_their_owners_are),
		cmocka_unit_test(waits_double_to_an_hour),
		cmocka_unit_test(many_sources_evict_the_oldest_and_count_for_the_user),
	};
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
