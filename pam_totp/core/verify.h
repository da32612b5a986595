/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_VERIFY_H
#define PAM_TOTP_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "otp.h"
#include "recovery.h"
#include "store.h"

#define VERIFY_ANSWER_MAX 64 /* bytes of an answer; a longer one has no shape */

/* What the typed answer is. Exactly one of the two shapes, or neither. */
struct answer {
	bool is_code;
	bool is_recovery;
	struct otp_typed code;
	struct recovery_typed recovery;
};

/* How the answer fits what is stored. */
struct finding {
	int fresh;	      /* index of the first device with an unused step, or -1 */
	int spent;	      /* first device with a used step only, or -1 */
	int behind;	      /* first device whose past, unused step it is, or -1 */
	uint64_t behind_step; /* that step */
	uint64_t step[RECORD_DEVICES_MAX]; /* lowest unused step that fits, or OTP_NO_STEP */
	int recovery;			   /* index of an unspent recovery code, or -1 */
	bool is_bypass;			   /* the administrator's one-time code, unspent */
};

/* Read an answer: bytes of unknown content. text.at may be NULL. The caller wipes *a.
 * is_decoy: what sshd answers in place of a typed code, for a name that it refuses anyway, counts
 * as a wrong code then, so that a stranger's guesses are throttled like a user's. */
void verify_read(struct span text, bool is_decoy, struct answer *a);

/* Compare an answer with every device place and step of the window, and what looks like a
 * recovery code with the set and the grant, whoever the user is and whatever fits; the work
 * depends on the shape of the answer only. Places without a usable device, and entries without
 * a record (decoys), are computed with a dummy whose codes are discarded.
 * e: as store_entry_complete leaves it; not changed. window: 0..3.
 * E_CRYPTO, E_INVALID: libcrypto refused, or the record is out of range; *f fits nothing or is
 * not to be used then. Source: RFC 6238 section 5.2, FLOW row 21. */
int verify_answer(struct store_entry *e, const struct answer *a, uint64_t now_s, unsigned window,
    struct finding *f) MUST_USE;

#endif
