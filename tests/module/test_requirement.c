/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Who is asked for a code, who is let in without one and what they are told: grace, dates,
 * groups, exemptions, an enrolment just before, and what is told after a code. "Let in" is
 * seen behind a module that succeeds, as ours only steps aside. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include "core/date.h"
#include "tests/support/login_stage.h"

#define DAY DATE_DAY_S
#define OF_BOB " user=bob service=totp-test rhost=- tty=- device=- "
#define LET_IN "fails=0 wait=0"
#define NOT_RIGHT "This code is not right."

/* A password module, then ours with these arguments; the user is bob, who has no device. */
static void
stand(struct stage *s, const char *arguments)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "auth required {token}\nauth required {totp} %s\n",
	    arguments);
	stage_stack(s, text);
	s->app.user = "bob";
}

/* A login of the user at hand that must not ask. */
static int
come_in(struct stage *s)
{
	stage_forget(s);
	int r = app_login(&s->app);
	assert_int_equal(s->app.prompt_count, 0);
	return r;
}

/* A login that asks and refuses as it does whoever is unenrolled. */
static void
expect_refused(struct stage *s)
{
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 1);
	stage_expect_shown(s, 1, PAM_ERROR_MSG, NOT_RIGHT);
	assert_int_equal(s->app.shown_count, 2);
	stage_expect_one(LOG_NOTICE, "event=deny reason=unenrolled" OF_BOB, "");
}

static void
put_record(struct stage *s, const char *user, uint32_t uid, uint64_t exempt_until,
    uint64_t enrol_by)
{
	struct store_entry e = stage_look(s, user);

	if (!e.has_record)
		assert_int_equal(record_init(&e.record, user, uid), 0);
	e.has_record = true;
	e.record.exempt_until = exempt_until;
	if (exempt_until != 0)
		memcpy(e.record.exempt_reason, "build robot, ticket 7",
		    sizeof("build robot, ticket 7"));
	e.record.enrol_by = enrol_by;
	e.state.uid = uid;
	stage_put(s, user, &e);
}

static void
test_grace(void **state)
{
	struct stage *s = *state;

	stand(s, "unenrolled=grace");
	assert_int_equal(come_in(s), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 1);
	stage_expect_shown(s, 0, PAM_TEXT_INFO, "No MFA device is assigned to bob. You have 35 "
	    "days left to assign one: run totp-enroll");
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_NOTICE,
	    "event=skip reason=grace" OF_BOB LET_IN " until=2023-12-19");
	world_set_clock(STAGE_NOW + 34 * DAY);
	assert_int_equal(come_in(s), PAM_SUCCESS);
	stage_expect_shown(s, 0, PAM_TEXT_INFO, "No MFA device is assigned to bob. You have 1 "
	    "day left to assign one: run totp-enroll");
	/* The clock set back gives no day back. */
	world_set_clock(STAGE_NOW - 20 * DAY);
	assert_int_equal(come_in(s), PAM_SUCCESS);
	assert_non_null(strstr(app_shown(&s->app, 0), "You have 1 day left"));
	/* Fewer days end earlier, as they are counted from the same beginning. */
	world_set_clock(STAGE_NOW + 34 * DAY + 1);
	stand(s, "unenrolled=grace grace_days=34");
	expect_refused(s);
	stand(s, "unenrolled=grace");
	world_set_clock(STAGE_NOW + 35 * DAY);
	expect_refused(s);
	/* Enrolled within it: asked. */
	stage_enrol(s, "bob", STAGE_UID + 1, "phone");
	stand(s, "unenrolled=grace");
	assert_int_equal(stage_login(s, stage_code(s, "bob", 0)), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 1);
}

/* It is told whatever `feedback` is, but not to who wants silence. */
static void
test_days_left_are_told(void **state)
{
	struct stage *s = *state;

	stand(s, "unenrolled=grace feedback=none grace_days=1");
	assert_int_equal(come_in(s), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 1);
	s->app.flags = PAM_SILENT;
	assert_int_equal(come_in(s), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 0);
}

/* A grace time that cannot be written, or whose beginning cannot be read, lets nobody in. */
static void
test_grace_and_a_broken_store(void **state)
{
	struct stage *s = *state;

	stand(s, "unenrolled=grace");
	assert_int_equal(come_in(s), PAM_SUCCESS);
	/* Damage to both slots: a ruin, which is a grace time that is over. */
	int fd = open(stage_path(s, "state/bob"), O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, 20), 1);
	assert_int_equal(pwrite(fd, "x", 1, 512 + 20), 1);
	assert_int_equal(close(fd), 0);
	expect_refused(s);
	/* A file of another kind is no file that is not there. */
	assert_int_equal(unlink(stage_path(s, "state/bob")), 0);
	assert_int_equal(symlink("/nonexistent", stage_path(s, "state/bob")), 0);
	assert_int_equal(come_in(s), PAM_AUTHINFO_UNAVAIL);
	stage_expect_one(LOG_CRIT, "event=error reason=store" OF_BOB, "error=");
	assert_int_equal(unlink(stage_path(s, "state/bob")), 0);
	stage_write(stage_path(s, "secrets/bob"), "junk\n", 0600);
	assert_int_equal(come_in(s), PAM_AUTHINFO_UNAVAIL);
}

static void
test_not_yet(void **state)
{
	struct stage *s = *state;

	/* A clock that cannot be read, or was never set, is no day before the day. */
	stand(s, "enforce_after=2023-11-15");
	world_set_clock(0);
	assert_int_equal(stage_login(s, "123456"), PAM_AUTH_ERR);
	stage_expect_one(LOG_NOTICE, "event=deny reason=unenrolled" OF_BOB, "");
	world_set_clock(STAGE_NOW); /* on 2023-11-14 */
	assert_int_equal(come_in(s), PAM_SUCCESS);
	stage_expect_shown(s, 0, PAM_TEXT_INFO, "No MFA device is assigned to bob. From "
	    "2023-11-15 on one is needed to log in: run totp-enroll");
	stage_expect_line(0, LOG_NOTICE,
	    "event=skip reason=not-enforced-yet" OF_BOB LET_IN " until=2023-11-15");
	s->app.user = "alice";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stand(s, "enforce_after=2023-11-14");
	expect_refused(s);
}

static void
test_groups(void **state)
{
	struct stage *s = *state;

	world_add_group("wheel", 7, "bob");
	world_add_group("staff", STAGE_UID + 1, ""); /* bob's primary group */
	world_add_group("other", 9, "carol");
	stand(s, "groups=other,wheel");
	expect_refused(s);
	stand(s, "groups=staff");
	expect_refused(s);
	stand(s, "groups=other");
	assert_int_equal(come_in(s), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 0);
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_INFO, "event=skip reason=not-in-groups" OF_BOB LET_IN);
	/* Who has enrolled is asked, and a name without an account is in no group's care. */
	s->app.user = "alice";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	s->app.user = "mallory";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	/* A group that is not there is a mistake, not a group without members. */
	stand(s, "groups=weel");
	assert_int_equal(come_in(s), PAM_SERVICE_ERR);
	stage_expect_one(LOG_CRIT, "event=error reason=settings" OF_BOB,
	    "error=groups:%20%22weel%22:%20this%20host%20has%20no%20such%20group");
}

static void
test_group_sections(void **state)
{
	struct stage *s = *state;

	world_add_group("wheel", 7, "bob");
	world_add_group("other", 9, "carol");
	stage_settings(s, "unenrolled = skip\n[group wheel]\nunenrolled = deny\n");
	stand(s, "");
	expect_refused(s);
	stage_settings(s, "unenrolled = skip\n[group other]\nunenrolled = deny\n");
	assert_int_equal(come_in(s), PAM_SUCCESS);
	/* The service's own section wins, and an argument over all. */
	stage_settings(s, "[service totp-test]\nunenrolled = deny\n"
			  "[group wheel]\nunenrolled = skip\n");
	expect_refused(s);
	stand(s, "unenrolled=skip");
	assert_int_equal(come_in(s), PAM_SUCCESS);
	stage_settings(s, "[group nowhere]\nunenrolled = deny\n");
	assert_int_equal(come_in(s), PAM_SERVICE_ERR);
	/* For a name without an account as well: it is the settings that are broken. */
	s->app.user = "mallory";
	assert_int_equal(come_in(s), PAM_SERVICE_ERR);
}

static void
test_exempt(void **state)
{
	struct stage *s = *state;
	uint64_t end = STAGE_NOW + 2 * DAY;

	put_record(s, "bob", STAGE_UID + 1, end, 0);
	put_record(s, "alice", STAGE_UID, end, 0);
	stand(s, "");
	assert_int_equal(come_in(s), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 1);
	stage_expect_shown(s, 0, PAM_TEXT_INFO, "No MFA code is asked of bob until 2023-11-16: "
	    "your administrator made an exemption.");
	assert_int_equal(stage_line_count(), 1);
	stage_expect_line(0, LOG_WARNING, "event=skip reason=exempt" OF_BOB LET_IN
	    " until=2023-11-16 why=build%20robot,%20ticket%207");
	s->app.user = "alice";
	assert_int_equal(come_in(s), PAM_SUCCESS);
	/* It ends by itself, to the second. */
	world_set_clock(end - 1);
	assert_int_equal(come_in(s), PAM_SUCCESS);
	world_set_clock(end);
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	s->app.user = "bob";
	expect_refused(s);
	/* Another account of the name (userdel, useradd) inherits no exemption. */
	world_reset(STAGE_NOW);
	world_add_account("alice", "alice", STAGE_UID + 5);
	s->app.user = "alice";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTHINFO_UNAVAIL);
}

static void
test_reset(void **state)
{
	struct stage *s = *state;
	uint64_t end = STAGE_NOW + 2 * DAY;

	put_record(s, "bob", STAGE_UID + 1, 0, end);
	stand(s, "");
	expect_refused(s);
	stand(s, "unenrolled=skip");
	assert_int_equal(come_in(s), PAM_SUCCESS);
	stage_expect_shown(s, 0, PAM_TEXT_INFO, "No MFA device is assigned to bob. You have 2 "
	    "days left to assign one: run totp-enroll");
	stage_expect_line(0, LOG_NOTICE,
	    "event=skip reason=reset" OF_BOB LET_IN " until=2023-11-16");
	world_set_clock(end);
	expect_refused(s);
}

/* unenrolled=enroll without the module that enrols is deny; with it, its word alone is not
 * enough. */
static void
test_enrolled(void **state)
{
	struct stage *s = *state;
	char stack[512];
	struct store_entry e;

	stage_settings(s, "throttle_delay = 0\n");
	stand(s, "unenrolled=enroll");
	expect_refused(s);
	stage_stack(s, "auth required {token} enrolled=bob:1:5\n"
		       "auth required {totp} unenrolled=enroll\n");
	expect_refused(s);

	stage_enrol(s, "bob", STAGE_UID + 1, "phone");
	e = stage_look(s, "bob");
	e.state.device[0].last_step = STAGE_NOW / 30;
	stage_put(s, "bob", &e);
	uint32_t id = e.record.device[0].id;
	static const struct {
		const char *user;
		int id_more, step_more;
		bool is_believed;
	} rows[] = {
		{ "bob", 0, 0, true },
		{ "alice", 0, 0, false },
		{ "", 0, 0, false },
		{ "bob", 1, 0, false },
		{ "bob", 0, -1, false }, /* a later step was used since */
		{ "bob", 0, 1, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(stack, sizeof(stack), "auth required {token} enrolled=%s:%u:%ju\n"
		    "auth required {totp} unenrolled=enroll\n", rows[i].user,
		    id + (unsigned)rows[i].id_more,
		    (uintmax_t)(STAGE_NOW / 30 + (uint64_t)(int64_t)rows[i].step_more));
		stage_stack(s, stack);
		if (!rows[i].is_believed) {
			assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
			assert_int_equal(s->app.prompt_count, 1);
			continue;
		}
		assert_int_equal(come_in(s), PAM_SUCCESS);
		assert_int_equal(stage_line_count(), 1);
		stage_expect_line(0, LOG_INFO, "event=accept reason=enrolled user=bob "
		    "service=totp-test rhost=- tty=- device=phone fails=0 wait=0");
	}
	/* It counts once: a second of our lines asks. */
	(void)snprintf(stack, sizeof(stack), "auth required {token} enrolled=bob:%u:%ju\n"
	    "auth required {totp}\nauth required {totp}\n", id, (uintmax_t)STAGE_NOW / 30);
	stage_stack(s, stack);
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(s->app.prompt_count, 1);
	/* It is of these minutes, or it is not of this login. */
	(void)snprintf(stack, sizeof(stack), "auth required {token} enrolled=bob:%u:%ju\n"
	    "auth required {totp}\n", id, (uintmax_t)STAGE_NOW / 30);
	stage_stack(s, stack);
	world_set_clock(STAGE_NOW + 20 * 30);
	assert_int_equal(come_in(s), PAM_SUCCESS);
	world_set_clock(STAGE_NOW + 21 * 30);
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	/* A device that is disabled meanwhile bears nothing out. */
	e = stage_look(s, "bob");
	e.record.device[0].state = DEVICE_DISABLED;
	stage_put(s, "bob", &e);
	world_set_clock(STAGE_NOW + 20 * 30);
	expect_refused(s);
}

static void
test_notices(void **state)
{
	struct stage *s = *state;
	struct store_entry e = stage_look(s, "alice");

	for (unsigned i = 0; i < 5; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "change %u", i + 1);
		record_add_notice(&e.record, e.state.notice_told, STAGE_NOW, text);
	}
	stage_put(s, "alice", &e);
	/* Not to who fails, and not to who wants silence: it would be lost. */
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(s->app.shown_count, 2);
	s->app.flags = PAM_SILENT;
	assert_int_equal(stage_login(s, stage_code(s, "alice", -1)), PAM_SUCCESS);
	s->app.flags = 0;
	stage_arguments(s, "feedback=none");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 4);
	stage_expect_shown(s, 1, PAM_TEXT_INFO, "Notice of 2023-11-14 22:13 UTC: change 1");
	stage_expect_shown(s, 3, PAM_TEXT_INFO, "Notice of 2023-11-14 22:13 UTC: change 3");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 1)), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 3);
	stage_expect_shown(s, 1, PAM_TEXT_INFO, "Notice of 2023-11-14 22:13 UTC: change 4");
	stage_expect_shown(s, 2, PAM_TEXT_INFO, "Notice of 2023-11-14 22:13 UTC: change 5");
	world_set_clock(STAGE_NOW + 60);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	assert_int_equal(s->app.shown_count, 1);
}

static void
test_rotation(void **state)
{
	struct stage *s = *state;
	struct store_entry e = stage_look(s, "alice");

	e.record.device[0].rotate_by = STAGE_NOW + 30;
	stage_put(s, "alice", &e);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	stage_expect_shown(s, 1, PAM_TEXT_INFO, "Device \"phone\" must be replaced by "
	    "2023-11-14: run totp-enroll rotate phone");
	stage_expect_line(0, LOG_INFO, "event=accept reason=code user=alice service=totp-test "
	    "rhost=- tty=- device=phone fails=0 wait=0");
	world_set_clock(STAGE_NOW + 30);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	stage_expect_shown(s, 1, PAM_TEXT_INFO, "Device \"phone\" had to be replaced by "
	    "2023-11-14: run totp-enroll rotate phone");
	stage_expect_line(0, LOG_INFO, "event=accept reason=code user=alice service=totp-test "
	    "rhost=- tty=- device=phone fails=0 wait=0 rotate=overdue");
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_grace),
		LOGIN_TEST(test_days_left_are_told),
		LOGIN_TEST(test_grace_and_a_broken_store),
		LOGIN_TEST(test_not_yet),
		LOGIN_TEST(test_groups),
		LOGIN_TEST(test_group_sections),
		LOGIN_TEST(test_exempt),
		LOGIN_TEST(test_reset),
		LOGIN_TEST(test_enrolled),
		LOGIN_TEST(test_notices),
		LOGIN_TEST(test_rotation),
	};

	return cmocka_run_group_tests_name("requirement", tests, NULL, NULL);
}
