/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* One request to the helper, from beginning to end. It promises:
 *  1. The helper asks, the person answers: which secrets are demanded, and whether they
 *     were right, is never decided on this side of the set-uid boundary.
 *  2. Every wait, for the person or for the helper, ends when the other one goes away.
 *  3. Answers are wiped as soon as they are sent.
 *  4. Texts of the helper, which may come from PAM modules and from what users typed, are
 *     made clean before a terminal sees them. */
#include "enroll.h"

#include <string.h>

#include "text.h"

int
session_check_input(struct enroll *e)
{
	if (e->ui.is_person || e->options->has_no_input)
		return ENROLL_ON;
	output_error(e, "there is no terminal to ask on; with --no-input answers are read from "
	    "standard input");
	return EXIT_CODE_USAGE;
}

int
session_tell_unanswered(struct enroll *e, enum ui_answer answer)
{
	switch (answer) {
	case UI_END:
		output_error(e, "end of input: nothing was changed");
		return EXIT_CODE_FAILURE;
	case UI_FAILED:
		output_error(e, "cannot read the answer: it is too long, or the input failed");
		return EXIT_CODE_USAGE;
	case UI_STOPPED:
	case UI_DONE:
	case UI_WATCHED:
	case UI_AGAIN:
	case UI_LATE:
		break;
	}
	return EXIT_CODE_FAILURE;
}

static bool
is_word(const struct message *m, const char *key, const char *word)
{
	const char *value = message_get(m, key);
	return value != NULL && strcmp(value, word) == 0;
}

/* Show a prompt of the helper and send what was typed. */
static int
relay_prompt(struct enroll *e, const struct message *m)
{
	char prompt[PROTOCOL_VALUE_CAP];
	struct ui_line line = { 0 };
	struct message reply;
	const char *text = message_get(m, "text");
	text_clean(text != NULL ? text : "", e->ui.has_utf8, prompt, sizeof prompt);
	/* A PAM module may leave the blank after the colon out. */
	size_t len = strlen(prompt);
	if (len > 0 && len + 1 < sizeof prompt && prompt[len - 1] == ':')
		memcpy(prompt + len, " ", 2);
	const struct ui_question q = { .prompt = prompt,
		.is_visible = is_word(m, "echo", "1"),
		.watch = e->child.fd };
	enum ui_answer answer = UI_AGAIN;
	int r = session_check_input(e);
	if (r != ENROLL_ON)
		return r;
	while (answer == UI_AGAIN)
		answer = ui_ask(&e->ui, &q, &line);
	if (answer == UI_DONE) {
		message_init(&reply, "answer");
		message_add(&reply, "text", line.text);
		r = child_send(e, &reply);
	} else if (answer != UI_WATCHED) {
		r = session_tell_unanswered(e, answer);
	}
	ui_line_wipe(&line);
	return r;
}

static int
relay_remark(struct enroll *e, const struct message *m)
{
	const char *text = message_get(m, "text");
	if (text == NULL)
		return ENROLL_ON;
	if (e->ui.is_person)
		ui_say(&e->ui, text);
	else
		output_error(e, "%s", text);
	return ENROLL_ON;
}

static int
take_hello(struct enroll *e, const struct message *m)
{
	uint64_t version = 0;
	const char *user = message_get(m, "user");
	if (user == NULL || strlen(user) >= sizeof e->user ||
	    message_get_u64(m, "version", PROTOCOL_VERSION, PROTOCOL_VERSION, &version) != E_OK) {
		output_error(e, "%s is of another version than totp-enroll", HELPER_PATH);
		return EXIT_CODE_FAILURE;
	}
	memcpy(e->user, user, strlen(user) + 1);
	return ENROLL_ON;
}

static int
take_done(struct enroll *e, const struct message *m)
{
	uint64_t code = EXIT_CODE_FAILURE;
	const char *text = message_get(m, "text");
	if (message_get_u64(m, "exit", EXIT_CODE_OK, EXIT_CODE_MAX, &code) != E_OK)
		code = EXIT_CODE_FAILURE;
	memcpy(e->text, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
	return (int)code;
}

/* Anything but `hello` and `done`. */
static int
dispatch(struct enroll *e, const struct message *m, enroll_handler *handle, void *context)
{
	if (strcmp(m->verb, "prompt") == 0)
		return relay_prompt(e, m);
	if (strcmp(m->verb, "info") == 0 || strcmp(m->verb, "error") == 0)
		return relay_remark(e, m);
	bool is_known = true;
	int r = handle != NULL ? handle(e, m, context, &is_known) : ENROLL_ON;
	if (handle != NULL && is_known)
		return r;
	output_error(e, "%s said \"%s\", which is not expected here", HELPER_PATH, m->verb);
	return EXIT_CODE_FAILURE;
}

int
session_run(struct enroll *e, struct message *request, enroll_handler *handle, void *context,
    bool *has_ended)
{
	struct message m;
	*has_ended = false;
	e->text[0] = '\0';
	ui_start_person(&e->ui);
	int r = child_start(&e->child);
	if (r == ENROLL_ON)
		r = child_receive(e, &m);
	if (r == ENROLL_ON && strcmp(m.verb, "hello") == 0) {
		r = take_hello(e, &m);
		if (r == ENROLL_ON)
			r = child_send(e, request);
		if (r == ENROLL_ON)
			r = child_receive(e, &m);
	}
	while (r == ENROLL_ON) {
		if (strcmp(m.verb, "done") == 0) {
			*has_ended = true;
			r = take_done(e, &m);
			break;
		}
		r = dispatch(e, &m, handle, context);
		if (r == ENROLL_ON)
			r = child_receive(e, &m);
	}
	message_wipe(&m);
	message_wipe(request);
	child_end(&e->child);
	ui_stop_person(&e->ui);
	return r;
}

int
session_tell(struct enroll *e, int code, bool has_ended, bool is_told)
{
	if (ui_signal() != 0)
		return EXIT_CODE_FAILURE;
	if (has_ended && code != EXIT_CODE_OK)
		output_error(e, "%s", e->text[0] != '\0' ? e->text : "refused");
	if (e->options->has_json) {
		struct output_object o;
		if (!output_begin(&o))
			return EXIT_CODE_FAILURE;
		json_number(&o.json, "exit", code);
		json_text(&o.json, "text", e->text);
		return output_end(&o) ? code : EXIT_CODE_FAILURE;
	}
	if (code != EXIT_CODE_OK || is_told || e->text[0] == '\0')
		return code;
	if (e->ui.is_person) {
		ui_say(&e->ui, e->text);
	} else {
		char clean[PROTOCOL_VALUE_CAP + 1];
		text_clean(e->text, e->ui.has_utf8, clean, sizeof clean - 1);
		size_t len = strlen(clean);
		memcpy(clean + len, "\n", 2);
		if (!output_put(clean))
			return EXIT_CODE_FAILURE;
	}
	return code;
}
