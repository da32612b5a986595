/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Somebody swaps a component of the path under the open, all the time: the directory on the
 * way, the folder, the file, each with a symbolic link to, or a directory of another account
 * with, the wrong file. Of a hundred thousand loads of each kind none may read the wrong file,
 * and none may say that there is no file, which would read as "not enrolled". */

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/safefile.h"

#define LOADS	  100000
#define OTHER_UID 65534

static char base[] = "/tmp/race_path.XXXXXX";

/* Two names that trade their places until told to stop. */
struct swap {
	char one[128];
	char other[128];
	atomic_bool is_over;
	unsigned long count;
};

static const char *
at(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *out = path[turn++ % 4];

	(void)snprintf(out, sizeof(path[0]), "%s/%s", base, name);
	return out;
}

static void
put_file(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static void
make_tree(const char *top, const char *text)
{
	char name[48];

	assert_int_equal(mkdir(at(top), 0700), 0);
	(void)snprintf(name, sizeof(name), "%s/store", top);
	assert_int_equal(mkdir(at(name), 0700), 0);
	(void)snprintf(name, sizeof(name), "%s/store/alice", top);
	put_file(name, text);
}

static void *
swap_names(void *ctx)
{
	struct swap *s = ctx;

	while (!atomic_load(&s->is_over))
		if (renameat2(AT_FDCWD, s->one, AT_FDCWD, s->other, RENAME_EXCHANGE) == 0)
			s->count++;
	return NULL;
}

/* What a load does: the directory from "/", the file beneath it. */
static int
load(char text[16], size_t *len)
{
	const struct safefile_rule rule = {
	    .owner = geteuid(), .forbidden = 0077, .max_len = 16, .where = NULL};
	int dir = -1;

	int r = safefile_open_dir(at("way/store"), geteuid(), 0077, &dir, NULL);
	if (r == 0)
		r = safefile_slurp(dir, "alice", &rule, text, 16, len, NULL, NULL);
	safefile_close(&dir);
	return r;
}

static void
load_amid(const char *one, const char *other)
{
	struct swap s = {.is_over = false};
	unsigned long right = 0, refused = 0;
	pthread_t thread;

	(void)snprintf(s.one, sizeof(s.one), "%s", at(one));
	(void)snprintf(s.other, sizeof(s.other), "%s", at(other));
	assert_int_equal(pthread_create(&thread, NULL, swap_names, &s), 0);
	int worst = 0;
	for (unsigned i = 0; i < LOADS && worst == 0; i++) {
		char text[16] = "";
		size_t len = 0;
		int r = load(text, &len);
		if (r == 0 && len == 5 && memcmp(text, "right", 5) == 0)
			right++;
		else if (r == E_UNSAFE)
			refused++;
		else
			worst = r == 0 ? 1 : r;
	}
	atomic_store(&s.is_over, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (s.count % 2 != 0) /* put back for the next */
		assert_int_equal(
		    renameat2(AT_FDCWD, s.one, AT_FDCWD, s.other, RENAME_EXCHANGE), 0);
	printf("# %s: %d loads amid %lu swaps: %lu of the right file, %lu refused\n", one, LOADS,
	    s.count, right, refused);
	if (worst != 0)
		fail_msg("%s: a load gave %d (1: the wrong file)", one, worst);
	assert_true(right > 0);
	assert_true(refused > 0);
}

static void
a_directory_on_the_way_is_a_link_at_times(void **unused)
{
	(void)unused;
	assert_int_equal(symlink("wrong", at("link")), 0);
	load_amid("way", "link");
}

static void
the_folder_is_a_link_at_times(void **unused)
{
	(void)unused;
	assert_int_equal(symlink("../wrong/store", at("way/link")), 0);
	load_amid("way/store", "way/link");
}

static void
the_file_is_a_link_at_times(void **unused)
{
	(void)unused;
	assert_int_equal(symlink("../../wrong/store/alice", at("way/store/link")), 0);
	load_amid("way/store/alice", "way/store/link");
}

static void
the_file_has_a_second_name_at_times(void **unused)
{
	(void)unused;
	put_file("way/store/linked", "wrong");
	assert_int_equal(link(at("way/store/linked"), at("way/store/again")), 0);
	load_amid("way/store/alice", "way/store/linked");
}

static void
a_directory_on_the_way_is_of_another_at_times(void **unused)
{
	(void)unused;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(at("wrong"), OTHER_UID, OTHER_UID), 0);
	load_amid("way", "wrong");
}

static int
set_up(void **unused)
{
	(void)unused;
	if (mkdtemp(base) == NULL)
		return -1;
	make_tree("way", "right");
	make_tree("wrong", "wrong");
	return 0;
}

static int
tear_down(void **unused)
{
	char command[sizeof(base) + 16];

	(void)unused;
	(void)snprintf(command, sizeof(command), "rm -r %s", base);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_on_the_way_is_a_link_at_times),
		cmocka_unit_test(the_folder_is_a_link_at_times),
		cmocka_unit_test(the_file_is_a_link_at_times),
		cmocka_unit_test(the_file_has_a_second_name_at_times),
		cmocka_unit_test(a_directory_on_the_way_is_of_another_at_times),
	};

	return cmocka_run_group_tests_name("path", tests, set_up, tear_down);
}
