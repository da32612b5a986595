/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* What two codes of a device that exists can do: resync one that is active, enable one that
 * is disabled.
 *
 *  1. The password first. To enable needs the proof of every change as well; to resync needs
 *     only the codes, which the device's clock may keep from being any other proof: both
 *     are above what was ever used, and a guess of two codes in a bounded search is
 *     far worse than one of a login. It is no login and changes no secret.
 *  2. A pair that was refused is counted on disk, in the same place as every wrong code,
 *     before it is told. While the account must wait no pair is looked at.
 *  3. No answer says which of two codes was right (devices_resync).
 */
#include <stdio.h>
#include <string.h>

#include "core/attempt.h"
#include "core/devices.h"
#include "utils/helper_change.h"
#include "utils/phrases.h"

struct pair {
	struct change change;
	bool is_enabling;
	enum device_type type;
	struct otp_params params;
	struct otp_typed code[2];
	bool has_verdict; /* the last step was refused by `verdict` alone */
	enum enrolment_verdict verdict;
	uint32_t off_s;
	int32_t drift;
};

/* What is wrong with the wish, whatever the codes will be. */
static int
check_device(const struct pair *p, const struct store_entry *e, const struct record_device *dev,
    struct diag *d)
{
	const struct change *c = &p->change;
	unsigned max = c->h->settings.max_devices;
	unsigned bound = 0;

	if (!p->is_enabling)
		return record_device_is_usable(dev, c->now_s) ? 0 : diag_set(d, E_STATE,
		    "device \"%s\" is %s: only an active one is resynced", dev->name,
		    dev->state == DEVICE_ACTIVE ? "expired" : record_state_name(dev->state));
	if (dev->state != DEVICE_DISABLED)
		return diag_set(d, E_STATE, "device \"%s\" is %s, not disabled", dev->name,
		    record_state_name(dev->state));
	if (dev->expires != 0 && dev->expires <= c->now_s)
		return diag_set(d, E_STATE, "device \"%s\" has expired", dev->name);
	for (unsigned i = 0; i < e->record.device_count; i++)
		bound += e->record.device[i].state != DEVICE_PENDING;
	return bound <= max ? 0 : diag_set(d, E_LIMIT,
	    "you have %u MFA devices, of %u: delete one first", bound, max);
}

/* The step of the rehearsal. */
static int
look(struct store_entry *e, void *ctx, struct diag *d)
{
	struct pair *p = ctx;

	int r = proof_check(&p->change, e, false, d);
	if (r != 0)
		return r;
	const struct record_device *dev = change_find(&p->change, e, &r, d);
	if (dev == NULL)
		return r;
	p->type = dev->type;
	p->params = dev->params;
	return check_device(p, e, dev, d);
}

static void
note(const struct pair *p, struct store_entry *e)
{
	char text[RECORD_REASON_CAP];
	struct bytes_writer w;

	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, "device ");
	bytes_put(&w, p->change.name);
	bytes_put(&w, p->is_enabling ? " was enabled" : " was resynced");
	change_note(&p->change, e, text);
}

/* The uid, and for enabling the proof. */
static int
check_caller(struct pair *p, struct store_entry *e, struct diag *d)
{
	struct change *c = &p->change;

	if (p->is_enabling)
		return proof_check(c, e, true, d);
	if (e->has_record && e->record.uid != c->h->uid)
		return change_refuse(c, helper_end_mismatch(c->h, e->record.uid));
	return 0;
}

static int
try_pair(struct store_entry *e, void *ctx, struct diag *d)
{
	struct pair *p = ctx;
	struct change *c = &p->change;
	const struct settings *s = &c->h->settings;

	p->has_verdict = false;
	p->verdict = ENROLMENT_REFUSED;
	/* 2: fellows of this run may have used up the tries. */
	enum exit_code wait = helper_end_wait(c->h, attempt_wait(&e->state, HELPER_SOURCE, c->now_s,
	    s));
	if (wait != EXIT_CODE_OK)
		return change_refuse(c, wait);
	int r = check_caller(p, e, d);
	if (r != 0)
		return r;
	const struct record_device *dev = change_find(c, e, &r, d);
	if (dev == NULL)
		return r;
	r = check_device(p, e, dev, d);
	if (r != 0)
		return r;
	p->verdict = p->is_enabling ?
	    devices_enable(e, c->id, p->code[0], p->code[1], s->window, s->max_devices, c->now_s,
		&p->off_s, d) :
	    devices_resync(e, c->id, p->code[0], p->code[1], DEVICES_RESYNC_STEPS, c->now_s,
		&p->drift, d);
	if (p->verdict == ENROLMENT_CONFIRMED) {
		note(p, e);
		return 0;
	}
	p->has_verdict = p->verdict != ENROLMENT_REFUSED;
	return change_refuse(c, helper_end(c->h, EXIT_CODE_FAILURE, "%s", d->text));
}

/* Obligation 2. */
static enum exit_code
count_failure(struct pair *p)
{
	struct helper *h = p->change.h;
	struct diag d = {""};
	const struct attempt_request q = {
		.user = h->user,
		.uid = h->uid,
		.source = HELPER_SOURCE,
		.now_s = p->change.now_s,
	};

	int r = attempt_count_failure(&q, h->store, &d);
	return r == 0 ? EXIT_CODE_OK : helper_end_error(h, r, &d);
}

/* One pair of codes: OK with p->verdict, or how to end. */
static enum exit_code
ask_pair(struct pair *p, unsigned left)
{
	bool is_code = false;

	p->has_verdict = false;
	p->off_s = 0;
	enum exit_code code = codes_ask(p->change.h, left, HELPER_CODES_MS, p->code, &is_code);
	if (code == EXIT_CODE_OK && !is_code) {
		p->verdict = ENROLMENT_DIGITS;
	} else if (code == EXIT_CODE_OK) {
		code = change_update(&p->change, try_pair, p);
		if (p->has_verdict && p->verdict != ENROLMENT_DIGITS)
			code = count_failure(p);
		else if (p->has_verdict)
			code = EXIT_CODE_OK;
	}
	bytes_wipe(p->code, sizeof(p->code));
	return code;
}

/* "7 steps (3 min 30 s) slow" */
static enum exit_code
end_resync(const struct pair *p)
{
	struct helper *h = p->change.h;
	char duration[48];
	/* Within STATE_DRIFT_MAX each way. */
	uint64_t steps = p->drift < 0 ? (uint64_t)-(int64_t)p->drift : (uint64_t)p->drift;

	if (steps == 0)
		return helper_end(h, EXIT_CODE_OK, "Device %s is in step with this server.",
		    p->change.name);
	phrase_duration(steps * p->params.period_s, duration, sizeof(duration));
	return helper_end(h, EXIT_CODE_OK, "Device %s is %u step%s (%s) %s; corrected.%s",
	    p->change.name, (unsigned)steps, steps == 1 ? "" : "s", duration,
	    p->drift < 0 ? "slow" : "fast", p->type == DEVICE_VIRTUAL ?
	    " When its clock is set right later, resync again." : "");
}

static enum exit_code
conclude(const struct pair *p)
{
	change_tell(&p->change, phrase_enrolment_word(p->verdict), "");
	if (!p->is_enabling)
		return end_resync(p);
	return helper_end(p->change.h, EXIT_CODE_OK, "Device %s is active again.", p->change.name);
}

static void
explain(const struct pair *p, char *text, size_t cap)
{
	struct bytes_writer w;

	if (p->verdict != ENROLMENT_WRONG) {
		phrase_enrolment(p->verdict, &p->params, p->off_s, text, cap);
		return;
	}
	bytes_writer_init(&w, text, cap);
	bytes_put(&w, "These are not two codes of this device that follow each other");
	if (!p->is_enabling)
		bytes_put(&w, ", or its clock is more than 10 minutes off: an administrator can "
			      "search further");
	bytes_put(&w, ".");
}

/* What the client needs to ask well. */
static enum exit_code
describe(const struct pair *p)
{
	struct message m;

	message_init(&m, "device");
	message_add(&m, "name", p->change.name);
	message_add(&m, "type", record_type_name(p->type));
	message_add_u64(&m, "digits", p->params.digits);
	message_add_u64(&m, "period", p->params.period_s);
	return helper_send(p->change.h, &m);
}

static enum exit_code
run(struct pair *p)
{
	struct helper *h = p->change.h;
	char text[PHRASE_CAP];

	for (unsigned left = CHANGE_TRIES; left > 0; left--) {
		enum exit_code code = ask_pair(p, left);
		if (code != EXIT_CODE_OK)
			return code;
		if (p->verdict == ENROLMENT_CONFIRMED)
			return conclude(p);
		helper_log(h, false, p->change.event, phrase_enrolment_word(p->verdict),
		    p->change.name);
		explain(p, text, sizeof(text));
		code = codes_refuse(h, p->verdict, p->off_s, left - 1, text);
		if (code != EXIT_CODE_OK)
			return code;
	}
	return helper_end(h, EXIT_CODE_WRONG_CODE, "too many wrong codes: start again");
}

enum exit_code
helper_pair(struct helper *h, const struct message *request)
{
	struct pair p = {.change = {.h = h}};

	p.is_enabling = strcmp(message_get(request, "op"), "enable") == 0;
	p.change.event = p.is_enabling ? "enable" : "resync";
	p.change.done = p.is_enabling ? "enabled" : "resynced";
	p.change.may_be_first = p.is_enabling;
	if (request->count != 2)
		return helper_end(h, EXIT_CODE_USAGE, "unknown or missing key in the request");
	enum exit_code code = helper_take_name(h, request, "name", p.change.name);
	if (code == EXIT_CODE_OK)
		code = change_rehearse(&p.change, look, &p);
	if (code == EXIT_CODE_OK)
		code = p.is_enabling ? proof_ask(&p.change) : helper_authenticate(h); /* 1 */
	if (code == EXIT_CODE_OK)
		code = describe(&p);
	if (code == EXIT_CODE_OK)
		code = run(&p);
	bytes_wipe(&p, sizeof(p));
	return code;
}
