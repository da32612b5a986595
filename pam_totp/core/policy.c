/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Who must show a code. A pure function of facts, what is stored and the settings,
 * so that it can be tested as a table.
 *
 *  1. The answer starts as DENY and one line for each other answer changes it.
 *  2. SKIP needs an account of this host and a store that was read without error (the
 *     caller has an entry, or the name can have no record), and then words of the
 *     administrator: an exemption; or no usable device and a setting that lets such
 *     users through. (CVE-2025-23013: an error must never look like "not enrolled".)
 *  3. A device that is pending, disabled or expired protects nothing and so counts
 *     for nothing.
 *  4. A record of another account says nothing about this one, neither an exemption nor
 *     that there is no device.
 *  5. Neither the user nor the clock prolongs what ends on a day: times only move on, and
 *     a grace time whose beginning may have been lost is over. */

#include "policy.h"

#include <string.h>

#include "date.h"

/* The time to compare with (obligation 5). */
static uint64_t
latest(const struct policy_facts *f, const struct store_entry *e)
{
	if (e != NULL && e->state.saved_at > f->now_s)
		return e->state.saved_at;
	return f->now_s;
}

/* SKIP until then, or what comes after it. */
static struct policy_decision
skip_until(uint64_t until_s, uint64_t now_s, enum policy_reason reason)
{
	struct policy_decision out = { .action = POLICY_ENROL, .reason = POLICY_UNENROLLED };

	if (until_s <= now_s)
		return out;
	uint64_t days = (until_s - now_s - 1) / DATE_DAY_S + 1;
	out = (struct policy_decision){ .action = POLICY_SKIP, .reason = reason,
		.until_s = until_s, .days_left = days > UINT32_MAX ? UINT32_MAX : (unsigned)days };
	return out;
}

static struct policy_decision
decide_grace(const struct store_entry *e, const struct settings *s, uint64_t now_s)
{
	const struct policy_decision over = { .action = POLICY_ENROL,
		.reason = POLICY_UNENROLLED };
	uint64_t start_s = 0;

	/* A user with no place in the store cannot be counted for. */
	if (e == NULL)
		return over;
	switch (e->health) {
	case STATE_LOST:
		return over;
	case STATE_HALF:
		/* Without a beginning: it may have stood in the half that is gone. */
		start_s = e->state.grace_start; /* 0 is 1970, and so over */
		break;
	case STATE_FRESH:
	case STATE_WHOLE:
		start_s = e->state.grace_start != 0 ? e->state.grace_start : now_s;
		break;
	}
	return skip_until(start_s + s->grace_days * DATE_DAY_S, now_s, POLICY_GRACE);
}

/* Of an account of this host that has no usable device. */
static struct policy_decision
decide_unenrolled(const struct policy_facts *f, const struct store_entry *e,
    const struct settings *s, uint64_t now_s)
{
	struct policy_decision out = { .action = POLICY_DENY, .reason = POLICY_UNENROLLED };

	if (!f->in_groups) {
		out.action = POLICY_SKIP;
		out.reason = POLICY_NOT_IN_GROUPS;
		return out;
	}
	if (f->now_s != 0 && now_s < s->enforce_after_s)
		return skip_until(s->enforce_after_s, now_s, POLICY_NOT_YET);

	uint64_t enrol_by = e != NULL && e->has_record ? e->record.enrol_by : 0;
	switch (s->unenrolled) {
	case UNENROLLED_DENY:
		break;
	case UNENROLLED_ENROLL:
		out.action = POLICY_ENROL;
		break;
	case UNENROLLED_SKIP:
		if (enrol_by == 0)
			out.action = POLICY_SKIP;
		else if (f->now_s != 0)
			out = skip_until(enrol_by, now_s, POLICY_ENROL_BY);
		break;
	case UNENROLLED_GRACE:
		if (f->now_s == 0)
			break;
		if (enrol_by != 0)
			out = skip_until(enrol_by, now_s, POLICY_ENROL_BY);
		else
			out = decide_grace(e, s, now_s);
		break;
	}
	return out;
}

struct policy_decision
policy_decide(const struct policy_facts *f, const struct store_entry *e, const struct settings *s)
{
	struct policy_decision out = { .action = POLICY_DENY, .reason = POLICY_UNENROLLED };
	uint64_t now_s = latest(f, e);

	if (!f->is_account)
		return out;
	if (e == NULL || !e->has_record)
		return decide_unenrolled(f, e, s, now_s);

	const struct record *r = &e->record;
	if (r->uid != f->uid) {
		out.action = POLICY_ASK;
		out.reason = POLICY_OTHER_ACCOUNT;
		return out;
	}
	if (f->now_s != 0 && r->exempt_until > now_s) {
		out.action = POLICY_SKIP;
		out.reason = POLICY_EXEMPT;
		out.until_s = r->exempt_until;
		memcpy(out.exemption, r->exempt_reason, sizeof(out.exemption));
		return out;
	}
	if (record_count(r, DEVICE_ACTIVE, f->now_s) == 0)
		return decide_unenrolled(f, e, s, now_s);
	out.action = POLICY_ASK;
	out.reason = POLICY_ENROLLED;
	return out;
}
