/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* A set-uid program inherits everything from a caller who may be hostile: descriptors,
 * environment, signals, timers, limits, directory, umask, groups. This file takes each of
 * them back before anything else happens:
 *
 *  1. Descriptors 0, 1, 2 are open; no other is (a write of ours can land nowhere else).
 *  2. Nothing of this process can be read: not dumpable, no core file, no ptrace.
 *  3. The environment is empty but for PATH.
 *  4. Files are made 0600 by root:root; the working directory is "/".
 *  5. No signal is ignored, caught or blocked because the caller chose it; no timer of his
 *     runs.
 *  6. A write is refused with an error, never by a signal, and not for a limit he set:
 *     limits are lifted, or nothing is begun.
 *  7. The caller cannot signal the process while it holds a lock, by its uid or by the
 *     terminal.
 *
 * Each step is checked; the first that is refused ends the program.
 */
#include "utils/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define SAFE_PATH "/usr/sbin:/usr/bin:/sbin:/bin"

/* The limits that may hinder root's own work: what is set, and what must be left where a
 * container keeps even root from raising them. With less a failure could be told (by its
 * time) that cannot be counted any more, so nothing is begun. */
static const struct {
	__rlimit_resource_t which; /* what getrlimit(2) takes in glibc */
	rlim_t wanted;
	rlim_t needed;
} limits[] = {
	{RLIMIT_FSIZE, RLIM_INFINITY, 1 << 20},
	{RLIMIT_CPU, RLIM_INFINITY, 60},
	{RLIMIT_AS, RLIM_INFINITY, 128 << 20},
	{RLIMIT_DATA, RLIM_INFINITY, 32 << 20},
	{RLIMIT_STACK, 8 << 20, 1 << 20},
	{RLIMIT_NOFILE, 256, 32},
};

static bool
fix_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* open(2) gives the lowest free number, which is this one. */
		if (errno != EBADF || open("/dev/null", O_RDWR | O_NOCTTY) != fd)
			return false;
	}
	closefrom(STDERR_FILENO + 1);
	return true;
}

static bool
hide(void)
{
	const struct rlimit none = {0, 0};

	return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* Writes report errors themselves (6), and the keys of the caller's terminal reach a process
 * of root as well: ^Z would stop it with the lock in its hand (7). Its end is that of its
 * input, and no wait is without one. */
static bool
is_ignored(int signal)
{
	static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGTTIN,
	    SIGTTOU};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (ignored[i] == signal)
			return true;
	return false;
}

static bool
reset_signals(void)
{
	struct sigaction act = {.sa_handler = SIG_DFL};
	const struct itimerval off = {{0, 0}, {0, 0}};
	sigset_t none;

	for (int i = 1; i < NSIG; i++) {
		act.sa_handler = is_ignored(i) ? SIG_IGN : SIG_DFL;
		/* EINVAL: KILL, STOP and the two that libc keeps to itself. */
		if (sigaction(i, &act, NULL) != 0 && errno != EINVAL)
			return false;
	}
	if (setitimer(ITIMER_REAL, &off, NULL) != 0 ||
	    setitimer(ITIMER_VIRTUAL, &off, NULL) != 0 || setitimer(ITIMER_PROF, &off, NULL) != 0)
		return false;
	return sigemptyset(&none) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool
raise_limits(void)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit l = {0, 0};

		if (getrlimit(limits[i].which, &l) != 0)
			return false;
		/* RLIM_INFINITY is the largest value of its type. */
		if (l.rlim_cur >= limits[i].wanted)
			continue;
		struct rlimit more = {limits[i].wanted, l.rlim_max};
		if (more.rlim_max < more.rlim_cur)
			more.rlim_max = more.rlim_cur;
		if (setrlimit(limits[i].which, &more) == 0)
			continue;
		l.rlim_cur = l.rlim_max;
		if (l.rlim_cur < limits[i].needed || setrlimit(limits[i].which, &l) != 0)
			return false;
	}
	return true;
}

bool
guard_enter_pam(uid_t caller)
{
	/* A change of ids may make a process dumpable again: see prctl(2). */
	return setresuid(caller, 0, 0) == 0 && hide();
}

bool
guard_leave_pam(void)
{
	return setresuid(0, 0, 0) == 0 && hide();
}

const char *
guard_process(uid_t *caller)
{
	*caller = getuid();
	if (!fix_descriptors())
		return "cannot open /dev/null"; /* 1 */
	if (geteuid() != 0)
		return "is not installed set-uid root, or may not gain privileges here";
	if (!hide())
		return "cannot forbid core dumps"; /* 2 */
	if (clearenv() != 0 || setenv("PATH", SAFE_PATH, 1) != 0)
		return "cannot clear the environment"; /* 3 */
	umask(077);
	if (chdir("/") != 0)
		return "cannot change to /"; /* 4 */
	if (!reset_signals())
		return "cannot reset the signals"; /* 5, 6 */
	if (!raise_limits())
		return "the resource limits (ulimit) are too small"; /* 6 */
	if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0)
		return "cannot change to root's group"; /* 4 */
	if (!guard_leave_pam())
		return "cannot become root"; /* 7 */
	return NULL;
}
