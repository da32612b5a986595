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
 *  4. A wider search only finds the words for a refusal. The caller of enrolment holds the
 *     secret, so naming the offset tells him nothing new.
 *  5. Whatever fails leaves the entry as it was. */

#include "enrolment.h"

#include <openssl/crypto.h>
#include <string.h>

static bool
is_bound(const struct record_device *d)
{
	return d->state == DEVICE_ACTIVE || d->state == DEVICE_DISABLED;
}

static unsigned
count_bound(const struct record *r)
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

static struct record_device *
find_pending(struct record *r)
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
	if (count_bound(r) >= max_devices)
		return diag_set(d, E_LIMIT, "%s already has %u MFA devices: remove one first",
		    r->user, count_bound(r));
	if (r->next_id == UINT32_MAX)
		return diag_set(d, E_LIMIT, "%s has used up all device numbers", r->user);
	return 0;
}

/* Append a device; the checks are done, so there is a place for it. */
static int
append(struct store_entry *e, const char *name, enum device_type type,
    const struct otp_params *params, const struct otp_secret *secret, uint64_t now_s,
    struct record_device **out, struct diag *d)
{
	struct record *r = &e->record;
	struct otp_secret fresh = { .len = 0 };

	*out = NULL;
	if (r->device_count >= RECORD_DEVICES_MAX)
		return diag_set(d, E_LIMIT, "%s has no place for another device", r->user);
	if (secret == NULL) {
		int error = otp_secret_generate(params->algorithm, &fresh);
		if (error != 0)
			return diag_set(d, error, "no random bytes for a new secret");
		secret = &fresh;
	}
	struct record_device *dev = &r->device[r->device_count++];
	*dev = (struct record_device){
		.id = r->next_id++,
		.type = type,
		.state = DEVICE_PENDING,
		.params = *params,
		.secret = *secret,
		.created = now_s,
		.expires = now_s + ENROLMENT_PENDING_S,
	};
	memcpy(dev->name, name, strlen(name) + 1);
	otp_secret_wipe(&fresh);
	*out = dev;
	return 0;
}

int
enrolment_begin(struct store_entry *e, const char *name, enum device_type type,
    const struct otp_params *params, const struct otp_secret *secret, unsigned max_devices,
    uint64_t now_s, uint32_t *id, struct diag *d)
{
	struct record_device *dev = NULL;

	*id = 0;
	int error = check_new(&e->record, name, params, secret, max_devices, d);
	if (error != 0)
		return error;
	/* With fewer than RECORD_ACTIVE_MAX bound devices there is a place beside the older
	 * pending one, which goes only when nothing can fail any more (5). */
	struct record_device *older = find_pending(&e->record);
	error = append(e, name, type, params, secret, now_s, &dev, d);
	if (error != 0)
		return error;
	/* Its entry begins with it: a device without one is taken for a lost state, and burnt
	 * (state_adopt), when the entry is loaded again for the two codes. */
	if (state_ensure(&e->state, &e->record, dev->id) == NULL) {
		record_remove_device(&e->record, dev, now_s);
		return diag_set(d, E_LIMIT, "%s has no place for another device's state",
		    e->record.user);
	}
	e->state.uid = e->record.uid;
	*id = dev->id;
	if (older != NULL)
		record_remove_device(&e->record, older, now_s);
	return 0;
}

/* Let a device take part in logins; its steps up to last_step are consumed. */
static int
activate(struct store_entry *e, struct record_device *dev, uint64_t last_step, struct diag *d)
{
	struct state_device *sd = state_ensure(&e->state, &e->record, dev->id);

	if (sd == NULL)
		return diag_set(d, E_LIMIT, "%s has no place for another device's state",
		    e->record.user);
	if (sd->last_step < last_step)
		sd->last_step = last_step;
	dev->state = DEVICE_ACTIVE;
	dev->expires = 0;
	e->state.uid = e->record.uid;
	return 0;
}

/* Whether one code is right for any step near now. */
static int
fits_nearby(const struct record_device *dev, struct otp_typed code, uint64_t now_step, bool *fits)
{
	uint64_t first =
	    now_step > ENROLMENT_SEARCH_STEPS ? now_step - ENROLMENT_SEARCH_STEPS : 0;
	uint64_t mask = 0;

	int error = otp_match(&dev->params, &dev->secret, first, 2 * ENROLMENT_SEARCH_STEPS + 1,
	    code, &mask);
	*fits = error == 0 && mask != 0;
	return error;
}

/* Two codes that are no pair: name the reason. */
static enum enrolment_verdict
explain(const struct record_device *dev, struct otp_typed code1, struct otp_typed code2,
    uint64_t now_step, struct diag *d)
{
	uint64_t first =
	    now_step > ENROLMENT_SEARCH_STEPS ? now_step - ENROLMENT_SEARCH_STEPS : 0;
	uint64_t last = now_step + ENROLMENT_SEARCH_STEPS;
	uint64_t swapped = OTP_NO_STEP;
	bool fits1 = false, fits2 = false;

	int error = fits_nearby(dev, code1, now_step, &fits1);
	if (error == 0)
		error = fits_nearby(dev, code2, now_step, &fits2);
	if (error == 0)
		error = otp_find_pair(&dev->params, &dev->secret, first, last, now_step, code2,
		    code1, &swapped);
	if (error != 0) {
		diag_set(d, error, "libcrypto refused to compute a code");
		return ENROLMENT_REFUSED;
	}
	if (code1.code == code2.code && code1.digits == code2.digits)
		return fits1 ? ENROLMENT_SAME_CODE : ENROLMENT_WRONG;
	if (swapped != OTP_NO_STEP)
		return ENROLMENT_SWAPPED;
	if (fits1 && fits2)
		return ENROLMENT_GAP;
	if (fits1)
		return ENROLMENT_SECOND_WRONG;
	if (fits2)
		return ENROLMENT_FIRST_WRONG;
	return ENROLMENT_WRONG;
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
	/* The limit holds at begin and again here: another device may have come. */
	if (count_bound(&e->record) >= max_devices) {
		diag_set(d, E_LIMIT, "%s already has %u MFA devices: remove one first",
		    e->record.user, count_bound(&e->record));
		return ENROLMENT_REFUSED;
	}
	if (code1.digits != dev->params.digits || code2.digits != dev->params.digits)
		return ENROLMENT_DIGITS;

	uint64_t now_step = otp_step(&dev->params, now_s);
	uint64_t first =
	    now_step > ENROLMENT_SEARCH_STEPS ? now_step - ENROLMENT_SEARCH_STEPS : 0;
	uint64_t step = OTP_NO_STEP;
	int error = otp_find_pair(&dev->params, &dev->secret, first,
	    now_step + ENROLMENT_SEARCH_STEPS, now_step, code1, code2, &step);
	if (error != 0) {
		diag_set(d, error, "libcrypto refused to compute a code");
		return ENROLMENT_REFUSED;
	}
	if (step == OTP_NO_STEP)
		return explain(dev, code1, code2, now_step, d);

	uint64_t second = step + 1;
	if (second + window < now_step) {
		*off_s = (uint32_t)((now_step - second) * dev->params.period_s);
		return ENROLMENT_STALE;
	}
	if (second > now_step + window) {
		*off_s = (uint32_t)((second - now_step) * dev->params.period_s);
		return ENROLMENT_FAST;
	}
	const struct state_device *sd = state_find(&e->state, id);
	if (sd != NULL && sd->last_step >= step)
		return ENROLMENT_USED;
	if (activate(e, dev, second, d) != 0)
		return ENROLMENT_REFUSED;
	return ENROLMENT_CONFIRMED;
}

int
enrolment_cancel(struct store_entry *e, struct diag *d)
{
	struct record_device *dev = find_pending(&e->record);

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
	struct record_device *dev = NULL;

	*id = 0;
	if (secret == NULL)
		return diag_set(d, E_INVALID, "expected the secret of the device to import");
	int error = check_new(&e->record, name, params, secret, max_devices, d);
	if (error != 0)
		return error;
	/* A pending device of that name gives way; another one may go on. */
	struct record_device *older = record_find_name(&e->record, name);
	error = append(e, name, type, params, secret, now_s, &dev, d);
	if (error != 0)
		return error;
	error = activate(e, dev, otp_step(params, now_s) + window, d);
	if (error != 0) {
		record_remove_device(&e->record, dev, now_s);
		return error;
	}
	*id = dev->id;
	if (older != NULL)
		record_remove_device(&e->record, older, now_s);
	return 0;
}
