/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Rotation inside the login: the shipped modules under libpam. A user whose device had to be
 * replaced by now is asked for a code, shown the new key, and let in by two codes of it; nobody
 * else sees anything of it. The old secret works until then, whatever breaks off; the proof is
 * looked at again by the write. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "core/devices.h"
#include "support/login_phone.h"
#include "support/login_stage.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define STACK "auth requisite {enroll}\nauth required {totp}\n"
#define SETTINGS "qr = none\n"
#define OF_ALICE " user=alice service=totp-test rhost=- tty=- device="

/* What is asked, in its order. */
enum question { PROOF, READY, CODE1, CODE2, OTHER };

static struct person {
	struct stage *stage;
	const char *proof[3]; /* typed as the first code, one after the other */
	int offset[3][2];     /* of each pair of new codes, in steps from those that are due */
	enum question at;     /* something happens at this question, or it gets this answer */
	void (*event)(struct stage *s);
	enum app_answer_kind kind; /* 0: a real one */

	struct phone phone;
	unsigned proofs, pairs;
	unsigned asked[OTHER + 1];
} person;

static enum question
question_of(const char *text)
{
	if (phone_ends_in(text, "press Enter: "))
		return READY;
	if (phone_ends_in(text, "Code 1: "))
		return CODE1;
	if (phone_ends_in(text, "Code 2: "))
		return CODE2;
	return strcmp(text, "MFA code: ") == 0 ? PROOF : OTHER;
}

static void
type_code(struct app *a, const struct person *p, unsigned which)
{
	char text[16];

	phone_read(&p->phone, p->offset[p->pairs][which], text);
	app_will_answer(a, text);
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
		p->event(p->stage);
	if (q == p->at && p->kind != 0) {
		app_will(a, p->kind);
		return;
	}
	switch (q) {
	case PROOF:
		app_will_answer(a, p->proof[p->proofs]);
		p->proofs += p->proofs + 1 < LEN(p->proof);
		return;
	case READY:
		app_will_answer(a, "");
		return;
	case CODE1:
		type_code(a, p, 0);
		return;
	case CODE2:
		world_set_clock(world_clock() + 30);
		type_code(a, p, 1);
		p->pairs++;
		return;
	case OTHER:
		app_will_answer(a, "000000");
		return;
	}
}

static int
log_in(struct stage *s)
{
	app_end(&s->app);
	app_forget(&s->app);
	world_log_clear();
	memset(person.asked, 0, sizeof(person.asked));
	person.stage = s;
	person.proofs = 0;
	person.pairs = 0;
	person.phone.key[0] = '\0';
	s->app.hook = hook;
	int r = app_login(&s->app);
	if (person.phone.key[0] != '\0')
		for (size_t i = 0; i < world_log_count(); i++)
			assert_null(strstr(world_log_line(i)->text, person.phone.key));
	return r;
}

/* With the right code of alice's first device. */
static int
log_in_rightly(struct stage *s)
{
	person.proof[0] = stage_code(s, "alice", 0);
	return log_in(s);
}

static void
rotate_by(struct stage *s, unsigned device, uint64_t at_s)
{
	struct store_entry e = stage_look(s, "alice");

	e.record.device[device].rotate_by = at_s;
	stage_put(s, "alice", &e);
}

static int
setup(void **state)
{
	if (stage_setup(state) != 0)
		return -1;
	struct stage *s = *state;
	memset(&person, 0, sizeof(person));
	person.at = OTHER;
	person.proof[0] = person.proof[1] = person.proof[2] = "x";
	stage_settings(s, SETTINGS);
	stage_stack(s, STACK);
	rotate_by(s, 0, STAGE_NOW);
	return 0;
}

static bool
was_told(const struct stage *s, const char *text)
{
	for (unsigned i = 0; i < s->app.shown_count; i++)
		if (strstr(app_shown(&s->app, i), text) != NULL)
			return true;
	return false;
}

/* The devices are what they were, and the old one logs in. */
static void
expect_old_works(struct stage *s, unsigned devices)
{
	struct store_entry e = stage_look(s, "alice");

	assert_int_equal(e.record.device_count, devices);
	for (unsigned i = 0; i < devices; i++)
		assert_int_equal(e.record.device[i].state, DEVICE_ACTIVE);
	assert_string_equal(e.record.device[0].name, "phone");
	rotate_by(s, 0, 0);
	world_set_clock(world_clock() + 60);
	s->app.hook = NULL;
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	rotate_by(s, 0, STAGE_NOW);
	world_set_clock(world_clock() + 60);
}

static void
test_leads_through(void **state)
{
	struct stage *s = *state;
	struct otp_secret old = stage_look(s, "alice").record.device[0].secret;
	const char *old_code = stage_code(s, "alice", 2);

	assert_int_equal(log_in_rightly(s), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 4);
	assert_int_equal(person.asked[PROOF], 1);
	assert_int_equal(person.asked[READY], 1);
	assert_int_equal(s->app.shown[0].style, PAM_PROMPT_ECHO_OFF);
	assert_true(was_told(s, "\nDevice \"phone\" had to be replaced by\n2023-11-14: it gets"));
	assert_true(was_told(s, "Device phone has its new secret. The old one is disabled and kept "
	    "as phone+old (last used: 2023-11-14 22:13 UTC)."));
	enroll_expect_line(0, "event=rotate reason=code" OF_ALICE
	    "phone fails=0 wait=0 rotate=overdue");
	enroll_expect_line(1, "event=rotate reason=begun" OF_ALICE "phone");
	enroll_expect_line(2, "event=rotate reason=confirmed" OF_ALICE "phone");
	stage_expect_one(6, "event=accept reason=enrolled user=alice", "device=phone");

	struct store_entry e = stage_look(s, "alice");
	assert_int_equal(e.record.device_count, 2);
	assert_string_equal(e.record.device[0].name, "phone+old");
	assert_int_equal(e.record.device[0].state, DEVICE_DISABLED);
	assert_memory_equal(e.record.device[0].secret.bytes, old.bytes, old.len);
	assert_string_equal(e.record.device[1].name, "phone");
	assert_int_equal(e.record.device[1].state, DEVICE_ACTIVE);
	assert_int_equal(e.record.device[1].rotate_by, 0);
	assert_memory_equal(e.record.device[1].secret.bytes, person.phone.secret.bytes, 20);

	/* The old one is over, codes of the change are spent, the next one is asked for as ever. */
	s->app.hook = NULL;
	world_set_clock(STAGE_NOW + 60);
	assert_int_equal(stage_login(s, old_code), PAM_AUTH_ERR);
	stage_forget(s);
	person.pairs = 0;
	type_code(&s->app, &person, 0);
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 1);
	assert_true(was_told(s, "22:14 UTC: the secret of device phone was replaced at login"));
}

/* A program that cannot be told is a matter for the log. */
static void
test_notify_that_fails(void **state)
{
	struct stage *s = *state;

	stage_settings(s, SETTINGS "notify = /nonexistent/program\n");
	assert_int_equal(log_in_rightly(s), PAM_SUCCESS);
	enroll_expect_line(2, "event=rotate reason=confirmed");
	enroll_expect_line(3, "event=error reason=notify user=alice service=totp-test error=");
}

/* Exactly as without the module: asked once, by pam_totp.so. */
static void
expect_left_alone(struct stage *s, int code, unsigned prompts)
{
	world_set_clock(world_clock() + 60);
	person.proof[0] = stage_code(s, "alice", 0);
	assert_int_equal(log_in(s), code);
	assert_int_equal(s->app.prompt_count, prompts);
	for (size_t i = 0; i < world_log_count(); i++)
		assert_null(strstr(world_log_line(i)->text, "pam_totp_enroll"));
}

static void
test_others_are_left_alone(void **state)
{
	struct stage *s = *state;

	rotate_by(s, 0, STAGE_NOW + 3600);
	expect_left_alone(s, PAM_SUCCESS, 1);
	assert_true(was_told(s, "must be replaced by"));
	rotate_by(s, 0, 0);
	expect_left_alone(s, PAM_SUCCESS, 1);

	struct store_entry e = stage_look(s, "alice");
	e.record.device[0].rotate_by = STAGE_NOW;
	e.record.exempt_until = STAGE_NOW + 86400;
	memcpy(e.record.exempt_reason, "leave", sizeof("leave"));
	stage_put(s, "alice", &e);
	stage_stack(s, STACK "auth required pam_permit.so\n");
	expect_left_alone(s, PAM_SUCCESS, 0);
	stage_stack(s, STACK);
	e = stage_look(s, "alice");
	e.record.exempt_until = 0;
	e.record.exempt_reason[0] = '\0';
	e.record.uid = STAGE_UID + 7; /* another account's record */
	e.state.uid = STAGE_UID + 7;
	stage_put(s, "alice", &e);
	expect_left_alone(s, PAM_AUTHINFO_UNAVAIL, 1);
	e = stage_look(s, "alice");
	e.record.uid = STAGE_UID;
	e.record.device[0].expires = STAGE_NOW - 1;
	stage_put(s, "alice", &e);
	expect_left_alone(s, PAM_AUTH_ERR, 1);
}

/* The code comes from another module: reminded and let in. */
static void
test_first_pass(void **state)
{
	struct stage *s = *state;
	char stack[256];
	const char *const modes[] = { "use", "append" };

	for (unsigned i = 0; i < LEN(modes); i++) {
		char settings[64];
		(void)snprintf(settings, sizeof(settings), SETTINGS "first_pass = %s\n", modes[i]);
		stage_settings(s, settings);
		world_set_clock(world_clock() + 60);
		(void)snprintf(stack, sizeof(stack), "auth optional {token} set=%s%s\n" STACK,
		    i == 0 ? "" : "secret", stage_code(s, "alice", 0));
		stage_stack(s, stack);
		assert_int_equal(log_in(s), PAM_SUCCESS);
		assert_int_equal(s->app.prompt_count, 0);
		assert_true(was_told(s, "Device \"phone\" had to be replaced by 2023-11-14: run "
		    "totp-enroll rotate phone"));
		stage_expect_one(6, "event=accept reason=code", "rotate=overdue");
	}
	stage_settings(s, SETTINGS "first_pass = try\n");
	world_set_clock(world_clock() + 60);
	(void)snprintf(stack, sizeof(stack), "auth optional {token} set=%s\n" STACK,
	    stage_code(s, "alice", 0));
	stage_stack(s, stack);
	assert_int_equal(log_in(s), PAM_SUCCESS);
	assert_int_equal(person.asked[PROOF], 0);
	assert_int_equal(person.asked[READY], 1);
}

/* A wrong code is what it is without the module, and shows nothing of the rotation. */
static void
test_wrong_proof(void **state)
{
	struct stage *s = *state;

	stage_settings(s, SETTINGS "tries = 3\n");
	person.proof[0] = person.proof[1] = person.proof[2] = stage_wrong_code(s);
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 3);
	assert_int_equal(person.asked[PROOF], 3);
	for (unsigned i = 0; i < 3; i++)
		enroll_expect_line(i, "event=deny reason=wrong" OF_ALICE "- fails=");
	assert_true(was_told(s, "This code is not right."));
	assert_int_equal(stage_look(s, "alice").state.fails, 3);
	assert_true(s->app.delay_us > 0);
	person.proof[2] = stage_code(s, "alice", 0);
	assert_int_equal(log_in(s), PAM_MAXTRIES);
	enroll_expect_line(2, "event=deny reason=throttled" OF_ALICE "-");
	assert_int_equal(person.asked[READY], 0);
	world_set_clock(world_clock() + 3600);
	expect_old_works(s, 1);
	assert_int_equal(log_in_rightly(s), PAM_SUCCESS);
}

static void
test_reused_proof(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "auth required {totp}\n");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	assert_true(was_told(s, "run totp-enroll rotate phone"));
	stage_stack(s, STACK);
	assert_int_equal(log_in_rightly(s), PAM_AUTH_ERR);
	enroll_expect_line(0, "event=deny reason=reused" OF_ALICE "phone");
	assert_int_equal(person.asked[READY], 0);
}

static void
test_broken_off(void **state)
{
	struct stage *s = *state;
	static const enum app_answer_kind kinds[] = { APP_NULL, APP_FAIL, APP_NO_REPLY };

	for (unsigned q = READY; q <= CODE2; q++)
		for (unsigned k = 0; k < LEN(kinds); k++) {
			person.at = (enum question)q;
			person.kind = kinds[k];
			assert_int_equal(log_in_rightly(s), PAM_AUTH_ERR);
			enroll_expect_line(q == READY ? 1 : 2, "event=rotate reason=no-answer");
			assert_true(was_told(s, "its old key still works"));
			expect_old_works(s, 1);
		}
	person.at = PROOF;
	person.kind = APP_FAIL;
	assert_int_equal(log_in_rightly(s), PAM_AUTH_ERR);
	enroll_expect_line(0, "event=deny reason=no-answer");
	expect_old_works(s, 1);
}

static void
test_wrong_pairs(void **state)
{
	struct stage *s = *state;

	for (unsigned i = 0; i < 3; i++)
		person.offset[i][0] = person.offset[i][1] = 5000;
	assert_int_equal(log_in_rightly(s), PAM_AUTH_ERR);
	assert_int_equal(person.asked[CODE2], 3);
	enroll_expect_line(4, "event=rotate reason=wrong");
	assert_true(was_told(s, "The device was not replaced, and its old key still works: too "
	    "many wrong codes."));
	expect_old_works(s, 1);
	person.offset[2][0] = person.offset[2][1] = 0;
	assert_int_equal(log_in_rightly(s), PAM_SUCCESS);
}

static void
pass_time(struct stage *s)
{
	(void)s;
	world_set_clock(world_clock() + 600);
}

static void
test_too_late(void **state)
{
	struct stage *s = *state;

	person.at = CODE1;
	person.event = pass_time;
	assert_int_equal(log_in_rightly(s), PAM_AUTH_ERR);
	enroll_expect_line(2, "event=rotate reason=expired");
	expect_old_works(s, 1);
}

/* Whichever proof: the device that is overdue goes, the other one stays. */
static void
test_other_proofs(void **state)
{
	struct stage *s = *state;
	struct store_entry e = stage_look(s, "alice");
	struct recovery_sheet sheet;

	assert_int_equal(devices_new_recovery(&e, &sheet, NULL), 0);
	stage_put(s, "alice", &e);
	person.proof[0] = sheet.text[3];
	assert_int_equal(log_in(s), PAM_SUCCESS);
	enroll_expect_line(0, "event=rotate reason=recovery" OF_ALICE
	    "- fails=0 wait=0 recovery-left=9");
	assert_true(was_told(s, "Recovery code used, 9 left."));
	assert_string_equal(stage_look(s, "alice").record.device[0].name, "phone+old");

	/* Of two that are overdue the one whose code it was. */
	stage_enrol(s, "alice", STAGE_UID, "tablet");
	rotate_by(s, 1, STAGE_NOW);
	rotate_by(s, 2, STAGE_NOW);
	e = stage_look(s, "alice");
	world_set_clock(world_clock() + 60);
	char code[16];
	uint32_t number = 0;
	assert_int_equal(otp_code(&e.record.device[2].params, &e.record.device[2].secret,
	    otp_step(&e.record.device[2].params, world_clock()), &number), 0);
	(void)snprintf(code, sizeof(code), "%06u", number);
	person.proof[0] = code;
	assert_int_equal(log_in(s), PAM_SUCCESS);
	e = stage_look(s, "alice");
	assert_string_equal(e.record.device[1].name, "phone");
	assert_int_equal(e.record.device[1].state, DEVICE_ACTIVE);
	assert_string_equal(e.record.device[2].name, "tablet+old");

	/* A code of one that is not overdue: the next login replaces the other. */
	world_set_clock(world_clock() + 60);
	assert_int_equal(otp_code(&e.record.device[3].params, &e.record.device[3].secret,
	    otp_step(&e.record.device[3].params, world_clock()), &number), 0);
	(void)snprintf(code, sizeof(code), "%06u", number);
	assert_int_equal(log_in(s), PAM_SUCCESS);
	enroll_expect_line(0, "event=rotate reason=code" OF_ALICE "tablet");
	enroll_expect_line(2, "event=rotate reason=confirmed" OF_ALICE "phone");
}

static void
replace_elsewhere(struct stage *s)
{
	struct store_entry e = stage_look(s, "alice");

	e.record.device[0].state = DEVICE_DISABLED;
	stage_put(s, "alice", &e);
	stage_enrol(s, "alice", STAGE_UID, "other");
}

static void
reset_elsewhere(struct stage *s)
{
	assert_int_equal(unlink(stage_path(s, "secrets/alice")), 0);
	assert_int_equal(unlink(stage_path(s, "state/alice")), 0);
	stage_enrol(s, "alice", STAGE_UID, "phone");
}

static void
void_recovery(struct stage *s)
{
	struct store_entry e = stage_look(s, "alice");
	struct recovery_sheet sheet;

	assert_int_equal(devices_new_recovery(&e, &sheet, NULL), 0);
	stage_put(s, "alice", &e);
}

/* What was shown does not hold any more when the new secret is to be stored. */
static void
test_meanwhile(void **state)
{
	struct stage *s = *state;
	struct recovery_sheet sheet;

	person.at = CODE2;
	person.event = void_recovery;
	struct store_entry e = stage_look(s, "alice");
	assert_int_equal(devices_new_recovery(&e, &sheet, NULL), 0);
	stage_put(s, "alice", &e);
	person.proof[0] = sheet.text[0];
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	enroll_expect_line(2, "event=rotate reason=changed-meanwhile");
	assert_true(was_told(s, "The key shown here does not count"));
	expect_old_works(s, 1);

	person.event = reset_elsewhere;
	assert_int_equal(log_in_rightly(s), PAM_AUTH_ERR);
	enroll_expect_line(2, "event=rotate reason=changed-meanwhile");
	expect_old_works(s, 1);

	person.event = replace_elsewhere;
	assert_int_equal(log_in_rightly(s), PAM_AUTH_ERR);
	enroll_expect_line(2, "event=rotate reason=changed-meanwhile");
	assert_int_equal(stage_look(s, "alice").record.device_count, 2);
}

/* The device whose code it was has gone, the overdue one has not. */
static void
disable_second(struct stage *s)
{
	struct store_entry e = stage_look(s, "alice");

	e.record.device[1].state = DEVICE_DISABLED;
	stage_put(s, "alice", &e);
}

static void
test_proof_of_a_device_that_goes(void **state)
{
	struct stage *s = *state;
	char code[16];
	uint32_t number = 0;

	stage_enrol(s, "alice", STAGE_UID, "tablet");
	struct store_entry e = stage_look(s, "alice");
	assert_int_equal(otp_code(&e.record.device[1].params, &e.record.device[1].secret,
	    otp_step(&e.record.device[1].params, world_clock()), &number), 0);
	(void)snprintf(code, sizeof(code), "%06u", number);
	person.proof[0] = code;
	person.at = CODE2;
	person.event = disable_second;
	assert_int_equal(log_in(s), PAM_AUTH_ERR);
	enroll_expect_line(2, "event=rotate reason=changed-meanwhile");
	e = stage_look(s, "alice");
	assert_int_equal(e.record.device_count, 2);
	assert_int_equal(e.record.device[0].state, DEVICE_ACTIVE);
}

static void
spoil_store(struct stage *s)
{
	stage_write(stage_path(s, "secrets/alice"), "a ruin\n", 0600);
}

static void
test_broken_store(void **state)
{
	struct stage *s = *state;

	person.at = CODE2;
	person.event = spoil_store;
	assert_int_equal(log_in_rightly(s), PAM_AUTHINFO_UNAVAIL);
	enroll_expect_line(2, "event=error reason=store");
	reset_elsewhere(s);
	rotate_by(s, 0, STAGE_NOW);
	person.at = PROOF;
	assert_int_equal(log_in_rightly(s), PAM_AUTHINFO_UNAVAIL);
	enroll_expect_line(0, "event=error reason=store");
	assert_int_equal(person.asked[READY], 0);
}

static void
become_bob(struct stage *s)
{
	assert_int_equal(pam_set_item(s->app.pamh, PAM_USER, "bob"), PAM_SUCCESS);
}

static void
test_user_changed(void **state)
{
	struct stage *s = *state;

	person.event = become_bob;
	for (unsigned q = PROOF; q <= CODE2; q++) {
		person.at = (enum question)q;
		assert_int_equal(log_in_rightly(s), PAM_AUTH_ERR);
		assert_false(stage_look(s, "bob").has_record);
		world_set_clock(world_clock() + 60);
	}
	person.at = OTHER;
	expect_old_works(s, 1);
}

int
main(void)
{
#define ON_STAGE(f) cmocka_unit_test_setup_teardown(f, setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		ON_STAGE(test_leads_through),
		ON_STAGE(test_notify_that_fails),
		ON_STAGE(test_others_are_left_alone),
		ON_STAGE(test_first_pass),
		ON_STAGE(test_wrong_proof),
		ON_STAGE(test_reused_proof),
		ON_STAGE(test_broken_off),
		ON_STAGE(test_wrong_pairs),
		ON_STAGE(test_too_late),
		ON_STAGE(test_other_proofs),
		ON_STAGE(test_meanwhile),
		ON_STAGE(test_proof_of_a_device_that_goes),
		ON_STAGE(test_broken_store),
		ON_STAGE(test_user_changed),
	};
	return cmocka_run_group_tests_name("rotate", tests, NULL, NULL);
}
