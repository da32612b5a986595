/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What files can suffer and the seam must not: damage of every byte, unsafe files, folders
 * that are missing or open to others, writers that are killed or run out of room, and many
 * processes at once. The cases of every back end are in test_store.c. */

#include "core/store_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/store_sample.h"
#include "core/safefile.h"

#define OTHER_UID      1
#define WRITERS        16
#define WRITER_COMMITS 25

struct fixture {
	struct store *s;
	char dir[64];
};

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	assert_non_null(fx);
	strcpy(fx->dir, "/tmp/test_store_file.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	sample_make_store(fx->dir);
	assert_int_equal(store_file_open(fx->dir, &fx->s, NULL), 0);
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;
	char command[128];
	store_close(fx->s);
	snprintf(command, sizeof(command), "rm -rf '%s'", fx->dir);
	assert_int_equal(system(command), 0);
	free(fx);
	return 0;
}

/* A path in the store; good until the eighth call after this one. */
static const char *
at(const struct fixture *fx, const char *rest)
{
	static char text[8][512];
	static unsigned next;
	char *out = text[next++ % 8];
	snprintf(out, sizeof(text[0]), "%s/%s", fx->dir, rest);
	return out;
}

static size_t
read_file(const char *path, void *buf, size_t cap)
{
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t n = read(fd, buf, cap);
	assert_true(n >= 0);
	close(fd);
	return (size_t)n;
}

/* In place: the same inode, as an editor or a disk does it. */
static void
write_file(const char *path, const void *buf, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, buf, len), (ssize_t)len);
	close(fd);
}

static struct store_entry
load(const struct fixture *fx, const char *user)
{
	struct store_entry e;
	struct diag d = {""};
	if (store_load(fx->s, user, &e, &d) != 0)
		fail_msg("load: %s", d.text);
	return e;
}

static void
expect_load_fails(const struct fixture *fx, const char *user, int code, const char *reason)
{
	struct store_entry e;
	struct store_entry zero;
	struct diag d = {""};
	memset(&e, 0x55, sizeof(e));
	memset(&zero, 0, sizeof(zero));
	assert_int_equal(store_load(fx->s, user, &e, &d), code);
	if (code == E_CORRUPT) { /* the version says what may be replaced */
		assert_memory_not_equal(&e.version, &zero.version, sizeof(e.version));
		memset(&e.version, 0, sizeof(e.version));
	}
	assert_memory_equal(&e, &zero, sizeof(e));
	assert_non_null(strstr(d.text, reason));
}

/* Wait for a child that ends with 0. */
static void
expect_child(pid_t pid)
{
	int status = -1;
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static unsigned
entries_in(const char *path)
{
	unsigned count = 0;
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2; /* "." and ".." */
}

/* --- somebody else between two calls of the kernel --------------------------- */

/* Run once, before the open that makes this zero; the store under test opens its files
 * through the functions below, which take the place of libc's in this program. */
static unsigned hook_in;
static void (*hook)(const struct fixture *fx);
static const struct fixture *hook_fixture;

static int
hooked_openat(int dir, const char *name, int flags, mode_t mode)
{
	if (hook_in > 0 && --hook_in == 0)
		hook(hook_fixture);
	return (int)syscall(SYS_openat, dir, name, flags, mode);
}

int openat(int dir, const char *name, int flags, ...);
int openat64(int dir, const char *name, int flags, ...);
int __openat_2(int dir, const char *name, int flags);
int __openat64_2(int dir, const char *name, int flags);

int
openat(int dir, const char *name, int flags, ...)
{
	return hooked_openat(dir, name, flags, 0600); /* the only mode that core asks for */
}

int
openat64(int dir, const char *name, int flags, ...)
{
	return hooked_openat(dir, name, flags, 0600);
}

/* What _FORTIFY_SOURCE makes of them. */
int
__openat_2(int dir, const char *name, int flags)
{
	return hooked_openat(dir, name, flags, 0);
}

int
__openat64_2(int dir, const char *name, int flags)
{
	return hooked_openat(dir, name, flags, 0);
}

/* --- folders ---------------------------------------------------------------- */

static void
expect_open_fails(const struct fixture *fx, const char *reason)
{
	struct store *s = fx->s;
	struct diag d = {""};
	assert_int_equal(store_file_open(fx->dir, &s, &d), E_UNSAFE);
	assert_null(s);
	assert_non_null(strstr(d.text, reason));
}

static void
open_refuses_what_is_not_a_store(void **state)
{
	const struct fixture *fx = *state;
	struct store *s = fx->s;
	struct diag d = {""};
	assert_int_equal(store_file_open(at(fx, "missing"), &s, &d), E_NOENT);
	assert_null(s);
	assert_int_equal(store_file_open("relative", &s, &d), E_INVALID);
	assert_int_equal(chmod(fx->dir, 0750), 0);
	assert_int_equal(store_file_open(fx->dir, &s, &d), E_UNSAFE);
	assert_int_equal(chmod(fx->dir, 0700), 0);

	const char *folders[] = {"secrets", "state"};
	for (size_t i = 0; i < 2; i++) {
		const char *path = at(fx, folders[i]);
		assert_int_equal(chmod(path, 0750), 0);
		expect_open_fails(fx, folders[i]);
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(symlink("/", path), 0);
		expect_open_fails(fx, folders[i]);
		assert_int_equal(unlink(path), 0);
		write_file(path, "", 0);
		expect_open_fails(fx, folders[i]);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkdir(path, 0700), 0);
		if (geteuid() != 0)
			continue;
		assert_int_equal(chown(path, OTHER_UID, 0), 0);
		expect_open_fails(fx, folders[i]);
		assert_int_equal(chown(path, 0, 0), 0);
	}
	/* An empty mount point; also where the states alone are elsewhere. */
	assert_int_equal(rmdir(at(fx, "secrets")), 0);
	expect_open_fails(fx, "is its file system mounted?");
	assert_int_equal(rmdir(at(fx, "state")), 0);
	expect_open_fails(fx, "is its file system mounted?");
	assert_int_equal(entries_in(fx->dir), 0);
}

static int
see_none(const char *user, void *ctx)
{
	(void)user;
	(void)ctx;
	return 1;
}

static void
reading_creates_nothing(void **state)
{
	struct fixture *fx = *state;
	assert_int_equal(load(fx, "alice").health, STATE_FRESH);
	assert_int_equal(store_list(fx->s, see_none, NULL, NULL), 0);
	assert_int_equal(rmdir(at(fx, "state")), 0);
	struct store *s = NULL;
	struct store_entry e;
	assert_int_equal(store_file_open(fx->dir, &s, NULL), 0);
	assert_int_equal(store_load(s, "alice", &e, NULL), 0);
	assert_int_equal(entries_in(fx->dir), 1);
	assert_int_equal(entries_in(at(fx, "secrets")), 0);
	store_close(s);
	assert_int_equal(mkdir(at(fx, "state"), 0700), 0);
	store_close(fx->s);
	assert_int_equal(store_file_open(fx->dir, &fx->s, NULL), 0);

	sample_enrol(fx->s, "alice");
	(void)load(fx, "bob");
	(void)load(fx, ".decoy-03");
	assert_int_equal(entries_in(at(fx, "secrets")), 1);
	assert_int_equal(entries_in(at(fx, "state")), 1);
}

static void
a_state_folder_made_by_another_process_is_found(void **state)
{
	struct fixture *fx = *state;
	struct store *other = NULL;
	struct stat sb;
	store_close(fx->s);
	assert_int_equal(rmdir(at(fx, "state")), 0);
	assert_int_equal(store_file_open(fx->dir, &fx->s, NULL), 0);
	assert_int_equal(store_file_open(fx->dir, &other, NULL), 0);
	mode_t old = umask(0);
	sample_enrol(other, "alice");
	umask(old);
	store_close(other);
	assert_true(load(fx, "alice").has_record);
	const char *made[] = {"secrets", "state", "secrets/alice", "state/alice"};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(lstat(at(fx, made[i]), &sb), 0);
		assert_int_equal(sb.st_mode & 07777, i < 2 ? 0700 : 0600);
	}
	assert_int_equal(sb.st_size, STATE_FILE_LEN);
}

static void
long_user_names(void **state)
{
	const struct fixture *fx = *state;
	char user[RECORD_USER_CAP];
	struct store_version version = {{0}};
	struct record record;
	struct state st;
	memset(user, 'u', sizeof(user));
	user[250] = '\0';
	sample_enrol(fx->s, user);
	assert_true(load(fx, user).has_record);
	memset(user, 'u', sizeof(user));
	user[251] = '\0'; /* has no room for the temporary file's name */
	sample_make(&record, &st, user);
	expect_load_fails(fx, user, E_INVALID, "250");
	assert_int_equal(store_commit(fx->s, user, &st, &version, NULL), E_INVALID);
	assert_int_equal(store_replace(fx->s, user, &record, &st, &version, NULL), E_INVALID);
}

static void
list_passes_over_other_files(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	write_file(at(fx, "secrets/.alice.new"), "x", 1);
	write_file(at(fx, "secrets/.hidden"), "x", 1);
	write_file(at(fx, "secrets/with space"), "x", 1);
	struct store_entry e = load(fx, "alice");
	assert_int_equal(store_replace(fx->s, "alice", NULL, NULL, &e.version, NULL), 0);
	assert_int_equal(store_list(fx->s, see_none, NULL, NULL), 0);
}

/* --- the record's file ------------------------------------------------------ */

/* A name in the store is refused for what it is, for loading and for writing. */
static void
expect_unsafe(const struct fixture *fx, const char *file)
{
	struct store_version version = {{0}};
	struct state st = {0};
	expect_load_fails(fx, "alice", E_UNSAFE, file);
	int r = store_commit(fx->s, "alice", &st, &version, NULL);
	assert_true(r == E_UNSAFE || r == E_CONFLICT);
}

static void
unsafe_files(void **state)
{
	const struct fixture *fx = *state;
	const char *files[] = {"secrets/alice", "state/alice"};
	alarm(20); /* a FIFO that hangs ends the test */
	for (size_t i = 0; i < 2; i++) {
		char path[512];
		char aside[512];
		strcpy(path, at(fx, files[i]));
		strcpy(aside, at(fx, "aside"));
		struct store_entry e = load(fx, "alice");
		if (!e.has_record)
			sample_enrol(fx->s, "alice");
		for (mode_t bit = 1; bit <= 040; bit <<= 1) {
			assert_int_equal(chmod(path, 0600 | bit), 0);
			expect_unsafe(fx, files[i]);
		}
		assert_int_equal(chmod(path, 0600), 0);
		if (geteuid() == 0) {
			assert_int_equal(chown(path, OTHER_UID, 0), 0);
			expect_unsafe(fx, files[i]);
			assert_int_equal(chown(path, 0, 0), 0);
		}
		assert_int_equal(link(path, aside), 0);
		expect_unsafe(fx, files[i]);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(symlink("../aside", path), 0);
		expect_unsafe(fx, files[i]);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		expect_unsafe(fx, files[i]);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkdir(path, 0700), 0);
		expect_unsafe(fx, files[i]);
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(rename(aside, path), 0);
		assert_int_equal(load(fx, "alice").health, STATE_WHOLE);
	}
	alarm(0);
}

static void
damaged_records(void **state)
{
	const struct fixture *fx = *state;
	char text[RECORD_TEXT_MAX + 1];
	char other[RECORD_TEXT_MAX + 2];
	sample_enrol(fx->s, "alice");
	sample_enrol(fx->s, "bob");
	size_t len = read_file(at(fx, "secrets/alice"), text, sizeof(text));
	const char *path = at(fx, "secrets/alice");

	write_file(path, text, 0);
	expect_load_fails(fx, "alice", E_CORRUPT, "secrets/alice");
	write_file(path, "\0", 1);
	expect_load_fails(fx, "alice", E_CORRUPT, "secrets/alice");
	write_file(path, text, len / 2);
	expect_load_fails(fx, "alice", E_CORRUPT, "secrets/alice");
	memset(other, '#', sizeof(other));
	write_file(path, other, sizeof(other) - 1);
	expect_load_fails(fx, "alice", E_UNSAFE, "secrets/alice");
	size_t other_len = read_file(at(fx, "secrets/bob"), other, sizeof(other));
	write_file(path, other, other_len);
	expect_load_fails(fx, "alice", E_CORRUPT, "another user");
	/* Where both files are at fault, the one that only a person can mend is told. */
	assert_int_equal(chmod(at(fx, "state/alice"), 0644), 0);
	expect_load_fails(fx, "alice", E_UNSAFE, "state/alice");
	assert_int_equal(chmod(at(fx, "state/alice"), 0600), 0);
	write_file(path, text, len);
	assert_true(load(fx, "alice").has_record);
}

static void
any_touch_of_the_record_is_a_conflict(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	usleep(20000); /* ctime is as fine as the kernel's tick */
	assert_int_equal(chmod(at(fx, "secrets/alice"), 0400), 0);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CONFLICT);
	e = load(fx, "alice");
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
	assert_int_equal(unlink(at(fx, "secrets/alice")), 0);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CONFLICT);
}

static void
leftover_of_a_killed_writer(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	write_file(at(fx, "secrets/.alice.new"), "half a rec", 10);
	struct store_entry e = load(fx, "alice");
	e.record.enrol_by = 5;
	assert_int_equal(store_replace(fx->s, "alice", &e.record, &e.state, &e.version, NULL), 0);
	assert_int_equal(load(fx, "alice").record.enrol_by, 5);
	assert_int_equal(entries_in(at(fx, "secrets")), 1);
}

static void
replace_that_runs_out_of_room(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	char text[RECORD_TEXT_MAX + 1];
	assert_true(sample_print(&e.record, text) > STATE_FILE_LEN);

	pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit limit = {STATE_FILE_LEN, STATE_FILE_LEN};
		if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(2);
		e.record.enrol_by = 5;
		e.state.device[0].last_step++;
		_exit(store_replace(fx->s, "alice", &e.record, &e.state, &e.version, NULL) == E_IO
			  ? 0
			  : 1);
	}
	expect_child(pid);
	struct store_entry now = load(fx, "alice");
	sample_expect_record(&now.record, &e.record); /* the old one, whole */
	assert_int_equal(entries_in(at(fx, "secrets")), 1);
	/* The state may be the new one: it never re-opens a step. */
	assert_true(now.state.device[0].last_step >= e.state.device[0].last_step);
	assert_int_equal(store_commit(fx->s, "alice", &now.state, &now.version, NULL), 0);
}

/* --- the state's file ------------------------------------------------------- */

static void
state_of_another_length(void **state)
{
	const struct fixture *fx = *state;
	const size_t lengths[] = {0, 1, 511, 512, 513, 1023, 1025, 4096};
	uint8_t file[4096];
	sample_enrol(fx->s, "alice");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(file, 0, sizeof(file));
		assert_int_equal(
		    read_file(at(fx, "state/alice"), file, sizeof(file)), STATE_FILE_LEN);
		write_file(at(fx, "state/alice"), file, lengths[i]);
		struct store_entry e = load(fx, "alice");
		assert_true(e.has_record);
		assert_int_equal(e.health, STATE_LOST);
		assert_int_equal(e.state.generation, 0);
		state_rebuild(&e.state, &e.record, SAMPLE_NOW);
		assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
		struct store_entry now = load(fx, "alice");
		assert_int_equal(now.health, STATE_WHOLE);
		assert_memory_equal(&now.version, &e.version, sizeof(e.version));
		sample_expect_state(&now.state, &e.state);
	}
}

static void
state_with_any_byte_flipped(void **state)
{
	const struct fixture *fx = *state;
	uint8_t good[STATE_FILE_LEN];
	uint8_t bad[STATE_FILE_LEN];
	sample_enrol(fx->s, "alice");
	struct store_entry older = load(fx, "alice");
	struct store_entry newer = older;
	newer.state.device[0].last_step += 7;
	newer.state.fails = 2;
	assert_int_equal(store_commit(fx->s, "alice", &newer.state, &newer.version, NULL), 0);
	assert_int_equal(read_file(at(fx, "state/alice"), good, sizeof(good)), sizeof(good));

	unsigned kept = 0;
	for (size_t i = 0; i < sizeof(good); i++) {
		memcpy(bad, good, sizeof(bad));
		bad[i] ^= (uint8_t)(1U << (i % 8));
		write_file(at(fx, "state/alice"), bad, sizeof(bad));
		struct store_entry e = load(fx, "alice");
		/* One slot is left, and nothing that never was. Nobody can tell whether the
		 * other one was newer. */
		assert_int_equal(e.health, STATE_HALF);
		if (e.state.generation == 2)
			kept++;
		sample_expect_state(
		    &e.state, e.state.generation == 2 ? &newer.state : &older.state);
		/* What was loaded before the damage writes nothing over it; what is loaded now
		 * makes the file whole again. (A sync each: not for every byte.) */
		struct store_version version = newer.version;
		if (i % 31 == 0) {
			assert_int_equal(store_commit(fx->s, "alice", &newer.state, &version, NULL),
			    E_CONFLICT);
			assert_int_equal(
			    store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
			assert_int_equal(load(fx, "alice").health, STATE_WHOLE);
		}
		/* Both slots: lost. */
		bad[(i + STATE_SLOT_LEN) % sizeof(bad)] ^= 0x80;
		write_file(at(fx, "state/alice"), bad, sizeof(bad));
		assert_int_equal(load(fx, "alice").health, STATE_LOST);
	}
	assert_int_equal(kept, STATE_SLOT_LEN);
}

static void
slots_that_contradict_each_other(void **state)
{
	const struct fixture *fx = *state;
	uint8_t file[STATE_FILE_LEN];
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	e.state.generation = 9;
	assert_int_equal(state_print(&e.state, file), 0);
	e.state.device[0].last_step++;
	assert_int_equal(state_print(&e.state, file + STATE_SLOT_LEN), 0);
	write_file(at(fx, "state/alice"), file, sizeof(file));
	e = load(fx, "alice");
	assert_int_equal(e.health, STATE_LOST);
	state_rebuild(&e.state, &e.record, SAMPLE_NOW);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
	struct store_entry now = load(fx, "alice");
	assert_int_equal(now.health, STATE_WHOLE);
	sample_expect_state(&now.state, &e.state);
}

static void
generation_that_cannot_grow(void **state)
{
	const struct fixture *fx = *state;
	uint8_t file[STATE_FILE_LEN] = {0};
	uint8_t after[STATE_FILE_LEN];
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	e.state.generation = UINT64_MAX;
	assert_int_equal(state_print(&e.state, file), 0);
	write_file(at(fx, "state/alice"), file, sizeof(file));
	e = load(fx, "alice");
	assert_int_equal(e.health, STATE_HALF);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CORRUPT);
	assert_int_equal(read_file(at(fx, "state/alice"), after, sizeof(after)), sizeof(after));
	assert_memory_equal(file, after, sizeof(file));
}

static void
another_state_of_the_same_generation_is_a_conflict(void **state)
{
	const struct fixture *fx = *state;
	uint8_t file[STATE_FILE_LEN] = {0};
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	struct state other = e.state; /* from a backup, say */
	other.fails = 4;
	assert_int_equal(state_print(&other, file), 0);
	write_file(at(fx, "state/alice"), file, sizeof(file));
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CONFLICT);
	assert_int_equal(load(fx, "alice").state.fails, 4);
}

static void
commit_needs_no_new_block_and_no_new_file(void **state)
{
	const struct fixture *fx = *state;
	struct stat before;
	struct stat after;
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	assert_int_equal(stat(at(fx, "state/alice"), &before), 0);
	assert_true(before.st_blocks > 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
	assert_int_equal(stat(at(fx, "state/alice"), &after), 0);
	assert_true(before.st_ino == after.st_ino && before.st_blocks == after.st_blocks &&
		    after.st_size == STATE_FILE_LEN);
	assert_int_equal(entries_in(at(fx, "state")), 1);
}

/* In a mount namespace of the child's own. Returns what to exit with. */
static int
commit_on_a_full_disk(const struct fixture *fx)
{
	struct store *s = NULL;
	struct store_entry e;
	struct record old;
	char block[4096] = {0};
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", fx->dir, "tmpfs", 0, "size=128k,mode=0700") != 0)
		return 77;
	sample_make_store(fx->dir);
	if (store_file_open(fx->dir, &s, NULL) != 0)
		return 1;
	sample_enrol(s, "alice");
	if (store_load(s, "alice", &e, NULL) != 0)
		return 2;
	int fd = open(at(fx, "filler"), O_WRONLY | O_CREAT, 0600);
	while (fd >= 0 && write(fd, block, sizeof(block)) > 0)
		;
	if (fd < 0 || errno != ENOSPC)
		return 3;
	for (int i = 0; i < 10; i++)
		if (store_commit(s, "alice", &e.state, &e.version, NULL) != 0)
			return 4;
	old = e.record;
	e.record.enrol_by = 5; /* this does need a block */
	if (store_replace(s, "alice", &e.record, &e.state, &e.version, NULL) != E_IO)
		return 5;
	if (store_load(s, "alice", &e, NULL) != 0 || e.record.enrol_by != old.enrol_by)
		return 6;
	return entries_in(at(fx, "secrets")) == 1 ? 0 : 7;
}

static void
commit_works_on_a_full_disk(void **state)
{
	const struct fixture *fx = *state;
	if (geteuid() != 0)
		skip();
	pid_t pid = fork();
	if (pid == 0)
		_exit(commit_on_a_full_disk(fx));
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* no namespaces in this container */
	assert_int_equal(status, 0);
}

/* --- at the same time ------------------------------------------------------- */

/* Count up to WRITER_COMMITS commits that succeeded; every version has one winner. */
static int
commit_many(const struct fixture *fx, unsigned *winners)
{
	struct store *s = NULL;
	if (store_file_open(fx->dir, &s, NULL) != 0)
		return 1;
	for (unsigned done = 0; done < WRITER_COMMITS;) {
		struct store_entry e;
		if (store_load(s, "alice", &e, NULL) != 0 || e.health != STATE_WHOLE)
			return 2;
		uint64_t generation = e.state.generation;
		e.state.fails++;
		int r = store_commit(s, "alice", &e.state, &e.version, NULL);
		if (r == 0) {
			if (generation > WRITERS * WRITER_COMMITS)
				return 3;
			__atomic_add_fetch(&winners[generation], 1, __ATOMIC_SEQ_CST);
			done++;
		} else if (r != E_CONFLICT)
			return 4;
	}
	store_close(s);
	return 0;
}

static void
one_winner_a_version(void **state)
{
	const struct fixture *fx = *state;
	const unsigned total = WRITERS * WRITER_COMMITS;
	pid_t pids[WRITERS];
	size_t len = (total + 2) * sizeof(unsigned);
	unsigned *winners =
	    mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(winners != MAP_FAILED);
	sample_enrol(fx->s, "alice");
	for (unsigned i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(commit_many(fx, winners));
	}
	for (unsigned i = 0; i < WRITERS; i++)
		expect_child(pids[i]);
	for (unsigned g = 1; g <= total; g++)
		assert_int_equal(winners[g], 1);
	struct store_entry e = load(fx, "alice");
	assert_int_equal(e.state.generation, total + 1);
	assert_int_equal(e.state.fails, total); /* none was lost */
	munmap(winners, len);
}

/* Record and state get the same number, by the caller that goes on until *stop. */
static int
write_pairs(const struct fixture *fx, const int *stop)
{
	struct store *s = NULL;
	struct store_entry e;
	if (store_file_open(fx->dir, &s, NULL) != 0 || store_load(s, "alice", &e, NULL) != 0)
		return 1;
	for (uint64_t n = 1; __atomic_load_n(stop, __ATOMIC_SEQ_CST) == 0; n++) {
		e.record.enrol_by = n;
		e.state.grace_start = n;
		if (store_replace(s, "alice", &e.record, &e.state, &e.version, NULL) != 0)
			return 2;
		/* Logins in between, so that slots are written while they are read. */
		for (int i = 0; i < 3; i++)
			if (store_commit(s, "alice", &e.state, &e.version, NULL) != 0)
				return 3;
	}
	store_close(s);
	return 0;
}

static void
loader_next_to_a_writer(void **state)
{
	const struct fixture *fx = *state;
	int *stop =
	    mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(stop != MAP_FAILED);
	sample_enrol(fx->s, "alice");
	pid_t pid = fork();
	if (pid == 0)
		_exit(write_pairs(fx, stop));

	unsigned bad = 0;
	uint64_t last = 0;
	for (unsigned i = 0; i < 4000; i++) {
		struct store_entry e;
		if (store_load(fx->s, "alice", &e, NULL) != 0 || !e.has_record ||
		    e.health != STATE_WHOLE)
			bad++;
		/* Never a new record with an older state, and never back in time. */
		else if (e.state.grace_start < e.record.enrol_by || e.state.generation < last)
			bad++;
		else
			last = e.state.generation;
	}
	__atomic_store_n(stop, 1, __ATOMIC_SEQ_CST);
	expect_child(pid);
	assert_int_equal(bad, 0);
	assert_true(last > 1);
	munmap(stop, sizeof(*stop));
}

static void
replace_both(const struct fixture *fx)
{
	struct store *s = NULL;
	struct store_entry e;
	assert_int_equal(store_file_open(fx->dir, &s, NULL), 0);
	assert_int_equal(store_load(s, "alice", &e, NULL), 0);
	e.record.enrol_by = 2;
	e.state.grace_start = 2;
	assert_int_equal(store_replace(s, "alice", &e.record, &e.state, &e.version, NULL), 0);
	store_close(s);
}

static void
remove_both_files(const struct fixture *fx)
{
	struct store *s = NULL;
	struct store_entry e;
	assert_int_equal(store_file_open(fx->dir, &s, NULL), 0);
	assert_int_equal(store_load(s, "alice", &e, NULL), 0);
	if (e.has_record)
		assert_int_equal(store_replace(s, "alice", NULL, NULL, &e.version, NULL), 0);
	store_close(s);
}

static void
loader_overtaken_at_any_open(void **state)
{
	const struct fixture *fx = *state;
	unsigned overtaken = 0;
	hook_fixture = fx;
	for (unsigned k = 1; k <= 8; k++) {
		struct store_entry e;
		remove_both_files(fx);
		sample_enrol(fx->s, "alice");
		hook = replace_both;
		hook_in = k;
		e = load(fx, "alice");
		overtaken += hook_in == 0 ? 1 : 0;
		hook_in = 0;
		/* One moment, before or after: never new with old, never lost. */
		assert_true(e.has_record);
		assert_int_equal(e.health, STATE_WHOLE);
		assert_int_equal(e.state.grace_start, e.record.enrol_by);

		hook = remove_both_files;
		hook_in = k;
		e = load(fx, "alice");
		hook_in = 0;
		assert_int_equal(e.health, e.has_record ? STATE_WHOLE : STATE_FRESH);
	}
	assert_true(overtaken >= 2); /* before the record, and between the two */
}

static void
commit_overtaken_at_any_open(void **state)
{
	const struct fixture *fx = *state;
	void (*const others[])(const struct fixture *) = {replace_both, remove_both_files};
	hook_fixture = fx;
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 1; k <= 4; k++) {
			remove_both_files(fx);
			sample_enrol(fx->s, "alice");
			struct store_entry e = load(fx, "alice");
			hook = others[i];
			hook_in = k;
			int r = store_commit(fx->s, "alice", &e.state, &e.version, NULL);
			bool is_overtaken = hook_in == 0;
			hook_in = 0;
			assert_int_equal(r, is_overtaken ? E_CONFLICT : 0);
			assert_true(is_overtaken || k > 1);
			/* What was removed meanwhile is not made again. */
			if (is_overtaken && others[i] == remove_both_files)
				assert_int_equal(access(at(fx, "state/alice"), F_OK), -1);
		}
	}
}

static void
a_torn_read_is_read_again_under_the_lock(void **state)
{
	const struct fixture *fx = *state;
	const struct safefile_rule rule = {
	    .owner = geteuid(), .forbidden = 0077, .max_len = STATE_FILE_LEN};
	uint8_t good[STATE_FILE_LEN];
	uint8_t torn[STATE_FILE_LEN];
	int dir = -1;
	int fd = -1;
	sample_enrol(fx->s, "alice");
	assert_int_equal(read_file(at(fx, "state/alice"), good, sizeof(good)), sizeof(good));
	memset(torn, 0x5a, sizeof(torn));
	assert_int_equal(safefile_open_dir(at(fx, "state"), geteuid(), 0077, &dir, NULL), 0);
	assert_int_equal(safefile_open(dir, "alice", O_RDWR, &rule, &fd, NULL, NULL), 0);
	assert_int_equal(safefile_lock(fd, NULL), 0);
	assert_int_equal(safefile_write_at(fd, torn, sizeof(torn), 0, NULL), 0);

	pid_t pid = fork(); /* loads in the middle of the writing */
	if (pid == 0) {
		struct store_entry e;
		safefile_close(&fd);
		int r = store_load(fx->s, "alice", &e, NULL);
		_exit(r == 0 && e.health == STATE_WHOLE ? 0 : 1);
	}
	usleep(100000);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it waits for the writer */
	assert_int_equal(safefile_write_at(fd, good, sizeof(good), 0, NULL), 0);
	safefile_close(&fd);
	expect_child(pid);
	safefile_close(&dir);
}

static void
removed_while_a_writer_waits(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	struct safefile_rule rule = {.owner = geteuid(), .forbidden = 0077, .max_len = 4096};
	int dir = -1;
	int fd = -1;
	assert_int_equal(safefile_open_dir(at(fx, "state"), geteuid(), 0077, &dir, NULL), 0);
	assert_int_equal(safefile_open(dir, "alice", O_RDWR, &rule, &fd, NULL, NULL), 0);
	assert_int_equal(safefile_lock(fd, NULL), 0);

	pid_t pid = fork();
	if (pid == 0) {
		struct store *s = NULL; /* a description of its own: fd is the parent's lock too */
		safefile_close(&fd);
		if (store_file_open(fx->dir, &s, NULL) != 0)
			_exit(2);
		int r = store_commit(s, "alice", &e.state, &e.version, NULL);
		_exit(r == E_CONFLICT ? 0 : 1);
	}
	usleep(100000); /* it waits for the lock now, most likely; it must conflict anyway */
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(unlinkat(dir, "alice", 0), 0);
	safefile_close(&fd);
	expect_child(pid);
	assert_int_equal(access(at(fx, "state/alice"), F_OK), -1); /* nor was it made again */
	safefile_close(&dir);
}

static void
no_descriptor_is_left(void **state)
{
	const struct fixture *fx = *state;
	struct store_version version = {{0}};
	struct record record;
	struct state st;
	unsigned before = entries_in("/proc/self/fd");
	sample_make(&record, &st, "bob");
	sample_enrol(fx->s, "alice");
	for (int i = 0; i < 50; i++) {
		struct store *s = NULL;
		struct store_entry e = load(fx, "alice");
		assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
		assert_int_equal(
		    store_commit(fx->s, "alice", &e.state, &version, NULL), E_CONFLICT);
		assert_int_equal(
		    store_replace(fx->s, "alice", &e.record, &e.state, &e.version, NULL), 0);
		assert_int_equal(store_list(fx->s, see_none, NULL, NULL), 1);
		assert_int_equal(store_file_open(at(fx, "missing"), &s, NULL), E_NOENT);
		assert_int_equal(store_file_open(at(fx, "state/alice"), &s, NULL), E_UNSAFE);
		write_file(at(fx, "secrets/bob"), "x", 1);
		expect_load_fails(fx, "bob", E_CORRUPT, "bob");
	}
	assert_int_equal(entries_in("/proc/self/fd"), before);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(open_refuses_what_is_not_a_store),
	    CASE(reading_creates_nothing),
	    CASE(a_state_folder_made_by_another_process_is_found),
	    CASE(long_user_names),
	    CASE(list_passes_over_other_files),
	    CASE(unsafe_files),
	    CASE(damaged_records),
	    CASE(any_touch_of_the_record_is_a_conflict),
	    CASE(leftover_of_a_killed_writer),
	    CASE(replace_that_runs_out_of_room),
	    CASE(state_of_another_length),
	    CASE(state_with_any_byte_flipped),
	    CASE(slots_that_contradict_each_other),
	    CASE(generation_that_cannot_grow),
	    CASE(another_state_of_the_same_generation_is_a_conflict),
	    CASE(commit_needs_no_new_block_and_no_new_file),
	    CASE(commit_works_on_a_full_disk),
	    CASE(one_winner_a_version),
	    CASE(loader_next_to_a_writer),
	    CASE(loader_overtaken_at_any_open),
	    CASE(commit_overtaken_at_any_open),
	    CASE(a_torn_read_is_read_again_under_the_lock),
	    CASE(removed_while_a_writer_waits),
	    CASE(no_descriptor_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
