/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The session phase has no opinion, whatever is there, and asks nobody; and what export_env tells
 * the session of its login. The sessions themselves need real processes:
 * tests/system/session_ssh.py. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/login_stage.h"
#include "tests/support/pam_world.h"

#define WITH_SESSION "auth required {totp}\nsession required {totp}\nsession required {token}\n"

/* Both functions of the phase on a handle of their own. */
static void
expect_no_opinion(struct stage *s, int flags, int code)
{
	stage_forget(s);
	assert_int_equal(app_start(&s->app), PAM_SUCCESS);
	assert_int_equal(pam_open_session(s->app.pamh, flags), code);
	assert_int_equal(pam_close_session(s->app.pamh, flags), code);
	app_end(&s->app);
	assert_int_equal(s->app.prompt_count, 0);
	assert_int_equal(s->app.shown_count, 0);
}

static void
test_no_opinion(void **state)
{
	struct stage *s = *state;
	static const char *const hosts[] = { NULL, "localhost", "192.0.2.7", "2001:db8::7",
		"a name", "" };

	stage_stack(s, WITH_SESSION);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		s->app.rhost = hosts[i];
		expect_no_opinion(s, 0, PAM_SUCCESS);
		expect_no_opinion(s, PAM_SILENT, PAM_SUCCESS);
		assert_int_equal(stage_line_count(), 0);
	}
	/* Alone it is no success. */
	stage_stack(s, "auth required {totp}\nsession optional {totp}\n");
	expect_no_opinion(s, 0, PAM_PERM_DENIED);
	stage_stack(s, "auth required {totp}\nsession sufficient {totp}\n"
	    "session required {token}\n");
	expect_no_opinion(s, 0, PAM_SUCCESS);
}

/* Neither settings nor store are looked at. */
static void
test_in_a_broken_world(void **state)
{
	struct stage *s = *state;

	s->app.rhost = "192.0.2.7";
	stage_stack(s, WITH_SESSION);
	stage_write(s->conf, "junk\n", 0600);
	stage_write(stage_path(s, "secrets/alice"), "junk\n", 0600);
	expect_no_opinion(s, 0, PAM_SUCCESS);
	stage_stack(s, "auth required {totp}\nsession required {totp} no such argument\n"
	    "session required {token}\n");
	expect_no_opinion(s, 0, PAM_SUCCESS);
	assert_int_equal(stage_line_count(), 0);
	/* A name without an account, one that is no name of a file, none at all. */
	static const char *const users[] = { "nobody-here", "../alice", NULL };
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		s->app.user = users[i];
		expect_no_opinion(s, 0, PAM_SUCCESS);
	}
	s->app.user = "alice";
}

/* What the session is told; NULL: nothing. */
static void
expect_told(struct stage *s, const char *present, const char *device, const char *at)
{
	const struct {
		const char *name, *value;
	} told[] = { { "MFA_PRESENT", present }, { "MFA_DEVICE", device }, { "MFA_TIME", at } };

	for (size_t i = 0; i < 3; i++) {
		const char *value = pam_getenv(s->app.pamh, told[i].name);
		if (told[i].value == NULL)
			assert_null(value);
		else {
			assert_non_null(value);
			assert_string_equal(value, told[i].value);
		}
	}
}

static int
authenticate(struct stage *s, const char *answer)
{
	stage_forget(s);
	app_will_answer(&s->app, answer);
	return app_authenticate(&s->app);
}

static void
test_export(void **state)
{
	struct stage *s = *state;

	stage_arguments(s, "export_env=yes");
	/* The stage's now, to the second. */
	world_set_clock(1767323045); /* 2026-01-02T03:04:05Z */
	assert_int_equal(authenticate(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	expect_told(s, "true", "phone", "2026-01-02T03:04:05Z");
	app_end(&s->app);
	/* Whoever is not let in is told nothing. */
	assert_int_equal(authenticate(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	expect_told(s, NULL, NULL, NULL);
	app_end(&s->app);
	/* And by default nobody is. */
	world_set_clock(1767323045 + 30);
	stage_arguments(s, "");
	assert_int_equal(authenticate(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	expect_told(s, NULL, NULL, NULL);
	app_end(&s->app);
}

/* Let in without a code: no device and no time is left from before, whoever set it. */
static void
test_export_without_code(void **state)
{
	struct stage *s = *state;

	s->app.user = "bob";
	stage_stack(s, "auth required {totp} export_env=yes unenrolled=skip\n"
	    "auth required {token}\n");
	stage_forget(s);
	assert_int_equal(app_start(&s->app), PAM_SUCCESS);
	assert_int_equal(pam_putenv(s->app.pamh, "MFA_DEVICE=forged"), PAM_SUCCESS);
	assert_int_equal(pam_putenv(s->app.pamh, "MFA_PRESENT=true"), PAM_SUCCESS);
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	expect_told(s, "false", NULL, NULL);
	app_end(&s->app);
	/* A login that says of itself that it had one is asked all the same. */
	stage_stack(s, "auth required {totp}\n");
	stage_forget(s);
	s->app.user = "alice";
	assert_int_equal(app_start(&s->app), PAM_SUCCESS);
	assert_int_equal(pam_putenv(s->app.pamh, "MFA_PRESENT=true"), PAM_SUCCESS);
	app_will_answer(&s->app, stage_wrong_code(s));
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	app_end(&s->app);
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_no_opinion),
		LOGIN_TEST(test_in_a_broken_world),
		LOGIN_TEST(test_export),
		LOGIN_TEST(test_export_without_code),
	};

	return cmocka_run_group_tests_name("session phase", tests, NULL, NULL);
}
