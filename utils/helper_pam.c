/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* Does the caller know the password of his own account? The PAM service "totp-enroll"
 * decides; its conversation is relayed over the protocol.
 *
 *  1. The account is the one of the real uid; when a module renames it, nothing was shown.
 *  2. Success needs PAM_SUCCESS of authentication and of account management.
 *  3. A failure after any answer is counted on disk before it can be noticed, also by the
 *     time it takes: the delay that modules ask for comes after the count.
 *  4. Guesses made side by side do not help: who passes while his fellows have used up
 *     the tries waits with them.
 *  5. The conversation is bounded: 20 messages, 512 bytes each, an end to every wait.
 *  6. Answers are handed to libpam as pam_conv(3) wants them and wiped here.
 */
#include "utils/helper.h"

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/attempt.h"
#include "utils/phrases.h"

#define MESSAGES_MAX 20
#define DELAY_MAX_S 30

/* One authentication. */
struct relay {
	struct helper *h;
	unsigned messages;
	bool has_answered;	 /* something was tested, so a failure counts (3) */
	bool has_counted;
	bool has_passed;	 /* authenticated: what fails then was no guess */
	enum exit_code count;	 /* what counting gave */
	enum exit_code talk;	 /* not OK: the conversation is over, and why */
};

/* Count the failure once (obligation 3). */
static void
count_failure(struct relay *r)
{
	struct helper *h = r->h;
	struct diag d = {""};
	const struct attempt_request q = {
		.user = h->user,
		.uid = h->uid,
		.source = HELPER_SOURCE,
		.now_s = helper_now_s(),
	};

	if (r->has_counted || !r->has_answered)
		return;
	r->has_counted = true;
	/* From here to the end of the delay the caller cannot kill what counts him. */
	if (!guard_leave_pam()) {
		r->count = helper_end(h, EXIT_CODE_FAILURE, "cannot become root");
		return;
	}
	int error = attempt_count_failure(&q, h->store, &d);
	if (error != 0)
		r->count = helper_end_error(h, error, &d);
}

/* The delay function of pam_fail_delay(3), called by libpam with the result at hand. */
static void
delay(int status, unsigned delay_us, void *ctx)
{
	struct relay *r = ctx;
	unsigned delay_s = delay_us / 1000000;

	if (status == PAM_SUCCESS)
		return;
	count_failure(r);
	if (delay_s > DELAY_MAX_S)
		delay_s = DELAY_MAX_S;
	struct timespec t = {.tv_sec = delay_s, .tv_nsec = (long)(delay_us % 1000000) * 1000};
	while (nanosleep(&t, &t) != 0)
		;
}

/* Relay one message; *answer is NULL for one that wants none. */
static enum exit_code
relay_one(struct relay *r, const struct pam_message *pm, char **answer)
{
	struct message m;
	/* A text that is too long for a value is cut, as pam_conv(3) would have it. */
	char text[PROTOCOL_VALUE_CAP] = "";

	*answer = NULL;
	if (++r->messages > MESSAGES_MAX)
		return helper_end(r->h, EXIT_CODE_FAILURE,
		    "the PAM service " HELPER_SERVICE " asks too much");
	if (pm->msg != NULL)
		memcpy(text, pm->msg, strnlen(pm->msg, sizeof(text) - 1));
	if (pm->msg_style == PAM_TEXT_INFO || pm->msg_style == PAM_ERROR_MSG) {
		message_init(&m, pm->msg_style == PAM_TEXT_INFO ? "info" : "error");
		message_add(&m, "text", text);
		return helper_send(r->h, &m);
	}
	if (pm->msg_style != PAM_PROMPT_ECHO_OFF && pm->msg_style != PAM_PROMPT_ECHO_ON)
		return helper_end(r->h, EXIT_CODE_FAILURE,
		    "the PAM service " HELPER_SERVICE " asks for what is no text");

	enum exit_code code = helper_ask(r->h, "pam", pm->msg_style == PAM_PROMPT_ECHO_ON, text,
	    &m);
	if (code != EXIT_CODE_OK)
		return code;
	r->has_answered = true;
	*answer = strdup(message_get(&m, "text"));
	message_wipe(&m);
	if (*answer == NULL)
		return helper_end(r->h, EXIT_CODE_FAILURE, "out of memory");
	return EXIT_CODE_OK;
}

static void
drop_replies(struct pam_response *replies, int count)
{
	for (int i = 0; i < count; i++) {
		if (replies[i].resp == NULL)
			continue;
		bytes_wipe(replies[i].resp, strlen(replies[i].resp));
		free(replies[i].resp);
	}
	free(replies);
}

/* pam_conv(3). All or nothing: *out is set only when every message went well. */
static int
converse(int count, const struct pam_message **messages, struct pam_response **out, void *ctx)
{
	struct relay *r = ctx;

	if (count <= 0 || count > PAM_MAX_NUM_MSG || messages == NULL || out == NULL)
		return PAM_CONV_ERR;
	*out = NULL;
	if (r->talk != EXIT_CODE_OK)
		return PAM_CONV_ERR;
	struct pam_response *replies = calloc((size_t)count, sizeof(*replies));
	if (replies == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count && r->talk == EXIT_CODE_OK; i++)
		r->talk = relay_one(r, messages[i], &replies[i].resp);
	if (r->talk != EXIT_CODE_OK) {
		drop_replies(replies, count);
		return PAM_CONV_ERR;
	}
	*out = replies;
	return PAM_SUCCESS;
}

static int
set_items(pam_handle_t *pamh, const struct helper *h)
{
	/* ISO C has no conversion from a function pointer to the void * of this interface. */
	const union {
		void (*function)(int, unsigned, void *);
		const void *item;
	} fail_delay = {.function = delay};

	int status = pam_set_item(pamh, PAM_RUSER, h->user);
	if (status == PAM_SUCCESS)
		status = pam_set_item(pamh, PAM_FAIL_DELAY, fail_delay.item);
	if (status == PAM_SUCCESS && h->tty[0] != '\0')
		status = pam_set_item(pamh, PAM_TTY, h->tty);
	return status;
}

static bool
is_same_user(pam_handle_t *pamh, const struct helper *h)
{
	const void *now = NULL;

	return pam_get_item(pamh, PAM_USER, &now) == PAM_SUCCESS && now != NULL &&
	    strcmp(now, h->user) == 0;
}

/* Obligations 1 and 2. Returns PAM_SUCCESS, or what refused. */
static int
run_service(struct relay *r)
{
	const struct pam_conv conv = {converse, r};
	pam_handle_t *pamh = NULL;

	int status = pam_start(HELPER_SERVICE, r->h->user, &conv, &pamh);
	if (status != PAM_SUCCESS)
		return status;
	status = set_items(pamh, r->h);
	if (status == PAM_SUCCESS)
		status = pam_authenticate(pamh, PAM_DISALLOW_NULL_AUTHTOK);
	r->has_passed = status == PAM_SUCCESS;
	if (status == PAM_SUCCESS)
		status = pam_acct_mgmt(pamh, 0);
	if (status == PAM_SUCCESS && !is_same_user(pamh, r->h))
		status = PAM_PERM_DENIED;
	int end = pam_end(pamh, status);
	return status == PAM_SUCCESS ? end : status;
}

/* The right words for a refusal; it has been counted. */
static enum exit_code
explain(struct helper *h, int status)
{
	switch (status) {
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
		helper_log(h, false, "authenticate", "password-expired", "");
		return helper_end(h, EXIT_CODE_NOT_PERMITTED,
		    "your password has expired: change it first (passwd)");
	case PAM_ACCT_EXPIRED:
		helper_log(h, false, "authenticate", "account-expired", "");
		return helper_end(h, EXIT_CODE_NOT_PERMITTED, "your account has expired");
	case PAM_AUTH_ERR:
	case PAM_CRED_INSUFFICIENT:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_USER_UNKNOWN:
		helper_log(h, false, "authenticate", "password", "");
		return helper_end(h, EXIT_CODE_NOT_PERMITTED,
		    "authentication failed: nothing was changed");
	default:
		helper_log(h, false, "authenticate", "pam", "");
		helper_log_trouble(h, pam_strerror(NULL, status));
		return helper_end(h, EXIT_CODE_NOT_PERMITTED,
		    "you cannot be authenticated now; the system log has the details");
	}
}

enum exit_code
helper_check_wait(struct helper *h)
{
	struct store_entry e;

	enum exit_code code = helper_load(h, &e);
	if (code != EXIT_CODE_OK)
		return code;
	uint32_t wait_s = attempt_wait(&e.state, HELPER_SOURCE, helper_now_s(), &h->settings);
	store_entry_wipe(&e);
	return helper_end_wait(h, wait_s);
}

enum exit_code
helper_end_wait(struct helper *h, uint32_t wait_s)
{
	struct attempt_result told = {.verdict = ATTEMPT_THROTTLED, .wait_s = wait_s};
	char text[PHRASE_CAP];

	if (told.wait_s == 0)
		return EXIT_CODE_OK;
	if (told.wait_s == UINT32_MAX)
		told.verdict = ATTEMPT_LOCKED;
	helper_log(h, false, "authenticate", phrase_attempt_word(told.verdict), "");
	phrase_attempt(&told, false, text, sizeof(text));
	return helper_end(h, EXIT_CODE_THROTTLED, "%s", text);
}

enum exit_code
helper_authenticate(struct helper *h)
{
	struct relay r = {.h = h, .count = EXIT_CODE_OK, .talk = EXIT_CODE_OK};
	int status = PAM_SYSTEM_ERR;

	enum exit_code code = helper_check_wait(h);
	if (code != EXIT_CODE_OK)
		return code;
	if (!guard_enter_pam(h->uid))
		return helper_end(h, EXIT_CODE_FAILURE, "cannot run PAM modules as you");
	status = run_service(&r);
	/* A module may have failed without the delay function being called. */
	if (!r.has_passed)
		count_failure(&r);
	if (!guard_leave_pam())
		return helper_end(h, EXIT_CODE_FAILURE, "cannot become root");
	if (r.count != EXIT_CODE_OK)
		return r.count;
	/* An aborted conversation has set its own text. */
	if (r.talk != EXIT_CODE_OK)
		return r.talk;
	if (status != PAM_SUCCESS)
		code = explain(h, status);
	/* 4: the right guess among wrong ones gets the same answer as they. */
	enum exit_code wait = helper_check_wait(h);
	return wait == EXIT_CODE_OK ? code : wait;
}
