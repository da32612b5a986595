/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_UI_H
#define PAM_TOTP_UI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#define UI_LINE_CAP 512 /* bytes of an answer, with NUL */

/* The person at the terminal, or the program on standard input. One at a time in a
 * process: it owns the signal handlers from ui_open to ui_close. */
struct ui {
	int in;		   /* answers are read here */
	int out;	   /* questions and remarks go here: standard output or error */
	bool is_person;	   /* in and out are a terminal: may ask */
	bool is_terminal;  /* out is one */
	bool has_controls; /* it understands cursor movement: is_person and not TERM=dumb */
	bool has_colour;
	bool has_utf8;
	bool has_modes; /* the terminal's modes are changed; saved holds the old ones */
	bool is_hidden; /* the alternate screen is shown */
	struct termios saved;
};

/* An answer being typed. */
struct ui_line {
	char text[UI_LINE_CAP];
	size_t len;
};

/* How a question ended. */
enum ui_answer {
	UI_STOPPED = 0, /* a signal asks to end: see ui_signal */
	UI_DONE,	/* a line is in *line */
	UI_END,		/* end of input, or ^D */
	UI_WATCHED,	/* watch became readable or was closed */
	UI_AGAIN,	/* resumed after ^Z, or resized: draw and ask again with the same *line */
	UI_LATE,	/* ui_wait only: the time is over */
	UI_FAILED	/* read(2) or poll(2) refused */
};

struct ui_question {
	const char *prompt; /* terminated; already clean */
	bool is_visible;    /* show what is typed */
	int watch;	    /* give up when this descriptor has something; -1: none */
	uint64_t next_at_s; /* count down to this moment (since 1970 UTC); 0: no countdown */
};

/* Find out what the terminal is, set the locale's character type, catch the signals that
 * end or stop a program (unless they are ignored). May be followed by ui_start_person.
 * wants_input: false when questions must never be asked (--no-input). wants_stdout: the
 * dialogue may use standard output (else standard error, so that output stays data). */
void ui_open(struct ui *u, bool wants_input, bool wants_stdout);

/* Turn echo and line editing by the terminal off, until ui_stop_person
 * or ui_close: what is typed between
 * two questions waits for the next one, unseen. No-op unless is_person. */
void ui_start_person(struct ui *u);
void ui_stop_person(struct ui *u);

/* Give the terminal back as it was. Safe to call twice. */
void ui_close(struct ui *u);

/* The signal that asked to end, or 0. The caller gives everything back, then lets it
 * have its way (signal(2) SIG_DFL and raise(3)), so that the shell sees it. */
int ui_signal(void);

/* Columns and lines of the terminal; 80 and 24 when it does not say. */
void ui_size(const struct ui *u, unsigned *columns, unsigned *rows);

/* Write to the dialogue. ui_put: as it is. ui_say: somebody's text, made clean, wrapped
 * at the terminal's width, ended by a line end. Failures to write are passed over. */
void ui_put(struct ui *u, const char *text);
void ui_say(struct ui *u, const char *text);

/* Show an empty screen whose content vanishes with ui_show, and never enters what can be
 * scrolled back; what was seen before comes back then. Called again it is emptied.
 * On a terminal without it the screen is wiped instead. No-op unless has_controls. */
void ui_hide(struct ui *u);
void ui_show(struct ui *u);

/* Ask and read a line. *line: {0} or, after UI_AGAIN, as it was. In the line: erase, kill
 * and end of file as the terminal has them; other control characters and escape sequences
 * are passed over; more than fits rings. Without a person a line is read from standard
 * input, nothing is written; a longer line is UI_FAILED.
 * The caller wipes *line; it is empty unless UI_DONE or UI_AGAIN. */
enum ui_answer ui_ask(struct ui *u, const struct ui_question *q, struct ui_line *line);

/* Ask for yes or no; anything but "y" or "yes" is no. *is_yes is set on UI_DONE only. */
enum ui_answer ui_confirm(struct ui *u, const char *question, int watch, bool *is_yes);

/* Wait until fd (UI_DONE) or watch (UI_WATCHED, preferred) is readable or closed, until
 * timeout_ms are over (UI_LATE; -1: never), or for a signal (UI_STOPPED, UI_AGAIN).
 * fd and watch: -1 for none. */
enum ui_answer ui_wait(struct ui *u, int fd, int watch, int timeout_ms);

/* Overwrite. */
void ui_line_wipe(struct ui_line *line);

#endif
