/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* ui.c, ui_ask.c, text.c: a child asks on a pseudo-terminal, the test types. Hidden answers
 * are never seen, the line can be edited, the countdown leaves what was typed, and whatever
 * ends a question, the terminal's modes are what they were. */
#include "utils/ui.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "utils/text.h"

#define LONG_MS 10000

/* What a child reports when its question has ended. */
struct report {
	enum ui_answer answer;
	struct ui_line line;
	int signal;
	bool is_person;
	bool has_modes_back;
	bool has_controls;
};

struct peer {
	pid_t pid;
	int terminal; /* our end of the pseudo-terminal */
	int report;   /* read end */
	int watch;    /* write end of what the question watches */
	char seen[8192];
	size_t seen_len;
};

/* In the child: one question on a terminal. */
static void
ask_in_child(const struct ui_question *q, const char *term, int report_fd)
{
	struct report r = { .answer = UI_FAILED };
	struct ui u;
	struct termios before;
	struct termios after;
	setenv("TERM", term, 1);
	tcgetattr(STDIN_FILENO, &before);
	ui_open(&u, true, true);
	r.is_person = u.is_person;
	r.has_controls = u.has_controls;
	ui_start_person(&u);
	do {
		r.answer = ui_ask(&u, q, &r.line);
		if (r.answer == UI_AGAIN && write(report_fd, &r, sizeof r) != (ssize_t)sizeof r)
			_exit(1);
	} while (r.answer == UI_AGAIN);
	ui_close(&u);
	tcgetattr(STDIN_FILENO, &after);
	r.has_modes_back = before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag &&
	    before.c_oflag == after.c_oflag && memcmp(before.c_cc, after.c_cc, NCCS) == 0;
	r.signal = ui_signal();
	ssize_t n = write(report_fd, &r, sizeof r);
	_exit(n == (ssize_t)sizeof r ? 0 : 1);
}

/* Whoever runs the tests may ignore signals (nohup, a job in the background), and ui keeps
 * ignored what was ignored. */
static void
default_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		signal(numbers[i], SIG_DFL);
}

static void
start(struct peer *p, struct ui_question q, const char *term, unsigned short columns)
{
	int report[2];
	int watch[2];
	struct winsize size = { .ws_col = columns, .ws_row = 24 };
	memset(p, 0, sizeof *p);
	assert_int_equal(pipe(report), 0);
	assert_int_equal(pipe(watch), 0);
	p->pid = forkpty(&p->terminal, NULL, NULL, &size);
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		default_signals();
		if (strcmp(q.prompt, "nohup") == 0)
			signal(SIGHUP, SIG_IGN);
		close(watch[1]);
		q.watch = watch[0];
		ask_in_child(&q, term, report[1]);
	}
	close(report[1]);
	close(watch[0]);
	p->report = report[0];
	p->watch = watch[1];
}

/* Read what the child writes to the terminal until text is seen. */
static bool
sees(struct peer *p, const char *text, int timeout_ms)
{
	while (strstr(p->seen, text) == NULL) {
		struct pollfd fds = { .fd = p->terminal, .events = POLLIN };
		if (poll(&fds, 1, timeout_ms) <= 0)
			return false;
		ssize_t n = read(p->terminal, p->seen + p->seen_len,
		    sizeof p->seen - 1 - p->seen_len);
		if (n <= 0)
			return false;
		p->seen_len += (size_t)n;
		p->seen[p->seen_len] = '\0';
	}
	return true;
}

static void
type(struct peer *p, const char *keys, size_t len)
{
	assert_int_equal(write(p->terminal, keys, len), (ssize_t)len);
}

static void
next_report(struct peer *p, struct report *r)
{
	struct pollfd fds = { .fd = p->report, .events = POLLIN };
	assert_int_equal(poll(&fds, 1, LONG_MS), 1);
	assert_int_equal(read(p->report, r, sizeof *r), (ssize_t)sizeof *r);
}

static void
finish(struct peer *p, struct report *r)
{
	int status = -1;
	next_report(p, r);
	(void)sees(p, "nothing like this", 100);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
	assert_true(r->has_modes_back);
	close(p->terminal);
	close(p->report);
	if (p->watch >= 0)
		close(p->watch);
}

static const struct ui_question visible = { .prompt = "Name: ", .is_visible = true };
static const struct ui_question hidden = { .prompt = "Password: ", .is_visible = false };

static void
answer_is(const struct ui_question *q, const char *keys, size_t len, const char *wanted)
{
	struct peer p;
	struct report r;
	start(&p, *q, "xterm", 80);
	assert_true(sees(&p, q->prompt, LONG_MS));
	type(&p, keys, len);
	finish(&p, &r);
	assert_true(r.is_person);
	assert_int_equal(r.answer, UI_DONE);
	assert_string_equal(r.line.text, wanted);
	assert_int_equal(r.line.len, strlen(wanted));
	if (!q->is_visible && *wanted != '\0')
		assert_null(strchr(p.seen + strlen(q->prompt) + 1, *wanted));
}

#define ANSWER_IS(q, keys, wanted) answer_is(q, keys, sizeof(keys) - 1, wanted)

static void
test_edit(void **state)
{
	(void)state;
	ANSWER_IS(&visible, "phone\r", "phone");
	ANSWER_IS(&visible, "phone\n", "phone");
	ANSWER_IS(&visible, "\r", "");
	ANSWER_IS(&visible, "phonx\177e\r", "phone");
	ANSWER_IS(&visible, "x\b\b\bab\r", "ab");
	ANSWER_IS(&visible, "rubbish\025ab\r", "ab");
	ANSWER_IS(&visible, "a\033[D\033[1;5C\033OPb\tc\r", "abc");
	ANSWER_IS(&visible, "\033[200~123456\033[201~\r", "123456");
	ANSWER_IS(&visible, "a\xc3\xa4\177b\r", "ab");
	ANSWER_IS(&visible, "ab\004c\r", "abc");
}

static void
test_hidden(void **state)
{
	(void)state;
	ANSWER_IS(&hidden, "Q secret Q\r", "Q secret Q");
	ANSWER_IS(&hidden, "\xc3\xa4Q\r", "\xc3\xa4Q");
}

static void
test_echo(void **state)
{
	(void)state;
	struct peer p;
	struct report r;
	start(&p, visible, "xterm", 80);
	assert_true(sees(&p, "Name: ", LONG_MS));
	type(&p, "phone", 5);
	assert_true(sees(&p, "Name: phone", LONG_MS));
	type(&p, "\177", 1);
	assert_true(sees(&p, "\b \b", LONG_MS));
	type(&p, "\r", 1);
	finish(&p, &r);
	assert_string_equal(r.line.text, "phon");
}

/* What does not fit rings and is not taken; nothing is cut silently at the end. */
static void
test_long(void **state)
{
	(void)state;
	struct peer p;
	struct report r;
	char keys[UI_LINE_CAP];
	memset(keys, 'a', sizeof keys);
	start(&p, hidden, "xterm", 80);
	assert_true(sees(&p, "Password: ", LONG_MS));
	type(&p, keys, sizeof keys);
	assert_true(sees(&p, "\a", LONG_MS));
	type(&p, "\r", 1);
	finish(&p, &r);
	assert_int_equal(r.line.len, UI_LINE_CAP - 1);
}

static void
test_end(void **state)
{
	(void)state;
	struct peer p;
	struct report r;
	start(&p, hidden, "xterm", 80);
	assert_true(sees(&p, "Password: ", LONG_MS));
	type(&p, "\004", 1);
	finish(&p, &r);
	assert_int_equal(r.answer, UI_END);
	assert_int_equal(r.line.len, 0);
}

/* ^C, and a signal from elsewhere: told, the answer gone, the modes back. */
static void
test_signals(void **state)
{
	(void)state;
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		struct peer p;
		struct report r;
		start(&p, hidden, "xterm", 80);
		assert_true(sees(&p, "Password: ", LONG_MS));
		type(&p, "half", 4);
		if (numbers[i] == SIGINT)
			type(&p, "\003", 1);
		else
			assert_int_equal(kill(p.pid, numbers[i]), 0);
		finish(&p, &r);
		assert_int_equal(r.answer, UI_STOPPED);
		assert_int_equal(r.signal, numbers[i]);
		assert_int_equal(r.line.text[0], 0);
	}
}

/* The terminal empties its queue when Ctrl-C is typed, also between the poll that saw the
 * keys and the read that takes them. */
static void
test_interrupt_empties_the_queue(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		struct peer p;
		struct report r;
		start(&p, hidden, "xterm", 80);
		assert_true(sees(&p, "Password: ", LONG_MS));
		type(&p, "half", 4);
		type(&p, "\003", 1);
		finish(&p, &r);
		assert_int_equal(r.answer, UI_STOPPED);
		assert_int_equal(r.signal, SIGINT);
	}
}

/* A terminal that is gone ends the question, also where SIGHUP is ignored (nohup). */
static void
test_hang_up(void **state)
{
	(void)state;
	struct peer p;
	struct report r;
	struct ui_question q = hidden;
	q.prompt = "nohup";
	start(&p, q, "xterm", 80);
	assert_true(sees(&p, "nohup", LONG_MS));
	close(p.terminal);
	next_report(&p, &r);
	assert_int_equal(r.answer, UI_END);
	int status = -1;
	assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
	close(p.report);
	close(p.watch);
}

static void
test_watch(void **state)
{
	(void)state;
	struct peer p;
	struct report r;
	start(&p, hidden, "xterm", 80);
	assert_true(sees(&p, "Password: ", LONG_MS));
	close(p.watch);
	p.watch = -1;
	finish(&p, &r);
	assert_int_equal(r.answer, UI_WATCHED);
}

/* A new size asks for a new drawing and keeps what was typed. */
static void
test_resize(void **state)
{
	(void)state;
	struct peer p;
	struct report r;
	struct winsize size = { .ws_col = 100, .ws_row = 40 };
	start(&p, visible, "xterm", 80);
	assert_true(sees(&p, "Name: ", LONG_MS));
	type(&p, "pho", 3);
	assert_true(sees(&p, "Name: pho", LONG_MS));
	assert_int_equal(ioctl(p.terminal, TIOCSWINSZ, &size), 0);
	next_report(&p, &r);
	assert_int_equal(r.answer, UI_AGAIN);
	assert_string_equal(r.line.text, "pho");
	type(&p, "ne\r", 3);
	finish(&p, &r);
	assert_int_equal(r.answer, UI_DONE);
	assert_string_equal(r.line.text, "phone");
}

static struct ui_question
counting(unsigned seconds)
{
	struct ui_question q = { .prompt = "Code 2: ", .is_visible = true };
	q.next_at_s = (uint64_t)time(NULL) + seconds;
	return q;
}

static void
test_countdown(void **state)
{
	(void)state;
	struct peer p;
	struct report r;
	start(&p, counting(3), "xterm", 80);
	assert_true(sees(&p, "Code 2: ", LONG_MS));
	type(&p, "123", 3);
	/* Redrawn in its place, with what was typed, until the code is there. */
	assert_true(sees(&p, "\rNext code in 1 s.    Code 2: 123", LONG_MS));
	assert_true(sees(&p, "\rType the next code.  Code 2: 123", LONG_MS));
	type(&p, "456\r", 4);
	finish(&p, &r);
	assert_int_equal(r.answer, UI_DONE);
	assert_string_equal(r.line.text, "123456");
	/* In its place: no line end before the answer's. */
	assert_ptr_equal(strchr(p.seen, '\n'), strstr(p.seen, "456") + 4);
}

/* No countdown where it could not be redrawn. */
static void
test_no_countdown(void **state)
{
	(void)state;
	static const struct {
		const char *term;
		unsigned short columns;
	} poor[] = { { "dumb", 80 }, { "", 80 }, { "xterm", 30 } };
	for (size_t i = 0; i < sizeof poor / sizeof poor[0]; i++) {
		struct peer p;
		struct report r;
		start(&p, counting(20), poor[i].term, poor[i].columns);
		assert_true(sees(&p, "Code 2: ", LONG_MS));
		type(&p, "123456\r", 7);
		finish(&p, &r);
		assert_string_equal(r.line.text, "123456");
		assert_null(strstr(p.seen, "Next code"));
		assert_int_equal(r.has_controls, poor[i].columns == 30);
	}
}

/* Answers of a program: ui.in is a pipe. */
static void
lines_are(const char *input, size_t len, enum ui_answer first, const char *one,
    enum ui_answer second, const char *two)
{
	int ends[2];
	struct ui u = { .out = -1 };
	struct ui_line line = { 0 };
	const struct ui_question q = { .prompt = "never shown", .watch = -1 };
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], input, len), (ssize_t)len);
	close(ends[1]);
	u.in = ends[0];
	assert_int_equal(ui_ask(&u, &q, &line), first);
	assert_string_equal(line.text, one);
	ui_line_wipe(&line);
	assert_int_equal(ui_ask(&u, &q, &line), second);
	assert_string_equal(line.text, two);
	close(ends[0]);
}

#define LINES_ARE(input, ...) lines_are(input, sizeof(input) - 1, __VA_ARGS__)

static void
test_lines(void **state)
{
	(void)state;
	char big[UI_LINE_CAP + 1];
	LINES_ARE("one\ntwo\n", UI_DONE, "one", UI_DONE, "two");
	LINES_ARE("one\ntwo", UI_DONE, "one", UI_DONE, "two");
	LINES_ARE("one\n", UI_DONE, "one", UI_END, "");
	LINES_ARE("", UI_END, "", UI_END, "");
	LINES_ARE("\n\n", UI_DONE, "", UI_DONE, "");
	LINES_ARE(" a b \n", UI_DONE, " a b ", UI_END, "");
	LINES_ARE("a\0b\n", UI_FAILED, "", UI_DONE, "b");
	memset(big, 'a', sizeof big);
	lines_are(big, sizeof big, UI_FAILED, "", UI_DONE, "a");
}

/* The dialogue never goes where data go. */
static void
test_streams(void **state)
{
	(void)state;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int saved[3];
	struct ui u;
	assert_true(null >= 0);
	for (int i = 0; i < 3; i++)
		saved[i] = dup(i);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	ui_open(&u, true, true);
	bool is_person = u.is_person;
	int out_with_stdout = u.out;
	ui_close(&u);
	ui_open(&u, false, false);
	int out_without = u.out;
	ui_close(&u);
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	close(null);
	assert_false(is_person);
	assert_int_equal(out_with_stdout, STDOUT_FILENO);
	assert_int_equal(out_without, STDERR_FILENO);
}

static void
clean_is(const char *text, bool has_utf8, const char *wanted)
{
	char out[64];
	assert_string_equal(text_clean(text, has_utf8, out, sizeof out), wanted);
}

static void
test_clean(void **state)
{
	(void)state;
	clean_is("plain", false, "plain");
	clean_is("a\033[31mb\007\177\r", true, "a?[31mb???");
	clean_is("two\nlines\t", true, "two lines?");
	clean_is("M\xc3\xbcller \xe2\x82\xac", true, "M\xc3\xbcller \xe2\x82\xac");
	clean_is("M\xc3\xbcller", false, "M?ller");
	clean_is("\xc2\x9b" "31m", true, "?31m");		   /* C1 CSI */
	clean_is("\xe2\x80\xae" "x\xe2\x81\xa6", true, "?x?");	   /* overrides */
	clean_is("\xff\xc0\xaf\xed\xa0\x80", true, "??????");	   /* not UTF-8 */
	clean_is("\xf0\x9f\x98\x80\xf4\x90\x80\x80", true, "\xf0\x9f\x98\x80????");
	char small[4];
	assert_string_equal(text_clean("ab\xc3\xa4", true, small, sizeof small), "ab");
	assert_string_equal(text_clean("abcdef", true, small, sizeof small), "abc");
	assert_string_equal(text_clean("abcdef", true, small, 1), "");
}

static void
wrap_is(const char *text, unsigned columns, const char *wanted)
{
	char out[64];
	assert_string_equal(text_wrap(text, columns, out, sizeof out), wanted);
}

static void
test_wrap(void **state)
{
	(void)state;
	wrap_is("", 10, "\n");
	wrap_is("one two", 0, "one two\n");
	wrap_is("one two", 7, "one two\n");
	wrap_is("one two", 6, "one\ntwo\n");
	wrap_is("one two", 3, "one\ntwo\n");
	wrap_is("abcdefgh", 3, "abc\ndef\ngh\n");
	wrap_is("\xc3\xa4\xc3\xa4 \xc3\xa4", 2, "\xc3\xa4\xc3\xa4\n\xc3\xa4\n");
	wrap_is("ABCD EFGH IJKL", 9, "ABCD EFGH\nIJKL\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edit),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_interrupt_empties_the_queue),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_countdown),
		cmocka_unit_test(test_no_countdown),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
