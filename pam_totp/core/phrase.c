/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What a verdict is called: one word for programs and logs, one sentence for
 * people, the same in the programs and in a login.
 *
 *  1. A sentence says what happened and what to do next, never a code or a secret.
 *  2. It tells nothing that its reader does not know or own already: off_s goes to somebody
 *     who holds the secret (DESIGN section 5, "honest answers").
 *  3. No switch has a default: a new verdict does not compile until it has its words. */
#include "phrase.h"

#include "bytes.h"
#include "date.h"

static const struct otp_params usual = {OTP_SHA1, 6, 30};

void
phrase_duration(uint64_t seconds, char *out, size_t cap)
{
	struct bytes_writer w;

	bytes_writer_init(&w, out, cap);
	if (seconds >= 3600) {
		bytes_put_u64(&w, seconds / 3600);
		bytes_put(&w, " h");
		seconds = seconds % 3600 / 60 * 60;
		if (seconds > 0)
			bytes_put(&w, " ");
	}
	if (seconds >= 60) {
		bytes_put_u64(&w, seconds / 60);
		bytes_put(&w, " min");
		seconds %= 60;
		if (seconds > 0)
			bytes_put(&w, " ");
	}
	if (seconds > 0 || w.len == 0) {
		bytes_put_u64(&w, seconds);
		bytes_put(&w, " s");
	}
}

const char *
phrase_attempt_word(enum attempt_verdict v)
{
	switch (v) {
	case ATTEMPT_FAILED:
		return "failed";
	case ATTEMPT_ACCEPTED:
		return "accepted";
	case ATTEMPT_WRONG:
		return "wrong";
	case ATTEMPT_REUSED:
		return "reused";
	case ATTEMPT_MALFORMED:
		return "malformed";
	case ATTEMPT_THROTTLED:
		return "throttled";
	case ATTEMPT_LOCKED:
		return "locked";
	case ATTEMPT_UNENROLLED:
		return "unenrolled";
	case ATTEMPT_CLOCK_BACK:
		return "clock-back";
	case ATTEMPT_BURNT:
		return "burnt";
	}
	return "?";
}

const char *
phrase_enrolment_word(enum enrolment_verdict v)
{
	switch (v) {
	case ENROLMENT_REFUSED:
		return "refused";
	case ENROLMENT_CONFIRMED:
		return "confirmed";
	case ENROLMENT_SAME_CODE:
		return "same-code";
	case ENROLMENT_SWAPPED:
		return "swapped";
	case ENROLMENT_GAP:
		return "gap";
	case ENROLMENT_STALE:
		return "stale";
	case ENROLMENT_FAST:
		return "fast";
	case ENROLMENT_FIRST_WRONG:
		return "first-wrong";
	case ENROLMENT_SECOND_WRONG:
		return "second-wrong";
	case ENROLMENT_WRONG:
		return "wrong";
	case ENROLMENT_DIGITS:
		return "digits";
	case ENROLMENT_EXPIRED:
		return "expired";
	case ENROLMENT_USED:
		return "used";
	}
	return "?";
}

/* Apps that ignore other parameters show codes that look normal and never fit (FLOW,
 * pitfall 21): say so when that may be the reason. */
static void
put_wrong(struct bytes_writer *w, const struct otp_params *p)
{
	bytes_put(w, "Neither code belongs to this device. Scan the QR code or type the key "
		     "again, then enter two codes that follow each other.");
	if (p->algorithm == usual.algorithm && p->digits == usual.digits &&
	    p->period_s == usual.period_s)
		return;
	bytes_put(w, " Your app may ignore ");
	bytes_put(w, otp_algorithm_name(p->algorithm));
	bytes_put(w, ", ");
	bytes_put_u64(w, p->digits);
	bytes_put(w, " digits, ");
	bytes_put_u64(w, p->period_s);
	bytes_put(w, " s: use the defaults SHA1, 6, 30.");
}

void
phrase_enrolment(enum enrolment_verdict v, const struct otp_params *params, uint32_t off_s,
    char *out, size_t cap)
{
	struct bytes_writer w;
	char off[48];

	phrase_duration(off_s, off, sizeof(off));
	bytes_writer_init(&w, out, cap);
	switch (v) {
	case ENROLMENT_REFUSED:
		bytes_put(&w, "The codes could not be checked.");
		break;
	case ENROLMENT_CONFIRMED:
		bytes_put(&w, "The MFA device is assigned. A code of it is required at every "
			      "login from now on. Add a second device in case you lose this one.");
		break;
	case ENROLMENT_SAME_CODE:
		bytes_put(&w, "You entered the same code twice. Wait for the next code.");
		break;
	case ENROLMENT_SWAPPED:
		bytes_put(&w, "The codes are in the wrong order: enter the older one first.");
		break;
	case ENROLMENT_GAP:
		bytes_put(&w, "Both codes are right, but there is another one between them: "
			      "enter two codes that follow each other.");
		break;
	case ENROLMENT_STALE:
		bytes_put(&w, "Both codes are right but ");
		bytes_put(&w, off);
		bytes_put(&w, " old: type them as they appear. If you did, your device's clock "
			      "is behind this server: set it to automatic time and try again.");
		break;
	case ENROLMENT_FAST:
		bytes_put(&w, "Your device's clock is ");
		bytes_put(&w, off);
		bytes_put(&w, " ahead of this server. Set it to automatic time and try again.");
		break;
	case ENROLMENT_FIRST_WRONG:
		bytes_put(&w, "The first code is wrong, the second one is right: enter two codes "
			      "that follow each other.");
		break;
	case ENROLMENT_SECOND_WRONG:
		bytes_put(&w, "The first code is right, the second one is wrong: enter two codes "
			      "that follow each other.");
		break;
	case ENROLMENT_WRONG:
		put_wrong(&w, params);
		break;
	case ENROLMENT_DIGITS:
		bytes_put(&w, "A code of this device has ");
		bytes_put_u64(&w, params->digits);
		bytes_put(&w, " digits.");
		break;
	case ENROLMENT_EXPIRED:
		bytes_put(&w, "The time to confirm this device is over: start again.");
		break;
	case ENROLMENT_USED:
		bytes_put(&w, "One of these codes was already used. Wait for the next two codes.");
		break;
	}
}

void
phrase_rotated(const char *name, const char *old_name, uint64_t old_used, char *out, size_t cap)
{
	struct bytes_writer w;
	char used[DATE_MINUTE_CAP] = "never";

	if (old_used != 0)
		date_print_minute(old_used, used);
	bytes_writer_init(&w, out, cap);
	bytes_put(&w, "Device ");
	bytes_put(&w, name);
	bytes_put(&w, " has its new secret. ");
	if (old_name[0] == '\0') {
		bytes_put(&w, "There was no place to keep the old one: it is deleted.");
		return;
	}
	bytes_put(&w, "The old one is disabled and kept as ");
	bytes_put(&w, old_name);
	bytes_put(&w, " (last used: ");
	bytes_put(&w, used);
	bytes_put(&w, "). When a login with the new one has worked: totp-enroll delete ");
	bytes_put(&w, old_name);
}
