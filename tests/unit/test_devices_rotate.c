/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Rotation (FLOW row 32): the old secret works until the new one is proved, whatever happens
 * half-way; afterwards it is kept disabled while there is room for it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/devices.h"

#define NOW UINT64_C(1700000010) /* 10 s into a step */
#define SIXTY "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"

static struct store_entry entry, before;
static struct diag diag;
static uint32_t off_s;
static uint32_t phone, fresh; /* ids: the device, and the one that replaces it */

static uint32_t
add(const char *name)
{
	struct otp_secret secret;
	uint32_t id = 0;

	assert_int_equal(otp_secret_generate(OTP_SHA1, &secret), 0);
	assert_int_equal(enrolment_import(&entry, name, DEVICE_HARDWARE, &OTP_PARAMS_DEFAULT,
	    &secret, 8, 1, NOW - 3600, &id, &diag), 0);
	return id;
}

static int
setup(void **unused)
{
	(void)unused;
	memset(&entry, 0, sizeof(entry));
	memset(&diag, 0, sizeof(diag));
	entry.has_record = true;
	entry.health = STATE_WHOLE;
	assert_int_equal(record_init(&entry.record, "alice", 1000), 0);
	phone = add("Phone");
	return 0;
}

static struct record_device *
named(const char *name)
{
	return record_find_name(&entry.record, name);
}

static struct record_device *
numbered(uint32_t id)
{
	return record_find_id(&entry.record, id);
}

static int
begin(const char *name)
{
	return devices_rotate_begin(&entry, name, NULL, NULL, NOW, &fresh, &diag);
}

/* The two codes of device id at now_s. */
static enum enrolment_verdict
confirm_at(uint32_t id, unsigned max_devices, uint64_t now_s)
{
	const struct record_device *d = numbered(id);
	struct otp_typed code[2] = { { .digits = 6 }, { .digits = 6 } };

	for (unsigned i = 0; d != NULL && i < 2; i++) {
		code[i].digits = d->params.digits;
		assert_int_equal(otp_code(&d->params, &d->secret,
		    otp_step(&d->params, now_s) - 1 + i, &code[i].code), 0);
	}
	enum enrolment_verdict v = enrolment_confirm(&entry, id, code[0], code[1], 1, max_devices,
	    now_s, &off_s, &diag);
	assert_null(record_fault(&entry.record));
	return v;
}

static enum enrolment_verdict
confirm(unsigned max_devices)
{
	return confirm_at(fresh, max_devices, NOW);
}

static void
a_new_secret_takes_the_name(void **unused)
{
	(void)unused;
	struct otp_secret old_secret = numbered(phone)->secret;
	numbered(phone)->rotate_by = NOW;
	struct recovery_sheet sheet;
	assert_int_equal(devices_new_recovery(&entry, &sheet, &diag), 0);
	struct recovery_set codes = entry.record.recovery;

	assert_int_equal(begin("phone"), 0);
	const struct record_device *d = numbered(fresh);
	assert_string_equal(d->name, "Phone+new");
	assert_int_equal(d->state, DEVICE_PENDING);
	assert_int_equal(d->type, DEVICE_HARDWARE);
	assert_int_equal(d->expires, NOW + ENROLMENT_PENDING_S);
	assert_int_equal(d->replaces, phone);
	assert_memory_not_equal(d->secret.bytes, old_secret.bytes, old_secret.len);
	assert_null(record_fault(&entry.record));
	assert_true(record_device_is_usable(numbered(phone), NOW));
	assert_int_equal(numbered(phone)->rotate_by, NOW);

	assert_int_equal(entry.state.session_epoch, 0);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_true(entry.state.session_epoch > 0);
	d = numbered(fresh);
	assert_string_equal(d->name, "Phone");
	assert_int_equal(d->state, DEVICE_ACTIVE);
	assert_int_equal(d->expires, 0);
	assert_int_equal(d->rotate_by, 0);
	assert_int_equal(d->replaces, 0);
	assert_int_equal(state_find(&entry.state, fresh)->last_step, NOW / 30);
	const struct record_device *old = numbered(phone);
	assert_string_equal(old->name, "Phone+old");
	assert_int_equal(old->state, DEVICE_DISABLED);
	assert_int_equal(old->rotate_by, 0);
	assert_memory_equal(&old->secret, &old_secret, sizeof(old_secret));
	assert_int_equal(entry.record.former_count, 0);
	/* Recovery codes stay what they were. */
	assert_memory_equal(&entry.record.recovery, &codes, sizeof(codes));
	assert_int_equal(devices_recovery_left(&entry), RECOVERY_CODES_MAX);
}

/* Who confirmed an app that he then lost still has the old secret. */
static void
the_old_one_can_be_enabled_again(void **unused)
{
	(void)unused;
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	struct otp_typed code[2] = { { .digits = 6 }, { .digits = 6 } };
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(otp_code(&numbered(phone)->params, &numbered(phone)->secret,
		    NOW / 30 - 1 + i, &code[i].code), 0);
	assert_int_equal(devices_enable(&entry, phone, code[0], code[1], 1, 8, NOW, &off_s, &diag),
	    ENROLMENT_CONFIRMED);
	assert_string_equal(numbered(phone)->name, "Phone+old");
}

static void
other_parameters_are_taken(void **unused)
{
	struct otp_params params = { OTP_SHA256, 8, 60 };
	struct otp_params bad = { OTP_SHA1, 9, 30 };

	(void)unused;
	before = entry;
	assert_int_equal(devices_rotate_begin(&entry, "phone", &bad, NULL, NOW, &fresh, &diag),
	    E_INVALID);
	assert_int_equal(fresh, 0);
	assert_memory_equal(&entry, &before, sizeof(entry));
	assert_int_equal(devices_rotate_begin(&entry, "phone", &params, NULL, NOW, &fresh, &diag),
	    0);
	assert_int_equal(numbered(fresh)->secret.len, 40);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_int_equal(named("phone")->params.period_s, 60);
}

/* Wrong codes, a cancel, ten minutes gone by, another enrolment: the old one just works. */
static void
whatever_fails_half_way_leaves_the_old_one(void **unused)
{
	struct otp_typed wrong = { .digits = 6 };
	uint32_t id = 0;

	(void)unused;
	struct record_device old = *numbered(phone);
	assert_int_equal(begin("phone"), 0);
	while (wrong.code < 1000) {
		before = entry;
		if (enrolment_confirm(&entry, fresh, wrong, wrong, 1, 8, NOW, &off_s, &diag) ==
		    ENROLMENT_WRONG)
			break;
		wrong.code++;
	}
	assert_memory_equal(&entry, &before, sizeof(entry));
	assert_int_equal(confirm_at(fresh, 8, NOW + ENROLMENT_PENDING_S), ENROLMENT_EXPIRED);
	assert_memory_equal(&entry, &before, sizeof(entry));
	assert_memory_equal(numbered(phone), &old, sizeof(old));

	assert_int_equal(enrolment_cancel(&entry, &diag), 0);
	assert_int_equal(entry.record.device_count, 1);
	assert_memory_equal(numbered(phone), &old, sizeof(old));

	/* One pending device a user: the later enrolment goes on by itself. */
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(enrolment_begin(&entry, "tablet", DEVICE_VIRTUAL, &OTP_PARAMS_DEFAULT,
	    NULL, 8, NOW, &id, &diag), 0);
	assert_null(numbered(fresh));
	assert_int_equal(confirm(8), ENROLMENT_EXPIRED);
	assert_int_equal(confirm_at(id, 8, NOW), ENROLMENT_CONFIRMED);
	assert_string_equal(numbered(id)->name, "tablet");
	assert_memory_equal(numbered(phone), &old, sizeof(old));
	/* And the other way round. */
	assert_int_equal(enrolment_begin(&entry, "third", DEVICE_VIRTUAL, &OTP_PARAMS_DEFAULT,
	    NULL, 8, NOW, &id, &diag), 0);
	assert_int_equal(begin("tablet"), 0);
	assert_int_equal(begin("phone"), 0);
	assert_null(named("third"));
	assert_int_equal(entry.record.device_count, 3);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_int_equal(named("tablet")->state, DEVICE_ACTIVE);
	assert_int_equal(numbered(phone)->state, DEVICE_DISABLED);
}

/* With eight devices there is a place for the ninth only until it is confirmed. */
static void
at_the_limit_the_old_one_leaves_a_tombstone(void **unused)
{
	char name[16];

	(void)unused;
	for (unsigned i = 1; i < 8; i++) {
		snprintf(name, sizeof(name), "device%u", i);
		add(name);
	}
	assert_int_equal(begin("phone"), 0);
	/* Begun again: there is no tenth place, and none is needed. */
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(entry.record.device_count, 9);
	assert_null(record_fault(&entry.record));
	assert_false(state_adopt(&entry.state, &entry.record, NOW));
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_int_equal(entry.record.device_count, 8);
	assert_null(numbered(phone));
	assert_string_equal(numbered(fresh)->name, "Phone");
	assert_int_equal(entry.record.former_count, 1);
	assert_int_equal(entry.record.former[0].id, phone);
	assert_string_equal(entry.record.former[0].name, "Phone");
	assert_int_equal(entry.record.former[0].ended, NOW);
}

/* The limit that an administrator lowered holds, and does not stop a rotation. */
static void
a_lower_limit_holds(void **unused)
{
	(void)unused;
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(confirm(1), ENROLMENT_CONFIRMED);
	assert_int_equal(entry.record.device_count, 1);
	assert_string_equal(numbered(fresh)->name, "Phone");
	assert_int_equal(entry.record.former_count, 1);
}

static void
names_that_are_taken_or_long(void **unused)
{
	(void)unused;
	/* "+old" is taken: the second old one goes. */
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	uint32_t second = fresh;
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_null(numbered(second));
	assert_non_null(named("phone+old"));
	assert_int_equal(entry.record.former_count, 1);
	/* "+new" is taken by others. */
	add("PHONE+NEW");
	add("phone+new2");
	assert_int_equal(begin("phone"), 0);
	assert_string_equal(numbered(fresh)->name, "Phone+new3");
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_string_equal(numbered(fresh)->name, "Phone");

	/* The longest name has no room for a suffix. */
	assert_int_equal(setup(NULL), 0);
	phone = add(SIXTY "wxyz");
	assert_int_equal(begin(SIXTY "wxyz"), 0);
	assert_string_equal(numbered(fresh)->name, SIXTY "+new");
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_string_equal(numbered(fresh)->name, SIXTY "wxyz");
	assert_string_equal(numbered(phone)->name, SIXTY "+old");
	/* Nor for telling old from new when it ends in one. */
	assert_int_equal(begin(SIXTY "wxyz"), 0);
	assert_int_equal(devices_delete(&entry, SIXTY "+old", NOW, &diag), 0);
	assert_int_equal(devices_rename(&entry, SIXTY "wxyz", SIXTY "+old", &diag), 0);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_string_equal(numbered(fresh)->name, SIXTY "+old");
}

static void
renamed_half_way(void **unused)
{
	(void)unused;
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(devices_rename(&entry, "phone", "mobile", &diag), 0);
	assert_int_equal(devices_rename(&entry, "phone+new", "mobile+old", &diag), 0);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_string_equal(numbered(fresh)->name, "mobile");
	assert_string_equal(numbered(phone)->name, "mobile+old");
}

/* A phone is stolen, its holder begins a rotation, and the device is taken from him. */
static void
a_device_that_ends_takes_its_rotation_along(void **unused)
{
	(void)unused;
	add("tablet");
	struct store_entry fine = entry;

	assert_int_equal(begin("phone"), 0);
	assert_int_equal(devices_disable(&entry, "phone", true, NOW, &diag), 0);
	assert_null(numbered(fresh));
	assert_int_equal(confirm(8), ENROLMENT_EXPIRED);

	entry = fine;
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(devices_remove(&entry, "phone", true, NOW, &diag), 0);
	assert_null(numbered(fresh));
	assert_int_equal(entry.record.device_count, 1);

	/* The rotation of another one goes on. */
	entry = fine;
	assert_int_equal(begin("tablet"), 0);
	assert_int_equal(devices_remove(&entry, "phone", true, NOW, &diag), 0);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);

	/* Also when something else than this code took the device away. */
	for (unsigned i = 0; i < 3; i++) {
		entry = fine;
		assert_int_equal(begin("phone"), 0);
		if (i == 0)
			numbered(phone)->state = DEVICE_DISABLED;
		else if (i == 1)
			numbered(phone)->expires = NOW;
		else
			record_remove_device(&entry.record, numbered(phone), NOW);
		before = entry;
		assert_int_equal(confirm(8), ENROLMENT_EXPIRED);
		assert_memory_equal(&entry, &before, sizeof(entry));
	}
}

static void
an_end_is_not_evaded(void **unused)
{
	(void)unused;
	numbered(phone)->expires = NOW + 86400;
	assert_int_equal(begin("phone"), 0);
	assert_int_equal(confirm(8), ENROLMENT_CONFIRMED);
	assert_int_equal(numbered(fresh)->expires, NOW + 86400);
	assert_int_equal(numbered(phone)->expires, NOW + 86400);
}

static void
ids_that_are_used_up_refuse(void **unused)
{
	(void)unused;
	assert_int_equal(begin("phone"), 0);
	entry.record.next_id = UINT32_MAX;
	before = entry;
	uint32_t older = fresh;
	assert_int_equal(begin("phone"), E_LIMIT);
	assert_memory_equal(&entry, &before, sizeof(entry));
	assert_int_equal(confirm_at(older, 8, NOW), ENROLMENT_CONFIRMED);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		CASE(a_new_secret_takes_the_name),
		CASE(the_old_one_can_be_enabled_again),
		CASE(other_parameters_are_taken),
		CASE(whatever_fails_half_way_leaves_the_old_one),
		CASE(at_the_limit_the_old_one_leaves_a_tombstone),
		CASE(a_lower_limit_holds),
		CASE(names_that_are_taken_or_long),
		CASE(renamed_half_way),
		CASE(a_device_that_ends_takes_its_rotation_along),
		CASE(an_end_is_not_evaded),
		CASE(ids_that_are_used_up_refuse),
	};
	return cmocka_run_group_tests_name("devices_rotate", tests, NULL, NULL);
}
