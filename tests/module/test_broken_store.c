/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A store that is missing, unsafe, damaged or out of reach: the answer is always
 * PAM_AUTHINFO_UNAVAIL, never "not enrolled", whatever `unenrolled` says, and the
 * log says which file and why (DESIGN promise 1). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "tests/support/login_stage.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])
#define UNAVAILABLE "MFA cannot be checked at the moment. Ask your administrator."
#define REFUSED \
	"event=error reason=store user=alice service=totp-test rhost=- tty=- device=- fails=0 " \
	"wait=0 error="

static void
move(const struct stage *s, const char *from, const char *to)
{
	assert_int_equal(rename(stage_path(s, from), stage_path(s, to)), 0);
}

static void
set_mode(const struct stage *s, const char *name, mode_t mode)
{
	assert_int_equal(chmod(stage_path(s, name), mode), 0);
}

/* --- ways to break it ---------------------------------------------------------------- */

static void
break_missing(struct stage *s)
{
	assert_int_equal(rename(s->store, stage_path(s, "../elsewhere")), 0);
}

/* The file system is not mounted, or the disk was wiped. */
static void
break_empty(struct stage *s)
{
	break_missing(s);
	assert_int_equal(mkdir(s->store, 0700), 0);
}

static void
break_no_secrets(struct stage *s)
{
	move(s, "secrets", "other");
}

static void
break_store_mode(struct stage *s)
{
	set_mode(s, ".", 0755);
}

static void
break_store_is_file(struct stage *s)
{
	break_missing(s);
	stage_write(s->store, "", 0600);
}

static void
break_store_is_link(struct stage *s)
{
	break_missing(s);
	assert_int_equal(symlink(stage_path(s, "../elsewhere"), s->store), 0);
}

/* Whoever can write above the store can put another in its place. */
static void
break_way(struct stage *s)
{
	char from[sizeof(s->store)];

	(void)snprintf(from, sizeof(from), "%s", s->store);
	(void)snprintf(s->store, sizeof(s->store), "%s/way", s->dir);
	assert_int_equal(mkdir(s->store, 0700), 0);
	assert_int_equal(chmod(s->store, 0777), 0);
	(void)snprintf(s->store, sizeof(s->store), "%s/way/store", s->dir);
	assert_int_equal(rename(from, s->store), 0);
	stage_settings(s, "");
}

static void
break_secrets_mode(struct stage *s)
{
	set_mode(s, "secrets", 0750);
}

static void
break_secrets_is_link(struct stage *s)
{
	move(s, "secrets", "other");
	assert_int_equal(symlink("other", stage_path(s, "secrets")), 0);
}

static void
break_state_folder_mode(struct stage *s)
{
	set_mode(s, "state", 0701);
}

static void
break_record_mode(struct stage *s)
{
	set_mode(s, "secrets/alice", 0644);
}

static void
break_record_group(struct stage *s)
{
	set_mode(s, "secrets/alice", 0640);
}

static void
break_record_is_link(struct stage *s)
{
	move(s, "secrets/alice", "secrets/real");
	assert_int_equal(symlink("real", stage_path(s, "secrets/alice")), 0);
}

static void
break_record_dangles(struct stage *s)
{
	assert_int_equal(unlink(stage_path(s, "secrets/alice")), 0);
	assert_int_equal(symlink("nothing", stage_path(s, "secrets/alice")), 0);
}

static void
break_record_has_links(struct stage *s)
{
	assert_int_equal(link(stage_path(s, "secrets/alice"), stage_path(s, "copy")), 0);
}

static void
break_record_is_folder(struct stage *s)
{
	assert_int_equal(unlink(stage_path(s, "secrets/alice")), 0);
	assert_int_equal(mkdir(stage_path(s, "secrets/alice"), 0700), 0);
}

static void
break_record_is_fifo(struct stage *s)
{
	assert_int_equal(unlink(stage_path(s, "secrets/alice")), 0);
	assert_int_equal(mkfifo(stage_path(s, "secrets/alice"), 0600), 0);
}

static void
break_record_empty(struct stage *s)
{
	stage_write(stage_path(s, "secrets/alice"), "", 0600);
}

static void
break_record_garbage(struct stage *s)
{
	stage_write(stage_path(s, "secrets/alice"), "\"\n'%s%n\n", 0600);
}

/* The whole text but for its last line. */
static void
break_record_cut(struct stage *s)
{
	struct stat st;
	const char *path = stage_path(s, "secrets/alice");

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 5), 0);
}

static void
break_record_large(struct stage *s)
{
	char *text = malloc(RECORD_TEXT_MAX + 2);

	assert_non_null(text);
	memset(text, '\n', RECORD_TEXT_MAX + 1);
	text[RECORD_TEXT_MAX + 1] = '\0';
	stage_write(stage_path(s, "secrets/alice"), text, 0600);
	free(text);
}

/* Bob's record under alice's name would open her door to him. */
static void
break_record_of_bob(struct stage *s)
{
	struct store_entry e;

	e = stage_look(s, "bob");
	assert_int_equal(record_init(&e.record, "bob", STAGE_UID + 1), 0);
	stage_put(s, "bob", &e);
	move(s, "secrets/bob", "secrets/alice");
}

static void
break_record_owner(struct stage *s)
{
	assert_int_equal(chown(stage_path(s, "secrets/alice"), 65534, 65534), 0);
}

static void
break_state_mode(struct stage *s)
{
	set_mode(s, "state/alice", 0644);
}

static void
break_state_is_link(struct stage *s)
{
	move(s, "state/alice", "state/real");
	assert_int_equal(symlink("real", stage_path(s, "state/alice")), 0);
}

static void
break_state_has_links(struct stage *s)
{
	assert_int_equal(link(stage_path(s, "state/alice"), stage_path(s, "copy")), 0);
}

static void
break_state_is_folder(struct stage *s)
{
	assert_int_equal(unlink(stage_path(s, "state/alice")), 0);
	assert_int_equal(mkdir(stage_path(s, "state/alice"), 0700), 0);
}

static void
break_state_owner(struct stage *s)
{
	assert_int_equal(chown(stage_path(s, "state/alice"), 65534, 65534), 0);
}

static const struct {
	void (*do_it)(struct stage *s);
	const char *reason; /* as the log has it */
	bool needs_root;
} ways[] = {
	{ break_missing, "/store:%20does%20not%20exist", false },
	{ break_empty, "has%20no%20directory%20secrets:%20is%20its", false },
	{ break_no_secrets, "%20is%20its%20file%20system%20mounted%3F", false },
	{ break_store_mode, "/store:%20mode%200755%20lets%20others%20in", false },
	{ break_store_is_file, "/store:%20not%20a%20directory", false },
	{ break_store_is_link, "/store:%20not%20a%20directory%20%28a%20symbolic%20link", false },
	{ break_way, "mode%200777%20lets%20others%20in", false },
	{ break_secrets_mode, "error=secrets:%20mode%200750%20lets", false },
	{ break_secrets_is_link, "error=secrets:%20not%20a%20directory", false },
	{ break_state_folder_mode, "error=state:%20mode%200701%20lets", false },
	{ break_record_mode, "error=secrets/alice:%20mode%200644", false },
	{ break_record_group, "error=secrets/alice:%20mode%200640", false },
	{ break_record_is_link, "error=secrets/alice:%20", false },
	{ break_record_dangles, "error=secrets/alice:%20", false },
	{ break_record_has_links, "error=secrets/alice:%20", false },
	{ break_record_is_folder, "error=secrets/alice:%20", false },
	{ break_record_is_fifo, "error=secrets/alice:%20", false },
	{ break_record_empty, "error=secrets/alice:%20is%20empty", false },
	{ break_record_garbage, "error=secrets/alice:1:%20", false },
	{ break_record_cut, "error=secrets/alice:", false },
	{ break_record_large, "error=secrets/alice:%20", false },
	{ break_record_of_bob, "secrets/alice:%20holds%20the%20record%20of%20another", false },
	{ break_record_owner, "error=secrets/alice:%20owned%20by%20uid%2065534", true },
	{ break_state_mode, "error=state/alice:%20mode%200644", false },
	{ break_state_is_link, "error=state/alice:%20", false },
	{ break_state_has_links, "error=state/alice:%20", false },
	{ break_state_is_folder, "error=state/alice:%20", false },
	{ break_state_owner, "error=state/alice:%20owned%20by%20uid%2065534", true },
};

/* One login: refused before anything is asked. */
static void
expect_refusal(struct stage *s, const char *reason)
{
	stage_forget(s);
	int r = app_login(&s->app);
	if (r != PAM_AUTHINFO_UNAVAIL)
		fail_msg("answered %d: %s", r, reason);
	assert_int_equal(s->app.prompt_count, 0);
	assert_int_equal(s->app.shown_count, 1);
	stage_expect_shown(s, 0, PAM_ERROR_MSG, UNAVAILABLE);
	stage_expect_one(LOG_CRIT, REFUSED, reason);
}

static void
test_broken(void **state)
{
	for (size_t i = 0; i < LEN(ways); i++) {
		struct stage *s = NULL;

		if (ways[i].needs_root && geteuid() != 0)
			continue;
		assert_int_equal(stage_setup((void **)&s), 0);
		ways[i].do_it(s);
		expect_refusal(s, ways[i].reason);
		/* It would be let through here, were "cannot tell" the same as "has none". */
		stage_stack(s, "auth required {token}\nauth required {totp} unenrolled=skip\n");
		expect_refusal(s, ways[i].reason);
		stage_stack(s, "auth sufficient {totp} unenrolled=skip\n"
			       "auth required {token} fail\n");
		stage_forget(s);
		assert_int_not_equal(app_login(&s->app), PAM_SUCCESS);
		assert_int_equal(stage_teardown((void **)&s), 0);
	}
	(void)state;
}

/* A store that cannot be opened refuses everybody, known or not. */
static void
test_nobody_is_told_apart(void **state)
{
	static const char *const users[] = { "alice", "bob", "mallory" };
	struct stage *s = *state;

	break_missing(s);
	for (size_t i = 0; i < LEN(users); i++) {
		stage_forget(s);
		s->app.user = users[i];
		assert_int_equal(app_login(&s->app), PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(s->app.shown_count, 1);
	}
	stage_forbid(s, "mallory");
}

/* Another user's broken record is nothing to this one. */
static void
test_others_go_on(void **state)
{
	struct stage *s = *state;

	stage_write(stage_path(s, "secrets/bob"), "garbage", 0666);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* What a login must not do: let in without having written the step. The code was
 * asked for, as the trouble shows only at the writing. */
static void
expect_no_write_no_login(struct stage *s)
{
	char code[16];

	(void)snprintf(code, sizeof(code), "%s", stage_code(s, "alice", 0));
	assert_int_equal(stage_login(s, code), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(s->app.prompt_count, 1);
	stage_expect_shown(s, 1, PAM_ERROR_MSG, UNAVAILABLE);
	stage_expect_one(LOG_CRIT, "event=error reason=store user=alice ", " error=");
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTHINFO_UNAVAIL);
}

/* An ordinary owner of the store who may not write the file. */
static void
test_state_cannot_be_written(void **state)
{
	struct stage *s = *state;

	if (geteuid() == 0)
		skip();
	set_mode(s, "state/alice", 0400);
	expect_no_write_no_login(s);
	set_mode(s, "state/alice", 0600);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

static void
leave_no_descriptor(struct app *a)
{
	struct rlimit none;

	(void)a;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &none), 0);
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

/* The host has run out of descriptors while the user typed. */
static void
test_no_descriptor(void **state)
{
	struct stage *s = *state;
	struct rlimit usual;
	char code[16];

	(void)snprintf(code, sizeof(code), "%s", stage_code(s, "alice", 0));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	app_will_answer(&s->app, code);
	s->app.hook = leave_no_descriptor;
	int r = app_login(&s->app);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	/* libpam has none for its audit either, and answers PAM_SYSTEM_ERR. */
	assert_true(r == PAM_AUTHINFO_UNAVAIL || r == PAM_SYSTEM_ERR);
	assert_int_equal(s->app.prompt_count, 1);
	stage_expect_one(LOG_CRIT, REFUSED, "Too%20many%20open%20files");
	assert_int_equal(stage_login(s, code), PAM_SUCCESS);
}

/* A file system that was mounted read-only, as after an error of its disk. */
static void
test_read_only(void **state)
{
	struct stage *s = *state;
	static bool is_private;

	if (!is_private && (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0))
		skip();
	is_private = true;
	assert_int_equal(mount(s->store, s->store, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(NULL, s->store, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	expect_no_write_no_login(s);
	/* Nobody is enrolled by it either. */
	stage_stack(s, "auth required {token}\nauth required {totp} unenrolled=skip\n");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTHINFO_UNAVAIL);
	assert_int_equal(umount(s->store), 0);
	stage_arguments(s, "");
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* A login without a record makes nothing of that name, and none at all makes a record. */
static void
test_reading_creates_nothing(void **state)
{
	static const char *const names[] = { "secrets/bob", "state/bob", "secrets/mallory",
		"state/mallory" };
	struct stage *s = *state;

	s->app.user = "bob";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	s->app.user = "mallory";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	for (size_t i = 0; i < LEN(names); i++)
		assert_int_equal(access(stage_path(s, names[i]), F_OK), -1);
}

/* A login changes nothing but the state, and leaves the modes as they were. */
static void
test_record_stays_as_it_is(void **state)
{
	struct stage *s = *state;
	struct stat before, after, st;

	assert_int_equal(stat(stage_path(s, "secrets/alice"), &before), 0);
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	assert_int_equal(stat(stage_path(s, "secrets/alice"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_ctim.tv_sec, after.st_ctim.tv_sec);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
	assert_int_equal(stat(stage_path(s, "state/alice"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, STATE_FILE_LEN);
	assert_int_equal(st.st_nlink, 1);
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken),
		LOGIN_TEST(test_nobody_is_told_apart),
		LOGIN_TEST(test_others_go_on),
		LOGIN_TEST(test_state_cannot_be_written),
		LOGIN_TEST(test_no_descriptor),
		LOGIN_TEST(test_read_only),
		LOGIN_TEST(test_reading_creates_nothing),
		LOGIN_TEST(test_record_stays_as_it_is),
	};

	return cmocka_run_group_tests_name("broken_store", tests, NULL, NULL);
}
