/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_PAM_APP_H
#define PAM_TOTP_TESTS_PAM_APP_H

#include <security/pam_appl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APP_SERVICE "totp-test"
#define APP_ANSWERS_MAX 16
#define APP_SHOWN_MAX 32
#define APP_TEXT_CAP 1024   /* of an answer */
#define APP_SHOWN_CAP 16384 /* of a prompt or message; a QR code is long */

/* How a scripted prompt is answered. */
enum app_answer_kind {
	APP_TEXT = 1, /* with the text */
	APP_NULL,     /* PAM_SUCCESS, but no text */
	APP_FAIL,     /* the conversation fails: PAM_CONV_ERR */
	APP_NO_REPLY  /* PAM_SUCCESS without any reply */
};

struct app_answer {
	enum app_answer_kind kind;
	/* Kept with every bit turned over, so that a search of the memory for an answer
	 * finds what others kept of it. */
	char turned[APP_TEXT_CAP];
	size_t len;
};

/* What was put before the user. */
struct app_shown {
	int style; /* PAM_PROMPT_ECHO_OFF ... */
	char text[APP_SHOWN_CAP];
};

/* An application that uses PAM, as login(1) does. Zero but for confdir is a good start. */
struct app {
	const char *confdir; /* where the service file is */
	const char *user;    /* NULL: the modules have to ask */
	const char *rhost;   /* NULL: not set */
	const char *ruser;
	const char *tty;
	int flags; /* of pam_authenticate */
	bool has_no_conversation;

	/* The conversation's script. */
	struct app_answer answer[APP_ANSWERS_MAX];
	unsigned answer_count;
	unsigned answer_next;
	void (*hook)(struct app *a); /* run inside the conversation, before each answer */

	/* What came of it. */
	struct app_shown shown[APP_SHOWN_MAX];
	unsigned shown_count;
	unsigned prompt_count;
	unsigned unscripted_count; /* prompts that the script had no answer for */
	unsigned delay_us;	   /* the largest that was asked for; libpam varies it by half */
	pam_handle_t *pamh;
	int last; /* the last return code of libpam */
};

/* Add an answer to the script. */
void app_will_answer(struct app *a, const char *text);
void app_will(struct app *a, enum app_answer_kind kind);

/* Forget script and what was shown; user, items and flags stay. */
void app_forget(struct app *a);

/* pam_start, the items, and nothing else. Returns libpam's code. */
int app_start(struct app *a);

/* app_start (unless it was called) and pam_authenticate; the handle stays open. */
int app_authenticate(struct app *a);

/* pam_end; harmless without a start. */
void app_end(struct app *a);

/* A whole login: app_authenticate and app_end. Returns the code of the first. */
int app_login(struct app *a);

/* The text of prompt or message i, "" when there was none. */
const char *app_shown(const struct app *a, unsigned i);

#endif
