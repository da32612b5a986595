/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Where a key, a URI or a code comes in: standard input or a private file, never an argument
 * (argv is public in /proc, and stays in the shell's history). It promises:
 *  1. A file is opened without following a symbolic link, without blocking on a FIFO, and the
 *     descriptor itself is then checked: regular, one link, owner, no bit for group and
 *     others, size. The directories above are not: nothing is written, and what is read is
 *     root's or the caller's own private file wherever the path led.
 *  2. What was read is one line of text; every copy made here is wiped on every way out.
 *  3. No message quotes what was read. */
#include "utils/secret_input.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "utils/ui.h"

/* Obligation 1. */
static int
open_private(const char *path, int *fd, struct diag *d)
{
	struct stat st;
	const char *fault = NULL;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0 && errno == ENOENT)
		return diag_set(d, E_NOENT, "%s: no such file", path);
	if (*fd < 0 && errno == ELOOP)
		return diag_set(d, E_UNSAFE, "%s: is a symbolic link (standard input is \"-\")",
		    path);
	if (*fd < 0)
		return diag_set(d, E_IO, "%s: cannot open it: %s", path, strerror(errno));
	if (fstat(*fd, &st) != 0)
		fault = "cannot be examined";
	else if (!S_ISREG(st.st_mode))
		fault = "is not a regular file";
	else if (st.st_nlink != 1)
		fault = "has more than one link";
	else if (st.st_uid != 0 && st.st_uid != getuid())
		fault = "belongs to somebody else: expected root or the caller";
	else if ((st.st_mode & 077) != 0)
		fault = "may be used by group or others: expected mode 0600";
	else if (st.st_size >= SECRET_INPUT_CAP)
		fault = "is too long for one key or URI";
	if (fault == NULL)
		return 0;
	close(*fd);
	*fd = -1;
	return diag_set(d, E_UNSAFE, "%s: %s", path, fault);
}

/* Read to the end, one byte more than has room being too much. */
static int
read_all(int fd, const char *name, char text[SECRET_INPUT_CAP], size_t *len, struct diag *d)
{
	*len = 0;
	while (*len < SECRET_INPUT_CAP) {
		ssize_t n = read(fd, text + *len, SECRET_INPUT_CAP - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_set(d, E_IO, "%s: cannot read it: %s", name, strerror(errno));
		if (n == 0)
			return 0;
		*len += (size_t)n;
	}
	return diag_set(d, E_INVALID, "%s: longer than %d bytes", name, SECRET_INPUT_CAP - 1);
}

/* Let a signal that was caught have its way. */
static void
die_of(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	signal(signo, SIG_DFL);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Ask at the terminal, without echo. A signal ends the program as it would have: the terminal
 * is as it was, and nothing has been changed yet. */
static int
ask(const char *prompt, char text[SECRET_INPUT_CAP], size_t *len, struct diag *d)
{
	const struct ui_question question = { .prompt = prompt, .watch = -1 };
	struct ui ui;
	struct ui_line line = { .len = 0 };
	enum ui_answer answer = UI_AGAIN;
	sigset_t before;

	*len = 0;
	sigprocmask(SIG_SETMASK, NULL, &before);
	ui_open(&ui, true, false);
	ui_start_person(&ui);
	while (answer == UI_AGAIN)
		answer = ui_ask(&ui, &question, &line);
	if (answer == UI_DONE && line.len < SECRET_INPUT_CAP) {
		memcpy(text, line.text, line.len);
		*len = line.len;
	}
	ui_line_wipe(&line);
	int signo = ui_signal();
	ui_close(&ui);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (answer == UI_STOPPED && signo != 0) {
		bytes_wipe(text, SECRET_INPUT_CAP);
		die_of(signo);
	}
	if (answer == UI_DONE || answer == UI_END)
		return 0;
	return diag_set(d, E_IO, "the terminal cannot be read");
}

/* Obligation 2: exactly one line, terminated, without blanks around it. */
static int
keep_line(const char *name, char text[SECRET_INPUT_CAP], size_t len, struct diag *d)
{
	while (len > 0 && strchr("\n\r\t ", text[len - 1]) != NULL && text[len - 1] != '\0')
		len--;
	size_t start = 0;
	while (start < len && (text[start] == ' ' || text[start] == '\t'))
		start++;
	len -= start;
	memmove(text, text + start, len);
	text[len] = '\0';
	if (len == 0)
		return diag_set(d, E_INVALID, "%s: is empty, expected one line", name);
	if (memchr(text, '\0', len) != NULL)
		return diag_set(d, E_INVALID, "%s: holds a NUL byte, expected text", name);
	if (memchr(text, '\n', len) != NULL || memchr(text, '\r', len) != NULL)
		return diag_set(d, E_INVALID, "%s: holds several lines, expected one", name);
	return 0;
}

int
secret_input_read(const char *path, const char *prompt, char text[SECRET_INPUT_CAP],
    struct diag *d)
{
	bool is_input = strcmp(path, "-") == 0;
	const char *name = is_input ? "standard input" : path;
	size_t len = 0;
	int fd = STDIN_FILENO;
	int r = 0;

	if (!is_input)
		r = open_private(path, &fd, d);
	else if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
		r = ask(prompt, text, &len, d);
		fd = -1;
	}
	if (r == 0 && fd >= 0)
		r = read_all(fd, name, text, &len, d);
	if (fd > STDERR_FILENO)
		close(fd);
	if (r == 0)
		r = keep_line(name, text, len, d);
	if (r != 0)
		bytes_wipe(text, SECRET_INPUT_CAP);
	return r;
}

/* Standard input to its end: two lines. */
static int
read_two_lines(char text[2][SECRET_INPUT_CAP], struct diag *d)
{
	static const char name[] = "standard input";
	size_t len = 0;

	int r = read_all(STDIN_FILENO, name, text[0], &len, d);
	const char *end = r == 0 ? memchr(text[0], '\n', len) : NULL;
	if (r == 0 && end == NULL)
		return diag_set(d, E_INVALID, "%s: expected two lines", name);
	if (r != 0)
		return r;
	size_t first = (size_t)(end - text[0]); /* below len */
	memcpy(text[1], end + 1, len - first - 1);
	r = keep_line(name, text[0], first, d);
	if (r == 0)
		r = keep_line(name, text[1], len - first - 1, d);
	return r;
}

int
secret_input_read_pair(const char *const prompt[2], char text[2][SECRET_INPUT_CAP],
    struct diag *d)
{
	int r = E_INVALID;

	memset(text, 0, 2 * SECRET_INPUT_CAP);
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
		r = secret_input_read("-", prompt[0], text[0], d);
		if (r == 0)
			r = secret_input_read("-", prompt[1], text[1], d);
	} else
		r = read_two_lines(text, d);
	if (r != 0)
		bytes_wipe(text, 2 * SECRET_INPUT_CAP);
	return r;
}
