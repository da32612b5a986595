/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The module among others: what its answers do to a stack, for each control word; the other
 * management groups; and the password of an earlier module as the answer (first_pass). The
 * test module {token} stands for pam_unix: it succeeds, fails, or gives a password. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <syslog.h>

#include "tests/support/login_stage.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])
#define WHO " user=alice service=totp-test rhost=- tty=- "

/* Skipping is no success: it lets nobody in whom no other module lets in. */
static void
test_skip_is_no_way_through(void **state)
{
	static const struct {
		const char *stack;
		bool is_let_in;
	} rows[] = {
		{ "auth required {totp}\n", false },
		{ "auth requisite {totp}\n", false },
		{ "auth sufficient {totp}\n", false },
		{ "auth optional {totp}\n", false },
		{ "auth required {totp}\nauth required {totp}\n", false },
		{ "auth required {totp}\nauth optional {token} ignore\n", false },
		{ "auth [success=done default=die] {totp}\nauth required {token}\n", false },
		{ "auth sufficient {totp}\nauth required {token} fail\n", false },
		{ "auth required {token} fail\nauth sufficient {totp}\n", false },
		{ "auth required {token} fail\nauth required {totp}\n", false },
		{ "auth [success=1 default=ignore] {totp}\nauth requisite {token} fail\n"
		  "auth required {token}\n", false },
		{ "auth required {token}\nauth required {totp}\n", true },
		{ "auth required {totp}\nauth required {token}\n", true },
		{ "auth requisite {token}\nauth requisite {totp}\n", true },
		{ "auth required {token}\nauth sufficient {totp}\n", true },
	};
	struct stage *s = *state;

	stage_settings(s, "unenrolled = skip\n");
	s->app.user = "bob";
	for (size_t i = 0; i < LEN(rows); i++) {
		stage_forget(s);
		stage_stack(s, rows[i].stack);
		int r = app_login(&s->app);
		if ((r == PAM_SUCCESS) != rows[i].is_let_in)
			fail_msg("answered %d: %s", r, rows[i].stack);
		assert_int_equal(s->app.prompt_count, 0);
	}
}

/* The same stacks for a user with a device: the code decides. */
static void
test_a_code_is_needed(void **state)
{
	static const struct {
		const char *stack;
		int right; /* what a right code gets */
		int wrong;
	} rows[] = {
		{ "auth required {totp}\n", PAM_SUCCESS, PAM_AUTH_ERR },
		{ "auth requisite {totp}\n", PAM_SUCCESS, PAM_AUTH_ERR },
		{ "auth required {token}\nauth required {totp}\n", PAM_SUCCESS, PAM_AUTH_ERR },
		{ "auth requisite {totp}\nauth required {token}\n", PAM_SUCCESS, PAM_AUTH_ERR },
		{ "auth required {token} fail\nauth required {totp}\n", PAM_AUTH_ERR,
			PAM_AUTH_ERR },
		{ "auth sufficient {totp}\nauth required {token} fail\n", PAM_SUCCESS,
			PAM_AUTH_ERR },
	};
	struct stage *s = *state;

	stage_settings(s, "unenrolled = skip\nthrottle_after = 100\n");
	for (size_t i = 0; i < LEN(rows); i++) {
		world_set_clock(STAGE_NOW + 30 * i);
		stage_stack(s, rows[i].stack);
		assert_int_equal(stage_login(s, stage_wrong_code(s)), rows[i].wrong);
		assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), rows[i].right);
		/* With nobody there to answer. */
		stage_forget(s);
		app_will(&s->app, APP_FAIL);
		assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	}
}

/* The code of a missing record, but no device that counts. */
static void
test_devices_that_protect_nothing(void **state)
{
	struct stage *s = *state;
	struct store_entry e = stage_look(s, "alice");

	stage_settings(s, "unenrolled = skip\n");
	stage_stack(s, "auth required {token}\nauth required {totp}\n");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	e = stage_look(s, "alice");
	e.record.device[0].expires = STAGE_NOW;
	stage_put(s, "alice", &e);
	stage_forget(s);
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	stage_expect_one(LOG_NOTICE, "event=skip reason=unenrolled user=alice ", "");
	stage_settings(s, "");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
}

/* --- the other management groups ---------------------------------------------------- */

static int
manage(struct app *a, int (*function)(pam_handle_t *pamh, int flags))
{
	assert_int_equal(app_start(a), PAM_SUCCESS);
	int r = function(a->pamh, 0);
	app_end(a);
	return r;
}

/* Alone in a stack the module gives no opinion, which libpam takes for a denial; beside
 * another it leaves that one's word alone, whichever it is. */
static void
test_other_groups(void **state)
{
	static const struct {
		const char *word;
		int (*function)(pam_handle_t *pamh, int flags);
	} groups[] = {
		{ "account", pam_acct_mgmt },
		{ "session", pam_open_session },
		{ "session", pam_close_session },
		{ "password", pam_chauthtok },
	};
	static const struct {
		const char *text; /* '@': the group */
		bool is_let_through;
	} stacks[] = {
		{ "@ required {totp}\n", false },
		{ "@ sufficient {totp}\n", false },
		{ "@ optional {totp}\n", false },
		{ "@ required {totp}\n@ required {token}\n", true },
		{ "@ required {token}\n@ required {totp}\n", true },
		{ "@ required {totp}\n@ required {token} fail\n", false },
		{ "@ sufficient {totp}\n@ required {token} fail\n", false },
	};
	struct stage *s = *state;
	char text[256];

	for (size_t i = 0; i < LEN(groups); i++)
		for (size_t k = 0; k < LEN(stacks); k++) {
			const char *word = groups[i].word;
			char *out = text;
			for (const char *p = stacks[k].text; *p != '\0'; p++)
				if (*p == '@')
					out = stpcpy(out, word);
				else
					*out++ = *p;
			*out = '\0';
			stage_stack(s, text);
			int r = manage(&s->app, groups[i].function);
			if ((r == PAM_SUCCESS) != stacks[k].is_let_through)
				fail_msg("answered %d: %s", r, text);
			assert_int_equal(s->app.shown_count, 0);
			assert_int_equal(stage_line_count(), 0);
		}
}

static void
test_setcred(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "auth required {token}\nauth required {totp}\n");
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(pam_setcred(s->app.pamh, (int)PAM_ESTABLISH_CRED), PAM_SUCCESS);
	assert_int_equal(pam_setcred(s->app.pamh, (int)PAM_DELETE_CRED), PAM_SUCCESS);
	app_end(&s->app);
	/* Alone in a stack it has to say that there was nothing to do. */
	stage_arguments(s, "");
	stage_forget(s);
	app_will_answer(&s->app, stage_code(s, "alice", 1));
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(pam_setcred(s->app.pamh, (int)PAM_ESTABLISH_CRED), PAM_SUCCESS);
	app_end(&s->app);
	/* It asks nothing and says nothing. */
	stage_stack(s, "auth required {totp}\nauth required {token}\n");
	stage_forget(s);
	app_will_answer(&s->app, stage_wrong_code(s));
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	(void)pam_setcred(s->app.pamh, (int)PAM_ESTABLISH_CRED);
	assert_int_equal(s->app.prompt_count, 1);
	assert_int_equal(stage_line_count(), 1);
	app_end(&s->app);
}

/* One handle, several authentications, as a screen locker has it. */
static void
test_one_handle_twice(void **state)
{
	struct stage *s = *state;

	app_will_answer(&s->app, stage_code(s, "alice", 0));
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	app_will_answer(&s->app, stage_code(s, "alice", 1));
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	app_end(&s->app);
}

/* --- first_pass ------------------------------------------------------------------------ */

/* A stack in which {token} gives this as PAM_AUTHTOK before us, and looks at it after. */
static void
set_stack(struct stage *s, const char *token, const char *arguments)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "auth required {token}%s%s\n"
	    "auth required {totp} %s\nauth optional {token} see\n",
	    token[0] == '\0' ? "" : " set=", token, arguments);
	stage_stack(s, text);
	stage_forget(s);
	if (strlen(token) >= 4)
		stage_forbid(s, token);
}

/* What {token} saw after us. */
static void
expect_token_after(struct stage *s, const char *token)
{
	const char *seen = pam_getenv(s->app.pamh, "SEEN");

	assert_non_null(seen);
	assert_string_equal(seen, token);
}

/* The password is not ours: neither a code in it is taken nor the password changed. */
static void
test_first_pass_no(void **state)
{
	struct stage *s = *state;
	char code[16];

	(void)snprintf(code, sizeof(code), "%s", stage_code(s, "alice", 0));
	set_stack(s, code, "");
	app_will_answer(&s->app, stage_wrong_code(s));
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 1);
	expect_token_after(s, code);
	set_stack(s, "hunter22", "");
	app_will_answer(&s->app, code);
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	expect_token_after(s, "hunter22");
}

static void
test_first_pass_try(void **state)
{
	struct stage *s = *state;
	char code[16];

	(void)snprintf(code, sizeof(code), "%s", stage_code(s, "alice", 0));
	set_stack(s, code, "first_pass=try");
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 0);
	stage_expect_one(LOG_INFO, "event=accept reason=code" WHO, "");

	/* A password is no guess, and is not told. */
	set_stack(s, "hunter22", "first_pass=try");
	app_will_answer(&s->app, stage_code(s, "alice", 1));
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 1);
	stage_expect_one(LOG_INFO, "event=accept reason=code" WHO, "fails=0");
	expect_token_after(s, "hunter22");

	/* Without one it is asked for. */
	world_set_clock(STAGE_NOW + 120);
	set_stack(s, "", "first_pass=try");
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 1);
}

/* A wrong code there is a guess; the next try asks. */
static void
test_first_pass_try_again(void **state)
{
	struct stage *s = *state;

	set_stack(s, stage_wrong_code(s), "first_pass=try");
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 0);
	stage_expect_one(LOG_NOTICE, "event=deny reason=wrong" WHO, "fails=1");
	set_stack(s, stage_wrong_code(s), "first_pass=try tries=2");
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.prompt_count, 1);
	assert_int_equal(stage_line_count(), 2);
}

/* Never a question, however many tries. */
static void
test_first_pass_use(void **state)
{
	struct stage *s = *state;

	set_stack(s, stage_code(s, "alice", 0), "first_pass=use tries=3");
	assert_int_equal(app_login(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 0);

	set_stack(s, stage_wrong_code(s), "first_pass=use tries=3");
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 0);
	stage_expect_one(LOG_NOTICE, "event=deny reason=wrong" WHO, "fails=1");

	set_stack(s, "hunter22", "first_pass=use");
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 0);
	stage_expect_one(LOG_NOTICE, "event=deny reason=malformed" WHO, "fails=0");

	set_stack(s, "", "first_pass=use");
	assert_int_equal(app_login(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 0);
	stage_expect_one(LOG_NOTICE, "event=deny reason=no-answer" WHO, "fails=0");
}

/* Password and code in one field: the code is ours, the rest is handed on. */
static void
test_first_pass_append_asks(void **state)
{
	struct stage *s = *state;
	char typed[64];

	set_stack(s, "", "first_pass=append [prompt=Password and code: ] echo=yes");
	(void)snprintf(typed, sizeof(typed), "hunter22%s", stage_code(s, "alice", 0));
	app_will_answer(&s->app, typed);
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 1);
	/* There is a password in it: never shown. */
	stage_expect_shown(s, 0, PAM_PROMPT_ECHO_OFF, "Password and code: ");
	expect_token_after(s, "hunter22");

	/* The code alone is an empty password. */
	set_stack(s, "", "first_pass=append");
	app_will_answer(&s->app, stage_code(s, "alice", 1));
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	expect_token_after(s, "");
}

/* The password is handed on with a wrong code as well: a later module may need it. */
static void
test_first_pass_append_splits(void **state)
{
	struct stage *s = *state;
	char token[64];

	(void)snprintf(token, sizeof(token), "hunter22%s", stage_code(s, "alice", 0));
	set_stack(s, token, "first_pass=append");
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 0);
	expect_token_after(s, "hunter22");

	/* "1" is the password here; digits of it are not taken for the code. */
	(void)snprintf(token, sizeof(token), "1%s", stage_code(s, "alice", 1));
	set_stack(s, token, "first_pass=append");
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	expect_token_after(s, "1");

	(void)snprintf(token, sizeof(token), "hunter22%s", stage_wrong_code(s));
	set_stack(s, token, "first_pass=append tries=3");
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 0);
	stage_expect_one(LOG_NOTICE, "event=deny reason=wrong" WHO, "fails=1");
	expect_token_after(s, "hunter22");
}

static void
test_first_pass_append_leaves_the_rest(void **state)
{
	static const char *const tokens[] = { "hunter22", "12345", "h", "hunter1234x6", "123456x" };
	struct stage *s = *state;

	for (size_t i = 0; i < LEN(tokens); i++) {
		set_stack(s, tokens[i], "first_pass=append");
		assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
		stage_expect_one(LOG_NOTICE, "event=deny reason=malformed" WHO, "fails=0");
		expect_token_after(s, tokens[i]);
		/* Typed, it is not handed on either. */
		set_stack(s, "", "first_pass=append");
		app_will_answer(&s->app, tokens[i]);
		assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
		stage_expect_one(LOG_NOTICE, "event=deny reason=malformed" WHO, "fails=0");
		expect_token_after(s, "(none)");
	}
	set_stack(s, "", "first_pass=append");
	app_will(&s->app, APP_NULL);
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	expect_token_after(s, "(none)");
	set_stack(s, "", "first_pass=append");
	app_will(&s->app, APP_FAIL);
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	stage_expect_one(LOG_NOTICE, "event=deny reason=no-answer" WHO, "fails=0");
}

/* Passwords up to what libpam carries (512 bytes with the code), and not one byte cut. */
static void
test_first_pass_append_long(void **state)
{
	static const size_t lengths[] = { 58, 59, 64, 200, 505, 506, 507, 600 };
	struct stage *s = *state;
	char typed[APP_TEXT_CAP];

	for (size_t i = 0; i < LEN(lengths); i++) {
		world_set_clock(STAGE_NOW + 60 * i);
		memset(typed, 'p', sizeof(typed));
		(void)snprintf(typed + lengths[i], 16, "%s", stage_code(s, "alice", 0));
		set_stack(s, "", "first_pass=append");
		app_will_answer(&s->app, typed);
		if (lengths[i] > 506) { /* too long: neither is taken */
			assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
			expect_token_after(s, "(none)");
			continue;
		}
		assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
		typed[lengths[i]] = '\0';
		expect_token_after(s, typed);
	}
}

/* An earlier module may change who it is about, before us: that is who is asked. */
static void
test_user_of_an_earlier_module(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "auth required {token} user=bob\nauth required {totp}\n");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
	stage_expect_one(LOG_NOTICE, "event=deny reason=unenrolled user=bob ", "");
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_skip_is_no_way_through),
		LOGIN_TEST(test_a_code_is_needed),
		LOGIN_TEST(test_devices_that_protect_nothing),
		LOGIN_TEST(test_other_groups),
		LOGIN_TEST(test_setcred),
		LOGIN_TEST(test_one_handle_twice),
		LOGIN_TEST(test_first_pass_no),
		LOGIN_TEST(test_first_pass_try),
		LOGIN_TEST(test_first_pass_try_again),
		LOGIN_TEST(test_first_pass_use),
		LOGIN_TEST(test_first_pass_append_asks),
		LOGIN_TEST(test_first_pass_append_splits),
		LOGIN_TEST(test_first_pass_append_leaves_the_rest),
		LOGIN_TEST(test_first_pass_append_long),
		LOGIN_TEST(test_user_of_an_earlier_module),
	};

	return cmocka_run_group_tests_name("stacks", tests, NULL, NULL);
}
