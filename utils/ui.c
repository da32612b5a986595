/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What the terminal is, and giving it back. It promises:
 *  1. However the program ends short of SIGKILL, the terminal is left with the modes and
 *     the screen that it had: signals set a mark, the main flow returns and ui_close runs.
 *     ^Z gives everything back before it stops.
 *  2. What must not stay is written to the alternate screen only (ui_hide).
 *  3. Nothing is written through stdio: no buffer keeps a secret.
 * Signals are blocked but for the moments in which the program waits (ppoll(2)), so none
 * is lost between a test and a wait. */
#include "ui.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/bytes.h"
#include "text.h"

/* Alternate screen (xterm's 1049), cursor home, erase all: understood by every terminal
 * that is not dumb; one without a second screen keeps home and erase. */
#define HIDE "\033[?1049h\033[H\033[2J"
#define EMPTY "\033[H\033[2J"
#define SHOW "\033[H\033[2J\033[?1049l"

static volatile sig_atomic_t end_signal;
static volatile sig_atomic_t has_stop;
static volatile sig_atomic_t has_resize;

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define END_SIGNAL_COUNT (sizeof end_signals / sizeof end_signals[0])

static void
on_signal(int number)
{
	if (number == SIGTSTP)
		has_stop = 1;
	else if (number == SIGWINCH)
		has_resize = 1;
	else if (end_signal == 0)
		end_signal = number;
}

static void
catch(int number)
{
	struct sigaction now;
	if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
		return;
	struct sigaction sa = { .sa_handler = on_signal };
	sigfillset(&sa.sa_mask);
	sigaction(number, &sa, NULL);
}

static void
watched_signals(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < END_SIGNAL_COUNT; i++)
		sigaddset(set, end_signals[i]);
	sigaddset(set, SIGTSTP);
	sigaddset(set, SIGWINCH);
}

int
ui_signal(void)
{
	return end_signal;
}

/* A terminal that shows colours, as far as its name tells. NO_COLOR: no-color.org. */
static bool
has_colour(const char *term)
{
	const char *no_color = getenv("NO_COLOR");
	if (no_color != NULL && *no_color != '\0')
		return false;
	size_t len = strlen(term);
	bool is_mono = (len > 2 && strcmp(term + len - 2, "-m") == 0) ||
	    (len > 5 && strcmp(term + len - 5, "-mono") == 0);
	return !is_mono && strncmp(term, "vt", 2) != 0;
}

void
ui_open(struct ui *u, bool wants_input, bool wants_stdout)
{
	*u = (struct ui){ .in = STDIN_FILENO, .out = STDERR_FILENO };
	setlocale(LC_CTYPE, "");
	u->has_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	/* A person's dialogue never goes into a file that standard output was sent to. */
	if (wants_stdout &&
	    (!wants_input || isatty(STDOUT_FILENO) != 0 || isatty(STDERR_FILENO) == 0))
		u->out = STDOUT_FILENO;
	u->is_terminal = isatty(u->out) != 0;
	u->is_person = wants_input && u->is_terminal && isatty(u->in) != 0;
	const char *term = getenv("TERM");
	bool is_dumb = term == NULL || *term == '\0' || strcmp(term, "dumb") == 0 ||
	    strcmp(term, "unknown") == 0;
	u->has_controls = u->is_person && !is_dumb;
	u->has_colour = u->is_terminal && !is_dumb && has_colour(term);
	sigset_t set;
	watched_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < END_SIGNAL_COUNT; i++)
		catch(end_signals[i]);
	catch(SIGTSTP);
	catch(SIGWINCH);
}

static void
set_modes(struct ui *u)
{
	if (!u->is_person || u->has_modes || tcgetattr(u->in, &u->saved) != 0)
		return;
	struct termios t = u->saved;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHOE | ECHOK | ECHONL);
	/* Ctrl-C empties the terminal's queue between poll and read: a read that waited then
	 * would wait with the signals blocked. */
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	u->has_modes = tcsetattr(u->in, TCSADRAIN, &t) == 0;
}

static void
restore_modes(struct ui *u)
{
	if (u->has_modes)
		tcsetattr(u->in, TCSADRAIN, &u->saved);
	u->has_modes = false;
}

void
ui_start_person(struct ui *u)
{
	set_modes(u);
}

void
ui_stop_person(struct ui *u)
{
	restore_modes(u);
}

void
ui_close(struct ui *u)
{
	ui_show(u);
	restore_modes(u);
}

void
ui_size(const struct ui *u, unsigned *columns, unsigned *rows)
{
	struct winsize size = { 0 };
	*columns = 80;
	*rows = 24;
	if (ioctl(u->out, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		*columns = size.ws_col;
		*rows = size.ws_row;
	}
}

void
ui_put(struct ui *u, const char *text)
{
	size_t left = strlen(text);
	while (left > 0) {
		ssize_t n = write(u->out, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		left -= (size_t)n;
	}
}

void
ui_say(struct ui *u, const char *text)
{
	char clean[2048];
	char lines[2 * sizeof clean];
	unsigned columns = 0;
	unsigned rows = 0;
	if (u->is_terminal)
		ui_size(u, &columns, &rows);
	text_clean(text, u->has_utf8, clean, sizeof clean);
	ui_put(u, text_wrap(clean, columns, lines, sizeof lines));
	bytes_wipe(clean, sizeof clean);
	bytes_wipe(lines, sizeof lines);
}

void
ui_hide(struct ui *u)
{
	if (u->has_controls)
		ui_put(u, u->is_hidden ? EMPTY : HIDE);
	u->is_hidden = u->has_controls;
}

void
ui_show(struct ui *u)
{
	if (u->is_hidden)
		ui_put(u, SHOW);
	u->is_hidden = false;
}

/* ^Z: give everything back, stop as if nothing had been caught, and take it again. */
static void
stop(struct ui *u)
{
	bool was_hidden = u->is_hidden;
	bool had_modes = u->has_modes;
	has_stop = 0;
	ui_close(u);
	struct sigaction old;
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t set;
	sigset_t before;
	sigaction(SIGTSTP, &sa, &old);
	raise(SIGTSTP);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, &before); /* stops here until SIGCONT */
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGTSTP, &old, NULL);
	if (had_modes)
		set_modes(u);
	if (was_hidden)
		ui_hide(u);
}

/* What the marks ask for; UI_DONE for nothing. */
static enum ui_answer
take_marks(struct ui *u)
{
	if (end_signal != 0)
		return UI_STOPPED;
	bool is_changed = has_stop != 0 || has_resize != 0;
	has_resize = 0;
	if (has_stop != 0)
		stop(u);
	return is_changed ? UI_AGAIN : UI_DONE;
}

enum ui_answer
ui_wait(struct ui *u, int fd, int watch, int timeout_ms)
{
	sigset_t mask;
	enum ui_answer answer = take_marks(u);
	if (answer != UI_DONE)
		return answer;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (size_t i = 0; i < END_SIGNAL_COUNT; i++)
		sigdelset(&mask, end_signals[i]);
	sigdelset(&mask, SIGTSTP);
	sigdelset(&mask, SIGWINCH);
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
		{ .fd = watch, .events = POLLIN } };
	struct timespec t = { .tv_sec = timeout_ms / 1000,
		.tv_nsec = (long)(timeout_ms % 1000) * 1000000L };
	int n = ppoll(fds, 2, timeout_ms < 0 ? NULL : &t, &mask);
	int error = errno;
	answer = take_marks(u);
	if (answer != UI_DONE)
		return answer;
	if (n == 0)
		return UI_LATE;
	if (n < 0)
		return error == EINTR ? UI_AGAIN : UI_FAILED;
	return fds[1].revents != 0 ? UI_WATCHED : UI_DONE;
}
