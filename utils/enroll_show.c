/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* How the secret is shown: the QR code, below it the key for those who cannot scan, and
 * no more lines than fit. It promises:
 *  1. A QR code is drawn only where all of it can be seen at once with the key and the
 *     question below it, unless a style was asked for by name; else it says what room it
 *     needs, and the wizard draws again when the window becomes larger.
 *  2. The border is drawn, as wide as there is room for (4 modules, at least 1): the code
 *     is readable on dark and on light terminals.
 *  3. Copies of the secret are wiped. */
#include "enroll_wizard.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

#define KEY_GROUP 4
#define KEY_LINES_CAP 256

static const char intro[] =
    "Scan this with an authenticator app, or type the key below it into the app.";
static const char once[] = "This is the only time the secret is shown.";

/* Reports of what apps do with parameters that they do not know: they take the QR code
 * and show codes that never fit. FLOW section 4. */
void
wizard_warn(struct enroll *e)
{
	const struct otp_params *p = &e->options->params;
	const struct otp_params usual = OTP_PARAMS_DEFAULT;
	char text[512];
	struct bytes_writer w;
	bytes_writer_init(&w, text, sizeof text);
	if (p->algorithm != usual.algorithm) {
		bytes_put(&w, otp_algorithm_name(p->algorithm));
		bytes_put(&w, ": Google Authenticator (older Android versions), Microsoft "
			      "Authenticator, Authy, Duo Mobile. ");
	}
	if (p->digits != usual.digits) {
		bytes_put_u64(&w, p->digits);
		bytes_put(&w, " digits: Google Authenticator (older Android versions), Microsoft "
			      "Authenticator. ");
	}
	if (p->period_s != usual.period_s) {
		bytes_put_u64(&w, p->period_s);
		bytes_put(&w, " s: Google Authenticator, Microsoft Authenticator, Authy. ");
	}
	if (w.len == 0)
		return;
	const char *lead = "Warning: some apps accept such a device and then show wrong codes. ";
	if (e->ui.is_person) {
		ui_say(&e->ui, lead);
		ui_say(&e->ui, text);
	} else {
		output_error(e, "%s%s", lead, text);
	}
}

/* The key in groups of four, in lines of at most columns characters. Returns how many. */
static unsigned
group_key(const char *key, unsigned columns, char *out, size_t cap)
{
	char groups[KEY_LINES_CAP];
	struct bytes_writer w;
	bytes_writer_init(&w, groups, sizeof groups);
	size_t len = strlen(key);
	for (size_t at = 0; at < len; at += KEY_GROUP) {
		size_t left = len - at;
		if (at > 0)
			bytes_put(&w, " ");
		bytes_put_span(&w, (struct span){ key + at, left < KEY_GROUP ? left : KEY_GROUP });
	}
	text_wrap(groups, columns, out, cap);
	bytes_wipe(groups, sizeof groups);
	unsigned lines = 0;
	for (const char *c = out; *c != '\0'; c++)
		lines += *c == '\n';
	return lines;
}

/* Lines that ui_say takes for a clean text. */
static unsigned
count_lines(const char *text, unsigned columns)
{
	char lines[2 * PROTOCOL_VALUE_CAP];
	unsigned count = 0;
	for (const char *c = text_wrap(text, columns, lines, sizeof lines); *c != '\0'; c++)
		count += *c == '\n';
	return count;
}

/* The style and border with which the code fits into columns x rows, with the line above
 * it if there is room for that as well. Returns false when none does; *style and *quiet
 * are then how to draw it all the same. */
static bool
find_style(const struct enroll *e, const struct qr *q, unsigned columns, unsigned rows,
    enum qr_style *style, unsigned *quiet)
{
	bool is_ascii = e->options->qr == ENROLL_QR_ASCII ||
	    (e->options->qr == ENROLL_QR_AUTO && !e->ui.has_utf8);
	*style = is_ascii ? QR_ASCII : QR_UTF8;
	for (unsigned above = 2; above-- > 0;) {
		for (*quiet = QR_QUIET; *quiet >= (above > 0 ? 2U : 1U); (*quiet)--) {
			unsigned wide = 0;
			unsigned high = 0;
			qr_measure(q, *style, *quiet, &wide, &high);
			if (wide <= columns && high + above <= rows)
				return true;
		}
	}
	*quiet = 2;
	return false;
}

/* Whether the code can be seen whole in that room. */
static bool
fits(const struct enroll *e, const struct wizard *w, unsigned columns, unsigned rows)
{
	enum qr_style style = QR_UTF8;
	unsigned quiet = 0;
	return w->has_qr && find_style(e, &w->qr, columns, rows, &style, &quiet);
}

/* Draw the code, or say why not. rows: those that it may take. */
static void
show_code(struct enroll *e, const struct wizard *w, unsigned columns, unsigned rows)
{
	static char drawing[QR_TEXT_CAP];
	enum qr_style style = QR_UTF8;
	unsigned quiet = 0;
	if (!w->has_qr) {
		ui_say(&e->ui, "The text is too long for a QR code: type the key.");
		return;
	}
	bool is_whole = find_style(e, &w->qr, columns, rows, &style, &quiet);
	if (is_whole || e->options->qr != ENROLL_QR_AUTO) {
		ui_say(&e->ui, intro);
		if (qr_draw(&w->qr, style, e->ui.has_colour, quiet, drawing, sizeof drawing) ==
		    E_OK)
			ui_put(&e->ui, drawing);
		bytes_wipe(drawing, sizeof drawing);
		return;
	}
	char text[256];
	unsigned wide = 0;
	unsigned high = 0;
	qr_measure(&w->qr, style, 1, &wide, &high);
	/* rows is what is left of the window: give back what the rest takes. */
	unsigned all_columns = 0;
	unsigned all_rows = 0;
	ui_size(&e->ui, &all_columns, &all_rows);
	snprintf(text, sizeof text, "This window is too small for the QR code: it needs %u columns "
	    "and %u lines, and has %u and %u. Make it larger, or type this key, or start again "
	    "with --qr-file.", wide, high + (all_rows > rows ? all_rows - rows : 0), columns,
	    all_rows);
	ui_say(&e->ui, text);
}

void
wizard_show(struct enroll *e, struct wizard *w)
{
	unsigned columns = 80;
	unsigned rows = 24;
	char key[KEY_LINES_CAP];
	bool wants_code = e->options->qr != ENROLL_QR_NONE &&
	    (e->ui.is_terminal || e->options->qr != ENROLL_QR_AUTO);
	if (e->ui.is_terminal)
		ui_size(&e->ui, &columns, &rows);
	ui_hide(&e->ui);
	w->is_shown = true;
	unsigned below = group_key(w->key, columns, key, sizeof key) + 1; /* the question */
	if (e->options->has_uri)
		below += (unsigned)strlen(w->uri) / columns + 1;
	if (w->refusal[0] != '\0')
		below += count_lines(w->refusal, columns);
	/* In a window that is just too small this sentence makes room for the code. */
	unsigned with_once = below + count_lines(once, columns);
	bool is_tight = wants_code && !fits(e, w, columns, rows > with_once ? rows - with_once : 0);
	if (is_tight)
		ui_say(&e->ui, once);
	else
		below = with_once;
	if (wants_code)
		show_code(e, w, columns, rows > below ? rows - below : 0);
	else
		ui_say(&e->ui, "Type this key into your authenticator app (type: time based):");
	ui_put(&e->ui, key);
	if (e->options->has_uri) {
		ui_put(&e->ui, w->uri);
		ui_put(&e->ui, "\n");
	}
	if (!is_tight)
		ui_say(&e->ui, once);
	if (w->refusal[0] != '\0')
		ui_say(&e->ui, w->refusal);
	bytes_wipe(key, sizeof key);
}
