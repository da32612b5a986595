/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A login by totp-helper, from a host that is not root, and the one thing that it does for a host
 * that is: to start the program of `notify`. The host may be a graphical program
 * with threads, handlers and children of its own:
 *
 *  1. The helper is the file that was compiled in, whatever PATH says; it gets an empty
 *     environment, the line as its standard input and output, and no other descriptor.
 *  2. Nothing of the process is changed: posix_spawn(3) runs no code of the host's in the
 *     child, the line never raises SIGPIPE, and every descriptor is closed on exec.
 *  3. The verdict is what came over the line, when it came to its end; how the child ended
 *     is nobody's word, as a host may ignore SIGCHLD or reap all children itself.
 *  4. Every wait has an end. A helper that does not end is killed if it still can be, and
 *     only while waitpid(2) says that it is our child: a number may be another's by then.
 *     (What runs as root cannot be killed; it ends by itself when the line is closed.)
 *  5. Only the account of the real uid: for every other the store is unreadable. (What is told
 *     to `notify` is root's word about any account, and only root's.)
 *  6. An argument that the helper cannot take from somebody who is not root is refused, not
 *     passed over in silence. */

#include "by_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/safefile.h"
#include "login_line.h"
#include "protocol.h"

#define START_MS 10000	/* until the helper has said hello */
#define ANSWER_MS 20000 /* until each of its lines after that */
#define END_MS 2000	/* until it has ended, after its last line */
#define REST_LINES_MAX 8 /* that may still come before that end */

/* One run of the helper. */
struct run {
	pid_t pid;
	int fd; /* our end of the line */
	struct protocol line;
};

bool
by_helper_is_due(void)
{
	return geteuid() != 0;
}

/* Obligations 1 and 2. Returns 0 or an errno value. */
static int
spawn(int line, pid_t *pid)
{
	char name[] = "totp-helper";
	char *const argv[] = { name, NULL };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t actions;

	int error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, line, STDIN_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, line, STDOUT_FILENO);
	/* It opens /dev/null itself where a standard stream is missing. */
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO);
	if (error == 0)
		error = posix_spawn(pid, HELPER_PATH, &actions, NULL, argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	return error;
}

static int
start(struct run *run, struct diag *d)
{
	int pair[2];

	*run = (struct run){ .pid = -1, .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return diag_set(d, E_IO, "no line to totp-helper: %m");
	errno = spawn(pair[1], &run->pid);
	if (errno != 0)
		(void)diag_set(d, E_IO, "cannot start %s: %m", HELPER_PATH);
	int error = errno != 0 ? E_IO : 0;
	safefile_close(&pair[1]);
	if (error != 0) {
		safefile_close(&pair[0]);
		return error;
	}
	run->fd = pair[0];
	protocol_init(&run->line, run->fd, run->fd);
	return 0;
}

/* Whether the other end is closed. What still comes before that is nobody's any more. */
static bool
has_closed(struct run *run, int timeout_ms)
{
	struct message m;
	int r = 0;

	for (unsigned i = 0; i < REST_LINES_MAX && (r == 0 || r == E_INVALID); i++) {
		r = protocol_receive(&run->line, &m, timeout_ms);
		message_wipe(&m);
	}
	return r == E_NOENT;
}

/* Obligation 4. */
static void
finish(struct run *run)
{
	(void)shutdown(run->fd, SHUT_WR);
	bool is_over = has_closed(run, END_MS);
	if (!is_over && waitpid(run->pid, NULL, WNOHANG) == 0 && kill(run->pid, SIGKILL) == 0)
		is_over = has_closed(run, END_MS);
	/* Who has closed the line is about to end. Gone already (ECHILD): the host's doing. */
	while (waitpid(run->pid, NULL, is_over ? 0 : WNOHANG) < 0 && errno == EINTR)
		;
	safefile_close(&run->fd);
	protocol_wipe(&run->line);
}

/* Why a helper that was started said nothing. */
static int
explain_silence(struct diag *d)
{
	struct stat st;
	struct statvfs fs;
	const char *why = "may not gain root's rights here (NoNewPrivileges, a container), or "
			  "was stopped";

	int fd = open(HELPER_PATH, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0)
		why = "cannot be looked at";
	else if (st.st_uid != 0 || (st.st_mode & S_ISUID) == 0)
		why = "is not installed set-uid root";
	else if (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0)
		why = "lies on a file system that is mounted nosuid";
	safefile_close(&fd);
	return diag_set(d, E_IO, "%s does not answer: it %s", HELPER_PATH, why);
}

/* The helper ended early: its last line says why. */
static int
explain_end(const struct message *m, struct diag *d)
{
	const char *text = message_get(m, "text");

	if (strcmp(m->verb, "done") != 0 || text == NULL)
		return diag_set(d, E_IO, "totp-helper said what was not expected");
	return diag_set(d, E_IO, "totp-helper: %s", text);
}

/* The next line, which must begin with verb. *m is wiped on error. */
static int
expect(struct run *run, const char *verb, struct message *m, int timeout_ms, struct diag *d)
{
	int r = protocol_receive(&run->line, m, timeout_ms);

	if (r != 0)
		return diag_set(d, E_IO, "totp-helper gave no answer in time, or no right one");
	if (strcmp(m->verb, verb) == 0)
		return 0;
	r = explain_end(m, d);
	message_wipe(m);
	return r;
}

/* The last line, with this exit code or (any) whichever it is. */
static int
expect_done(struct run *run, bool is_any, struct diag *d)
{
	struct message m;
	uint64_t code = 0;

	int r = expect(run, "done", &m, ANSWER_MS, d);
	if (r != 0)
		return r;
	if (message_get_u64(&m, "exit", 0, UINT8_MAX, &code) != 0 || (code != 0 && !is_any))
		r = explain_end(&m, d);
	else if (code != 0)
		(void)explain_end(&m, d);
	message_wipe(&m);
	return r;
}

/* Obligation 5, the helper's half of it: it says whom it serves. user: NULL = whomever. */
static int
greet(struct run *run, const char *expected, struct diag *d)
{
	struct message m;
	uint64_t version = 0;

	int r = protocol_receive(&run->line, &m, START_MS);
	if (r != 0)
		return explain_silence(d);
	const char *user = message_get(&m, "user");
	if (strcmp(m.verb, "hello") != 0)
		r = explain_end(&m, d);
	else if (message_get_u64(&m, "version", PROTOCOL_VERSION, PROTOCOL_VERSION, &version) != 0)
		r = diag_set(d, E_IO, "%s is of another version", HELPER_PATH);
	else if (user == NULL || (expected != NULL && strcmp(user, expected) != 0))
		r = diag_set(d, E_IO, "totp-helper serves another account");
	message_wipe(&m);
	return r;
}

/* Obligation 6. */
static int
put_arguments(struct message *m, int argc, const char **argv, struct diag *d)
{
	unsigned count = 0;

	for (int i = 0; i < argc; i++) {
		char key[PROTOCOL_WORD_CAP];

		switch (login_argument_kind(argv[i])) {
		case LOGIN_ARGUMENT_TALK:
			break;
		case LOGIN_ARGUMENT_POLICY:
			(void)snprintf(key, sizeof(key), "argument%u", count++);
			message_add(m, key, argv[i]);
			break;
		case LOGIN_ARGUMENT_UNFIT:
			return diag_set(d, E_INVALID, "argument %d: this program is not root, so "
			    "this setting must stand in " DEFAULT_CONF, i + 1);
		}
	}
	return 0;
}

/* The first two lines to a helper that was started. On error nothing is left of it. */
static int
open_talk(struct run *run, const char *user, struct message *request, struct diag *d)
{
	int r = greet(run, user, d);

	if (r == 0 && protocol_send(&run->line, request, ANSWER_MS) != 0)
		r = diag_set(d, E_IO, "totp-helper does not listen");
	if (r != 0)
		finish(run);
	return r;
}

/* Start the helper and send it the request. On error nothing is left of it. */
static int
begin(struct run *run, const char *op, const struct host *h, bool may_tell, int argc,
    const char **argv, struct diag *d)
{
	struct message m;

	if (!h->is_account || h->uid != getuid()) /* obligation 5 */
		return diag_set(d, E_IO, "this program is not root and runs as uid %u: it can ask "
		    "for the codes of that account only", (unsigned)getuid());
	message_init(&m, "request");
	message_add(&m, "op", op);
	message_add(&m, "service", h->service);
	message_add_u64(&m, "tell", may_tell);
	int r = put_arguments(&m, argc, argv, d);
	if (r == 0)
		r = start(run, d);
	if (r != 0)
		return r;
	return open_talk(run, h->user, &m, d);
}

int
by_helper_decide(const struct host *h, int argc, const char **argv, struct policy_decision *out,
    unsigned *digits, struct diag *d)
{
	struct policy_decision told = { .action = POLICY_DENY };
	struct run run;
	struct message m;

	*out = told;
	*digits = OTP_DIGITS_MIN;
	int r = begin(&run, "policy", h, false, argc, argv, d);
	if (r != 0)
		return r;
	r = expect(&run, "decision", &m, ANSWER_MS, d);
	if (r == 0 && login_take_decision(&m, &told, digits) != 0)
		r = diag_set(d, E_IO, "totp-helper said what was not expected");
	message_wipe(&m);
	if (r == 0)
		r = expect_done(&run, false, d);
	if (r == 0)
		*out = told;
	finish(&run);
	return r;
}

static int
send_answer(struct run *run, struct span answer, struct diag *d)
{
	char text[ATTEMPT_ANSWER_MAX + 1];
	struct message m;

	int r = expect(run, "prompt", &m, ANSWER_MS, d);
	message_wipe(&m);
	if (r != 0)
		return r;
	/* What is none, or too long, has no shape: so has the empty one. */
	if (answer.at == NULL || bytes_copy(answer, text, sizeof(text)) != 0)
		text[0] = '\0';
	message_init(&m, "answer");
	message_add(&m, "text", text);
	if (protocol_send(&run->line, &m, ANSWER_MS) != 0)
		r = diag_set(d, E_IO, "totp-helper does not listen");
	message_wipe(&m);
	bytes_wipe(text, sizeof(text));
	return r;
}

/* The verdict, with what comes before it. */
static int
take_verdict(struct run *run, struct attempt_result *told, struct diag *d)
{
	struct message m;
	int r = 0;

	for (;;) {
		if (protocol_receive(&run->line, &m, ANSWER_MS) != 0)
			return diag_set(d, E_IO, "totp-helper gave no verdict");
		if (strcmp(m.verb, "notice") != 0)
			break;
		r = login_take_notice(&m, told);
		message_wipe(&m);
		if (r != 0)
			return diag_set(d, E_IO, "totp-helper said what was not expected");
	}
	if (strcmp(m.verb, "verdict") != 0)
		r = explain_end(&m, d);
	else if (login_take_result(&m, told) != 0)
		r = diag_set(d, E_IO, "totp-helper said what was not expected");
	message_wipe(&m);
	return r;
}

enum attempt_verdict
by_helper_attempt(const struct host *h, int argc, const char **argv, struct span answer,
    bool may_tell, struct attempt_result *result, struct diag *d)
{
	struct attempt_result told = { .verdict = ATTEMPT_FAILED };
	struct run run;

	*result = (struct attempt_result){ .verdict = ATTEMPT_FAILED, .error = E_IO };
	if (begin(&run, "login", h, may_tell, argc, argv, d) != 0)
		return ATTEMPT_FAILED;
	int r = send_answer(&run, answer, d);
	if (r == 0)
		r = take_verdict(&run, &told, d);
	if (r == 0)
		r = expect_done(&run, told.verdict != ATTEMPT_ACCEPTED, d);
	finish(&run);
	if (r == 0) /* 3 */
		*result = told;
	return result->verdict;
}

int
by_helper_notify(const struct host *h, const char *program, const char *done, const char *device,
    struct diag *d)
{
	struct run run;
	struct message m;

	if (getuid() != 0)
		return diag_set(d, E_IO, "notify: this program was not started by root");
	message_init(&m, "request");
	message_add(&m, "op", "notify");
	message_add(&m, "program", program);
	message_add(&m, "done", done);
	message_add(&m, "user", h->user);
	message_add(&m, "name", device);
	message_add_u64(&m, "uid", h->uid);
	message_add(&m, "from", h->rhost[0] != '\0' ? h->rhost : h->tty);
	int r = start(&run, d);
	if (r == 0)
		r = open_talk(&run, NULL, &m, d);
	if (r != 0)
		return r;
	r = expect_done(&run, false, d);
	finish(&run);
	return r;
}
