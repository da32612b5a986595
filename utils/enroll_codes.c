/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Two codes that follow each other: asked from a person one after the other, with a
 * countdown between them, or read from a program on one line. It promises:
 *  1. Whether they are right is the helper's to say. Only what is no code of this device by
 *     its shape is refused here, because it would cost one of the few tries.
 *  2. The person may type at any time; nothing typed is lost to the countdown, a resized
 *     window or ^Z.
 *  3. Codes are wiped as soon as they are sent. */
#include "enroll_wizard.h"

#include <stdio.h>
#include <time.h>

static uint64_t
now_s(void)
{
	time_t now = time(NULL);
	return now > 0 ? (uint64_t)now : 0;
}

/* Whether what was typed is a code of this device; says so when it is not, which costs
 * no try. */
static bool
is_code(struct enroll *e, const struct wizard *w, const struct ui_line *line)
{
	struct otp_typed typed = { 0, 0 };
	char text[96];
	bool is_ok = otp_parse_typed((struct span){ line->text, line->len }, &typed) == E_OK &&
	    typed.digits == w->device.params.digits;
	bytes_wipe(&typed, sizeof typed);
	if (is_ok)
		return true;
	snprintf(text, sizeof text, "A code of this device is %u digits.", w->device.params.digits);
	ui_say(&e->ui, text);
	return false;
}

/* Ask a person for one code. first: the code before it, shown again with the screen; NULL
 * when this is the first. */
static enum ui_answer
ask_code(struct enroll *e, struct wizard *w, const struct ui_line *first, struct ui_line *line)
{
	uint64_t period_s = w->device.params.period_s;
	const struct ui_question q = {
		.prompt = first == NULL ? "Code 1: " : "Code 2: ",
		.is_visible = true,
		.watch = e->child.fd,
		.next_at_s = first != NULL && w->has_countdown ? (now_s() / period_s + 1) * period_s
							       : 0,
	};
	if (first != NULL && (!e->ui.has_controls || !w->has_countdown))
		ui_say(&e->ui, "Wait for the next code.");
	for (;;) {
		enum ui_answer answer = ui_ask(&e->ui, &q, line);
		if (answer == UI_DONE && !is_code(e, w, line)) {
			ui_line_wipe(line);
			continue;
		}
		if (answer != UI_AGAIN)
			return answer;
		if (e->options->has_json || !e->ui.has_controls || w->is_bare)
			continue;
		wizard_show(e, w);
		if (first != NULL) {
			ui_put(&e->ui, "Code 1: ");
			ui_put(&e->ui, first->text);
			ui_put(&e->ui, "\n");
		}
	}
}

/* A program's codes: one line, two words. */
static enum ui_answer
read_codes(struct enroll *e, struct ui_line *first, struct ui_line *second)
{
	const struct ui_question q = { .prompt = "", .watch = e->child.fd };
	struct ui_line line = { 0 };
	enum ui_answer answer = ui_ask(&e->ui, &q, &line);
	if (answer != UI_DONE)
		return answer;
	struct span rest = { line.text, line.len };
	struct span one = bytes_next_word(&rest);
	struct span two = bytes_next_word(&rest);
	first->len = one.len;
	second->len = two.len;
	/* Words of a line fit where the line fits. */
	if (bytes_copy(one, first->text, sizeof first->text) != E_OK ||
	    bytes_copy(two, second->text, sizeof second->text) != E_OK || two.len == 0 ||
	    rest.len != 0)
		answer = UI_FAILED;
	ui_line_wipe(&line);
	return answer;
}

int
wizard_ask_codes(struct enroll *e, struct wizard *w)
{
	struct ui_line first = { 0 };
	struct ui_line second = { 0 };
	struct message reply;
	enum ui_answer answer = UI_FAILED;
	if (e->ui.is_person) {
		/* Where nothing can be wiped, it is shown once. */
		if (!e->options->has_json && !w->is_bare && (e->ui.has_controls || !w->is_shown))
			wizard_show(e, w);
		else if (w->refusal[0] != '\0')
			ui_say(&e->ui, w->refusal);
		answer = ask_code(e, w, NULL, &first);
		if (answer == UI_DONE)
			answer = ask_code(e, w, &first, &second);
	} else {
		answer = read_codes(e, &first, &second);
	}
	int r = ENROLL_ON;
	if (answer == UI_DONE) {
		message_init(&reply, "codes");
		message_add(&reply, "first", first.text);
		message_add(&reply, "second", second.text);
		r = child_send(e, &reply);
	} else if (answer == UI_FAILED && !e->ui.is_person) {
		output_error(e, "expected one line with two codes: CODE1 CODE2");
		r = EXIT_CODE_USAGE;
	} else if (answer != UI_WATCHED) {
		ui_show(&e->ui);
		r = session_tell_unanswered(e, answer);
	}
	ui_line_wipe(&first);
	ui_line_wipe(&second);
	return r;
}
