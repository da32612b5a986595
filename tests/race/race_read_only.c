/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Logins at the same moment while the file system of the store is read-only: 32 processes,
 * each with the real libpam and the shipped module. With `state_fallback`:
 *
 *  1. One code, one login, from the first moment on: of the codes that another image of the
 *     store may have seen none lets anybody in, of a later one exactly one login.
 *  2. Guesses are counted, and throttled.
 *  3. When the store can be written again, in the middle of the crowd or between two, what
 *     was used stays used and the fallback directory is empty again.
 *
 * Without it every login is refused. Needs root and mount namespaces. */

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "crowd.h"

#define UNLIMITED "throttle_after = 1000\nlock_after = 1000\n"
#define ALICE "alice", STAGE_UID, "192.0.2.7"
#define BURNT_STEPS 4 /* of the present one and of the widest window */
#define ROUNDS 40

static char aside[96];

/* A command in whose words $P is that path. */
static void
shell(const char *command, const char *path)
{
	assert_int_equal(setenv("P", path, 1), 0);
	assert_int_equal(system(command), 0);
}

/* The store on a tmpfs of its own. */
static int
setup(void **state)
{
	int r = stage_setup(state);
	struct stage *s = *state;

	if (r != 0)
		return r;
	(void)snprintf(aside, sizeof(aside), "%s/aside", s->dir);
	shell("mv $P $P.kept && mkdir -m 700 $P", s->store);
	assert_int_equal(mount("none", s->store, "tmpfs", 0, "mode=0700"), 0);
	shell("cp -a $P.kept/. $P && rm -r $P.kept", s->store);
	return 0;
}

/* What is looked for in log and prompts is read of the store: back to where it was. */
static int
teardown(void **state)
{
	const struct stage *s = *state;

	shell("cp -a $P $P.kept && umount $P", s->store);
	shell("rmdir $P && mv $P.kept $P", s->store);
	return stage_teardown(state);
}

static void
remount(const struct stage *s, unsigned long flags)
{
	assert_int_equal(mount("none", s->store, "tmpfs", MS_REMOUNT | flags, "mode=0700"), 0);
}

static void
set_fallback(struct stage *s, const char *more)
{
	char lines[256];

	(void)snprintf(lines, sizeof(lines), "state_fallback = %s\n%s", aside, more);
	stage_settings(s, lines);
}

static void
advance(unsigned steps)
{
	world_set_clock(world_clock() + steps * UINT64_C(30));
}

static void
all_give(struct crowd *c, const char *answer)
{
	crowd_rest(c);
	for (unsigned i = 0; i < CROWD_LEN; i++)
		crowd_give(c, i, ALICE, answer);
	crowd_round(c);
}

/* Promise 3. */
static void
expect_empty(void)
{
	shell("test -z \"$(ls -A $P)\"", aside);
}

static void
test_refused_without(void **state)
{
	struct stage *s = *state;

	remount(s, MS_RDONLY);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTHINFO_UNAVAIL);
	stage_expect_one(LOG_CRIT, "event=error reason=store user=alice",
	    "Read-only%20file%20system");
	assert_int_equal(access(aside, F_OK), -1);
}

static void
test_one_code(void **state)
{
	struct stage *s = *state;

	set_fallback(s, UNLIMITED);
	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < ROUNDS; i++) {
		char code[16];

		advance(10);
		remount(s, MS_RDONLY);
		all_give(c, stage_code(s, "alice", 0));
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), CROWD_LEN);
		advance(BURNT_STEPS - 1);
		all_give(c, stage_code(s, "alice", 0));
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), CROWD_LEN);
		advance(1);
		(void)snprintf(code, sizeof(code), "%s", stage_code(s, "alice", 0));
		all_give(c, code);
		assert_int_equal(crowd_count(c, PAM_SUCCESS), 1);
		all_give(c, code);
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), CROWD_LEN);
		remount(s, 0);
		all_give(c, code);
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), CROWD_LEN);
		expect_empty();
		advance(1);
		all_give(c, stage_code(s, "alice", 0));
		assert_int_equal(crowd_count(c, PAM_SUCCESS), 1);
	}
	crowd_end(c);
}

/* Work: the disk comes back, at a moment that differs by the round. */
static void
bring_back(struct crowd *c, struct job *j)
{
	for (unsigned i = 0; i < j->count; i++)
		(void)sched_yield();
	/* Refused while somebody has a file open for writing: never here. */
	j->result = mount("none", c->store + strlen("file:"), "tmpfs", MS_REMOUNT, "mode=0700");
}

static void
test_back_in_the_middle(void **state)
{
	struct stage *s = *state;
	unsigned rounds = 4 * ROUNDS;

	set_fallback(s, UNLIMITED);
	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		remount(s, MS_RDONLY);
		advance(10);
		all_give(c, stage_wrong_code(s)); /* all is burnt from here on */
		advance(10);
		crowd_rest(c);
		for (unsigned k = 1; k < CROWD_LEN; k++)
			crowd_give(c, k, ALICE, stage_code(s, "alice", 0));
		struct job *j = crowd_give(c, 0, ALICE, "");
		j->work = bring_back;
		j->count = i * 4;
		crowd_round(c);
		assert_int_equal(j->result, 0);
		/* 0 is PAM_SUCCESS, so that the mount is one of them. */
		assert_int_equal(crowd_count(c, PAM_SUCCESS), 1 + 1);
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), CROWD_LEN - 2);
		all_give(c, stage_code(s, "alice", 0));
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), CROWD_LEN);
		expect_empty();
		/* Ends the failures in the store as well: merged, they are the larger ones. */
		advance(10);
		all_give(c, stage_code(s, "alice", 0));
		assert_int_equal(crowd_count(c, PAM_SUCCESS), 1);
	}
	crowd_end(c);
}

/* Promise 2, with the settings as shipped: five are looked at. */
static void
test_guesses(void **state)
{
	struct stage *s = *state;

	set_fallback(s, "");
	remount(s, MS_RDONLY);
	struct crowd *c = crowd_start(s);
	all_give(c, stage_wrong_code(s));
	assert_int_equal(crowd_count(c, PAM_AUTH_ERR), 5);
	assert_int_equal(crowd_count(c, PAM_MAXTRIES), CROWD_LEN - 5);
	remount(s, 0);
	all_give(c, stage_wrong_code(s));
	assert_int_equal(crowd_count(c, PAM_MAXTRIES), CROWD_LEN);
	crowd_end(c);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		print_message("1..0 # SKIP needs root and mount namespaces\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {
		CASE(test_refused_without),
		CASE(test_one_code),
		CASE(test_back_in_the_middle),
		CASE(test_guesses),
	};
	return cmocka_run_group_tests_name("race_read_only", tests, NULL, NULL);
}
