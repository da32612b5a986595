/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What becomes of a device after its activation, in memory.
 *
 *  1. Every check comes before the first change: whatever fails leaves the entry as it was.
 *  2. active -> disabled -> deleted; nothing goes back to active but by two codes of its own,
 *     and no function here lowers last_step, so no step is offered twice.
 *  3. Two codes that did their work are consumed: they are no login (CVE-2019-12887).
 *  4. Whoever resyncs or enables may know the password only. No verdict tells him that one code
 *     alone was right, which he could then use for a login.
 *  5. The last device that a policy demands stays, unless it protects nothing any more. */

#include "devices.h"

#include <string.h>

#include "devices_rotate.h"
#include "enrolment_parts.h"

static struct record_device *
find(struct store_entry *e, const char *name, struct diag *d)
{
	struct record_device *dev = record_find_name(&e->record, name);

	if (dev == NULL)
		diag_set(d, E_NOENT, "%s has no device of that name", e->record.user);
	return dev;
}

int
devices_rename(struct store_entry *e, const char *name, const char *new_name, struct diag *d)
{
	struct record_device *dev = find(e, name, d);

	if (dev == NULL)
		return E_NOENT;
	if (!record_device_name_ok(new_name))
		return diag_set(d, E_INVALID,
		    "invalid device name: use 1 to 64 of A-Z a-z 0-9 + = , . @ - _, "
		    "not beginning with -");
	const struct record_device *same = record_find_name(&e->record, new_name);
	if (same != NULL && same != dev)
		return diag_set(d, E_EXISTS, "a device named \"%s\" already exists", same->name);
	/* Nothing of the old name may be left behind the new one. */
	char fresh[RECORD_NAME_CAP] = "";
	memcpy(fresh, new_name, strlen(new_name) + 1);
	memcpy(dev->name, fresh, sizeof(dev->name));
	return 0;
}

/* Whether the policy keeps this device (5). */
static bool
is_protected(const struct store_entry *e, const struct record_device *dev,
    bool is_last_protected, uint64_t now_s)
{
	return is_last_protected && record_device_is_usable(dev, now_s) &&
	    record_count(&e->record, DEVICE_ACTIVE, now_s) == 1;
}

static int
refuse_protected(const struct record_device *dev, struct diag *d)
{
	return diag_set(d, E_PROTECTED,
	    "\"%s\" is the last active MFA device, and MFA is required here: add another first",
	    dev->name);
}

int
devices_disable(struct store_entry *e, const char *name, bool is_last_protected, uint64_t now_s,
    struct diag *d)
{
	struct record_device *dev = find(e, name, d);

	if (dev == NULL)
		return E_NOENT;
	if (dev->state != DEVICE_ACTIVE)
		return diag_set(d, E_STATE, "device \"%s\" is %s, not active", dev->name,
		    record_state_name(dev->state));
	if (is_protected(e, dev, is_last_protected, now_s))
		return refuse_protected(dev, d);
	dev->state = DEVICE_DISABLED;
	state_end_sessions(&e->state, now_s);
	devices_rotate_end(e, dev->id);
	return 0;
}

int
devices_delete(struct store_entry *e, const char *name, uint64_t now_s, struct diag *d)
{
	struct record_device *dev = find(e, name, d);

	if (dev == NULL)
		return E_NOENT;
	if (dev->state == DEVICE_ACTIVE)
		return diag_set(d, E_STATE, "device \"%s\" is active: disable it first", dev->name);
	record_remove_device(&e->record, dev, now_s);
	return 0;
}

int
devices_remove(struct store_entry *e, const char *name, bool is_last_protected, uint64_t now_s,
    struct diag *d)
{
	struct record_device *dev = find(e, name, d);

	if (dev == NULL)
		return E_NOENT;
	if (is_protected(e, dev, is_last_protected, now_s))
		return refuse_protected(dev, d);
	uint32_t id = dev->id;
	record_remove_device(&e->record, dev, now_s);
	state_end_sessions(&e->state, now_s);
	devices_rotate_end(e, id);
	return 0;
}

/* Obligation 4. The same code twice is known without looking; the other verdicts that are
 * kept need both codes. */
static enum enrolment_verdict
conceal(enum enrolment_verdict v, struct otp_typed code1, struct otp_typed code2)
{
	if (v != ENROLMENT_FIRST_WRONG && v != ENROLMENT_SECOND_WRONG && v != ENROLMENT_SAME_CODE &&
	    v != ENROLMENT_WRONG)
		return v;
	return code1.code == code2.code && code1.digits == code2.digits ? ENROLMENT_SAME_CODE :
	    ENROLMENT_WRONG;
}

/* The entry of a device that must have one: without it nobody knows what is consumed. */
static struct state_device *
find_state(struct store_entry *e, const struct record_device *dev, struct diag *d)
{
	struct state_device *sd = state_find(&e->state, dev->id);

	if (sd == NULL)
		diag_set(d, E_STATE, "the state of device \"%s\" is lost", dev->name);
	return sd;
}

enum enrolment_verdict
devices_enable(struct store_entry *e, uint32_t id, struct otp_typed code1, struct otp_typed code2,
    unsigned window, unsigned max_devices, uint64_t now_s, uint32_t *off_s, struct diag *d)
{
	struct record_device *dev = record_find_id(&e->record, id);

	*off_s = 0;
	/* A device that an administrator gave an end stays ended. */
	if (dev == NULL || dev->state != DEVICE_DISABLED ||
	    (dev->expires != 0 && dev->expires <= now_s))
		return ENROLMENT_EXPIRED;
	unsigned bound = enrolment_count_bound(&e->record); /* with this one */
	if (bound > max_devices) {
		diag_set(d, E_LIMIT, "%s has %u MFA devices, of %u: delete one first",
		    e->record.user, bound, max_devices);
		return ENROLMENT_REFUSED;
	}
	struct state_device *sd = find_state(e, dev, d);
	if (sd == NULL)
		return ENROLMENT_REFUSED;
	uint64_t second = OTP_NO_STEP;
	enum enrolment_verdict v = conceal(enrolment_judge(dev, sd, code1, code2, window, now_s,
	    &second, off_s, d), code1, code2);
	if (v != ENROLMENT_CONFIRMED)
		return v;
	sd->last_step = second; /* above what it was: judged */
	dev->state = DEVICE_ACTIVE;
	return ENROLMENT_CONFIRMED;
}

/* Look around what the device showed by its known drift, and around this host's clock: the
 * token that goes on drifting is found there, the phone whose clock was mended here. */
static enum enrolment_verdict
search(const struct record_device *dev, const struct state_device *sd, struct otp_typed code1,
    struct otp_typed code2, unsigned span_steps, uint64_t now_s, uint64_t *second,
    struct diag *d)
{
	uint64_t shown = state_shown_step(sd, dev, now_s);
	uint64_t host = otp_step(&dev->params, now_s);

	enum enrolment_verdict v = enrolment_find_codes(dev, code1, code2, shown, span_steps,
	    second, d);
	if (v == ENROLMENT_CONFIRMED || v == ENROLMENT_REFUSED || shown == host)
		return v;
	enum enrolment_verdict again = enrolment_find_codes(dev, code1, code2, host, span_steps,
	    second, d);
	return again == ENROLMENT_CONFIRMED || again == ENROLMENT_REFUSED ||
	    again == ENROLMENT_SWAPPED ? again : v;
}

enum enrolment_verdict
devices_resync(struct store_entry *e, uint32_t id, struct otp_typed code1, struct otp_typed code2,
    unsigned span_steps, uint64_t now_s, int32_t *drift, struct diag *d)
{
	struct record_device *dev = record_find_id(&e->record, id);

	*drift = 0;
	if (dev == NULL || !record_device_is_usable(dev, now_s))
		return ENROLMENT_EXPIRED;
	if (span_steps > DEVICES_RESYNC_STEPS_MAX) {
		diag_set(d, E_INVALID, "expected a search of at most %d steps",
		    DEVICES_RESYNC_STEPS_MAX);
		return ENROLMENT_REFUSED;
	}
	struct state_device *sd = find_state(e, dev, d);
	if (sd == NULL)
		return ENROLMENT_REFUSED;
	uint64_t second = OTP_NO_STEP;
	enum enrolment_verdict v = conceal(search(dev, sd, code1, code2, span_steps, now_s,
	    &second, d), code1, code2);
	if (v != ENROLMENT_CONFIRMED)
		return v;
	if (second - 1 <= sd->last_step)
		return ENROLMENT_USED;
	/* Both are steps, far below 2^63. */
	int64_t ahead = (int64_t)second - (int64_t)otp_step(&dev->params, now_s);
	if (ahead < -STATE_DRIFT_MAX || ahead > STATE_DRIFT_MAX) {
		diag_set(d, E_LIMIT, "device \"%s\" is more than %d steps off", dev->name,
		    STATE_DRIFT_MAX);
		return ENROLMENT_REFUSED;
	}
	sd->last_step = second; /* 3; and above what it was */
	sd->drift = (int32_t)ahead;
	dev->drift = (int32_t)ahead;
	*drift = (int32_t)ahead;
	return ENROLMENT_CONFIRMED;
}

int
devices_new_recovery(struct store_entry *e, struct recovery_sheet *sheet, struct diag *d)
{
	struct recovery_set set;
	/* Above every set that was ever valid, so that no older one comes back. */
	uint32_t last = e->record.recovery.id > e->state.recovery_id ? e->record.recovery.id :
	    e->state.recovery_id;

	recovery_sheet_wipe(sheet);
	if (last == UINT32_MAX)
		return diag_set(d, E_LIMIT, "%s has used up all recovery sets", e->record.user);
	int error = recovery_generate(last + 1, &set, sheet);
	if (error != 0)
		return diag_set(d, error, "no random bytes for new recovery codes");
	e->record.recovery = set;
	e->state.recovery_id = set.id;
	e->state.recovery_spent = 0;
	return 0;
}

unsigned
devices_recovery_left(const struct store_entry *e)
{
	const struct recovery_set *set = &e->record.recovery;
	bool is_newer = set->id > e->state.recovery_id;
	unsigned left = 0;

	if (set->id == 0 || set->id < e->state.recovery_id)
		return 0;
	/* A set that came with a record is taken over whole by the next login (state_adopt),
	 * but beside a lost state or one of no record it will be void (state_rebuild). */
	if (is_newer && !state_knows_record(&e->state))
		return 0;
	if (is_newer && e->health != STATE_WHOLE && e->health != STATE_HALF)
		return 0;
	for (unsigned i = 0; i < set->count && i < RECOVERY_CODES_MAX; i++)
		left += is_newer || (e->state.recovery_spent >> i & 1) == 0;
	return left;
}

int
devices_spend_ticket(struct store_entry *e, struct span answer, uint64_t now_s, struct diag *d)
{
	const struct record_grant *ticket = &e->record.ticket;
	struct recovery_typed typed;
	bool is_match = false;

	if (recovery_parse_typed(answer, &typed) != 0)
		return diag_set(d, E_NOENT, "this is no enrolment ticket");
	/* The same work whether there is a ticket or not: nobody learns who has one. */
	int error = recovery_grant_match(ticket->salt, ticket->hash, &typed, &is_match);
	recovery_typed_wipe(&typed);
	if (error != 0)
		return diag_set(d, error, "libcrypto refused to check the ticket");
	/* No ticket has id 0, which is never above the mark. */
	if (!is_match || ticket->id <= e->state.ticket_spent || ticket->expires <= now_s)
		return diag_set(d, E_NOENT, "this enrolment ticket is not valid");
	e->state.ticket_spent = ticket->id;
	return 0;
}
