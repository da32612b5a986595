/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A store that is read-only, with a directory that takes its states, and what happens when it
 * can be written again. The store is a tmpfs in a mount namespace of the test, so that the
 * kernel itself refuses; where the test may not mount, those cases skip themselves. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/recovery.h"
#include "core/store_file.h"
#include "support/attempt_fixture.h"
#include "support/store_sample.h"

#define LATER   (NOW + 300) /* nothing of NOW is burnt any more */
#define CALLERS 16

static char root[] = "/tmp/test_store_fallback.XXXXXX";
static char dir[64], aside[64], aside_file[96], state_file[96];
static bool may_mount;
static struct recovery_sheet sheet;

static void
shell(const char *what)
{
	char command[256];

	snprintf(command, sizeof(command), "cd '%s' && %s", root, what);
	assert_int_equal(system(command), 0);
}

static void
reopen(const char *fallback)
{
	store_close(store);
	assert_int_equal(store_file_open_with(dir, fallback, &store, NULL), 0);
}

static bool
is_aside(void)
{
	return access(aside_file, F_OK) == 0;
}

static void
remount(unsigned long flags)
{
	assert_int_equal(mount("none", dir, "tmpfs", MS_REMOUNT | flags, "mode=0700"), 0);
}

static void
need_mounts(void)
{
	if (!may_mount)
		skip();
}

static int
set_up(void **unused)
{
	(void)unused;
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/store", root);
	snprintf(aside, sizeof(aside), "%s/aside", root);
	snprintf(aside_file, sizeof(aside_file), "%s/%s", aside, USER);
	snprintf(state_file, sizeof(state_file), "%s/state/%s", dir, USER);
	assert_int_equal(mkdir(dir, 0700), 0);
	if (may_mount)
		assert_int_equal(mount("none", dir, "tmpfs", 0, "mode=0700,nr_inodes=64"), 0);
	sample_make_store(dir);
	config_defaults(&settings);
	store = NULL;
	reopen(aside);
	add_device("phone", OTP_PARAMS_DEFAULT);

	struct store_entry e = look();
	struct recovery_set set;
	assert_int_equal(recovery_generate(1, &set, &sheet), 0);
	e.record.recovery = set;
	e.state.recovery_id = 1;
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	return 0;
}

static int
tear_down(void **unused)
{
	(void)unused;
	store_close(store);
	store = NULL;
	if (may_mount)
		assert_int_equal(umount2(dir, MNT_DETACH), 0);
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

/* A code that was used at NOW, and then the disk. */
static void
go_read_only(char used[16])
{
	snprintf(used, 16, "%s", code_at(0, NOW, 0));
	assert_int_equal(try_text(used, "", NOW), ATTEMPT_ACCEPTED);
	assert_false(is_aside());
	remount(MS_RDONLY);
}

static void
nothing_is_kept_aside_while_the_store_works(void **unused)
{
	(void)unused;
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(access(aside, F_OK), -1);
	assert_int_equal(errno, ENOENT);
}

static void
without_the_setting_it_refuses(void **unused)
{
	(void)unused;
	need_mounts();
	char used[16];
	struct diag d = {""};

	/* What lies there is not looked at either. */
	reopen("");
	shell("mkdir -m 777 aside && echo rubbish >aside/alice");
	snprintf(used, sizeof(used), "%s", code_at(0, NOW, 0));
	assert_int_equal(try_text(used, "", NOW), ATTEMPT_ACCEPTED);
	remount(MS_RDONLY);
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_FAILED);
	assert_int_equal(result.error, E_IO);
	struct store_entry e = look();
	assert_int_equal(e.health, STATE_WHOLE);
	assert_int_equal(store_commit(store, USER, &e.state, &e.version, &d), E_IO);
	assert_non_null(strstr(d.text, "Read-only file system"));
}

static void
the_first_code_is_burnt_and_the_next_good_once(void **unused)
{
	(void)unused;
	need_mounts();
	char used[16], code[16];
	uint64_t first_good = (NOW / 30 + 4) * 30;

	go_read_only(used);
	/* A newer image may have used it, so it is not called wrong. */
	snprintf(code, sizeof(code), "%s", code_at(0, NOW, 1));
	assert_int_equal(try_text(code, "", NOW), ATTEMPT_BURNT);
	assert_int_equal(result.wait_s, first_good - NOW);
	assert_true(is_aside());
	assert_int_equal(try_text(used, "", NOW), ATTEMPT_REUSED);
	assert_int_equal(try_text(code_at(0, first_good, -1), "", first_good), ATTEMPT_REUSED);

	snprintf(code, sizeof(code), "%s", code_at(0, first_good, 0));
	reopen(aside);
	assert_int_equal(try_text(code, "", first_good), ATTEMPT_ACCEPTED);
	reopen(aside);
	assert_int_equal(try_text(code, "", first_good), ATTEMPT_REUSED);
	assert_int_equal(look().health, STATE_WHOLE);

	/* And nothing of it is forgotten when the store can be written again. */
	remount(0);
	assert_true(is_aside());
	assert_int_equal(look().health, STATE_WHOLE);
	assert_int_equal(try_text(code, "", first_good), ATTEMPT_REUSED);
	assert_false(is_aside());
	reopen("");
	assert_int_equal(try_text(code, "", first_good), ATTEMPT_REUSED);
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_ACCEPTED);
}

static void
failures_and_the_lock_count_there(void **unused)
{
	(void)unused;
	need_mounts();
	char used[16];

	settings.throttle_after = 1000;
	settings.lock_after = 5;
	go_read_only(used);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(try_text(wrong_code(), "", NOW), ATTEMPT_WRONG);
		assert_int_equal(result.has_locked, i == 5);
	}
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_LOCKED);
	remount(0);
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_LOCKED);
	assert_int_equal(try_text(sheet.text[0], "", LATER), ATTEMPT_ACCEPTED);
	assert_false(is_aside());
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_ACCEPTED);
}

static void
a_success_ends_failures_that_the_store_still_has(void **unused)
{
	(void)unused;
	need_mounts();
	settings.throttle_after = 1;
	settings.throttle_delay_s = 60;
	assert_int_equal(try_text(wrong_code(), "", NOW), ATTEMPT_WRONG);
	remount(MS_RDONLY);
	assert_int_equal(try_text("000000", "", NOW), ATTEMPT_THROTTLED);
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER - 200), ATTEMPT_WRONG);
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_ACCEPTED);
	assert_int_equal(look().state.fails, 0);
}

static void
recovery_codes_stay_spent(void **unused)
{
	(void)unused;
	need_mounts();
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_ACCEPTED);
	remount(MS_RDONLY);
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(sheet.text[1], "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(result.recovery_left, 8);
	assert_int_equal(try_text(sheet.text[1], "", NOW), ATTEMPT_WRONG);
	remount(0);
	assert_int_equal(try_text(sheet.text[1], "", NOW), ATTEMPT_WRONG);
	assert_false(is_aside());
	assert_int_equal(try_text(sheet.text[1], "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(sheet.text[2], "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(result.recovery_left, 7);
}

static void
records_cannot_be_changed(void **unused)
{
	(void)unused;
	need_mounts();
	char used[16];

	go_read_only(used);
	for (unsigned i = 0; i < 2; i++) {
		struct diag d = {""};
		struct store_entry e = look();

		assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, &d),
		    E_IO);
		assert_non_null(strstr(d.text, "Read-only file system"));
		assert_int_equal(store_replace(store, USER, NULL, NULL, &e.version, &d), E_IO);
		assert_non_null(strstr(d.text, "Read-only file system"));
		/* Once more with a state aside. */
		assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER),
		    i == 0 ? ATTEMPT_BURNT : ATTEMPT_REUSED);
	}
	/* What is decided on a read-only store is not carried over into one that is not. */
	struct store_entry e = look();
	remount(0);
	assert_int_equal(store_commit(store, USER, &e.state, &e.version, NULL), E_CONFLICT);
	e = look();
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	assert_false(is_aside());
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_REUSED);
	remount(MS_RDONLY);
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_BURNT);
	remount(0);
	e = look();
	assert_int_equal(store_replace(store, USER, NULL, NULL, &e.version, NULL), 0);
	assert_false(is_aside());
	assert_int_equal(look().health, STATE_FRESH);
}

/* The two places that hold a user's failures have their own locks and one version. */
static void
one_of_many_at_once(void **unused)
{
	(void)unused;
	need_mounts();
	char used[16], code[16];
	int gate[2];

	go_read_only(used);
	settings.throttle_after = 1000;
	snprintf(code, sizeof(code), "%s", code_at(0, LATER, 0));
	for (unsigned round = 0; round < 20; round++) {
		unsigned accepted = 0;
		uint64_t now_s = LATER + 300 * round;

		/* Every other round begins with no state aside: all are burnt then. */
		bool is_first = round % 2 == 0;
		if (is_first)
			(void)unlink(aside_file);
		snprintf(code, sizeof(code), "%s", code_at(0, now_s, 0));
		assert_int_equal(pipe(gate), 0);
		for (unsigned i = 0; i < CALLERS; i++) {
			if (fork() != 0)
				continue;
			char byte;
			close(gate[1]);
			store = NULL;
			if (store_file_open_with(dir, aside, &store, NULL) != 0)
				_exit(2);
			(void)!read(gate[0], &byte, 1);
			_exit(try_text(code, "", now_s) == ATTEMPT_ACCEPTED ? 1 : 0);
		}
		close(gate[0]);
		close(gate[1]);
		for (unsigned i = 0; i < CALLERS; i++) {
			int status = 0;
			assert_true(wait(&status) > 0);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
			accepted += WEXITSTATUS(status) == 1;
		}
		assert_int_equal(accepted, is_first ? 0 : 1);
	}
}

static void
unsafe_places_refuse(void **unused)
{
	(void)unused;
	need_mounts();
	static const struct {
		const char *how;
		int error;
	} bad[] = {
	    {"mkdir -m 755 aside", E_UNSAFE},
	    {"mkdir -m 700 aside && chown 1 aside", E_UNSAFE},
	    {"mkdir -m 700 real && ln -s real aside", E_UNSAFE},
	    {"touch aside", E_UNSAFE},
	    {"mkdir -m 700 aside && mkdir aside/alice", E_UNSAFE},
	    {"mkdir -m 700 aside && touch x && chmod 600 x && ln -s ../x aside/alice", E_UNSAFE},
	    {"mkdir -m 700 aside && touch aside/alice && chmod 644 aside/alice", E_UNSAFE},
	    {"mkdir -m 700 aside && mkfifo -m 600 aside/alice", E_UNSAFE},
	};
	char used[16];

	go_read_only(used);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		shell(bad[i].how);
		reopen(aside);
		result = (struct attempt_result){.error = 0};
		struct attempt_request q = {.user = USER, .uid = UID, .answer = {"000000", 6},
		    .source = "", .now_s = LATER};
		assert_int_equal(
		    attempt_run(&q, &settings, store, &result, NULL), ATTEMPT_FAILED);
		assert_int_equal(result.error, bad[i].error);
		shell("rm -rf aside real x");
	}
	/* Its parent has to be there, and nobody else's. */
	char deep[96];
	snprintf(deep, sizeof(deep), "%s/no/aside", root);
	reopen(deep);
	assert_int_equal(try_text("000000", "", LATER), ATTEMPT_FAILED);
	assert_int_equal(result.error, E_IO);
	shell("mkdir -m 777 no && chmod 777 no");
	assert_int_equal(try_text("000000", "", LATER), ATTEMPT_FAILED);
	assert_int_equal(result.error, E_UNSAFE);
	shell("chmod 700 no");
	assert_int_equal(try_text("000000", "", LATER), ATTEMPT_WRONG);
	struct stat sb;
	assert_int_equal(stat(deep, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0700);
}

/* Another refusal of the disk never leads there. */
static void
a_full_disk_is_not_read_only(void **unused)
{
	(void)unused;
	need_mounts();
	assert_int_equal(unlink(state_file), 0);
	shell("i=0; while touch store/f$i; do i=$((i + 1)); done 2>/dev/null; test $i -gt 1");
	assert_int_equal(try_text(code_at(0, LATER, 0), "", LATER), ATTEMPT_FAILED);
	assert_int_equal(result.error, E_IO);
	assert_int_equal(access(aside, F_OK), -1);
}

/* The state of now is put aside and the store gets the one of before, as if the disk had been
 * read-only in between. */
static void
put_aside(void)
{
	shell("mkdir -m 700 aside && mv store/state/alice aside/ &&"
	      " cp -p before store/state/alice");
}

static void
a_state_aside_is_brought_back(void **unused)
{
	(void)unused;
	char code[16];

	shell("cp -p store/state/alice before");
	snprintf(code, sizeof(code), "%s", code_at(0, NOW, 0));
	assert_int_equal(try_text(code, "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(try_text(sheet.text[4], "", NOW), ATTEMPT_ACCEPTED);
	put_aside();
	/* Loading changes nothing. */
	struct store_entry e = look();
	assert_int_equal(e.health, STATE_WHOLE);
	assert_int_equal(e.state.recovery_spent, 1 << 4);
	assert_true(is_aside());
	/* Both have to be what they were. */
	shell("cp -p aside/alice kept && cp -p before aside/alice");
	assert_int_equal(store_commit(store, USER, &e.state, &e.version, NULL), E_CONFLICT);
	shell("rm aside/alice");
	assert_int_equal(store_commit(store, USER, &e.state, &e.version, NULL), E_CONFLICT);
	shell("cp -p kept aside/alice");
	assert_int_equal(try_text(code, "", NOW), ATTEMPT_REUSED);
	assert_false(is_aside());
	assert_int_equal(try_text(sheet.text[4], "", NOW), ATTEMPT_WRONG);
	/* Killed before it was removed: once more, and nothing changes. */
	shell("cp -p kept aside/alice");
	assert_int_equal(try_text(code, "", NOW), ATTEMPT_REUSED);
	assert_false(is_aside());
	/* One that appears after the load is not passed over. */
	e = look();
	shell("cp -p kept aside/alice");
	assert_int_equal(store_commit(store, USER, &e.state, &e.version, NULL), E_CONFLICT);
	assert_true(is_aside());
	assert_int_equal(unlink(aside_file), 0);
	e = look();
	shell("head -c 1024 /dev/zero >aside/alice && chmod 600 aside/alice");
	assert_int_equal(store_commit(store, USER, &e.state, &e.version, NULL), E_CONFLICT);
	assert_true(is_aside());
	/* Nor is another one of as many writes. */
	for (unsigned i = 0; i < 2; i++) {
		shell("cp -p before store/state/alice && rm -f aside/alice");
		e = look();
		e.state.fails = 10 + i;
		assert_int_equal(store_commit(store, USER, &e.state, &e.version, NULL), 0);
		shell(i == 0 ? "cp -p store/state/alice one" : "cp -p store/state/alice other");
	}
	shell("cp -p one aside/alice");
	e = look();
	shell("cp -p other aside/alice");
	assert_int_equal(store_commit(store, USER, &e.state, &e.version, NULL), E_CONFLICT);
}

static void
a_state_aside_that_is_damaged_is_lost(void **unused)
{
	(void)unused;
	shell("cp -p store/state/alice before");
	put_aside();
	shell("head -c 1024 /dev/zero >aside/alice");
	assert_int_equal(look().health, STATE_LOST);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_BURNT);
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_WRONG);
	assert_false(is_aside());
	/* Half of one: the other half may have been newer. */
	shell("cp -p before aside/alice &&"
	      " dd if=/dev/zero of=aside/alice bs=512 count=1 conv=notrunc 2>/dev/null");
	assert_int_equal(look().health, STATE_HALF);
	/* Made, and never written: nothing is known there. */
	shell(": >aside/alice");
	assert_int_equal(look().health, STATE_WHOLE);
	assert_int_equal(try_text("000000", "", NOW), ATTEMPT_WRONG);
	assert_false(is_aside());
}

/* The disk was mended, and has lost the state. */
static void
a_state_that_only_is_aside_is_burnt(void **unused)
{
	(void)unused;
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_ACCEPTED);
	shell("mkdir -m 700 aside && mv store/state/alice aside/");
	assert_int_equal(look().health, STATE_HALF);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_BURNT);
	assert_false(is_aside());
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(sheet.text[1], "", NOW), ATTEMPT_ACCEPTED);
}

/* Users without a record, and the names under which unknown ones are counted. */
static void
unknown_users_are_counted_there_too(void **unused)
{
	(void)unused;
	need_mounts();
	static const char *const names[] = {"nobody", ".decoy-07"};

	remount(MS_RDONLY);
	for (size_t i = 0; i < 2; i++) {
		struct store_entry e;

		reopen(aside);
		assert_int_equal(store_load(store, names[i], &e, NULL), 0);
		assert_int_equal(store_commit(store, names[i], &e.state, &e.version, NULL),
		    E_CONFLICT);
		assert_int_equal(store_load(store, names[i], &e, NULL), 0);
		/* A grace time may have begun that is not known here. */
		assert_int_equal(e.health, STATE_LOST);
		assert_true(store_entry_complete(&e, NOW));
		assert_int_equal(e.state.grace_start, 1);
		e.state.fails = 3;
		assert_int_equal(store_commit(store, names[i], &e.state, &e.version, NULL), 0);
		e.state.fails = 4;
		assert_int_equal(store_commit(store, names[i], &e.state, &e.version, NULL), 0);
	}
	remount(0);
	reopen(aside);
	for (size_t i = 0; i < 2; i++) {
		struct store_entry e;

		assert_int_equal(store_load(store, names[i], &e, NULL), 0);
		assert_int_equal(e.health, STATE_WHOLE);
		assert_int_equal(e.state.fails, 4);
		assert_int_equal(store_commit(store, names[i], &e.state, &e.version, NULL), 0);
		assert_int_equal(store_commit(store, names[i], &e.state, &e.version, NULL), 0);
	}
	shell("test -z \"$(ls -A aside)\"");
}

static void
settings_that_name_no_directory(void **unused)
{
	(void)unused;
	static const char *const bad[] = {"aside", "./aside", "/aside/", "/"};
	char longest[300];
	struct store *s = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(store_file_open_with(dir, bad[i], &s, NULL), E_INVALID);
	snprintf(longest, sizeof(longest), "/%0*d", 255, 0);
	assert_int_equal(store_file_open_with(dir, longest, &s, NULL), E_INVALID);
	assert_null(s);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	may_mount = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;

	const struct CMUnitTest tests[] = {
	    CASE(nothing_is_kept_aside_while_the_store_works),
	    CASE(without_the_setting_it_refuses),
	    CASE(the_first_code_is_burnt_and_the_next_good_once),
	    CASE(failures_and_the_lock_count_there),
	    CASE(a_success_ends_failures_that_the_store_still_has),
	    CASE(recovery_codes_stay_spent),
	    CASE(records_cannot_be_changed),
	    CASE(one_of_many_at_once),
	    CASE(unsafe_places_refuse),
	    CASE(a_full_disk_is_not_read_only),
	    CASE(a_state_aside_is_brought_back),
	    CASE(a_state_aside_that_is_damaged_is_lost),
	    CASE(a_state_that_only_is_aside_is_burnt),
	    CASE(unknown_users_are_counted_there_too),
	    CASE(settings_that_name_no_directory),
	};
	return cmocka_run_group_tests_name("store_fallback", tests, NULL, NULL);
}
