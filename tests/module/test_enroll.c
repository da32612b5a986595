/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Enrolment inside the login: the shipped module under libpam, and a person whose phone reads
 * the key off the prompt. Whom it leads through and whom not; that whatever breaks the
 * conversation off leaves the store as it was; and that the login after it asks nothing
 * more, once. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/recovery.h"
#include "support/login_phone.h"
#include "support/login_stage.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BOB_UID (STAGE_UID + 1)
#define STACK "auth requisite {enroll}\nauth required {totp}\n"
#define SETTINGS "unenrolled = enroll\nqr = none\n"
#define OF_BOB " user=bob service=totp-test rhost=- tty=- device="

/* What is asked, in its order. */
enum question { TICKET, NAME, CODE1, CODE2, SHEET, OTHER };

/* One byte more than an answer may have. */
static const char too_long[] = "00000000001111111111222222222233333333334444444444555555555566666";

/* The person at the prompts. */
static struct person {
	struct stage *stage;
	const char *ticket;
	const char *name[4]; /* one after the other; NULL: an empty answer */
	int offset[4][2];    /* of each pair of codes, in steps from those that are due */
	const char *typed;   /* in the place of the first code */
	/* Something happens at this question, or it gets this answer. */
	enum question at;
	void (*event)(struct person *p);
	enum app_answer_kind kind; /* 0: a real one */

	struct phone phone;
	char code[2][16];
	unsigned names, pairs;
	unsigned asked[OTHER + 1];
} person;

static enum question
question_of(const char *text)
{
	if (phone_ends_in(text, "Enrolment ticket: "))
		return TICKET;
	if (phone_ends_in(text, "Name of the device [phone]: "))
		return NAME;
	if (phone_ends_in(text, "Code 1: "))
		return CODE1;
	if (phone_ends_in(text, "Code 2: "))
		return CODE2;
	return phone_ends_in(text, "Press Enter: ") ? SHEET : OTHER;
}

static const char *
read_phone(struct person *p, unsigned which)
{
	phone_read(&p->phone, p->offset[p->pairs][which], p->code[which]);
	return p->code[which];
}

static void
answer_it(struct person *p, struct app *a, enum question q)
{
	const char *name = NULL;

	switch (q) {
	case TICKET:
		app_will_answer(a, p->ticket);
		return;
	case NAME:
		name = p->name[p->names++];
		app_will_answer(a, name == NULL ? "" : name);
		return;
	case CODE1:
		app_will_answer(a, p->typed != NULL ? p->typed : read_phone(p, 0));
		return;
	case CODE2:
		world_set_clock(world_clock() + 30);
		app_will_answer(a, read_phone(p, 1));
		p->pairs++;
		return;
	case SHEET:
		app_will_answer(a, "");
		return;
	case OTHER:
		app_will_answer(a, "000000");
		return;
	}
}

static void
hook(struct app *a)
{
	struct person *p = &person;
	const char *text = app_shown(a, a->shown_count - 1);
	enum question q = question_of(text);

	p->asked[q]++;
	if (q == CODE1)
		phone_take_key(&p->phone, text);
	if (q == p->at && p->event != NULL)
		p->event(p);
	if (q == p->at && p->kind == APP_TEXT)
		app_will_answer(a, too_long);
	else if (q == p->at && p->kind != 0)
		app_will(a, p->kind);
	else
		answer_it(p, a, q);
}

/* A login of the user at hand, by a person who is otherwise as he was set up. */
static int
log_in(struct stage *s)
{
	app_end(&s->app);
	app_forget(&s->app);
	world_log_clear();
	memset(person.asked, 0, sizeof(person.asked));
	person.stage = s;
	person.names = 0;
	person.pairs = 0;
	s->app.hook = hook;
	return app_login(&s->app);
}

static int
setup(void **state)
{
	if (stage_setup(state) != 0)
		return -1;
	struct stage *s = *state;
	memset(&person, 0, sizeof(person));
	person.at = OTHER;
	s->app.user = "bob";
	stage_settings(s, SETTINGS);
	stage_stack(s, STACK);
	return 0;
}

static const char *
log_of(size_t i)
{
	return i < world_log_count() ? world_log_line(i)->text : "";
}

/* Neither log nor messages hold the secret, or what was typed. */
static void
expect_nothing_told(const struct stage *s)
{
	for (unsigned i = 0; i < world_log_count(); i++)
		for (unsigned k = 0; k < 2; k++) {
			assert_true(person.phone.key[0] == '\0' ||
			    strstr(log_of(i), person.phone.key) == NULL);
			assert_true(person.code[k][0] == '\0' ||
			    strstr(log_of(i), person.code[k]) == NULL);
		}
	for (unsigned i = 0; i < s->app.shown_count; i++)
		if (s->app.shown[i].style == PAM_ERROR_MSG ||
		    s->app.shown[i].style == PAM_TEXT_INFO)
			assert_null(strstr(app_shown(&s->app, i), "only once"));
}

static void
expect_nothing_stored(const struct stage *s)
{
	struct store_entry e = stage_look(s, "bob");

	assert_false(e.has_record);
	assert_int_equal(e.health, STATE_FRESH);
}

static void
test_enrols(void **state)
{
	struct stage *s = *state;
	const struct otp_params params = OTP_PARAMS_DEFAULT;

	assert_int_equal(log_in(s), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 4);
	assert_int_equal(s->app.shown_count, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(app_shown(&s->app, i)[0], '\n');
	enroll_expect_line(0, "event=enrol reason=begun" OF_BOB "phone");
	enroll_expect_line(1, "event=enrol reason=confirmed" OF_BOB "phone");
	stage_expect_one(6, "event=accept reason=enrolled user=bob", "device=phone");
	expect_nothing_told(s);

	struct store_entry e = stage_look(s, "bob");
	assert_true(e.has_record);
	assert_int_equal(e.record.uid, BOB_UID);
	assert_int_equal(e.record.device_count, 1);
	assert_string_equal(e.record.device[0].name, "phone");
	assert_int_equal(e.record.device[0].state, DEVICE_ACTIVE);
	assert_memory_equal(e.record.device[0].secret.bytes, person.phone.secret.bytes, 20);
	assert_int_equal(state_find(&e.state, e.record.device[0].id)->last_step,
	    otp_step(&params, world_clock()));
	assert_int_equal(e.record.recovery.count, RECOVERY_CODES_MAX);
	const char *sheet = strstr(app_shown(&s->app, 3), ":\n  ");
	assert_non_null(sheet);
	struct recovery_typed typed;
	int index = -1;
	assert_int_equal(recovery_parse_typed((struct span){ sheet + 4, RECOVERY_TEXT_CAP - 1 },
	    &typed), 0);
	assert_int_equal(recovery_match(&e.record.recovery, &typed, &index), 0);
	assert_int_equal(index, 0);
}

/* Neither code of the enrolment logs in; the next one does, and the user is told. */
static void
test_next_login(void **state)
{
	struct stage *s = *state;

	assert_int_equal(log_in(s), PAM_SUCCESS);
	for (int offset = -1; offset <= 0; offset++) {
		assert_int_equal(stage_login(s, stage_code(s, "bob", offset)), PAM_AUTH_ERR);
		assert_int_equal(s->app.prompt_count, 1);
	}
	world_set_clock(world_clock() + 30);
	assert_int_equal(stage_login(s, stage_code(s, "bob", 0)), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 1);
	stage_expect_shown(s, 1, PAM_TEXT_INFO,
	    "Notice of 2023-11-14 22:14 UTC: device phone was added at login");

	assert_int_equal(unlink(stage_path(s, "secrets/bob")), 0);
	assert_int_equal(unlink(stage_path(s, "state/bob")), 0);
	s->app.rhost = "2001:db8:1234:5678:9abc:def0:1234:5678";
	person.name[0] = "a-name-of-sixty-four-bytes-a-name-of-sixty-four-bytes-a-name-of-";
	assert_int_equal(log_in(s), PAM_SUCCESS);
	world_set_clock(world_clock() + 30);
	app_forget(&s->app); /* the name was an answer, which is no secret here */
	assert_int_equal(stage_login(s, stage_code(s, "bob", 0)), PAM_SUCCESS);
	stage_expect_shown(s, 1, PAM_TEXT_INFO, "Notice of 2023-11-14 22:15 UTC: device "
	    "a-name-of-sixty-four-bytes-a-name-of-sixty-four-bytes-a-name-of- was added at "
	    "login, from 2001:db8:1234:5678:9abc:def0:1234:5678");
}

/* Everybody else is asked for a code, as without this module, and refused without one. */
static void
expect_left_alone(struct stage *s, int code, unsigned prompts)
{
	assert_int_equal(log_in(s), code);
	assert_int_equal(s->app.prompt_count, prompts);
	assert_int_equal(person.asked[OTHER], prompts);
	for (unsigned i = 0; i < world_log_count(); i++)
		assert_null(strstr(log_of(i), "pam_totp_enroll"));
}

static void
test_others_are_left_alone(void **state)
{
	struct stage *s = *state;
	static const char *const deny[] = { "unenrolled = deny\n", "" };

	for (unsigned i = 0; i < LEN(deny); i++) {
		stage_settings(s, deny[i]);
		expect_left_alone(s, PAM_AUTH_ERR, 1);
	}
	stage_settings(s, "unenrolled = skip\n");
	stage_stack(s, STACK "auth required pam_permit.so\n");
	expect_left_alone(s, PAM_SUCCESS, 0);
	stage_settings(s, "unenrolled = grace\n");
	expect_left_alone(s, PAM_SUCCESS, 0);
	stage_stack(s, STACK);
	stage_settings(s, SETTINGS);
	s->app.user = "mallory";
	expect_left_alone(s, PAM_AUTH_ERR, 1);
	s->app.user = "alice";
	expect_left_alone(s, PAM_AUTH_ERR, 1);
}

/* A device that an administrator gave an end is a device: its owner goes to him. */
static void
test_expired_device(void **state)
{
	struct stage *s = *state;

	stage_enrol(s, "bob", BOB_UID, "old");
	struct store_entry e = stage_look(s, "bob");
	e.record.device[0].expires = STAGE_NOW - 5;
	stage_put(s, "bob", &e);
	expect_left_alone(s, PAM_AUTH_ERR, 1);
	e = stage_look(s, "bob");
	e.record.uid = BOB_UID + 1; /* another account's record */
	e.record.device[0].state = DEVICE_DISABLED;
	e.record.device[0].expires = 0;
	stage_put(s, "bob", &e);
	expect_left_alone(s, PAM_AUTHINFO_UNAVAIL, 1);
}

/* Alone it lets nobody in: libpam refuses who was only ignored. */
static void
test_alone(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "auth required {enroll}\naccount required {enroll}\n");
	s->app.user = "alice";
	assert_int_not_equal(log_in(s), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 0);
	s->app.user = "mallory";
	assert_int_not_equal(log_in(s), PAM_SUCCESS);
	s->app.user = "bob";
	app_forget(&s->app);
	assert_int_equal(app_start(&s->app), PAM_SUCCESS);
	assert_int_not_equal(pam_acct_mgmt(s->app.pamh, 0), PAM_SUCCESS);
	app_end(&s->app);
}

static void
test_broken_off(void **state)
{
	struct stage *s = *state;
	static const enum app_answer_kind kinds[] = { APP_NULL, APP_FAIL, APP_NO_REPLY, APP_TEXT };

	for (unsigned q = NAME; q <= CODE2; q++)
		for (unsigned k = 0; k < LEN(kinds); k++) {
			/* 65 digits are no answer; a person's own are never that long. */
			person.at = (enum question)q;
			person.kind = kinds[k];
			assert_int_equal(log_in(s), PAM_AUTH_ERR);
			assert_int_equal(person.asked[OTHER], 0);
			assert_int_equal(person.asked[SHEET], 0);
			enroll_expect_line(enroll_line_count() - 1, "event=enrol reason=no-answer");
			expect_nothing_stored(s);
		}
	s->app.has_no_conversation = true;
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	expect_nothing_stored(s);
}

/* With the device active on disk the login is refused all the same, and the next one asks. */
static void
test_broken_off_at_recovery_codes(void **state)
{
	struct stage *s = *state;

	person.at = SHEET;
	person.kind = APP_FAIL;
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_int_equal(stage_look(s, "bob").record.device[0].state, DEVICE_ACTIVE);
	person.kind = 0;
	world_set_clock(world_clock() + 30);
	assert_int_equal(stage_login(s, stage_code(s, "bob", 0)), PAM_SUCCESS);
}

static void
test_wrong_codes(void **state)
{
	struct stage *s = *state;
	char secret[3][80];
	static const struct {
		int offset[2];
		const char *reason, *told;
	} cases[] = {
	    { { 0, -1 }, "event=enrol reason=same-code", "the same code" },
	    { { 1, -1 }, "event=enrol reason=swapped", "in the wrong" },
	    { { -4, -4 }, "event=enrol reason=stale", "Both codes are right but" },
	    { { 0, 5000 }, "event=enrol reason=second-wrong", "the second one\nis wrong" },
	    { { 5000, 6000 }, "event=enrol reason=wrong", "Neither code" },
	};

	for (unsigned i = 0; i < LEN(cases); i++) {
		for (unsigned k = 0; k < 3; k++)
			memcpy(person.offset[k], cases[i].offset, sizeof(person.offset[k]));
		assert_int_equal(log_in(s), PAM_AUTH_ERR);
		assert_int_equal(person.asked[CODE1], 3);
		assert_int_equal(person.asked[CODE2], 3);
		assert_int_equal(person.asked[OTHER], 0);
		assert_non_null(strstr(app_shown(&s->app, 3), cases[i].told));
		enroll_expect_line(1, cases[i].reason);
		enroll_expect_line(3, cases[i].reason);
		expect_nothing_told(s);
		expect_nothing_stored(s);
		memcpy(secret[i % 3], person.phone.key, sizeof(person.phone.key));
	}
	/* Each login has a secret of its own. */
	assert_string_not_equal(secret[0], secret[1]);
	assert_string_not_equal(secret[1], secret[2]);
	/* The third pair is right. */
	memset(person.offset[2], 0, sizeof(person.offset[2]));
	assert_int_equal(log_in(s), PAM_SUCCESS);
	assert_int_equal(person.asked[CODE2], 3);
}

/* What is no code is told at once. */
static void
test_malformed_code(void **state)
{
	struct stage *s = *state;

	person.typed = "12345";
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_int_equal(person.asked[CODE1], 3);
	assert_int_equal(person.asked[CODE2], 0);
	assert_non_null(strstr(app_shown(&s->app, 2), "6 digits"));
	expect_nothing_stored(s);
}

static void
test_names(void **state)
{
	struct stage *s = *state;

	person.name[0] = "a b";
	person.name[1] = "-x";
	person.name[2] = "tab";
	assert_int_equal(log_in(s), PAM_SUCCESS);
	assert_int_equal(person.asked[NAME], 3);
	assert_string_equal(stage_look(s, "bob").record.device[0].name, "tab");

	struct store_entry e = stage_look(s, "bob");
	e.record.device[0].state = DEVICE_DISABLED;
	stage_put(s, "bob", &e);
	person.name[0] = person.name[1] = person.name[2] = "TAB";
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_int_equal(person.asked[NAME], 3);
	assert_int_equal(person.asked[CODE1], 0);
	assert_non_null(strstr(app_shown(&s->app, 1), "There is a disabled device of that"));
	assert_int_equal(stage_look(s, "bob").record.device_count, 1);
}

static void
become_alice(struct person *p)
{
	assert_int_equal(pam_set_item(p->stage->app.pamh, PAM_USER, "alice"), PAM_SUCCESS);
}

static void
test_user_changed(void **state)
{
	struct stage *s = *state;

	person.event = become_alice;
	for (unsigned q = NAME; q <= CODE2; q++) {
		person.at = (enum question)q;
		assert_int_equal(log_in(s), PAM_AUTH_ERR);
		assert_int_equal(person.asked[OTHER], 0);
		expect_nothing_stored(s);
		assert_int_equal(stage_look(s, "alice").record.device_count, 1);
	}
	person.at = SHEET;
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
}

static void
pass_time(struct person *p)
{
	(void)p;
	world_set_clock(world_clock() + 600);
}

static void
test_too_late(void **state)
{
	struct stage *s = *state;

	person.at = CODE1;
	person.event = pass_time;
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	enroll_expect_line(1, "event=enrol reason=expired");
	expect_nothing_stored(s);
}

static void
enrol_elsewhere(struct person *p)
{
	stage_enrol(p->stage, "bob", BOB_UID, "other");
}

/* The first login that is through wins; of the other one nothing is left (AWS-2023-001). */
static void
test_meanwhile(void **state)
{
	struct stage *s = *state;

	person.event = enrol_elsewhere;
	person.at = CODE2;
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	enroll_expect_line(1, "event=enrol reason=changed-meanwhile");
	assert_non_null(strstr(app_shown(&s->app, 3), "have changed meanwhile"));
	assert_int_equal(s->app.shown[3].style, PAM_ERROR_MSG);
	struct store_entry e = stage_look(s, "bob");
	assert_int_equal(e.record.device_count, 1);
	assert_string_equal(e.record.device[0].name, "other");
	assert_int_equal(e.record.recovery.id, 0);
}

static void
spoil_store(struct person *p)
{
	stage_write(stage_path(p->stage, "secrets/bob"), "a ruin\n", 0600);
}

static void
test_broken_store(void **state)
{
	struct stage *s = *state;

	person.event = spoil_store;
	person.at = CODE2;
	assert_int_equal(log_in(s), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(person.asked[SHEET], 0);
	enroll_expect_line(1, "event=error reason=store");
	assert_int_equal(log_in(s), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->app.prompt_count, 0);
	assert_int_equal(unlink(stage_path(s, "secrets/bob")), 0);
	expect_nothing_stored(s);
	assert_int_equal(chmod(s->store, 0777), 0);
	assert_int_equal(log_in(s), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->app.prompt_count, 0);
	assert_int_equal(chmod(s->store, 0700), 0);

	stage_settings(s, "unenrolled = enrol\n");
	assert_int_equal(log_in(s), PAM_SERVICE_ERR);
	assert_int_equal(s->app.prompt_count, 0);
	enroll_expect_line(0, "event=error reason=settings");
}

static void
give_ticket(struct stage *s, char text[RECOVERY_TEXT_CAP], uint64_t expires)
{
	struct store_entry e = stage_look(s, "bob");

	if (!e.has_record)
		assert_int_equal(record_init(&e.record, "bob", BOB_UID), 0);
	e.has_record = true;
	e.state.uid = BOB_UID;
	e.record.ticket.id++;
	e.record.ticket.expires = expires;
	assert_int_equal(recovery_grant_make(e.record.ticket.salt, e.record.ticket.hash, text), 0);
	stage_put(s, "bob", &e);
}

static void
test_ticket(void **state)
{
	struct stage *s = *state;
	char ticket[RECOVERY_TEXT_CAP], other[RECOVERY_TEXT_CAP];
	uint8_t salt[RECOVERY_SALT_LEN], hash[RECOVERY_HASH_LEN];

	stage_settings(s, SETTINGS "enrol_ticket = required\nthrottle_after = 3\n");
	assert_int_equal(recovery_grant_make(salt, hash, other), 0);
	person.ticket = other;
	assert_int_equal(log_in(s), PAM_AUTH_ERR); /* there is none at all */
	assert_int_equal(person.asked[NAME], 0);
	enroll_expect_line(0, "event=enrol reason=ticket");
	assert_int_equal(stage_look(s, "bob").state.fails, 1);
	assert_false(stage_look(s, "bob").has_record);

	give_ticket(s, ticket, world_clock() + 3600);
	assert_int_equal(log_in(s), PAM_AUTH_ERR); /* another one */
	assert_int_equal(stage_look(s, "bob").state.fails, 2);

	/* A conversation that breaks off does not spend it. */
	person.ticket = ticket;
	person.at = CODE2;
	person.kind = APP_FAIL;
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_int_equal(stage_look(s, "bob").state.ticket_spent, 0);
	assert_int_equal(stage_look(s, "bob").record.device_count, 0);
	person.kind = 0;
	assert_int_equal(log_in(s), PAM_SUCCESS);
	assert_int_equal(stage_look(s, "bob").state.ticket_spent, 1);

	/* It is spent, whatever becomes of the device. */
	struct store_entry e = stage_look(s, "bob");
	e.record.device[0].state = DEVICE_DISABLED;
	stage_put(s, "bob", &e);
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	enroll_expect_line(0, "event=enrol reason=ticket");
	assert_int_equal(log_in(s), PAM_MAXTRIES); /* the third in a row */
	assert_int_equal(s->app.prompt_count, 0);
	enroll_expect_line(0, "event=enrol reason=throttled");
	for (unsigned i = 0; i < world_log_count(); i++)
		assert_null(strstr(log_of(i), ticket));
}

static void
test_ticket_is_over(void **state)
{
	struct stage *s = *state;
	char ticket[RECOVERY_TEXT_CAP];

	stage_settings(s, SETTINGS "enrol_ticket = required\n");
	give_ticket(s, ticket, world_clock());
	person.ticket = ticket;
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_int_equal(person.asked[NAME], 0);
}

static void
test_locked(void **state)
{
	struct stage *s = *state;
	char ticket[RECOVERY_TEXT_CAP];

	give_ticket(s, ticket, world_clock() + 60);
	struct store_entry e = stage_look(s, "bob");
	e.state.is_locked = true;
	stage_put(s, "bob", &e);
	assert_int_equal(log_in(s), PAM_MAXTRIES);
	assert_int_equal(s->app.prompt_count, 0);
}

/* The QR code is drawn where it is wanted, without escape sequences, and the key below. */
static void
test_qr_styles(void **state)
{
	struct stage *s = *state;

	person.at = CODE1;
	person.kind = APP_FAIL;
	stage_settings(s, "unenrolled = enroll\n");
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_non_null(strstr(app_shown(&s->app, 1), "\xe2\x96\x88\xe2\x96\x88"));
	assert_null(strchr(app_shown(&s->app, 1), '\033'));
	stage_settings(s, "unenrolled = enroll\nqr = ascii\n");
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_non_null(strstr(app_shown(&s->app, 1), "####"));
	assert_null(strstr(app_shown(&s->app, 1), "\xe2"));
	stage_settings(s, "unenrolled = enroll\n");
	stage_stack(s, "auth requisite {enroll} qr=none\nauth required {totp}\n");
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_null(strstr(app_shown(&s->app, 1), "Scan"));
	assert_int_equal(strlen(person.phone.key), 32);
}

#define ENROLL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENROLL_TEST(test_enrols),
		ENROLL_TEST(test_next_login),
		ENROLL_TEST(test_others_are_left_alone),
		ENROLL_TEST(test_expired_device),
		ENROLL_TEST(test_alone),
		ENROLL_TEST(test_broken_off),
		ENROLL_TEST(test_broken_off_at_recovery_codes),
		ENROLL_TEST(test_wrong_codes),
		ENROLL_TEST(test_malformed_code),
		ENROLL_TEST(test_names),
		ENROLL_TEST(test_user_changed),
		ENROLL_TEST(test_too_late),
		ENROLL_TEST(test_meanwhile),
		ENROLL_TEST(test_broken_store),
		ENROLL_TEST(test_ticket),
		ENROLL_TEST(test_ticket_is_over),
		ENROLL_TEST(test_locked),
		ENROLL_TEST(test_qr_styles),
	};

	return cmocka_run_group_tests_name("enroll", tests, NULL, NULL);
}
