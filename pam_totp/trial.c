/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* One conversation about a code, for both modules:
 *
 *  1. An answer is wiped on every way out of the step that asked for it.
 *  2. It is tried for the user who was asked: one whom the application changed meanwhile is
 *     refused (CVE-2024-9313).
 *  3. No lock and no file is held while the user types.
 *  4. Another prompt follows only an answer that may be a slip of the finger; where the code
 *     came from another module, none does. */

#include "trial.h"

static enum outcome
outcome_of(enum attempt_verdict v)
{
	switch (v) {
	case ATTEMPT_ACCEPTED:
		return OUTCOME_ACCEPTED;
	case ATTEMPT_WRONG:
		return OUTCOME_WRONG;
	case ATTEMPT_REUSED:
		return OUTCOME_REUSED;
	case ATTEMPT_MALFORMED:
		return OUTCOME_MALFORMED;
	case ATTEMPT_THROTTLED:
		return OUTCOME_THROTTLED;
	case ATTEMPT_LOCKED:
		return OUTCOME_LOCKED;
	case ATTEMPT_UNENROLLED:
		return OUTCOME_UNENROLLED;
	case ATTEMPT_CLOCK_BACK:
		return OUTCOME_CLOCK_BACK;
	case ATTEMPT_BURNT:
		return OUTCOME_BURNT;
	case ATTEMPT_FAILED:
		return OUTCOME_STORE;
	}
	return OUTCOME_INTERNAL;
}

/* *is_prompted: whether another try would ask anew. */
static int
ask(const struct trial *t, struct host_answer *a, bool is_first, bool *is_prompted)
{
	const struct settings *s = t->settings;
	struct otp_typed typed;

	*is_prompted = true;
	switch (s->first_pass) {
	case FIRST_PASS_NO:
		break;
	case FIRST_PASS_TRY:
		/* Only a token that has the shape of a code: a password is not a guess. */
		if (is_first && host_take_first_pass(t->host, a) == 0 &&
		    otp_parse_typed(a->span, &typed) == 0) {
			bytes_wipe(&typed, sizeof(typed));
			return 0;
		}
		break;
	case FIRST_PASS_USE:
		*is_prompted = false;
		return host_take_first_pass(t->host, a);
	case FIRST_PASS_APPEND:
		*is_prompted = false;
		return host_ask_appended(t->host, s->prompt, t->digits, a);
	}
	return host_ask(t->host, s->prompt, s->echo, a);
}

/* Obligation 4. */
static bool
may_retry(enum outcome o)
{
	return o == OUTCOME_WRONG || o == OUTCOME_REUSED || o == OUTCOME_MALFORMED ||
	    o == OUTCOME_BURNT || o == OUTCOME_UNENROLLED;
}

enum outcome
trial_run(const struct trial *t)
{
	enum outcome o = OUTCOME_INTERNAL;
	bool may_ask = true;

	for (unsigned i = 0; i < t->settings->tries && may_ask; i++) {
		struct host_answer answer;

		if (i > 0)
			report_outcome(t->host, t->settings, o, t->decision, t->result,
			    t->diag);
		/* What one try found is not said of the next. */
		bytes_wipe(t->result, sizeof(*t->result));
		if (ask(t, &answer, i == 0, &may_ask) != 0) {
			host_answer_wipe(&answer);
			return OUTCOME_NO_ANSWER;
		}
		if (!host_is_same_user(t->host)) {
			host_answer_wipe(&answer);
			return OUTCOME_USER_CHANGED;
		}
		struct attempt_request q = {
			.user = t->host->user,
			.uid = t->host->uid,
			.answer = answer.span,
			.source = t->host->source,
			.now_s = host_now(),
			.is_decoy = t->decision->action != POLICY_ASK,
			.may_tell = !t->host->is_silent,
		};
		o = outcome_of(t->attempt != NULL ?
		    t->attempt(t->ctx, answer.span, t->result, t->diag) :
		    attempt_run(&q, t->settings, t->store, t->result, t->diag));
		host_answer_wipe(&answer);
		if (!may_retry(o))
			return o;
	}
	return o;
}

bool
trial_is_prompting(const struct settings *s)
{
	return s->first_pass == FIRST_PASS_NO || s->first_pass == FIRST_PASS_TRY;
}
