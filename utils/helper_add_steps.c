/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* How a new secret comes into a record, in steps of which each may find another record than
 * the one before:
 *
 *  1. proof_check comes first in each. Of two first enrolments side by side one wins.
 *  2. Only the pending device that this run made is confirmed or taken out.
 *  3. A rotation disables the old device in the write that makes the new one active, and
 *     not before.
 *  4. Recovery codes are made in the write that makes an account's first device active.
 */
#include <string.h>

#include "core/devices.h"
#include "utils/helper_add.h"

/* An account without a record gets one, bound to its uid. */
static int
ensure_record(const struct helper *h, struct store_entry *e, struct diag *d)
{
	if (e->has_record)
		return 0;
	int r = record_init(&e->record, h->user, h->uid);
	if (r != 0)
		return diag_set(d, r, "%s cannot have a record", h->user);
	e->has_record = true;
	e->state.uid = h->uid;
	return 0;
}

static int
make_device(struct addition *a, struct store_entry *e, uint32_t *id, struct diag *d)
{
	struct change *c = &a->change;
	int r = 0;

	if (a->is_rotation) {
		if (change_find(c, e, &r, d) == NULL)
			return r;
		return devices_rotate_begin(e, c->name, NULL, NULL, c->now_s, id, d);
	}
	r = ensure_record(c->h, e, d);
	if (r != 0)
		return r;
	return enrolment_begin(e, c->name, a->type, &a->params, NULL, c->h->settings.max_devices,
	    c->now_s, id, d);
}

int
addition_begin(struct store_entry *e, void *ctx, struct diag *d)
{
	struct addition *a = ctx;
	uint32_t id = 0;

	int r = proof_check(&a->change, e, false, d);
	if (r == 0)
		r = make_device(a, e, &id, d);
	if (r != 0)
		return r;
	const struct record_device *made = record_find_id(&e->record, id);
	if (made == NULL)
		return diag_set(d, E_CORRUPT, "the new device is not in the record");
	a->pending = *made;
	return 0;
}

/* The pending device of this run, and no other's: an administrator may have reset the record
 * and its numbers begin anew. */
static struct record_device *
find_pending(const struct addition *a, struct store_entry *e)
{
	struct record_device *d = e->has_record ? record_find_id(&e->record, a->pending.id) : NULL;

	if (d == NULL || d->state != DEVICE_PENDING || d->created != a->pending.created ||
	    strcmp(d->name, a->pending.name) != 0)
		return NULL;
	return d;
}

/* What has become of the device that was replaced. */
static void
look_at_old(struct addition *a, struct store_entry *e)
{
	const struct record_device *old = record_find_id(&e->record, a->pending.replaces);
	const struct state_device *sd = old == NULL ? NULL : state_find(&e->state, old->id);

	a->old_name[0] = '\0';
	if (old != NULL)
		memcpy(a->old_name, old->name, sizeof(a->old_name));
	a->old_used = sd == NULL ? 0 : sd->last_used;
}

/* What belongs to a confirmed device in the same write. */
static int
finish(struct addition *a, struct store_entry *e, bool is_first, struct diag *d)
{
	const struct change *c = &a->change;
	char note[RECORD_REASON_CAP];
	struct bytes_writer w;

	a->has_sheet = false;
	if (a->is_rotation)
		look_at_old(a, e);
	if (is_first) {
		int r = devices_new_recovery(e, &a->sheet, d);
		if (r != 0)
			return r;
		a->has_sheet = true;
	}
	bytes_writer_init(&w, note, sizeof(note));
	bytes_put(&w, a->is_rotation ? "the secret of device " : "device ");
	bytes_put(&w, c->name);
	bytes_put(&w, a->is_rotation ? " was replaced" : " was added");
	change_note(c, e, note);
	return 0;
}

int
addition_confirm(struct store_entry *e, void *ctx, struct diag *d)
{
	struct addition *a = ctx;
	struct change *c = &a->change;
	const struct settings *s = &c->h->settings;

	a->verdict = ENROLMENT_REFUSED;
	a->has_verdict = false;
	a->off_s = 0;
	int r = proof_check(c, e, true, d);
	if (r != 0)
		return r;
	if (find_pending(a, e) == NULL)
		return change_refuse(c, helper_end(c->h, EXIT_CODE_BUSY,
		    "this enrolment was cancelled or replaced by another one: start again"));
	bool is_first = !helper_has_active(e);
	a->verdict = enrolment_confirm(e, a->pending.id, a->code[0], a->code[1], s->window,
	    s->max_devices, c->now_s, &a->off_s, d);
	if (a->verdict == ENROLMENT_CONFIRMED)
		return finish(a, e, is_first, d);
	/* A refused pair is a result as well, which writes nothing; REFUSED is no verdict. */
	a->has_verdict = a->verdict != ENROLMENT_REFUSED;
	return change_refuse(c, helper_end(c->h, EXIT_CODE_FAILURE, "%s", d->text));
}

int
addition_discard(struct store_entry *e, void *ctx, struct diag *d)
{
	const struct addition *a = ctx;

	if (e->record.uid != a->change.h->uid || find_pending(a, e) == NULL)
		return E_NOENT;
	return enrolment_cancel(e, d);
}
