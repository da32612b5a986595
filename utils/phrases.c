/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* What a verdict of core is called: one word for programs, one sentence for people, one
 * exit code. Shared by totp-helper and totp-admin so that both say the same.
 *
 *  1. A sentence says what happened and what to do next, never a code or a secret.
 *  2. It tells nothing that its reader does not know or own already: off_s and wait_s
 *     go to somebody who holds the secret, or has passed the first factor (DESIGN
 *     section 5, "honest answers"); is_brief silences them.
 *  3. No switch has a default: a new verdict does not compile until it has its words. */
#include "utils/phrases.h"

#include "core/bytes.h"

static void
put_accepted(struct bytes_writer *w, const struct attempt_result *r)
{
	bytes_put(w, r->has_used_recovery ? "The recovery code was accepted; " :
	    r->has_used_bypass ? "The administrator's one-time code was accepted; it will not "
				 "work again." : "The code was accepted.");
	if (!r->has_used_recovery)
		return;
	bytes_put_u64(w, r->recovery_left);
	bytes_put(w, r->recovery_left == 1 ? " is left." : " are left.");
}

static void
put_wait(struct bytes_writer *w, const char *text, uint32_t wait_s)
{
	char wait[48];

	bytes_put(w, text);
	if (wait_s == 0 || wait_s == UINT32_MAX)
		return;
	phrase_duration(wait_s, wait, sizeof(wait));
	bytes_put(w, " (in ");
	bytes_put(w, wait);
	bytes_put(w, ")");
}

static void
put_attempt(struct bytes_writer *w, const struct attempt_result *r)
{
	char behind[48];

	switch (r->verdict) {
	case ATTEMPT_FAILED:
		bytes_put(w, "The code could not be checked: ");
		bytes_put(w, diag_code_text(r->error));
		break;
	case ATTEMPT_ACCEPTED:
		put_accepted(w, r);
		return;
	case ATTEMPT_WRONG:
		bytes_put(w, "Wrong code");
		if (r->behind_s > 0) {
			phrase_duration(r->behind_s, behind, sizeof(behind));
			bytes_put(w, ": it is ");
			bytes_put(w, behind);
			bytes_put(w, " old. Type it as it appears; if you did, your device's "
				     "clock is behind: set it to automatic time");
		}
		break;
	case ATTEMPT_REUSED:
		put_wait(w, "This code was already used. Wait for the next code", r->wait_s);
		break;
	case ATTEMPT_MALFORMED:
		bytes_put(w, "That is not a code");
		break;
	case ATTEMPT_THROTTLED:
		put_wait(w, "Too many failures. Try again later", r->wait_s);
		break;
	case ATTEMPT_LOCKED:
		bytes_put(w, "Too many wrong codes: the devices are locked until an administrator "
			     "unlocks them");
		break;
	case ATTEMPT_UNENROLLED:
		bytes_put(w, "There is no active MFA device");
		break;
	case ATTEMPT_CLOCK_BACK:
		bytes_put(w, "The clock of this server was set back: an administrator must "
			     "correct it");
		break;
	case ATTEMPT_BURNT:
		put_wait(w, "The record of used codes was lost, so this code may have been used. "
			    "Wait for the next code", r->wait_s);
		break;
	}
	bytes_put(w, ".");
}

void
phrase_attempt(const struct attempt_result *r, bool is_brief, char *out, size_t cap)
{
	struct bytes_writer w;

	bytes_writer_init(&w, out, cap);
	if (is_brief && r->verdict != ATTEMPT_ACCEPTED)
		bytes_put(&w, "The code was not accepted.");
	else
		put_attempt(&w, r);
}

void
phrase_mismatch(uint32_t record_uid, uint32_t uid, char *out, size_t cap)
{
	struct bytes_writer w;

	bytes_writer_init(&w, out, cap);
	bytes_put(&w, "The MFA state belongs to a different account with this name (uid ");
	bytes_put_u64(&w, record_uid);
	bytes_put(&w, ", now ");
	bytes_put_u64(&w, uid);
	bytes_put(&w, "). An administrator must reset it.");
}

enum exit_code
phrase_attempt_exit(const struct attempt_result *r)
{
	switch (r->verdict) {
	case ATTEMPT_FAILED:
		return phrase_error_exit(r->error);
	case ATTEMPT_ACCEPTED:
		return EXIT_CODE_OK;
	case ATTEMPT_WRONG:
	case ATTEMPT_REUSED:
	case ATTEMPT_MALFORMED:
	case ATTEMPT_BURNT:
		return EXIT_CODE_WRONG_CODE;
	case ATTEMPT_THROTTLED:
	case ATTEMPT_LOCKED:
		return EXIT_CODE_THROTTLED;
	case ATTEMPT_UNENROLLED:
		return EXIT_CODE_NO_SUCH;
	case ATTEMPT_CLOCK_BACK:
		return EXIT_CODE_FAILURE;
	}
	return EXIT_CODE_FAILURE;
}

enum exit_code
phrase_error_exit(int error)
{
	enum error e = (enum error)error;

	switch (e) {
	case E_OK:
		/* A failure without a code is one all the same. */
		return EXIT_CODE_FAILURE;
	case E_INVALID:
		return EXIT_CODE_USAGE;
	case E_NOENT:
		return EXIT_CODE_NO_SUCH;
	case E_EXISTS:
		return EXIT_CODE_EXISTS;
	case E_LIMIT:
		return EXIT_CODE_LIMIT;
	case E_CONFLICT:
		return EXIT_CODE_BUSY;
	case E_STATE:
		return EXIT_CODE_WRONG_STATE;
	case E_MISMATCH:
	case E_PROTECTED:
		return EXIT_CODE_NOT_PERMITTED;
	case E_UNSAFE:
	case E_CORRUPT:
	case E_IO:
	case E_CRYPTO:
		return EXIT_CODE_FAILURE;
	}
	return EXIT_CODE_FAILURE;
}
