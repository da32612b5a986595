/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Devices after their activation: FLOW rows 27-30. Every verb in every state, the last device
 * that a policy protects, names, resync at its edges, recovery sets and tickets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/devices.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOW UINT64_C(1700000010) /* 10 s into a step */
#define STEP ((int64_t)(NOW / 30))

static struct store_entry entry, before;
static struct diag diag;
static uint32_t off_s;
static int32_t drift;

/* An active device whose steps of the last hour are unused. Its secret is always the same, so
 * that no code fits by chance. */
static uint32_t
add(const char *name, struct otp_params params)
{
	struct otp_secret secret = { .len = OTP_SECRET_DEFAULT };
	uint32_t id = 0;

	memcpy(secret.bytes, name, strnlen(name, OTP_SECRET_DEFAULT));
	assert_int_equal(enrolment_import(&entry, name, DEVICE_VIRTUAL, &params, &secret, 8, 1,
	    NOW - 3600 - 120, &id, &diag), 0);
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
	return record_init(&entry.record, "alice", 1000);
}

static struct record_device *
named(const char *name)
{
	return record_find_name(&entry.record, name);
}

/* The code of a device `offset` steps from NOW. */
static struct otp_typed
code_of(uint32_t id, int64_t offset)
{
	const struct record_device *d = record_find_id(&entry.record, id);
	struct otp_typed t = { .digits = 6 };

	if (d == NULL)
		return t;
	t.digits = d->params.digits;
	uint64_t step = (uint64_t)((int64_t)otp_step(&d->params, NOW) + offset);
	assert_int_equal(otp_code(&d->params, &d->secret, step, &t.code), 0);
	return t;
}

static enum enrolment_verdict
resync(uint32_t id, int64_t first, int64_t second)
{
	return devices_resync(&entry, id, code_of(id, first), code_of(id, second),
	    DEVICES_RESYNC_STEPS, NOW, &drift, &diag);
}

static enum enrolment_verdict
enable(uint32_t id, int64_t first, int64_t second)
{
	return devices_enable(&entry, id, code_of(id, first), code_of(id, second), 1, 8, NOW,
	    &off_s, &diag);
}

/* --- verb x state ---------------------------------------------------------- */

enum situation { PENDING, OVERDUE, ACTIVE, ENDED, DISABLED, MISSING, SITUATIONS };
static const char *const situation_names[SITUATIONS] = { "pending", "overdue", "active", "ended",
	"disabled", "missing" };

/* A user with an active "tablet" and a "phone" in that situation; its id. */
static uint32_t
arrange(enum situation s)
{
	uint32_t id = 99;

	assert_int_equal(setup(NULL), 0);
	add("tablet", OTP_PARAMS_DEFAULT);
	switch (s) {
	case PENDING:
	case OVERDUE:
		assert_int_equal(enrolment_begin(&entry, "phone", DEVICE_VIRTUAL,
		    &OTP_PARAMS_DEFAULT, NULL, 8,
		    s == PENDING ? NOW : NOW - ENROLMENT_PENDING_S, &id, &diag), 0);
		break;
	case ACTIVE:
	case ENDED:
	case DISABLED:
		id = add("phone", OTP_PARAMS_DEFAULT);
		if (s == ENDED)
			named("phone")->expires = NOW;
		if (s == DISABLED)
			named("phone")->state = DEVICE_DISABLED;
		break;
	case MISSING:
	case SITUATIONS:
		break;
	}
	return id;
}

static int
do_rename(uint32_t id)
{
	(void)id;
	return devices_rename(&entry, "PHONE", "new", &diag);
}

static int
do_disable(uint32_t id)
{
	(void)id;
	return devices_disable(&entry, "PHONE", true, NOW, &diag);
}

static int
do_delete(uint32_t id)
{
	(void)id;
	return devices_delete(&entry, "PHONE", NOW, &diag);
}

static int
do_remove(uint32_t id)
{
	(void)id;
	return devices_remove(&entry, "PHONE", true, NOW, &diag);
}

static int
do_rotate(uint32_t id)
{
	uint32_t new_id = 77;
	int r = devices_rotate_begin(&entry, "PHONE", NULL, NULL, NOW, &new_id, &diag);

	(void)id;
	assert_int_equal(new_id == 0, r != 0);
	return r;
}

static int
do_enable(uint32_t id)
{
	return (int)enable(id, -1, 0);
}

static int
do_resync(uint32_t id)
{
	return (int)resync(id, -1, 0);
}

static int
do_confirm(uint32_t id)
{
	return (int)enrolment_confirm(&entry, id, code_of(id, -1), code_of(id, 0), 1, 8, NOW,
	    &off_s, &diag);
}

#define YES ENROLMENT_CONFIRMED
#define NONE ENROLMENT_EXPIRED

static const struct {
	const char *name;
	int (*run)(uint32_t id);
	int done; /* what success is called */
	int expected[SITUATIONS];
	unsigned formers[SITUATIONS]; /* tombstones afterwards */
	enum device_state after[SITUATIONS]; /* 0: the device is gone */
} verbs[] = {
	{ "rename", do_rename, 0, { 0, 0, 0, 0, 0, E_NOENT }, { 0 },
	    { DEVICE_PENDING, DEVICE_PENDING, DEVICE_ACTIVE, DEVICE_ACTIVE, DEVICE_DISABLED } },
	{ "disable", do_disable, 0, { E_STATE, E_STATE, 0, 0, E_STATE, E_NOENT }, { 0 },
	    { 0, 0, DEVICE_DISABLED, DEVICE_DISABLED } },
	{ "delete", do_delete, 0, { 0, 0, E_STATE, E_STATE, 0, E_NOENT }, { 0, 0, 0, 0, 1 },
	    { 0 } },
	{ "remove", do_remove, 0, { 0, 0, 0, 0, 0, E_NOENT }, { 0, 0, 1, 1, 1 }, { 0 } },
	{ "rotate", do_rotate, 0, { E_STATE, E_STATE, 0, E_STATE, E_STATE, E_NOENT }, { 0 },
	    { 0, 0, DEVICE_ACTIVE } },
	{ "enable", do_enable, YES, { NONE, NONE, NONE, NONE, YES, NONE }, { 0 },
	    { 0, 0, 0, 0, DEVICE_ACTIVE } },
	{ "resync", do_resync, YES, { NONE, NONE, YES, NONE, NONE, NONE }, { 0 },
	    { 0, 0, DEVICE_ACTIVE } },
	{ "confirm", do_confirm, YES, { YES, NONE, NONE, NONE, NONE, NONE }, { 0 },
	    { DEVICE_ACTIVE } },
};

static void
every_verb_in_every_state(void **unused)
{
	(void)unused;
	for (size_t v = 0; v < LEN(verbs); v++)
		for (unsigned s = 0; s < SITUATIONS; s++) {
			uint32_t id = arrange((enum situation)s);

			before = entry;
			int r = verbs[v].run(id);
			if (r != verbs[v].expected[s])
				fail_msg("%s, %s: %d", verbs[v].name, situation_names[s], r);
			assert_null(record_fault(&entry.record));
			if (r != verbs[v].done) {
				assert_memory_equal(&entry, &before, sizeof(entry));
				continue;
			}
			const struct record_device *d = record_find_id(&entry.record, id);
			if ((d == NULL ? 0 : (int)d->state) != (int)verbs[v].after[s] ||
			    entry.record.former_count != verbs[v].formers[s])
				fail_msg("%s, %s: wrong outcome", verbs[v].name,
				    situation_names[s]);
			assert_int_equal(named("tablet")->state, DEVICE_ACTIVE);
			/* A device that is enabled again does not bring sessions back. */
			bool has_ended = verbs[v].run == do_disable || verbs[v].run == do_remove;
			if ((entry.state.session_epoch > before.state.session_epoch) != has_ended)
				fail_msg("%s, %s: sessions", verbs[v].name, situation_names[s]);
		}
}

/* --- the last device ------------------------------------------------------- */

static void
the_last_usable_device_is_protected(void **unused)
{
	(void)unused;
	add("phone", OTP_PARAMS_DEFAULT);
	add("old", OTP_PARAMS_DEFAULT);
	add("ended", OTP_PARAMS_DEFAULT);
	named("old")->state = DEVICE_DISABLED;
	named("ended")->expires = NOW - 1;
	before = entry;
	assert_int_equal(devices_disable(&entry, "phone", true, NOW, &diag), E_PROTECTED);
	assert_non_null(strstr(diag.text, "add another first"));
	assert_int_equal(devices_remove(&entry, "phone", true, NOW, &diag), E_PROTECTED);
	assert_memory_equal(&entry, &before, sizeof(entry));
	/* One that protects nothing may go; the last one may where no policy keeps it. */
	assert_int_equal(devices_disable(&entry, "ended", true, NOW, &diag), 0);
	assert_int_equal(devices_remove(&entry, "old", true, NOW, &diag), 0);
	struct store_entry copy = entry;
	assert_int_equal(devices_disable(&entry, "phone", false, NOW, &diag), 0);
	assert_true(named("phone")->secret.len > 0);
	entry = copy;
	assert_int_equal(devices_remove(&entry, "phone", false, NOW, &diag), 0);
	/* Of two either may go, but not both. */
	assert_int_equal(setup(NULL), 0);
	add("a", OTP_PARAMS_DEFAULT);
	add("b", OTP_PARAMS_DEFAULT);
	assert_int_equal(devices_disable(&entry, "a", true, NOW, &diag), 0);
	assert_int_equal(devices_disable(&entry, "b", true, NOW, &diag), E_PROTECTED);
}

/* --- names ----------------------------------------------------------------- */

static void
names_are_awss_and_unique(void **unused)
{
	static const char *const bad[] = { "", ".", "..", "-x", "a b", "a/b", "a\n", NULL };

	(void)unused;
	add("a-long-name", OTP_PARAMS_DEFAULT);
	add("tablet", OTP_PARAMS_DEFAULT);
	before = entry;
	for (size_t i = 0; i < LEN(bad); i++)
		assert_int_equal(devices_rename(&entry, "tablet", bad[i], &diag), E_INVALID);
	assert_int_equal(devices_rename(&entry, "tablet", "A-LONG-name", &diag), E_EXISTS);
	assert_non_null(strstr(diag.text, "\"a-long-name\" already exists"));
	assert_memory_equal(&entry, &before, sizeof(entry));
	/* A device may change its own case, and a shorter name leaves nothing behind. */
	assert_int_equal(devices_rename(&entry, "TABLET", "Tablet", &diag), 0);
	assert_string_equal(named("tablet")->name, "Tablet");
	assert_int_equal(devices_rename(&entry, "a-long-name", "b", &diag), 0);
	for (size_t i = 1; i < RECORD_NAME_CAP; i++)
		assert_int_equal(named("b")->name[i], '\0');
	/* The name itself may be what is given. */
	assert_int_equal(devices_rename(&entry, "b", named("b")->name, &diag), 0);
}

/* --- resync ---------------------------------------------------------------- */

static void
resync_is_bounded_and_stores_the_drift(void **unused)
{
	static const int64_t found[] = { 0, 1, -1, 2, -2, 7, -7, 19, 20, -19, -20 };
	static const int64_t beyond[] = { 21, -21, 40, -40, 2880 };
	uint32_t id = add("phone", OTP_PARAMS_DEFAULT);
	struct store_entry fresh = entry;

	(void)unused;
	for (size_t i = 0; i < LEN(found); i++) {
		entry = fresh;
		assert_int_equal(resync(id, found[i] - 1, found[i]), YES);
		assert_int_equal(drift, found[i]);
		assert_int_equal(state_find(&entry.state, id)->drift, found[i]);
		assert_int_equal(named("phone")->drift, found[i]);
		/* Both are consumed, and it was no login. */
		assert_int_equal(state_find(&entry.state, id)->last_step, STEP + found[i]);
		assert_int_equal(state_find(&entry.state, id)->last_used, 0);
		before = entry;
		assert_int_equal(resync(id, found[i] - 1, found[i]), ENROLMENT_USED);
		/* The second code cannot begin the next pair either. */
		if (found[i] < 20)
			assert_int_equal(resync(id, found[i], found[i] + 1), ENROLMENT_USED);
		assert_memory_equal(&entry, &before, sizeof(entry));
	}
	for (size_t i = 0; i < LEN(beyond); i++) {
		entry = fresh;
		assert_int_equal(resync(id, beyond[i] - 1, beyond[i]), ENROLMENT_WRONG);
		assert_int_equal(drift, 0);
		assert_memory_equal(&entry, &fresh, sizeof(entry));
	}
}

/* An administrator's search, to its very end. */
static void
resync_of_a_day(void **unused)
{
	static const int64_t far[] = { 2880, -2880 };
	uint32_t id = add("phone", OTP_PARAMS_DEFAULT);

	(void)unused;
	state_find(&entry.state, id)->last_step = (uint64_t)STEP - 4000;
	struct store_entry fresh = entry;
	for (size_t i = 0; i < LEN(far); i++) {
		entry = fresh;
		assert_int_equal(devices_resync(&entry, id, code_of(id, far[i] - 1),
		    code_of(id, far[i]), DEVICES_RESYNC_STEPS_MAX, NOW, &drift, &diag), YES);
		assert_int_equal(drift, far[i]);
		entry = fresh;
		int64_t past = far[i] > 0 ? far[i] + 1 : far[i] - 1;
		assert_int_equal(devices_resync(&entry, id, code_of(id, past - 1),
		    code_of(id, past), DEVICES_RESYNC_STEPS_MAX, NOW, &drift, &diag),
		    ENROLMENT_WRONG);
	}
	assert_int_equal(devices_resync(&entry, id, code_of(id, -1), code_of(id, 0),
	    DEVICES_RESYNC_STEPS_MAX + 1, NOW, &drift, &diag), ENROLMENT_REFUSED);
	assert_memory_equal(&entry, &fresh, sizeof(entry));
}

static void
resync_tells_pairs_by_name_and_no_code_alone(void **unused)
{
	static const struct {
		int64_t first, second;
		enum enrolment_verdict verdict;
	} rows[] = {
		{ 0, -1, ENROLMENT_SWAPPED },
		{ 20, 19, ENROLMENT_SWAPPED },
		{ -2, 0, ENROLMENT_GAP },
		{ 3, 3, ENROLMENT_SAME_CODE },
		{ 500, 500, ENROLMENT_SAME_CODE }, /* right or wrong */
		/* An answer that told which is right would make a login of it. */
		{ 0, 500, ENROLMENT_WRONG },
		{ 500, 0, ENROLMENT_WRONG },
		{ 500, 700, ENROLMENT_WRONG },
	};
	uint32_t id = add("phone", OTP_PARAMS_DEFAULT);

	(void)unused;
	for (unsigned disabled = 0; disabled < 2; disabled++) {
		if (disabled)
			named("phone")->state = DEVICE_DISABLED;
		before = entry;
		for (size_t i = 0; i < LEN(rows); i++) {
			enum enrolment_verdict v = disabled ?
			    enable(id, rows[i].first, rows[i].second) :
			    resync(id, rows[i].first, rows[i].second);
			if (disabled && rows[i].first == 20)
				continue; /* not searched there */
			if (v != rows[i].verdict)
				fail_msg("%d: row %zu: %d", disabled, i, (int)v);
			assert_memory_equal(&entry, &before, sizeof(entry));
		}
		struct otp_typed eight = { .code = 12345678, .digits = 8 };
		assert_int_equal(devices_resync(&entry, id, eight, eight, 20, NOW, &drift,
		    &diag), disabled ? NONE : ENROLMENT_DIGITS);
	}
}

static void
resync_lowers_nothing(void **unused)
{
	uint32_t id = add("phone", OTP_PARAMS_DEFAULT);
	struct state_device *sd = state_find(&entry.state, id);

	(void)unused;
	/* It ran ahead, was used there, and its clock is mended: its codes were all used. */
	sd->drift = 10;
	sd->last_step = (uint64_t)STEP + 10;
	before = entry;
	assert_int_equal(resync(id, -1, 0), ENROLMENT_USED);
	assert_int_equal(resync(id, 9, 10), ENROLMENT_USED);
	assert_int_equal(resync(id, 10, 11), ENROLMENT_USED);
	assert_memory_equal(&entry, &before, sizeof(entry));
	assert_int_equal(resync(id, 11, 12), YES);
	assert_int_equal(sd->last_step, STEP + 12);
	assert_int_equal(sd->drift, 12);
}

/* A token drifts for years; each time the search begins where it was left. */
static void
resync_follows_a_token_and_a_mended_clock(void **unused)
{
	uint32_t id = add("token", OTP_PARAMS_DEFAULT);
	struct state_device *sd = state_find(&entry.state, id);

	(void)unused;
	sd->drift = -100;
	sd->last_step = (uint64_t)STEP - 1000;
	struct store_entry fresh = entry;
	assert_int_equal(resync(id, -121, -120), YES);
	assert_int_equal(drift, -120);
	entry = fresh;
	assert_int_equal(resync(id, -122, -121), ENROLMENT_WRONG);
	assert_int_equal(resync(id, -50, -49), ENROLMENT_WRONG); /* near neither */
	assert_int_equal(resync(id, 15, 14), ENROLMENT_SWAPPED);
	assert_int_equal(resync(id, -115, -116), ENROLMENT_SWAPPED);
	assert_memory_equal(&entry, &fresh, sizeof(entry));
	assert_int_equal(resync(id, 19, 20), YES);
	assert_int_equal(drift, 20);
	/* A drift that the state could not hold is refused. */
	entry = fresh;
	sd->drift = -STATE_DRIFT_MAX;
	sd->last_step = 0;
	before = entry;
	assert_int_equal(resync(id, -STATE_DRIFT_MAX - 2, -STATE_DRIFT_MAX - 1),
	    ENROLMENT_REFUSED);
	assert_memory_equal(&entry, &before, sizeof(entry));
	assert_int_equal(resync(id, -STATE_DRIFT_MAX - 1, -STATE_DRIFT_MAX), YES);
}

static void
other_periods_algorithms_and_digits(void **unused)
{
	static const struct otp_params kinds[] = {
		{ OTP_SHA1, 6, 15 }, { OTP_SHA256, 8, 60 }, { OTP_SHA512, 7, 120 },
	};

	(void)unused;
	for (size_t i = 0; i < LEN(kinds); i++) {
		assert_int_equal(setup(NULL), 0);
		uint32_t id = add("token", kinds[i]);
		state_find(&entry.state, id)->last_step -= 100;
		assert_int_equal(resync(id, 19, 20), YES);
		assert_int_equal(drift, 20);
		assert_int_equal(state_find(&entry.state, id)->last_step,
		    NOW / kinds[i].period_s + 20);
		assert_int_equal(resync(id, 20, 21), ENROLMENT_USED);
		assert_int_equal(resync(id, 21, 22), YES);
	}
}

/* A device whose entry is lost is no device with nothing consumed. */
static void
without_a_state_nothing_is_believed(void **unused)
{
	uint32_t id = add("phone", OTP_PARAMS_DEFAULT);

	(void)unused;
	memset(&entry.state, 0, sizeof(entry.state));
	assert_int_equal(resync(id, -1, 0), ENROLMENT_REFUSED);
	named("phone")->state = DEVICE_DISABLED;
	assert_int_equal(enable(id, -1, 0), ENROLMENT_REFUSED);
	assert_int_equal(named("phone")->state, DEVICE_DISABLED);
}

/* --- enable ---------------------------------------------------------------- */

static void
enabling_needs_two_fresh_codes(void **unused)
{
	uint32_t id = add("phone", OTP_PARAMS_DEFAULT);
	struct state_device *sd = state_find(&entry.state, id);

	(void)unused;
	named("phone")->state = DEVICE_DISABLED;
	named("phone")->drift = sd->drift = 4;
	struct store_entry fresh = entry;
	/* Held against the drift that is known. */
	assert_int_equal(enable(id, -1, 0), ENROLMENT_STALE);
	assert_int_equal(off_s, 120);
	assert_int_equal(enable(id, 5, 6), ENROLMENT_FAST);
	assert_int_equal(off_s, 60);
	assert_memory_equal(&entry, &fresh, sizeof(entry));
	assert_int_equal(enable(id, 3, 4), YES);
	assert_int_equal(off_s, 0);
	assert_int_equal(named("phone")->state, DEVICE_ACTIVE);
	assert_int_equal(sd->last_step, STEP + 4);
	assert_int_equal(sd->drift, 4);
	entry = fresh;
	sd->last_step = (uint64_t)STEP + 3;
	before = entry;
	assert_int_equal(enable(id, 3, 4), ENROLMENT_USED);
	assert_memory_equal(&entry, &before, sizeof(entry));
	assert_int_equal(enable(id, 4, 5), YES);
}

static void
enabling_keeps_limit_and_end(void **unused)
{
	uint32_t id = add("phone", OTP_PARAMS_DEFAULT);

	(void)unused;
	add("tablet", OTP_PARAMS_DEFAULT);
	named("phone")->state = DEVICE_DISABLED;
	assert_int_equal(devices_enable(&entry, id, code_of(id, -1), code_of(id, 0), 1, 1, NOW,
	    &off_s, &diag), ENROLMENT_REFUSED);
	assert_non_null(strstr(diag.text, "delete one first"));
	named("phone")->expires = NOW;
	assert_int_equal(enable(id, -1, 0), NONE);
	named("phone")->expires = NOW + 1;
	assert_int_equal(devices_enable(&entry, id, code_of(id, -1), code_of(id, 0), 1, 2, NOW,
	    &off_s, &diag), YES);
	assert_int_equal(named("phone")->expires, NOW + 1);
}

/* --- recovery codes and tickets -------------------------------------------- */

static void
a_new_recovery_set_voids_the_old_one(void **unused)
{
	struct recovery_sheet sheet;

	(void)unused;
	assert_int_equal(devices_recovery_left(&entry), 0);
	assert_int_equal(devices_new_recovery(&entry, &sheet, &diag), 0);
	assert_int_equal(entry.record.recovery.id, 1);
	assert_int_equal(entry.state.recovery_id, 1);
	assert_int_equal(devices_recovery_left(&entry), 10);
	assert_int_equal(strlen(sheet.text[9]), RECOVERY_TEXT_CAP - 1);
	entry.state.recovery_spent = 0x281; /* three of them */
	assert_int_equal(devices_recovery_left(&entry), 7);
	/* Above whatever was known, so that a restored record brings none back. */
	entry.state.recovery_id = 41;
	assert_int_equal(devices_recovery_left(&entry), 0);
	assert_int_equal(devices_new_recovery(&entry, &sheet, &diag), 0);
	assert_int_equal(entry.record.recovery.id, 42);
	assert_int_equal(devices_recovery_left(&entry), 10);
	/* As loaded: a set that a new record brought is whole, beside a lost state it is void. */
	entry.state.recovery_id = 41;
	entry.state.recovery_spent = 0x3ff;
	assert_int_equal(devices_recovery_left(&entry), 10);
	entry.health = STATE_LOST;
	assert_int_equal(devices_recovery_left(&entry), 0);
	entry.health = STATE_WHOLE;
	entry.record.recovery.id = UINT32_MAX;
	before = entry;
	assert_int_equal(devices_new_recovery(&entry, &sheet, &diag), E_LIMIT);
	assert_int_equal(sheet.text[0][0], '\0');
	assert_memory_equal(&entry, &before, sizeof(entry));
}

static int
spend(const char *answer, uint64_t now_s)
{
	return devices_spend_ticket(&entry, (struct span){ answer, strlen(answer) }, now_s,
	    &diag);
}

static void
a_ticket_is_spent_once_and_in_time(void **unused)
{
	struct record_grant *t = &entry.record.ticket;
	char text[RECOVERY_TEXT_CAP], other[RECOVERY_TEXT_CAP];
	uint8_t salt[RECOVERY_SALT_LEN], hash[RECOVERY_HASH_LEN];

	(void)unused;
	assert_int_equal(recovery_grant_make(t->salt, t->hash, text), 0);
	assert_int_equal(recovery_grant_make(salt, hash, other), 0);
	t->id = 3;
	t->expires = NOW + 60;
	entry.state.ticket_spent = 2;
	before = entry;
	assert_int_equal(spend(other, NOW), E_NOENT);
	assert_int_equal(spend("123456", NOW), E_NOENT);
	assert_int_equal(spend("", NOW), E_NOENT);
	assert_int_equal(spend(text, NOW + 60), E_NOENT);
	t->id = 2; /* restored from before */
	assert_int_equal(spend(text, NOW), E_NOENT);
	t->id = 0;
	assert_int_equal(spend(text, NOW), E_NOENT);
	t->id = 3;
	assert_memory_equal(&entry, &before, sizeof(entry));
	/* A bypass code is no ticket. */
	entry.record.bypass = entry.record.ticket;
	memset(t, 0, sizeof(*t));
	assert_int_equal(spend(text, NOW), E_NOENT);
	*t = entry.record.bypass;
	assert_int_equal(spend(text, NOW + 59), 0);
	assert_int_equal(entry.state.ticket_spent, 3);
	assert_int_equal(entry.state.bypass_spent, 0);
	assert_int_equal(spend(text, NOW), E_NOENT);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		CASE(every_verb_in_every_state),
		CASE(the_last_usable_device_is_protected),
		CASE(names_are_awss_and_unique),
		CASE(resync_is_bounded_and_stores_the_drift),
		CASE(resync_of_a_day),
		CASE(resync_tells_pairs_by_name_and_no_code_alone),
		CASE(resync_lowers_nothing),
		CASE(resync_follows_a_token_and_a_mended_clock),
		CASE(other_periods_algorithms_and_digits),
		CASE(without_a_state_nothing_is_believed),
		CASE(enabling_needs_two_fresh_codes),
		CASE(enabling_keeps_limit_and_end),
		CASE(a_new_recovery_set_voids_the_old_one),
		CASE(a_ticket_is_spent_once_and_in_time),
	};
	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
