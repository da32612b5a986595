/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* How the doctor looks at the host: files, modules, other programs. It promises:
 *  1. A program is run by absolute path, with fixed arguments, without a shell, with an
 *     environment of ours, no input, a bound on its time and on what it prints.
 *  2. A module is loaded in a process of its own, which ends afterwards whatever it does. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/safefile.h"
#include "utils/doctor_parts.h"

#define RUN_SECONDS_MAX 20

/* --- files ------------------------------------------------------------------------- */

int
doctor_slurp(const char *path, size_t max, char **text, size_t *len, bool *is_safe)
{
	struct stat st;
	int r = 0;

	*text = NULL;
	*len = 0;
	*is_safe = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno;
	if (fstat(fd, &st) != 0)
		r = errno;
	else if (!S_ISREG(st.st_mode))
		r = EINVAL;
	else if (st.st_size < 0 || (size_t)st.st_size > max)
		r = EFBIG;
	if (r == 0) {
		*is_safe = st.st_uid == 0 && (st.st_mode & 0022) == 0;
		*text = malloc(max + 1);
		r = *text == NULL ? ENOMEM : 0;
	}
	while (r == 0 && *len < max) {
		ssize_t n = read(fd, *text + *len, max - *len);
		if (n < 0 && errno != EINTR)
			r = errno;
		if (n == 0)
			break;
		*len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (r != 0) {
		free(*text);
		*text = NULL;
		*len = 0;
	} else
		(*text)[*len] = '\0';
	return r;
}

/* --- other processes ---------------------------------------------------------------- */

/* In the child, before it becomes anything else: streams, signals, descriptors. */
static void
settle_child(int out)
{
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0 || close_range(3, ~0U, 0) != 0)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
}

static int64_t
now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Collect what the child prints until it closes its end, the time is over (it is killed
 * then) or enough was read; wait for it. Returns its exit status or -1. */
static int
collect(pid_t pid, int fd, char *out, size_t cap)
{
	int64_t end = now_ms() + RUN_SECONDS_MAX * 1000;
	char rest[4096] = { 0 };
	size_t len = 0;
	int status = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();
		int r = left <= 0 ? 0 : poll(&p, 1, (int)left);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			kill(pid, SIGKILL);
			break;
		}
		bool has_room = len + 1 < cap;
		ssize_t n = read(fd, has_room ? out + len : rest,
		    has_room ? cap - 1 - len : sizeof rest);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += has_room ? (size_t)n : 0;
	}
	out[len] = '\0';
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
doctor_run(const char *path, char *const *argv, char *out, size_t cap)
{
	static char path_variable[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char locale_variable[] = "LC_ALL=C";
	char *const environment[] = { path_variable, locale_variable, NULL };
	int pipe_fd[2] = { -1, -1 };

	out[0] = '\0';
	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		settle_child(pipe_fd[1]);
		execve(path, argv, environment);
		_exit(127);
	}
	close(pipe_fd[1]);
	int status = pid < 0 ? -1 : collect(pid, pipe_fd[0], out, cap);
	close(pipe_fd[0]);
	return status;
}

/* --- modules ------------------------------------------------------------------------ */

/* The class and machine of an ELF file: bytes 4 and 18 to 19 of its head (elf(5)). */
static bool
read_machine(const char *path, unsigned char head[20])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t len = fd < 0 ? -1 : read(fd, head, 20);

	safefile_close(&fd);
	return len == 20;
}

static bool
is_of_this_machine(const char *path)
{
	unsigned char own[20], other[20];

	return read_machine("/proc/self/exe", own) && read_machine(path, other) &&
	    own[4] == other[4] && own[18] == other[18] && own[19] == other[19];
}

/* libpam's own module directory is the one that holds pam_permit.so, of this architecture:
 * a host may have those of others as well. */
static bool
find_module_dir(char *dir, size_t cap)
{
	static const char *const patterns[] = { "/lib/*-linux-*/security/pam_permit.so",
		"/usr/lib/*-linux-*/security/pam_permit.so", "/usr/lib64/security/pam_permit.so",
		"/lib64/security/pam_permit.so", "/usr/lib/security/pam_permit.so",
		"/lib/security/pam_permit.so" };

	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		glob_t found = { .gl_pathc = 0 };
		bool is_there = false;
		if (glob(patterns[i], 0, NULL, &found) != 0)
			continue;
		for (size_t k = 0; k < found.gl_pathc && !is_there; k++) {
			const char *path = found.gl_pathv[k];
			is_there = is_of_this_machine(path);
			snprintf(dir, cap, "%.*s", (int)(strrchr(path, '/') - path), path);
		}
		globfree(&found);
		if (is_there)
			return true;
	}
	return false;
}

bool
doctor_find_module(const char *module, char *path, size_t cap)
{
	char dir[256];
	struct stat st;

	if (module[0] == '/')
		snprintf(path, cap, "%s", module);
	else if (find_module_dir(dir, sizeof dir))
		snprintf(path, cap, "%s/%s", dir, module);
	else {
		/* Without the directory nothing is known of the file: not called missing. */
		snprintf(path, cap, "%s", module);
		return true;
	}
	char *isa = strstr(path, "$ISA");
	if (isa != NULL) { /* libpam puts "." or "../lib64/security" there; both exist here */
		isa[0] = '.';
		memmove(isa + 1, isa + 4, strlen(isa + 4) + 1);
	}
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* In the child: load it as libpam does and say what is wrong, on the standard output. */
static void __attribute__((noreturn))
try_module(const char *path, bool has_path)
{
	if (!has_path)
		_exit(2);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		const char *why = dlerror();
		ssize_t n = write(STDOUT_FILENO, why, strlen(why));
		_exit(n > 0 ? 1 : 2);
	}
	_exit(dlsym(handle, "pam_sm_authenticate") == NULL ? 3 : 0);
}

void
doctor_check_module(struct doctor *d, const char *path)
{
	struct stat st;
	char why[300] = "";
	int pipe_fd[2] = { -1, -1 };

	if (stat(path, &st) != 0 || st.st_uid != 0 || (st.st_mode & 0022) != 0) {
		doctor_add(d, DOCTOR_FAIL, "module", "chown root, chmod 0644",
		    "%s is not root's, or others can change it", path);
		return;
	}
	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		settle_child(pipe_fd[1]);
		try_module(path, path[0] == '/');
	}
	close(pipe_fd[1]);
	int status = pid < 0 ? -1 : collect(pid, pipe_fd[0], why, sizeof why);
	close(pipe_fd[0]);
	if (status == 0)
		doctor_add(d, DOCTOR_OK, "module", NULL, "%s loads", path);
	else if (status == 3)
		doctor_add(d, DOCTOR_FAIL, "module", "install pam_totp again",
		    "%s is no authentication module", path);
	else
		doctor_add(d, DOCTOR_FAIL, "module", "install pam_totp and its libraries again",
		    "%s cannot be loaded, so its logins fail: %s", path,
		    why[0] == '\0' ? "it ended the process" : why);
}

/* --- helper and clock ------------------------------------------------------------------ */

void
doctor_check_helper(struct doctor *d)
{
	static const char *const fix = "chown root:root " HELPER_PATH " && chmod 4755 " HELPER_PATH;
	struct statvfs fs;
	struct stat st;

	if (lstat(HELPER_PATH, &st) != 0)
		doctor_add(d, DOCTOR_FAIL, "helper", "install pam_totp again",
		    "%s: %s: users cannot enrol", HELPER_PATH, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 0022) != 0)
		doctor_add(d, DOCTOR_FAIL, "helper", fix,
		    "%s is not root's own file, or others can change it", HELPER_PATH);
	else if ((st.st_mode & S_ISUID) == 0 || (st.st_mode & 0111) != 0111)
		doctor_add(d, DOCTOR_FAIL, "helper", fix,
		    "%s has the mode %04o: not set-uid, so users cannot enrol", HELPER_PATH,
		    st.st_mode & 07777U);
	else if (statvfs(HELPER_PATH, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0)
		doctor_add(d, DOCTOR_FAIL, "helper", "mount it without nosuid",
		    "%s lies on a file system mounted nosuid: users cannot enrol", HELPER_PATH);
	else
		doctor_add(d, DOCTOR_OK, "helper", NULL, "%s is set-uid root", HELPER_PATH);
}

void
doctor_check_clock(struct doctor *d)
{
	struct timex t = { .modes = 0 };

	int state = adjtimex(&t);
	if (time(NULL) < 1704067200) /* 2024: before this program was written */
		doctor_add(d, DOCTOR_FAIL, "clock", "set the clock",
		    "the clock of this host is years behind: no code will be right");
	else if (state < 0)
		doctor_add(d, DOCTOR_WARN, "clock", "see adjtimex(2)",
		    "the kernel does not tell about its clock: %s", strerror(errno));
	else if (state == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
		doctor_add(d, DOCTOR_WARN, "clock",
		    "run a time service: timedatectl set-ntp true, or chrony",
		    "the clock is not synchronised: when it is off by more than the window, "
		    "right codes are refused");
	else
		doctor_add(d, DOCTOR_OK, "clock", NULL, "the clock is synchronised");
}
