/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-helper as our child. It promises:
 *  1. The helper's path is the one that was built in; no option, no variable names
 *     another one, so that nobody can be led to type a password into it.
 *  2. An installation that cannot work is told by path and reason before anything is asked.
 *  3. The helper gets two ends of a socket and standard error, nothing else of ours: no
 *     environment, no terminal, no other descriptor, no blocked or ignored signal.
 *  4. Whatever ends this program closes the socket, which ends the helper: nothing is left
 *     behind but a pending device that expires. */
#include "enroll.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEND_MS 10000	 /* for the helper to read a line */
#define RECEIVE_MS 10000 /* for the rest of a line, once it has begun */
#define SILENCE_MS 180000 /* PAM may make a wrong password wait, a directory may be slow */

/* Why the helper cannot work, or NULL. */
static const char *
find_fault(char *text, size_t cap)
{
	struct stat st;
	struct statvfs fs;
	if (stat(HELPER_PATH, &st) != 0) {
		snprintf(text, cap, "%s: %s: pam_totp is not completely installed", HELPER_PATH,
		    strerror(errno));
		return text;
	}
	if (geteuid() == 0)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & S_ISUID) == 0) {
		snprintf(text, cap, "%s is not set-uid root (it is owned by uid %u and has mode "
		    "%04o): ask an administrator to install pam_totp again", HELPER_PATH,
		    (unsigned)st.st_uid, (unsigned)st.st_mode & 07777U);
		return text;
	}
	if (statvfs(HELPER_PATH, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0) {
		snprintf(text, cap, "%s is on a file system mounted with nosuid", HELPER_PATH);
		return text;
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		snprintf(text, cap, "%s cannot work here: this process was started with "
		    "no_new_privs (a sandbox or container)", HELPER_PATH);
		return text;
	}
	return NULL;
}

/* posix_spawn(3) with everything of obligation 3. Returns 0 or an errno. */
static int
spawn(int fd, pid_t *pid)
{
	char path[] = HELPER_PATH;
	char *const argv[] = { path, NULL };
	char *const envp[] = { NULL };
	sigset_t none;
	sigset_t all;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigemptyset(&none);
	sigfillset(&all);
	int r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return r;
	r = posix_spawnattr_init(&attributes);
	if (r != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return r;
	}
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID;
	r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(&attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setflags(&attributes, flags);
	if (r == 0)
		r = posix_spawn(pid, path, &actions, &attributes, argv, envp);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int
child_start(struct child *h)
{
	/* The caller's messages go through output_error, which needs no terminal facts. */
	const struct enroll plain = { 0 };
	char fault[512];
	int pair[2] = { -1, -1 };
	if (find_fault(fault, sizeof fault) != NULL) {
		output_error(&plain, "%s", fault);
		return EXIT_CODE_FAILURE;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		output_error(&plain, "cannot make a socket: %s", strerror(errno));
		return EXIT_CODE_FAILURE;
	}
	int r = spawn(pair[1], &h->pid);
	close(pair[1]);
	if (r != 0) {
		output_error(&plain, "cannot run %s: %s", HELPER_PATH, strerror(r));
		close(pair[0]);
		h->pid = 0;
		return EXIT_CODE_FAILURE;
	}
	h->fd = pair[0];
	protocol_init(&h->line, h->fd, h->fd);
	return ENROLL_ON;
}

void
child_end(struct child *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	protocol_wipe(&h->line);
	/* It may be in a delay that a PAM module asked for: it is not waited for. */
	if (h->pid > 0)
		waitpid(h->pid, NULL, WNOHANG);
	h->pid = 0;
}

int
child_receive(struct enroll *e, struct message *m)
{
	struct child *h = &e->child;
	enum ui_answer answer = UI_AGAIN;
	message_wipe(m);
	if (memchr(h->line.buf, '\n', h->line.have) == NULL) {
		while (answer == UI_AGAIN)
			answer = ui_wait(&e->ui, h->fd, -1, SILENCE_MS);
		if (answer == UI_STOPPED)
			return EXIT_CODE_FAILURE;
		if (answer != UI_DONE) {
			output_error(e, "%s does not answer", HELPER_PATH);
			return EXIT_CODE_FAILURE;
		}
	}
	int r = protocol_receive(&h->line, m, RECEIVE_MS);
	if (r == E_OK)
		return ENROLL_ON;
	if (r == E_INVALID)
		output_error(e, "%s said something that is not understood: "
		    "do its version and that of totp-enroll differ?", HELPER_PATH);
	else
		output_error(e, "%s ended without an answer; the system log may say why",
		    HELPER_PATH);
	return EXIT_CODE_FAILURE;
}

int
child_send(struct enroll *e, struct message *m)
{
	int r = protocol_send(&e->child.line, m, SEND_MS);
	message_wipe(m);
	if (r != E_LIMIT)
		return ENROLL_ON;
	output_error(e, "the answer is too long");
	return EXIT_CODE_USAGE;
}
