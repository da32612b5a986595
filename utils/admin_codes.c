/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin enable and resync: verbs that take two consecutive codes of the device, read
 * from standard input. It promises:
 *  1. Two codes that did their work are used up, and neither verb is a login.
 *  2. Codes that did not fit are counted before that is told, as those given to verify, and
 *     not looked at while the user is locked or the source must wait: whoever may run this
 *     tool through sudo may not guess without end.
 *  3. enable --force asks for no code and therefore burns every step up to now. */
#include <string.h>

#include "core/attempt.h"
#include "core/devices.h"
#include "utils/admin.h"
#include "utils/phrases.h"
#include "utils/secret_input.h"

struct coding {
	struct admin_change change; /* first: see admin.h */
	const struct settings *settings;
	bool is_enabling;
	bool is_forced;
	unsigned span_steps;
	struct otp_typed code[2];
	uint32_t uid;		      /* of the record */
	struct otp_params params;     /* of the device */
	enum enrolment_verdict verdict;
	bool is_judged;		      /* verdict says how the codes fared */
	uint32_t off_s;
	int32_t drift;
};

/* What the device must be before anybody is asked for a code. */
static int
check_state(struct coding *co, const struct record_device *dev, struct diag *d)
{
	struct admin_change *c = &co->change;
	bool is_over = dev->expires != 0 && dev->expires <= c->now_s;

	if (!co->is_enabling && !record_device_is_usable(dev, c->now_s))
		return admin_refuse(c, EXIT_CODE_WRONG_STATE, d,
		    "device is %s: only an active one is resynchronised",
		    admin_state_word(dev, c->now_s));
	if (co->is_enabling && (dev->state != DEVICE_DISABLED || is_over))
		return admin_refuse(c, EXIT_CODE_WRONG_STATE, d,
		    "device is %s: only a disabled one is enabled",
		    is_over ? "expired" : record_state_name(dev->state));
	return 0;
}

/* Obligation 2. */
static int
check_wait(struct coding *co, const struct store_entry *e, struct diag *d)
{
	uint32_t wait_s = attempt_wait(&e->state, ADMIN_SOURCE, co->change.now_s, co->settings);

	if (wait_s == UINT32_MAX)
		return admin_refuse(&co->change, EXIT_CODE_THROTTLED, d,
		    "%s is locked; this ends it: totp-admin unlock %s", co->change.user,
		    co->change.user);
	if (wait_s > 0)
		return admin_refuse(&co->change, EXIT_CODE_THROTTLED, d,
		    "too many wrong codes: try again in %u s", wait_s);
	return 0;
}

/* Obligation 3. */
static int
force_enable(struct coding *co, struct store_entry *e, struct record_device *dev,
    struct diag *d)
{
	unsigned bound = 0;

	for (unsigned i = 0; i < e->record.device_count; i++)
		bound += e->record.device[i].state != DEVICE_PENDING;
	if (bound > co->settings->max_devices)
		return admin_refuse(&co->change, EXIT_CODE_LIMIT, d,
		    "%s has %u MFA devices, of %u: delete one first", co->change.user, bound,
		    co->settings->max_devices);
	struct state_device *sd = state_ensure(&e->state, &e->record, dev->id);
	if (sd == NULL)
		return diag_set(d, E_LIMIT, "the state of %s has no place", co->change.user);
	state_burn(sd, dev, co->change.now_s);
	dev->state = DEVICE_ACTIVE;
	return 0;
}

static int
judge(struct coding *co, struct store_entry *e, const struct record_device *dev, struct diag *d)
{
	int r = check_wait(co, e, d);

	if (r != 0)
		return r;
	if (co->is_enabling)
		co->verdict = devices_enable(e, dev->id, co->code[0], co->code[1],
		    co->settings->window, co->settings->max_devices, co->change.now_s,
		    &co->off_s, d);
	else
		co->verdict = devices_resync(e, dev->id, co->code[0], co->code[1],
		    co->span_steps, co->change.now_s, &co->drift, d);
	if (co->verdict == ENROLMENT_CONFIRMED)
		return 0;
	if (co->verdict == ENROLMENT_REFUSED)
		return admin_refuse_core(&co->change, E_LIMIT, d);
	co->is_judged = true;
	return admin_refuse(&co->change, EXIT_CODE_WRONG_CODE, d, "%s",
	    phrase_enrolment_word(co->verdict));
}

static int
apply(struct store_entry *e, void *ctx, struct diag *d)
{
	struct coding *co = ctx;
	struct record_device *dev = NULL;

	co->is_judged = false;
	int r = admin_need_device(&co->change, e, &dev, d);
	if (r == 0)
		r = check_state(co, dev, d);
	if (r != 0)
		return r;
	co->uid = e->record.uid;
	co->params = dev->params;
	r = co->is_forced ? force_enable(co, e, dev, d) : judge(co, e, dev, d);
	if (r != 0)
		return r;
	admin_note(&co->change, e, "MFA device \"%s\" was %s by an administrator", dev->name,
	    co->is_enabling ? "enabled" : "resynchronised");
	return 0;
}

/* The same questions as apply asks, before a person is asked for codes. */
static enum exit_code
look(struct admin *a, struct coding *co)
{
	struct store_entry e;
	struct record_device *dev = NULL;
	struct diag d = { "" };

	enum exit_code code = admin_load(a, co->change.user, &e);
	if (code != EXIT_CODE_OK)
		return code;
	int r = admin_need_device(&co->change, &e, &dev, &d);
	if (r == 0)
		r = check_state(co, dev, &d);
	if (r == 0)
		r = check_wait(co, &e, &d);
	store_entry_wipe(&e);
	return r == 0 ? EXIT_CODE_OK : admin_fail(co->change.refused, "%s", d.text);
}

static enum exit_code
read_codes(struct coding *co)
{
	static const char *const prompts[2] = { "Code: ", "The code after it: " };
	char text[2][SECRET_INPUT_CAP];
	struct diag d = { "" };

	int r = secret_input_read_pair(prompts, text, &d);
	if (r == E_INVALID)
		return admin_fail(EXIT_CODE_USAGE, "expected two consecutive codes: %s", d.text);
	if (r != 0)
		return admin_fail_core(r, &d);
	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = otp_parse_typed((struct span){ .at = text[i], .len = strlen(text[i]) },
		    &co->code[i]);
	bytes_wipe(text, sizeof text);
	if (r != 0)
		return admin_fail(EXIT_CODE_USAGE, "expected two codes of %d to %d digits",
		    OTP_DIGITS_MIN, OTP_DIGITS_MAX);
	return EXIT_CODE_OK;
}

/* Obligation 2. */
static enum exit_code
count_failure(struct admin *a, const struct coding *co)
{
	const struct attempt_request q = { .user = co->change.user, .uid = co->uid,
		.source = ADMIN_SOURCE, .now_s = co->change.now_s };
	char sentence[PHRASE_CAP];
	struct diag d = { "" };

	int r = attempt_count_failure(&q, a->store, &d);
	admin_log(co->change.action, co->change.user, co->change.device,
	    phrase_enrolment_word(co->verdict));
	if (r != 0)
		return admin_fail_core(r, &d);
	phrase_enrolment(co->verdict, &co->params, co->off_s, sentence, sizeof sentence);
	return admin_fail(EXIT_CODE_WRONG_CODE, "%s", sentence);
}

static enum exit_code
run(struct admin *a, struct coding *co)
{
	struct diag d = { "" };

	co->settings = &a->settings;
	enum exit_code code = co->is_forced ? EXIT_CODE_OK : look(a, co);
	if (code == EXIT_CODE_OK && !co->is_forced)
		code = read_codes(co);
	if (code != EXIT_CODE_OK)
		return code;
	co->change.now_s = admin_now(); /* the second code may have taken half a minute */
	int r = admin_update_quietly(a, &co->change, apply, &d);
	bytes_wipe(co->code, sizeof co->code);
	if (r != 0 && co->is_judged)
		return count_failure(a, co);
	return admin_tell_update(&co->change, r, &d);
}

enum exit_code
admin_enable(struct admin *a, char *const *operand)
{
	struct coding co = { .change = { .action = "enable", .user = operand[0],
		.device = operand[1], .now_s = admin_now() }, .is_enabling = true,
		.is_forced = a->option[OPTION_FORCE] != NULL };

	enum exit_code code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK)
		code = run(a, &co);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("enable", operand[0], operand[1], co.is_forced ? "forced" : "ok");
	admin_say("%s: device \"%s\" is active again. Every code shown up to now is used up.",
	    operand[0], operand[1]);
	return EXIT_CODE_OK;
}

enum exit_code
admin_resync(struct admin *a, char *const *operand)
{
	struct coding co = { .change = { .action = "resync", .user = operand[0],
		.device = operand[1], .now_s = admin_now() }, .span_steps = DEVICES_RESYNC_STEPS };

	enum exit_code code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_read_number(a, OPTION_STEPS, "steps", 1, DEVICES_RESYNC_STEPS_MAX,
		    &co.span_steps);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK)
		code = run(a, &co);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("resync", operand[0], operand[1], "ok");
	int64_t off_s = (int64_t)co.drift * co.params.period_s;
	admin_say("%s: device \"%s\" is resynchronised: its clock is %lld s %s. Both codes are "
	    "used up.", operand[0], operand[1], (long long)(off_s < 0 ? -off_s : off_s),
	    off_s < 0 ? "behind" : "ahead");
	return EXIT_CODE_OK;
}
