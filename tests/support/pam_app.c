/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A small application of PAM whose user is a script: answers in order, answers that are no
 * answers, a conversation that fails, and a hook for what happens while the user types. What
 * it is asked and told is kept for the test. It never waits: the delay after a
 * failure is noted. */

#include "pam_app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The conversation function owns what it returns until libpam has it. */
static void
drop_replies(struct pam_response *reply, int count)
{
	for (int i = 0; reply != NULL && i < count; i++)
		free(reply[i].resp);
	free(reply);
}

/* Take the next answer of the script. */
static int
reply_to(struct app *a, struct pam_response *reply)
{
	a->prompt_count++;
	if (a->hook != NULL)
		a->hook(a);
	if (a->answer_next >= a->answer_count) {
		a->unscripted_count++;
		return PAM_CONV_ERR;
	}
	const struct app_answer *answer = &a->answer[a->answer_next++];
	if (answer->kind == APP_FAIL)
		return PAM_CONV_ERR;
	if (answer->kind != APP_TEXT)
		return PAM_SUCCESS;
	char *text = malloc(answer->len + 1);
	if (text == NULL)
		return PAM_BUF_ERR;
	for (size_t i = 0; i < answer->len; i++)
		text[i] = (char)~answer->turned[i];
	text[answer->len] = '\0';
	reply->resp = text;
	return PAM_SUCCESS;
}

static int
converse(int count, const struct pam_message **message, struct pam_response **replies, void *data)
{
	struct app *a = data;
	int r = PAM_SUCCESS;

	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	struct pam_response *reply = calloc((size_t)count, sizeof(*reply));
	if (reply == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count && r == PAM_SUCCESS; i++) {
		int style = message[i]->msg_style;

		if (a->shown_count < APP_SHOWN_MAX) {
			struct app_shown *shown = &a->shown[a->shown_count];
			shown->style = style;
			(void)snprintf(shown->text, sizeof(shown->text), "%s", message[i]->msg);
		}
		a->shown_count++;
		if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON)
			r = reply_to(a, &reply[i]);
	}
	bool is_without = a->answer_next > 0 && a->prompt_count > 0 &&
	    a->answer[a->answer_next - 1].kind == APP_NO_REPLY;
	if (r != PAM_SUCCESS || is_without) {
		drop_replies(reply, count);
		reply = NULL;
	}
	*replies = reply;
	return r;
}

static void
note_delay(int code, unsigned us, void *data)
{
	struct app *a = data;

	(void)code;
	if (us > a->delay_us)
		a->delay_us = us;
}

void
app_will_answer(struct app *a, const char *text)
{
	struct app_answer *answer = &a->answer[a->answer_count];

	if (a->answer_count == APP_ANSWERS_MAX || strlen(text) >= sizeof(answer->turned))
		abort();
	a->answer_count++;
	answer->kind = APP_TEXT;
	answer->len = strlen(text);
	for (size_t i = 0; i < answer->len; i++)
		answer->turned[i] = (char)~text[i];
}

void
app_will(struct app *a, enum app_answer_kind kind)
{
	if (a->answer_count == APP_ANSWERS_MAX)
		abort();
	a->answer[a->answer_count++].kind = kind;
}

void
app_forget(struct app *a)
{
	a->hook = NULL;
	a->answer_count = 0;
	a->answer_next = 0;
	a->shown_count = 0;
	a->prompt_count = 0;
	a->unscripted_count = 0;
	a->delay_us = 0;
}

static int
set_item(struct app *a, int item, const char *value)
{
	if (value == NULL)
		return PAM_SUCCESS;
	return pam_set_item(a->pamh, item, value);
}

int
app_start(struct app *a)
{
	struct pam_conv conversation = {
		.conv = a->has_no_conversation ? NULL : converse, .appdata_ptr = a
	};
	/* The item is a function, given as a pointer to void by pam_set_item(3). */
	union {
		void (*function)(int code, unsigned us, void *data);
		const void *item;
	} delay = { .function = note_delay };

	a->last = pam_start_confdir(APP_SERVICE, a->user, &conversation, a->confdir, &a->pamh);
	if (a->last == PAM_SUCCESS)
		a->last = set_item(a, PAM_RHOST, a->rhost);
	if (a->last == PAM_SUCCESS)
		a->last = set_item(a, PAM_RUSER, a->ruser);
	if (a->last == PAM_SUCCESS)
		a->last = set_item(a, PAM_TTY, a->tty);
	if (a->last == PAM_SUCCESS)
		a->last = pam_set_item(a->pamh, PAM_FAIL_DELAY, delay.item);
	return a->last;
}

int
app_authenticate(struct app *a)
{
	if (a->pamh == NULL && app_start(a) != PAM_SUCCESS)
		return a->last;
	a->last = pam_authenticate(a->pamh, a->flags);
	return a->last;
}

void
app_end(struct app *a)
{
	if (a->pamh != NULL)
		(void)pam_end(a->pamh, a->last);
	a->pamh = NULL;
}

int
app_login(struct app *a)
{
	int r = app_authenticate(a);

	app_end(a);
	return r;
}

const char *
app_shown(const struct app *a, unsigned i)
{
	return i < a->shown_count && i < APP_SHOWN_MAX ? a->shown[i].text : "";
}
