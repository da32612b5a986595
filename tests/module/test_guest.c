/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The module as a guest in somebody else's process (DESIGN promise 8): thousands of logins
 * and threads leave nothing behind, nothing of the process is changed, and what was typed
 * and stored is not found in its memory afterwards (promise 7).
 *
 * FAULTS=long in the environment: 100,000 logins in one process in the place of 2,000, and
 * GUEST_IS_SLOW: 200. With an argument only the tests that it fits: guests.sh runs some of them
 * with other tools. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/encode.h"
#include "tests/crash/faults.h"
#include "tests/support/login_stage.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])
#define WARM_UP 100
#define LOGINS 2000
#define LOGINS_LONG 100000
#define LOGINS_FEW 200 /* under valgrind, whose own memory grows */
#define THREADS 16
#define ROUNDS 4
#define STEPS 7 /* of window=3 */
#define RESIDENT_SLACK_KB 512 /* of the allocator, however many logins there are */

/* --- a long life ------------------------------------------------------------------------ */

static unsigned
count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

extern char **environ;

struct surroundings {
	char text[16384];
	struct sigaction action[NSIG];
};

/* Identity, umask, signals and capabilities as the kernel has them; directory, locale, limits
 * and environment. */
static void
look_around(struct surroundings *a)
{
	static const char *const keys[] = { "Umask:", "Uid:", "Gid:", "FDSize:", "Groups:",
		"Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:", "CapEff:",
		"NoNewPrivs:", "Seccomp:" };
	char line[512];
	size_t len = 0;

	memset(a, 0, sizeof(*a));
	FILE *status = fopen("/proc/self/status", "re");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status) != NULL)
		for (size_t i = 0; i < LEN(keys); i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0)
				len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "%s",
				    line);
	(void)fclose(status);
	assert_non_null(getcwd(line, sizeof(line)));
	len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "cwd %s\n", line);
	len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "locale %s\n",
	    setlocale(LC_ALL, NULL));
	len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "descriptors %u\n",
	    count_descriptors());
	len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "alarm %u\n", alarm(0));
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit limit = { 0, 0 };
		(void)getrlimit((__rlimit_resource_t)i, &limit);
		len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "limit %d: %ju %ju\n",
		    i, (uintmax_t)limit.rlim_cur, (uintmax_t)limit.rlim_max);
	}
	for (char **e = environ; *e != NULL && len < sizeof(a->text); e++)
		len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "%s\n", *e);
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, NULL, &a->action[i]);
}

static void
expect_same_surroundings(const struct surroundings *before, const struct surroundings *after)
{
	assert_string_equal(before->text, after->text);
	for (int i = 1; i < NSIG; i++) {
		assert_ptr_equal(before->action[i].sa_handler, after->action[i].sa_handler);
		assert_int_equal(before->action[i].sa_flags, after->action[i].sa_flags);
	}
}

/* How much of the process is in memory. */
static size_t
resident_kb(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	size_t kb = 0;

	assert_non_null(status);
	while (fgets(line, sizeof(line), status) != NULL)
		(void)sscanf(line, "VmRSS: %zu", &kb);
	(void)fclose(status);
	assert_true(kb > 0);
	return kb;
}

/* As many logins, each in a step of its own but for each seventh, which has the code of the one
 * before; each third one is wrong, and each fifth has no user who could be known. */
static void
log_in_often(struct stage *s, unsigned count)
{
	static uint64_t now_s = STAGE_NOW;

	for (unsigned i = 0; i < count; i++) {
		bool is_again = i % 7 == 6 && i % 5 != 0 && i % 3 != 0;
		now_s += is_again ? 0 : 30;
		world_set_clock(now_s);
		s->forbidden_count = 0;
		if (i % 5 == 4)
			s->app.user = "mallory";
		if (is_again)
			assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
		else if (i % 5 == 4 || i % 3 == 2)
			assert_int_equal(stage_login(s, "000 000 0"), PAM_AUTH_ERR);
		else
			assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
		s->app.user = "alice";
	}
}

static void
test_long_life(void **state)
{
	static struct surroundings around[2];
	struct stage *s = *state;

	stage_arguments(s, "throttle_delay=0");
	bool is_slow = getenv("GUEST_IS_SLOW") != NULL;
	unsigned logins = is_slow ? LOGINS_FEW : faults_are_long() ? LOGINS_LONG : LOGINS;
	log_in_often(s, WARM_UP);
	look_around(&around[0]);
	struct mallinfo2 before = mallinfo2();
	size_t resident = resident_kb();
	log_in_often(s, logins);
	struct mallinfo2 after = mallinfo2();
	look_around(&around[1]);
	expect_same_surroundings(&around[0], &around[1]);
	/* Less than a byte a login: what grows at all is no login's. */
	if (after.uordblks > before.uordblks + LOGINS)
		fail_msg("%zu bytes after %d logins, %zu after %u", before.uordblks, WARM_UP,
		    after.uordblks, WARM_UP + logins);
	if (!is_slow && getenv("SANITIZERS") == NULL &&
	    resident_kb() > resident + RESIDENT_SLACK_KB)
		fail_msg("%zu KiB after %d logins, %zu after %u", resident, WARM_UP,
		    resident_kb(), WARM_UP + logins);
	faults_survived(logins, "logins in one process, %zd bytes more in use than before them",
	    (ssize_t)(after.uordblks - before.uordblks));
}

struct thread {
	pthread_t id;
	struct app app;
	char name[16];
	char code[STEPS][16];
	unsigned accepted;
	unsigned refused;
	unsigned other;
};

/* Each code once, and once again. No assertion: cmocka knows the first thread only. */
static void *
run_thread(void *data)
{
	struct thread *t = data;

	for (unsigned i = 0; i < 2 * STEPS; i++) {
		app_forget(&t->app);
		app_will_answer(&t->app, t->code[i / 2]);
		switch (app_login(&t->app)) {
		case PAM_SUCCESS:
			t->accepted++;
			break;
		case PAM_AUTH_ERR:
			t->refused++;
			break;
		default:
			t->other++;
		}
	}
	return NULL;
}

static void
test_threads(void **state)
{
	static struct thread thread[THREADS];
	struct stage *s = *state;

	stage_arguments(s, "window=3 throttle_delay=0");
	for (unsigned i = 0; i < THREADS; i++) {
		struct thread *t = &thread[i];
		(void)snprintf(t->name, sizeof(t->name), "user%u", i);
		world_add_account(t->name, t->name, 5000 + i);
		stage_enrol(s, t->name, 5000 + i, "phone");
		t->app.confdir = s->confdir;
		t->app.user = t->name;
	}
	for (unsigned round = 1; round <= ROUNDS; round++) {
		world_log_clear();
		world_set_clock(STAGE_NOW + 600 * round);
		for (unsigned i = 0; i < THREADS; i++) {
			for (int k = 0; k < STEPS; k++)
				(void)snprintf(thread[i].code[k], sizeof(thread[i].code[k]), "%s",
				    stage_code(s, thread[i].name, k - 3));
			assert_int_equal(pthread_create(&thread[i].id, NULL, run_thread,
			    &thread[i]), 0);
		}
		for (unsigned i = 0; i < THREADS; i++)
			assert_int_equal(pthread_join(thread[i].id, NULL), 0);
		/* A line a login, none torn by another. */
		assert_int_equal(stage_line_count(), 2 * STEPS * THREADS);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(thread[i].accepted, STEPS * ROUNDS);
		assert_int_equal(thread[i].refused, STEPS * ROUNDS);
		assert_int_equal(thread[i].other, 0);
	}
	faults_survived(2 * STEPS * THREADS * ROUNDS, "logins of %d users in as many threads",
	    THREADS);
}

/* One code of one user, typed in eight threads at once: one gets in. */
static void
test_one_code_in_threads(void **state)
{
	static struct thread thread[THREADS];
	struct stage *s = *state;

	stage_arguments(s, "throttle_delay=0 lock_after=1000");
	for (unsigned i = 0; i < THREADS; i++) {
		thread[i].app.confdir = s->confdir;
		thread[i].app.user = "alice";
		for (int k = 0; k < STEPS; k++)
			(void)snprintf(thread[i].code[k], sizeof(thread[i].code[k]), "%s",
			    stage_code(s, "alice", 0));
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i].id, NULL, run_thread, &thread[i]), 0);
	unsigned accepted = 0, refused = 0, locked = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i].id, NULL), 0);
		accepted += thread[i].accepted;
		refused += thread[i].refused;
		locked += thread[i].other;
	}
	assert_int_equal(accepted, 1);
	/* DESIGN promise 4: each of the others is counted. */
	struct store_entry e = stage_look(s, "alice");
	assert_int_equal(refused + locked, 2 * STEPS * THREADS - 1);
	assert_int_equal(locked, 0);
	assert_in_range(e.state.fails, 2 * STEPS * THREADS - THREADS, 2 * STEPS * THREADS - 1);
}

/* Places of the process's memory that the module is mapped to. */
static unsigned
count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024];
	unsigned count = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		count += strstr(line, "/pam_totp.so") != NULL;
	(void)fclose(maps);
	return count;
}

/* libpam gives the module back with each handle; it stays, once (-z nodelete). */
static void
test_load_and_unload(void **state)
{
	struct stage *s = *state;
	char path[512];
	unsigned mappings = 0;

	(void)snprintf(path, sizeof(path), "%s/pam_totp/.libs/pam_totp.so",
	    getenv("top_builddir"));
	for (int i = 0; i < 50; i++) {
		void *module = dlopen(path, RTLD_NOW);
		if (module == NULL)
			fail_msg("%s", dlerror());
		assert_non_null(dlsym(module, "pam_sm_authenticate"));
		assert_non_null(dlsym(module, "pam_sm_setcred"));
		assert_non_null(dlsym(module, "pam_sm_acct_mgmt"));
		assert_non_null(dlsym(module, "pam_sm_open_session"));
		assert_non_null(dlsym(module, "pam_sm_close_session"));
		assert_non_null(dlsym(module, "pam_sm_chauthtok"));
		assert_int_equal(dlclose(module), 0);
		if (i == 0)
			mappings = count_mappings();
		assert_in_range(mappings, 1, 8);
		assert_int_equal(count_mappings(), mappings);
	}
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
}

/* --- nothing of the process is changed ----------------------------------------------------- */

static void
test_surroundings(void **state)
{
	static struct surroundings before, after;
	struct stage *s = *state;
	mode_t mask = umask(0123);
	sigset_t blocked, old;

	(void)setlocale(LC_ALL, "C.UTF-8");
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &blocked, &old);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS); /* loads */
	look_around(&before);
	assert_int_equal(stage_login(s, stage_code(s, "alice", 1)), PAM_SUCCESS);
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	s->app.user = "mallory";
	assert_int_equal(stage_login(s, stage_wrong_code(s)), PAM_AUTH_ERR);
	stage_arguments(s, "broken");
	stage_forget(s);
	assert_int_equal(app_login(&s->app), PAM_SERVICE_ERR);
	look_around(&after);
	expect_same_surroundings(&before, &after);
	(void)umask(mask);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

/* A state file that is made under a host's odd umask is the owner's alone. */
static void
test_umask_of_the_host(void **state)
{
	struct stage *s = *state;
	mode_t mask = umask(0);

	(void)unlink(stage_path(s, "state/alice"));
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_AUTH_ERR);
	world_set_clock(STAGE_NOW + 30 * (STATE_WINDOW_MAX + 1));
	assert_int_equal(stage_login(s, stage_code(s, "alice", 0)), PAM_SUCCESS);
	(void)umask(mask);
}

/* Not a byte to the standard streams. */
static void
test_no_output(void **state)
{
	struct stage *s = *state;
	int pipes[2], streams[2], waiting = -1;

	(void)fflush(NULL);
	assert_int_equal(pipe(pipes), 0);
	streams[0] = dup(STDOUT_FILENO);
	streams[1] = dup(STDERR_FILENO);
	(void)dup2(pipes[1], STDOUT_FILENO);
	(void)dup2(pipes[1], STDERR_FILENO);
	int right = stage_login(s, stage_code(s, "alice", 0));
	int wrong = stage_login(s, stage_wrong_code(s));
	(void)fflush(NULL);
	int r = ioctl(pipes[0], FIONREAD, &waiting);
	(void)dup2(streams[0], STDOUT_FILENO);
	(void)dup2(streams[1], STDERR_FILENO);
	for (int i = 0; i < 2; i++) {
		(void)close(streams[i]);
		(void)close(pipes[i]);
	}
	assert_int_equal(right, PAM_SUCCESS);
	assert_int_equal(wrong, PAM_AUTH_ERR);
	assert_int_equal(r, 0);
	assert_int_equal(waiting, 0);
}

/* A daemon without standard streams: the store's descriptors are 0, 1 and 2 then. */
static void
test_without_streams(void **state)
{
	struct stage *s = *state;
	char right[16], wrong[16];
	int status = -1;

	(void)snprintf(right, sizeof(right), "%s", stage_code(s, "alice", 0));
	(void)snprintf(wrong, sizeof(wrong), "%s", stage_wrong_code(s));
	pid_t child = fork();
	if (child == 0) {
		(void)close(0);
		(void)close(1);
		(void)close(2);
		app_will_answer(&s->app, wrong);
		int failed = app_login(&s->app) != PAM_AUTH_ERR;
		app_forget(&s->app);
		app_will_answer(&s->app, right);
		failed |= app_login(&s->app) != PAM_SUCCESS;
		/* All three are free again. */
		failed |= open("/dev/null", O_RDONLY | O_CLOEXEC) != 0;
		_exit(failed);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* --- nothing stays in memory ---------------------------------------------------------------- */

#define NEEDLE_LEN 16

/* What is searched for, every bit turned over, so that this is no finding. */
struct needle {
	const char *what;
	uint8_t turned[NEEDLE_LEN];
};

static void
make_needle(struct needle *n, const char *what, const void *bytes)
{
	const uint8_t *b = bytes;

	n->what = what;
	for (size_t i = 0; i < NEEDLE_LEN; i++)
		n->turned[i] = (uint8_t)~b[i];
}

static bool
is_in(const uint8_t *at, size_t len, const struct needle *n)
{
	uint8_t first = (uint8_t)~n->turned[0];

	for (size_t i = 0; i + NEEDLE_LEN <= len; i++) {
		size_t k = 0;
		if (at[i] != first)
			continue;
		while (k < NEEDLE_LEN && (at[i + k] ^ n->turned[k]) == 0xff)
			k++;
		if (k == NEEDLE_LEN)
			return true;
	}
	return false;
}

/* A sanitizer keeps what is freed, and terabytes of shadow. */
static void
skip_with_sanitizers(void)
{
	if (getenv("SANITIZERS") != NULL)
		skip();
}

/* All memory of the process that can be written, the used-up part of the stack included.
 * Returns the needles that are in it, as bits. */
static unsigned
search_memory(const struct needle *needle, unsigned count)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned found = 0;
	char line[512];

	assert_non_null(maps);
	assert_true(memory >= 0);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long start = 0, end = 0;
		char mode[8] = "";
		if (sscanf(line, "%lx-%lx %7s", &start, &end, mode) != 3 || mode[1] != 'w')
			continue;
		uint8_t *copy = malloc(end - start);
		assert_non_null(copy);
		ssize_t len = pread(memory, copy, end - start, (off_t)start);
		for (unsigned i = 0; len > 0 && i < count; i++)
			if (is_in(copy, (size_t)len, &needle[i]))
				found |= 1U << i;
		free(copy);
	}
	(void)fclose(maps);
	(void)close(memory);
	return found;
}

/* What another process, the phone's, tells of carol. The secrets are never in this one. */
struct phone {
	struct needle secret;
	struct needle base32;
	char turned_code[6];
	char turned_next[6];
};

static void
enrol_elsewhere(struct stage *s, struct phone *phone)
{
	int pipes[2];
	int status = -1;

	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	if (child == 0) {
		char text[64];
		stage_enrol(s, "carol", STAGE_UID + 9, "phone");
		struct store_entry e = stage_look(s, "carol");
		const struct otp_secret *secret = &e.record.device[0].secret;
		make_needle(&phone->secret, "a secret", secret->bytes + 2);
		if (encode_base32_print(secret->bytes, secret->len, text, sizeof(text)) != 0)
			_exit(1);
		make_needle(&phone->base32, "a secret's text", text + 8);
		const char *code = stage_code(s, "carol", 0);
		for (size_t i = 0; i < 6; i++)
			phone->turned_code[i] = (char)~code[i];
		code = stage_code(s, "carol", 1);
		for (size_t i = 0; i < 6; i++)
			phone->turned_next[i] = (char)~code[i];
		_exit(write(pipes[1], phone, sizeof(*phone)) != sizeof(*phone));
	}
	assert_true(child > 0);
	assert_int_equal(read(pipes[0], phone, sizeof(*phone)), sizeof(*phone));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void
expect_not_in_memory(const struct needle *needle, unsigned count)
{
	unsigned found = search_memory(needle, count);

	for (unsigned i = 0; i < count; i++)
		if ((found >> i & 1) != 0)
			fail_msg("%s is left in memory", needle[i].what);
}

/* A long answer, as a password is that was typed at the wrong prompt. Its middle is
 * searched for, as the allocator writes over the beginning of what is freed. */
static void
script_long_answer(struct stage *s, size_t len, struct needle *n)
{
	struct app_answer *answer = &s->app.answer[0];
	uint32_t seed = 12345;

	*answer = (struct app_answer){ .kind = APP_TEXT, .len = len };
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		answer->turned[i] = (char)~('A' + (seed >> 16) % 26);
	}
	s->app.answer_count = 1;
	n->what = "an answer";
	memcpy(n->turned, answer->turned + 24, NEEDLE_LEN);
}

static void
test_secret_is_gone(void **state)
{
	struct stage *s = *state;
	static struct phone phone;
	static struct needle needles[3];

	skip_with_sanitizers();
	world_add_account("carol", "carol", STAGE_UID + 9);
	enrol_elsewhere(s, &phone);
	s->app.user = "carol";
	struct app_answer *answer = &s->app.answer[0];
	*answer = (struct app_answer){ .kind = APP_TEXT, .len = 6 };
	memcpy(answer->turned, phone.turned_code, 6);
	s->app.answer_count = 1;
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	needles[0] = phone.secret;
	needles[1] = phone.base32;
	expect_not_in_memory(needles, 2);
	app_end(&s->app);

	/* A password with the next code behind it, which libpam gives to later modules
	 * and forgets at the end. */
	stage_arguments(s, "first_pass=append");
	app_forget(&s->app);
	script_long_answer(s, 66, &needles[2]);
	memcpy(answer->turned + 60, phone.turned_next, 6);
	assert_int_equal(app_authenticate(&s->app), PAM_SUCCESS);
	expect_not_in_memory(needles, 3);
	app_end(&s->app);
}

/* Neither with libpam's handle still open, nor as a password to be split. */
static void
test_answer_is_gone(void **state)
{
	static const size_t lengths[] = { 60, 64, 65, 200, 511 };
	static const char *const arguments[] = { "", "first_pass=append" };
	struct stage *s = *state;
	struct needle needle;

	skip_with_sanitizers();
	for (size_t k = 0; k < LEN(arguments); k++)
		for (size_t i = 0; i < LEN(lengths); i++) {
			stage_arguments(s, arguments[k]);
			app_forget(&s->app);
			script_long_answer(s, lengths[i], &needle);
			assert_int_equal(app_authenticate(&s->app), PAM_AUTH_ERR);
			expect_not_in_memory(&needle, 1);
			app_end(&s->app);
		}
}

/* The search does find what is there. */
static void
test_the_search_works(void **state)
{
	struct stage *s = *state;
	struct needle needle;

	skip_with_sanitizers();
	script_long_answer(s, 60, &needle);
	assert_int_equal(search_memory(&needle, 1), 0);
	volatile char *copy = malloc(60);
	assert_non_null(copy);
	for (size_t i = 0; i < 60; i++)
		copy[i] = (char)~s->app.answer[0].turned[i];
	assert_int_equal(search_memory(&needle, 1), 1);
	for (size_t i = 0; i < 60; i++)
		copy[i] = 0;
	free((void *)(uintptr_t)copy);
	app_forget(&s->app);
}

#define LOGIN_TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_the_search_works), /* these first: memory is untouched */
		LOGIN_TEST(test_secret_is_gone),
		LOGIN_TEST(test_answer_is_gone),
		LOGIN_TEST(test_long_life),
		LOGIN_TEST(test_threads),
		LOGIN_TEST(test_one_code_in_threads),
		LOGIN_TEST(test_load_and_unload),
		LOGIN_TEST(test_surroundings),
		LOGIN_TEST(test_umask_of_the_host),
		LOGIN_TEST(test_no_output),
		LOGIN_TEST(test_without_streams),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
