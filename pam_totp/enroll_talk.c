/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What is said and asked when a user enrols, or replaces a device, at login.
 *
 *  1. All that must be seen stands in the text of a prompt: PAM_TEXT_INFO may be held back
 *     until the next one, or for ever.
 *  2. Every text begins on a line of its own: ssh puts "(user@host) " before it. It holds no
 *     escape sequence: ssh makes ESC visible.
 *  3. The only secret here is the one that was made in this conversation; the texts that
 *     held it are wiped on all paths.
 *  4. No answer at all, one that is too long, and a user who changed on the way, end it. */

#include "enroll_login.h"

#include <string.h>
#include <unistd.h>

#include "core/date.h"
#include "core/encode.h"
#include "core/otpauth.h"
#include "core/phrase.h"
#include "core/text.h"
#include "qr_text.h"

#define TEXT_CAP 16384	   /* a prompt: a QR code of 65 x 65 with its border, and the rest */
#define QR_ROWS_MAX 22	   /* of a window of 24: below them the key and the question */
#define ISSUER_HOST_MAX 32 /* bytes of the host's name: a longer URI is a taller QR code */
#define KEY_GROUP 4
#define COLUMNS 39	   /* of all but the QR code: good in the narrowest window */
#define DEFAULT_NAME "phone"

/* Obligation 4. */
static enum enrol_outcome
ask(const struct enrolling *x, const char *text, bool echo, struct host_answer *a)
{
	if (host_ask(&x->host, text, echo, a) != 0 || a->span.at == NULL)
		return ENROL_NO_ANSWER;
	return host_is_same_user(&x->host) ? ENROL_GO_ON : ENROL_USER_CHANGED;
}

/* Append a paragraph in lines, each ended. */
static void
put_lines(struct bytes_writer *w, const char *text)
{
	text_wrap(text, COLUMNS, w->at + w->len, w->cap - w->len);
	w->len += strlen(w->at + w->len);
}

static void
put_required(const struct enrolling *x, struct bytes_writer *w, const char *rest)
{
	char text[HOST_TEXT_CAP + 256];
	struct bytes_writer t;

	bytes_writer_init(&t, text, sizeof(text));
	bytes_put(&t, "MFA is required for ");
	bytes_put(&t, x->host.user);
	bytes_put(&t, " on this host, and no device is assigned yet.");
	bytes_put(&t, rest);
	put_lines(w, text);
}

enum enrol_outcome
enrol_ask_ticket(struct enrolling *x)
{
	char text[2 * HOST_TEXT_CAP + 256];
	struct bytes_writer w;

	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, "\n");
	put_required(x, &w, " You need an enrolment ticket from your administrator.");
	bytes_put(&w, "Enrolment ticket: ");
	return ask(x, text, x->settings.echo, &x->ticket);
}

enum enrol_outcome
enrol_ask_name(struct enrolling *x, const char *why)
{
	char text[2 * HOST_TEXT_CAP + 256];
	struct bytes_writer w;
	struct host_answer a;

	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, "\n");
	if (why != NULL)
		put_lines(&w, why);
	else
		put_required(x, &w, " You need a phone with an authenticator app now.");
	bytes_put(&w, "Name of the device [" DEFAULT_NAME "]: ");
	enum enrol_outcome o = ask(x, text, true, &a);
	struct span name = a.span.at == NULL ? a.span : bytes_trim(a.span);
	if (name.len == 0)
		name = (struct span){ DEFAULT_NAME, sizeof(DEFAULT_NAME) - 1 };
	/* What does not fit or holds a NUL is no name: "" is refused where it is tried. */
	if (o == ENROL_GO_ON && bytes_copy(name, x->name, sizeof(x->name)) != 0)
		x->name[0] = '\0';
	host_answer_wipe(&a);
	return o;
}

enum enrol_outcome
enrol_ask_ready(struct enrolling *x)
{
	char text[2 * HOST_TEXT_CAP + 256];
	char why[RECORD_NAME_CAP + 256];
	char day[DATE_CAP];
	struct bytes_writer w;
	struct host_answer a;

	date_print(x->rotate_by, day);
	bytes_writer_init(&w, why, sizeof(why));
	bytes_put(&w, "Device \"");
	bytes_put(&w, x->name);
	bytes_put(&w, "\" had to be replaced by ");
	bytes_put(&w, day);
	bytes_put(&w, ": it gets a new key now. You need a phone with an authenticator app. The "
		      "old key works until two codes of the new one are entered.");
	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, "\n");
	put_lines(&w, why);
	bytes_put(&w, "To see the new key, press Enter: ");
	enum enrol_outcome o = ask(x, text, true, &a);
	host_answer_wipe(&a);
	return o;
}

/* The settings' issuer, else the host's name. */
static void
find_issuer(const struct enrolling *x, char out[OTPAUTH_ISSUER_CAP])
{
	_Static_assert(sizeof(x->settings.issuer) <= OTPAUTH_ISSUER_CAP, "an issuer fits");
	memcpy(out, x->settings.issuer, sizeof(x->settings.issuer));
	if (out[0] != '\0')
		return;
	if (gethostname(out, ISSUER_HOST_MAX + 1) != 0)
		out[0] = '\0';
	out[ISSUER_HOST_MAX] = '\0';
}

/* The widest border with which the code and what stands below it fit into 24 lines. */
static unsigned
find_border(const struct qr *q, enum qr_style style)
{
	for (unsigned quiet = QR_QUIET; quiet > 0; quiet--) {
		unsigned columns = 0, rows = 0;

		qr_measure(q, style, quiet, &columns, &rows);
		if (rows <= QR_ROWS_MAX)
			return quiet;
	}
	return 2; /* it will scroll anyway */
}

/* Append the QR code. Returns false when there is none: not wanted, or no place for it. */
static bool
put_qr(const struct enrolling *x, struct bytes_writer *w)
{
	enum qr_style style = x->settings.qr == CONFIG_QR_ASCII ? QR_ASCII : QR_UTF8;
	struct otpauth o = { .params = x->params, .secret = x->secret };
	char uri[OTPAUTH_URI_CAP];
	struct qr q = { .side = 0 };
	bool is_drawn = false;

	_Static_assert(sizeof(o.account) >= sizeof(x->host.user), "a user name fits");
	if (x->settings.qr == CONFIG_QR_NONE)
		return false;
	find_issuer(x, o.issuer);
	memcpy(o.account, x->host.user, sizeof(x->host.user));
	if (otpauth_build(&o, uri, sizeof(uri)) == 0 && qr_encode(uri, &q, NULL) == 0 &&
	    qr_draw(&q, style, false, find_border(&q, style), w->at + w->len,
		w->cap - w->len) == 0) {
		w->len += strlen(w->at + w->len);
		is_drawn = true;
	}
	qr_wipe(&q);
	bytes_wipe(uri, sizeof(uri));
	otpauth_wipe(&o);
	return is_drawn;
}

/* Append the key in groups. */
static enum enrol_outcome
put_key(const struct enrolling *x, struct bytes_writer *w)
{
	char key[ENCODE_BASE32_CAP(OTP_SECRET_MAX)];

	int r = encode_base32_print(x->secret.bytes, x->secret.len, key, sizeof(key));
	size_t len = r == 0 ? strlen(key) : 0;
	for (size_t at = 0; at < len; at += KEY_GROUP) {
		size_t left = len - at;

		if (at > 0)
			bytes_put(w, " ");
		bytes_put_span(w, (struct span){ key + at, left < KEY_GROUP ? left : KEY_GROUP });
	}
	bytes_put(w, "\n");
	bytes_wipe(key, sizeof(key));
	return r == 0 ? ENROL_GO_ON : ENROL_INTERNAL;
}

static enum enrol_outcome
put_secret(const struct enrolling *x, struct bytes_writer *w)
{
	const size_t before = w->len;

	put_lines(w, "Scan this with an authenticator app, now: it is shown only once. If the code "
		     "does not show, type the key below it.");
	if (!put_qr(x, w)) {
		w->len = before;
		w->at[before] = '\0';
		put_lines(w, "Type this key into an authenticator app (type: time based), now: it "
			     "is shown only once.");
	}
	enum enrol_outcome o = put_key(x, w);
	return w->has_overflowed ? ENROL_INTERNAL : o;
}

/* One code. *is_code: it has the shape of one. */
static enum enrol_outcome
ask_code(const struct enrolling *x, const char *text, struct otp_typed *code, bool *is_code)
{
	struct host_answer a;

	enum enrol_outcome o = ask(x, text, true, &a);
	*is_code = o == ENROL_GO_ON && otp_parse_typed(a.span, code) == 0;
	host_answer_wipe(&a);
	return o;
}

enum enrol_outcome
enrol_ask_codes(struct enrolling *x, bool is_first, bool *is_code)
{
	char text[TEXT_CAP];
	char verdict[PHRASE_CAP];
	struct bytes_writer w;
	enum enrol_outcome o = ENROL_GO_ON;

	*is_code = false;
	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, "\n");
	if (is_first) {
		o = put_secret(x, &w);
	} else {
		phrase_enrolment(x->verdict, &x->params, x->off_s, verdict, sizeof(verdict));
		put_lines(&w, verdict);
	}
	bytes_put(&w, "Code 1: ");
	if (o == ENROL_GO_ON)
		o = ask_code(x, text, &x->code[0], is_code);
	bytes_wipe(text, sizeof(text));
	if (o == ENROL_GO_ON && *is_code)
		o = ask_code(x, "\nWait until the app shows the next code.\n"
				"Code 2: ", &x->code[1], is_code);
	return o;
}

enum enrol_outcome
enrol_show_sheet(struct enrolling *x)
{
	char text[2 * RECORD_NAME_CAP + RECOVERY_CODES_MAX * (RECOVERY_TEXT_CAP + 4) + 512];
	char assigned[RECORD_NAME_CAP + 80];
	struct bytes_writer w;
	struct host_answer a;

	bytes_writer_init(&w, assigned, sizeof(assigned));
	bytes_put(&w, "Device \"");
	bytes_put(&w, x->name);
	bytes_put(&w, "\" is assigned. From now on a login asks for its code.");
	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, "\n");
	put_lines(&w, assigned);
	put_lines(&w, "If you lose it, each of these recovery codes lets you in once. They are "
		      "shown only now. Keep them in another place than the device:");
	for (unsigned i = 0; i < RECOVERY_CODES_MAX; i++) {
		bytes_put(&w, "  ");
		bytes_put(&w, x->sheet.text[i]);
		bytes_put(&w, "\n");
	}
	bytes_put(&w, "Written down? Press Enter: ");
	enum enrol_outcome o = ask(x, text, true, &a);
	host_answer_wipe(&a);
	bytes_wipe(text, sizeof(text));
	return o;
}

/* Nothing that must be seen: the next login tells of the change again. */
void
enrol_tell_rotated(const struct enrolling *x)
{
	char text[PHRASE_CAP];

	phrase_rotated(x->name, x->old_name, x->old_used, text, sizeof(text));
	host_tell(&x->host, false, text);
}
