/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* safefile: what it refuses, that a refusal is never "does not exist", and that a file is
 * replaced whole or not at all. Works in a new directory beneath /tmp, which is root's and
 * sticky; what needs another owner or a device node is left out for an ordinary user. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/safefile.h"

#define OTHER_UID 1 /* daemon; any account that is neither root nor us */

struct fixture {
	char path[64];
	int dir; /* path, as safefile_open_dir gives it */
};

static struct safefile_rule
rule_of(size_t max_len)
{
	return (struct safefile_rule){
	    .owner = geteuid(), .forbidden = 0077, .max_len = max_len, .where = "secrets"};
}

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	assert_non_null(fx);
	strcpy(fx->path, "/tmp/test_safefile.XXXXXX");
	assert_non_null(mkdtemp(fx->path));
	assert_int_equal(safefile_open_dir(fx->path, geteuid(), 0077, &fx->dir, NULL), 0);
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;
	char command[128];
	safefile_close(&fx->dir);
	snprintf(command, sizeof(command), "rm -rf '%s'", fx->path);
	assert_int_equal(system(command), 0);
	free(fx);
	return 0;
}

/* A path beneath the test's directory; good until the eighth call after this one. */
static const char *
beneath(const struct fixture *fx, const char *rest)
{
	static char text[8][256];
	static unsigned next;
	char *out = text[next++ % 8];
	snprintf(out, sizeof(text[0]), "%s/%s", fx->path, rest);
	return out;
}

static void
put(const struct fixture *fx, const char *name, const char *text, mode_t mode)
{
	int fd = openat(fx->dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
expect_content(const struct fixture *fx, const char *name, const char *text)
{
	const struct safefile_rule rule = rule_of(4096);
	char buf[4096];
	size_t len = 0;
	assert_int_equal(
	    safefile_slurp(fx->dir, name, &rule, buf, sizeof(buf), &len, NULL, NULL), 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(buf, text, len);
}

static bool
exists(const struct fixture *fx, const char *name)
{
	struct stat sb;
	return fstatat(fx->dir, name, &sb, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Refused alike for reading, writing, slurping and "open or create", with a reason, and
 * without a descriptor. */
static void
expect_refused(
    const struct fixture *fx, const char *name, size_t max_len, int code, const char *reason)
{
	const struct safefile_rule rule = rule_of(max_len);
	struct diag d = {""};
	char buf[16];
	size_t len = 7;
	int fd = 0;

	assert_int_equal(safefile_open(fx->dir, name, O_RDONLY, &rule, &fd, NULL, &d), code);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(d.text, reason));
	assert_non_null(strstr(d.text, name));
	assert_non_null(strstr(d.text, "secrets/"));
	fd = 0;
	assert_int_equal(safefile_open(fx->dir, name, O_RDWR, &rule, &fd, NULL, &d), code);
	assert_int_equal(fd, -1);
	assert_int_equal(
	    safefile_slurp(fx->dir, name, &rule, buf, sizeof(buf), &len, NULL, &d), code);
	assert_int_equal(len, 0);
	if (code == E_NOENT)
		return;
	fd = 0;
	assert_int_equal(safefile_open_or_create(fx->dir, name, &rule, &fd, NULL, &d), code);
	assert_int_equal(fd, -1);
}

static void
expect_dir(const char *path, mode_t forbidden, int code, const char *reason)
{
	struct diag d = {""};
	int fd = 0;
	assert_int_equal(safefile_open_dir(path, geteuid(), forbidden, &fd, &d), code);
	if (code == 0) {
		assert_true(fd >= 0);
		safefile_close(&fd);
		return;
	}
	assert_int_equal(fd, -1);
	assert_non_null(strstr(d.text, reason));
}

/* --- directories ------------------------------------------------------------ */

static void
directory_by_absolute_path(void **state)
{
	const struct fixture *fx = *state;
	assert_int_equal(mkdirat(fx->dir, "a", 0700), 0);
	assert_int_equal(mkdirat(fx->dir, "a/b", 0700), 0);
	expect_dir(beneath(fx, "a/b"), 0077, 0, "");
	expect_dir(beneath(fx, "a//b/"), 0077, 0, "");
	expect_dir("/", 0022, 0, "");

	int fd = -1;
	assert_int_equal(safefile_open_dir(beneath(fx, "a"), geteuid(), 0077, &fd, NULL), 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fsync(fd), 0); /* a real descriptor, not one of O_PATH */
	safefile_close(&fd);
}

static void
directory_paths_that_are_refused(void **state)
{
	const struct fixture *fx = *state;
	char long_name[NAME_MAX + 8];
	char long_path[PATH_MAX + 8];
	memset(long_name, 'a', sizeof(long_name));
	long_name[0] = '/';
	long_name[sizeof(long_name) - 1] = '\0';
	memset(long_path, '/', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(mkdirat(fx->dir, "a", 0700), 0);

	expect_dir(NULL, 0077, E_INVALID, "absolute");
	expect_dir("", 0077, E_INVALID, "absolute");
	expect_dir("tmp", 0077, E_INVALID, "absolute");
	expect_dir("./tmp", 0077, E_INVALID, "absolute");
	expect_dir("/tmp/..", 0, E_INVALID, "..");
	expect_dir("/.", 0, E_INVALID, "..");
	expect_dir(beneath(fx, "a/."), 0077, E_INVALID, "..");
	expect_dir(beneath(fx, "a/../a"), 0077, E_INVALID, "..");
	expect_dir(beneath(fx, "missing/../a"), 0077, E_INVALID, "..");
	expect_dir(long_name, 0077, E_INVALID, "long");
	expect_dir(long_path, 0077, E_INVALID, "longer");
	expect_dir(beneath(fx, "..."), 0077, E_NOENT, "does not exist"); /* a name like others */
	expect_dir(beneath(fx, "missing"), 0077, E_NOENT, "missing");
	expect_dir(beneath(fx, "missing/a"), 0077, E_NOENT, "missing");
}

static void
directory_links_are_not_followed(void **state)
{
	const struct fixture *fx = *state;
	assert_int_equal(mkdirat(fx->dir, "real", 0700), 0);
	assert_int_equal(mkdirat(fx->dir, "real/sub", 0700), 0);
	assert_int_equal(symlinkat("real", fx->dir, "link"), 0);
	assert_int_equal(symlinkat("sub", fx->dir, "real/link"), 0);
	assert_int_equal(symlinkat("nowhere", fx->dir, "dangling"), 0);
	expect_dir(beneath(fx, "link"), 0077, E_UNSAFE, "symbolic link"); /* the last */
	expect_dir(beneath(fx, "link/"), 0077, E_UNSAFE, "symbolic link");
	expect_dir(beneath(fx, "link/sub"), 0077, E_UNSAFE, "symbolic link"); /* on the way */
	expect_dir(beneath(fx, "real/link"), 0077, E_UNSAFE, "symbolic link");
	expect_dir(beneath(fx, "dangling"), 0077, E_UNSAFE, "symbolic link"); /* not ENOENT */
	expect_dir(beneath(fx, "dangling/a"), 0077, E_UNSAFE, "symbolic link");
}

static void
directory_that_is_none(void **state)
{
	const struct fixture *fx = *state;
	put(fx, "file", "x", 0600);
	assert_int_equal(mkfifoat(fx->dir, "fifo", 0600), 0);
	alarm(10); /* a FIFO that hangs ends the test */
	expect_dir(beneath(fx, "file"), 0077, E_UNSAFE, "not a directory");
	expect_dir(beneath(fx, "file/a"), 0077, E_UNSAFE, "not a directory");
	expect_dir(beneath(fx, "fifo"), 0077, E_UNSAFE, "not a directory");
	expect_dir(beneath(fx, "fifo/a"), 0077, E_UNSAFE, "not a directory");
	alarm(0);
}

static void
directory_that_others_can_write(void **state)
{
	const struct fixture *fx = *state;
	const mode_t bits[] = {0020, 0002, 0022};
	assert_int_equal(mkdirat(fx->dir, "a", 0700), 0);
	assert_int_equal(mkdirat(fx->dir, "a/b", 0700), 0);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		assert_int_equal(fchmodat(fx->dir, "a", 0755 | bits[i], 0), 0);
		expect_dir(beneath(fx, "a"), 0, E_UNSAFE, "mode"); /* also when not asked for */
		expect_dir(beneath(fx, "a/b"), 0077, E_UNSAFE, "mode");
	}
	assert_int_equal(fchmodat(fx->dir, "a", 0755, 0), 0);
	expect_dir(beneath(fx, "a"), 0022, 0, "");
	expect_dir(beneath(fx, "a"), 0077, E_UNSAFE, "0755"); /* the last: as asked */
	expect_dir(beneath(fx, "a/b"), 0077, 0, "");          /* on the way: writing only */
}

static void
directory_sticky(void **state)
{
	const struct fixture *fx = *state;
	struct stat sb;
	assert_int_equal(stat("/tmp", &sb), 0);
	if (sb.st_uid != 0 || (sb.st_mode & 01777) != 01777)
		skip();
	expect_dir(fx->path, 0077, 0, "");                /* on the way */
	expect_dir("/tmp", 0022, E_UNSAFE, "/tmp: mode"); /* at the end */
	expect_dir("/tmp/", 0, E_UNSAFE, "/tmp: mode");

	/* Sticky, but not root's: its owner can move what is in it. */
	assert_int_equal(mkdirat(fx->dir, "s", 0700), 0);
	assert_int_equal(mkdirat(fx->dir, "s/a", 0700), 0);
	assert_int_equal(fchmodat(fx->dir, "s", 01777, 0), 0);
	if (geteuid() != 0)
		expect_dir(beneath(fx, "s/a"), 0077, E_UNSAFE, "mode");
	else {
		expect_dir(beneath(fx, "s/a"), 0077, 0, "");
		assert_int_equal(fchownat(fx->dir, "s", OTHER_UID, 0, 0), 0);
		expect_dir(beneath(fx, "s/a"), 0077, E_UNSAFE, "owned by uid 1");
		int fd = -1;
		assert_int_equal(
		    safefile_open_dir(beneath(fx, "s/a"), OTHER_UID, 0077, &fd, NULL), E_UNSAFE);
	}
}

static void
directory_of_another(void **state)
{
	const struct fixture *fx = *state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(fx->dir, "a", 0700), 0);
	assert_int_equal(mkdirat(fx->dir, "a/b", 0700), 0);
	assert_int_equal(fchownat(fx->dir, "a", OTHER_UID, 0, 0), 0);
	expect_dir(beneath(fx, "a"), 0077, E_UNSAFE, "owned by uid 1");
	expect_dir(beneath(fx, "a/b"), 0077, E_UNSAFE, "owned by uid 1");

	/* The expected owner may own it; root's on the way are fine too. */
	int fd = -1;
	assert_int_equal(safefile_open_dir(beneath(fx, "a"), OTHER_UID, 0077, &fd, NULL), 0);
	safefile_close(&fd);
}

static void
directory_that_cannot_be_searched_is_not_missing(void **state)
{
	const struct fixture *fx = *state;
	if (geteuid() == 0)
		skip();
	assert_int_equal(mkdirat(fx->dir, "a", 0700), 0);
	assert_int_equal(mkdirat(fx->dir, "a/b", 0700), 0);
	assert_int_equal(fchmodat(fx->dir, "a", 0000, 0), 0);
	expect_dir(beneath(fx, "a/b"), 0077, E_IO, "a/b");
	expect_dir(beneath(fx, "a/missing"), 0077, E_IO, "a/missing");
	assert_int_equal(fchmodat(fx->dir, "a", 0100, 0), 0); /* search alone is enough */
	expect_dir(beneath(fx, "a/b"), 0077, 0, "");
	assert_int_equal(fchmodat(fx->dir, "a", 0700, 0), 0);
}

static void
folder_beneath_a_directory(void **state)
{
	const struct fixture *fx = *state;
	const char *refused[] = {"", ".", "..", "a/b", "/tmp", "a/"};
	struct diag d = {""};
	int fd = 0;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		fd = 0;
		assert_int_equal(
		    safefile_open_folder(fx->dir, refused[i], geteuid(), 0077, &fd, &d), E_INVALID);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(safefile_open_folder(fx->dir, "a", geteuid(), 0077, &fd, &d), E_NOENT);
	assert_int_equal(safefile_make_folder(fx->dir, "a", &d), 0);
	assert_int_equal(safefile_make_folder(fx->dir, "a", &d), 0); /* again: as it is */
	assert_int_equal(safefile_open_folder(fx->dir, "a", geteuid(), 0077, &fd, &d), 0);
	struct stat sb;
	assert_int_equal(fstat(fd, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0700);
	safefile_close(&fd);

	assert_int_equal(fchmodat(fx->dir, "a", 0750, 0), 0);
	assert_int_equal(safefile_open_folder(fx->dir, "a", geteuid(), 0077, &fd, &d), E_UNSAFE);
	assert_int_equal(safefile_make_folder(fx->dir, "a", &d), 0);
	assert_int_equal(fstatat(fx->dir, "a", &sb, 0), 0);
	assert_int_equal(sb.st_mode & 07777, 0750); /* not repaired */

	assert_int_equal(symlinkat("a", fx->dir, "link"), 0);
	assert_int_equal(safefile_open_folder(fx->dir, "link", geteuid(), 0077, &fd, &d), E_UNSAFE);
	assert_int_equal(fd, -1);
}

/* --- files ------------------------------------------------------------------ */

static void
file_is_read(void **state)
{
	const struct fixture *fx = *state;
	const struct safefile_rule rule = rule_of(5);
	struct safefile_id id = {0};
	int fd = -1;
	put(fx, "f", "hello", 0600);
	expect_content(fx, "f", "hello");
	assert_int_equal(safefile_open(fx->dir, "f", O_RDONLY, &rule, &fd, &id, NULL), 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	safefile_close(&fd);
	assert_int_equal(fd, -1);
	safefile_close(&fd); /* passed over */
	struct stat sb;
	assert_int_equal(fstatat(fx->dir, "f", &sb, 0), 0);
	assert_true(id.inode == sb.st_ino && id.device == sb.st_dev && id.size == 5);
	put(fx, "mode0", "x", 0400);
	expect_content(fx, "mode0", "x");
}

static void
file_that_is_missing(void **state)
{
	const struct fixture *fx = *state;
	expect_refused(fx, "missing", 5, E_NOENT, "does not exist");
	assert_false(exists(fx, "missing")); /* reading never creates */
}

static void
file_names_and_access_that_are_refused(void **state)
{
	const struct fixture *fx = *state;
	const struct safefile_rule rule = rule_of(5);
	int fd = 0;
	assert_int_equal(mkdirat(fx->dir, "a", 0700), 0);
	put(fx, "a/f", "x", 0600);
	put(fx, "f", "x", 0600);
	assert_int_equal(
	    safefile_open(fx->dir, "a/f", O_RDONLY, &rule, &fd, NULL, NULL), E_INVALID);
	assert_int_equal(
	    safefile_open(fx->dir, "/etc/passwd", O_RDONLY, &rule, &fd, NULL, NULL), E_INVALID);
	assert_int_equal(safefile_open(fx->dir, "f", O_WRONLY, &rule, &fd, NULL, NULL), E_INVALID);
	assert_int_equal(
	    safefile_open(fx->dir, "new", O_RDWR | O_CREAT, &rule, &fd, NULL, NULL), E_INVALID);
	assert_false(exists(fx, "new"));
	assert_int_equal(safefile_replace(fx->dir, "a/f", ".t", "y", 1, NULL), E_INVALID);
	assert_int_equal(safefile_replace(fx->dir, "f", "a/t", "y", 1, NULL), E_INVALID);
	assert_int_equal(safefile_remove(fx->dir, "a/f", NULL), E_INVALID);
	expect_content(fx, "f", "x");
	assert_true(exists(fx, "a/f"));
	char name[NAME_MAX + 2];
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(safefile_open(fx->dir, name, O_RDONLY, &rule, &fd, NULL, NULL), E_IO);
}

static void
file_that_is_a_link(void **state)
{
	const struct fixture *fx = *state;
	put(fx, "real", "x", 0600);
	assert_int_equal(symlinkat("real", fx->dir, "link"), 0);
	assert_int_equal(symlinkat("nowhere", fx->dir, "dangling"), 0);
	expect_refused(fx, "link", 5, E_UNSAFE, "symbolic link");
	expect_refused(fx, "dangling", 5, E_UNSAFE, "symbolic link");
	assert_false(exists(fx, "nowhere")); /* nothing was made through it */

	assert_int_equal(linkat(fx->dir, "real", fx->dir, "second", 0), 0);
	expect_refused(fx, "real", 5, E_UNSAFE, "2 names");
	expect_refused(fx, "second", 5, E_UNSAFE, "2 names");
	assert_int_equal(unlinkat(fx->dir, "second", 0), 0);
	expect_content(fx, "real", "x");
}

static void
file_of_another_type(void **state)
{
	const struct fixture *fx = *state;
	assert_int_equal(mkfifoat(fx->dir, "fifo", 0600), 0);
	assert_int_equal(mkdirat(fx->dir, "dir", 0700), 0);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", fx->path);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s >= 0);
	assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(fchmodat(fx->dir, "socket", 0600, 0), 0);

	alarm(10); /* CVE-2024-22365: a FIFO that hangs ends the test */
	expect_refused(fx, "fifo", 5, E_UNSAFE, "not a regular file");
	alarm(0);
	expect_refused(fx, "dir", 5, E_UNSAFE, "not a regular file");
	expect_refused(fx, "socket", 5, E_UNSAFE, "not a regular file");
	close(s);
}

static void
file_that_is_a_device(void **state)
{
	const struct fixture *fx = *state;
	if (geteuid() != 0 || mknodat(fx->dir, "null", S_IFCHR | 0600, makedev(1, 3)) != 0)
		skip();
	assert_int_equal(mknodat(fx->dir, "none", S_IFCHR | 0600, makedev(4095, 1048575)), 0);
	const struct safefile_rule rule = rule_of(5);
	int fd = 0;
	int r = safefile_open(fx->dir, "null", O_RDONLY, &rule, &fd, NULL, NULL);
	assert_int_equal(fd, -1);
	assert_true(r == E_UNSAFE || r == E_IO); /* E_IO: mounted nodev */
	expect_refused(fx, "none", 5, r, "");
}

static void
file_of_another(void **state)
{
	const struct fixture *fx = *state;
	if (geteuid() != 0)
		skip();
	put(fx, "f", "x", 0600);
	assert_int_equal(fchownat(fx->dir, "f", OTHER_UID, 0, 0), 0);
	expect_refused(fx, "f", 5, E_UNSAFE, "owned by uid 1");
	struct safefile_rule rule = rule_of(5);
	rule.owner = OTHER_UID;
	int fd = -1;
	assert_int_equal(safefile_open(fx->dir, "f", O_RDONLY, &rule, &fd, NULL, NULL), 0);
	safefile_close(&fd);
}

static void
file_that_lets_others_in(void **state)
{
	const struct fixture *fx = *state;
	put(fx, "f", "x", 0600);
	for (mode_t bit = 1; bit <= 040; bit <<= 1) {
		assert_int_equal(fchmodat(fx->dir, "f", 0600 | bit, 0), 0);
		expect_refused(fx, "f", 5, E_UNSAFE, "mode");
		struct stat sb;
		assert_int_equal(fstatat(fx->dir, "f", &sb, 0), 0);
		assert_int_equal(sb.st_mode & 07777, 0600 | bit); /* not repaired */
	}
	/* Only what the rule forbids: settings may be read by anybody. */
	struct safefile_rule rule = rule_of(5);
	rule.forbidden = 0022;
	int fd = -1;
	assert_int_equal(fchmodat(fx->dir, "f", 0644, 0), 0);
	assert_int_equal(safefile_open(fx->dir, "f", O_RDONLY, &rule, &fd, NULL, NULL), 0);
	safefile_close(&fd);
	assert_int_equal(fchmodat(fx->dir, "f", 0664, 0), 0);
	assert_int_equal(safefile_open(fx->dir, "f", O_RDONLY, &rule, &fd, NULL, NULL), E_UNSAFE);
}

/* On a directory of the store, and one on the way that another may write by its ACL alone. */
static void
directory_with_an_acl(void **state)
{
	const struct fixture *fx = *state;
	/* user::rwx, user:1:rwx, group::---, mask::rwx, other::---; the second's mask is r-x */
	uint8_t acl[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 7, 0, 1, 0, 0, 0, 4, 0,
	    0, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255,
	    255};
	struct diag d = {""};
	int fd = -1;
	assert_int_equal(mkdirat(fx->dir, "way", 0700), 0);
	assert_int_equal(mkdirat(fx->dir, "way/store", 0700), 0);
	char store[512];
	(void)snprintf(store, sizeof(store), "%s/store", beneath(fx, "way"));
	assert_int_equal(safefile_open_dir(store, geteuid(), 0077, &fd, NULL), 0);
	safefile_close(&fd);
	if (setxattr(beneath(fx, "way"), "system.posix_acl_access", acl, sizeof(acl), 0) != 0)
		skip();
	assert_int_equal(safefile_open_dir(store, geteuid(), 0077, &fd, &d), E_UNSAFE);
	assert_non_null(strstr(d.text, "mode 0770"));
	assert_int_equal(removexattr(beneath(fx, "way"), "system.posix_acl_access"), 0);
	assert_int_equal(chmod(beneath(fx, "way"), 0700), 0);

	acl[14] = acl[30] = 5; /* may read and search only: too much at the end */
	assert_int_equal(
	    setxattr(store, "system.posix_acl_access", acl, sizeof(acl), 0), 0);
	assert_int_equal(safefile_open_dir(store, geteuid(), 0077, &fd, &d), E_UNSAFE);
	assert_non_null(strstr(d.text, "mode 0750"));
	assert_int_equal(fd, -1);
}

static void
file_with_an_acl(void **state)
{
	/* user::rw-, user:1:r--, group::---, mask::r--, other::--- ; see acl(5), xattr(7) */
	static const uint8_t acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 1, 0,
	    0, 0, 4, 0, 0, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255,
	    255, 255, 255};
	const struct fixture *fx = *state;
	put(fx, "f", "x", 0600);
	if (setxattr(beneath(fx, "f"), "system.posix_acl_access", acl, sizeof(acl), 0) != 0)
		skip();
	expect_refused(fx, "f", 5, E_UNSAFE, "mode");
}

static void
file_that_is_too_long(void **state)
{
	const struct fixture *fx = *state;
	put(fx, "f", "12345", 0600);
	expect_content(fx, "f", "12345");
	expect_refused(fx, "f", 4, E_UNSAFE, "longer than 4");

	/* Grown after it was opened: read past the buffer is refused and nothing is kept. */
	const struct safefile_rule rule = rule_of(5);
	char buf[5];
	size_t len = 7;
	int fd = -1;
	assert_int_equal(safefile_open(fx->dir, "f", O_RDONLY, &rule, &fd, NULL, NULL), 0);
	put(fx, "f", "123456", 0600);
	assert_int_equal(safefile_read(fd, buf, sizeof(buf), &len, NULL), E_UNSAFE);
	assert_int_equal(len, 0);
	assert_memory_equal(buf, "\0\0\0\0\0", 5);
	safefile_close(&fd);
	len = 7;
	assert_int_equal(safefile_read(-1, buf, sizeof(buf), &len, NULL), E_IO);
	assert_int_equal(len, 0);
}

static void
file_that_cannot_be_opened_is_not_missing(void **state)
{
	const struct fixture *fx = *state;
	if (geteuid() == 0)
		skip();
	put(fx, "f", "x", 0000);
	expect_refused(fx, "f", 5, E_IO, "open");
}

/* --- writing ---------------------------------------------------------------- */

static void
open_or_create(void **state)
{
	const struct fixture *fx = *state;
	const struct safefile_rule rule = rule_of(5);
	bool created = false;
	int fd = -1;
	mode_t old = umask(0177); /* the host's umask decides nothing */
	assert_int_equal(safefile_open_or_create(fx->dir, "f", &rule, &fd, &created, NULL), 0);
	umask(old);
	assert_true(created);
	struct stat sb;
	assert_int_equal(fstat(fd, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	assert_int_equal(sb.st_size, 0);
	assert_int_equal(safefile_write_at(fd, "ab", 2, 1, NULL), 0);
	safefile_close(&fd);
	assert_int_equal(safefile_open_or_create(fx->dir, "f", &rule, &fd, &created, NULL), 0);
	assert_false(created);
	char buf[5];
	size_t len = 0;
	assert_int_equal(safefile_read(fd, buf, sizeof(buf), &len, NULL), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(buf, "\0ab", 3);
	assert_int_equal(safefile_write_at(fd, "x", 1, UINT64_MAX, NULL), E_INVALID);
	safefile_close(&fd);
	assert_int_equal(safefile_write_at(-1, "x", 1, 0, NULL), E_IO);
}

static void
replace_makes_and_replaces(void **state)
{
	const struct fixture *fx = *state;
	struct safefile_id a = {0};
	struct safefile_id b = {0};
	mode_t old = umask(0);
	assert_int_equal(safefile_replace(fx->dir, "f", ".f.new", "one", 3, NULL), 0);
	umask(old);
	expect_content(fx, "f", "one");
	struct stat sb;
	assert_int_equal(fstatat(fx->dir, "f", &sb, 0), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	assert_int_equal(safefile_identify(fx->dir, "f", &a, NULL), 0);
	assert_int_equal(safefile_replace(fx->dir, "f", ".f.new", "one", 3, NULL), 0);
	assert_int_equal(safefile_identify(fx->dir, "f", &b, NULL), 0);
	assert_memory_not_equal(&a, &b, sizeof(a)); /* the same bytes, another file */
	assert_false(exists(fx, ".f.new"));
}

static void
replace_takes_the_place_of_a_link(void **state)
{
	const struct fixture *fx = *state;
	put(fx, "victim", "keep", 0600);
	assert_int_equal(symlinkat("victim", fx->dir, "f"), 0);
	assert_int_equal(symlinkat("victim", fx->dir, ".f.new"), 0);
	assert_int_equal(safefile_replace(fx->dir, "f", ".f.new", "two", 3, NULL), 0);
	expect_content(fx, "victim", "keep");
	expect_content(fx, "f", "two");
}

static void
replace_is_not_stopped_by_a_leftover(void **state)
{
	const struct fixture *fx = *state;
	put(fx, "f", "old", 0600);
	put(fx, ".f.new", "half", 0400);
	assert_int_equal(safefile_replace(fx->dir, "f", ".f.new", "new", 3, NULL), 0);
	expect_content(fx, "f", "new");
	assert_false(exists(fx, ".f.new"));
}

static void
replace_that_fails_leaves_the_old(void **state)
{
	const struct fixture *fx = *state;
	char big[4096];
	memset(big, 'x', sizeof(big));
	put(fx, "f", "old", 0600);

	pid_t pid = fork(); /* the limit and the signal are the child's own */
	assert_true(pid >= 0);
	if (pid == 0) {
		struct diag d = {""};
		const struct rlimit limit = {1024, 1024};
		if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(2);
		int r = safefile_replace(fx->dir, "f", ".f.new", big, sizeof(big), &d);
		_exit(r == E_IO && strstr(d.text, "write") != NULL ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_content(fx, "f", "old");
	assert_false(exists(fx, ".f.new"));

	/* The rename refuses: a directory has the name. */
	assert_int_equal(mkdirat(fx->dir, "d", 0700), 0);
	assert_int_equal(safefile_replace(fx->dir, "d", ".d.new", "x", 1, NULL), E_IO);
	assert_false(exists(fx, ".d.new"));
	assert_true(exists(fx, "d"));

	/* The temporary name cannot be freed. */
	assert_int_equal(mkdirat(fx->dir, ".f.new", 0700), 0);
	assert_int_equal(safefile_replace(fx->dir, "f", ".f.new", "x", 1, NULL), E_IO);
	expect_content(fx, "f", "old");
}

static void
reader_next_to_a_replacer(void **state)
{
	const struct fixture *fx = *state;
	assert_int_equal(safefile_replace(fx->dir, "f", ".f.new", "0000", 4, NULL), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int r = 0;
		for (int i = 0; r == 0 && i < 300; i++)
			r = safefile_replace(
			    fx->dir, "f", ".f.new", i % 2 == 0 ? "1111" : "0000", 4, NULL);
		_exit(r == 0 ? 0 : 1);
	}
	const struct safefile_rule rule = rule_of(4);
	unsigned bad = 0;
	int status = -1;
	pid_t ended = 0;
	while (ended == 0) { /* never missing, never unsafe, never half */
		char buf[4];
		size_t len = 0;
		int r = safefile_slurp(fx->dir, "f", &rule, buf, sizeof(buf), &len, NULL, NULL);
		if (r != 0 || len != 4 ||
		    (memcmp(buf, "0000", 4) != 0 && memcmp(buf, "1111", 4) != 0))
			bad++;
		ended = waitpid(pid, &status, WNOHANG);
	}
	assert_int_equal(ended, pid);
	assert_int_equal(status, 0);
	assert_int_equal(bad, 0);
}

static void
a_file_that_was_unlinked_is_still_given(void **state)
{
	/* The moment between open and check, held still: no link is not a second link. */
	const struct fixture *fx = *state;
	const struct safefile_rule rule = rule_of(5);
	bool is_it = true;
	int fd = -1;
	put(fx, "f", "x", 0600);
	assert_int_equal(safefile_open(fx->dir, "f", O_RDWR, &rule, &fd, NULL, NULL), 0);
	assert_int_equal(safefile_is_at(fd, fx->dir, "f", &is_it, NULL), 0);
	assert_true(is_it);
	assert_int_equal(safefile_remove(fx->dir, "f", NULL), 0);
	assert_int_equal(safefile_is_at(fd, fx->dir, "f", &is_it, NULL), 0);
	assert_false(is_it);
	put(fx, "f", "x", 0600);
	assert_int_equal(safefile_is_at(fd, fx->dir, "f", &is_it, NULL), 0);
	assert_false(is_it); /* the name is another file's now */
	safefile_close(&fd);
	is_it = true;
	assert_int_equal(safefile_is_at(-1, fx->dir, "f", &is_it, NULL), E_IO);
	assert_false(is_it);
}

static void
remove_and_identify(void **state)
{
	const struct fixture *fx = *state;
	struct safefile_id id = {.inode = 1};
	const struct safefile_id zero = {0};
	assert_int_equal(safefile_remove(fx->dir, "f", NULL), E_NOENT);
	assert_int_equal(safefile_identify(fx->dir, "f", &id, NULL), E_NOENT);
	assert_memory_equal(&id, &zero, sizeof(id));
	put(fx, "f", "x", 0600);
	assert_int_equal(safefile_identify(fx->dir, "f", &id, NULL), 0);
	assert_int_equal(safefile_remove(fx->dir, "f", NULL), 0);
	assert_false(exists(fx, "f"));
	assert_int_equal(mkdirat(fx->dir, "d", 0700), 0);
	assert_int_equal(safefile_remove(fx->dir, "d", NULL), E_IO);
	assert_int_equal(safefile_identify(-1, "d", &id, NULL), E_IO);
}

static void
lock_keeps_others_out(void **state)
{
	const struct fixture *fx = *state;
	const struct safefile_rule rule = rule_of(5);
	int a = -1;
	int b = -1;
	put(fx, "f", "x", 0600);
	assert_int_equal(safefile_open(fx->dir, "f", O_RDWR, &rule, &a, NULL, NULL), 0);
	assert_int_equal(safefile_open(fx->dir, "f", O_RDWR, &rule, &b, NULL, NULL), 0);
	assert_int_equal(safefile_lock(a, NULL), 0);
	struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	assert_int_equal(fcntl(b, F_OFD_SETLK, &probe), -1); /* of the same process, too */
	assert_true(errno == EAGAIN || errno == EACCES);
	safefile_close(&a);
	assert_int_equal(safefile_lock(b, NULL), 0); /* given up with the descriptor */
	safefile_close(&b);
	assert_int_equal(safefile_lock(-1, NULL), E_IO);
}

/* A holder that is stopped for good delays nobody for ever; one that goes on is waited for. */
static void
a_lock_is_waited_for_but_not_without_end(void **state)
{
	const struct fixture *fx = *state;
	const struct safefile_rule rule = rule_of(5);
	const struct timespec moment = {.tv_nsec = 200000000};
	struct timespec begin;
	struct timespec end;
	struct diag d = {""};
	int b = -1;
	int ready[2];
	put(fx, "f", "x", 0600);
	assert_int_equal(safefile_open(fx->dir, "f", O_RDWR, &rule, &b, NULL, NULL), 0);
	for (int goes_on = 0; goes_on < 2; goes_on++) {
		assert_int_equal(pipe(ready), 0);
		pid_t holder = fork();
		assert_true(holder >= 0);
		if (holder == 0) {
			int a = -1;
			if (safefile_open(fx->dir, "f", O_RDWR, &rule, &a, NULL, NULL) != 0 ||
			    safefile_lock(a, NULL) != 0 || write(ready[1], "x", 1) != 1)
				_exit(1);
			if (goes_on == 0)
				raise(SIGSTOP);
			nanosleep(&moment, NULL);
			_exit(0);
		}
		close(ready[1]);
		char c = 0;
		assert_int_equal(read(ready[0], &c, 1), 1);
		close(ready[0]);
		clock_gettime(CLOCK_MONOTONIC, &begin);
		int r = safefile_lock(b, &d);
		clock_gettime(CLOCK_MONOTONIC, &end);
		int64_t ms = (end.tv_sec - begin.tv_sec) * 1000 +
		    (end.tv_nsec - begin.tv_nsec) / 1000000;
		kill(holder, SIGKILL);
		assert_int_equal(waitpid(holder, NULL, 0), holder);
		if (goes_on == 0) {
			assert_int_equal(r, E_IO);
			assert_non_null(strstr(d.text, "held it"));
			assert_in_range(ms, 5000, 60000);
		} else {
			assert_int_equal(r, 0);
			assert_in_range(ms, 100, 5000);
		}
	}
	safefile_close(&b);
}

static void
close_keeps_errno(void **state)
{
	(void)state;
	int fd = dup(0);
	errno = ENOSPC;
	safefile_close(&fd);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fd, -1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(directory_by_absolute_path),
	    CASE(directory_paths_that_are_refused),
	    CASE(directory_links_are_not_followed),
	    CASE(directory_that_is_none),
	    CASE(directory_that_others_can_write),
	    CASE(directory_sticky),
	    CASE(directory_of_another),
	    CASE(directory_that_cannot_be_searched_is_not_missing),
	    CASE(folder_beneath_a_directory),
	    CASE(file_is_read),
	    CASE(file_that_is_missing),
	    CASE(file_names_and_access_that_are_refused),
	    CASE(file_that_is_a_link),
	    CASE(file_of_another_type),
	    CASE(file_that_is_a_device),
	    CASE(file_of_another),
	    CASE(file_that_lets_others_in),
	    CASE(directory_with_an_acl),
	    CASE(file_with_an_acl),
	    CASE(file_that_is_too_long),
	    CASE(file_that_cannot_be_opened_is_not_missing),
	    CASE(open_or_create),
	    CASE(replace_makes_and_replaces),
	    CASE(replace_takes_the_place_of_a_link),
	    CASE(replace_is_not_stopped_by_a_leftover),
	    CASE(replace_that_fails_leaves_the_old),
	    CASE(reader_next_to_a_replacer),
	    CASE(a_file_that_was_unlinked_is_still_given),
	    CASE(remove_and_identify),
	    CASE(lock_keeps_others_out),
	    CASE(a_lock_is_waited_for_but_not_without_end),
	    CASE(close_keeps_errno),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
