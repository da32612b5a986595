/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What the administrator reads of an enrolment or a rotation at login, and why it ended for the
 * user. Obligations as in report.c: nothing secret is printed, every value is escaped. Whoever
 * gets as far as a line has an account, so the name may be logged; NO_USER has none. */

#include "enroll_login.h"

#include <stdio.h>
#include <syslog.h>

#include "by_helper.h"
#include "core/phrase.h"
#include "core/text.h"

/* The four items, device and error at their longest, each byte escaped, and the rest. */
#define LINE_CAP (3 * (4 * HOST_TEXT_CAP + RECORD_NAME_CAP + DIAG_TEXT_MAX) + 512)

#define FAULT "MFA cannot be set up at the moment. Ask your administrator."
#define AGAIN "Delete its new entry from the app, if there is one, and log in again."

static const struct {
	int priority;
	const char *reason; /* NULL: no line */
	const char *told;   /* NULL: nothing; what has a number is enrol_tell's */
	const char *told_of_rotation; /* NULL: as `told` */
} words[ENROL_OUTCOMES_MAX] = {
	[ENROL_INTERNAL] = { LOG_CRIT, "internal", FAULT, NULL },
	[ENROL_GO_ON] = { LOG_CRIT, "internal", FAULT, NULL },
	[ENROL_DONE] = { LOG_NOTICE, "confirmed", NULL, NULL },
	[ENROL_NOT_ASKED] = { LOG_INFO, NULL, NULL, NULL },
	[ENROL_NO_USER] = { LOG_NOTICE, "no-user", NULL, NULL },
	[ENROL_LOOKUP] = { LOG_CRIT, "account-lookup", NULL, NULL },
	[ENROL_NO_ANSWER] = { LOG_NOTICE, "no-answer", NULL,
	    "The device was not replaced, and its old key still works. " AGAIN },
	[ENROL_USER_CHANGED] = { LOG_WARNING, "user-changed", NULL, NULL },
	[ENROL_TICKET] = { LOG_WARNING, "ticket",
	    "This enrolment ticket is not valid. Ask your administrator for one.", NULL },
	[ENROL_THROTTLED] = { LOG_NOTICE, "throttled", NULL, NULL },
	[ENROL_LOCKED] = { LOG_WARNING, "locked",
	    "Too many wrong codes: MFA is locked for this account. Ask your administrator.",
	    NULL },
	[ENROL_NAME] = { LOG_NOTICE, "name", "No MFA device was assigned.", NULL },
	[ENROL_LIMIT] = { LOG_NOTICE, "limit",
	    "This account has as many MFA devices as it may have, all of them disabled. Ask your "
	    "administrator.", NULL },
	[ENROL_WRONG] = { LOG_NOTICE, "wrong",
	    "No MFA device was assigned: too many wrong codes. Delete the entry from the app "
	    "and log in again for a new one.",
	    "The device was not replaced, and its old key still works: too many wrong codes. "
	    AGAIN },
	[ENROL_EXPIRED] = { LOG_NOTICE, "expired",
	    "No MFA device was assigned: the time for it is over. Delete the entry from the app "
	    "and log in again for a new one.",
	    "The device was not replaced, and its old key still works: the time for it is over. "
	    AGAIN },
	[ENROL_MEANWHILE] = { LOG_WARNING, "changed-meanwhile",
	    "This device was not assigned: the MFA devices of this account have changed "
	    "meanwhile. Delete the entry from the app and log in again. If it was not you who "
	    "changed them, tell your administrator.",
	    "The key shown here does not count: the MFA devices of this account have changed "
	    "meanwhile. Delete its entry from the app and log in again. If it was not you who "
	    "changed them, tell your administrator." },
	[ENROL_DENIED] = { LOG_INFO, NULL, NULL, NULL },
	[ENROL_MUST_WAIT] = { LOG_INFO, NULL, NULL, NULL },
	[ENROL_NO_STORE] = { LOG_INFO, NULL, NULL, NULL },
	[ENROL_STORE] = { LOG_CRIT, "store", FAULT, NULL },
	[ENROL_SETTINGS] = { LOG_CRIT, "settings", FAULT, NULL },
};

void
enrol_log(const struct enrolling *x, enum enrol_outcome o, bool has_begun)
{
	const struct host *h = &x->host;
	char line[LINE_CAP];
	struct bytes_writer w;
	bool is_trouble = o == ENROL_INTERNAL || o == ENROL_GO_ON ||
	    o == ENROL_STORE || o == ENROL_SETTINGS || o == ENROL_LOOKUP;
	const char *reason = o == ENROL_WRONG ? phrase_enrolment_word(x->verdict) :
	    words[o].reason;

	if (has_begun)
		reason = "begun";
	if (reason == NULL)
		return;
	bytes_writer_init(&w, line, sizeof(line));
	bytes_put(&w, is_trouble && !has_begun ? "event=error" :
	    x->is_rotation ? "event=rotate" : "event=enrol");
	text_put_field(&w, "reason", reason);
	text_put_field(&w, "user", h->is_account ? h->user : "");
	text_put_field(&w, "service", h->service);
	text_put_field(&w, "rhost", h->rhost);
	text_put_field(&w, "tty", h->tty);
	text_put_field(&w, "device", x->name);
	if (is_trouble && !has_begun)
		text_put_field(&w, "error", x->diag.text);
	host_log(h, has_begun ? LOG_NOTICE : words[o].priority, line);
}

void
enrol_tell(const struct enrolling *x, enum enrol_outcome o)
{
	const char *told = x->is_rotation && words[o].told_of_rotation != NULL ?
	    words[o].told_of_rotation : words[o].told;
	char text[80];

	if (o == ENROL_THROTTLED) {
		snprintf(text, sizeof(text), "Too many failures. Try again in %u s.", x->wait_s);
		host_tell(&x->host, true, text);
	} else if (told != NULL) {
		host_tell(&x->host, true, told);
	}
}

void
enrol_notify(struct enrolling *x)
{
	char line[LINE_CAP];
	struct bytes_writer w;

	if (x->settings.notify[0] == '\0' ||
	    by_helper_notify(&x->host, x->settings.notify, x->is_rotation ? "rotated" : "added",
		x->name, &x->diag) == 0)
		return;
	bytes_writer_init(&w, line, sizeof(line));
	bytes_put(&w, "event=error reason=notify");
	text_put_field(&w, "user", x->host.user);
	text_put_field(&w, "service", x->host.service);
	text_put_field(&w, "error", x->diag.text);
	host_log(&x->host, LOG_WARNING, line);
}
