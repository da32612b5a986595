/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The log line: what a stranger can put into it is escaped, no field is lost to a long
 * one, and nothing else is in it. The texts of each outcome are test_outcomes's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <syslog.h>

#include "tests/support/login_stage.h"

/* What the application says of the place, and how the log has it. */
static void
test_escaping(void **state)
{
	static const struct {
		const char *value;
		const char *logged;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "2001:db8::1%eth0", "2001:db8::1%25eth0" },
		{ "/dev/pts/3", "/dev/pts/3" },
		{ "a b", "a%20b" },
		{ "x\nevent=accept reason=code user=root", "x%0Aevent%3Daccept%20reason%3Dcode%20"
							   "user%3Droot" },
		{ "\r\t\x1b[2J\x7f", "%0D%09%1B%5B2J%7F" },
		{ "\"'`$(id)", "%22%27%60%24%28id%29" },
		{ "100%", "100%25" },
		{ "%s%n%d", "%25s%25n%25d" },
		{ "na\xc3\xafve", "na%C3%AFve" },
		{ "\xff\xfe", "%FF%FE" },
		{ "\xe2\x80\xa8", "%E2%80%A8" },
		{ "-", "-" },
		{ "", "-" },
		{ "AZaz09._:@/+,-", "AZaz09._:@/+,-" },
		{ ";&|<>()*?[]{}!#~^\\", "%3B%26%7C%3C%3E%28%29%2A%3F%5B%5D%7B%7D%21%23%7E%5E"
					 "%5C" },
	};
	struct stage *s = *state;
	char expected[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage_forget(s);
		s->app.rhost = rows[i].value;
		s->app.tty = rows[i].value;
		app_will(&s->app, APP_FAIL);
		assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
		assert_int_equal(stage_line_count(), 1);
		(void)snprintf(expected, sizeof(expected), "event=deny reason=no-answer "
		    "user=alice service=totp-test rhost=%s tty=%s device=- fails=0 wait=0",
		    rows[i].logged, rows[i].logged);
		stage_expect_line(0, LOG_NOTICE, expected);
	}
}

/* Every byte that is not plain, and every one that is. */
static void
test_each_byte(void **state)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._:@/+,-";
	struct stage *s = *state;
	char expected[256];

	for (unsigned c = 1; c < 256; c++) {
		char value[2] = { (char)c, '\0' };
		char logged[4];

		if (strchr(plain, value[0]) != NULL)
			(void)snprintf(logged, sizeof(logged), "%s", value);
		else
			(void)snprintf(logged, sizeof(logged), "%%%02X", c);
		stage_forget(s);
		s->app.tty = value;
		app_will(&s->app, APP_FAIL);
		assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
		(void)snprintf(expected, sizeof(expected), "event=deny reason=no-answer "
		    "user=alice service=totp-test rhost=- tty=%s device=- fails=0 wait=0", logged);
		stage_expect_line(0, LOG_NOTICE, expected);
		s->app.tty = NULL;
	}
}

/* The longest of everything, all of it to be escaped: no field is lost, and too long a
 * value is cut at 256 bytes. */
static void
test_longest_line(void **state)
{
	static char account[256], place[1025], escaped[256 * 3 + 1], user[255 * 3 + 1];
	static char expected[8192];
	struct stage *s = *state;

	memset(account, 0xfe, sizeof(account) - 1);
	memset(place, 0xfe, sizeof(place) - 1);
	for (size_t i = 0; i < 256; i++)
		memcpy(escaped + 3 * i, "%FE", 3);
	memcpy(user, escaped, sizeof(user) - 1);
	world_add_account(account, account, STAGE_UID + 2);
	s->app.user = account;
	s->app.rhost = place;
	s->app.tty = place;
	/* The file store has no place for such a name, which is an error, with its reason. */
	assert_int_equal(app_login(&s->app), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->app.prompt_count, 0);
	(void)snprintf(expected, sizeof(expected), "event=error reason=store user=%s "
	    "service=totp-test rhost=%s tty=%s device=- fails=0 wait=0 error="
	    "user%%20names%%20of%%20more%%20than%%20250%%20bytes%%20have%%20no%%20place%%20in%%20"
	    "a%%20file%%20store", user, escaped, escaped);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_CRIT, expected);
}

/* su and sudo say who calls; that is whom failures are counted by, not what is logged. */
static void
test_caller(void **state)
{
	struct stage *s = *state;

	s->app.ruser = "carol";
	s->app.tty = "pts/1";
	for (int i = 0; i < 5; i++)
		assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_line(0, LOG_NOTICE, "event=deny reason=wrong user=alice "
	    "service=totp-test rhost=- tty=pts/1 device=- fails=5 wait=0");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_MAXTRIES);
	s->app.ruser = "dave";
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	/* A host of that name is not the local caller. */
	s->app.ruser = NULL;
	s->app.rhost = "carol";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	/* A remote caller's own word for it counts for nothing. */
	s->app.rhost = "192.0.2.9";
	for (int i = 0; i < 5; i++) {
		static const char *const names[] = { "u0", "u1", "u2", "u3", "u4" };
		s->app.ruser = names[i];
		assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	}
	s->app.ruser = "another";
	assert_int_equal(stage_login(s, stage_code(s, "alice", 1)), PAM_MAXTRIES);
}

/* The device that it was, when there are several. */
static void
test_device(void **state)
{
	struct stage *s = *state;
	struct store_entry e;
	uint32_t code = 0;
	char text[16];

	stage_enrol(s, "alice", STAGE_UID, "spare+key,2@home");
	e = stage_look(s, "alice");
	const struct record_device *d = &e.record.device[1];
	assert_int_equal(otp_code(&d->params, &d->secret, otp_step(&d->params, STAGE_NOW), &code),
	    0);
	(void)snprintf(text, sizeof(text), "%06u", code);
	assert_int_equal(stage_login(s, text), PAM_SUCCESS);
	stage_expect_line(0, LOG_INFO, "event=accept reason=code user=alice "
	    "service=totp-test rhost=- tty=- device=spare+key,2@home fails=0 wait=0");
}

/* What others tried meanwhile is told to the user, once, and logged. */
static void
test_attempts_elsewhere(void **state)
{
	struct stage *s = *state;

	s->app.rhost = "192.0.2.9";
	for (int i = 0; i < 2; i++)
		assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	s->app.rhost = "192.0.2.7";
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	stage_expect_shown(s, 1, PAM_TEXT_INFO, "2 MFA attempts for alice failed elsewhere since "
	    "the last login. If that was not you, somebody may know your password.");
	stage_expect_line(0, LOG_INFO, "event=accept reason=code user=alice service=totp-test "
	    "rhost=192.0.2.7 tty=- device=phone fails=0 wait=0 elsewhere=2");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 1)), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 1);
}

/* The search of the teardown finds what it looks for. */
static void
test_the_search_works(void **state)
{
	struct stage *s = *state;

	assert_int_equal(stage_login(s, "a very long answer"), PAM_AUTH_ERR);
	stage_check_secrets(s);
	assert_true(s->forbidden_count > 80);
	bool has_answer = false;
	for (unsigned i = 0; i < s->forbidden_count; i++)
		has_answer |= strcmp(s->forbidden[i], "a very long answer") == 0;
	assert_true(has_answer);
	assert_int_equal(strlen(s->forbidden[0]), 32); /* base32 of 20 bytes */
	assert_int_equal(strlen(s->forbidden[1]), 40);
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_escaping),
		LOGIN_TEST(test_each_byte),
		LOGIN_TEST(test_longest_line),
		LOGIN_TEST(test_caller),
		LOGIN_TEST(test_device),
		LOGIN_TEST(test_attempts_elsewhere),
		LOGIN_TEST(test_the_search_works),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
