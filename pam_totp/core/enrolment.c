/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* From a name to an active device, in memory: begin makes it pending, two consecutive
 * fresh codes make it active, cancel takes it out. The caller loads and stores the entry.
 *
 *  1. A pending device protects nothing and admits nobody; it has an end from the start.
 *  2. It becomes active by the codes of steps T and T+1, in that order, where T+1 lies in the
 *     login window: never by stale codes, so that no device is enabled that cannot log in
 *     (what AWS documents as "associated but out of sync").
 *  3. Both steps are consumed with the activation.
 *  4. One that replaces another needs no place of its own, and ends when the other one does.
 *  5. Whatever fails leaves the entry as it was. */

#include "enrolment.h"

#include <openssl/crypto.h>
#include <string.h>

#include "devices_rotate.h"
#include "enrolment_parts.h"

static bool
is_bound(const struct record_device *d)
{
	return d->state == DEVICE_ACTIVE || d->state == DEVICE_DISABLED;
}

unsigned
enrolment_count_bound(const struct record *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->device_count; i++)
		n += is_bound(&r->device[i]);
	return n;
}

static bool
has_secret(const struct record *r, const struct otp_secret *s)
{
	bool has = false;

	for (unsigned i = 0; i < r->device_count; i++) {
		const struct otp_secret *other = &r->device[i].secret;
		if (is_bound(&r->device[i]) && other->len == s->len)
			has |= CRYPTO_memcmp(other->bytes, s->bytes, s->len) == 0;
	}
	return has;
}

struct record_device *
enrolment_find_pending(struct record *r)
{
	for (unsigned i = 0; i < r->device_count; i++)
		if (r->device[i].state == DEVICE_PENDING)
			return &r->device[i];
	return NULL;
}

/* What both begin and import demand of a new device. */
static int
check_new(struct record *r, const char *name, const struct otp_params *params,
    const struct otp_secret *secret, unsigned max_devices, struct diag *d)
{
	if (!record_device_name_ok(name))
		return diag_set(d, E_INVALID,
		    "invalid device name: use 1 to 64 of A-Z a-z 0-9 + = , . @ - _, "
		    "not beginning with -");
	if (!otp_params_ok(params))
		return diag_set(d, E_INVALID,
		    "expected SHA1, SHA256 or SHA512, 6 to 8 digits and a period of %d to %d s",
		    OTP_PERIOD_MIN, OTP_PERIOD_MAX);
	if (secret != NULL && (secret->len < OTP_SECRET_MIN || secret->len > OTP_SECRET_MAX))
		return diag_set(d, E_INVALID, "expected a secret of %d to %d bytes",
		    OTP_SECRET_MIN, OTP_SECRET_MAX);
	const struct record_device *same = record_find_name(r, name);
	if (same != NULL && is_bound(same))
		return diag_set(d, E_EXISTS, "a device named \"%s\" already exists", same->name);
	if (secret != NULL && has_secret(r, secret))
		return diag_set(d, E_EXISTS, "this secret is already assigned to another device");
	if (enrolment_count_bound(r) >= max_devices)
		return diag_set(d, E_LIMIT, "%s already has %u MFA devices: remove one first",
		    r->user, enrolment_count_bound(r));
	return 0;
}

int
enrolment_put(struct store_entry *e, struct record_device *dev, struct record_device *older,
    uint64_t now_s, struct diag *d)
{
	struct record *r = &e->record;

	if (r->device_count - (older != NULL) >= RECORD_DEVICES_MAX)
		return diag_set(d, E_LIMIT, "%s has no place for another device", r->user);
	if (r->next_id == UINT32_MAX)
		return diag_set(d, E_LIMIT, "%s has used up all device numbers", r->user);
	if (dev->secret.len == 0) {
		int error = otp_secret_generate(dev->params.algorithm, &dev->secret);
		if (error != 0)
			return diag_set(d, error, "no random bytes for a new secret");
	}
	/* Nothing can fail any more (5). */
	if (older != NULL)
		record_remove_device(r, older, now_s);
	dev->id = r->next_id++;
	dev->state = DEVICE_PENDING;
	dev->created = now_s;
	dev->expires = now_s + ENROLMENT_PENDING_S;
	r->device[r->device_count++] = *dev;
	/* Its entry begins with it: a device without one is taken for a lost state, and burnt
	 * (state_adopt), when the entry is loaded again for the two codes. There are as many
	 * places for entries as for devices, so there is one. */
	if (state_ensure(&e->state, r, dev->id) == NULL)
		return diag_set(d, E_LIMIT, "%s has no place for another device's state", r->user);
	e->state.uid = r->uid;
	return 0;
}

/* A new device of these words and that secret (NULL: none yet). */
static void
describe(struct record_device *dev, const char *name, enum device_type type,
    const struct otp_params *params, const struct otp_secret *secret)
{
	*dev = (struct record_device){ .type = type, .params = *params };
	memcpy(dev->name, name, strlen(name) + 1);
	if (secret != NULL)
		dev->secret = *secret;
}

int
enrolment_begin(struct store_entry *e, const char *name, enum device_type type,
    const struct otp_params *params, const struct otp_secret *secret, unsigned max_devices,
    uint64_t now_s, uint32_t *id, struct diag *d)
{
	struct record_device dev;

	*id = 0;
	int error = check_new(&e->record, name, params, secret, max_devices, d);
	if (error != 0)
		return error;
	describe(&dev, name, type, params, secret);
	error = enrolment_put(e, &dev, enrolment_find_pending(&e->record), now_s, d);
	if (error == 0)
		*id = dev.id;
	bytes_wipe(&dev, sizeof(dev));
	return error;
}

/* Let a device take part in logins; its steps up to last_step are consumed. Who was to enrol
 * again after a reset has done so. */
static void
activate(struct record *r, struct record_device *dev, struct state_device *sd,
    uint64_t last_step)
{
	if (sd->last_step < last_step)
		sd->last_step = last_step;
	dev->state = DEVICE_ACTIVE;
	dev->expires = 0;
	r->enrol_by = 0;
}

/* What a rotation demands of the device that it replaces, and another one of the user's
 * places. The limit holds at begin and again here: another device may have come. */
static enum enrolment_verdict
check_place(struct store_entry *e, const struct record_device *dev, unsigned max_devices,
    uint64_t now_s, struct diag *d)
{
	if (dev->replaces != 0) {
		const struct record_device *old = record_find_id(&e->record, dev->replaces);

		return old != NULL && record_device_is_usable(old, now_s) ?
		    ENROLMENT_CONFIRMED : ENROLMENT_EXPIRED;
	}
	if (enrolment_count_bound(&e->record) < max_devices)
		return ENROLMENT_CONFIRMED;
	diag_set(d, E_LIMIT, "%s already has %u MFA devices: remove one first",
	    e->record.user, enrolment_count_bound(&e->record));
	return ENROLMENT_REFUSED;
}

enum enrolment_verdict
enrolment_confirm(struct store_entry *e, uint32_t id, struct otp_typed code1,
    struct otp_typed code2, unsigned window, unsigned max_devices, uint64_t now_s,
    uint32_t *off_s, struct diag *d)
{
	struct record_device *dev = record_find_id(&e->record, id);

	*off_s = 0;
	if (dev == NULL || dev->state != DEVICE_PENDING || dev->expires <= now_s)
		return ENROLMENT_EXPIRED;
	enum enrolment_verdict v = check_place(e, dev, max_devices, now_s, d);
	if (v != ENROLMENT_CONFIRMED)
		return v;

	uint64_t second = OTP_NO_STEP;
	v = enrolment_judge(dev, state_find(&e->state, id), code1, code2, window, now_s, &second,
	    off_s, d);
	if (v != ENROLMENT_CONFIRMED)
		return v;
	struct state_device *sd = state_ensure(&e->state, &e->record, id);
	if (sd == NULL) {
		diag_set(d, E_LIMIT, "%s has no place for another device's state",
		    e->record.user);
		return ENROLMENT_REFUSED;
	}
	activate(&e->record, dev, sd, second);
	e->state.uid = e->record.uid;
	if (dev->replaces != 0)
		devices_rotate_finish(e, id, max_devices, now_s);
	return ENROLMENT_CONFIRMED;
}

int
enrolment_cancel(struct store_entry *e, struct diag *d)
{
	struct record_device *dev = enrolment_find_pending(&e->record);

	if (dev == NULL)
		return diag_set(d, E_NOENT, "%s has no device waiting for its codes",
		    e->record.user);
	/* The time of a tombstone does not matter: a pending device leaves none. */
	record_remove_device(&e->record, dev, 0);
	return 0;
}

int
enrolment_import(struct store_entry *e, const char *name, enum device_type type,
    const struct otp_params *params, const struct otp_secret *secret, unsigned max_devices,
    unsigned window, uint64_t now_s, uint32_t *id, struct diag *d)
{
	struct record_device dev;

	*id = 0;
	if (secret == NULL)
		return diag_set(d, E_INVALID, "expected the secret of the device to import");
	int error = check_new(&e->record, name, params, secret, max_devices, d);
	if (error != 0)
		return error;
	describe(&dev, name, type, params, secret);
	/* A pending device of that name gives way; another one may go on. */
	error = enrolment_put(e, &dev, record_find_name(&e->record, name), now_s, d);
	struct record_device *put = record_find_id(&e->record, dev.id);
	struct state_device *sd = state_find(&e->state, dev.id);

	if (error == 0 && put != NULL && sd != NULL) {
		activate(&e->record, put, sd, otp_step(params, now_s) + window);
		*id = dev.id;
	}
	bytes_wipe(&dev, sizeof(dev));
	return error;
}
