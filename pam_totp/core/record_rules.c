/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Which records are lawful.
 *
 * Obligations:
 *  1. One list of rules, record_fault, serves reading and writing: what is
 *     written can be read, what is read could have been written.
 *  2. Secrets are compared in constant time.
 *  3. A fault is a fixed text: it tells no value of the record.
 *  4. Counts are checked before places are looked at, the end of a text before
 *     the text. */

#include "record.h"

#include <openssl/crypto.h>
#include <string.h>

_Static_assert(RECORD_DEVICES_MAX == 9 && RECORD_ACTIVE_MAX == 8 &&
    RECORD_FORMER_MAX == 16 && RECORD_NOTICES_MAX == 8 && RECORD_NAME_CAP == 65 &&
    RECORD_REASON_CAP == 161 && RECOVERY_CODES_MAX == 10 && OTP_SECRET_MIN == 10 &&
    OTP_SECRET_MAX == 64 && RECORD_DRIFT_MAX == 100000, "the faults below name these limits");

static bool
is_terminated(const char *text, size_t cap)
{
	return memchr(text, '\0', cap) != NULL;
}

static bool
is_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

static const char *
account_fault(const struct record *r)
{
	if (!is_terminated(r->user, sizeof(r->user)) || !record_user_ok(r->user))
		return "user: expected a user name";
	if (r->next_id == 0)
		return "next_id: expected 1 or more";
	if (r->enrol_by > RECORD_TIME_MAX)
		return "enrol_by: expected a time to the year 9999";
	if (r->exempt_until > RECORD_TIME_MAX)
		return "until: expected a time to the year 9999";
	if (!is_terminated(r->exempt_reason, sizeof(r->exempt_reason)) ||
	    (r->exempt_until != 0 && !record_text_ok(r->exempt_reason)) ||
	    (r->exempt_until == 0 && r->exempt_reason[0] != '\0'))
		return "reason: expected printable text with until, else none";
	return NULL;
}

/* What is wrong with a device by itself. */
static const char *
device_fault(const struct record *r, const struct record_device *d)
{
	if (d->id == 0 || d->id >= r->next_id)
		return "id: expected 1..next_id-1";
	if (!is_terminated(d->name, sizeof(d->name)) || !record_device_name_ok(d->name))
		return "name: expected 1-64 of A-Z a-z 0-9 + = , . @ - _";
	if (d->type != DEVICE_VIRTUAL && d->type != DEVICE_HARDWARE)
		return "type: expected virtual or hardware";
	if (d->state != DEVICE_PENDING && d->state != DEVICE_ACTIVE &&
	    d->state != DEVICE_DISABLED)
		return "state: expected pending, active or disabled";
	if (!otp_params_ok(&d->params))
		return "algorithm, digits, period: out of range";
	if (d->secret.len < OTP_SECRET_MIN || d->secret.len > OTP_SECRET_MAX)
		return "secret: expected 10..64 bytes";
	if (d->created > RECORD_TIME_MAX || d->expires > RECORD_TIME_MAX ||
	    d->rotate_by > RECORD_TIME_MAX)
		return "created, expires, rotate_by: expected a time to the year 9999";
	if (d->drift < -RECORD_DRIFT_MAX || d->drift > RECORD_DRIFT_MAX)
		return "drift: expected -100000..100000";
	if (d->state == DEVICE_PENDING && d->expires == 0)
		return "expires: expected a time, as the device is pending";
	if (d->replaces != 0 && (d->state != DEVICE_PENDING || d->replaces == d->id ||
	    d->replaces >= r->next_id))
		return "replaces: expected the id of another device, if pending, else 0";
	return NULL;
}

static const char *
pair_fault(const struct record_device *a, const struct record_device *b)
{
	if (a->id == b->id)
		return "id: expected one that no other device has";
	if (record_is_same_name(a->name, b->name))
		return "name: expected one that no other device has";
	if (a->state == DEVICE_PENDING && b->state == DEVICE_PENDING)
		return "state: expected at most one pending device";
	/* Obligation 2. */
	if (a->secret.len == b->secret.len &&
	    CRYPTO_memcmp(a->secret.bytes, b->secret.bytes, a->secret.len) == 0)
		return "secret: expected one that no other device has";
	return NULL;
}

static const char *
devices_fault(const struct record *r)
{
	unsigned kept = 0;

	if (r->device_count > RECORD_DEVICES_MAX)
		return "device: expected at most 9";
	for (unsigned i = 0; i < r->device_count; i++) {
		const char *fault = device_fault(r, &r->device[i]);

		for (unsigned k = 0; fault == NULL && k < i; k++)
			fault = pair_fault(&r->device[k], &r->device[i]);
		if (fault != NULL)
			return fault;
		if (r->device[i].state != DEVICE_PENDING)
			kept++;
	}
	if (kept > RECORD_ACTIVE_MAX)
		return "state: expected at most 8 active or disabled devices";
	return NULL;
}

static const char *
formers_fault(const struct record *r)
{
	if (r->former_count > RECORD_FORMER_MAX)
		return "former: expected at most 16";
	for (unsigned i = 0; i < r->former_count; i++) {
		const struct record_former *f = &r->former[i];

		if (f->id == 0 || f->id >= r->next_id)
			return "id: expected 1..next_id-1";
		for (unsigned k = 0; k < r->device_count; k++)
			if (r->device[k].id == f->id)
				return "id: expected one that no device has";
		for (unsigned k = 0; k < i; k++)
			if (r->former[k].id == f->id)
				return "id: expected one that no other former has";
		if (!is_terminated(f->name, sizeof(f->name)) ||
		    !record_device_name_ok(f->name))
			return "name: expected 1-64 of A-Z a-z 0-9 + = , . @ - _";
		if (f->type != DEVICE_VIRTUAL && f->type != DEVICE_HARDWARE)
			return "type: expected virtual or hardware";
		if (f->created > RECORD_TIME_MAX || f->ended > RECORD_TIME_MAX)
			return "created, ended: expected a time to the year 9999";
	}
	return NULL;
}

static const char *
notices_fault(const struct record *r)
{
	uint32_t last = 0;

	if (r->notice_count > RECORD_NOTICES_MAX)
		return "notice: expected at most 8";
	for (unsigned i = 0; i < r->notice_count; i++) {
		const struct record_notice *n = &r->notice[i];

		if (n->id <= last)
			return "id: expected one larger than the notice's before";
		last = n->id;
		if (n->at > RECORD_TIME_MAX)
			return "at: expected a time to the year 9999";
		if (!is_terminated(n->text, sizeof(n->text)) || !record_text_ok(n->text))
			return "text: expected 1-160 printable characters";
	}
	return NULL;
}

static const char *
recovery_fault(const struct recovery_set *s)
{
	if (s->id == 0) {
		if (s->count != 0 || s->iterations != 0 ||
		    !is_zero(s->salt, sizeof(s->salt)))
			return "recovery: expected an id";
		return NULL;
	}
	if (s->iterations < RECOVERY_ITERATIONS_MIN ||
	    s->iterations > RECOVERY_ITERATIONS_MAX)
		return "iterations: expected 1000..1000000";
	if (s->count < 1 || s->count > RECOVERY_CODES_MAX)
		return "code: expected 1..10 codes";
	return NULL;
}

static const char *
grant_fault(const struct record_grant *g)
{
	if (g->expires > RECORD_TIME_MAX)
		return "expires: expected a time to the year 9999";
	/* Remains of a grant that is none would be lost on the way. */
	if (g->id == 0 && (g->expires != 0 || !is_zero(g->salt, sizeof(g->salt)) ||
	    !is_zero(g->hash, sizeof(g->hash))))
		return "bypass, ticket: expected an id";
	return NULL;
}

const char *
record_fault(const struct record *r)
{
	const char *fault = account_fault(r);

	if (fault == NULL)
		fault = devices_fault(r);
	if (fault == NULL)
		fault = formers_fault(r);
	if (fault == NULL)
		fault = recovery_fault(&r->recovery);
	if (fault == NULL)
		fault = grant_fault(&r->bypass);
	if (fault == NULL)
		fault = grant_fault(&r->ticket);
	if (fault == NULL)
		fault = notices_fault(r);
	return fault;
}
