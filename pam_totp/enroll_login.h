/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ENROLL_LOGIN_H
#define PAM_TOTP_ENROLL_LOGIN_H

#include "core/attempt.h"
#include "core/config.h"
#include "core/enrolment.h"
#include "core/policy.h"
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
	ENROL_LOOKUP,	    /* the account could not be looked up */
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
	ENROL_DENIED,	    /* a rotation's code was not right; logged and told already */
	ENROL_MUST_WAIT,    /* the same: throttled or locked */
	ENROL_NO_STORE,	    /* the same: it could not be tried */
	ENROL_STORE,
	ENROL_SETTINGS
};
#define ENROL_OUTCOMES_MAX (ENROL_SETTINGS + 1)

/* One enrolment, or the replacement of a device whose time is over. All of it is wiped at the
 * end. */
struct enrolling {
	struct host host;
	struct settings settings;
	struct store *store;
	bool in_groups; /* of those who must show a code */
	struct policy_decision decision;
	uint32_t wait_s; /* THROTTLED: how long */

	struct host_answer ticket; /* as typed; span.len 0 = none was asked for */
	/* A rotation: what was shown for it, and the device that goes, which keeps `name`. */
	bool is_rotation;
	struct attempt_result proof;
	uint32_t old_id;
	uint64_t old_created;
	uint64_t rotate_by;

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
	struct recovery_sheet sheet;	    /* of an enrolment */
	char old_name[RECORD_NAME_CAP];	    /* of a rotation: "" = the old one is deleted */
	uint64_t old_used;		    /* seconds since 1970 UTC; 0 = never */
	struct diag diag;
};

/* enroll_write.c: all that reads or writes the store. ENROL_GO_ON, or how it ends. */

/* Whether the user must enrol here and now, and may try; or must replace a device, and then
 * x->is_rotation is set. */
enum enrol_outcome enrol_look(struct enrolling *x);

/* Whether x->ticket is a ticket that enrol_write will take. A wrong one is counted before this
 * returns. Nothing is spent yet. */
enum enrol_outcome enrol_check_ticket(struct enrolling *x);

/* Whether a device of this name and secret could be added. Nothing is written.
 * ENROL_NAME: another name mends it, *why says what is wrong with this one. */
enum enrol_outcome enrol_rehearse(struct enrolling *x, const char **why);

/* Try x->code: make the device, active, in one write with the ticket that it spends and the
 * recovery codes, or with the end of the one that it replaces. ENROL_WRONG: x->verdict says
 * why, and nothing was written. */
enum enrol_outcome enrol_write(struct enrolling *x);

/* enroll_rotate.c: what a rotation has of its own. */

/* Whether this user would be asked for a code by pam_totp.so, at a prompt of ours, and has a
 * usable device that had to be replaced by now. */
bool rotation_is_due(const struct enrolling *x, const struct store_entry *e, uint64_t now_s);

/* Ask for a code as pam_totp.so does, log and tell how it fared, and choose the device that is
 * to be replaced. */
enum enrol_outcome rotation_prove(struct enrolling *x);

/* Put the new secret, pending, beside the old one into an entry in memory. E_STATE, E_NOENT: the
 * devices are not what they were when the code was accepted. */
int rotation_begin(const struct enrolling *x, struct store_entry *e, uint64_t now_s,
    uint32_t *id, struct diag *d) MUST_USE;

/* What has become of the old one, in an entry whose new one is active. */
void rotation_finish(struct enrolling *x, struct store_entry *e);

/* enroll_talk.c: all that the user is asked. ENROL_GO_ON: answered, and still the same user. */

enum enrol_outcome enrol_ask_ticket(struct enrolling *x);

/* Ask for the device's name into x->name. why: what was wrong with the last one, or NULL. */
enum enrol_outcome enrol_ask_name(struct enrolling *x, const char *why);

/* Say which device is to be replaced and why, and wait until the user is ready for the new key. */
enum enrol_outcome enrol_ask_ready(struct enrolling *x);

/* Show the secret and ask for the first code, or say how the last pair fared and ask anew; then
 * ask for the second. *is_code: both have the shape of codes, and are in x->code. */
enum enrol_outcome enrol_ask_codes(struct enrolling *x, bool is_first, bool *is_code);

/* Say what has become of the old secret. */
void enrol_tell_rotated(const struct enrolling *x);

/* Show the recovery codes, and wait until they are written down. */
enum enrol_outcome enrol_show_sheet(struct enrolling *x);

/* enroll_report.c */

/* Write the log line of an outcome, or with has_begun that the secret is about to be shown:
 * event, reason, user, service, rhost, tty, device; fixed order, values escaped. ENROL_WRONG
 * is logged with its verdict. Nothing for ENROL_NOT_ASKED, which pam_totp.so logs, and for what
 * rotation_prove has logged. */
void enrol_log(const struct enrolling *x, enum enrol_outcome o, bool has_begun);

/* Tell the program of the setting `notify` that it is done; a failure is logged. */
void enrol_notify(struct enrolling *x);

/* Tell the user why it ended, if it failed. */
void enrol_tell(const struct enrolling *x, enum enrol_outcome o);

#endif
