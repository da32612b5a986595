/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* A program of the administrator's choice, told of a change. It runs on behalf of a set-uid
 * program, started by somebody who may be hostile:
 *
 *  1. No shell: the words become arguments, whatever bytes they hold.
 *  2. It is nobody: uid, gid and groups are changed for good before it is started, and when
 *     that is refused nothing is started.
 *  3. It inherits nothing of the caller: no environment but PATH and LANG, no descriptor but
 *     /dev/null three times, no terminal, no signal setting, "/" as its directory.
 *  4. It delays nobody by more than NOTIFY_WAIT_S, and what it does changes nothing.
 */
#include "utils/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOTIFY_USER "nobody"
#define NOTIFY_ID_FALLBACK 65534 /* nobody's on every Linux */
#define POLL_NS 20000000L

/* Obligation 2. */
static bool
become(uid_t uid, gid_t gid)
{
	uid_t ruid = 0;
	uid_t euid = 0;
	uid_t suid = 0;

	return uid != 0 && gid != 0 && setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	    setresuid(uid, uid, uid) == 0 && getresuid(&ruid, &euid, &suid) == 0 && ruid == uid &&
	    euid == uid && suid == uid;
}

/* Obligation 3, but for the signals. */
static bool
leave_caller(void)
{
	int fd = open("/dev/null", O_RDWR | O_NOCTTY);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO) < 0)
		return false;
	closefrom(STDERR_FILENO + 1);
	umask(022);
	/* With these the caller could keep nobody from starting, or starve it. Where a container
	 * refuses it to root as well, it is tried as it is. */
	const struct rlimit many = {RLIM_INFINITY, RLIM_INFINITY};
	setrlimit(RLIMIT_NPROC, &many);
	setpriority(PRIO_PROCESS, 0, 0);
	return setsid() >= 0 && chdir("/") == 0;
}

/* Never comes back. The memory of the caller, which may hold secrets, goes with execve(2). */
static void
child(const char *path, char **argv, uid_t uid, gid_t gid)
{
	static char search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char language[] = "LANG=C";
	char *const env[] = {search, language, NULL};
	const struct sigaction usual = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &usual, NULL); /* refused for those that nobody can change */
	sigemptyset(&none);
	if (leave_caller() && become(uid, gid) && sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		execve(path, argv, env);
	_exit(127);
}

/* Obligation 4. */
static bool
wait_for(pid_t pid, int *status)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};

	for (long left = NOTIFY_WAIT_S * (1000000000L / POLL_NS); left > 0; left--) {
		pid_t r = waitpid(pid, status, WNOHANG);

		if (r == pid)
			return true;
		if (r < 0 && errno != EINTR)
			return false;
		nanosleep(&pause, NULL);
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, status, 0);
	return false;
}

bool
notify_run(const char *path, const char *const *words, char why[NOTIFY_WHY_CAP])
{
	char copy[NOTIFY_WORDS_MAX + 1][NOTIFY_WHY_CAP];
	char *argv[NOTIFY_WORDS_MAX + 2] = {NULL};
	uid_t uid = NOTIFY_ID_FALLBACK;
	gid_t gid = NOTIFY_ID_FALLBACK;
	int status = 0;

	/* execve(2) wants writable words. */
	for (unsigned i = 0; i <= NOTIFY_WORDS_MAX; i++) {
		const char *word = i == 0 ? path : words[i - 1];

		if (word == NULL)
			break;
		size_t len = strnlen(word, sizeof(copy[i]) - 1);
		memcpy(copy[i], word, len);
		copy[i][len] = '\0';
		argv[i] = copy[i];
	}
	const struct passwd *nobody = getpwnam(NOTIFY_USER);
	if (nobody != NULL) {
		uid = nobody->pw_uid;
		gid = nobody->pw_gid;
	}
	pid_t pid = fork();
	if (pid == 0)
		child(path, argv, uid, gid);
	if (pid < 0) {
		snprintf(why, NOTIFY_WHY_CAP, "notify: %s", strerror(errno));
		return false;
	}
	if (!wait_for(pid, &status)) {
		snprintf(why, NOTIFY_WHY_CAP, "notify: %s took more than %d s and was ended", path,
		    NOTIFY_WAIT_S);
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	snprintf(why, NOTIFY_WHY_CAP, "notify: %s ended with %s %d", path,
	    WIFEXITED(status) ? "status" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return false;
}
