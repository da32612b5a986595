/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* The requests that need no password: they show a user what is his own, without any
 * secret, or take something away that protects nothing yet.
 *
 *  1. Only the entry of the real uid's account is loaded, and only when the record says
 *     that it belongs to that uid.
 *  2. list and status change nothing on disk.
 *  3. A code is looked at by attempt_run alone: it counts a wrong one and consumes a right
 *     one before it says so.
 */
#include "utils/helper.h"

#include <stdio.h>
#include <string.h>

#include "core/attempt.h"
#include "core/devices.h"
#include "core/enrolment.h"
#include "utils/phrases.h"

enum exit_code
helper_load(struct helper *h, struct store_entry *e)
{
	struct diag d = {""};
	int r = store_load(h->store, h->user, e, &d);

	if (r != 0)
		return helper_end_error(h, r, &d);
	if (e->has_record && e->record.uid != h->uid) {
		uint32_t other = e->record.uid;
		store_entry_wipe(e);
		return helper_end_mismatch(h, other);
	}
	return EXIT_CODE_OK;
}

bool
helper_has_active(const struct store_entry *e)
{
	bool has_active = false;

	for (unsigned i = 0; e->has_record && i < e->record.device_count; i++)
		has_active |= e->record.device[i].state == DEVICE_ACTIVE;
	return has_active;
}

static void
fill_device(struct message *m, struct store_entry *e, const struct record_device *d)
{
	const struct state_device *sd = state_find(&e->state, d->id);
	char drift[16] = "0";

	message_init(m, "device");
	message_add_u64(m, "id", d->id);
	message_add(m, "name", d->name);
	message_add(m, "type", record_type_name(d->type));
	message_add(m, "state", record_state_name(d->state));
	message_add(m, "algorithm", otp_algorithm_name(d->params.algorithm));
	message_add_u64(m, "digits", d->params.digits);
	message_add_u64(m, "period", d->params.period_s);
	message_add_u64(m, "created", d->created);
	message_add_u64(m, "expires", d->expires);
	message_add_u64(m, "last-used", sd == NULL ? 0 : sd->last_used);
	if (sd != NULL && snprintf(drift, sizeof(drift), "%d", (int)sd->drift) < 0)
		drift[0] = '\0';
	message_add(m, "drift", drift);
}

enum exit_code
helper_list(struct helper *h)
{
	struct store_entry e;
	struct message m;

	enum exit_code code = helper_load(h, &e);
	if (code != EXIT_CODE_OK)
		return code;
	for (unsigned i = 0; i < e.record.device_count && code == EXIT_CODE_OK; i++) {
		const struct record_device *d = &e.record.device[i];

		/* A pending device whose time is over is no device any more. */
		if (d->state == DEVICE_PENDING && d->expires <= helper_now_s())
			continue;
		fill_device(&m, &e, d);
		code = helper_send(h, &m);
	}
	store_entry_wipe(&e);
	return code;
}

enum exit_code
helper_status(struct helper *h)
{
	struct store_entry e;
	struct message m;
	uint64_t now_s = helper_now_s();

	enum exit_code code = helper_load(h, &e);
	if (code != EXIT_CODE_OK)
		return code;
	uint32_t wait_s = attempt_wait(&e.state, HELPER_SOURCE, now_s, &h->settings);
	unsigned active = record_count(&e.record, DEVICE_ACTIVE, now_s);
	message_init(&m, "status");
	message_add(&m, "user", h->user);
	message_add_u64(&m, "uid", h->uid);
	message_add_u64(&m, "enrolled", active > 0);
	message_add_u64(&m, "active", active);
	message_add_u64(&m, "pending", record_count(&e.record, DEVICE_PENDING, now_s));
	message_add_u64(&m, "disabled", record_count(&e.record, DEVICE_DISABLED, now_s));
	message_add_u64(&m, "locked", wait_s == UINT32_MAX);
	message_add_u64(&m, "wait", wait_s == UINT32_MAX ? 0 : wait_s);
	message_add_u64(&m, "recovery-left", devices_recovery_left(&e));
	message_add_u64(&m, "max-devices", h->settings.max_devices);
	store_entry_wipe(&e);
	return helper_send(h, &m);
}

enum exit_code
helper_prove(struct helper *h, const char *event, const char *prompt, struct helper_proof *proof)
{
	struct message m;
	struct attempt_result result;
	struct diag d = {""};
	char text[PHRASE_CAP];

	*proof = (struct helper_proof){.has_used_recovery = false};
	enum exit_code code = helper_ask(h, "code", h->settings.echo, prompt, &m);
	if (code != EXIT_CODE_OK)
		return code;
	const char *answer = message_get(&m, "text");
	const struct attempt_request q = {
		.user = h->user,
		.uid = h->uid,
		.answer = {answer, strlen(answer)},
		.source = HELPER_SOURCE,
		.now_s = helper_now_s(),
	};
	enum attempt_verdict v = attempt_run(&q, &h->settings, h->store, &result, &d);
	message_wipe(&m);
	if (v == ATTEMPT_FAILED && result.error == E_MISMATCH)
		return helper_end_mismatch(h, result.record_uid);
	if (v == ATTEMPT_FAILED)
		return helper_end_error(h, result.error, &d);
	helper_log(h, v == ATTEMPT_ACCEPTED, event,
	    result.has_used_recovery ? "recovery" : result.has_used_bypass ? "bypass" :
	    phrase_attempt_word(v), result.device);
	memcpy(proof->device, result.device, RECORD_NAME_CAP);
	proof->has_used_recovery = result.has_used_recovery;
	proof->has_used_bypass = result.has_used_bypass;
	phrase_attempt(&result, h->settings.feedback == FEEDBACK_NONE, text, sizeof(text));
	return helper_end(h, phrase_attempt_exit(&result), "%s", text);
}

enum exit_code
helper_verify(struct helper *h)
{
	struct store_entry e;
	struct helper_proof proof;

	enum exit_code code = helper_load(h, &e);
	if (code != EXIT_CODE_OK)
		return code;
	bool has_active = helper_has_active(&e);
	store_entry_wipe(&e);
	if (!has_active)
		return helper_end(h, EXIT_CODE_NO_SUCH, "There is no active MFA device.");
	return helper_prove(h, "verify", h->settings.prompt, &proof);
}

static int
cancel_pending(struct store_entry *e, void *ctx, struct diag *d)
{
	const struct helper *h = ctx;

	if (!e->has_record)
		return diag_set(d, E_NOENT, "%s has no device waiting for its codes", h->user);
	if (e->record.uid != h->uid)
		return diag_set(d, E_MISMATCH, "the record of %s has changed", h->user);
	return enrolment_cancel(e, d);
}

enum exit_code
helper_cancel(struct helper *h)
{
	struct store_entry e;
	struct diag d = {""};

	enum exit_code code = helper_load(h, &e); /* 1, with the words for a mismatch */
	if (code != EXIT_CODE_OK)
		return code;
	store_entry_wipe(&e);
	int r = store_update(h->store, h->user, helper_now_s(), cancel_pending,
	    h, &d);
	if (r != 0)
		return helper_end_error(h, r, &d);
	helper_log(h, true, "cancel", "asked", "");
	return helper_end(h, EXIT_CODE_OK, "The pending device was removed.");
}
