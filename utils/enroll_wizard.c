/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* `totp-enroll add` and `rotate`: a name, what the helper asks for, the secret, two codes,
 * and after the first device the recovery codes. It promises:
 *  1. The secret is shown once, where it vanishes again (ui_hide), or given to the program
 *     that reads standard output, and is wiped here.
 *  2. Only two codes that follow each other end it well, and the helper is who says so;
 *     a refusal is shown with the same QR code, and the codes are asked for again.
 *  3. Whatever else ends it leaves no device, no file of --qr-file and a terminal as it was.
 *  4. What can be refused without a password is refused before one is asked for. */
#include "enroll_wizard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define BAD_NAME "invalid device name: use 1 to 64 of A-Z a-z 0-9 + = , . @ - _, " \
		 "not beginning with -"

/* Under sudo the device would be root's: rarely what was meant. */
static int
confirm_root(struct enroll *e, bool is_rotation)
{
	const char *caller = getenv("SUDO_USER");
	char clean[64];
	char question[192];
	bool is_yes = false;
	if (getuid() != 0 || caller == NULL || strcmp(caller, "root") == 0 || !e->ui.is_person)
		return ENROLL_ON;
	snprintf(question, sizeof question,
	    "This %s root, not %s%s (for that, run it without sudo).\n"
	    "Go on? [y/N] ", is_rotation ? "is about a device of" : "assigns a device to",
	    is_rotation ? "of " : "to ", text_clean(caller, e->ui.has_utf8, clean, sizeof clean));
	enum ui_answer answer = ui_confirm(&e->ui, question, -1, &is_yes);
	if (answer != UI_DONE)
		return session_tell_unanswered(e, answer);
	return is_yes ? ENROLL_ON : EXIT_CODE_FAILURE;
}

static int
ask_name(struct enroll *e, struct wizard *w)
{
	const struct ui_question q = { .prompt = "Device name (for example phone): ",
		.is_visible = true, .watch = -1 };
	for (;;) {
		struct ui_line line = { 0 };
		enum ui_answer answer = UI_AGAIN;
		while (answer == UI_AGAIN)
			answer = ui_ask(&e->ui, &q, &line);
		if (answer != UI_DONE)
			return session_tell_unanswered(e, answer);
		if (record_device_name_ok(line.text)) {
			memcpy(w->name, line.text, line.len + 1);
			return ENROLL_ON;
		}
		ui_say(&e->ui, BAD_NAME);
	}
}

static int
find_name(struct enroll *e, struct wizard *w)
{
	const char *name = e->options->name;
	if (name == NULL && e->ui.is_person && !w->is_rotation)
		return ask_name(e, w);
	if (name == NULL) {
		output_error(e, w->is_rotation ? "rotate needs the NAME of the device" :
		    "add needs the NAME of the device when nobody can be asked");
		return EXIT_CODE_USAGE;
	}
	if (!record_device_name_ok(name)) {
		output_error(e, BAD_NAME);
		return EXIT_CODE_USAGE;
	}
	memcpy(w->name, name, strlen(name) + 1);
	return ENROLL_ON;
}

static int
open_file(struct enroll *e, struct wizard *w)
{
	struct diag d = { "" };
	if (e->options->qr_file == NULL)
		return ENROLL_ON;
	int r = qr_file_format(e->options->qr_file, &w->format, &d);
	if (r == E_OK)
		r = qr_file_create(e->options->qr_file, &w->file, &d);
	if (r == E_OK)
		return ENROLL_ON;
	output_error(e, "%s", d.text);
	return r == E_INVALID ? EXIT_CODE_USAGE : r == E_EXISTS ? EXIT_CODE_EXISTS
								: EXIT_CODE_FAILURE;
}

/* A label part for otpauth_build out of what an administrator or a host is called. */
static void
copy_label(const char *text, char *out, size_t cap)
{
	char clean[PROTOCOL_VALUE_CAP];
	text_clean(text, true, clean, sizeof clean);
	for (char *c = clean; *c != '\0'; c++)
		if (*c == ':')
			*c = '-';
	struct span s = bytes_trim((struct span){ clean, strlen(clean) });
	/* Too long is cut, as text_clean does, at a character's end. */
	char cut[PROTOCOL_VALUE_CAP];
	if (bytes_copy(s, cut, sizeof cut) == E_OK)
		text_clean(cut, true, out, cap);
}

/* The message `secret` as a device, a key, a URI and a QR code. */
static bool
take_secret(struct wizard *w, const struct message *m)
{
	const char *key = message_get(m, "base32");
	const char *issuer = message_get(m, "issuer");
	const char *account = message_get(m, "account");
	const char *algorithm = message_get(m, "algorithm");
	struct otpauth *o = &w->device;
	uint64_t digits = 0;
	uint64_t period_s = 0;
	if (key == NULL || issuer == NULL || account == NULL || algorithm == NULL ||
	    strlen(key) >= sizeof w->key ||
	    otp_algorithm_parse((struct span){ algorithm, strlen(algorithm) },
		&o->params.algorithm) != E_OK ||
	    message_get_u64(m, "digits", OTP_DIGITS_MIN, OTP_DIGITS_MAX, &digits) != E_OK ||
	    message_get_u64(m, "period", OTP_PERIOD_MIN, OTP_PERIOD_MAX, &period_s) != E_OK ||
	    message_get_u64(m, "expires", 0, INT64_MAX, &w->expires) != E_OK ||
	    encode_base32_parse((struct span){ key, strlen(key) }, o->secret.bytes,
		sizeof o->secret.bytes, &o->secret.len) != E_OK)
		return false;
	o->params.digits = (unsigned)digits;
	o->params.period_s = (unsigned)period_s;
	copy_label(issuer, o->issuer, sizeof o->issuer);
	copy_label(account, o->account, sizeof o->account);
	memcpy(w->key, key, strlen(key) + 1);
	if (otpauth_build(o, w->uri, sizeof w->uri) != E_OK)
		return false;
	w->has_qr = qr_encode(w->uri, &w->qr, NULL) == E_OK;
	w->has_secret = true;
	return true;
}

static bool
print_secret_json(const struct wizard *w)
{
	struct output_object o;
	if (!output_begin(&o))
		return false;
	json_text(&o.json, "name", w->name);
	json_text(&o.json, "secret", w->key);
	json_text(&o.json, "uri", w->uri);
	json_text(&o.json, "issuer", w->device.issuer);
	json_text(&o.json, "account", w->device.account);
	json_text(&o.json, "algorithm", otp_algorithm_name(w->device.params.algorithm));
	json_number(&o.json, "digits", w->device.params.digits);
	json_number(&o.json, "period", w->device.params.period_s);
	json_time(&o.json, "expires", w->expires);
	return output_end(&o);
}

static int
on_secret(struct enroll *e, struct wizard *w, const struct message *m)
{
	struct diag d = { "" };
	if (w->has_secret || !take_secret(w, m)) {
		output_error(e, "%s sent a device that makes no sense", HELPER_PATH);
		return EXIT_CODE_FAILURE;
	}
	if (w->file >= 0) {
		int r = w->has_qr ? qr_file_write(&w->qr, w->format, w->file, &d)
				  : diag_set(&d, E_LIMIT, "the text is too long for a QR code");
		if (r != E_OK) {
			output_error(e, "%s: %s", e->options->qr_file, d.text);
			return EXIT_CODE_FAILURE;
		}
	}
	if (e->options->has_json) {
		if (!print_secret_json(w)) {
			output_error(e, "cannot write to standard output");
			return EXIT_CODE_FAILURE;
		}
		return ENROLL_ON;
	}
	if (!e->ui.is_person)
		wizard_show(e, w);
	return ENROLL_ON;
}

int
wizard_take_refusal(struct enroll *e, struct wizard *w, const struct message *m)
{
	const char *text = message_get(m, "text");
	uint64_t left = 0;
	uint64_t off_s = 0;
	if (text == NULL || message_get_u64(m, "left", 0, UINT32_MAX, &left) != E_OK ||
	    message_get_u64(m, "off", 0, INT64_MAX, &off_s) != E_OK) {
		output_error(e, "%s sent a refusal that makes no sense", HELPER_PATH);
		return EXIT_CODE_FAILURE;
	}
	text_clean(text, e->ui.has_utf8, w->refusal, sizeof w->refusal);
	if (e->options->has_json) {
		struct output_object o;
		if (!output_begin(&o))
			return EXIT_CODE_FAILURE;
		json_text(&o.json, "refused", message_get(m, "verdict"));
		json_number(&o.json, "off_s", (int64_t)off_s);
		json_number(&o.json, "left", (int64_t)left);
		json_text(&o.json, "text", text);
		if (!output_end(&o))
			return EXIT_CODE_FAILURE;
	} else if (!e->ui.is_person) {
		output_error(e, "%s", w->refusal);
	}
	return ENROLL_ON;
}

/* Let the secret vanish. */
static void
leave_screen(struct enroll *e, struct wizard *w)
{
	w->was_hidden = w->was_hidden || e->ui.is_hidden;
	ui_show(&e->ui);
}

static int
on_add(struct enroll *e, const struct message *m, void *context, bool *is_known)
{
	struct wizard *w = context;
	if (strcmp(m->verb, "secret") == 0)
		return on_secret(e, w, m);
	if (strcmp(m->verb, "ask-codes") == 0 && w->has_secret)
		return wizard_ask_codes(e, w);
	if (strcmp(m->verb, "refused") == 0 && w->has_secret)
		return wizard_take_refusal(e, w, m);
	if (strcmp(m->verb, "recovery") == 0 && w->has_secret) {
		leave_screen(e, w);
		return sheet_take(e, &w->sheet, m);
	}
	*is_known = false;
	return ENROLL_ON;
}

/* How it ended, on the screen that stays. */
static int
tell(struct enroll *e, struct wizard *w, int code, bool has_ended)
{
	leave_screen(e, w);
	if (w->file >= 0 && code != EXIT_CODE_OK && unlink(e->options->qr_file) != 0)
		output_error(e, "cannot remove %s: %s", e->options->qr_file, strerror(errno));
	/* Ended by the last of several refusals: its reason went with the screen. */
	if (code == EXIT_CODE_WRONG_CODE && w->was_hidden && w->refusal[0] != '\0')
		ui_say(&e->ui, w->refusal);
	code = session_tell(e, code, has_ended, false);
	if (code != EXIT_CODE_OK) {
		if (w->has_secret && ui_signal() != 0)
			ui_say(&e->ui, w->sheet.has_codes ?
			    "Stopped: the device is assigned. If you do not have its recovery "
			    "codes, make new ones: totp-enroll recovery-codes" :
			    "Stopped: nothing is assigned, and login is unchanged. What may be "
			    "left of it ends within 10 minutes, or with: totp-enroll cancel");
		return code;
	}
	if (e->options->has_json)
		return code;
	ui_say(&e->ui, "Open a second terminal and test a login before you close this one.");
	if (w->file >= 0)
		ui_say(&e->ui, "The file of the QR code holds the secret: delete it when it "
		    "has been scanned.");
	if (e->ui.is_terminal && !w->was_hidden)
		ui_say(&e->ui, "The secret is still on this screen: clear it.");
	return code;
}

static void
make_request(const struct enroll *e, const struct wizard *w, struct message *request)
{
	const struct otp_params *p = &e->options->params;
	message_init(request, "request");
	message_add(request, "op", w->is_rotation ? "rotate" : "add");
	message_add(request, "name", w->name);
	if (w->is_rotation)
		return;
	message_add(request, "type", record_type_name(DEVICE_VIRTUAL));
	message_add(request, "algorithm", otp_algorithm_name(p->algorithm));
	message_add_u64(request, "digits", p->digits);
	message_add_u64(request, "period", p->period_s);
}

static int
run(struct enroll *e, bool is_rotation)
{
	static struct wizard w;
	struct message request;
	bool has_ended = false;
	w.file = -1;
	w.sheet.file = -1;
	w.is_rotation = is_rotation;
	w.has_countdown = true;
	int code = session_check_input(e);
	if (code == ENROLL_ON)
		code = find_name(e, &w);
	if (code == ENROLL_ON)
		code = confirm_root(e, is_rotation);
	if (code == ENROLL_ON)
		code = open_file(e, &w);
	if (code == ENROLL_ON)
		code = sheet_open(e, &w.sheet);
	if (code == ENROLL_ON) {
		wizard_warn(e);
		make_request(e, &w, &request);
		code = session_run(e, &request, on_add, &w, &has_ended);
	}
	code = tell(e, &w, code, has_ended);
	if (w.file >= 0)
		close(w.file);
	sheet_close(e, &w.sheet, code == EXIT_CODE_OK);
	bytes_wipe(&w, sizeof w);
	return code;
}

int
enroll_add(struct enroll *e)
{
	return run(e, false);
}

int
enroll_rotate(struct enroll *e)
{
	return run(e, true);
}
