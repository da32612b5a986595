/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The account phase: with max_age it denies who has not typed a code lately, without it it has no
 * opinion, and it never lets anybody in by itself. The application has no terminal here, so
 * no code is kept beyond its own handle; tests/system/session.py has real ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <syslog.h>
#include <unistd.h>

#include "tests/support/login_stage.h"
#include "tests/support/pam_world.h"

#define WITH_AGE "auth required {totp} max_age=900\n" \
	"account required {totp} max_age=900\naccount required {token}\n"
#define OF_ALICE " user=alice service=totp-test rhost=- tty=- device=- "

#define OURS "pam_totp(totp-test:account): "

/* The last line of the account phase, and how many there are; NULL and 0: none. libpam logs
 * on its own account. */
static const struct world_line *
find_line(unsigned *count)
{
	const struct world_line *found = NULL;

	*count = 0;
	for (size_t i = 0; i < world_log_count(); i++) {
		const struct world_line *line = world_log_line(i);
		if (strncmp(line->text, OURS "event=", sizeof(OURS "event=") - 1) != 0)
			continue;
		found = line;
		(*count)++;
	}
	return found;
}

static void
expect_no_line(void)
{
	unsigned count = 0;

	assert_null(find_line(&count));
}

/* The one line of the account phase: its level, how it begins, and a part of it. */
static void
expect_line(int level, const char *beginning, const char *part)
{
	unsigned count = 0;

	const struct world_line *line = find_line(&count);
	assert_int_equal(count, 1);
	const char *text = line->text + sizeof(OURS) - 1;
	if (strncmp(text, beginning, strlen(beginning)) != 0 || strstr(text, part) == NULL)
		fail_msg("expected \"%s ... %s\", the log has: %s", beginning, part, text);
	assert_int_equal(line->priority, LOG_AUTHPRIV | level);
}

/* The account phase of a handle that nobody was authenticated by, as sudo's with its time stamp. */
static int
account_alone(struct stage *s)
{
	stage_forget(s);
	assert_int_equal(app_start(&s->app), PAM_SUCCESS);
	int r = pam_acct_mgmt(s->app.pamh, s->app.flags);
	app_end(&s->app);
	assert_int_equal(s->app.prompt_count, 0);
	return r;
}

static void
test_no_opinion_without_age(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "auth required {totp}\naccount required {totp}\naccount required {token}\n");
	assert_int_equal(account_alone(s), PAM_SUCCESS);
	expect_no_line();
	/* And alone it is no success. */
	stage_stack(s, "auth required {totp}\naccount required {totp}\n");
	assert_int_not_equal(account_alone(s), PAM_SUCCESS);
	stage_stack(s, "auth required {totp}\naccount sufficient {totp} max_age=900\n"
	    "account required {token}\n");
	s->app.ruser = "root";
	assert_int_equal(account_alone(s), PAM_SUCCESS); /* the token's */
	stage_stack(s, "auth required {totp}\naccount sufficient {totp} max_age=900\n");
	assert_int_not_equal(account_alone(s), PAM_SUCCESS);
}

static void
test_no_code_lately(void **state)
{
	struct stage *s = *state;

	stage_stack(s, WITH_AGE);
	assert_int_equal(account_alone(s), PAM_PERM_DENIED);
	stage_expect_shown(s, 0, PAM_ERROR_MSG, "The last MFA code on this terminal is too old: "
	    "authenticate anew (sudo -k makes sudo ask).");
	expect_line(LOG_NOTICE, "event=deny reason=session-over" OF_ALICE, "");
}

/* The code of this very login counts, for this login and this user only. */
static void
test_code_of_this_login(void **state)
{
	struct stage *s = *state;

	stage_stack(s, WITH_AGE);
	stage_enrol(s, "bob", STAGE_UID + 1, "phone");
	stage_forget(s);
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(pam_acct_mgmt(s->app.pamh, 0), PAM_SUCCESS);
	app_end(&s->app);
	assert_int_equal(account_alone(s), PAM_PERM_DENIED);
	/* The user becomes another one in between. */
	world_set_clock(STAGE_NOW + 30);
	stage_forget(s);
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(pam_set_item(s->app.pamh, PAM_USER, "bob"), PAM_SUCCESS);
	assert_int_equal(pam_acct_mgmt(s->app.pamh, 0), PAM_PERM_DENIED);
	app_end(&s->app);
	/* A right code that a wrong one follows. */
	world_set_clock(STAGE_NOW + 60);
	stage_forget(s);
	app_will_answer(&s->app, stage_code(s, "alice", 0));
	app_will_answer(&s->app, stage_wrong_code(s));
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	assert_int_equal(pam_acct_mgmt(s->app.pamh, 0), PAM_PERM_DENIED);
	app_end(&s->app);
	/* A wrong code is none. */
	stage_forget(s);
	app_will_answer(&s->app, stage_wrong_code(s));
	assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
	assert_int_equal(pam_acct_mgmt(s->app.pamh, 0), PAM_PERM_DENIED);
	app_end(&s->app);
}

/* Without a place that the kernel vouches for every login asks. */
static void
test_no_terminal(void **state)
{
	struct stage *s = *state;

	stage_arguments(s, "max_age=900");
	for (unsigned i = 0; i < 2; i++) {
		world_set_clock(STAGE_NOW + 30 * i);
		assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
		assert_int_equal(s->app.prompt_count, 1);
	}
}

/* Whom the policy asks for nothing is not denied; who has no device is. */
static void
test_policy(void **state)
{
	struct stage *s = *state;

	s->app.user = "bob";
	stage_stack(s, WITH_AGE);
	assert_int_equal(account_alone(s), PAM_AUTH_ERR);
	expect_line(LOG_NOTICE, "event=deny reason=unenrolled", "");
	stage_stack(s, "auth required {totp}\naccount required {totp} max_age=900 unenrolled=skip\n"
	    "account required {token}\n");
	assert_int_equal(account_alone(s), PAM_SUCCESS);
	expect_no_line();
	s->app.user = "alice";
	assert_int_equal(account_alone(s), PAM_PERM_DENIED);
}

/* Root calls sudo and su without a code of its own; nobody afar is that root. */
static void
test_root_calls(void **state)
{
	struct stage *s = *state;

	stage_stack(s, WITH_AGE);
	s->app.ruser = "root";
	assert_int_equal(account_alone(s), PAM_SUCCESS);
	s->app.rhost = "192.0.2.7";
	assert_int_equal(account_alone(s), PAM_PERM_DENIED);
	s->app.rhost = NULL;
	s->app.ruser = "rooty";
	assert_int_equal(account_alone(s), PAM_PERM_DENIED);
}

static void
test_trouble_denies(void **state)
{
	struct stage *s = *state;

	stage_stack(s, "auth required {totp}\naccount required {totp} max_age=899\n"
	    "account required {token}\n");
	assert_int_equal(account_alone(s), PAM_SERVICE_ERR);
	expect_line(LOG_CRIT, "event=error reason=settings" OF_ALICE, "max_age:%20expected");
	stage_stack(s, WITH_AGE);
	stage_write(stage_path(s, "secrets/alice"), "junk\n", 0600);
	assert_int_equal(account_alone(s), PAM_AUTHINFO_UNAVAIL);
	expect_line(LOG_CRIT, "event=error reason=store" OF_ALICE, "error=");
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_no_opinion_without_age),
		LOGIN_TEST(test_no_code_lately),
		LOGIN_TEST(test_code_of_this_login),
		LOGIN_TEST(test_no_terminal),
		LOGIN_TEST(test_policy),
		LOGIN_TEST(test_root_calls),
		LOGIN_TEST(test_trouble_denies),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
