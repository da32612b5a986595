/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* How totp-helper's `add` changes a record. Between two messages anything may have happened
 * to it, so every change decides anew, on the entry that it is about to replace:
 *
 *  1. A record with an active device is changed only by a run whose proof still holds: the
 *     device whose code was accepted is still active, or the recovery set is the same. Of
 *     two first enrolments side by side one wins. An expired active device counts as
 *     one: who cannot show it goes to an administrator (DESIGN promise 10).
 *  2. A record of another uid is not touched.
 *  3. Only the pending device that this run made is confirmed or taken out.
 *  4. What fails writes nothing (store_update).
 */
#include "utils/helper_add.h"

#include <string.h>

/* End a change of the record: nothing is written (store_update). */
static int
refuse(struct addition *a, enum exit_code code)
{
	a->refusal = code;
	return E_INVALID;
}

/* The device whose code was the proof, by its number from the first look on. */
static bool
has_proof(struct addition *a, struct store_entry *e)
{
	if (a->proof[0] == '\0') {
		if (a->proof_recovery_id == 0)
			a->proof_recovery_id = e->record.recovery.id;
		return a->proof_recovery_id == e->record.recovery.id;
	}
	const struct record_device *d = a->proof_id == 0 ? record_find_name(&e->record, a->proof) :
							   record_find_id(&e->record, a->proof_id);
	if (d == NULL || d->state != DEVICE_ACTIVE)
		return false;
	a->proof_id = d->id;
	return true;
}

/* Obligation 1: may this run still change this record? */
static int
check_entry(struct addition *a, struct store_entry *e)
{
	if (!e->has_record)
		return 0;
	if (e->record.uid != a->h->uid)
		return refuse(a, helper_end_mismatch(a->h, e->record.uid));
	if (!helper_has_active(e) || (a->is_proven && has_proof(a, e)))
		return 0;
	helper_log(a->h, false, "enrol", "active-meanwhile", a->name);
	return refuse(a, helper_end(a->h, EXIT_CODE_NOT_PERMITTED,
	    "your devices have changed meanwhile: start again with a code of an active device"));
}

int
change_make(struct addition *a, struct store_entry *e, struct diag *d)
{
	struct helper *h = a->h;
	uint32_t id = 0;
	int r = E_INVALID;

	if (!e->has_record) {
		r = record_init(&e->record, h->user, h->uid);
		if (r != 0)
			return diag_set(d, r, "%s cannot have a record", h->user);
		e->has_record = true;
		e->state.uid = h->uid;
	}
	r = enrolment_begin(e, a->name, a->type, &a->params, NULL, h->settings.max_devices,
	    a->now_s, &id, d);
	if (r != 0)
		return r;
	const struct record_device *made = record_find_id(&e->record, id);
	if (made == NULL)
		return diag_set(d, E_CORRUPT, "the new device is not in the record");
	a->pending = *made;
	return 0;
}

static int
begin(struct store_entry *e, void *ctx, struct diag *d)
{
	struct addition *a = ctx;

	a->refusal = EXIT_CODE_OK;
	int r = check_entry(a, e);
	return r == 0 ? change_make(a, e, d) : r;
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

static int
confirm(struct store_entry *e, void *ctx, struct diag *d)
{
	struct addition *a = ctx;
	const struct settings *s = &a->h->settings;

	a->refusal = EXIT_CODE_OK;
	a->verdict = ENROLMENT_REFUSED;
	a->off_s = 0;
	int r = check_entry(a, e);
	if (r != 0)
		return r;
	if (find_pending(a, e) == NULL)
		return refuse(a, helper_end(a->h, EXIT_CODE_BUSY,
		    "this enrolment was cancelled or replaced by another one: start again"));
	a->verdict = enrolment_confirm(e, a->pending.id, a->code[0], a->code[1], s->window,
	    s->max_devices, a->now_s, &a->off_s, d);
	if (a->verdict == ENROLMENT_CONFIRMED)
		return 0;
	/* A refused pair is a result as well, which writes nothing; REFUSED is no verdict. */
	helper_end(a->h, EXIT_CODE_FAILURE, "%s", d->text);
	a->has_verdict = a->verdict != ENROLMENT_REFUSED;
	return refuse(a, EXIT_CODE_FAILURE);
}

static int
discard(struct store_entry *e, void *ctx, struct diag *d)
{
	struct addition *a = ctx;

	if (e->record.uid != a->h->uid || find_pending(a, e) == NULL)
		return E_NOENT;
	return enrolment_cancel(e, d);
}

/* Run a change; what is wrong with the user's wish becomes the text of `done`. */
static enum exit_code
update(struct addition *a, int (*change)(struct store_entry *, void *, struct diag *))
{
	struct helper *h = a->h;
	struct diag d = {""};

	a->now_s = helper_now_s();
	a->refusal = EXIT_CODE_OK;
	a->verdict = ENROLMENT_REFUSED;
	int r = store_update(h->store, h->user, a->now_s, h->settings.window, change, a, &d);
	if (r == 0)
		return EXIT_CODE_OK;
	if (a->refusal != EXIT_CODE_OK)
		return a->refusal;
	return helper_end_error(h, r, &d);
}

enum exit_code
change_begin(struct addition *a)
{
	return update(a, begin);
}

enum exit_code
change_confirm(struct addition *a)
{
	a->has_verdict = false;
	enum exit_code code = update(a, confirm);
	return a->has_verdict ? EXIT_CODE_OK : code;
}

void
change_discard(struct addition *a)
{
	struct diag d = {""};
	int r = store_update(a->h->store, a->h->user, helper_now_s(), a->h->settings.window,
	    discard, a, &d);

	if (r == 0)
		helper_log(a->h, true, "cancel", "given-up", a->name);
}
