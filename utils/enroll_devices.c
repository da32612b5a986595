/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The verbs about a device that exists. What may be done, and what is asked for it, is the
 * helper's to say (helper_devices.c, helper_pair.c); here are only the questions. */
#include "enroll_wizard.h"

#include <string.h>

static void
make_request(const struct enroll *e, const char *op, struct message *request)
{
	message_init(request, "request");
	message_add(request, "op", op);
	message_add(request, "name", e->options->name);
	if (e->options->new_name != NULL)
		message_add(request, "new-name", e->options->new_name);
}

static int
run_plain(struct enroll *e, const char *op)
{
	struct message request;
	bool has_ended = false;
	int code = session_check_input(e);
	if (code == ENROLL_ON) {
		make_request(e, op, &request);
		code = session_run(e, &request, NULL, NULL, &has_ended);
	}
	return session_tell(e, code, has_ended, false);
}

/* What the codes look like, before they are asked for. */
static int
take_device(struct enroll *e, struct wizard *w, const struct message *m)
{
	const char *type = message_get(m, "type");
	uint64_t digits = 0;
	uint64_t period_s = 0;
	if (type == NULL ||
	    message_get_u64(m, "digits", OTP_DIGITS_MIN, OTP_DIGITS_MAX, &digits) != E_OK ||
	    message_get_u64(m, "period", OTP_PERIOD_MIN, OTP_PERIOD_MAX, &period_s) != E_OK) {
		output_error(e, "%s sent a device that makes no sense", HELPER_PATH);
		return EXIT_CODE_FAILURE;
	}
	w->device.params.digits = (unsigned)digits;
	w->device.params.period_s = (unsigned)period_s;
	w->is_shown = true;
	if (!e->ui.is_person)
		return ENROLL_ON;
	if (!w->has_countdown && strcmp(type, record_type_name(DEVICE_VIRTUAL)) == 0)
		ui_say(&e->ui, "If your phone's clock is wrong, stop here and set it to automatic "
		    "time: that is the better cure.");
	ui_say(&e->ui, "Enter two codes of the device that follow each other.");
	return ENROLL_ON;
}

static int
on_pair(struct enroll *e, const struct message *m, void *context, bool *is_known)
{
	struct wizard *w = context;
	if (strcmp(m->verb, "device") == 0 && !w->is_shown)
		return take_device(e, w, m);
	if (strcmp(m->verb, "ask-codes") == 0 && w->is_shown)
		return wizard_ask_codes(e, w);
	if (strcmp(m->verb, "refused") == 0 && w->is_shown)
		return wizard_take_refusal(e, w, m);
	*is_known = false;
	return ENROLL_ON;
}

/* has_countdown: the device's clock can be believed. */
static int
run_pair(struct enroll *e, const char *op, bool has_countdown)
{
	static struct wizard w;
	struct message request;
	bool has_ended = false;
	w.is_bare = true;
	w.has_countdown = has_countdown;
	int code = session_check_input(e);
	if (code == ENROLL_ON) {
		make_request(e, op, &request);
		code = session_run(e, &request, on_pair, &w, &has_ended);
	}
	/* Ended by the last of several refusals: its reason has not been told yet. */
	if (code == EXIT_CODE_WRONG_CODE && has_ended && e->ui.is_person && w.refusal[0] != '\0')
		ui_say(&e->ui, w.refusal);
	return session_tell(e, code, has_ended, false);
}

int
enroll_resync(struct enroll *e)
{
	return run_pair(e, "resync", false);
}

int
enroll_enable(struct enroll *e)
{
	return run_pair(e, "enable", true);
}

int
enroll_rename(struct enroll *e)
{
	return run_plain(e, "rename");
}

int
enroll_disable(struct enroll *e)
{
	return run_plain(e, "disable");
}

int
enroll_delete(struct enroll *e)
{
	return run_plain(e, "delete");
}

int
enroll_remove(struct enroll *e)
{
	return run_plain(e, "remove");
}
