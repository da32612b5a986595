/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Decisions and verdicts on the line between totp-helper and the module:
 *
 *  1. A taker fills its result only from a message that is whole: every key there, none
 *     besides, every value in its range. All else gives the value that denies.
 *  2. Neither an answer nor a secret is a value here.
 *  3. An argument that could make guessing easier, or name another file, is not handed to a
 *     program of root's by somebody who is not root. What is handed on only says who must
 *     show a code, and that answer goes back to the process that gave it. */

#include "login_line.h"

#include <string.h>

#include "core/phrase.h"

#define DECISION_PAIRS 6
#define RESULT_PAIRS 13
#define NOTICE_PAIRS 2

static const char *const action_word[] = {
	[POLICY_DENY] = "deny", [POLICY_ASK] = "ask", [POLICY_SKIP] = "skip",
	[POLICY_ENROL] = "enrol"
};
static const char *const reason_word[] = {
	[POLICY_UNENROLLED] = "unenrolled", [POLICY_ENROLLED] = "enrolled",
	[POLICY_OTHER_ACCOUNT] = "other-account", [POLICY_EXEMPT] = "exempt",
	[POLICY_NOT_IN_GROUPS] = "not-in-groups", [POLICY_NOT_YET] = "not-yet",
	[POLICY_GRACE] = "grace", [POLICY_ENROL_BY] = "enrol-by"
};
#define ACTIONS (sizeof(action_word) / sizeof(action_word[0]))
#define REASONS (sizeof(reason_word) / sizeof(reason_word[0]))

static const struct {
	const char *key;
	enum login_argument kind;
} argument_kinds[] = {
	{ "prompt", LOGIN_ARGUMENT_TALK }, { "tries", LOGIN_ARGUMENT_TALK },
	{ "echo", LOGIN_ARGUMENT_TALK }, { "feedback", LOGIN_ARGUMENT_TALK },
	{ "first_pass", LOGIN_ARGUMENT_TALK }, { "fail_delay", LOGIN_ARGUMENT_TALK },
	{ "export_env", LOGIN_ARGUMENT_TALK },
	/* Without effect: here are no sessions, and nobody enrols. */
	{ "max_age", LOGIN_ARGUMENT_TALK }, { "session_class", LOGIN_ARGUMENT_TALK },
	{ "session_source", LOGIN_ARGUMENT_TALK }, { "issuer", LOGIN_ARGUMENT_TALK },
	{ "qr", LOGIN_ARGUMENT_TALK }, { "enrol_ticket", LOGIN_ARGUMENT_TALK },
	{ "max_devices", LOGIN_ARGUMENT_TALK },
	{ "unenrolled", LOGIN_ARGUMENT_POLICY }, { "grace_days", LOGIN_ARGUMENT_POLICY },
	{ "enforce_after", LOGIN_ARGUMENT_POLICY }, { "groups", LOGIN_ARGUMENT_POLICY },
};

enum login_argument
login_argument_kind(const char *argument)
{
	for (size_t i = 0; i < sizeof(argument_kinds) / sizeof(argument_kinds[0]); i++) {
		size_t len = strlen(argument_kinds[i].key);

		if (strncmp(argument, argument_kinds[i].key, len) == 0 && argument[len] == '=')
			return argument_kinds[i].kind;
	}
	return LOGIN_ARGUMENT_UNFIT;
}

/* The number of a word in a list, or count when it is not there. */
static size_t
find_word(const char *const *words, size_t count, const char *word)
{
	size_t i = 0;

	while (word != NULL && i < count && strcmp(words[i], word) != 0)
		i++;
	return word == NULL ? count : i;
}

static int
take_text(const struct message *m, const char *key, char *out, size_t cap)
{
	const char *text = message_get(m, key);

	if (text == NULL)
		return E_INVALID;
	return bytes_copy((struct span){ text, strlen(text) }, out, cap) == 0 ? 0 : E_INVALID;
}

static int
take_u32(const struct message *m, const char *key, uint32_t *out)
{
	uint64_t n = 0;
	int r = message_get_u64(m, key, 0, UINT32_MAX, &n);

	*out = (uint32_t)n;
	return r;
}

static int
take_flag(const struct message *m, const char *key, bool *out)
{
	uint64_t n = 0;
	int r = message_get_u64(m, key, 0, 1, &n);

	*out = n == 1;
	return r;
}

void
login_put_decision(struct message *m, const struct policy_decision *p, unsigned digits)
{
	message_init(m, "decision");
	message_add(m, "action", p->action < ACTIONS ? action_word[p->action] : "");
	message_add(m, "reason", p->reason < REASONS ? reason_word[p->reason] : "");
	message_add_u64(m, "until", p->until_s);
	message_add_u64(m, "days", p->days_left);
	message_add(m, "exemption", p->exemption);
	message_add_u64(m, "digits", digits);
}

int
login_take_decision(const struct message *m, struct policy_decision *out, unsigned *digits)
{
	struct policy_decision p = { .action = POLICY_DENY };
	uint32_t days = 0, shown = 0;
	size_t action = find_word(action_word, ACTIONS, message_get(m, "action"));
	size_t reason = find_word(reason_word, REASONS, message_get(m, "reason"));

	*out = p;
	*digits = OTP_DIGITS_MIN;
	if (strcmp(m->verb, "decision") != 0 || m->count != DECISION_PAIRS || action == ACTIONS ||
	    reason == REASONS ||
	    message_get_u64(m, "until", 0, UINT64_MAX, &p.until_s) != 0 ||
	    take_u32(m, "days", &days) != 0 || take_u32(m, "digits", &shown) != 0 ||
	    shown < OTP_DIGITS_MIN || shown > OTP_DIGITS_MAX ||
	    take_text(m, "exemption", p.exemption, sizeof(p.exemption)) != 0)
		return E_INVALID;
	p.action = (enum policy_action)action;
	p.reason = (enum policy_reason)reason;
	p.days_left = days;
	*out = p;
	*digits = shown;
	return 0;
}

/* `feedback = none`: one word for whatever was typed. */
static enum attempt_verdict
brief(enum attempt_verdict v)
{
	switch (v) {
	case ATTEMPT_REUSED:
	case ATTEMPT_MALFORMED:
	case ATTEMPT_UNENROLLED:
	case ATTEMPT_BURNT:
	case ATTEMPT_WRONG:
		return ATTEMPT_WRONG;
	case ATTEMPT_FAILED:
	case ATTEMPT_ACCEPTED:
	case ATTEMPT_THROTTLED:
	case ATTEMPT_LOCKED:
	case ATTEMPT_CLOCK_BACK:
		break;
	}
	return v;
}

void
login_put_result(struct message *m, const struct attempt_result *r, bool is_brief)
{
	struct attempt_result told = *r;

	if (is_brief && r->verdict != ATTEMPT_ACCEPTED)
		told = (struct attempt_result){ .verdict = brief(r->verdict), .fails = r->fails,
			.has_locked = r->has_locked, .has_rebuilt = r->has_rebuilt };
	message_init(m, "verdict");
	message_add(m, "word", phrase_attempt_word(told.verdict));
	message_add(m, "device", told.device);
	message_add_u64(m, "fails", told.fails);
	message_add_u64(m, "wait", told.wait_s);
	message_add_u64(m, "behind", told.behind_s);
	message_add_u64(m, "recovery", told.has_used_recovery);
	message_add_u64(m, "recovery-left", told.recovery_left);
	message_add_u64(m, "bypass", told.has_used_bypass);
	message_add_u64(m, "rebuilt", told.has_rebuilt);
	message_add_u64(m, "locked", told.has_locked);
	message_add_u64(m, "elsewhere", told.fails_elsewhere);
	message_add_u64(m, "rotate-by", told.rotate_by);
	message_add_u64(m, "must-rotate", told.must_rotate);
}

/* The verdict of a word; false: it is none. */
static bool
find_verdict(const char *word, enum attempt_verdict *out)
{
	for (int v = ATTEMPT_FAILED; word != NULL && v <= ATTEMPT_BURNT; v++) {
		if (strcmp(phrase_attempt_word((enum attempt_verdict)v), word) != 0)
			continue;
		*out = (enum attempt_verdict)v;
		return true;
	}
	return false;
}

int
login_take_result(const struct message *m, struct attempt_result *out)
{
	struct attempt_result r = *out; /* with the notices that came before */
	uint32_t left = 0;

	out->verdict = ATTEMPT_FAILED;
	if (strcmp(m->verb, "verdict") != 0 || m->count != RESULT_PAIRS ||
	    !find_verdict(message_get(m, "word"), &r.verdict) ||
	    take_text(m, "device", r.device, sizeof(r.device)) != 0 ||
	    (r.device[0] != '\0' && !record_device_name_ok(r.device)) ||
	    take_u32(m, "fails", &r.fails) != 0 || take_u32(m, "wait", &r.wait_s) != 0 ||
	    take_u32(m, "behind", &r.behind_s) != 0 ||
	    take_flag(m, "recovery", &r.has_used_recovery) != 0 ||
	    take_u32(m, "recovery-left", &left) != 0 ||
	    take_flag(m, "bypass", &r.has_used_bypass) != 0 ||
	    take_flag(m, "rebuilt", &r.has_rebuilt) != 0 ||
	    take_flag(m, "locked", &r.has_locked) != 0 ||
	    take_u32(m, "elsewhere", &r.fails_elsewhere) != 0 ||
	    message_get_u64(m, "rotate-by", 0, UINT64_MAX, &r.rotate_by) != 0 ||
	    take_flag(m, "must-rotate", &r.must_rotate) != 0)
		return E_INVALID;
	r.recovery_left = left;
	*out = r;
	return 0;
}

void
login_put_notice(struct message *m, const struct record_notice *n)
{
	message_init(m, "notice");
	message_add_u64(m, "at", n->at);
	message_add(m, "text", n->text);
}

int
login_take_notice(const struct message *m, struct attempt_result *out)
{
	struct record_notice n = { .id = 0 };

	if (strcmp(m->verb, "notice") != 0 || m->count != NOTICE_PAIRS ||
	    message_get_u64(m, "at", 0, RECORD_TIME_MAX, &n.at) != 0 ||
	    take_text(m, "text", n.text, sizeof(n.text)) != 0 || !record_text_ok(n.text))
		return E_INVALID;
	if (out->notice_count >= ATTEMPT_NOTICES_MAX)
		return E_LIMIT;
	out->notice[out->notice_count++] = n;
	return 0;
}
