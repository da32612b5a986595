/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* With safefile_write.c the only code that opens files of the store and of the settings,
 * mostly as root. Obligations of both; the code refers to them by number:
 *
 *  1. No work below what somebody else can change: a directory is reached from "/" one
 *     component at a time, each checked on its own descriptor before the next is looked up
 *     in it (DESIGN promise 9; CVE-2024-47191, CVE-2025-6020).
 *  2. Every open is relative to such a descriptor, with O_CLOEXEC|O_NOFOLLOW|O_NOCTTY|
 *     O_NONBLOCK, and O_DIRECTORY where a directory is meant: no link is followed, no FIFO
 *     hangs the host, nothing leaks into a child (CVE-2024-22365).
 *  3. What is checked is the descriptor that is used: type, links, owner, bits, size. The
 *     mask of a POSIX ACL, the most that it grants to anybody, shows as the group bits of
 *     st_mode (acl(5)), so refusing those bits refuses the ACL.
 *  4. Only ENOENT is E_NOENT. Every other refusal has a code that cannot be taken for
 *     "there is none" (DESIGN promise 1).
 *  5. Reading never creates. Nothing that was there is repaired, truncated or removed on the
 *     way of a failure (DESIGN promise 6; STYLE rules 7, 8).
 *  6. A file is replaced whole or not at all: O_EXCL, write, fsync, close, rename, fsync of
 *     the directory, each checked.
 *  7. What was read of a file is wiped when the reading fails (DESIGN promise 7). */

#include "safefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"

#define FLAGS_ALWAYS (O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)
#define FLAGS_LAST   (O_RDONLY | O_DIRECTORY | FLAGS_ALWAYS)
/* On the way a directory is only passed through, so that search permission is enough. */
#define FLAGS_ON_THE_WAY (O_PATH | O_DIRECTORY | FLAGS_ALWAYS)

#define BITS_ALL          ((mode_t)07777)
#define BITS_OTHERS_WRITE ((mode_t)0022)

/* A part of a path, for messages. */
struct named {
	const char *path;
	size_t len;
};

/* Cut the next component off *p into name. Returns 1, 0 at the end, or E_INVALID for "." and
 * ".." and what cannot be a file name. */
static int
next_component(const char **p, char name[NAME_MAX + 1])
{
	*p += strspn(*p, "/");
	size_t len = strcspn(*p, "/");
	if (len == 0)
		return 0;
	if (len > NAME_MAX)
		return E_INVALID;
	memcpy(name, *p, len);
	name[len] = '\0';
	*p += len;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return E_INVALID;
	return 1;
}

/* Absolute, no "." or "..", of a length that messages can take. */
static int
check_path(const char *path, struct diag *d)
{
	if (path == NULL || path[0] != '/')
		return diag_set(
		    d, E_INVALID, "%s: expected an absolute path", path == NULL ? "(none)" : path);
	if (strlen(path) >= PATH_MAX)
		return diag_set(d, E_INVALID, "the path is longer than %d bytes", PATH_MAX - 1);

	char name[NAME_MAX + 1];
	const char *p = path;
	int r = 1;
	while (r == 1)
		r = next_component(&p, name);
	if (r != 0)
		return diag_set(
		    d, E_INVALID, "%s: \".\", \"..\" or too long a name in the path", path);
	return 0;
}

/* Obligations 1 and 3 for an open directory. */
static int
check_directory(int fd, struct named n, uid_t owner, mode_t forbidden, bool is_last, struct diag *d)
{
	int len = (int)n.len; /* below PATH_MAX: check_path, NAME_MAX */
	struct stat sb;
	if (fstat(fd, &sb) != 0)
		return diag_set(d, E_IO, "%.*s: fstat: %m", len, n.path);
	if (!S_ISDIR(sb.st_mode))
		return diag_set(d, E_UNSAFE, "%.*s: not a directory", len, n.path);
	if (sb.st_uid != 0 && sb.st_uid != owner)
		return diag_set(d, E_UNSAFE, "%.*s: owned by uid %lu, expected root%s", len, n.path,
		    (unsigned long)sb.st_uid, owner == 0 ? "" : " or the effective user");

	/* In a sticky directory of root's others can make names but not take away or move
	 * ours; that the next component is ours is checked on the next round. */
	if (!is_last && sb.st_uid == 0 && (sb.st_mode & S_ISVTX) != 0)
		return 0;
	mode_t refused = BITS_OTHERS_WRITE | (is_last ? forbidden : 0);
	if ((sb.st_mode & refused) != 0)
		return diag_set(d, E_UNSAFE, "%.*s: mode %04o lets others in (refused bits: %04o)",
		    len, n.path, (unsigned)(sb.st_mode & BITS_ALL), (unsigned)refused);
	return 0;
}

/* Obligation 4 for a directory. */
static int
open_directory(int dir, const char *name, int flags, struct named n, int *fd, struct diag *d)
{
	int len = (int)n.len; /* as in check_directory */
	*fd = openat(dir, name, flags);
	if (*fd >= 0)
		return 0;
	switch (errno) {
	case ENOENT:
		return diag_set(d, E_NOENT, "%.*s: does not exist", len, n.path);
	case ELOOP:
	case ENOTDIR:
		return diag_set(d, E_UNSAFE,
		    "%.*s: not a directory (a symbolic link is not followed)", len, n.path);
	default:
		return diag_set(d, E_IO, "%.*s: open: %m", len, n.path);
	}
}

int
safefile_open_dir(const char *path, uid_t owner, mode_t forbidden, int *fd, struct diag *d)
{
	*fd = -1;
	int r = check_path(path, d);
	if (r != 0)
		return r;

	const char *p = path;
	bool is_last = p[strspn(p, "/")] == '\0';
	struct named n = {.path = path, .len = 1};
	int at = -1;
	r = open_directory(AT_FDCWD, "/", is_last ? FLAGS_LAST : FLAGS_ON_THE_WAY, n, &at, d);
	if (r == 0)
		r = check_directory(at, n, owner, forbidden, is_last, d);

	char name[NAME_MAX + 1] = "";
	while (r == 0 && !is_last && next_component(&p, name) == 1) {
		int next = -1;
		n.len = (size_t)(p - path);
		is_last = p[strspn(p, "/")] == '\0';
		r = open_directory(at, name, is_last ? FLAGS_LAST : FLAGS_ON_THE_WAY, n, &next, d);
		if (r == 0)
			r = check_directory(next, n, owner, forbidden, is_last, d);
		safefile_close(&at);
		at = next;
	}
	if (r != 0) {
		safefile_close(&at);
		return r;
	}
	*fd = at;
	return 0;
}

int
safefile_open_folder(
    int dir, const char *name, uid_t owner, mode_t forbidden, int *fd, struct diag *d)
{
	char component[NAME_MAX + 1];
	const char *p = name;
	*fd = -1;
	if (name[0] == '/' || next_component(&p, component) != 1 || *p != '\0')
		return diag_set(d, E_INVALID, "%s: expected one name", name);

	struct named n = {.path = name, .len = strlen(name)};
	int at = -1;
	int r = open_directory(dir, name, FLAGS_LAST, n, &at, d);
	if (r == 0)
		r = check_directory(at, n, owner, forbidden, true, d);
	if (r != 0) {
		safefile_close(&at);
		return r;
	}
	*fd = at;
	return 0;
}

static void
set_id(struct safefile_id *id, const struct stat *sb)
{
	/* Compared for equality only, so the sign of a time does not matter. */
	id->device = sb->st_dev;
	id->inode = sb->st_ino;
	id->size = (uint64_t)sb->st_size;
	id->changed_s = (uint64_t)sb->st_ctim.tv_sec;
	id->changed_ns = (uint64_t)sb->st_ctim.tv_nsec;
}

/* The two texts that name a file in a message: "secrets" "/" or "" "". */
static const char *
folder_of(const struct safefile_rule *rule)
{
	return rule->where == NULL ? "" : rule->where;
}

static const char *
slash_of(const struct safefile_rule *rule)
{
	return rule->where == NULL ? "" : "/";
}

/* Obligation 3 for an open file. A link count of zero is a file that was replaced between the
 * open and this check: its content is whole, and nobody else has a name for it. */
static int
check_file(int fd, const char *name, const struct safefile_rule *rule, struct safefile_id *id,
    struct diag *d)
{
	const char *where = folder_of(rule);
	const char *slash = slash_of(rule);
	struct stat sb;
	if (fstat(fd, &sb) != 0)
		return diag_set(d, E_IO, "%s%s%s: fstat: %m", where, slash, name);
	if (!S_ISREG(sb.st_mode))
		return diag_set(d, E_UNSAFE, "%s%s%s: not a regular file", where, slash, name);
	if (sb.st_nlink > 1)
		return diag_set(d, E_UNSAFE, "%s%s%s: has %lu names (hard links), expected one",
		    where, slash, name, (unsigned long)sb.st_nlink);
	if (sb.st_uid != 0 && sb.st_uid != rule->owner)
		return diag_set(d, E_UNSAFE, "%s%s%s: owned by uid %lu, expected root%s", where,
		    slash, name, (unsigned long)sb.st_uid,
		    rule->owner == 0 ? "" : " or the effective user");
	if ((sb.st_mode & rule->forbidden) != 0)
		return diag_set(d, E_UNSAFE,
		    "%s%s%s: mode %04o lets others in (refused bits: %04o)", where, slash, name,
		    (unsigned)(sb.st_mode & BITS_ALL), (unsigned)rule->forbidden);
	if (sb.st_size < 0 || (uintmax_t)sb.st_size > rule->max_len)
		return diag_set(d, E_UNSAFE, "%s%s%s: longer than %zu bytes", where, slash, name,
		    rule->max_len);
	if (id != NULL)
		set_id(id, &sb);
	return 0;
}

int
safefile_open(int dir, const char *name, int access, const struct safefile_rule *rule, int *fd,
    struct safefile_id *id, struct diag *d)
{
	*fd = -1;
	if (strchr(name, '/') != NULL || (access != O_RDONLY && access != O_RDWR))
		return diag_set(d, E_INVALID, "%s: expected one name, to read or to write", name);

	int at = openat(dir, name, access | FLAGS_ALWAYS);
	if (at < 0) {
		switch (errno) {
		case ENOENT:
			return diag_set(d, E_NOENT, "%s%s%s: does not exist", folder_of(rule),
			    slash_of(rule), name);
		case ELOOP:
			return diag_set(d, E_UNSAFE, "%s%s%s: a symbolic link, not followed",
			    folder_of(rule), slash_of(rule), name);
		case EISDIR:
		case ENXIO: /* a socket, or a device without a driver */
		case ENODEV:
			return diag_set(d, E_UNSAFE, "%s%s%s: not a regular file", folder_of(rule),
			    slash_of(rule), name);
		default:
			return diag_set(
			    d, E_IO, "%s%s%s: open: %m", folder_of(rule), slash_of(rule), name);
		}
	}

	int r = check_file(at, name, rule, id, d);
	if (r != 0) {
		safefile_close(&at);
		return r;
	}
	*fd = at;
	return 0;
}

int
safefile_identify(int dir, const char *name, struct safefile_id *id, struct diag *d)
{
	struct stat sb;
	memset(id, 0, sizeof(*id));
	if (fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? diag_set(d, E_NOENT, "%s: does not exist", name)
				       : diag_set(d, E_IO, "%s: stat: %m", name);
	set_id(id, &sb);
	return 0;
}

int
safefile_is_at(int fd, int dir, const char *name, bool *is_it, struct diag *d)
{
	struct stat sb;
	struct safefile_id there;
	*is_it = false;
	if (fstat(fd, &sb) != 0)
		return diag_set(d, E_IO, "%s: fstat: %m", name);
	int r = safefile_identify(dir, name, &there, d);
	if (r == E_NOENT)
		return 0;
	if (r != 0)
		return r;
	*is_it = there.device == sb.st_dev && there.inode == sb.st_ino;
	return 0;
}

/* pread(2) until count bytes, the end or an error; -1 then. */
static ssize_t
read_at(int fd, char *buf, size_t count, size_t offset)
{
	size_t done = 0;
	while (done < count) {
		ssize_t n = pread(fd, buf + done, count - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int
safefile_read(int fd, void *buf, size_t cap, size_t *len, struct diag *d)
{
	char beyond = '\0';
	int r = 0;
	*len = 0;
	ssize_t got = read_at(fd, buf, cap, 0);
	ssize_t more = got == (ssize_t)cap ? read_at(fd, &beyond, 1, cap) : 0;
	if (got < 0 || more < 0)
		r = diag_set(d, E_IO, "read: %m");
	else if (more > 0)
		r = diag_set(d, E_UNSAFE, "a file is longer than %zu bytes", cap);
	else
		*len = (size_t)got;
	bytes_wipe(&beyond, sizeof(beyond));
	if (r != 0)
		bytes_wipe(buf, cap); /* obligation 7 */
	return r;
}

int
safefile_slurp(int dir, const char *name, const struct safefile_rule *rule, void *buf, size_t cap,
    size_t *len, struct safefile_id *id, struct diag *d)
{
	int fd = -1;
	*len = 0;
	int r = safefile_open(dir, name, O_RDONLY, rule, &fd, id, d);
	if (r != 0)
		return r;
	r = safefile_read(fd, buf, cap, len, d);
	safefile_close(&fd);
	return r;
}

void
safefile_close(int *fd)
{
	if (*fd < 0)
		return;
	int saved = errno;
	(void)close(*fd); /* a writer that must know calls close(2) or fsync(2) itself */
	errno = saved;
	*fd = -1;
}
