/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* A new secret for the caller's own account, as a further device or in the place of the
 * secret of one: password, proof, secret, two codes.
 *
 *  1. Before the secret is made: the wait is over, the PAM service has accepted, and when
 *     the record has an active device a code of it (or a recovery code) was accepted and
 *     consumed. helper_proof.c checks that again on the record that is written.
 *  2. The pending device is written before its secret is shown, affects no login, is taken
 *     out again when the user gives up, and ends by itself when he is killed.
 *  3. The secret goes out in one message and is wiped before the codes are asked for.
 *  4. At most CHANGE_TRIES pairs of codes, and none after the pending device has expired.
 */
#include "utils/helper_add.h"

#include <string.h>
#include <unistd.h>

#include "core/encode.h"
#include "utils/phrases.h"

#define ISSUER_HOST_MAX 32 /* bytes of the host name: a longer URI is a taller QR code */

/* The type and parameters asked for, or the usual ones. */
static enum exit_code
read_parameters(struct addition *a, const struct message *request)
{
	struct helper *h = a->change.h;
	const char *type = message_get(request, "type");
	const char *algorithm = message_get(request, "algorithm");
	uint64_t digits = a->params.digits;
	uint64_t period_s = a->params.period_s;

	if (type != NULL && strcmp(type, record_type_name(DEVICE_HARDWARE)) == 0)
		a->type = DEVICE_HARDWARE;
	else if (type != NULL && strcmp(type, record_type_name(DEVICE_VIRTUAL)) != 0)
		return helper_end(h, EXIT_CODE_USAGE, "expected type virtual or hardware");
	if (algorithm != NULL && otp_algorithm_parse((struct span){algorithm, strlen(algorithm)},
	    &a->params.algorithm) != 0)
		return helper_end(h, EXIT_CODE_USAGE, "expected SHA1, SHA256 or SHA512");
	if (message_get(request, "digits") != NULL && message_get_u64(request, "digits",
	    OTP_DIGITS_MIN, OTP_DIGITS_MAX, &digits) != 0)
		return helper_end(h, EXIT_CODE_USAGE, "expected %d to %d digits", OTP_DIGITS_MIN,
		    OTP_DIGITS_MAX);
	if (message_get(request, "period") != NULL && message_get_u64(request, "period",
	    OTP_PERIOD_MIN, OTP_PERIOD_MAX, &period_s) != 0)
		return helper_end(h, EXIT_CODE_USAGE, "expected a period of %d to %d s",
		    OTP_PERIOD_MIN, OTP_PERIOD_MAX);
	/* Both are in their small ranges now. */
	a->params.digits = (unsigned)digits;
	a->params.period_s = (unsigned)period_s;
	return EXIT_CODE_OK;
}

static enum exit_code
read_request(struct addition *a, const struct message *request)
{
	static const char *const keys[] = {"op", "name", "type", "algorithm", "digits", "period"};
	struct helper *h = a->change.h;
	unsigned known = 0;

	/* A rotation keeps what the device is. */
	for (size_t i = 0; i < (a->is_rotation ? 2 : sizeof(keys) / sizeof(keys[0])); i++)
		known += message_get(request, keys[i]) != NULL;
	if (known != request->count)
		return helper_end(h, EXIT_CODE_USAGE, "unknown key in the request");
	enum exit_code code = helper_take_name(h, request, "name", a->change.name);
	return code == EXIT_CODE_OK && !a->is_rotation ? read_parameters(a, request) : code;
}

/* The issuer of the settings, else the host's name. */
static void
find_issuer(const struct helper *h, char out[CONFIG_TEXT_CAP])
{
	memcpy(out, h->settings.issuer, CONFIG_TEXT_CAP);
	if (out[0] != '\0')
		return;
	if (gethostname(out, CONFIG_TEXT_CAP) != 0)
		out[0] = '\0';
	out[ISSUER_HOST_MAX] = '\0';
}

/* Obligation 3. */
static enum exit_code
show_secret(struct addition *a)
{
	char base32[ENCODE_BASE32_CAP(OTP_SECRET_MAX)];
	char issuer[CONFIG_TEXT_CAP];
	struct message m;
	const struct record_device *d = &a->pending;
	struct helper *h = a->change.h;

	int r = encode_base32_print(d->secret.bytes, d->secret.len, base32, sizeof(base32));
	otp_secret_wipe(&a->pending.secret);
	if (r != 0)
		return helper_end(h, EXIT_CODE_FAILURE, "the secret cannot be printed");
	find_issuer(h, issuer);
	message_init(&m, "secret");
	message_add(&m, "base32", base32);
	bytes_wipe(base32, sizeof(base32));
	message_add(&m, "name", a->change.name);
	message_add(&m, "issuer", issuer);
	message_add(&m, "account", h->user);
	message_add(&m, "algorithm", otp_algorithm_name(d->params.algorithm));
	message_add_u64(&m, "digits", d->params.digits);
	message_add_u64(&m, "period", d->params.period_s);
	message_add_u64(&m, "expires", d->expires);
	return helper_send(h, &m);
}

/* One pair of codes. OK with a->verdict, or how to end. */
static enum exit_code
try_codes(struct addition *a, unsigned left)
{
	uint64_t now_s = helper_now_s();
	uint64_t left_s = a->pending.expires > now_s ? a->pending.expires - now_s : 0;
	int timeout_ms = left_s >= HELPER_CODES_MS / 1000 ? HELPER_CODES_MS : (int)left_s * 1000;
	bool is_code = false;

	a->has_verdict = false;
	enum exit_code code = codes_ask(a->change.h, left, timeout_ms, a->code, &is_code);
	if (code == EXIT_CODE_OK && !is_code) {
		a->verdict = ENROLMENT_DIGITS;
		a->off_s = 0;
	} else if (code == EXIT_CODE_OK) {
		code = change_update(&a->change, addition_confirm, a);
		if (a->has_verdict)
			code = EXIT_CODE_OK;
	}
	bytes_wipe(a->code, sizeof(a->code));
	return code;
}

/* Old and new have changed places (FLOW row 32). */
static enum exit_code
end_rotation(const struct addition *a)
{
	char text[PHRASE_CAP];

	phrase_rotated(a->change.name, a->old_name, a->old_used, text, sizeof(text));
	return helper_end(a->change.h, EXIT_CODE_OK, "%s", text);
}

/* The device is active on disk: log, tell, and show what comes with it. text: for `done`. */
static enum exit_code
conclude(struct addition *a, const char *text)
{
	struct helper *h = a->change.h;

	change_tell(&a->change, phrase_enrolment_word(a->verdict), "");
	enum exit_code code = a->has_sheet ? codes_show(h, &a->sheet) : EXIT_CODE_OK;
	if (code != EXIT_CODE_OK)
		return helper_end(h, EXIT_CODE_FAILURE, "the device is assigned, but its recovery "
		    "codes were not taken: make new ones with totp-enroll recovery-codes");
	return a->is_rotation ? end_rotation(a) : helper_end(h, EXIT_CODE_OK, "%s", text);
}

/* Obligation 4. */
static enum exit_code
activate(struct addition *a)
{
	struct helper *h = a->change.h;
	char text[PHRASE_CAP];

	for (unsigned left = CHANGE_TRIES; left > 0; left--) {
		enum exit_code code = try_codes(a, left);
		if (code != EXIT_CODE_OK)
			return code;
		phrase_enrolment(a->verdict, &a->pending.params, a->off_s, text, sizeof(text));
		if (a->verdict == ENROLMENT_CONFIRMED)
			return conclude(a, text);
		helper_log(h, false, a->change.event, phrase_enrolment_word(a->verdict),
		    a->change.name);
		if (a->verdict == ENROLMENT_EXPIRED)
			return helper_end(h, EXIT_CODE_WRONG_STATE, "%s", text);
		code = codes_refuse(h, a->verdict, a->off_s, left - 1, text);
		if (code != EXIT_CODE_OK)
			return code;
	}
	return helper_end(h, EXIT_CODE_WRONG_CODE, "too many wrong codes: start again");
}

/* What this run made protects nothing yet and nobody waits for it any more. h->text stays; when
 * this is refused the device ends by itself. */
static void
discard(struct addition *a)
{
	struct helper *h = a->change.h;
	struct diag d = {""};

	if (store_update(h->store, h->user, helper_now_s(), addition_discard, a,
	    &d) == 0)
		helper_log(h, true, "cancel", "given-up", a->change.name);
}

enum exit_code
helper_add(struct helper *h, const struct message *request)
{
	struct addition a = {.type = DEVICE_VIRTUAL, .params = OTP_PARAMS_DEFAULT};

	a.is_rotation = strcmp(message_get(request, "op"), "rotate") == 0;
	a.change.h = h;
	a.change.event = a.is_rotation ? "rotate" : "enrol";
	a.change.done = a.is_rotation ? "rotated" : "added";
	a.change.may_be_first = !a.is_rotation;
	enum exit_code code = read_request(&a, request);
	if (code == EXIT_CODE_OK)
		code = change_rehearse(&a.change, addition_begin, &a);
	otp_secret_wipe(&a.pending.secret);
	if (code == EXIT_CODE_OK)
		code = proof_ask(&a.change);
	if (code == EXIT_CODE_OK)
		code = change_update(&a.change, addition_begin, &a);
	if (code == EXIT_CODE_OK) {
		helper_log(h, true, a.change.event, "begun", a.change.name);
		code = show_secret(&a);
		if (code == EXIT_CODE_OK)
			code = activate(&a);
		if (code != EXIT_CODE_OK)
			discard(&a);
	}
	bytes_wipe(&a, sizeof(a));
	return code;
}
