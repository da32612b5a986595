/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A row of the module's table a test: how a login ends, what PAM is answered, what the log
 * says, and what the user is told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <syslog.h>
#include <unistd.h>

#include "core/recovery.h"
#include "tests/support/login_stage.h"

#define PROMPT "MFA code: "
#define NOT_RIGHT "This code is not right."
#define WHO " user=alice service=totp-test rhost=- tty=- "

static void
test_accept(void **state)
{
	struct stage *s = *state;

	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 1);
	stage_expect_shown(s, 0, PAM_PROMPT_ECHO_OFF, PROMPT);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_INFO,
	    "event=accept reason=code" WHO "device=phone fails=0 wait=0");
	assert_int_equal(s->app.delay_us, 0);
}

/* The steps of the window, and the two after it on each side. */
static void
test_window(void **state)
{
	struct stage *s = *state;

	assert_int_equal(stage_login(s, stage_code(s, "alice", 2)), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", -2)), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", -1)), PAM_SUCCESS);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 1)), PAM_SUCCESS);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
}

static void
test_typed_with_blanks(void **state)
{
	struct stage *s = *state;
	const char *code = stage_code(s, "alice", 0);
	char typed[16];

	(void)snprintf(typed, sizeof(typed), " %.3s %s ", code, code + 3);
	assert_int_equal(stage_login(s, typed), PAM_SUCCESS);
}

static void
test_wrong(void **state)
{
	struct stage *s = *state;

	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(s->app.shown_count, 2);
	stage_expect_shown(s, 1, PAM_ERROR_MSG, NOT_RIGHT);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_NOTICE,
	    "event=deny reason=wrong" WHO "device=- fails=1 wait=0");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_line(0, LOG_NOTICE,
	    "event=deny reason=wrong" WHO "device=- fails=2 wait=0");
}

static void
test_slow_device(void **state)
{
	struct stage *s = *state;

	assert_int_equal(stage_login(s, stage_code(s, "alice", -3)), PAM_AUTH_ERR);
	stage_expect_line(0, LOG_NOTICE,
	    "event=deny reason=wrong" WHO "device=phone fails=1 wait=0 behind=90");
	stage_expect_shown(s, 1, PAM_ERROR_MSG, "This code is 90 s old. If you typed it at "
	    "once, the clock of device \"phone\" is slow: set it to automatic time.");
}

static void
test_reused(void **state)
{
	struct stage *s = *state;
	char code[16];

	(void)snprintf(code, sizeof(code), "%s", stage_code(s, "alice", 0));
	assert_int_equal(stage_login(s, code), PAM_SUCCESS);
	world_set_clock(STAGE_NOW + 13);
	assert_int_equal(stage_login(s, code), PAM_AUTH_ERR);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_WARNING,
	    "event=deny reason=reused" WHO "device=phone fails=1 wait=17");
	stage_expect_shown(s, 1, PAM_ERROR_MSG,
	    "This code was already used. Wait for the next code (about 17 s).");
	world_set_clock(STAGE_NOW + 30);
	assert_int_equal(stage_login(s, code), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* None of these is a guess: the sixth of them is not throttled, the right code is let in. */
static void
test_malformed(void **state)
{
	static const char *const answers[] = { "", "12345", "abcdef", "correct horse battery",
		"1234567890", "      ", "-", "12345a", "\xef\xbc\x91\xef\xbc\x92", "%s%n%s%n",
		"0x1234", "+12345", "\b\n\r\177INCORRECT\b\n\r\177" /* sshd's for strangers */ };
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(stage_login(s, answers[i]), PAM_AUTH_ERR);
		assert_int_equal(stage_line_count(), 1);
		stage_expect_line(0, LOG_NOTICE,
		    "event=deny reason=malformed" WHO "device=- fails=0 wait=0");
		assert_int_equal(s->app.shown_count, 2);
		stage_expect_shown(s, 1, PAM_ERROR_MSG, NOT_RIGHT);
	}
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

static void
test_oversized(void **state)
{
	static const size_t lengths[] = { 64, 65, 66, 510, 511, 512, 1000 };
	struct stage *s = *state;
	char answer[APP_TEXT_CAP];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		/* A right code with so much behind it is no right code. */
		memset(answer, 'q', sizeof(answer));
		memcpy(answer, stage_code(s, "alice", 0), 6);
		answer[lengths[i]] = '\0';
		assert_int_equal(stage_login(s, answer), PAM_AUTH_ERR);
		stage_expect_line(0, LOG_NOTICE,
		    "event=deny reason=malformed" WHO "device=- fails=0 wait=0");
		memset(answer, ' ', lengths[i]);
		memcpy(answer, stage_code(s, "alice", 0), 6);
		if (lengths[i] <= 64)
			continue;
		assert_int_equal(stage_login(s, answer), PAM_AUTH_ERR);
	}
}

static void
test_null_answer(void **state)
{
	static const enum app_answer_kind kinds[] = { APP_NULL, APP_NO_REPLY };
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		stage_forget(s);
		app_will(&s->app, kinds[i]);
		assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
		assert_int_equal(s->app.prompt_count, 1);
		stage_expect_line(0, LOG_NOTICE,
		    "event=deny reason=malformed" WHO "device=- fails=0 wait=0");
	}
}

static void
test_conversation_fails(void **state)
{
	struct stage *s = *state;

	app_will(&s->app, APP_FAIL);
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.shown_count, 1);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_NOTICE,
	    "event=deny reason=no-answer" WHO "device=- fails=0 wait=0");
}

/* What the second try found is not the story of the first. */
static void
test_conversation_fails_later(void **state)
{
	struct stage *s = *state;

	stage_arguments(s, "tries=3");
	(void)unlink(stage_path(s, "state/alice"));
	app_will_answer(&s->app, stage_code(s, "alice", -4));
	app_will(&s->app, APP_FAIL);
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(stage_line_count(), 2);
	stage_expect_line(1, LOG_NOTICE,
	    "event=deny reason=no-answer" WHO "device=- fails=0 wait=0");
}

static void
test_no_conversation(void **state)
{
	struct stage *s = *state;

	s->app.has_no_conversation = true;
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	stage_expect_line(0, LOG_NOTICE,
	    "event=deny reason=no-answer" WHO "device=- fails=0 wait=0");
}

/* The application may leave the name to be asked for. */
static void
test_name_is_asked_for(void **state)
{
	struct stage *s = *state;

	s->app.user = NULL;
	app_will_answer(&s->app, "alice");
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 2);
	stage_expect_line(0, LOG_INFO,
	    "event=accept reason=code" WHO "device=phone fails=0 wait=0");
	/* A name is no answer to a question for a code: it may be told. */
	app_forget(&s->app);
	app_will(&s->app, APP_FAIL);
	world_log_clear();
	assert_int_equal(app_login(&s->app), PAM_USER_UNKNOWN);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_NOTICE, "event=deny reason=no-user user=- service=- rhost=- "
	    "tty=- device=- fails=0 wait=0");
}

static void
test_no_user(void **state)
{
	static char long_name[300];
	const char *names[] = { "", long_name };
	struct stage *s = *state;

	memset(long_name, 'a', sizeof(long_name) - 1);
	for (size_t i = 0; i < 2; i++) {
		stage_forget(s);
		s->app.user = names[i];
		assert_int_equal(app_login(&s->app), PAM_USER_UNKNOWN);
		assert_int_equal(s->app.shown_count, 0);
		stage_expect_one(LOG_NOTICE, "event=deny reason=no-user user=- ", "");
	}
}

/* One after the other with the same wrong code: the user who has a device, the one who has
 * none, the one who has no account, and names that can have no record. */
static void
test_strangers_look_alike(void **state)
{
	static const char *const users[] = { "alice", "bob", "mallory", ".hidden", "../alice",
		"a/b", "with space", "\xc3\xa4rger" };
	static const char *const settings[] = { "", "tries=3", "tries=2 feedback=none",
		"first_pass=append" };
	struct stage *s = *state;

	for (size_t k = 0; k < sizeof(settings) / sizeof(settings[0]); k++) {
		struct app_shown first[APP_SHOWN_MAX];
		unsigned count = 0, prompts = 0;

		stage_arguments(s, settings[k]);
		for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
			stage_forget(s);
			/* Of its own source, so that no one is throttled. */
			char rhost[32];
			(void)snprintf(rhost, sizeof(rhost), "192.0.2.%zu", k);
			s->app.rhost = rhost;
			s->app.user = users[i];
			for (int n = 0; n < 3; n++)
				app_will_answer(&s->app, stage_wrong_code(s));
			assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
			if (i == 0) {
				memcpy(first, s->app.shown, sizeof(first));
				count = s->app.shown_count;
				prompts = s->app.prompt_count;
				assert_true(prompts > 0);
			}
			assert_int_equal(s->app.shown_count, count);
			assert_int_equal(s->app.prompt_count, prompts);
			for (unsigned n = 0; n < count; n++)
				stage_expect_shown(s, n, first[n].style, first[n].text);
			assert_int_equal(stage_line_count(), prompts);
			for (size_t n = 0; n < world_log_count(); n++)
				if (i > 1 && strstr(world_log_line(n)->text, users[i]) != NULL)
					fail_msg("told: %s", world_log_line(n)->text);
		}
		s->app.rhost = NULL;
	}
}

/* Also in what is shown and answered when they guess on. */
static void
test_strangers_are_throttled_alike(void **state)
{
	static const char *const users[] = { "alice", "bob", "mallory" };
	struct stage *s = *state;

	for (size_t i = 0; i < 3; i++) {
		s->app.user = users[i];
		for (unsigned n = 1; n <= 5; n++) {
			assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
			stage_expect_shown(s, 1, PAM_ERROR_MSG, NOT_RIGHT);
		}
		assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_MAXTRIES);
		stage_expect_shown(s, 1, PAM_ERROR_MSG,
		    "Too many wrong codes. Try again in 30 s.");
		stage_expect_one(LOG_NOTICE, "event=deny reason=throttled user=", " wait=30");
	}
}

static void
test_unenrolled_deny(void **state)
{
	struct stage *s = *state;

	s->app.user = "bob";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_line(0, LOG_NOTICE, "event=deny reason=unenrolled user=bob "
	    "service=totp-test rhost=- tty=- device=- fails=1 wait=0");
	/* Somebody else's right code is nothing of bob's. */
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
	s->app.user = "mallory";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_line(0, LOG_NOTICE, "event=deny reason=unenrolled user=- "
	    "service=totp-test rhost=- tty=- device=- fails=1 wait=0");
	stage_forbid(s, "mallory");
}

/* A name without an account is never let through by `skip`. */
static void
test_unenrolled_skip(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "auth required {token}\nauth required {totp} unenrolled=skip\n");
	s->app.user = "bob";
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 0);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_NOTICE, "event=skip reason=unenrolled user=bob "
	    "service=totp-test rhost=- tty=- device=- fails=0 wait=0");
	s->app.user = "mallory";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	s->app.user = "alice";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
}

static void
test_throttled(void **state)
{
	struct stage *s = *state;

	s->app.rhost = "192.0.2.7";
	for (unsigned n = 0; n < 5; n++)
		assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	world_set_clock(STAGE_NOW + 11);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_MAXTRIES);
	stage_expect_line(0, LOG_NOTICE, "event=deny reason=throttled user=alice "
	    "service=totp-test rhost=192.0.2.7 tty=- device=- fails=0 wait=19");
	assert_true(s->app.delay_us > 0);
	/* Another source is not made to wait, and a right code there ends nothing here. */
	s->app.rhost = "198.51.100.1";
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	s->app.rhost = "192.0.2.7";
	assert_int_equal(stage_login(s, stage_code(s, "alice", 1)), PAM_MAXTRIES);
	world_set_clock(STAGE_NOW + 30);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

static void
test_locked(void **state)
{
	struct stage *s = *state;

	stage_settings(s, "lock_after = 3\n");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_line(0, LOG_ALERT,
	    "event=deny reason=wrong" WHO "device=- fails=3 wait=0 locked=now");
	s->app.rhost = "198.51.100.1";
	world_set_clock(STAGE_NOW + 7200);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_MAXTRIES);
	assert_int_equal(s->app.prompt_count, 1);
	stage_expect_line(0, LOG_WARNING, "event=deny reason=locked user=alice "
	    "service=totp-test rhost=198.51.100.1 tty=- device=- fails=0 wait=0");
	stage_expect_shown(s, 1, PAM_ERROR_MSG, "Too many wrong codes: MFA is locked for this "
	    "account. Ask your administrator.");
}

static void
test_clock_back(void **state)
{
	struct stage *s = *state;

	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	world_set_clock(STAGE_NOW - 300);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
	stage_expect_line(0, LOG_ERR,
	    "event=deny reason=clock-back" WHO "device=- fails=0 wait=0");
	stage_expect_shown(s, 1, PAM_ERROR_MSG, "The clock of this host was set back, so no "
	    "code can be accepted. Ask your administrator.");
	world_set_clock(STAGE_NOW + 30);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

static void
test_state_lost(void **state)
{
	struct stage *s = *state;

	assert_int_equal(unlink(stage_path(s, "state/alice")), 0);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_ALERT, "event=deny reason=state-lost" WHO
	    "device=phone fails=0 wait=120 state=rebuilt");
	stage_expect_shown(s, 1, PAM_ERROR_MSG,
	    "This code cannot be used any more. Wait for the next code (about 120 s).");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 1)), PAM_AUTH_ERR);
	world_set_clock(STAGE_NOW + 120);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* A state of garbage and a torn one are losses as well, never a fresh start. */
static void
test_state_garbage(void **state)
{
	static const char *const garbage[] = { "", "x", "not a state at all" };
	struct stage *s = *state;

	for (size_t i = 0; i < 3; i++) {
		world_set_clock(STAGE_NOW + 600 * i);
		stage_write(stage_path(s, "state/alice"), garbage[i], 0600);
		assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
		stage_expect_one(LOG_ALERT, "event=deny reason=state-lost user=alice ",
		    " state=rebuilt");
	}
}

static void
become_bob(struct app *a)
{
	assert_int_equal(pam_set_item(a->pamh, PAM_USER, "bob"), PAM_SUCCESS);
}

/* CVE-2024-9313. */
static void
test_user_changed(void **state)
{
	struct stage *s = *state;

	app_will_answer(&s->app, stage_code(s, "alice", 0));
	s->app.hook = become_bob;
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.shown_count, 1);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_WARNING,
	    "event=deny reason=user-changed" WHO "device=- fails=0 wait=0");
	/* The code was not looked at. */
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* Where names are looked up without case the record is the account's own. */
static void
test_account_of_another_spelling(void **state)
{
	struct stage *s = *state;

	world_add_account("ALICE", "alice", STAGE_UID);
	s->app.user = "ALICE";
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	stage_expect_line(0, LOG_INFO,
	    "event=accept reason=code" WHO "device=phone fails=0 wait=0");
	s->app.user = "alice";
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
}

/* The account was deleted and made again with another uid. */
static void
test_record_of_another_account(void **state)
{
	struct stage *s = *state;

	world_reset(STAGE_NOW);
	world_add_account("alice", "alice", STAGE_UID + 7);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTHINFO_UNAVAIL);
	stage_expect_one(LOG_CRIT, "event=error reason=store" WHO "device=- fails=0 wait=0 ",
	    " error=the%20record%20of%20alice%20belongs%20to%20another%20account");
}

static void
test_recovery_code(void **state)
{
	struct stage *s = *state;
	struct store_entry e = stage_look(s, "alice");
	struct recovery_sheet sheet;

	assert_int_equal(recovery_generate(1, &e.record.recovery, &sheet), 0);
	e.state.recovery_id = 1;
	e.state.is_locked = true;
	stage_put(s, "alice", &e);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_MAXTRIES);
	assert_int_equal(stage_login(s, sheet.text[3]), PAM_SUCCESS);
	stage_expect_line(0, LOG_INFO, "event=accept reason=recovery" WHO
	    "device=- fails=0 wait=0 recovery-left=9");
	stage_expect_shown(s, 1, PAM_TEXT_INFO, "Recovery code used, 9 left.");
	assert_int_equal(stage_login(s, sheet.text[3]), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	recovery_sheet_wipe(&sheet);
}

static void
test_bypass_code(void **state)
{
	struct stage *s = *state;
	struct store_entry e = stage_look(s, "alice");
	struct record_grant *g = &e.record.bypass;
	char text[RECOVERY_TEXT_CAP];

	assert_int_equal(recovery_grant_make(g->salt, g->hash, text), 0);
	g->id = 1;
	g->expires = RECORD_TIME_MAX;
	e.state.is_locked = true;
	stage_put(s, "alice", &e);
	assert_int_equal(stage_login(s, text), PAM_SUCCESS);
	stage_expect_line(0, LOG_INFO, "event=accept reason=bypass" WHO
	    "device=- fails=0 wait=0");
	stage_expect_shown(s, 1, PAM_TEXT_INFO, "One-time code of the administrator used: "
	    "enrol a new device, it will not work again.");
	assert_int_equal(stage_login(s, text), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* The record goes while the user types. With its state it was taken away: unenrolled from then
 * on, but not let through. Without, it was lost: that is nobody who never enrolled. */
static struct stage *hooked;

static void
remove_record(struct app *a)
{
	(void)a;
	assert_int_equal(unlink(stage_path(hooked, "secrets/alice")), 0);
}

static void
remove_both(struct app *a)
{
	remove_record(a);
	assert_int_equal(unlink(stage_path(hooked, "state/alice")), 0);
}

static void
test_record_is_removed_meanwhile(void **state)
{
	struct stage *s = *state;

	hooked = s;
	stage_arguments(s, "unenrolled=skip");
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	s->app.hook = remove_both;
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	stage_expect_one(LOG_NOTICE, "event=deny reason=unenrolled user=alice ", "");
}

static void
test_record_is_lost_meanwhile(void **state)
{
	struct stage *s = *state;

	hooked = s;
	stage_arguments(s, "unenrolled=skip");
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	s->app.hook = remove_record;
	assert_int_equal(app_login(&s->app), PAM_AUTHINFO_UNAVAIL);
	stage_expect_one(LOG_CRIT, "event=error reason=store user=alice ", "lost");
	/* And so from the start of the next login on, before anything is asked. */
	stage_forget(s);
	assert_int_equal(app_login(&s->app), PAM_AUTHINFO_UNAVAIL);
	stage_expect_one(LOG_CRIT, "event=error reason=store user=alice ", "lost");
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_accept),
		LOGIN_TEST(test_window),
		LOGIN_TEST(test_typed_with_blanks),
		LOGIN_TEST(test_wrong),
		LOGIN_TEST(test_slow_device),
		LOGIN_TEST(test_reused),
		LOGIN_TEST(test_malformed),
		LOGIN_TEST(test_oversized),
		LOGIN_TEST(test_null_answer),
		LOGIN_TEST(test_conversation_fails),
		LOGIN_TEST(test_conversation_fails_later),
		LOGIN_TEST(test_no_conversation),
		LOGIN_TEST(test_name_is_asked_for),
		LOGIN_TEST(test_no_user),
		LOGIN_TEST(test_strangers_look_alike),
		LOGIN_TEST(test_strangers_are_throttled_alike),
		LOGIN_TEST(test_unenrolled_deny),
		LOGIN_TEST(test_unenrolled_skip),
		LOGIN_TEST(test_throttled),
		LOGIN_TEST(test_locked),
		LOGIN_TEST(test_clock_back),
		LOGIN_TEST(test_state_lost),
		LOGIN_TEST(test_state_garbage),
		LOGIN_TEST(test_user_changed),
		LOGIN_TEST(test_account_of_another_spelling),
		LOGIN_TEST(test_record_of_another_account),
		LOGIN_TEST(test_recovery_code),
		LOGIN_TEST(test_bypass_code),
		LOGIN_TEST(test_record_is_removed_meanwhile),
		LOGIN_TEST(test_record_is_lost_meanwhile),
	};

	return cmocka_run_group_tests_name("outcomes", tests, NULL, NULL);
}
