/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A new secret for a device (FLOW row 32): add the new one, see two of its codes, only then
 * disable the old one.
 *
 *  1. Until the new one is confirmed the old one works and keeps its name; a rotation that is
 *     cancelled, forgotten or overtaken by another enrolment changes nothing.
 *  2. The old secret is kept, disabled, as long as there is a place for it: who confirmed
 *     the wrong app by mistake can go back (devices_enable).
 *  3. A device that an administrator gave an end keeps that end under its new secret.
 *  4. A device that is disabled or deleted takes its rotation with it: who holds a stolen
 *     phone and began one gains no device by it. */

#include "devices_rotate.h"

#include <stdio.h>
#include <string.h>

#include "devices.h"
#include "enrolment_parts.h"

/* name cut as far as needed, and the suffix. */
static void
join_name(char out[RECORD_NAME_CAP], const char *name, const char *suffix)
{
	size_t room = RECORD_NAME_CAP - 1 - strlen(suffix);
	size_t len = strnlen(name, room);

	memmove(out, name, len);
	memcpy(out + len, suffix, strlen(suffix) + 1);
}

/* Whether an active or disabled device has that name. */
static bool
is_taken(struct record *r, const char *name)
{
	const struct record_device *d = record_find_name(r, name);

	return d != NULL && d->state != DEVICE_PENDING;
}

/* "phone+new", else "phone+new2" and so on; there are fewer devices than digits. */
static void
choose_new_name(struct record *r, const char *name, char out[RECORD_NAME_CAP])
{
	char suffix[8];

	join_name(out, name, "+new");
	for (unsigned i = 2; i <= RECORD_DEVICES_MAX + 1 && is_taken(r, out); i++) {
		(void)snprintf(suffix, sizeof(suffix), "+new%u", i);
		join_name(out, name, suffix);
	}
}

int
devices_rotate_begin(struct store_entry *e, const char *name, const struct otp_params *params,
    const struct otp_secret *secret, uint64_t now_s, uint32_t *id, struct diag *d)
{
	struct record *r = &e->record;
	const struct record_device *old = record_find_name(r, name);

	*id = 0;
	if (old == NULL)
		return diag_set(d, E_NOENT, "no device has that name");
	if (!record_device_is_usable(old, now_s))
		return diag_set(d, E_STATE, "device \"%s\" is %s: only an active one is rotated",
		    old->name, old->state == DEVICE_ACTIVE ? "expired" :
		    record_state_name(old->state));
	if (params == NULL)
		params = &old->params;
	if (!otp_params_ok(params))
		return diag_set(d, E_INVALID,
		    "expected SHA1, SHA256 or SHA512, 6 to 8 digits and a period of %d to %d s",
		    OTP_PERIOD_MIN, OTP_PERIOD_MAX);

	struct record_device dev = { .type = old->type, .params = *params, .replaces = old->id };
	if (secret != NULL)
		dev.secret = *secret;
	choose_new_name(r, old->name, dev.name);
	int error = enrolment_put(e, &dev, enrolment_find_pending(r), now_s, d);
	if (error == 0)
		*id = dev.id;
	bytes_wipe(&dev, sizeof(dev));
	return error;
}

void
devices_rotate_finish(struct store_entry *e, uint32_t id, unsigned max_devices, uint64_t now_s)
{
	struct record *r = &e->record;
	struct record_device *dev = record_find_id(r, id);
	struct record_device *old = dev == NULL ? NULL : record_find_id(r, dev->replaces);
	char old_name[RECORD_NAME_CAP];

	if (old == NULL)
		return;
	join_name(old_name, old->name, "+old");
	memcpy(dev->name, old->name, sizeof(dev->name));
	dev->expires = old->expires; /* 3 */
	dev->replaces = 0;
	old->state = DEVICE_DISABLED;
	old->rotate_by = 0;
	state_end_sessions(&e->state, now_s);
	/* Of a name of 64 characters that end in "+old" the new name is the old one. */
	const struct record_device *same = record_find_name(r, old_name);
	unsigned bound = enrolment_count_bound(r);
	if (bound > max_devices || bound > RECORD_ACTIVE_MAX || same != NULL)
		record_remove_device(r, old, now_s); /* leaves a tombstone */
	else
		memcpy(old->name, old_name, sizeof(old->name));
}

void
devices_rotate_end(struct store_entry *e, uint32_t old_id)
{
	struct record_device *pending = enrolment_find_pending(&e->record);

	if (pending != NULL && pending->replaces == old_id)
		record_remove_device(&e->record, pending, 0); /* leaves no tombstone */
}
