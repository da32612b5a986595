/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The file store when something that was there is gone: it must never look like a user who
 * did not enrol, or like a time that has not begun. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/attempt.h"
#include "core/policy.h"
#include "core/store_file.h"
#include "support/store_sample.h"

static char folder[64];
static char path[128];
static struct store *store;

static const char *
at(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int
set_up(void **unused)
{
	(void)unused;
	snprintf(folder, sizeof(folder), "/tmp/test_store_lost.XXXXXX");
	assert_non_null(mkdtemp(folder));
	sample_make_store(folder);
	assert_int_equal(store_file_open(folder, &store, NULL), 0);
	sample_enrol(store, "alice");
	return 0;
}

static int
tear_down(void **unused)
{
	char command[sizeof(folder) + 16];

	(void)unused;
	store_close(store);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void
put(const char *name, const char *text, size_t len)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static struct store_entry
load(const char *user)
{
	struct store_entry e;

	assert_int_equal(store_load(store, user, &e, NULL), 0);
	return e;
}

/* A folder that is gone, or a file system that is not mounted, is not "nobody is enrolled". */
static void
the_folder_of_records(void **unused)
{
	struct store *s = NULL;
	struct diag d = { "" };

	(void)unused;
	assert_int_equal(unlink(at("secrets/alice")), 0);
	assert_int_equal(rmdir(at("secrets")), 0);
	assert_int_equal(store_file_open(folder, &s, &d), E_UNSAFE);
	assert_null(s);
	assert_non_null(strstr(d.text, "secrets"));
}

/* The folder of states is looked for again by a store that found none. */
static void
a_state_folder_that_appears_is_judged_as_well(void **unused)
{
	(void)unused;
	struct store *s = NULL;
	struct store_entry e;
	struct diag d = {""};

	assert_int_equal(unlink(at("state/alice")), 0);
	assert_int_equal(rmdir(at("state")), 0);
	assert_int_equal(store_file_open(folder, &s, NULL), 0);
	assert_int_equal(mkdir(at("state"), 0700), 0);
	assert_int_equal(chmod(at("state"), 0770), 0);
	assert_int_equal(store_load(s, "alice", &e, &d), E_UNSAFE);
	assert_int_equal(store_commit(s, "alice", &e.state, &e.version, &d), E_UNSAFE);
	assert_int_equal(chmod(at("state"), 0700), 0);
	assert_int_equal(store_load(s, "alice", &e, &d), 0);
	store_close(s);
}

static void
state_folder_is_made_for_a_login(void **unused)
{
	(void)unused;
	assert_int_equal(unlink(at("state/alice")), 0);
	assert_int_equal(rmdir(at("state")), 0);
	struct store *s = NULL;
	struct store_entry e;
	assert_int_equal(store_file_open(folder, &s, NULL), 0);
	/* Whoever has no record had counts and perhaps a time of grace. */
	assert_int_equal(store_load(s, "bob", &e, NULL), 0);
	assert_false(e.has_record);
	assert_int_equal(e.health, STATE_LOST);
	assert_int_equal(store_load(s, "alice", &e, NULL), 0);
	assert_int_equal(e.health, STATE_LOST);
	state_rebuild(&e.state, &e.record, SAMPLE_NOW);
	assert_int_equal(store_commit(s, "alice", &e.state, &e.version, NULL), 0);
	assert_int_equal(store_load(s, "alice", &e, NULL), 0);
	assert_int_equal(e.health, STATE_WHOLE);
	store_close(s);
}

/* Configuration management deletes before it writes, a restore brings half: the state still
 * knows that alice has devices. */
static void
a_record_beside_its_state(void **unused)
{
	struct store_entry e;
	struct diag d = { "" };

	(void)unused;
	assert_int_equal(unlink(at("secrets/alice")), 0);
	assert_int_equal(store_load(store, "alice", &e, &d), E_CORRUPT);
	assert_non_null(strstr(d.text, "record is lost"));
	assert_false(e.has_record);
	/* Nobody enrols over it, an administrator can take it away. */
	assert_int_equal(store_replace(store, "alice", NULL, &e.state, &e.version, NULL), 0);
	assert_int_equal(load("alice").health, STATE_FRESH);
	assert_false(load("alice").has_record);
}

/* What could not be read may have counted, and may have begun the time of grace. */
static void
a_state_without_a_record(void **unused)
{
	static const char *const names[] = { ".decoy-05", "bob" };
	struct settings s;
	struct attempt_request q = { .user = "bob", .uid = 1001, .source = "here",
		.now_s = SAMPLE_NOW };

	(void)unused;
	config_defaults(&s);
	put("state/.decoy-05", "garbage", 7);
	put("state/bob", "garbage", 7);
	for (size_t i = 0; i < 2; i++) {
		struct store_entry e = load(names[i]);
		assert_false(e.has_record);
		assert_int_equal(e.health, STATE_LOST);
	}
	/* The first write after it does not make a new beginning possible. */
	assert_int_equal(attempt_count_failure(&q, store, NULL), 0);
	struct store_entry e = load("bob");
	assert_int_equal(e.health, STATE_WHOLE);
	assert_int_equal(e.state.fails, 1);
	assert_int_equal(e.state.grace_start, 1);

	/* Made, but never written: nothing was counted or begun yet. */
	put("state/carol", "", 0);
	e = load("carol");
	assert_int_equal(e.health, STATE_FRESH);
	assert_int_equal(store_commit(store, "carol", &e.state, &e.version, NULL), 0);
	assert_int_equal(load("carol").state.grace_start, 0);
}

/* su and sudo keep the limits of whoever called them. A limit inside the file must neither
 * tear a slot nor end the host. */
static void
no_slot_to_a_limit_of_file_sizes(void **unused)
{
	static const rlim_t limits[] = { 0, 1, 511, 512, 513, 1000, 1023 };

	(void)unused;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		/* Twice, so that both slots have their turn. */
		for (int turn = 0; turn < 2; turn++) {
			struct store_entry before = load("alice");
			pid_t child = fork();
			assert_true(child >= 0);
			if (child == 0) {
				const struct rlimit l = { limits[i], limits[i] };
				struct store_entry e = before;
				signal(SIGXFSZ, SIG_DFL);
				int r = setrlimit(RLIMIT_FSIZE, &l);
				if (r == 0)
					r = store_commit(store, "alice", &e.state,
					    &e.version, NULL);
				_exit(r == 0 ? 0 : r == E_IO ? 1 : 2);
			}
			int status = -1;
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_true(WIFEXITED(status));
			struct store_entry after = load("alice");
			assert_int_equal(after.health, STATE_WHOLE);
			if (WEXITSTATUS(status) == 0) {
				assert_int_equal(after.state.generation,
				    before.state.generation + 1);
			} else {
				assert_int_equal(WEXITSTATUS(status), 1);
				sample_expect_state(&after.state, &before.state);
				assert_int_equal(store_commit(store, "alice", &after.state,
				    &after.version, NULL), 0);
			}
		}
	}
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(the_folder_of_records),
		CASE(a_state_folder_that_appears_is_judged_as_well),
		CASE(state_folder_is_made_for_a_login),
		CASE(a_record_beside_its_state),
		CASE(a_state_without_a_record),
		CASE(no_slot_to_a_limit_of_file_sizes),
	};
	return cmocka_run_group_tests_name("store_lost", tests, NULL, NULL);
}
