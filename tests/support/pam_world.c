/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The world of a login under test: the clock, the accounts and the system log. The functions
 * of the C library that the module and libpam use for these are defined here, in the test
 * program, whose names come first when the shared objects are bound; so the module is
 * the file that ships, byte for byte, and nothing of the host is read or written. The
 * program must be linked so that it exports them (-export-dynamic).
 *
 *  1. Only CLOCK_REALTIME is set, and time(2) and gettimeofday(2), which other modules read;
 *     the other clocks are the machine's.
 *  2. The log may be written by several threads at once. */

#include "pam_world.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define INTERPOSED __attribute__((visibility("default")))

/* <syslog.h> makes these inline where it checks formats; they are only bound by name. */
INTERPOSED void syslog(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
INTERPOSED void vsyslog(int priority, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));
INTERPOSED void __syslog_chk(int priority, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
INTERPOSED void __vsyslog_chk(int priority, int flag, const char *format, va_list ap)
    __attribute__((format(printf, 3, 0)));

static struct {
	_Atomic uint64_t now_s;
	size_t account_count;
	struct {
		const char *asked;
		const char *name;
		uid_t uid;
	} account[WORLD_ACCOUNTS_MAX];
	size_t group_count;
	struct {
		const char *name;
		gid_t gid;
		const char *member;
	} group[WORLD_GROUPS_MAX];
	pthread_mutex_t log_lock;
	size_t line_count;
	struct world_line line[WORLD_LINES_MAX];
} world = { .log_lock = PTHREAD_MUTEX_INITIALIZER };

void
world_reset(uint64_t now_s)
{
	world.now_s = now_s;
	world.account_count = 0;
	world.group_count = 0;
	world_log_clear();
}

void
world_set_clock(uint64_t now_s)
{
	world.now_s = now_s;
}

uint64_t
world_clock(void)
{
	return world.now_s;
}

void
world_add_account(const char *asked, const char *name, uint32_t uid)
{
	size_t i = world.account_count;

	if (i == WORLD_ACCOUNTS_MAX)
		return;
	world.account[i].asked = asked;
	world.account[i].name = name;
	world.account[i].uid = uid;
	world.account_count++;
}

void
world_add_group(const char *name, uint32_t gid, const char *member)
{
	size_t i = world.group_count;

	if (i == WORLD_GROUPS_MAX)
		return;
	world.group[i].name = name;
	world.group[i].gid = gid;
	world.group[i].member = member;
	world.group_count++;
}

size_t
world_log_count(void)
{
	return world.line_count;
}

const struct world_line *
world_log_line(size_t i)
{
	return i < WORLD_LINES_MAX ? &world.line[i] : NULL;
}

void
world_log_clear(void)
{
	world.line_count = 0;
}

INTERPOSED void
vsyslog(int priority, const char *format, va_list ap)
{
	int error = errno; /* for %m */

	pthread_mutex_lock(&world.log_lock);
	if (world.line_count < WORLD_LINES_MAX) {
		struct world_line *line = &world.line[world.line_count];
		line->priority = priority;
		errno = error;
		(void)vsnprintf(line->text, sizeof(line->text), format, ap);
	}
	world.line_count++;
	pthread_mutex_unlock(&world.log_lock);
	errno = error;
}

INTERPOSED void
__vsyslog_chk(int priority, int flag, const char *format, va_list ap)
{
	(void)flag;
	vsyslog(priority, format, ap);
}

INTERPOSED void
syslog(int priority, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsyslog(priority, format, ap);
	va_end(ap);
}

INTERPOSED void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	vsyslog(priority, format, ap);
	va_end(ap);
}

INTERPOSED int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	*ts = (struct timespec){ .tv_sec = (time_t)world.now_s };
	return 0;
}

INTERPOSED time_t
time(time_t *now)
{
	if (now != NULL)
		*now = (time_t)world.now_s;
	return (time_t)world.now_s;
}

INTERPOSED int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	*tv = (struct timeval) { .tv_sec = (time_t)world.now_s };
	return 0;
}

/* The strings of an account go into the caller's buffer, as getpwnam_r(3) has it. */
static int
fill_account(size_t i, struct passwd *pw, char *buffer, size_t cap, struct passwd **result)
{
	size_t len = strlen(world.account[i].name) + 1;

	if (len + 1 > cap)
		return ERANGE;
	memcpy(buffer, world.account[i].name, len);
	buffer[len] = '\0';
	*pw = (struct passwd){
		.pw_name = buffer,
		.pw_passwd = buffer + len,
		.pw_uid = world.account[i].uid,
		.pw_gid = world.account[i].uid,
		.pw_gecos = buffer + len,
		.pw_dir = buffer + len,
		.pw_shell = buffer + len,
	};
	*result = pw;
	return 0;
}

INTERPOSED int
getpwnam_r(const char *restrict name, struct passwd *restrict pw, char *restrict buffer,
    size_t cap, struct passwd **restrict result)
{
	*result = NULL;
	for (size_t i = 0; i < world.account_count; i++)
		if (strcmp(name, world.account[i].asked) == 0)
			return fill_account(i, pw, buffer, cap, result);
	return 0;
}

INTERPOSED int
getpwuid_r(uid_t uid, struct passwd *restrict pw, char *restrict buffer, size_t cap,
    struct passwd **restrict result)
{
	*result = NULL;
	for (size_t i = 0; i < world.account_count; i++)
		if (world.account[i].uid == uid)
			return fill_account(i, pw, buffer, cap, result);
	return 0;
}

/* Its list of members stands behind its name. */
static int
fill_group(size_t i, struct group *gr, char *buffer, size_t cap, struct group **result)
{
	size_t name_len = strlen(world.group[i].name) + 1;
	size_t member_len = strlen(world.group[i].member) + 1;
	char *list[2] = { NULL, NULL };

	if (sizeof(list) + name_len + member_len > cap)
		return ERANGE;
	char *name = buffer + sizeof(list);
	char *member = name + name_len;
	memcpy(name, world.group[i].name, name_len);
	memcpy(member, world.group[i].member, member_len);
	if (member_len > 1)
		list[0] = member;
	memcpy(buffer, list, sizeof(list));
	*gr = (struct group){ .gr_name = name, .gr_passwd = member + member_len - 1,
		.gr_gid = world.group[i].gid, .gr_mem = (char **)(void *)buffer };
	*result = gr;
	return 0;
}

INTERPOSED int
getgrnam_r(const char *restrict name, struct group *restrict gr, char *restrict buffer,
    size_t cap, struct group **restrict result)
{
	*result = NULL;
	for (size_t i = 0; i < world.group_count; i++)
		if (strcmp(name, world.group[i].name) == 0)
			return fill_group(i, gr, buffer, cap, result);
	return 0;
}

/* The primary one, and those that list the user. */
INTERPOSED int
getgrouplist(const char *user, gid_t primary, gid_t *list, int *count)
{
	int cap = *count, n = 0;

	if (n++ < cap)
		list[0] = primary;
	for (size_t i = 0; i < world.group_count; i++)
		if (strcmp(user, world.group[i].member) == 0 && n++ < cap)
			list[n - 1] = world.group[i].gid;
	*count = n;
	return n <= cap ? n : -1;
}
