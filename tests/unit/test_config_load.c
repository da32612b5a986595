/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Loading the settings: what wins over what, which file may be missing, and which files
 * are refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/config_text.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])

static const struct config_who sshd = {.service = "sshd"};
static const struct config_who su = {.service = "su"};

/* A directory of the test's own, with a settings file that need not exist. */
struct place {
	char dir[64];
	char file[128];
	char conf[160]; /* "conf=" and file */
};

static void
write_file(const char *path, const char *text, mode_t mode)
{
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -1;
	(void)strcpy(p->dir, "/tmp/test_config.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	(void)snprintf(p->file, sizeof p->file, "%s/pam_totp.conf", p->dir);
	(void)snprintf(p->conf, sizeof p->conf, "conf=%s", p->file);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	(void)unlink(p->file);
	int r = rmdir(p->dir);
	free(p);
	return r;
}

static int
load(const struct place *p, struct settings *s, struct diag *d)
{
	d->text[0] = '\0';
	memset(s, 0xa5, sizeof *s);
	return config_load(0, NULL, p->file, &sshd, s, d);
}

/* Default, file, section, argument: the later one wins. */
static void
test_precedence(void **state)
{
	const struct place *p = *state;
	const char *const arguments[] = {"tries=4", "unenrolled=deny"};
	struct settings s;
	struct diag d;

	write_file(p->file,
	    "lock_after = 50\nmax_devices = 3\ntries = 2\n"
	    "unenrolled = skip\n[service sshd]\nmax_devices = 2\ntries = 3\n",
	    0644);
	assert_int_equal(load(p, &s, &d), 0);
	assert_int_equal(s.window, 1);
	assert_int_equal(s.lock_after, 50);
	assert_int_equal(s.max_devices, 2);
	assert_int_equal(s.tries, 3);
	assert_int_equal(s.unenrolled, UNENROLLED_SKIP);
	assert_int_equal(config_load(2, arguments, p->file, &sshd, &s, &d), 0);
	assert_int_equal(s.window, 1);
	assert_int_equal(s.lock_after, 50);
	assert_int_equal(s.max_devices, 2);
	assert_int_equal(s.tries, 4);
	assert_int_equal(s.unenrolled, UNENROLLED_DENY);
	assert_int_equal(config_load(0, NULL, p->file, &su, &s, &d), 0);
	assert_int_equal(s.max_devices, 3);
	assert_int_equal(s.tries, 2);
	assert_int_equal(config_load(0, NULL, p->file, NULL, &s, &d), 0);
	assert_int_equal(s.max_devices, 3);
}

static void
test_load_conf(void **state)
{
	const struct place *p = *state;
	const char *const arguments[] = {"tries=4", p->conf, "window=0"};
	struct settings s;
	struct diag d;

	write_file(p->file, "lock_after = 50\nwindow = 3\n", 0600);
	assert_int_equal(config_load(3, arguments, "/nonexistent/x", &sshd, &s, &d), 0);
	assert_int_equal(s.lock_after, 50);
	assert_int_equal(s.tries, 4);
	assert_int_equal(s.window, 0);
}

static void
test_load_refusals(void **state)
{
	const struct place *p = *state;
	static const struct {
		const char *argument[2];
		const char *message;
	} cases[] = {
	    {{"window=1", "window=1"}, "module argument: window: given twice"},
	    {{"window=1", "wind=1"}, "module argument: unknown key \"wind\""},
	    {{"window=1", "nullok"}, "module argument: expected key=value, got \"nullok\""},
	    {{"conf=/a", "conf=/b"}, "module argument: conf: given twice"},
	    {{"window=1", "conf=x"}, "module argument: conf: expected an "
				     "absolute path, got \"x\""},
	};
	struct settings s;
	struct diag d;
	char message[256];

	for (size_t i = 0; i < LEN(cases); i++) {
		memset(&s, 0xa5, sizeof s);
		assert_int_equal(
		    config_load(2, cases[i].argument, p->file, &sshd, &s, &d), E_INVALID);
		assert_string_equal(d.text, cases[i].message);
		assert_true(config_text_is_zero(&s));
	}
	write_file(p->file, "tries = 2\nwindow = 9\n", 0600);
	assert_int_equal(load(p, &s, &d), E_INVALID);
	(void)snprintf(message, sizeof message, "%s:2: window: expected 0..3, got \"9\"", p->file);
	assert_string_equal(d.text, message);
	assert_true(config_text_is_zero(&s));
}

/* The fallback may be missing, with its directory too; what conf= names may not. */
static void
test_missing(void **state)
{
	const struct place *p = *state;
	const char *const named[] = {p->conf};
	static const char *const no_folder[] = {"conf=/nonexistent/x/y.conf"};
	static const char *const folder[] = {"conf=/tmp/"};
	struct settings s, defaults;
	struct diag d;

	config_defaults(&defaults);
	assert_int_equal(load(p, &s, &d), 0);
	assert_memory_equal(&s, &defaults, sizeof s);
	assert_int_equal(config_load(0, NULL, "/nonexistent/x/y.conf", &sshd, &s, &d), 0);
	assert_memory_equal(&s, &defaults, sizeof s);
	assert_int_equal(access(p->file, F_OK), -1); /* reading never creates */
	assert_int_equal(config_load(1, named, p->file, &sshd, &s, &d), E_INVALID);
	assert_non_null(strstr(d.text, p->file));
	assert_non_null(strstr(d.text, "no such settings file"));
	assert_true(config_text_is_zero(&s));
	assert_int_equal(config_load(1, no_folder, p->file, &sshd, &s, &d), E_INVALID);
	assert_true(config_text_is_zero(&s));
	assert_int_equal(config_load(1, folder, p->file, &sshd, &s, &d), E_INVALID);
	assert_true(config_text_is_zero(&s));
}

static void
refused_unsafe(const struct place *p)
{
	struct settings s;
	struct diag d;

	assert_int_equal(load(p, &s, &d), E_UNSAFE);
	assert_memory_equal(d.text, p->file, strlen(p->file));
	assert_true(strlen(d.text) > strlen(p->file) + 2);
	assert_true(config_text_is_zero(&s));
}

static void
test_unsafe_file(void **state)
{
	const struct place *p = *state;
	struct settings s;
	struct diag d;
	char other[160];

	write_file(p->file, "window = 2\n", 0666);
	refused_unsafe(p);
	write_file(p->file, "window = 2\n", 0620);
	refused_unsafe(p);
	write_file(p->file, "window = 2\n", 0602);
	refused_unsafe(p);
	write_file(p->file, "window = 2\n", 0644);
	assert_int_equal(load(p, &s, &d), 0);
	(void)snprintf(other, sizeof other, "%s/other", p->dir);
	assert_int_equal(link(p->file, other), 0);
	refused_unsafe(p);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(symlink("other", p->file), 0);
	refused_unsafe(p);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(mkfifo(p->file, 0600), 0);
	refused_unsafe(p);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(mkdir(p->file, 0700), 0);
	refused_unsafe(p);
	assert_int_equal(rmdir(p->file), 0);
	/* A dangling link is not "missing". */
	assert_int_equal(unlink(other), 0);
	assert_int_equal(symlink("other", p->file), 0);
	refused_unsafe(p);
}

static void
test_unsafe_size(void **state)
{
	const struct place *p = *state;
	struct settings s;
	struct diag d;

	write_file(p->file, "", 0600);
	assert_int_equal(truncate(p->file, CONFIG_FILE_MAX + 1), 0);
	refused_unsafe(p);
	write_file(p->file, "", 0600);
	assert_int_equal(load(p, &s, &d), 0);
}

static void
test_unsafe_folder(void **state)
{
	const struct place *p = *state;
	struct settings s;
	struct diag d;

	write_file(p->file, "window = 2\n", 0600);
	assert_int_equal(chmod(p->dir, 0777), 0);
	refused_unsafe(p);
	assert_int_equal(chmod(p->dir, 0770), 0);
	refused_unsafe(p);
	assert_int_equal(chmod(p->dir, 0755), 0);
	assert_int_equal(load(p, &s, &d), 0);
}

static void
test_unsafe_owner(void **state)
{
	const struct place *p = *state;

	if (geteuid() != 0)
		skip();
	write_file(p->file, "window = 2\n", 0600);
	assert_int_equal(chown(p->file, 65534, 65534), 0);
	refused_unsafe(p);
	write_file(p->file, "window = 2\n", 0600);
	assert_int_equal(chown(p->dir, 65534, 65534), 0);
	refused_unsafe(p);
}

/* An ordinary user reads root's file, and is refused what it may not read. */
static void
test_ordinary_user(void **state)
{
	const struct place *p = *state;
	struct settings s;
	struct diag d;

	if (geteuid() != 0)
		skip();
	write_file(p->file, "window = 2\n", 0644);
	assert_int_equal(chmod(p->dir, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	int readable = load(p, &s, &d);
	unsigned window = s.window;
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(p->file, 0600), 0);
	assert_int_equal(seteuid(65534), 0);
	int unreadable = load(p, &s, &d);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(readable, 0);
	assert_int_equal(window, 2);
	assert_int_equal(unreadable, E_IO);
	assert_true(config_text_is_zero(&s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_precedence, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_load_conf, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_load_refusals, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_unsafe_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_unsafe_size, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_unsafe_folder, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_unsafe_owner, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_ordinary_user, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
