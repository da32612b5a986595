/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The promises of core/state: the bytes of a slot; what is printed reads back
 * equal; no flipped bit yields another state; the newest whole slot wins; steps
 * are never lowered, whatever the numbers; a lost state is burnt, a replaced
 * record followed, a clock set back seen. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/state.h"
#include "../support/random.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOW UINT64_C(1700000010) /* step 56666667 of 30 s, its first second */
#define STEP UINT64_C(56666667)

/* A lawful state, some places free. */
static void
draw_state(struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->generation = random_between(0, UINT64_MAX);
	s->saved_at = random_between(0, RECORD_TIME_MAX);
	s->uid = (uint32_t)random_between(0, UINT32_MAX);
	s->is_locked = random_below(2) == 0;
	s->fails = (uint32_t)random_between(0, UINT32_MAX);
	s->recovery_id = (uint32_t)random_between(0, UINT32_MAX);
	s->recovery_spent = (uint32_t)random_between(0, STATE_RECOVERY_ALL);
	s->bypass_spent = (uint32_t)random_between(0, UINT32_MAX);
	s->ticket_spent = (uint32_t)random_between(0, UINT32_MAX);
	s->notice_told = (uint32_t)random_between(0, UINT32_MAX);
	s->grace_start = random_between(0, RECORD_TIME_MAX);
	s->session_epoch = random_between(0, UINT64_MAX);
	for (uint32_t i = 0; i < RECORD_DEVICES_MAX; i++) {
		struct state_device *d = &s->device[i];

		if (random_below(4) == 0)
			continue;
		d->id = UINT32_MAX - i - (uint32_t)random_below(100) * RECORD_DEVICES_MAX;
		d->drift = (int32_t)random_between(0, 2 * STATE_DRIFT_MAX) - STATE_DRIFT_MAX;
		d->last_step = random_between(0, STATE_STEP_MAX);
		d->last_used = random_between(0, RECORD_TIME_MAX);
	}
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++) {
		struct state_bucket *b = &s->bucket[i];

		if (random_below(4) == 0)
			continue;
		b->tag = UINT64_MAX - i - random_below(1000) * STATE_BUCKETS_MAX;
		b->last_fail = random_between(0, RECORD_TIME_MAX);
		b->fails = (uint32_t)random_between(0, UINT32_MAX);
	}
}

static void
print(const struct state *s, uint8_t slot[STATE_SLOT_LEN])
{
	memset(slot, 0xa5, STATE_SLOT_LEN);
	assert_int_equal(state_print(s, slot), E_OK);
}

/* The file reads as this slot's state, or as none. */
static void
check_parse(const uint8_t file[STATE_FILE_LEN], int expected, unsigned slot)
{
	struct state s;
	struct diag d = {""};
	unsigned found = 7;
	uint8_t again[STATE_SLOT_LEN];

	memset(&s, 0xa5, sizeof(s));
	bool is_half = false;

	assert_int_equal(state_parse(file, &s, &found, &is_half, &d), expected);
	assert_int_equal(found, slot);
	/* Whole is only the newest beside its predecessor, or the first beside zero. */
	struct state other;
	bool is_first = s.generation == 1 &&
	    random_is_zero(file + (1 - slot) * STATE_SLOT_LEN, STATE_SLOT_LEN);
	uint8_t other_file[STATE_FILE_LEN] = {0};
	memcpy(other_file, file + (1 - slot) * STATE_SLOT_LEN, STATE_SLOT_LEN);
	bool is_next = expected == E_OK &&
	    state_parse(other_file, &other, &(unsigned){0}, &(bool){false}, NULL) == E_OK &&
	    other.generation + 1 == s.generation;
	assert_int_equal(is_half, !is_first && !is_next);
	if (expected == E_OK) {
		print(&s, again);
		assert_memory_equal(again, file + slot * STATE_SLOT_LEN, STATE_SLOT_LEN);
	} else {
		assert_true(strlen(d.text) > 0);
		assert_true(random_is_zero(&s, sizeof(s)));
	}
}

/* The layout is a promise to files that exist already. */
static void
test_layout(void **state)
{
	struct state s = {.generation = 0x0102030405060708, .saved_at = 0x1122334455,
	    .uid = 0xa1a2a3a4, .is_locked = true, .fails = 0xb1b2b3b4,
	    .recovery_id = 0xc1c2c3c4, .recovery_spent = 0x3ff, .bypass_spent = 0xd1d2d3d4,
	    .ticket_spent = 0xe1e2e3e4, .notice_told = 0xf1f2f3f4, .grace_start = 0x99,
	    .session_epoch = 0x8786858483828180};
	static const uint8_t head[64] = "TOTPSTA1" "\x08\x07\x06\x05\x04\x03\x02\x01"
	    "\x55\x44\x33\x22\x11\0\0\0" "\xa4\xa3\xa2\xa1" "\x01\0\0\0" "\xb4\xb3\xb2\xb1"
	    "\xc4\xc3\xc2\xc1" "\xff\x03\0\0" "\xd4\xd3\xd2\xd1" "\xe4\xe3\xe2\xe1"
	    "\xf4\xf3\xf2\xf1" "\x99";
	static const uint8_t device[24] = "\x09\0\0\0" "\xfe\xff\xff\xff" "\x07\x06\0\0\0\0\0\0"
	    "\x05\x04";
	static const uint8_t bucket[24] = "\x01\0\0\0\0\0\0\x80" "\x03\x02\0\0\0\0\0\0" "\x06";
	uint8_t slot[STATE_SLOT_LEN], sum[32];

	(void)state;
	s.device[8] = (struct state_device){9, -2, 0x0607, 0x0405};
	s.bucket[6] = (struct state_bucket){0x8000000000000001, 0x0203, 6};
	print(&s, slot);
	assert_memory_equal(slot, head, 64);
	assert_true(random_is_zero(slot + 64, 8 * 24));
	assert_memory_equal(slot + 256, device, 24);
	assert_true(random_is_zero(slot + 280, 6 * 24));
	assert_memory_equal(slot + 424, bucket, 24);
	assert_memory_equal(slot + 448, "\x80\x81\x82\x83\x84\x85\x86\x87", 8);
	assert_true(random_is_zero(slot + 456, 24));
	assert_int_equal(otp_sha256(slot, 480, sum), E_OK);
	assert_memory_equal(slot + 480, sum, 32);
}

static void
test_print_then_parse_is_identity(void **state)
{
	struct state s, back;
	uint8_t file[STATE_FILE_LEN] = {0};
	struct diag d;
	unsigned slot;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		draw_state(&s);
		print(&s, file + i % 2 * STATE_SLOT_LEN);
		memset(file + (i + 1) % 2 * STATE_SLOT_LEN, 0, STATE_SLOT_LEN);
		memset(&back, 0xa5, sizeof(back));
		assert_int_equal(state_parse(file, &back, &slot, &(bool){false}, &d), E_OK);
		assert_int_equal(slot, i % 2);
		for (unsigned k = 0; k < RECORD_DEVICES_MAX; k++) {
			assert_int_equal(back.device[k].id, s.device[k].id);
			assert_int_equal(back.device[k].drift, s.device[k].drift);
			assert_int_equal(back.device[k].last_step, s.device[k].last_step);
			assert_int_equal(back.device[k].last_used, s.device[k].last_used);
		}
		for (unsigned k = 0; k < STATE_BUCKETS_MAX; k++) {
			assert_int_equal(back.bucket[k].tag, s.bucket[k].tag);
			assert_int_equal(back.bucket[k].last_fail, s.bucket[k].last_fail);
			assert_int_equal(back.bucket[k].fails, s.bucket[k].fails);
		}
		assert_int_equal(back.generation, s.generation);
		assert_int_equal(back.saved_at, s.saved_at);
		assert_int_equal(back.uid, s.uid);
		assert_int_equal(back.is_locked, s.is_locked);
		assert_int_equal(back.fails, s.fails);
		assert_int_equal(back.recovery_id, s.recovery_id);
		assert_int_equal(back.recovery_spent, s.recovery_spent);
		assert_int_equal(back.bypass_spent, s.bypass_spent);
		assert_int_equal(back.ticket_spent, s.ticket_spent);
		assert_int_equal(back.notice_told, s.notice_told);
		assert_int_equal(back.grace_start, s.grace_start);
		assert_int_equal(back.session_epoch, s.session_epoch);
	}
}

/* All 8,192 bits: the other whole slot, or E_CORRUPT when there is none. */
static void
test_each_bit_flipped(void **state)
{
	struct state s;
	uint8_t file[STATE_FILE_LEN];

	(void)state;
	for (unsigned has_other = 0; has_other < 2; has_other++) {
		for (unsigned newest = 0; newest < 2; newest++) {
			draw_state(&s);
			s.generation = 7;
			print(&s, file + newest * STATE_SLOT_LEN);
			draw_state(&s);
			s.generation = 6;
			print(&s, file + (1 - newest) * STATE_SLOT_LEN);
			if (!has_other)
				file[(1 - newest) * STATE_SLOT_LEN] ^= 1;
			check_parse(file, E_OK, newest);
			for (unsigned bit = 0; bit < STATE_FILE_LEN * 8; bit++) {
				unsigned hit = bit / 8 / STATE_SLOT_LEN;
				/* Mending the bit that was broken above is no damage. */
				if (!has_other && hit != newest)
					continue;
				file[bit / 8] ^= (uint8_t)(1 << bit % 8);
				if (hit != newest)
					check_parse(file, E_OK, newest);
				else if (has_other)
					check_parse(file, E_OK, 1 - newest);
				else
					check_parse(file, E_CORRUPT, 1);
				file[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
		}
	}
}

static void
test_choice_of_slot(void **state)
{
	static const struct {
		uint64_t first, second;
		unsigned slot;
	} rows[] = {{1, 2, 1}, {2, 1, 0}, {0, 1, 1}, {UINT64_MAX, 1, 0},
	    {UINT64_MAX - 1, UINT64_MAX, 1}, {UINT64_C(1) << 32, 1, 0},
	    {8, 7, 0}, {8, 6, 0}, {1, 0, 0}, {UINT64_MAX, 0, 0}};
	struct state s;
	uint8_t file[STATE_FILE_LEN] = {0};

	(void)state;
	check_parse(file, E_CORRUPT, 1); /* preallocated, never written */
	memset(file, 0xff, sizeof(file));
	check_parse(file, E_CORRUPT, 1);
	for (size_t i = 0; i < LEN(rows); i++) {
		draw_state(&s);
		s.generation = rows[i].first;
		print(&s, file);
		draw_state(&s);
		s.generation = rows[i].second;
		print(&s, file + STATE_SLOT_LEN);
		check_parse(file, E_OK, rows[i].slot);
	}
	/* Two of one generation: equal, or nobody knows which is true. */
	memcpy(file + STATE_SLOT_LEN, file, STATE_SLOT_LEN);
	check_parse(file, E_OK, 0);
	s.generation = rows[LEN(rows) - 1].first;
	s.fails ^= 1;
	print(&s, file + STATE_SLOT_LEN);
	check_parse(file, E_CORRUPT, 1);
	assert_int_equal(state_parse(file, &s, &(unsigned){0}, &(bool){false}, NULL), E_CORRUPT);
}

/* Bytes written over a whole slot whose sum is then made right again. */
static const struct {
	size_t at, len;
	uint8_t byte;
} forgeries[] = {
	{7, 1, '2'},	 /* another version */
	{28, 1, 2},	 /* an unknown flag */
	{31, 1, 0x80},	 /* another */
	{21, 1, 0xff},	 /* saved after the year 9999 */
	{61, 1, 0xff},	 /* grace began after it */
	{41, 1, 4},	 /* an eleventh code spent */
	{64 + 7, 1, 0x40},	    /* drift beyond any */
	{64 + 7, 1, 0x80},	    /* drift -2^31 + x */
	{64 + 14, 1, 1},	    /* last_step */
	{64 + 22, 1, 1},	    /* last_used */
	{64 + 8 * 24 + 8, 1, 1},    /* a free place with a step */
	{64 + 8 * 24 + 4, 1, 1},    /* with a drift */
	{64 + 8 * 24, 1, 1},	    /* the id of the first, again */
	{280 + 14, 1, 1},	    /* last_fail */
	{280 + 20, 1, 1},	    /* reserved in a bucket */
	{280 + 6 * 24 + 16, 1, 1},  /* a free bucket with a failure */
	{280 + 6 * 24, 1, 1},	    /* the tag of the first, again */
	{456, 1, 1}, {479, 1, 1},   /* reserved */
};

static void
test_right_sum_is_not_enough(void **state)
{
	struct state s = {.generation = 5};
	uint8_t file[STATE_FILE_LEN] = {0};

	(void)state;
	s.device[0] = (struct state_device){1, 0, 2, 3};
	s.bucket[0] = (struct state_bucket){1, 2, 3};
	for (size_t i = 0; i < LEN(forgeries); i++) {
		print(&s, file);
		check_parse(file, E_OK, 0);
		memset(file + forgeries[i].at, forgeries[i].byte, forgeries[i].len);
		assert_int_equal(otp_sha256(file, 480, file + 480), E_OK);
		check_parse(file, E_CORRUPT, 1);
	}
}

static void
check_not_printed(const struct state *s)
{
	uint8_t slot[STATE_SLOT_LEN];

	memset(slot, 0xa5, sizeof(slot));
	assert_int_equal(state_print(s, slot), E_INVALID);
	assert_true(random_is_zero(slot, sizeof(slot)));
}

static void
test_out_of_range_is_not_printed(void **state)
{
	static const struct state_device bad[] = {
		{1, STATE_DRIFT_MAX + 1, 0, 0}, {1, -STATE_DRIFT_MAX - 1, 0, 0},
		{1, INT32_MIN, 0, 0}, {1, 0, STATE_STEP_MAX + 1, 0},
		{1, 0, UINT64_MAX, 0}, {1, 0, 0, RECORD_TIME_MAX + 1}, {2, 0, 0, 0},
	};
	uint8_t slot[STATE_SLOT_LEN];

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct state s = {.device[3] = {2, 0, 0, 0}};

		print(&s, slot);
		s.device[8] = bad[i];
		check_not_printed(&s);
	}
	check_not_printed(&(struct state){.saved_at = RECORD_TIME_MAX + 1});
	check_not_printed(&(struct state){.grace_start = RECORD_TIME_MAX + 1});
	check_not_printed(&(struct state){.recovery_spent = 1024});
	check_not_printed(&(struct state){.bucket[0] = {1, RECORD_TIME_MAX + 1, 0}});
	check_not_printed(&(struct state){.bucket[0] = {9, 0, 0}, .bucket[6] = {9, 0, 0}});
	/* What a free place holds is not written. */
	uint8_t zero[STATE_SLOT_LEN];
	print(&(struct state){0}, zero);
	print(&(struct state){.device[2] = {0, 5, 6, 7}, .bucket[2] = {0, 5, 6}}, slot);
	assert_memory_equal(slot, zero, STATE_SLOT_LEN);
}

/* A record with so many devices, ids from first, as the default ones are. */
static void
make_record(struct record *r, unsigned count, uint32_t first)
{
	assert_int_equal(record_init(r, "alice", 1000), E_OK);
	r->next_id = first + count;
	r->device_count = count;
	for (unsigned i = 0; i < count; i++) {
		r->device[i] = (struct record_device){.id = first + i, .type = DEVICE_VIRTUAL,
		    .state = DEVICE_ACTIVE, .params = OTP_PARAMS_DEFAULT,
		    .secret = {.bytes = {(uint8_t)i}, .len = 20}};
		r->device[i].name[0] = (char)('a' + i);
	}
}

static void
test_find_and_ensure(void **state)
{
	struct state s = {0};
	struct record r;

	(void)state;
	make_record(&r, 2, 1);
	assert_null(state_find(&s, 1));
	assert_null(state_find(&s, 0));
	assert_null(state_ensure(&s, &r, 0));
	struct state_device *first = state_ensure(&s, &r, 1);
	assert_non_null(first);
	assert_int_equal(first->id, 1);
	first->last_step = 99;
	assert_ptr_equal(state_find(&s, 1), first);
	assert_ptr_equal(state_ensure(&s, &r, 1), first);
	assert_int_equal(first->last_step, 99);

	/* Free places before those of devices that are gone; then these. */
	for (uint32_t id = 50; id < 57; id++)
		assert_non_null(state_ensure(&s, &r, id));
	struct state_device *second = state_ensure(&s, &r, 2);
	assert_ptr_equal(second, &s.device[8]);
	assert_non_null(state_find(&s, 50));
	state_find(&s, 50)->last_step = 7;
	state_find(&s, 50)->drift = 7;
	make_record(&r, 3, 1);
	struct state_device *third = state_ensure(&s, &r, 3);
	assert_non_null(third);
	assert_null(state_find(&s, 50));
	assert_int_equal(third->last_step, 0);
	assert_int_equal(third->drift, 0);
	assert_int_equal(first->last_step, 99);

	/* All nine places are of devices that r has. */
	memset(&s, 0, sizeof(s));
	make_record(&r, 9, 1);
	for (uint32_t id = 1; id <= 9; id++)
		assert_non_null(state_ensure(&s, &r, id));
	assert_null(state_ensure(&s, &r, 10));
}

static const struct {
	int32_t drift;
	uint64_t last_step, now_s, expected;
} burns[] = {
	{0, 0, NOW, STEP + 3}, /* the widest window that a service may have */
	{0, 0, NOW - 1, STEP + 2},
	{0, STEP + 3, NOW, STEP + 3},
	{0, STEP + 4, NOW, STEP + 4}, /* never lowered */
	{5, 0, NOW, STEP + 8},
	{-5, 0, NOW, STEP - 2},
	{-5, STEP, NOW, STEP},
	{-100000, 0, 0, 0},	      /* before the first step */
	{-3, 0, 0, 0},
	{-2, 0, 0, 1},
	{INT32_MIN, 0, NOW, 0},
	{INT32_MIN, 12, NOW, 12},
	{INT32_MAX, 0, NOW, STEP + 3 + INT32_MAX},
	{INT32_MAX, 0, UINT64_MAX, STATE_STEP_MAX},
	{INT32_MIN, 0, UINT64_MAX, STATE_STEP_MAX},
	{0, UINT64_MAX, UINT64_MAX, UINT64_MAX},
	{1, 0, 30 * STATE_STEP_MAX, STATE_STEP_MAX},
	{0, 0, 30 * STATE_STEP_MAX, STATE_STEP_MAX},
	{0, 0, 30 * (STATE_STEP_MAX - 3), STATE_STEP_MAX},
	{0, 0, 30 * (STATE_STEP_MAX - 4), STATE_STEP_MAX - 1},
};

static void
test_burn(void **state)
{
	struct record r;

	(void)state;
	make_record(&r, 1, 1);
	for (size_t i = 0; i < LEN(burns); i++) {
		struct state_device sd = {1, burns[i].drift, burns[i].last_step, 44};

		r.device[0].drift = burns[i].drift;
		state_burn(&sd, &r.device[0], burns[i].now_s);
		assert_int_equal(sd.last_step, burns[i].expected);
		assert_int_equal(sd.drift, burns[i].drift);
		assert_int_equal(sd.last_used, 44);
	}
	/* Of two drifts the larger: an old half of a state may know the smaller one. */
	struct state_device sd = {1, 0, 0, 0};
	r.device[0].drift = 20;
	state_burn(&sd, &r.device[0], NOW);
	assert_int_equal(sd.last_step, STEP + 23);
	assert_int_equal(sd.drift, 0);
	r.device[0].drift = -20;
	sd = (struct state_device){1, 7, 0, 0};
	state_burn(&sd, &r.device[0], NOW);
	assert_int_equal(sd.last_step, STEP + 10);
	/* A period that no record has: everything is burnt, nothing is divided. */
	sd = (struct state_device){1, 0, 0, 0};
	r.device[0].params.period_s = 0;
	state_burn(&sd, &r.device[0], NOW);
	assert_int_equal(sd.last_step, STATE_STEP_MAX);
}

static void
test_rebuild(void **state)
{
	struct record r;
	struct state s;
	uint8_t slot[STATE_SLOT_LEN];

	(void)state;
	make_record(&r, 9, 3);
	r.device[8].params.period_s = 60;
	r.device[0].drift = 20;
	r.device[1].drift = -7;
	r.recovery.id = 4;
	r.bypass.id = 5;
	r.ticket.id = 6;
	r.notice_count = 2;
	r.notice[0].id = 7;
	r.notice[1].id = 12;
	memset(&s, 0xa5, sizeof(s));
	state_rebuild(&s, &r, NOW);
	for (unsigned i = 0; i < 9; i++) {
		struct state_device *sd = state_find(&s, 3 + i);

		assert_non_null(sd);
		/* One that runs ahead is burnt as far as it may have been used. */
		assert_int_equal(sd->drift, r.device[i].drift);
		assert_int_equal(sd->last_step, (i < 8 ? STEP + 3 : STEP / 2 + 3) +
		    (uint64_t)(int64_t)r.device[i].drift);
		assert_int_equal(sd->last_used, 0);
	}
	assert_int_equal(s.uid, 1000);
	assert_int_equal(s.recovery_id, 4);
	assert_int_equal(s.recovery_spent, 0x3ff);
	assert_int_equal(s.bypass_spent, 5);
	assert_int_equal(s.ticket_spent, 6);
	assert_int_equal(s.notice_told, 12);
	assert_int_equal(s.grace_start, 1);
	assert_int_equal(s.session_epoch, NOW);
	assert_int_equal(s.generation, 0);
	assert_int_equal(s.saved_at, 0);
	assert_int_equal(s.fails, 0);
	assert_false(s.is_locked);
	assert_true(random_is_zero(s.bucket, sizeof(s.bucket)));
	print(&s, slot);
	assert_false(state_is_from_future(&s, &r, NOW, 1));
	assert_false(state_adopt(&s, &r, NOW + 1000));
	/* All notices are there: the last one counts. */
	r.notice_count = RECORD_NOTICES_MAX;
	r.notice[RECORD_NOTICES_MAX - 1].id = 99;
	state_rebuild(&s, &r, NOW);
	assert_int_equal(s.notice_told, 99);
	/* A record without anything. */
	make_record(&r, 0, 1);
	state_rebuild(&s, &r, NOW);
	assert_int_equal(s.notice_told, 0);
	assert_true(random_is_zero(s.device, sizeof(s.device)));
	assert_int_equal(s.recovery_spent, 0x3ff);
}

/* A state that only counted failures so far: the record, removed once with the state of that time,
 * may be back with codes that were used. */
static void
test_adopt_what_was_removed(void **state)
{
	struct record r;
	struct state s = {.uid = 1000, .fails = 3};

	(void)state;
	make_record(&r, 0, 1);
	r.recovery.id = 2;
	assert_false(state_knows_record(&s));
	assert_true(state_adopt(&s, &r, NOW));
	assert_int_equal(s.recovery_id, 2);
	assert_int_equal(s.recovery_spent, 0x3ff);
	assert_int_equal(s.fails, 3);
	assert_true(state_knows_record(&s));
	/* The next set is a new one. */
	r.recovery.id = 3;
	assert_true(state_adopt(&s, &r, NOW));
	assert_int_equal(s.recovery_spent, 0);
}

static void
test_adopt(void **state)
{
	struct record r;
	struct state s = {.uid = 1000, .recovery_id = 2, .recovery_spent = 5, .fails = 3};

	(void)state;
	make_record(&r, 2, 1);
	r.recovery.id = 2;
	s.device[4] = (struct state_device){1, -3, 17, 18};
	r.device[0].drift = -4;
	r.device[1].drift = 9;
	assert_true(state_adopt(&s, &r, NOW));
	assert_int_equal(state_find(&s, 2)->last_step, STEP + 12);
	assert_int_equal(state_find(&s, 2)->drift, 9);
	assert_int_equal(state_find(&s, 1)->last_step, 17); /* known: as it was */
	assert_int_equal(state_find(&s, 1)->drift, -3);
	assert_int_equal(s.recovery_spent, 5);
	assert_int_equal(s.fails, 3);
	assert_false(state_adopt(&s, &r, NOW + 300));
	assert_int_equal(state_find(&s, 2)->last_step, STEP + 12);

	r.recovery.id = 1; /* an old record: its codes stay void */
	assert_false(state_adopt(&s, &r, NOW));
	assert_int_equal(s.recovery_id, 2);
	assert_int_equal(s.recovery_spent, 5);
	r.recovery.id = 0;
	assert_false(state_adopt(&s, &r, NOW));
	assert_int_equal(s.recovery_id, 2);
	r.recovery.id = 3;
	assert_true(state_adopt(&s, &r, NOW));
	assert_int_equal(s.recovery_id, 3);
	assert_int_equal(s.recovery_spent, 0);

	/* Another account's: all burnt, none lowered. */
	r.uid = 1007;
	state_find(&s, 2)->last_step = STEP + 50;
	assert_true(state_adopt(&s, &r, NOW));
	assert_int_equal(s.uid, 1007);
	/* With the larger drift, and from now on with its own. */
	assert_int_equal(state_find(&s, 1)->last_step, STEP);
	assert_int_equal(state_find(&s, 1)->drift, -4);
	assert_int_equal(state_find(&s, 2)->last_step, STEP + 50);
	assert_false(state_adopt(&s, &r, NOW));
}

/* A count that no lawful record has: no place beyond the last is read (sanitizers watch). */
static void
test_counts_are_not_trusted(void **state)
{
	struct record *r = calloc(1, sizeof(*r));
	struct state *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(r);
	assert_non_null(s);
	make_record(r, 9, 1);
	r->device_count = UINT_MAX;
	r->notice_count = UINT_MAX;
	state_rebuild(s, r, NOW);
	assert_int_equal(s->notice_told, 0);
	assert_false(state_adopt(s, r, NOW));
	assert_false(state_is_from_future(s, r, NOW, 1));
	assert_null(state_ensure(s, r, 1000));
	free(r);
	free(s);
}

/* Whatever record, state and time: no step is ever lowered, no spent mark taken back. */
static void
test_nothing_is_ever_lowered(void **state)
{
	struct record r;
	struct state s, before;
	uint8_t slot[STATE_SLOT_LEN];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		draw_state(&s);
		make_record(&r, (unsigned)random_below(10), (uint32_t)random_between(1, 1000));
		r.recovery.id = s.recovery_id - (random_below(2) == 0 ? 0 : s.recovery_id != 0);
		for (unsigned k = 0; k < r.device_count; k++)
			if (s.device[k].id != 0 && random_below(2) == 0)
				r.device[k].id = s.device[k].id;
		before = s;
		(void)state_adopt(&s, &r, random_between(0, RECORD_TIME_MAX));
		for (unsigned k = 0; k < r.device_count; k++) {
			struct state_device *old = state_find(&before, r.device[k].id);
			struct state_device *new = state_find(&s, r.device[k].id);

			assert_non_null(new);
			assert_true(old == NULL || new->last_step >= old->last_step);
		}
		assert_int_equal(s.recovery_id, before.recovery_id);
		assert_int_equal(s.recovery_spent, before.recovery_spent);
		assert_int_equal(s.bypass_spent, before.bypass_spent);
		assert_int_equal(s.is_locked, before.is_locked);
		print(&s, slot);
	}
}

static void
test_clock_set_back(void **state)
{
	struct record r;
	struct state s = {.saved_at = NOW};

	(void)state;
	make_record(&r, 1, 1);
	assert_false(state_is_from_future(&s, &r, NOW, 1));
	assert_false(state_is_from_future(&s, &r, NOW - 60, 1));
	assert_true(state_is_from_future(&s, &r, NOW - 61, 1));
	assert_true(state_is_from_future(&s, &r, 0, 1));
	assert_false(state_is_from_future(&s, &r, UINT64_MAX, 1));

	/* By the steps alone: 60 s are two steps, and a window of 3 elsewhere is lawful. */
	s.saved_at = 0;
	s.device[0] = (struct state_device){1, 0, STEP + 5, 0};
	assert_false(state_is_from_future(&s, &r, NOW, 0));
	s.device[0].last_step++;
	assert_true(state_is_from_future(&s, &r, NOW, 0));
	assert_true(state_is_from_future(&s, &r, NOW, 3));
	assert_false(state_is_from_future(&s, &r, NOW, 4));
	assert_false(state_is_from_future(&s, &r, NOW + 30, 0));
	s.device[0].drift = 1; /* it runs ahead: lawful */
	assert_false(state_is_from_future(&s, &r, NOW, 0));
	s.device[0].drift = r.device[0].drift = -1;
	assert_true(state_is_from_future(&s, &r, NOW + 30, 0));
	r.device[0].drift = 1; /* by the record it does */
	assert_false(state_is_from_future(&s, &r, NOW, 0));
	r.device[0].drift = 0;
	s.device[0].id = 2; /* a device that r does not have says nothing */
	assert_false(state_is_from_future(&s, &r, NOW, 0));
	/* Two hours back after a login. */
	s.device[0] = (struct state_device){1, 0, STEP, NOW};
	assert_true(state_is_from_future(&s, &r, NOW - 7200, 1));
}

/* No epoch comes twice, whatever the clock does. */
static void
test_end_sessions(void **state)
{
	static const uint64_t clock[] = { 0, NOW, NOW, NOW - 100, NOW + 1, NOW + 2, NOW + 100, 0 };
	struct state s = {.generation = 1};
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < LEN(clock); i++) {
		state_end_sessions(&s, clock[i]);
		assert_true(s.session_epoch > last);
		last = s.session_epoch;
	}
	/* A state that was lost knows no epoch: it begins at the clock. */
	struct state other = {.generation = 1};
	state_end_sessions(&other, NOW + 1000);
	assert_true(other.session_epoch > last);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_print_then_parse_is_identity),
		cmocka_unit_test(test_each_bit_flipped),
		cmocka_unit_test(test_choice_of_slot),
		cmocka_unit_test(test_right_sum_is_not_enough),
		cmocka_unit_test(test_out_of_range_is_not_printed),
		cmocka_unit_test(test_find_and_ensure),
		cmocka_unit_test(test_burn),
		cmocka_unit_test(test_rebuild),
		cmocka_unit_test(test_adopt),
	    cmocka_unit_test(test_adopt_what_was_removed),
		cmocka_unit_test(test_counts_are_not_trusted),
		cmocka_unit_test(test_nothing_is_ever_lowered),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_end_sessions),
	};

	return cmocka_run_group_tests_name("state", tests, random_setup, NULL);
}
