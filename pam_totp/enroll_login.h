/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ENROLL_LOGIN_H
#define PAM_TOTP_ENROLL_LOGIN_H

#include "core/config.h"
#include "core/enrolment.h"
#include "core/recovery.h"
#include "host.h"

/* Between the files of pam_totp_enroll.so; of no use to others. */

#define ENROL_TRIES 3 /* pairs of codes, and names, in one conversation */

/* How an enrolment at login ended. Zero denies, and so does a step that is not the last. */
enum enrol_outcome {
	ENROL_INTERNAL = 0,
	ENROL_GO_ON,	    /* of a step only */
	ENROL_DONE,	    /* the device is active on disk, and the user has been told all */
	ENROL_NOT_ASKED,    /* the policy wants something else: pam_totp.so decides */
	ENROL_NO_USER,
	ENROL_NO_ANSWER,
	ENROL_USER_CHANGED,
	ENROL_TICKET,	    /* wrong; counted */
	ENROL_THROTTLED,
	ENROL_LOCKED,
	ENROL_NAME,	    /* no usable name in ENROL_TRIES */
	ENROL_LIMIT,	    /* max_devices disabled ones */
	ENROL_WRONG,	    /* no right pair of codes in ENROL_TRIES */
	ENROL_EXPIRED,
	ENROL_MEANWHILE,    /* the account got a device, or another policy, in between */
	ENROL_STORE,
	ENROL_SETTINGS
};
#define ENROL_OUTCOMES_MAX (ENROL_SETTINGS + 1)

/* One enrolment. All of it is wiped at the end. */
struct enrolling {
	struct host host;
	struct settings settings;
	struct store *store;
	bool in_groups; /* of those who must show a code */
	uint32_t wait_s; /* THROTTLED: how long */

	struct host_answer ticket; /* as typed; span.len 0 = none was asked for */
	char name[RECORD_NAME_CAP];
	struct otp_params params;
	struct otp_secret secret; /* of this conversation, and nowhere else until DONE */
	uint64_t begun_s;	  /* when it was shown */

	struct otp_typed code[2];
	bool has_verdict; /* the last pair was refused by `verdict` alone */
	enum enrolment_verdict verdict;
	uint32_t off_s;

	/* What came of it. */
	uint32_t device_id;
	uint64_t step;
	struct recovery_sheet sheet;
	struct diag diag;
};

/* enroll_write.c: all that reads or writes the store. ENROL_GO_ON, or how it ends. */

/* Whether the user must enrol here and now, and may try. */
enum enrol_outcome enrol_look(struct enrolling *x);

/* Whether x->ticket is a ticket that enrol_write will take. A wrong one is counted before this
 * returns. Nothing is spent yet. */
enum enrol_outcome enrol_check_ticket(struct enrolling *x);

/* Whether a device of this name and secret could be added. Nothing is written.
 * ENROL_NAME: another name mends it, *why says what is wrong with this one. */
enum enrol_outcome enrol_rehearse(struct enrolling *x, const char **why);

/* Try x->code: make the device, active, in one write with the ticket that it spends and the
 * recovery codes. ENROL_WRONG: x->verdict says why, and nothing was written. */
enum enrol_outcome enrol_write(struct enrolling *x);

/* enroll_talk.c: all that the user is asked. ENROL_GO_ON: answered, and still the same user. */

enum enrol_outcome enrol_ask_ticket(struct enrolling *x);

/* Ask for the device's name into x->name. why: what was wrong with the last one, or NULL. */
enum enrol_outcome enrol_ask_name(struct enrolling *x, const char *why);

/* Show the secret and ask for the first code, or say how the last pair fared and ask anew; then
 * ask for the second. *is_code: both have the shape of codes, and are in x->code. */
enum enrol_outcome enrol_ask_codes(struct enrolling *x, bool is_first, bool *is_code);

/* Show the recovery codes, and wait until they are written down. */
enum enrol_outcome enrol_show_sheet(struct enrolling *x);

/* enroll_report.c */

/* Write the log line of an outcome, or with has_begun that the secret is about to be shown:
 * event, reason, user, service, rhost, tty, device; fixed order, values escaped. ENROL_WRONG
 * is logged with its verdict. Nothing for ENROL_NOT_ASKED, which pam_totp.so logs. */
void enrol_log(const struct enrolling *x, enum enrol_outcome o, bool has_begun);

/* Tell the user why it ended, if it failed. */
void enrol_tell(const struct enrolling *x, enum enrol_outcome o);

#endif
