/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The writing half of safefile: makes, fills, replaces and removes files beneath a checked
 * directory. The numbered obligations are at the head of safefile.c; here it is above all
 * 5 (nothing that was there is harmed by a failure) and 6 (replaced whole or not at all).
 * Every name here is one component beneath a directory that safefile_open_dir or
 * safefile_open_folder checked, so that nobody but root or the store's owner can put
 * something in the way; a plain name that is taken is therefore an error, never a guess. */

#include "safefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat(2) */
#include <string.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <time.h> /* nanosleep(2) */
#include <unistd.h>

#define FLAGS_ALWAYS      (O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)
#define LOCK_STEP_NS      50000L /* a lock is held for about one fdatasync */
#define LOCK_STEPS        10
#define CREATE_ROUNDS_MAX 8 /* losing this often to others who make and remove is no accident */

int
safefile_make_folder(int dir, const char *name, struct diag *d)
{
	if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST)
		return diag_set(d, E_IO, "%s: mkdir: %m", name);
	if (fsync(dir) != 0)
		return diag_set(d, E_IO, "%s: fsync of its directory: %m", name);
	return 0;
}

/* Make a new empty file, ours and 0600 whatever the host's umask says. E_EXISTS: the name is
 * taken, nothing was touched. E_IO. *fd: the caller closes it; -1 on error. */
static int
create_file(int dir, const char *name, int *fd, struct diag *d)
{
	*fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | FLAGS_ALWAYS, 0600);
	if (*fd < 0 && errno == EEXIST)
		return diag_set(d, E_EXISTS, "%s: exists already", name);
	if (*fd < 0)
		return diag_set(d, E_IO, "%s: create: %m", name);
	if (fchmod(*fd, 0600) != 0) {
		int r = diag_set(d, E_IO, "%s: fchmod: %m", name);
		safefile_close(fd);
		(void)unlinkat(dir, name, 0); /* made right here, and empty */
		return r;
	}
	return 0;
}

int
safefile_open_or_create(int dir, const char *name, const struct safefile_rule *rule, int *fd,
    bool *created, struct diag *d)
{
	bool is_new = false;
	if (created != NULL)
		*created = false;

	/* What was made is opened like what was there: one way in, all checks. */
	int r = safefile_open(dir, name, O_RDWR, rule, fd, NULL, d);
	for (int round = 0; r == E_NOENT && round < CREATE_ROUNDS_MAX; round++) {
		int made = -1;
		r = create_file(dir, name, &made, d);
		safefile_close(&made);
		if (r != 0 && r != E_EXISTS)
			return r;
		is_new = r == 0;
		r = safefile_open(dir, name, O_RDWR, rule, fd, NULL, d);
	}
	if (r == E_NOENT)
		return diag_set(d, E_IO, "%s: made and removed by others all the time", name);
	if (r == 0 && created != NULL)
		*created = is_new;
	return r;
}

int
safefile_write_at(int fd, const void *buf, size_t len, uint64_t offset, struct diag *d)
{
	const char *from = buf;
	size_t done = 0;
	struct rlimit limit;
	if (offset > INT64_MAX - len)
		return diag_set(d, E_INVALID, "write: the offset is out of range");
	/* su and sudo keep the limits of whoever called them: one in the middle of the file would
	 * tear a slot, or end the host by SIGXFSZ. Nothing is begun that it would cut short. */
	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < offset + len)
		return diag_set(d, E_IO, "write: the limit of file sizes (ulimit -f) is too small");
	while (done < len) {
		ssize_t n = pwrite(fd, from + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO; /* not for a regular file, but never a loop without end */
		if (n <= 0)
			return diag_set(d, E_IO, "write: %m");
		done += (size_t)n;
	}
	return 0;
}

/* Fill the open temporary file, make it durable and close it. */
static int
fill_and_close(int *fd, const char *temp, const void *buf, size_t len, struct diag *d)
{
	int r = safefile_write_at(*fd, buf, len, 0, d);
	if (r == 0 && fsync(*fd) != 0)
		r = diag_set(d, E_IO, "%s: fsync: %m", temp);
	if (close(*fd) != 0 && r == 0)
		r = diag_set(d, E_IO, "%s: close: %m", temp);
	*fd = -1;
	return r;
}

int
safefile_replace(
    int dir, const char *name, const char *temp, const void *buf, size_t len, struct diag *d)
{
	if (strchr(name, '/') != NULL || strchr(temp, '/') != NULL)
		return diag_set(d, E_INVALID, "%s: expected one name", name);
	if (unlinkat(dir, temp, 0) != 0 && errno != ENOENT)
		return diag_set(d, E_IO, "%s: unlink: %m", temp);

	int fd = -1;
	int r = create_file(dir, temp, &fd, d);
	if (r != 0) /* also when somebody made temp just now: it is not ours to unlink */
		return r == E_EXISTS ? E_IO : r;

	/* Obligation 6. */
	r = fill_and_close(&fd, temp, buf, len, d);
	if (r == 0 && renameat(dir, temp, dir, name) != 0)
		r = diag_set(d, E_IO, "%s: rename: %m", name);
	if (r != 0) {
		/* Obligation 5: only what was made here. When even this fails the next
		 * replacement does it; until then it is a 0600 file of ours. */
		(void)unlinkat(dir, temp, 0);
		return r;
	}
	if (fsync(dir) != 0)
		return diag_set(d, E_IO, "%s: fsync of its directory: %m", name);
	return 0;
}

int
safefile_remove(int dir, const char *name, struct diag *d)
{
	if (strchr(name, '/') != NULL)
		return diag_set(d, E_INVALID, "%s: expected one name", name);
	if (unlinkat(dir, name, 0) != 0)
		return errno == ENOENT ? diag_set(d, E_NOENT, "%s: does not exist", name)
				       : diag_set(d, E_IO, "%s: unlink: %m", name);
	if (fsync(dir) != 0)
		return diag_set(d, E_IO, "%s: fsync of its directory: %m", name);
	return 0;
}

int
safefile_lock(int fd, struct diag *d)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int64_t waited_ns = 0;

	for (unsigned attempt = 0; fcntl(fd, F_OFD_SETLK, &lock) != 0; attempt++) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EACCES)
			return diag_set(d, E_IO, "lock: %m");
		if (waited_ns >= SAFEFILE_LOCK_WAIT_NS)
			return diag_set(d, E_IO, "lock: another process has held it for 5 seconds");
		/* What is waited is added up: no clock, which a test or an administrator may set.
		 * The steps differ, so that two who began together do not meet again and again. */
		const struct timespec step = {
		    .tv_nsec = LOCK_STEP_NS * (1 + (long)(attempt % LOCK_STEPS))};
		(void)nanosleep(&step, NULL);
		waited_ns += step.tv_nsec;
	}
	return 0;
}
