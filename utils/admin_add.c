/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin add: make a device from a key that exists already (a hardware token, a phone
 * that was enrolled elsewhere) active at once. admin_import.c makes its devices by the same
 * functions. It promises:
 *  1. The key comes by standard input or a private file, and is wiped on every way out.
 *  2. Every step up to now is burnt: a code that somebody saw while the key travelled is of
 *     no use, and the administrator is told when the first one that works appears.
 *  3. The record is bound to the uid of the account; a name without an account needs --uid.
 *  4. One secret is one device of one user (RFC 6238 R5, FLOW row 15). Two totp-admin that
 *     add one secret to two users in the same instant are not told apart: each record is
 *     checked and written by itself.
 *  5. A secret below 128 bits is refused unless --weak-ok (RFC 4226 section 4, R6). */
#include <openssl/crypto.h>
#include <string.h>

#include "core/enrolment.h"
#include "utils/admin.h"
#include "utils/key_text.h"
#include "utils/otpauth.h"
#include "utils/secret_input.h"

struct addition {
	struct admin_change change; /* first: see admin.h */
	const struct settings *settings;
	uint32_t uid;
	struct admin_device spec;
};

enum exit_code
admin_read_type(const struct admin *a, enum device_type *type)
{
	const char *text = a->option[OPTION_TYPE];

	*type = DEVICE_VIRTUAL;
	if (text == NULL || strcmp(text, "virtual") == 0)
		return EXIT_CODE_OK;
	if (strcmp(text, "hardware") != 0)
		return admin_fail(EXIT_CODE_USAGE, "--type: expected virtual or hardware");
	*type = DEVICE_HARDWARE;
	return EXIT_CODE_OK;
}

static enum exit_code
read_params(const struct admin *a, struct otp_params *p)
{
	const char *text = a->option[OPTION_ALGORITHM];

	*p = OTP_PARAMS_DEFAULT;
	if (a->option[OPTION_URI_FILE] != NULL &&
	    (text != NULL || a->option[OPTION_DIGITS] != NULL || a->option[OPTION_PERIOD] != NULL))
		return admin_fail(EXIT_CODE_USAGE, "--algorithm, --digits and --period go with "
		    "--secret-file: an otpauth URI says them itself");
	if (text != NULL &&
	    otp_algorithm_parse((struct span){ .at = text, .len = strlen(text) },
		&p->algorithm) != 0)
		return admin_fail(EXIT_CODE_USAGE, "--algorithm: expected SHA1, SHA256 or SHA512");
	enum exit_code code = admin_read_number(a, OPTION_DIGITS, "digits", OTP_DIGITS_MIN,
	    OTP_DIGITS_MAX, &p->digits);
	if (code == EXIT_CODE_OK)
		code = admin_read_number(a, OPTION_PERIOD, "period", OTP_PERIOD_MIN, OTP_PERIOD_MAX,
		    &p->period_s);
	return code;
}

/* Obligations 1 and 5. */
static enum exit_code
read_secret(const struct admin *a, struct addition *add)
{
	char text[SECRET_INPUT_CAP];
	struct diag d = { "" };
	bool is_uri = a->option[OPTION_URI_FILE] != NULL;
	const char *path = a->option[is_uri ? OPTION_URI_FILE : OPTION_SECRET_FILE];
	enum exit_code code = EXIT_CODE_FAILURE;

	int r = secret_input_read(path, is_uri ? "otpauth URI: " : "Key (base32): ", text, &d);
	if (r == E_INVALID)
		code = admin_fail(EXIT_CODE_USAGE, "%s", d.text);
	else if (r != 0)
		code = admin_fail(EXIT_CODE_FAILURE, "%s", d.text);
	else {
		struct otpauth u = { .params = add->spec.params };
		struct span s = { .at = text, .len = strlen(text) };
		r = is_uri ? otpauth_parse(s, &u, &d) : key_text_parse(s, &u.secret, &d);
		if (r == 0)
			r = key_text_check(&u.secret, a->option[OPTION_WEAK_OK] != NULL, &d);
		add->spec.params = u.params;
		add->spec.secret = u.secret;
		code = r == 0 ? EXIT_CODE_OK : admin_fail(EXIT_CODE_USAGE, "%s", d.text);
		otpauth_wipe(&u);
	}
	bytes_wipe(text, sizeof text);
	return code;
}

/* Compare over the whole array, whatever the lengths are. */
static bool
is_same_secret(const struct otp_secret *a, const struct otp_secret *b)
{
	struct otp_secret left = { .len = a->len }, right = { .len = b->len };

	memcpy(left.bytes, a->bytes, a->len);
	memcpy(right.bytes, b->bytes, b->len);
	bool is_same = (CRYPTO_memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0) &
	    (left.len == right.len);
	otp_secret_wipe(&left);
	otp_secret_wipe(&right);
	return is_same;
}

/* Obligation 4, for all other users; the user's own record is checked by the change.
 * A record that cannot be read is told and passed over: it lets nobody in, and refusing here
 * would let one damaged file stop the administrator from helping everybody else. */
static enum exit_code
check_unique(struct admin *a, const char *user, const struct otp_secret *secret)
{
	struct admin_users users;
	bool is_taken = false;

	enum exit_code code = admin_users_load(a, &users);
	if (code != EXIT_CODE_OK)
		return code;
	for (size_t i = 0; i < users.count; i++) {
		struct store_entry e;
		struct diag d = { "" };
		if (strcmp(users.name[i], user) == 0)
			continue;
		int r = store_load(a->store, users.name[i], &e, &d);
		if (r != 0)
			admin_warn("warning: not compared with the devices of %s: %s",
			    users.name[i], d.text[0] != '\0' ? d.text : diag_code_text(r));
		for (unsigned n = 0; r == 0 && e.has_record && n < e.record.device_count; n++)
			is_taken |= is_same_secret(&e.record.device[n].secret, secret);
		store_entry_wipe(&e);
	}
	admin_users_free(&users);
	return is_taken ? admin_fail(EXIT_CODE_EXISTS,
	    "this secret is already assigned to another device") : EXIT_CODE_OK;
}

/* enrolment_import compares with active and disabled devices; a pending one of another name,
 * which it lets stand, must not have this secret either. */
static bool
is_pending_elsewhere(const struct record *r, const char *name, const struct otp_secret *secret)
{
	bool is_taken = false;

	for (unsigned i = 0; i < r->device_count; i++)
		if (r->device[i].state == DEVICE_PENDING &&
		    !record_is_same_name(r->device[i].name, name))
			is_taken |= is_same_secret(&r->device[i].secret, secret);
	return is_taken;
}

int
admin_begin_adding(struct admin_change *c, struct store_entry *e, uint32_t uid, struct diag *d)
{
	c->was_rebuilt = e->has_record && e->health == STATE_LOST;
	int r = admin_begin_record(c, e, uid, d);
	if (r != 0)
		return r;
	if (e->record.uid != uid)
		return diag_set(d, E_MISMATCH, "the record of %s belongs to another account of "
		    "this name (uid %u, now %u): `totp-admin reset` it first", c->user,
		    e->record.uid, uid);
	return 0;
}

int
admin_add_device(const struct admin_change *c, struct store_entry *e,
    const struct settings *settings, struct admin_device *spec, struct diag *d)
{
	uint32_t id = 0;

	if (is_pending_elsewhere(&e->record, spec->name, &spec->secret))
		return diag_set(d, E_EXISTS, "this secret is already assigned to another device");
	int r = enrolment_import(e, spec->name, spec->type, &spec->params, &spec->secret,
	    settings->max_devices, settings->window, c->now_s, &id, d);
	if (r != 0)
		return r;

	admin_note(c, e, "MFA device \"%s\" was added by an administrator", spec->name);
	const struct state_device *sd = state_find(&e->state, id);
	uint64_t first_s = sd == NULL ? c->now_s : (sd->last_step + 1) * spec->params.period_s;
	spec->wait_s = first_s > c->now_s ? (uint32_t)(first_s - c->now_s) : 0;
	return 0;
}

static int
add_device(struct store_entry *e, void *ctx, struct diag *d)
{
	struct addition *add = ctx;

	int r = admin_begin_adding(&add->change, e, add->uid, d);
	return r != 0 ? r : admin_add_device(&add->change, e, add->settings, &add->spec, d);
}

enum exit_code
admin_add(struct admin *a, char *const *operand)
{
	const char *user = operand[0], *device = operand[1];
	struct addition add = { .change = { .action = "add", .user = user,
		.device = device }, .spec = { .name = device } };

	enum exit_code code = admin_check_user(user);
	if (code != EXIT_CODE_OK)
		return code;
	if (!record_device_name_ok(device))
		return admin_fail(EXIT_CODE_USAGE, "invalid device name: use 1 to 64 of "
		    "A-Z a-z 0-9 + = , . @ - _");
	if ((a->option[OPTION_URI_FILE] == NULL) == (a->option[OPTION_SECRET_FILE] == NULL))
		return admin_fail(EXIT_CODE_USAGE, "expected either --uri-file or --secret-file");
	code = admin_read_type(a, &add.spec.type);
	if (code == EXIT_CODE_OK)
		code = read_params(a, &add.spec.params);
	if (code == EXIT_CODE_OK)
		code = admin_read_uid(a, user, &add.uid);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, true);
	if (code == EXIT_CODE_OK)
		code = read_secret(a, &add);
	if (code == EXIT_CODE_OK)
		code = check_unique(a, user, &add.spec.secret);
	if (code == EXIT_CODE_OK) {
		add.settings = &a->settings;
		add.change.now_s = admin_now();
		code = admin_update(a, &add.change, add_device);
	}
	otp_secret_wipe(&add.spec.secret);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("add", user, device, "ok");
	admin_say("%s: device \"%s\" is active (%s, %s, %u digits, %u s).", user, device,
	    record_type_name(add.spec.type), otp_algorithm_name(add.spec.params.algorithm),
	    add.spec.params.digits, add.spec.params.period_s);
	admin_say("The codes shown up to now are used up: "
	    "the first one that works appears in %u s.", add.spec.wait_s);
	return EXIT_CODE_OK;
}
