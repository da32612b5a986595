/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* A new device for the caller's own account: password, proof, secret, two codes.
 *
 *  1. Before the secret is made: the wait is over, the PAM service has accepted, and when
 *     the record has an active device a code of it (or a recovery code) was accepted and
 *     consumed. helper_change.c checks that again on the record that it writes.
 *  2. The pending device is written before its secret is shown, affects no login, is taken
 *     out again when the user gives up, and ends by itself when he is killed.
 *  3. The secret goes out in one message and is wiped before the codes are asked for.
 *  4. At most TRIES pairs of codes, and none after the pending device has expired.
 */
#include "utils/helper_add.h"

#include <string.h>
#include <unistd.h>

#include "core/encode.h"
#include "utils/phrases.h"

#define TRIES 5
#define ISSUER_HOST_MAX 32 /* bytes of the host name: a longer URI is a taller QR code */

/* The type and parameters asked for, or the usual ones. */
static enum exit_code
read_parameters(struct addition *a, const struct message *request)
{
	struct helper *h = a->h;
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
	const char *name = message_get(request, "name");
	unsigned known = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		known += message_get(request, keys[i]) != NULL;
	if (known != request->count)
		return helper_end(a->h, EXIT_CODE_USAGE, "unknown key in the request");
	if (!record_device_name_ok(name))
		return helper_end(a->h, EXIT_CODE_USAGE,
		    "invalid device name: use 1 to 64 of A-Z a-z 0-9 + = , . @ - _, "
		    "not beginning with -");
	memcpy(a->name, name, strlen(name) + 1);
	return read_parameters(a, request);
}

/* Before the user types a password: a wish that cannot come true is refused now. Nothing is
 * written; what counts is checked again by change_begin. */
static enum exit_code
rehearse(const struct addition *a)
{
	struct store_entry e;
	struct addition copy = *a;
	struct diag d = {""};

	enum exit_code code = helper_load(a->h, &e);
	if (code != EXIT_CODE_OK)
		return code;
	copy.now_s = helper_now_s();
	int r = change_make(&copy, &e, &d);
	bytes_wipe(&copy, sizeof(copy));
	store_entry_wipe(&e);
	return r == 0 ? EXIT_CODE_OK : helper_end_error(a->h, r, &d);
}

/* Password, then the second factor when there is one (obligation 1). */
static enum exit_code
prove(struct addition *a)
{
	struct helper *h = a->h;
	struct store_entry e;

	enum exit_code code = helper_authenticate(h);
	if (code != EXIT_CODE_OK)
		return code;
	code = helper_load(h, &e);
	if (code != EXIT_CODE_OK)
		return code;
	bool has_active = helper_has_active(&e);
	store_entry_wipe(&e);
	if (!has_active)
		return EXIT_CODE_OK;
	code = helper_prove(h, "enrol-proof", "MFA code of an active device: ", a->proof);
	a->is_proven = code == EXIT_CODE_OK;
	return code;
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

	int r = encode_base32_print(d->secret.bytes, d->secret.len, base32, sizeof(base32));
	otp_secret_wipe(&a->pending.secret);
	if (r != 0)
		return helper_end(a->h, EXIT_CODE_FAILURE, "the secret cannot be printed");
	find_issuer(a->h, issuer);
	message_init(&m, "secret");
	message_add(&m, "base32", base32);
	bytes_wipe(base32, sizeof(base32));
	message_add(&m, "name", d->name);
	message_add(&m, "issuer", issuer);
	message_add(&m, "account", a->h->user);
	message_add(&m, "algorithm", otp_algorithm_name(d->params.algorithm));
	message_add_u64(&m, "digits", d->params.digits);
	message_add_u64(&m, "period", d->params.period_s);
	message_add_u64(&m, "expires", d->expires);
	return helper_send(a->h, &m);
}

/* Receive `codes`; *is_code: both have the shape of a code and stand in a->code. */
static enum exit_code
ask_codes(struct addition *a, unsigned left, bool *is_code)
{
	struct helper *h = a->h;
	struct message m;
	uint64_t now_s = helper_now_s();
	uint64_t left_s = a->pending.expires > now_s ? a->pending.expires - now_s : 0;
	int timeout_ms = left_s >= HELPER_CODES_MS / 1000 ? HELPER_CODES_MS : (int)left_s * 1000;

	*is_code = false;
	message_init(&m, "ask-codes");
	message_add_u64(&m, "left", left);
	enum exit_code code = helper_send(h, &m);
	if (code == EXIT_CODE_OK)
		code = helper_receive(h, &m, timeout_ms);
	if (code != EXIT_CODE_OK)
		return code;
	const char *first = message_get(&m, "first");
	const char *second = message_get(&m, "second");
	if (strcmp(m.verb, "codes") == 0 && m.count == 2 && first != NULL && second != NULL) {
		*is_code = otp_parse_typed((struct span){first, strlen(first)}, &a->code[0]) == 0 &&
		    otp_parse_typed((struct span){second, strlen(second)}, &a->code[1]) == 0;
		message_wipe(&m);
		return EXIT_CODE_OK;
	}
	bool is_abort = strcmp(m.verb, "abort") == 0 && m.count == 0;
	message_wipe(&m);
	if (is_abort)
		return helper_end(h, EXIT_CODE_FAILURE, "cancelled: nothing was changed");
	return helper_end(h, EXIT_CODE_USAGE, "the client sent no codes");
}

/* One pair of codes. OK with a->verdict, or how to end. */
static enum exit_code
try_codes(struct addition *a, unsigned left)
{
	bool is_code = false;

	enum exit_code code = ask_codes(a, left, &is_code);
	if (code == EXIT_CODE_OK && !is_code) {
		a->verdict = ENROLMENT_DIGITS;
		a->off_s = 0;
	} else if (code == EXIT_CODE_OK) {
		code = change_confirm(a);
	}
	bytes_wipe(a->code, sizeof(a->code));
	return code;
}

static enum exit_code
tell_refused(struct addition *a, unsigned left, const char *text)
{
	struct message m;

	message_init(&m, "refused");
	message_add(&m, "verdict", phrase_enrolment_word(a->verdict));
	message_add_u64(&m, "off", a->off_s);
	message_add_u64(&m, "left", left);
	message_add(&m, "text", text);
	return helper_send(a->h, &m);
}

/* Obligation 4. */
static enum exit_code
activate(struct addition *a)
{
	struct helper *h = a->h;
	char text[PHRASE_CAP];

	for (unsigned left = TRIES; left > 0; left--) {
		enum exit_code code = try_codes(a, left);
		if (code != EXIT_CODE_OK)
			return code;
		phrase_enrolment(a->verdict, &a->params, a->off_s, text, sizeof(text));
		helper_log(h, a->verdict == ENROLMENT_CONFIRMED, "enrol",
		    phrase_enrolment_word(a->verdict), a->name);
		if (a->verdict == ENROLMENT_CONFIRMED)
			return helper_end(h, EXIT_CODE_OK, "%s", text);
		if (a->verdict == ENROLMENT_EXPIRED)
			return helper_end(h, EXIT_CODE_WRONG_STATE, "%s", text);
		code = tell_refused(a, left - 1, text);
		if (code != EXIT_CODE_OK)
			return code;
	}
	return helper_end(h, EXIT_CODE_WRONG_CODE, "too many wrong codes: start again");
}

enum exit_code
helper_add(struct helper *h, const struct message *request)
{
	struct addition a = {.h = h, .type = DEVICE_VIRTUAL, .params = OTP_PARAMS_DEFAULT};

	enum exit_code code = read_request(&a, request);
	if (code == EXIT_CODE_OK)
		code = rehearse(&a);
	if (code == EXIT_CODE_OK)
		code = prove(&a);
	if (code == EXIT_CODE_OK)
		code = change_begin(&a);
	if (code == EXIT_CODE_OK) {
		helper_log(h, true, "enrol", "begun", a.name);
		code = show_secret(&a);
		if (code == EXIT_CODE_OK)
			code = activate(&a);
		if (code != EXIT_CODE_OK)
			change_discard(&a);
	}
	bytes_wipe(&a, sizeof(a));
	return code;
}
