/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The promises of core/record: every rule has a fault that names it, and what has
 * one is not printed; names and look-ups; a device that leaves takes its secret
 * along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/random.h"
#include "../support/record_sample.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOW UINT64_C(1700000000)

/* One field of `record_sample_text` overwritten, and the fault that names it. */
static const struct {
	size_t offset, len;
	uint64_t value;
	const char *fault;
} faults[] = {
#define AT(field) offsetof(struct record, field), sizeof(((struct record *)0)->field)
	{AT(user[0]), '.', "user: expected a user name"},
	{AT(user[5]), '/', "user: expected a user name"},
	{AT(next_id), 0, "next_id: expected 1 or more"},
	{AT(next_id), 4, "id: expected 1..next_id-1"},
	{AT(enrol_by), RECORD_TIME_MAX + 1, "enrol_by: expected a time to the year 9999"},
	{AT(exempt_until), RECORD_TIME_MAX + 1, "until: expected a time to the year 9999"},
	{AT(exempt_until), 0, "reason: expected printable text with until, else none"},
	{AT(exempt_reason[0]), 0, "reason: expected printable text with until, else none"},
	{AT(exempt_reason[1]), '\n', "reason: expected printable text with until, else none"},
	{AT(device_count), 10, "device: expected at most 9"},
	{AT(device_count), 3, "id: expected 1..next_id-1"},
	{AT(device[0].id), 4, "id: expected one that no other device has"},
	{AT(device[0].name[0]), '-', "name: expected 1-64 of A-Z a-z 0-9 + = , . @ - _"},
	{AT(device[0].type), 0, "type: expected virtual or hardware"},
	{AT(device[0].type), 3, "type: expected virtual or hardware"},
	{AT(device[0].state), 4, "state: expected pending, active or disabled"},
	{AT(device[0].params.digits), 9, "algorithm, digits, period: out of range"},
	{AT(device[0].params.period_s), 0, "algorithm, digits, period: out of range"},
	{AT(device[0].params.algorithm), 4, "algorithm, digits, period: out of range"},
	{AT(device[0].secret.len), 9, "secret: expected 10..64 bytes"},
	{AT(device[0].secret.len), 65, "secret: expected 10..64 bytes"},
	{AT(device[0].created), RECORD_TIME_MAX + 1,
	    "created, expires, rotate_by: expected a time to the year 9999"},
	{AT(device[0].expires), UINT64_MAX,
	    "created, expires, rotate_by: expected a time to the year 9999"},
	{AT(device[0].drift), RECORD_DRIFT_MAX + 1, "drift: expected -100000..100000"},
	{AT(device[0].drift), (uint32_t)-(RECORD_DRIFT_MAX + 1),
	    "drift: expected -100000..100000"},
	{AT(device[0].rotate_by), RECORD_TIME_MAX + 1,
	    "created, expires, rotate_by: expected a time to the year 9999"},
	{AT(device[1].expires), 0, "expires: expected a time, as the device is pending"},
	{AT(device[0].replaces), 4,
	    "replaces: expected the id of another device, if pending, else 0"},
	{AT(recovery.id), 0, "recovery: expected an id"},
	{AT(recovery.iterations), 999, "iterations: expected 1000..1000000"},
	{AT(recovery.iterations), 1000001, "iterations: expected 1000..1000000"},
	{AT(recovery.count), 0, "code: expected 1..10 codes"},
	{AT(recovery.count), 11, "code: expected 1..10 codes"},
	{AT(bypass.expires), RECORD_TIME_MAX + 1, "expires: expected a time to the year 9999"},
	{AT(bypass.id), 0, "bypass, ticket: expected an id"},
	{AT(ticket.id), 0, "bypass, ticket: expected an id"},
	{AT(former_count), 17, "former: expected at most 16"},
	{AT(former[0].id), 0, "id: expected 1..next_id-1"},
	{AT(former[0].id), 1, "id: expected one that no device has"},
	{AT(former[0].name[0]), ' ', "name: expected 1-64 of A-Z a-z 0-9 + = , . @ - _"},
	{AT(former[0].type), 9, "type: expected virtual or hardware"},
	{AT(former[0].ended), RECORD_TIME_MAX + 1,
	    "created, ended: expected a time to the year 9999"},
	{AT(notice_count), 9, "notice: expected at most 8"},
	{AT(notice[0].id), 0, "id: expected one larger than the notice's before"},
	{AT(notice[1].id), 7, "id: expected one larger than the notice's before"},
	{AT(notice[0].at), RECORD_TIME_MAX + 1, "at: expected a time to the year 9999"},
	{AT(notice[0].text[0]), ' ', "text: expected 1-160 printable characters"},
#undef AT
};

static void
check_fault(const struct record *r, const char *fault)
{
	char out[RECORD_TEXT_MAX + 1];
	size_t len = 1;

	assert_non_null(record_fault(r));
	assert_string_equal(record_fault(r), fault);
	assert_int_equal(record_print(r, out, sizeof(out), &len), E_INVALID);
	assert_int_equal(len, 0);
	assert_string_equal(out, "");
}

static void
test_faults_are_not_printed(void **state)
{
	struct record r;

	(void)state;
	for (size_t i = 0; i < LEN(faults); i++) {
		record_sample_full(&r);
		/* The low bytes: the project's hosts are little-endian or the size is whole. */
		uint32_t half = (uint32_t)faults[i].value;
		uint8_t byte = (uint8_t)faults[i].value;
		const void *value = faults[i].len == 8 ? (const void *)&faults[i].value :
		    faults[i].len == 4 ? (const void *)&half : &byte;
		memcpy((char *)&r + faults[i].offset, value, faults[i].len);
		check_fault(&r, faults[i].fault);
	}
	record_sample_full(&r);
	memset(r.user, 'a', sizeof(r.user));
	check_fault(&r, "user: expected a user name");
	record_sample_full(&r);
	memset(r.device[1].name, 'a', sizeof(r.device[1].name));
	check_fault(&r, "name: expected 1-64 of A-Z a-z 0-9 + = , . @ - _");
	record_sample_full(&r);
	memset(r.notice[1].text, 'a', sizeof(r.notice[1].text));
	check_fault(&r, "text: expected 1-160 printable characters");
	record_sample_draw(&r, true);
	r.device[8].state = DEVICE_DISABLED;
	r.device[8].replaces = 0;
	check_fault(&r, "state: expected at most 8 active or disabled devices");
	/* Remains of a set or a grant that is none, one at a time. */
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(record_init(&r, "a", 0), E_OK);
		r.recovery.iterations = i == 0;
		r.recovery.count = i == 1;
		r.recovery.salt[15] = i == 2;
		r.bypass.expires = i == 3;
		r.bypass.salt[15] = i == 4;
		r.ticket.hash[31] = i == 5;
		check_fault(&r, i < 3 ? "recovery: expected an id" :
		    "bypass, ticket: expected an id");
	}
	record_sample_full(&r);
	r.former[1] = r.former[0];
	r.former_count = 2;
	check_fault(&r, "id: expected one that no other former has");
}

static void
test_names(void **state)
{
	char text[RECORD_USER_CAP + 1];

	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		text[0] = 'x';
		text[1] = (char)c;
		text[2] = '\0';
		bool is_device = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		    "0123456789+=,.@-_", (int)c) != NULL;
		assert_int_equal(record_device_name_ok(text), is_device);
		assert_int_equal(record_user_ok(text), c > 0x20 && c != 0x7f && c != '/');
		assert_int_equal(record_text_ok(text), c > 0x20 && c < 0x7f);
	}
	static const char *const bad[] = {"", ".", "..", NULL};
	for (size_t i = 0; i < LEN(bad); i++) {
		assert_false(record_user_ok(bad[i]));
		assert_false(record_device_name_ok(bad[i]));
	}
	assert_false(record_text_ok(NULL));
	assert_false(record_text_ok(""));
	assert_false(record_text_ok(" x"));
	assert_true(record_text_ok("x y"));
	assert_false(record_user_ok(".decoy-00"));
	assert_false(record_user_ok("../x"));
	assert_true(record_user_ok("a.b"));
	assert_false(record_device_name_ok("-x"));
	assert_true(record_device_name_ok("..."));

	memset(text, 'a', sizeof(text));
	text[RECORD_USER_CAP] = '\0';
	assert_false(record_user_ok(text));
	text[255] = '\0'; /* NAME_MAX */
	assert_true(record_user_ok(text));
	text[161] = '\0';
	assert_false(record_text_ok(text));
	text[160] = '\0';
	assert_true(record_text_ok(text));
	text[65] = '\0';
	assert_false(record_device_name_ok(text));
	text[64] = '\0';
	assert_true(record_device_name_ok(text));
	assert_true(record_is_same_name("aZ-9", "Az-9"));
	assert_false(record_is_same_name("a", "ab"));
	assert_false(record_is_same_name("@", "`")); /* one bit apart, as A and a */
	assert_string_equal(record_type_name((enum device_type)0), "?");
	assert_string_equal(record_state_name((enum device_state)9), "?");
}

static void
test_look_ups(void **state)
{
	struct record r;

	(void)state;
	record_sample_full(&r);
	assert_ptr_equal(record_find_name(&r, "PhOnE"), &r.device[0]);
	assert_null(record_find_name(&r, "phon"));
	assert_null(record_find_name(&r, NULL));
	assert_null(record_find_name(&r, ""));
	assert_ptr_equal(record_find_id(&r, 4), &r.device[1]);
	assert_null(record_find_id(&r, 2));
	assert_null(record_find_id(&r, 0));
	r.device_count = UINT32_MAX; /* obligation 4: no place beyond the last */
	assert_null(record_find_id(&r, 77));
	assert_null(record_find_name(&r, "none"));
}

static void
test_counts_and_expiry(void **state)
{
	struct record r;

	(void)state;
	record_sample_full(&r);
	assert_int_equal(record_count(&r, DEVICE_ACTIVE, NOW), 1);
	assert_int_equal(record_count(&r, DEVICE_PENDING, 1700000600), 1);
	assert_int_equal(record_count(&r, DEVICE_PENDING, 1700000601), 0);
	assert_int_equal(record_count(&r, DEVICE_DISABLED, NOW), 0);
	assert_true(record_device_is_usable(&r.device[0], UINT64_MAX));
	assert_false(record_device_is_usable(&r.device[1], NOW)); /* pending */
	r.device[0].expires = NOW;
	assert_true(record_device_is_usable(&r.device[0], NOW - 1));
	assert_false(record_device_is_usable(&r.device[0], NOW));
	assert_int_equal(record_count(&r, DEVICE_ACTIVE, NOW), 0);
	r.device[0].state = DEVICE_DISABLED;
	assert_false(record_device_is_usable(&r.device[0], 0));
	assert_int_equal(record_count(&r, DEVICE_DISABLED, NOW), 1);
}

static void
test_remove(void **state)
{
	struct record r, before;
	uint8_t secret[20];

	(void)state;
	record_sample_full(&r);
	memcpy(secret, r.device[0].secret.bytes, sizeof(secret));
	record_remove_device(&r, &r.device[0], NOW);
	assert_int_equal(r.device_count, 1);
	assert_int_equal(r.device[0].id, 4);
	assert_true(random_is_zero(&r.device[1], sizeof(r.device[1])));
	assert_null(memmem(&r, sizeof(r), secret, sizeof(secret)));
	assert_int_equal(r.former_count, 2);
	assert_int_equal(r.former[1].id, 1);
	assert_string_equal(r.former[1].name, "phone");
	assert_int_equal(r.former[1].ended, NOW);
	assert_null(record_fault(&r));

	/* A pending one leaves nothing at all. */
	memcpy(secret, r.device[0].secret.bytes, 10);
	record_remove_device(&r, &r.device[0], NOW);
	assert_int_equal(r.device_count, 0);
	assert_int_equal(r.former_count, 2);
	assert_null(memmem(&r, sizeof(r), secret, 10));

	/* A place that holds no device: nothing happens. */
	before = r;
	record_remove_device(&r, &r.device[0], NOW);
	record_remove_device(&r, &before.device[0], NOW);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void
test_oldest_former_makes_room(void **state)
{
	struct record r;

	(void)state;
	record_sample_draw(&r, true);
	uint32_t second = r.former[1].id, id = r.device[3].id;
	record_remove_device(&r, &r.device[3], UINT64_MAX);
	assert_int_equal(r.former_count, RECORD_FORMER_MAX);
	assert_int_equal(r.former[0].id, second);
	assert_int_equal(r.former[RECORD_FORMER_MAX - 1].id, id);
	assert_int_equal(r.former[RECORD_FORMER_MAX - 1].ended, RECORD_TIME_MAX);
	assert_int_equal(r.device_count, RECORD_DEVICES_MAX - 1);
	assert_null(record_fault(&r));
	record_wipe(&r);
	assert_true(random_is_zero(&r, sizeof(r)));
}

static const char *
last_notice(const struct record *r)
{
	assert_true(r->notice_count > 0);
	return r->notice[r->notice_count - 1].text;
}

static void
test_notices_are_clean_and_grow(void **state)
{
	(void)state;
	static const struct {
		const char *text, *kept;
	} rows[] = {
		{"device \"tablet\" was added", "device \"tablet\" was added"},
		{" blanks \t at the ends  ", "blanks ? at the ends"},
		{"a\nb\x1b[31m\x7f" "caf\xc3\xa9", "a?b?[31m?caf??"},
	};
	struct record r;
	assert_int_equal(record_init(&r, "alice", 1000), E_OK);
	for (size_t i = 0; i < LEN(rows); i++) {
		record_add_notice(&r, 0, NOW + i, rows[i].text);
		assert_string_equal(last_notice(&r), rows[i].kept);
		assert_int_equal(r.notice[i].id, i + 1);
		assert_int_equal(r.notice[i].at, NOW + i);
		assert_null(record_fault(&r));
	}
	/* Of an empty one none is made. */
	record_add_notice(&r, 0, NOW, "");
	record_add_notice(&r, 0, NOW, "   ");
	assert_int_equal(r.notice_count, LEN(rows));

	/* Cut, and a cut that leaves a blank at the end. */
	char longer[400];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	longer[RECORD_REASON_CAP - 2] = ' ';
	record_add_notice(&r, 0, UINT64_MAX, longer);
	assert_int_equal(strlen(last_notice(&r)), RECORD_REASON_CAP - 2);
	assert_int_equal(r.notice[3].at, RECORD_TIME_MAX);
	longer[RECORD_REASON_CAP - 2] = 'y';
	record_add_notice(&r, 0, NOW, longer);
	assert_int_equal(strlen(last_notice(&r)), RECORD_REASON_CAP - 1);
	assert_null(record_fault(&r));
}

static void
test_oldest_notice_makes_room(void **state)
{
	(void)state;
	struct record r;
	char text[16];
	assert_int_equal(record_init(&r, "alice", 1000), E_OK);
	/* What was told before this record came back is not told again. */
	for (unsigned i = 0; i < RECORD_NOTICES_MAX + 3; i++) {
		snprintf(text, sizeof(text), "notice %u", i);
		record_add_notice(&r, 40, NOW, text);
		assert_null(record_fault(&r));
	}
	assert_int_equal(r.notice_count, RECORD_NOTICES_MAX);
	assert_string_equal(r.notice[0].text, "notice 3");
	assert_int_equal(r.notice[0].id, 44);
	assert_string_equal(last_notice(&r), "notice 10");
	assert_int_equal(r.notice[RECORD_NOTICES_MAX - 1].id, 51);
	record_add_notice(&r, 60, NOW, "later");
	assert_int_equal(r.notice[RECORD_NOTICES_MAX - 1].id, 61);

	struct record before = r;
	record_add_notice(&r, UINT32_MAX, NOW, "no id is left");
	assert_memory_equal(&r, &before, sizeof(r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults_are_not_printed),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_look_ups),
		cmocka_unit_test(test_counts_and_expiry),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_oldest_former_makes_room),
		cmocka_unit_test(test_notices_are_clean_and_grow),
		cmocka_unit_test(test_oldest_notice_makes_room),
	};

	return cmocka_run_group_tests_name("record", tests, random_setup, NULL);
}
