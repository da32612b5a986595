/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Samples for the tests of stores: a whole record and its state, and comparisons by what
 * would be written, so that padding and unused places do not matter. */

#include "store_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *const names[] = {"phone", "tablet", "token", "spare"};

void
sample_make(struct record *r, struct state *st, const char *user)
{
	memset(st, 0, sizeof(*st));
	assert_int_equal(record_init(r, user, 1000), 0);
	st->uid = r->uid;
	st->saved_at = SAMPLE_NOW;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct record_device *d = &r->device[i];
		d->id = i + 1;
		memcpy(d->name, names[i], strlen(names[i]) + 1);
		d->type = DEVICE_VIRTUAL;
		d->state = DEVICE_ACTIVE;
		d->params = OTP_PARAMS_DEFAULT;
		d->created = SAMPLE_NOW;
		d->secret.len = OTP_SECRET_DEFAULT;
		memset(d->secret.bytes, (int)(0x10 + i), d->secret.len);
		st->device[i].id = d->id;
		st->device[i].last_step = SAMPLE_NOW / 30 + i;
		r->device_count++;
	}
	r->next_id = r->device_count + 1;
	for (uint32_t i = 0; i < RECORD_NOTICES_MAX; i++) {
		r->notice[i].id = i + 1;
		r->notice[i].at = SAMPLE_NOW;
		memset(r->notice[i].text, 'n', sizeof(r->notice[i].text) - 1);
		r->notice_count++;
	}
}

void
sample_make_store(const char *dir)
{
	static const char *const folders[] = {"secrets", "state"};
	char path[256];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

size_t
sample_print(const struct record *r, char *text)
{
	size_t len = 0;
	assert_int_equal(record_print(r, text, RECORD_TEXT_MAX + 1, &len), 0);
	return len;
}

void
sample_expect_record(const struct record *a, const struct record *b)
{
	char text_a[RECORD_TEXT_MAX + 1];
	char text_b[RECORD_TEXT_MAX + 1];
	size_t len = sample_print(a, text_a);
	assert_int_equal(sample_print(b, text_b), len);
	assert_memory_equal(text_a, text_b, len);
}

void
sample_expect_state(const struct state *a, const struct state *b)
{
	struct state copy = *b;
	uint8_t slot_a[STATE_SLOT_LEN];
	uint8_t slot_b[STATE_SLOT_LEN];
	copy.generation = a->generation;
	assert_int_equal(state_print(a, slot_a), 0);
	assert_int_equal(state_print(&copy, slot_b), 0);
	assert_memory_equal(slot_a, slot_b, sizeof(slot_a));
}

void
sample_enrol(struct store *s, const char *user)
{
	struct store_version version = {{0}};
	struct record record;
	struct state state;
	sample_make(&record, &state, user);
	assert_int_equal(store_replace(s, user, &record, &state, &version, NULL), 0);
}
