/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Recovery codes on this side. They count from the moment at which the helper sends them, and
 * nobody can be told them again. It promises:
 *  1. A person sees them on a screen that vanishes (ui_hide), until he says that he has them:
 *     a key pressed too often does not make them go.
 *  2. With --recovery-file they go into a new file of mode 0600 instead; when it cannot be
 *     written they are shown all the same.
 *  3. They fit into 40x20; copies are wiped. */
#include "enroll.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/recovery.h"
#include "qr.h"

#define NUMBER_WIDTH 4 /* "10. " */
#define GAP 3
#define SHEET_TEXT_CAP 1024

int
sheet_open(struct enroll *e, struct sheet *s)
{
	struct diag d = { "" };
	s->file = -1;
	if (e->options->recovery_file == NULL)
		return ENROLL_ON;
	int r = qr_file_create(e->options->recovery_file, &s->file, &d);
	if (r == E_OK)
		return ENROLL_ON;
	output_error(e, "%s", d.text);
	return r == E_EXISTS ? EXIT_CODE_EXISTS : EXIT_CODE_FAILURE;
}

static bool
take_codes(const struct message *m, struct recovery_sheet *codes)
{
	for (unsigned i = 0; i < RECOVERY_CODES_MAX; i++) {
		char key[] = "code0";
		key[sizeof key - 2] = (char)('0' + i);
		const char *text = message_get(m, key);
		if (text == NULL || strlen(text) >= sizeof codes->text[i])
			return false;
		memcpy(codes->text[i], text, strlen(text) + 1);
	}
	return m->count == RECOVERY_CODES_MAX;
}

static void
put_code(struct bytes_writer *w, const struct recovery_sheet *codes, unsigned i)
{
	bytes_put(w, i < 9 ? " " : "");
	bytes_put_u64(w, i + 1);
	bytes_put(w, ". ");
	bytes_put(w, codes->text[i]);
}

/* The codes numbered downwards, in two columns where there is room for them. */
static void
print_codes(const struct recovery_sheet *codes, unsigned columns, char *out, size_t cap)
{
	struct bytes_writer w;
	bool is_wide = columns >= 2 * (NUMBER_WIDTH + RECOVERY_TEXT_CAP - 1) + GAP;
	unsigned rows = is_wide ? (RECOVERY_CODES_MAX + 1) / 2 : RECOVERY_CODES_MAX;
	bytes_writer_init(&w, out, cap);
	for (unsigned i = 0; i < rows; i++) {
		put_code(&w, codes, i);
		if (is_wide && i + rows < RECOVERY_CODES_MAX) {
			bytes_put(&w, "   ");
			put_code(&w, codes, i + rows);
		}
		bytes_put(&w, "\n");
	}
}

static bool
write_file(const struct enroll *e, const struct sheet *s, const struct recovery_sheet *codes)
{
	char text[SHEET_TEXT_CAP];
	char list[SHEET_TEXT_CAP];
	print_codes(codes, 0, list, sizeof list);
	int n = snprintf(text, sizeof text, "Recovery codes of %s, each for one login\n%s", e->user,
	    list);
	bool is_whole = n > 0 && (size_t)n < sizeof text;
	for (size_t at = 0; is_whole && at < (size_t)n;) {
		ssize_t put = write(s->file, text + at, (size_t)n - at);
		if (put < 0 && errno == EINTR)
			continue;
		is_whole = put > 0;
		at += is_whole ? (size_t)put : 0;
	}
	bytes_wipe(text, sizeof text);
	bytes_wipe(list, sizeof list);
	return is_whole && fsync(s->file) == 0;
}

static bool
print_json(const struct recovery_sheet *codes)
{
	struct output_object o;
	if (!output_begin(&o))
		return false;
	json_open(&o.json, "recovery_codes", '[');
	for (unsigned i = 0; i < RECOVERY_CODES_MAX; i++)
		json_text(&o.json, NULL, codes->text[i]);
	json_close(&o.json, '[');
	return output_end(&o);
}

static void
draw(struct enroll *e, const struct recovery_sheet *codes)
{
	char text[SHEET_TEXT_CAP];
	unsigned columns = 80;
	unsigned rows = 24;
	if (e->ui.is_terminal)
		ui_size(&e->ui, &columns, &rows);
	print_codes(codes, columns, text, sizeof text);
	ui_hide(&e->ui);
	ui_say(&e->ui, "Recovery codes: each lets you log in once without your device.");
	ui_put(&e->ui, text);
	ui_say(&e->ui, "Write them down and keep them away from the device. They are shown "
	    "only now.");
	bytes_wipe(text, sizeof text);
}

/* Obligation 1. */
static int
show_person(struct enroll *e, const struct recovery_sheet *codes)
{
	const struct ui_question q = { .prompt = "Type ok when you have them: ",
		.is_visible = true, .watch = -1 };
	struct ui_line line = { 0 };
	enum ui_answer answer = UI_AGAIN;
	bool has_them = false;
	draw(e, codes);
	while (!has_them && (answer == UI_AGAIN || answer == UI_DONE)) {
		answer = ui_ask(&e->ui, &q, &line);
		if (answer == UI_AGAIN && e->ui.has_controls)
			draw(e, codes);
		has_them = answer == UI_DONE && strcasecmp(line.text, "ok") == 0;
		if (answer == UI_DONE)
			ui_line_wipe(&line);
	}
	bool was_hidden = e->ui.is_hidden;
	ui_show(&e->ui);
	if (e->ui.is_terminal && !was_hidden)
		ui_say(&e->ui, "The recovery codes are still on this screen: clear it.");
	/* ^D and a terminal that went away end the question, not what is done already. */
	return answer == UI_STOPPED ? EXIT_CODE_FAILURE : ENROLL_ON;
}

int
sheet_take(struct enroll *e, struct sheet *s, const struct message *m)
{
	struct recovery_sheet codes = { { "" } };
	char text[SHEET_TEXT_CAP];
	int r = ENROLL_ON;
	if (s->has_codes || !take_codes(m, &codes)) {
		output_error(e, "%s sent recovery codes that make no sense", HELPER_PATH);
		return EXIT_CODE_FAILURE;
	}
	s->has_codes = true;
	if (s->file >= 0) {
		s->is_in_file = write_file(e, s, &codes);
		if (!s->is_in_file)
			output_error(e, "cannot write %s: %s", e->options->recovery_file,
			    strerror(errno));
	}
	if (s->is_in_file) {
		recovery_sheet_wipe(&codes);
		return ENROLL_ON;
	}
	if (e->ui.is_person && !e->options->has_json) {
		r = show_person(e, &codes);
	} else {
		print_codes(&codes, 80, text, sizeof text);
		if (!(e->options->has_json ? print_json(&codes) : output_put(text))) {
			output_error(e, "cannot write to standard output");
			r = EXIT_CODE_FAILURE;
		}
		bytes_wipe(text, sizeof text);
	}
	recovery_sheet_wipe(&codes);
	return r;
}

void
sheet_close(struct enroll *e, struct sheet *s, bool is_done)
{
	if (s->file < 0)
		return;
	close(s->file);
	s->file = -1;
	if (s->is_in_file) {
		if (!e->options->has_json)
			ui_say(&e->ui, "The recovery codes are in the file: keep it away from the "
			    "device, and from this host.");
		return;
	}
	if (unlink(e->options->recovery_file) != 0)
		output_error(e, "cannot remove %s: %s", e->options->recovery_file,
		    strerror(errno));
	if (!s->has_codes && is_done)
		output_error(e, "no recovery codes were made: they come with the first device, or "
		    "with totp-enroll recovery-codes");
}

static int
on_recovery(struct enroll *e, const struct message *m, void *context, bool *is_known)
{
	*is_known = strcmp(m->verb, "recovery") == 0;
	return *is_known ? sheet_take(e, context, m) : ENROLL_ON;
}

int
enroll_recovery(struct enroll *e)
{
	struct sheet s = { .file = -1 };
	struct message request;
	bool has_ended = false;
	int code = session_check_input(e);
	if (code == ENROLL_ON)
		code = sheet_open(e, &s);
	if (code == ENROLL_ON) {
		message_init(&request, "request");
		message_add(&request, "op", "recovery-codes");
		code = session_run(e, &request, on_recovery, &s, &has_ended);
	}
	if (ui_signal() != 0 && s.has_codes)
		ui_say(&e->ui, "Stopped: older codes are void. If you do not have the new ones, "
		    "run this again.");
	code = session_tell(e, code, has_ended, false);
	sheet_close(e, &s, code == EXIT_CODE_OK);
	return code;
}
