/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_HELPER_CHANGE_H
#define PAM_TOTP_HELPER_CHANGE_H

#include "core/enrolment.h"
#include "utils/helper.h"

/* What every change of the caller's record has in common: who may do it, that it is one
 * store_update, and who is told. An operation embeds one and gives itself as ctx. */

#define CHANGE_TRIES 5 /* pairs of codes in one run */
#define CHANGE_TICKET_CAP 65

struct change {
	struct helper *h;
	const char *event;	    /* for log and notify: "rename" */
	const char *done;	    /* for the notice: "renamed" */
	char name[RECORD_NAME_CAP]; /* of the device; "" = none in particular */
	bool may_be_first;	    /* an account without an active device may get one by it */
	bool is_rehearsal;	    /* nothing will be written, and nobody has proven anything */

	/* The device meant, bound at the first change_find. */
	uint32_t id; /* 0: not yet */
	uint64_t created;

	/* What the caller has shown besides the password. */
	bool is_proven;		 /* a code of an active device, a recovery or a bypass code */
	uint32_t proof_id;	 /* which device's; 0 = one of the others */
	uint64_t proof_created;
	bool has_used_bypass;
	uint8_t proof_salt[RECOVERY_SALT_LEN]; /* which set's, or which grant's */
	char ticket[CHANGE_TICKET_CAP];	       /* "" = none */

	uint64_t now_s;
	bool has_bad_ticket;
	enum exit_code refusal; /* why it was given up, with the text of `done`; OK = none */
};

/* One step of a change; ctx is the operation. As for store_update. */
typedef int change_fn(struct store_entry *e, void *ctx, struct diag *d);

/* helper_proof.c */

/* Ask for what the change needs: the password, then a code when there is an active device,
 * else the ticket when settings and may_be_first want one. */
enum exit_code proof_ask(struct change *c) MUST_USE;

/* Whether what was shown still holds for this entry; first in every step. 0, or c->refusal
 * and c->has_bad_ticket are set. A ticket is spent in e->state only when spends_ticket. */
int proof_check(struct change *c, struct store_entry *e, bool spends_ticket,
    struct diag *d) MUST_USE;

/* helper_change.c */

/* Run a step on what is stored now and throw the result away: what is wrong with the wish
 * itself is told before a password is asked for. */
enum exit_code change_rehearse(struct change *c, change_fn *step, void *ctx) MUST_USE;

/* Run a step by store_update. What is refused becomes the text of `done`. */
enum exit_code change_update(struct change *c, change_fn *step, void *ctx) MUST_USE;

/* End a step: nothing is written. Returns what the step returns. */
int change_refuse(struct change *c, enum exit_code code);

/* The device that is meant: at first by its name, then the very same one. c->name becomes
 * the name as stored. NULL: *error is what the step returns. */
struct record_device *change_find(struct change *c, struct store_entry *e, int *error,
    struct diag *d);

/* Put a notice into e that the user is told at the next login. what: "device %s was added",
 * so short that the place, which is put behind it, is not cut; the time is the notice's own. */
void change_note(const struct change *c, struct store_entry *e, const char *what);

/* Log the change and tell it to the program of the settings. new_name: "" but for a rename.
 * To be called once it is on disk. */
void change_tell(const struct change *c, const char *reason, const char *new_name);

/* Whether the account must have a device, by the settings (FLOW row 28). */
bool change_is_required(const struct helper *h);

/* helper_codes.c */

/* Send `ask-codes` and receive `codes` within timeout_ms; *is_code: both have the shape of a
 * code and stand in code. */
enum exit_code codes_ask(struct helper *h, unsigned left, int timeout_ms,
    struct otp_typed code[2], bool *is_code) MUST_USE;

/* Send `refused`. */
enum exit_code codes_refuse(struct helper *h, enum enrolment_verdict verdict, uint32_t off_s,
    unsigned left, const char *text) MUST_USE;

/* Send the recovery codes, once; *sheet is wiped. To be called once they are on disk. */
enum exit_code codes_show(struct helper *h, struct recovery_sheet *sheet) MUST_USE;

#endif
