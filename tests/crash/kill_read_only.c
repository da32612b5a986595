/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Logins on a store that is read-only and has a directory for its states (`state_fallback`),
 * and the first one after it, killed before and after each system call in turn:
 *
 *  1. A code gets in once in total, whichever of the two places knows of it.
 *  2. What was told is so: a code that was accepted is consumed.
 *  3. Nothing is left that blocks the next login, and as soon as the store can be written
 *     nothing is left aside.
 *
 * Each test also proves that its kills came both before and after the change. Needs root and
 * mount namespaces. */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/store_file.h"
#include "crash_scene.h"
#include "faults.h"

#define BURNT_STEPS 4 /* of the present one and of the widest window */

static char aside[96], aside_file[112];

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
	char lines[256];

	if (stage_setup(state) != 0)
		return -1;
	struct stage *s = *state;
	(void)snprintf(aside, sizeof(aside), "%s/aside", s->dir);
	(void)snprintf(aside_file, sizeof(aside_file), "%s/alice", aside);
	(void)snprintf(lines, sizeof(lines),
	    "throttle_after = 1000\nlock_after = 1000\nstate_fallback = %s\n", aside);
	stage_settings(s, lines);
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

/* What both places know of the phone. */
static uint64_t
last_step(const struct stage *s)
{
	struct store *store = NULL;
	struct store_entry e;

	assert_int_equal(store_file_open_with(s->store, aside, &store, NULL), 0);
	assert_int_equal(store_load(store, "alice", &e, NULL), 0);
	store_close(store);
	assert_true(e.has_record);
	return e.state.device[0].last_step;
}

/* One login that is killed, and then as often as it takes with the same code. is_good: it may get
 * in. Returns whether it is the last. */
static bool
kill_one(struct stage *s, struct scene *c, struct strike *k, bool is_good, unsigned tally[3])
{
	char code[16];
	uint64_t step = world_clock() / 30;
	int told = is_good ? PAM_SUCCESS : PAM_AUTH_ERR;

	scene_code(s, "alice", "phone", 0, code);
	assert_true(last_step(s) < step);
	scene_reset(c, "alice", code);
	strike_run(k);
	bool is_told = c->told == told;
	assert_true(is_told || (k->has_struck && c->told == SCENE_NOTHING));
	assert_true(k->has_struck ? WIFSIGNALED(k->status) : strike_has_exited(k, 0));

	bool is_used = last_step(s) >= step;
	assert_true(is_used || !is_told);
	tally[is_told ? 2 : is_used ? 1 : 0]++;
	assert_int_equal(scene_login_unharmed(c, "alice", code),
	    is_good && !is_used ? PAM_SUCCESS : PAM_AUTH_ERR);
	assert_int_equal(scene_login_unharmed(c, "alice", code), PAM_AUTH_ERR);
	return k->has_struck;
}

static void
expect_login(struct stage *s, struct scene *c)
{
	char code[16];

	scene_advance(1);
	scene_code(s, "alice", "phone", 0, code);
	assert_int_equal(scene_login_unharmed(c, "alice", code), PAM_SUCCESS);
}

/* The disk is back: nothing is aside after one login. */
static void
end_round(struct stage *s, struct scene *c)
{
	remount(s, 0);
	expect_login(s, c);
	assert_int_not_equal(access(aside_file, F_OK), 0);
}

/* The first one, which burns. */
static bool
kill_first(struct stage *s, struct scene *c, struct strike *k, unsigned tally[3])
{
	scene_advance(10);
	remount(s, MS_RDONLY);
	bool is_on = kill_one(s, c, k, false, tally);
	scene_advance(BURNT_STEPS);
	expect_login(s, c);
	end_round(s, c);
	return is_on;
}

/* The state is aside. */
static void
begin_aside(struct stage *s, struct scene *c)
{
	scene_advance(10);
	remount(s, MS_RDONLY);
	assert_int_equal(scene_login_unharmed(c, "alice", stage_wrong_code(s)), PAM_AUTH_ERR);
	scene_advance(BURNT_STEPS);
}

static bool
kill_later(struct stage *s, struct scene *c, struct strike *k, unsigned tally[3])
{
	begin_aside(s, c);
	bool is_on = kill_one(s, c, k, true, tally);
	end_round(s, c);
	return is_on;
}

/* The first one after it, which brings the state back. */
static bool
kill_back(struct stage *s, struct scene *c, struct strike *k, unsigned tally[3])
{
	char code[16];

	begin_aside(s, c);
	scene_code(s, "alice", "phone", 0, code);
	assert_int_equal(scene_login_unharmed(c, "alice", code), PAM_SUCCESS);
	remount(s, 0);
	scene_advance(1);
	bool is_on = kill_one(s, c, k, true, tally);
	assert_int_equal(scene_login_unharmed(c, "alice", code), PAM_AUTH_ERR);
	end_round(s, c);
	return is_on;
}

static void
kill_at_each_call(struct stage *s, const char *what,
    bool (*round)(struct stage *s, struct scene *c, struct strike *k, unsigned tally[3]))
{
	struct scene *c = scene_make(s);
	struct strike k = { .prepare = scene_prepare_login, .work = scene_login, .ctx = c };
	unsigned tally[3] = { 0 };
	bool is_on = true;

	if (!strike_is_possible())
		skip();
	for (k.at = 1; is_on; k.at++) {
		k.kind = STRIKE_KILL_BEFORE;
		is_on = round(s, c, &k, tally);
		k.kind = STRIKE_KILL_AFTER;
		/* Nothing comes after the call that ends the process. */
		if (is_on && !strike_is_the_end(k.call[k.at - 1]))
			is_on = round(s, c, &k, tally);
	}
	assert_true(tally[0] > 0 && tally[1] > 0 && tally[2] > 0);
	faults_survived(tally[0] + tally[1] + tally[2], "kills in %s: %u before the change, %u "
	    "after it but before a word, %u after the word", what, tally[0], tally[1], tally[2]);
}

static void
test_first(void **state)
{
	kill_at_each_call(*state, "the first login on a read-only store", kill_first);
}

static void
test_later(void **state)
{
	kill_at_each_call(*state, "a later login on a read-only store", kill_later);
}

static void
test_back(void **state)
{
	kill_at_each_call(*state, "the first login on a store that is back", kill_back);
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
		CASE(test_first),
		CASE(test_later),
		CASE(test_back),
	};
	return cmocka_run_group_tests_name("kill_read_only", tests, NULL, NULL);
}
