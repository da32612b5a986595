/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* One question and its answer. It promises:
 *  1. A hidden answer is never written anywhere; a visible one only to the terminal.
 *  2. The answer is in the caller's line and nowhere else: input is read a byte at a time,
 *     so nothing is kept in a buffer, and the next question finds what was typed ahead.
 *  3. While it waits it is awake: the countdown is redrawn in one write a second, in its
 *     place and with what has been typed, and a helper that ends wakes it up. */
#include "ui.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"

#define KEY_ESC 033
#define KEY_DEL 0177
#define KEY_CONTROL(letter) ((letter) & 037)
#define COUNTDOWN_COLUMNS 21 /* of the text before the prompt */
#define CODE_COLUMNS 12	     /* of what is typed after it, at most worth showing */

/* Where in an escape sequence (arrow keys, pasted brackets) the input is. */
enum escape { ESCAPE_NONE = 0, ESCAPE_BEGUN, ESCAPE_INSIDE };

struct editor {
	struct ui *ui;
	const struct ui_question *question;
	struct ui_line *line;
	enum escape escape;
	bool has_countdown;
};

void
ui_line_wipe(struct ui_line *line)
{
	bytes_wipe(line, sizeof *line);
}

/* The whole line from its beginning, in one write: no flicker, and no cursor movement
 * but a carriage return. *wait_ms: until it has to be drawn again; -1: never. */
static void
draw(const struct editor *e, int *wait_ms)
{
	char count[COUNTDOWN_COLUMNS + 1] = "";
	char text[UI_LINE_CAP + 256];
	struct timespec now;
	*wait_ms = -1;
	if (e->has_countdown && clock_gettime(CLOCK_REALTIME, &now) == 0) {
		uint64_t now_s = now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
		uint64_t next = e->question->next_at_s;
		if (next > now_s) {
			snprintf(count, sizeof count, "Next code in %u s.",
			    (unsigned)(next - now_s));
			*wait_ms = (int)(1000 - now.tv_nsec / 1000000);
		} else {
			snprintf(count, sizeof count, "Type the next code.");
		}
	}
	snprintf(text, sizeof text, "\r%-*s%s%s", count[0] != '\0' ? COUNTDOWN_COLUMNS : 0, count,
	    e->question->prompt, e->question->is_visible ? e->line->text : "");
	ui_put(e->ui, text);
	bytes_wipe(text, sizeof text);
}

static void
erase_character(struct editor *e)
{
	struct ui_line *line = e->line;
	if (line->len == 0)
		return;
	/* A character of UTF-8: its first byte is the one that is not 10xxxxxx. */
	do {
		line->len--;
	} while (line->len > 0 && ((unsigned char)line->text[line->len] & 0xc0) == 0x80);
	bytes_wipe(line->text + line->len, sizeof line->text - line->len);
	if (e->question->is_visible)
		ui_put(e->ui, "\b \b");
}

static void
insert(struct editor *e, char c)
{
	struct ui_line *line = e->line;
	if (line->len + 1 >= sizeof line->text) {
		ui_put(e->ui, "\a");
		return;
	}
	line->text[line->len++] = c;
	line->text[line->len] = '\0';
	if (e->question->is_visible)
		ui_put(e->ui, (char[2]){ c, '\0' });
}

/* Whether the terminal's own control character number i is c. */
static bool
is_special(const struct ui *u, int i, unsigned char c)
{
	return u->has_modes && c != 0 && u->saved.c_cc[i] == c;
}

/* Take one typed byte. UI_AGAIN: the line goes on. */
static enum ui_answer
take(struct editor *e, unsigned char c)
{
	const struct ui *u = e->ui;
	if (e->escape == ESCAPE_BEGUN) {
		e->escape = c == '[' || c == 'O' ? ESCAPE_INSIDE : ESCAPE_NONE;
		return UI_AGAIN;
	}
	if (e->escape == ESCAPE_INSIDE) {
		if (c >= 0x40 && c <= 0x7e)
			e->escape = ESCAPE_NONE;
		return UI_AGAIN;
	}
	if (c == '\n' || c == '\r')
		return UI_DONE;
	if (c == KEY_ESC) {
		e->escape = ESCAPE_BEGUN;
	} else if (c == KEY_CONTROL('D') || is_special(u, VEOF, c)) {
		if (e->line->len == 0)
			return UI_END;
	} else if (c == KEY_DEL || c == '\b' || is_special(u, VERASE, c)) {
		erase_character(e);
	} else if (c == KEY_CONTROL('U') || c == KEY_CONTROL('W') || is_special(u, VKILL, c)) {
		while (e->line->len > 0)
			erase_character(e);
	} else if (c >= 0x20) {
		insert(e, (char)c);
	}
	return UI_AGAIN;
}

/* Nothing was read: because the terminal is gone, or because a signal emptied its queue. */
static enum ui_answer
nothing_read(const struct ui *u)
{
	struct pollfd p = { .fd = u->in };
	bool is_gone = !u->has_modes || poll(&p, 1, 0) < 0 || p.revents != 0;
	return is_gone ? UI_END : UI_AGAIN;
}

/* The answer of a person. */
static enum ui_answer
edit(struct editor *e)
{
	enum ui_answer answer = UI_AGAIN;
	int wait_ms = -1;
	draw(e, &wait_ms);
	while (answer == UI_AGAIN) {
		answer = ui_wait(e->ui, e->ui->in, e->question->watch, wait_ms);
		if (answer == UI_LATE) {
			draw(e, &wait_ms);
			answer = UI_AGAIN;
			continue;
		}
		if (answer != UI_DONE)
			return answer;
		unsigned char c = 0;
		ssize_t n = read(e->ui->in, &c, 1);
		if (n < 0)
			return errno == EINTR ? UI_AGAIN : UI_FAILED;
		answer = n == 0 ? nothing_read(e->ui) : take(e, c);
		bytes_wipe(&c, sizeof c);
		if (e->has_countdown) {
			/* The second went on while keys were typed. */
			struct timespec now;
			if (wait_ms >= 0 && clock_gettime(CLOCK_REALTIME, &now) == 0)
				wait_ms = (int)(1000 - now.tv_nsec / 1000000);
		}
	}
	return answer;
}

/* A line of standard input, for a program. */
static enum ui_answer
read_line(struct ui *u, int watch, struct ui_line *line)
{
	for (;;) {
		enum ui_answer answer = ui_wait(u, u->in, watch, -1);
		if (answer == UI_AGAIN)
			continue;
		if (answer != UI_DONE)
			return answer;
		char c = 0;
		ssize_t n = read(u->in, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return UI_FAILED;
		if (n == 0)
			return line->len > 0 ? UI_DONE : UI_END;
		if (c == '\n')
			return UI_DONE;
		if (c == '\0' || line->len + 1 >= sizeof line->text)
			return UI_FAILED;
		line->text[line->len++] = c;
		line->text[line->len] = '\0';
	}
}

enum ui_answer
ui_ask(struct ui *u, const struct ui_question *q, struct ui_line *line)
{
	enum ui_answer answer = UI_FAILED;
	if (u->is_person) {
		struct editor e = { .ui = u, .question = q, .line = line };
		unsigned columns = 0;
		unsigned rows = 0;
		ui_size(u, &columns, &rows);
		/* A line that wraps cannot be redrawn from its beginning. */
		e.has_countdown = q->next_at_s > 0 && u->has_controls &&
		    COUNTDOWN_COLUMNS + strlen(q->prompt) + CODE_COLUMNS - 1 <= columns;
		bool had_modes = u->has_modes;
		ui_start_person(u);
		answer = edit(&e);
		if (answer != UI_AGAIN || !u->is_hidden)
			ui_put(u, "\n");
		if (!had_modes)
			ui_stop_person(u);
	} else {
		answer = read_line(u, q->watch, line);
	}
	if (answer != UI_DONE && answer != UI_AGAIN)
		ui_line_wipe(line);
	return answer;
}

enum ui_answer
ui_confirm(struct ui *u, const char *question, int watch, bool *is_yes)
{
	struct ui_question q = { .prompt = question, .is_visible = true, .watch = watch };
	struct ui_line line = { 0 };
	enum ui_answer answer = UI_AGAIN;
	while (answer == UI_AGAIN)
		answer = ui_ask(u, &q, &line);
	if (answer == UI_DONE)
		*is_yes = strcasecmp(line.text, "y") == 0 || strcasecmp(line.text, "yes") == 0;
	ui_line_wipe(&line);
	return answer;
}
