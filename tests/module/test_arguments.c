/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Settings as a login meets them: broken ones refuse, say why in the log, and ask nothing;
 * each key that a login reads does what the manual page says. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "tests/support/login_stage.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])
#define NOT_RIGHT "This code is not right."
#define WHO " user=alice service=totp-test rhost=- tty=- "
#define REFUSED "event=error reason=settings" WHO "device=- fails=0 wait=0 error="

/* Nobody is let in, nobody is asked, and the log has one line with the reason. */
static void
expect_refusal(struct stage *s, const char *reason)
{
	static const char *const users[] = { "alice", "bob", "mallory" };

	for (size_t i = 0; i < LEN(users); i++) {
		stage_forget(s);
		s->app.user = users[i];
		if (app_login(&s->app) != PAM_SERVICE_ERR)
			fail_msg("%s: answered %d", reason, s->app.last);
		assert_int_equal(s->app.prompt_count, 0);
		stage_expect_one(LOG_CRIT, i == 0 ? REFUSED : "event=error reason=settings user=",
		    reason);
	}
	s->app.user = "alice";
}

static void
test_broken_arguments(void **state)
{
	static const struct {
		const char *arguments;
		const char *reason; /* as the log has it */
	} rows[] = {
		{ "windw=1", "error=module%20argument:%20unknown%20key%20%22windw%22" },
		{ "debug", "error=module%20argument:%20expected%20key%3Dvalue,%20got"
			   "%20%22debug%22" },
		{ "nullok", "expected%20key%3Dvalue,%20got%20%22nullok%22" },
		{ "window=4", "error=module%20argument:%20window:%20expected%200..3,"
			      "%20got%20%224%22" },
		{ "window=-1", "window:%20expected%200..3" },
		{ "window=", "window:%20expected%200..3,%20got%20%22%22" },
		{ "window=01", "window:%20expected%200..3" },
		{ "tries=0", "tries:%20expected%201..5" },
		{ "tries=6", "tries:%20expected%201..5" },
		{ "echo=true", "echo:%20expected%20no%20%7C%20yes" },
		{ "unenrolled=allow", "unenrolled:%20expected%20deny%20%7C%20enroll%20%7C%20skip" },
		{ "unenrolled=", "unenrolled:%20expected%20deny%20%7C%20enroll%20%7C%20skip" },
		{ "first_pass=yes", "first_pass:%20expected%20no" },
		{ "feedback=some", "feedback:%20expected" },
		{ "fail_delay=10001", "fail_delay:%20expected%200..10000" },
		{ "store=/var/lib/pam_totp", "store:%20expected%20file:/DIRECTORY" },
		{ "store=http://example.org/", "store:%20expected%20file:/DIRECTORY" },
		{ "store=file:relative", "store:%20expected%20file:/DIRECTORY" },
		{ "prompt=", "prompt:%20expected%20text" },
		{ "window=1 window=1", "window:%20given%20twice" },
		{ "unenrolled=deny unenrolled=skip", "unenrolled:%20given%20twice" },
		{ "conf=/etc/hosts", "conf:%20given%20twice" },
		{ "=", "unknown%20key%20%22%22" },
	};
	struct stage *s = *state;

	for (size_t i = 0; i < LEN(rows); i++) {
		char text[256];
		/* An option that would let users in does not, next to a broken one. */
		bool is_free = strstr(rows[i].arguments, "unenrolled") == NULL;
		(void)snprintf(text, sizeof(text), "%s%s", is_free ? "unenrolled=skip " : "",
		    rows[i].arguments);
		stage_arguments(s, text);
		expect_refusal(s, rows[i].reason);
	}
}

static void
test_broken_file(void **state)
{
	static const struct {
		const char *text;
		const char *reason;
	} rows[] = {
		{ "windw = 1\n", "/pam_totp.conf:2:%20unknown%20key%20%22windw%22" },
		{ "unenrolled = skip\nwindow = 9\n", "conf:3:%20window:%20expected%200..3" },
		{ "tries = 2\n\n# again\ntries = 2\n", "conf:5:%20tries:%20given%20twice" },
		{ "tries\n", "conf:2:%20expected%20key%20%3D%20value" },
		{ "[service sshd]\nwindow = 7\n", "conf:3:%20window" },
		{ "[services]\n", "conf:2:%20unknown%20section" },
		{ "window = 1\r\n", "conf:2:%20carriage%20return" },
		{ "prompt = \"open\n", "conf:2:%20prompt:%20unbalanced%20quotes" },
		{ "prompt = a\x1b[2Jb\n", "conf:2:%20prompt:%20expected%20text" },
	};
	struct stage *s = *state;

	for (size_t i = 0; i < LEN(rows); i++) {
		stage_settings(s, rows[i].text);
		expect_refusal(s, rows[i].reason);
	}
}

static void
test_refused_files(void **state)
{
	struct stage *s = *state;
	char path[160];

	assert_int_equal(chmod(s->conf, 0666), 0);
	expect_refusal(s, "mode%200666");
	assert_int_equal(chmod(s->conf, 0664), 0);
	expect_refusal(s, "mode%200664");
	assert_int_equal(chmod(s->conf, 0644), 0);
	assert_int_equal(chmod(s->dir, 0777), 0);
	expect_refusal(s, "mode%200777");
	assert_int_equal(chmod(s->dir, 0700), 0);

	(void)snprintf(path, sizeof(path), "%s/real", s->dir);
	assert_int_equal(rename(s->conf, path), 0);
	expect_refusal(s, "there%20is%20no%20such%20settings%20file");
	assert_int_equal(symlink(path, s->conf), 0);
	expect_refusal(s, "symbolic%20link");
	assert_int_equal(unlink(s->conf), 0);
	assert_int_equal(link(path, s->conf), 0);
	expect_refusal(s, "links");
	assert_int_equal(unlink(s->conf), 0);
	assert_int_equal(mkfifo(s->conf, 0644), 0);
	expect_refusal(s, "not%20a%20regular%20file");
	assert_int_equal(unlink(s->conf), 0);
	assert_int_equal(mkdir(s->conf, 0755), 0);
	expect_refusal(s, "not%20a%20regular%20file");
	assert_int_equal(rmdir(s->conf), 0);

	/* And in the end it was the file alone that was wrong. */
	assert_int_equal(rename(path, s->conf), 0);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

static void
test_conf_argument(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "auth required {bare} conf=pam_totp.conf\n");
	expect_refusal(s, "conf:%20expected%20an%20absolute%20path");
	stage_stack(s, "auth required {bare} conf=\n");
	expect_refusal(s, "conf:%20expected%20an%20absolute%20path");
	stage_stack(s, "auth required {bare} conf=/nonexistent/pam_totp.conf unenrolled=skip\n");
	expect_refusal(s, "error=/nonexistent/pam_totp.conf:%20there%20is%20no%20such");
}

/* The default file may be missing: all is said by arguments then. */
static void
test_without_file(void **state)
{
	struct stage *s = *state;
	char text[256];

	if (access(DEFAULT_CONF, F_OK) == 0)
		skip();
	(void)snprintf(text, sizeof(text), "auth required {bare} store=file:%s\n", s->store);
	stage_stack(s, text);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* File, then the service's section, then the arguments; other services' sections not. */
static void
test_precedence(void **state)
{
	struct stage *s = *state;

	stage_settings(s, "prompt = file\n[service sshd]\nprompt = sshd\n");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_shown(s, 0, PAM_PROMPT_ECHO_OFF, "file");
	stage_settings(s, "prompt = file\n[service " APP_SERVICE "]\nprompt = section\n");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_shown(s, 0, PAM_PROMPT_ECHO_OFF, "section");
	stage_arguments(s, "[prompt=Your code, please: ]");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_shown(s, 0, PAM_PROMPT_ECHO_OFF, "Your code, please: ");
}

/* A prompt is text, not a format; it may be in any language. */
static void
test_prompt(void **state)
{
	struct stage *s = *state;

	stage_settings(s, "prompt = \"100%s %n C\xc3\xb3" "digo: \"\necho = yes\n");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	stage_expect_shown(s, 0, PAM_PROMPT_ECHO_ON, "100%s %n C\xc3\xb3" "digo: ");
}

static void
test_echo(void **state)
{
	struct stage *s = *state;

	stage_arguments(s, "echo=yes");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_shown(s, 0, PAM_PROMPT_ECHO_ON, "MFA code: ");
	stage_arguments(s, "echo=no");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_expect_shown(s, 0, PAM_PROMPT_ECHO_OFF, "MFA code: ");
}

static void
test_tries(void **state)
{
	struct stage *s = *state;

	stage_arguments(s, "tries=3");
	app_will_answer(&s->app, stage_wrong_code(s));
	app_will_answer(&s->app, "not a code");
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 3);
	stage_expect_shown(s, 1, PAM_ERROR_MSG, NOT_RIGHT);
	stage_expect_shown(s, 3, PAM_ERROR_MSG, NOT_RIGHT);
	assert_int_equal(stage_line_count(), 3);
	stage_expect_line(0, LOG_NOTICE,
	    "event=deny reason=wrong" WHO "device=- fails=1 wait=0");
	stage_expect_line(1, LOG_NOTICE,
	    "event=deny reason=malformed" WHO "device=- fails=0 wait=0");
	stage_expect_line(2, LOG_INFO,
	    "event=accept reason=code" WHO "device=phone fails=0 wait=0");
	/* Success was told after a failure: no delay is owed. */
	assert_int_equal(s->app.delay_us, 0);

	stage_forget(s);
	for (int i = 0; i < 4; i++)
		app_will_answer(&s->app, stage_wrong_code(s));
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 3);
	assert_int_equal(stage_line_count(), 3);
	stage_expect_line(2, LOG_NOTICE,
	    "event=deny reason=wrong" WHO "device=- fails=3 wait=0");
}

/* Each try is counted, and no more are given than the throttle allows. */
static void
test_tries_end_at_the_throttle(void **state)
{
	struct stage *s = *state;

	stage_arguments(s, "tries=5 throttle_after=2");
	for (int i = 0; i < 5; i++)
		app_will_answer(&s->app, stage_wrong_code(s));
	assert_int_equal(app_login(&s->app), PAM_MAXTRIES);
	assert_int_equal(s->app.prompt_count, 3);
	assert_int_equal(stage_line_count(), 3);
	stage_expect_line(2, LOG_NOTICE,
	    "event=deny reason=throttled" WHO "device=- fails=0 wait=30");
}

static void
test_feedback_none(void **state)
{
	struct stage *s = *state;
	char code[16];

	stage_arguments(s, "feedback=none tries=2 throttle_after=4");
	app_will_answer(&s->app, stage_wrong_code(s));
	app_will_answer(&s->app, "no such shape");
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.shown_count, 2);
	assert_int_equal(s->app.prompt_count, 2);
	assert_int_equal(stage_line_count(), 2);

	stage_arguments(s, "feedback=none throttle_after=4");
	(void)snprintf(code, sizeof(code), "%s", stage_code(s, "alice", 0));
	assert_int_equal(stage_login(s, code), PAM_SUCCESS);
	for (int i = 0; i < 5; i++) { /* reused, then throttled */
		assert_int_equal(stage_login(s, code), i < 4 ? PAM_AUTH_ERR : PAM_MAXTRIES);
		assert_int_equal(s->app.shown_count, 1);
	}
}

/* The application wants no messages; the question is none. */
static void
test_silent(void **state)
{
	struct stage *s = *state;

	s->app.flags = (int)PAM_SILENT;
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(s->app.shown_count, 1);
	assert_int_equal(s->app.prompt_count, 1);
	assert_int_equal(stage_line_count(), 1);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* libpam varies what was asked for by up to a half, down or up. */
static void
expect_delay(struct stage *s, unsigned ms)
{
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_in_range(s->app.delay_us, ms * 500, ms * 1500);
}

static void
test_fail_delay(void **state)
{
	struct stage *s = *state;

	expect_delay(s, 2000);
	stage_arguments(s, "fail_delay=700");
	expect_delay(s, 700);
	stage_arguments(s, "fail_delay=10000");
	expect_delay(s, 10000);
	stage_arguments(s, "fail_delay=0");
	expect_delay(s, 0);
	stage_arguments(s, "");
	stage_forget(s);
	app_will(&s->app, APP_FAIL);
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_in_range(s->app.delay_us, 1000000, 3000000);
}

static void
test_window_setting(void **state)
{
	struct stage *s = *state;

	stage_arguments(s, "window=0");
	assert_int_equal(stage_login(s, stage_code(s, "alice", -1)), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 1)), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	stage_arguments(s, "window=3");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 3)), PAM_SUCCESS);
}

/* Broken settings cannot say `feedback=none`, so the user is told that it is no fault
 * of his; the reason is the administrator's. */
static void
test_user_is_told_of_broken_settings(void **state)
{
	struct stage *s = *state;

	stage_arguments(s, "windw=1");
	assert_int_equal(app_login(&s->app), PAM_SERVICE_ERR);
	assert_int_equal(s->app.shown_count, 1);
	stage_expect_shown(s, 0, PAM_ERROR_MSG,
	    "MFA cannot be checked at the moment. Ask your administrator.");
	stage_forget(s);
	s->app.flags = (int)PAM_SILENT;
	assert_int_equal(app_login(&s->app), PAM_SERVICE_ERR);
	assert_int_equal(s->app.shown_count, 0);
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_broken_arguments),
		LOGIN_TEST(test_broken_file),
		LOGIN_TEST(test_refused_files),
		LOGIN_TEST(test_conf_argument),
		LOGIN_TEST(test_without_file),
		LOGIN_TEST(test_precedence),
		LOGIN_TEST(test_prompt),
		LOGIN_TEST(test_echo),
		LOGIN_TEST(test_tries),
		LOGIN_TEST(test_tries_end_at_the_throttle),
		LOGIN_TEST(test_feedback_none),
		LOGIN_TEST(test_silent),
		LOGIN_TEST(test_fail_delay),
		LOGIN_TEST(test_window_setting),
		LOGIN_TEST(test_user_is_told_of_broken_settings),
	};

	return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
