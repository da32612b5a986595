/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* The two steps of a login that pam_totp.so cannot do itself where its host is not root, as a
 * screen locker: who must show a code, and whether this is one. What stands on the line is
 * read by a process of the caller's, so nothing is granted here but an answer:
 *
 *  1. The account is the real uid's, as everywhere in this program.
 *  2. Policy, window, throttle and store are root's settings for the service that the caller
 *     names. Whoever names another one is judged by that one's section, in his own process:
 *     he can learn what `status` tells him anyway, begin his own days of grace early, or
 *     use up a code of his own. Guesses count all the same, whatever service is named, in
 *     one place, and lock_after ends them.
 *  3. The few arguments that are taken say who must show a code, never how it is checked.
 *  4. No password is asked for: the stack of the caller has asked. A code is counted and
 *     consumed before it is told, by the same attempt_run as at a login.
 *  5. A log line names the service as the caller's claim.
 */
#include <stdio.h>
#include <string.h>

#include "core/grace.h"
#include "core/phrase.h"
#include "login_line.h"
#include "utils/helper.h"
#include "utils/member.h"
#include "utils/phrases.h"

#define LOGIN_SOURCE "helper-login" /* throttle bucket, whatever the caller claims to be */

/* What the request says. */
struct request {
	const char *service;
	bool may_tell;
	int argc;
	const char *argv[LOGIN_ARGUMENTS_MAX];
};

static enum exit_code
read_request(struct helper *h, const struct message *m, struct request *q)
{
	uint64_t tell = 0;

	*q = (struct request){.service = message_get(m, "service")};
	if (q->service == NULL || message_get_u64(m, "tell", 0, 1, &tell) != 0)
		return helper_end(h, EXIT_CODE_USAGE, "expected service= and tell=");
	q->may_tell = tell == 1;
	while (q->argc < LOGIN_ARGUMENTS_MAX) {
		char key[PROTOCOL_WORD_CAP];

		if (snprintf(key, sizeof(key), "argument%d", q->argc) < 0)
			break;
		const char *argument = message_get(m, key);
		if (argument == NULL)
			break;
		if (login_argument_kind(argument) != LOGIN_ARGUMENT_POLICY) /* 3 */
			return helper_end(h, EXIT_CODE_USAGE, "this argument is not taken here");
		q->argv[q->argc++] = argument;
	}
	if (m->count != 3 + (unsigned)q->argc)
		return helper_end(h, EXIT_CODE_USAGE, "keys that do not belong to a login");
	(void)snprintf(h->claimed, sizeof(h->claimed), "%s", q->service);
	return helper_open(h, q->service, q->argc, q->argv);
}

/* Steps 1 and 3 of a login, as the module takes them. */
static enum exit_code
decide(struct helper *h, const struct request *q, struct policy_decision *out, unsigned *digits)
{
	const struct config_who who = {
		.service = q->service, .find_member = member_find, .ctx = h->user
	};
	struct policy_facts facts = {.is_account = true, .uid = h->uid, .now_s = helper_now_s()};
	struct store_entry e;
	struct diag d = {""};

	*out = (struct policy_decision){.action = POLICY_DENY};
	*digits = OTP_DIGITS_MIN;
	int r = config_in_groups(&h->settings, &who, &facts.in_groups, &d);
	if (r == 0)
		r = grace_decide(&facts, &h->settings, h->store, h->user, &e, out, &d);
	if (r != 0)
		return helper_end_error(h, r, &d);
	*digits = record_code_digits(&e.record, facts.now_s);
	store_entry_wipe(&e);
	return EXIT_CODE_OK;
}

enum exit_code
helper_policy(struct helper *h, const struct message *request)
{
	struct policy_decision decision;
	struct request q;
	struct message m;
	unsigned digits = 0;

	enum exit_code code = read_request(h, request, &q);
	if (code == EXIT_CODE_OK)
		code = decide(h, &q, &decision, &digits);
	if (code != EXIT_CODE_OK)
		return code;
	login_put_decision(&m, &decision, digits);
	return helper_send(h, &m);
}

static enum exit_code
tell(struct helper *h, const struct attempt_result *r, bool is_brief)
{
	struct message m;
	enum exit_code code = EXIT_CODE_OK;

	for (unsigned i = 0; i < r->notice_count && code == EXIT_CODE_OK; i++) {
		login_put_notice(&m, &r->notice[i]);
		code = helper_send(h, &m);
	}
	if (code != EXIT_CODE_OK)
		return code;
	login_put_result(&m, r, is_brief);
	return helper_send(h, &m);
}

enum exit_code
helper_login(struct helper *h, const struct message *request)
{
	struct policy_decision decision;
	struct attempt_result result;
	struct request q;
	struct message m;
	struct diag d = {""};
	unsigned digits = 0;
	char text[PHRASE_CAP];

	enum exit_code code = read_request(h, request, &q);
	if (code == EXIT_CODE_OK)
		code = decide(h, &q, &decision, &digits);
	if (code == EXIT_CODE_OK)
		code = helper_ask(h, "code", false, h->settings.prompt, &m);
	if (code != EXIT_CODE_OK)
		return code;
	const char *answer = message_get(&m, "text");
	const struct attempt_request a = {
		.user = h->user,
		.uid = h->uid,
		.answer = {answer, strlen(answer)},
		.source = LOGIN_SOURCE,
		.now_s = helper_now_s(),
		.is_decoy = decision.action != POLICY_ASK,
		.may_tell = q.may_tell,
	};
	enum attempt_verdict v = attempt_run(&a, &h->settings, h->store, &result, &d);
	message_wipe(&m);
	bool is_brief = h->settings.feedback == FEEDBACK_NONE;
	helper_log(h, v == ATTEMPT_ACCEPTED, "login", result.has_used_recovery ? "recovery" :
	    result.has_used_bypass ? "bypass" : phrase_attempt_word(v), result.device);
	phrase_attempt(&result, is_brief, text, sizeof(text));
	code = tell(h, &result, is_brief);
	if (code != EXIT_CODE_OK)
		return code;
	if (result.error == E_MISMATCH)
		return helper_end_mismatch(h, result.record_uid);
	if (v == ATTEMPT_FAILED)
		return helper_end_error(h, result.error, &d);
	return helper_end(h, phrase_attempt_exit(&result), "%s", text);
}
