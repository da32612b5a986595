/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Two states of one user become one, where a store was read-only and its logins were kept
 * elsewhere. Obligations:
 *
 *  1. Whatever either of them knows to be used, spent, told or ended is so afterwards; nothing
 *     is lowered and no code comes back.
 *  2. Merging twice, or in either order, uses up the same codes: a kill between the two files
 *     only merges again.
 *  3. Ids are compared only within one set: of two recovery sets the later one counts. */

#include "state.h"

static uint32_t
larger32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint64_t
larger64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void
raise_devices(struct state *s, const struct state *other, const struct record *r)
{
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		const struct state_device *from = &other->device[i];
		bool is_known = state_find(s, from->id) != NULL;
		struct state_device *to = state_ensure(s, r, from->id);

		/* None for a free place, or for a device that is gone where all places are those of
		 * devices that are there. */
		if (to == NULL)
			continue;
		if (!is_known)
			to->drift = from->drift;
		to->last_step = larger64(to->last_step, from->last_step);
		to->last_used = larger64(to->last_used, from->last_used);
	}
}

void
state_raise(struct state *s, const struct state *other, const struct record *r)
{
	raise_devices(s, other, r);
	if (other->recovery_id > s->recovery_id) { /* obligation 3 */
		s->recovery_id = other->recovery_id;
		s->recovery_spent = other->recovery_spent;
	} else if (other->recovery_id == s->recovery_id) {
		s->recovery_spent |= other->recovery_spent;
	}
	s->bypass_spent = larger32(s->bypass_spent, other->bypass_spent);
	s->ticket_spent = larger32(s->ticket_spent, other->ticket_spent);
	s->notice_told = larger32(s->notice_told, other->notice_told);
	if (other->grace_start != 0 && (s->grace_start == 0 || other->grace_start < s->grace_start))
		s->grace_start = other->grace_start;
	s->session_epoch = larger64(s->session_epoch, other->session_epoch);
	s->saved_at = larger64(s->saved_at, other->saved_at);
}

/* The place that a source has, a free one, or that of the failure that is longest ago. */
static struct state_bucket *
place_for(struct state *s, uint64_t tag)
{
	struct state_bucket *oldest = &s->bucket[0];

	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++)
		if (s->bucket[i].tag == tag)
			return &s->bucket[i];
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++)
		if (s->bucket[i].tag == 0)
			return &s->bucket[i];
	for (unsigned i = 1; i < STATE_BUCKETS_MAX; i++)
		if (s->bucket[i].last_fail < oldest->last_fail)
			oldest = &s->bucket[i];
	return oldest;
}

static void
merge_bucket(struct state *s, const struct state_bucket *from)
{
	struct state_bucket *to = place_for(s, from->tag);

	if (to->tag == from->tag) {
		to->fails = larger32(to->fails, from->fails);
		to->last_fail = larger64(to->last_fail, from->last_fail);
	} else if (to->tag == 0 || to->last_fail < from->last_fail) {
		*to = *from;
	}
}

void
state_merge(struct state *s, const struct state *other, const struct record *r)
{
	state_raise(s, other, r);
	s->is_locked |= other->is_locked;
	s->fails = larger32(s->fails, other->fails);
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++)
		if (other->bucket[i].tag != 0)
			merge_bucket(s, &other->bucket[i]);
}
