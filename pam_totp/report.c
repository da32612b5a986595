/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What the administrator reads in the log and the user on the screen.
 *
 *  1. No answer, code or secret is a parameter here, so none can be told.
 *  2. A name without an account is not logged: people type passwords there
 *     (Linux-PAM commit 4b3e2f9f).
 *  3. Every value is escaped, so that none can forge a field or a line (ASVS 16.4.1). */

#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/date.h"
#include "core/text.h"

/* The four items, device, exemption and error at their longest, each byte escaped, and the rest. */
#define LINE_CAP (3 * (4 * HOST_TEXT_CAP + RECORD_NAME_CAP + RECORD_REASON_CAP + \
    DIAG_TEXT_MAX) + 512)
#define MESSAGE_CAP 512 /* the longest user name and what is said of it */

static const struct {
	int priority;
	const char *event;
	const char *reason;
} words[OUTCOMES_MAX] = {
	[OUTCOME_INTERNAL] = { LOG_CRIT, "error", "internal" },
	[OUTCOME_ACCEPTED] = { LOG_INFO, "accept", "code" },
	[OUTCOME_SESSION] = { LOG_INFO, "accept", "session" },
	[OUTCOME_ENROLLED] = { LOG_INFO, "accept", "enrolled" },
	[OUTCOME_PROVEN] = { LOG_INFO, "rotate", "code" },
	[OUTCOME_SKIPPED] = { LOG_NOTICE, "skip", "unenrolled" },
	[OUTCOME_EXEMPT] = { LOG_WARNING, "skip", "exempt" },
	[OUTCOME_NOT_REQUIRED] = { LOG_INFO, "skip", "not-in-groups" },
	[OUTCOME_NOT_YET] = { LOG_NOTICE, "skip", "not-enforced-yet" },
	[OUTCOME_GRACE] = { LOG_NOTICE, "skip", "grace" },
	[OUTCOME_ENROL_BY] = { LOG_NOTICE, "skip", "reset" },
	[OUTCOME_WRONG] = { LOG_NOTICE, "deny", "wrong" },
	[OUTCOME_REUSED] = { LOG_WARNING, "deny", "reused" },
	[OUTCOME_MALFORMED] = { LOG_NOTICE, "deny", "malformed" },
	[OUTCOME_BURNT] = { LOG_WARNING, "deny", "state-lost" },
	[OUTCOME_CLOCK_BACK] = { LOG_ERR, "deny", "clock-back" },
	[OUTCOME_UNENROLLED] = { LOG_NOTICE, "deny", "unenrolled" },
	[OUTCOME_THROTTLED] = { LOG_NOTICE, "deny", "throttled" },
	[OUTCOME_LOCKED] = { LOG_WARNING, "deny", "locked" },
	[OUTCOME_SESSION_OVER] = { LOG_NOTICE, "deny", "session-over" },
	[OUTCOME_NO_ANSWER] = { LOG_NOTICE, "deny", "no-answer" },
	[OUTCOME_NO_USER] = { LOG_NOTICE, "deny", "no-user" },
	[OUTCOME_USER_CHANGED] = { LOG_WARNING, "deny", "user-changed" },
	[OUTCOME_STORE] = { LOG_CRIT, "error", "store" },
	[OUTCOME_NO_HELPER] = { LOG_CRIT, "error", "helper" },
	[OUTCOME_SETTINGS] = { LOG_CRIT, "error", "settings" },
};

static void
put_number(struct bytes_writer *w, const char *key, uint64_t n)
{
	bytes_put(w, " ");
	bytes_put(w, key);
	bytes_put(w, "=");
	bytes_put_u64(w, n);
}

static void
put_date(struct bytes_writer *w, const char *key, uint64_t at_s)
{
	char day[DATE_CAP];

	date_print(at_s, day);
	text_put_field(w, key, day);
}

void
report_log(const struct host *h, enum outcome o, const struct policy_decision *p,
    const struct attempt_result *r, const struct diag *d)
{
	char line[LINE_CAP];
	struct bytes_writer w;
	int priority = words[o].priority;
	bool is_lookup = o == OUTCOME_UNENROLLED && h->account_error != 0;

	bytes_writer_init(&w, line, sizeof(line));
	bytes_put(&w, "event=");
	bytes_put(&w, words[o].event);
	text_put_field(&w, "reason", is_lookup ? "account-lookup" :
	    r->has_used_recovery ? "recovery" :
	    r->has_used_bypass ? "bypass" : words[o].reason);
	text_put_field(&w, "user", h->is_account ? h->user : "");
	text_put_field(&w, "service", h->service);
	text_put_field(&w, "rhost", h->rhost);
	text_put_field(&w, "tty", h->tty);
	text_put_field(&w, "device", r->device);
	put_number(&w, "fails", r->fails);
	put_number(&w, "wait", r->wait_s);
	if (r->behind_s > 0)
		put_number(&w, "behind", r->behind_s);
	if (r->has_used_recovery)
		put_number(&w, "recovery-left", r->recovery_left);
	if (r->fails_elsewhere > 0)
		put_number(&w, "elsewhere", r->fails_elsewhere);
	if (r->must_rotate)
		bytes_put(&w, " rotate=overdue");
	if (p->action == POLICY_SKIP && p->until_s > 0)
		put_date(&w, "until", p->until_s);
	if (p->action == POLICY_SKIP && p->reason == POLICY_EXEMPT)
		text_put_field(&w, "why", p->exemption);
	if (r->has_locked)
		bytes_put(&w, " locked=now");
	if (r->has_rebuilt)
		bytes_put(&w, " state=rebuilt");
	if (o == OUTCOME_STORE || o == OUTCOME_NO_HELPER || o == OUTCOME_SETTINGS)
		text_put_field(&w, "error", d->text);
	if (is_lookup) {
		char why[DIAG_TEXT_MAX];
		errno = h->account_error;
		(void)snprintf(why, sizeof(why), "the account cannot be looked up: %m");
		text_put_field(&w, "error", why);
		priority = LOG_ERR;
	}
	if (r->has_locked || r->has_rebuilt)
		priority = LOG_ALERT;
	host_log(h, priority, line);
}

/* Why a right code does not count, and when the next one comes. */
static void
write_wait(char text[MESSAGE_CAP], const char *why, uint32_t wait_s)
{
	if (wait_s > 0)
		snprintf(text, MESSAGE_CAP, "%s Wait for the next code (about %u s).", why,
		    wait_s);
	else
		snprintf(text, MESSAGE_CAP, "%s Wait for the next code.", why);
}

void
report_tell(const struct host *h, enum outcome o, const struct attempt_result *r)
{
	char text[MESSAGE_CAP] = "";

	switch (o) {
	case OUTCOME_ACCEPTED:
	case OUTCOME_PROVEN:
		if (r->has_used_recovery) {
			snprintf(text, sizeof(text), "Recovery code used, %u left.",
			    r->recovery_left);
			host_tell(h, false, text);
		}
		if (r->has_used_bypass)
			host_tell(h, false, "One-time code of the administrator used: enrol a new "
			    "device, it will not work again.");
		return;
	/* One text for all three: sshd puts junk in the place of what a user typed whom it
	 * does not know or does not let in, so a word for malformed would tell who that is. */
	case OUTCOME_WRONG:
	case OUTCOME_UNENROLLED:
	case OUTCOME_MALFORMED:
		if (r->behind_s == 0)
			snprintf(text, sizeof(text), "This code is not right.");
		else
			snprintf(text, sizeof(text), "This code is %u s old. If you typed it "
			    "at once, the clock of device \"%s\" is slow: set it to automatic "
			    "time.", r->behind_s, r->device);
		break;
	case OUTCOME_REUSED:
		write_wait(text, "This code was already used.", r->wait_s);
		break;
	case OUTCOME_BURNT:
		write_wait(text, "This code cannot be used any more.", r->wait_s);
		break;
	case OUTCOME_THROTTLED:
		snprintf(text, sizeof(text), "Too many wrong codes. Try again in %u s.",
		    r->wait_s);
		break;
	case OUTCOME_LOCKED:
		snprintf(text, sizeof(text), "Too many wrong codes: MFA is locked for this "
		    "account. Ask your administrator.");
		break;
	case OUTCOME_CLOCK_BACK:
		snprintf(text, sizeof(text), "The clock of this host was set back, so no code "
		    "can be accepted. Ask your administrator.");
		break;
	case OUTCOME_SESSION_OVER:
		snprintf(text, sizeof(text), "The last MFA code on this terminal is too old: "
		    "authenticate anew (sudo -k makes sudo ask).");
		break;
	case OUTCOME_NO_HELPER:
		snprintf(text, sizeof(text), "This program cannot check MFA codes here: it may not "
		    "read the store. Ask your administrator.");
		break;
	case OUTCOME_STORE:
	case OUTCOME_SETTINGS:
	case OUTCOME_INTERNAL:
		snprintf(text, sizeof(text), "MFA cannot be checked at the moment. Ask your "
		    "administrator.");
		break;
	case OUTCOME_SESSION:
	case OUTCOME_ENROLLED:
	case OUTCOME_SKIPPED:
	case OUTCOME_EXEMPT:
	case OUTCOME_NOT_REQUIRED:
	case OUTCOME_NOT_YET:
	case OUTCOME_GRACE:
	case OUTCOME_ENROL_BY:
	case OUTCOME_NO_ANSWER:
	case OUTCOME_NO_USER:
	case OUTCOME_USER_CHANGED:
		return;
	}
	host_tell(h, true, text);
}

/* What happened to the devices since the last login. */
static void
tell_changes(const struct host *h, const struct attempt_result *r)
{
	char text[MESSAGE_CAP], at[DATE_MINUTE_CAP];

	if (r->fails_elsewhere > 0) {
		snprintf(text, sizeof(text), "%u MFA attempt%s for %s failed elsewhere since the "
		    "last login. If that was not you, somebody may know your password.",
		    r->fails_elsewhere, r->fails_elsewhere == 1 ? "" : "s", h->user);
		host_tell(h, false, text);
	}
	for (unsigned i = 0; i < r->notice_count; i++) {
		date_print_minute(r->notice[i].at, at);
		snprintf(text, sizeof(text), "Notice of %s: %s", at, r->notice[i].text);
		host_tell(h, false, text);
	}
}

/* What is to be done about the device that was used. */
static void
tell_rotation(const struct host *h, const struct attempt_result *r)
{
	char text[MESSAGE_CAP], day[DATE_CAP];

	if (r->rotate_by == 0)
		return;
	date_print(r->rotate_by, day);
	snprintf(text, sizeof(text), "Device \"%s\" %s replaced by %s: run totp-enroll rotate %s",
	    r->device, r->must_rotate ? "had to be" : "must be", day, r->device);
	host_tell(h, false, text);
}

void
report_notices(const struct host *h, enum outcome o, const struct policy_decision *p,
    const struct attempt_result *r)
{
	char text[MESSAGE_CAP] = "", day[DATE_CAP];

	date_print(p->until_s, day);
	switch (o) {
	case OUTCOME_ACCEPTED:
		tell_changes(h, r);
		tell_rotation(h, r);
		return;
	case OUTCOME_PROVEN:
		tell_changes(h, r);
		return;
	case OUTCOME_GRACE:
	case OUTCOME_ENROL_BY:
		snprintf(text, sizeof(text), "No MFA device is assigned to %s. You have %u day%s "
		    "left to assign one: run totp-enroll", h->user, p->days_left,
		    p->days_left == 1 ? "" : "s");
		break;
	case OUTCOME_NOT_YET:
		snprintf(text, sizeof(text), "No MFA device is assigned to %s. From %s on one is "
		    "needed to log in: run totp-enroll", h->user, day);
		break;
	case OUTCOME_EXEMPT:
		snprintf(text, sizeof(text), "No MFA code is asked of %s until %s: your "
		    "administrator made an exemption.", h->user, day);
		break;
	case OUTCOME_SESSION:
	case OUTCOME_SESSION_OVER:
	case OUTCOME_ENROLLED:
	case OUTCOME_SKIPPED:
	case OUTCOME_NOT_REQUIRED:
	case OUTCOME_WRONG:
	case OUTCOME_REUSED:
	case OUTCOME_MALFORMED:
	case OUTCOME_BURNT:
	case OUTCOME_CLOCK_BACK:
	case OUTCOME_UNENROLLED:
	case OUTCOME_THROTTLED:
	case OUTCOME_LOCKED:
	case OUTCOME_NO_ANSWER:
	case OUTCOME_NO_USER:
	case OUTCOME_USER_CHANGED:
	case OUTCOME_STORE:
	case OUTCOME_NO_HELPER:
	case OUTCOME_SETTINGS:
	case OUTCOME_INTERNAL:
		return;
	}
	host_tell(h, false, text);
}

void
report_outcome(const struct host *h, const struct settings *s, enum outcome o,
    const struct policy_decision *p, const struct attempt_result *r, const struct diag *d)
{
	report_log(h, o, p, r, d);
	/* Broken settings are all zero and cannot ask for silence. */
	if (s->feedback != FEEDBACK_NONE)
		report_tell(h, o, r);
	report_notices(h, o, p, r);
}
