/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What changes at logins: its two slots on disk, and how it is rebuilt or made
 * to follow a record.
 *
 * Obligations:
 *  1. A slot is whole only if state_print would write the same 512 bytes for
 *     what was read: magic, sum, ranges, reserved bytes and free places at once.
 *  2. A counter that cannot be read is never zero: no whole slot is E_CORRUPT.
 *  3. No function here lowers last_step or brings back a spent code, and a sum
 *     that would overflow ends at the maximum, which accepts nothing.
 *  4. A device without an entry is burnt before it is used. */

#include "state.h"

#include <string.h>

static const uint8_t magic[8] = {'T', 'O', 'T', 'P', 'S', 'T', 'A', '1'};

#define FLAG_LOCKED UINT32_C(1) /* the other bits are 0 */

/* Offsets in a slot; numbers are little-endian. */
enum layout {
	AT_MAGIC = 0,
	AT_GENERATION = 8,
	AT_SAVED_AT = 16,
	AT_UID = 24,
	AT_FLAGS = 28,
	AT_FAILS = 32,
	AT_RECOVERY_ID = 36,
	AT_RECOVERY_SPENT = 40,
	AT_BYPASS_SPENT = 44,
	AT_TICKET_SPENT = 48,
	AT_NOTICE_TOLD = 52,
	AT_GRACE_START = 56,
	AT_DEVICES = 64,
	DEVICE_LEN = 24,    /* id 4, drift 4 (two's complement), last_step 8, last_used 8 */
	AT_BUCKETS = 280,
	BUCKET_LEN = 24,    /* tag 8, last_fail 8, fails 4, zero 4 */
	AT_SESSION_EPOCH = 448,
	AT_ZERO = 456,      /* reserved */
	AT_SUM = 480        /* SHA-256 of all before */
};

_Static_assert(AT_DEVICES == AT_GRACE_START + 8, "the head ends at the devices");
_Static_assert(AT_BUCKETS == AT_DEVICES + RECORD_DEVICES_MAX * DEVICE_LEN, "devices fit");
_Static_assert(AT_SESSION_EPOCH == AT_BUCKETS + STATE_BUCKETS_MAX * BUCKET_LEN, "buckets fit");
_Static_assert(AT_ZERO <= AT_SUM && AT_SUM + STATE_SUM_LEN == STATE_SLOT_LEN, "the sum is last");
_Static_assert(RECOVERY_CODES_MAX < 32, "recovery_spent has a bit for each code");

static bool
are_devices_ok(const struct state *s)
{
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		const struct state_device *d = &s->device[i];

		if (d->id == 0)
			continue;
		if (d->drift < -STATE_DRIFT_MAX || d->drift > STATE_DRIFT_MAX ||
		    d->last_step > STATE_STEP_MAX || d->last_used > RECORD_TIME_MAX)
			return false;
		for (unsigned k = 0; k < i; k++)
			if (s->device[k].id == d->id)
				return false;
	}
	return true;
}

static bool
are_buckets_ok(const struct state *s)
{
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++) {
		const struct state_bucket *b = &s->bucket[i];

		if (b->tag == 0)
			continue;
		if (b->last_fail > RECORD_TIME_MAX)
			return false;
		for (unsigned k = 0; k < i; k++)
			if (s->bucket[k].tag == b->tag)
				return false;
	}
	return true;
}

static bool
is_in_range(const struct state *s)
{
	return s->saved_at <= RECORD_TIME_MAX && s->grace_start <= RECORD_TIME_MAX &&
	    (s->recovery_spent & ~STATE_RECOVERY_ALL) == 0 && are_devices_ok(s) &&
	    are_buckets_ok(s);
}

/* Everything but the sum. out is zero. */
static void
encode(const struct state *s, uint8_t out[STATE_SLOT_LEN])
{
	memcpy(out + AT_MAGIC, magic, sizeof(magic));
	bytes_set_le64(out + AT_GENERATION, s->generation);
	bytes_set_le64(out + AT_SAVED_AT, s->saved_at);
	bytes_set_le32(out + AT_UID, s->uid);
	bytes_set_le32(out + AT_FLAGS, s->is_locked ? FLAG_LOCKED : 0);
	bytes_set_le32(out + AT_FAILS, s->fails);
	bytes_set_le32(out + AT_RECOVERY_ID, s->recovery_id);
	bytes_set_le32(out + AT_RECOVERY_SPENT, s->recovery_spent);
	bytes_set_le32(out + AT_BYPASS_SPENT, s->bypass_spent);
	bytes_set_le32(out + AT_TICKET_SPENT, s->ticket_spent);
	bytes_set_le32(out + AT_NOTICE_TOLD, s->notice_told);
	bytes_set_le64(out + AT_GRACE_START, s->grace_start);
	bytes_set_le64(out + AT_SESSION_EPOCH, s->session_epoch);
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		const struct state_device *d = &s->device[i];
		uint8_t *p = out + AT_DEVICES + i * DEVICE_LEN;

		if (d->id == 0)
			continue;
		bytes_set_le32(p, d->id);
		bytes_set_le32(p + 4, (uint32_t)d->drift); /* modulo 2^32: C11 6.3.1.3 */
		bytes_set_le64(p + 8, d->last_step);
		bytes_set_le64(p + 16, d->last_used);
	}
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++) {
		const struct state_bucket *b = &s->bucket[i];
		uint8_t *p = out + AT_BUCKETS + i * BUCKET_LEN;

		if (b->tag == 0)
			continue;
		bytes_set_le64(p, b->tag);
		bytes_set_le64(p + 8, b->last_fail);
		bytes_set_le32(p + 16, b->fails);
	}
}

int
state_print(const struct state *s, uint8_t out[STATE_SLOT_LEN])
{
	memset(out, 0, STATE_SLOT_LEN);
	if (!is_in_range(s))
		return E_INVALID;
	encode(s, out);
	int r = otp_sha256(out, AT_SUM, out + AT_SUM);
	if (r != E_OK)
		memset(out, 0, STATE_SLOT_LEN);
	return r;
}

static int32_t
decode_drift(uint32_t n)
{
	/* Both subtractions are in range; a drift of -2^31 cannot be printed. */
	return n <= INT32_MAX ? (int32_t)n : -(int32_t)(UINT32_MAX - n) - 1;
}

static void
decode(const uint8_t *in, struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->generation = bytes_get_le64(in + AT_GENERATION);
	s->saved_at = bytes_get_le64(in + AT_SAVED_AT);
	s->uid = bytes_get_le32(in + AT_UID);
	s->is_locked = (bytes_get_le32(in + AT_FLAGS) & FLAG_LOCKED) != 0;
	s->fails = bytes_get_le32(in + AT_FAILS);
	s->recovery_id = bytes_get_le32(in + AT_RECOVERY_ID);
	s->recovery_spent = bytes_get_le32(in + AT_RECOVERY_SPENT);
	s->bypass_spent = bytes_get_le32(in + AT_BYPASS_SPENT);
	s->ticket_spent = bytes_get_le32(in + AT_TICKET_SPENT);
	s->notice_told = bytes_get_le32(in + AT_NOTICE_TOLD);
	s->grace_start = bytes_get_le64(in + AT_GRACE_START);
	s->session_epoch = bytes_get_le64(in + AT_SESSION_EPOCH);
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		struct state_device *d = &s->device[i];
		const uint8_t *p = in + AT_DEVICES + i * DEVICE_LEN;

		d->id = bytes_get_le32(p);
		d->drift = decode_drift(bytes_get_le32(p + 4));
		d->last_step = bytes_get_le64(p + 8);
		d->last_used = bytes_get_le64(p + 16);
	}
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++) {
		struct state_bucket *b = &s->bucket[i];
		const uint8_t *p = in + AT_BUCKETS + i * BUCKET_LEN;

		b->tag = bytes_get_le64(p);
		b->last_fail = bytes_get_le64(p + 8);
		b->fails = bytes_get_le32(p + 16);
	}
}

/* Read one slot. E_CORRUPT: it is not whole (obligation 1). */
static int
parse_slot(const uint8_t *in, struct state *s)
{
	uint8_t again[STATE_SLOT_LEN];

	decode(in, s);
	int r = state_print(s, again);
	if (r == E_CRYPTO)
		return r;
	if (r != E_OK || memcmp(in, again, STATE_SLOT_LEN) != 0)
		return E_CORRUPT;
	return E_OK;
}

/* Whether the slot beside the newest is what the writers leave there: its predecessor, or
 * zero beside the very first. Anything else may have been newer (a torn write, damage). */
static bool
is_predecessor(const struct state *newest, const uint8_t *other_slot, bool is_other_whole,
    const struct state *other)
{
	static const uint8_t zero[STATE_SLOT_LEN];

	if (is_other_whole)
		return other->generation == newest->generation - 1;
	return newest->generation == 1 && memcmp(other_slot, zero, sizeof(zero)) == 0;
}

int
state_parse(const uint8_t file[STATE_FILE_LEN], struct state *s, unsigned *slot,
    bool *is_half, struct diag *d)
{
	struct state both[2];
	int r[2];

	memset(s, 0, sizeof(*s));
	*slot = 1;
	*is_half = true;
	for (unsigned i = 0; i < 2; i++) {
		r[i] = parse_slot(file + i * STATE_SLOT_LEN, &both[i]);
		if (r[i] == E_CRYPTO)
			return diag_set(d, E_CRYPTO, "state: libcrypto refused SHA-256");
	}
	if (r[0] != E_OK && r[1] != E_OK)
		return diag_set(d, E_CORRUPT, "state: expected a whole slot, found none");
	if (r[0] == E_OK && r[1] == E_OK && both[0].generation == both[1].generation &&
	    memcmp(file, file + STATE_SLOT_LEN, STATE_SLOT_LEN) != 0)
		return diag_set(d, E_CORRUPT,
		    "state: expected two slots of one generation to be equal");
	if (r[0] != E_OK)
		*slot = 1;
	else if (r[1] != E_OK)
		*slot = 0;
	else
		*slot = both[1].generation > both[0].generation ? 1 : 0;
	*s = both[*slot];
	unsigned other = 1 - *slot;
	*is_half = !is_predecessor(s, file + other * STATE_SLOT_LEN, r[other] == E_OK,
	    &both[other]);
	return E_OK;
}

struct state_device *
state_find(struct state *s, uint32_t id)
{
	for (unsigned i = 0; id != 0 && i < RECORD_DEVICES_MAX; i++)
		if (s->device[i].id == id)
			return &s->device[i];
	return NULL;
}

static const struct record_device *
find_device(const struct record *r, uint32_t id)
{
	for (unsigned i = 0; i < r->device_count && i < RECORD_DEVICES_MAX; i++)
		if (r->device[i].id == id)
			return &r->device[i];
	return NULL;
}

struct state_device *
state_ensure(struct state *s, const struct record *r, uint32_t id)
{
	struct state_device *found = state_find(s, id);
	struct state_device *place = NULL;

	if (found != NULL || id == 0)
		return found;
	/* A free place first: an entry kept longer is a device that returns
	 * with an older record and is still known. */
	for (unsigned i = 0; place == NULL && i < RECORD_DEVICES_MAX; i++)
		if (s->device[i].id == 0)
			place = &s->device[i];
	for (unsigned i = 0; place == NULL && i < RECORD_DEVICES_MAX; i++)
		if (find_device(r, s->device[i].id) == NULL)
			place = &s->device[i];
	if (place == NULL)
		return NULL;
	const struct record_device *d = find_device(r, id);
	memset(place, 0, sizeof(*place));
	place->id = id;
	place->drift = d == NULL ? 0 : d->drift;
	return place;
}

/* The newest step that a device of that drift may be accepted with. */
static uint64_t
newest_step(const struct record_device *d, int32_t drift, uint64_t now_s, unsigned window)
{
	if (!otp_params_ok(&d->params))
		return STATE_STEP_MAX;
	uint64_t step = otp_step(&d->params, now_s);
	if (step > STATE_STEP_MAX - window) /* an unsigned is far below */
		return STATE_STEP_MAX;
	step += window;
	if (drift < 0) {
		uint64_t back = (uint64_t)-(int64_t)drift;

		return back < step ? step - back : 0;
	}
	return (uint64_t)drift > STATE_STEP_MAX - step ? STATE_STEP_MAX :
	    step + (uint64_t)drift;
}

/* The drift that offers the later steps. They differ when the state or the record is older
 * than the other (obligation 3). */
static int32_t
larger_drift(const struct state_device *sd, const struct record_device *d)
{
	return sd->drift > d->drift ? sd->drift : d->drift;
}

uint64_t
state_shown_step(const struct state_device *sd, const struct record_device *d, uint64_t now_s)
{
	return newest_step(d, sd == NULL ? 0 : sd->drift, now_s, 0);
}

void
state_burn(struct state_device *sd, const struct record_device *d, uint64_t now_s)
{
	uint64_t newest = newest_step(d, larger_drift(sd, d), now_s, STATE_WINDOW_MAX);

	if (newest > sd->last_step)
		sd->last_step = newest;
}

/* Give every device of r without an entry a burnt one (obligation 4), and burn
 * the others too when asked. Returns whether there was any to give. */
static bool
burn_devices(struct state *s, const struct record *r, uint64_t now_s, bool is_all)
{
	bool has_changed = false;

	for (unsigned i = 0; i < r->device_count && i < RECORD_DEVICES_MAX; i++) {
		const struct record_device *d = &r->device[i];
		bool is_known = state_find(s, d->id) != NULL;
		struct state_device *sd = state_ensure(s, r, d->id);

		if (sd == NULL || (is_known && !is_all))
			continue;
		state_burn(sd, d, now_s);
		has_changed = true;
	}
	return has_changed;
}

void
state_burn_all(struct state *s, const struct record *r, uint64_t now_s)
{
	(void)burn_devices(s, r, now_s, true);
}

void
state_end_sessions(struct state *s, uint64_t now_s)
{
	/* The clock as well, so that an epoch lost with its state does not come back. */
	s->session_epoch = s->session_epoch < now_s ? now_s : s->session_epoch + 1;
}

void
state_rebuild(struct state *s, const struct record *r, uint64_t now_s)
{
	memset(s, 0, sizeof(*s));
	s->uid = r->uid;
	s->recovery_id = r->recovery.id;
	s->recovery_spent = STATE_RECOVERY_ALL;
	s->bypass_spent = r->bypass.id;
	s->ticket_spent = r->ticket.id;
	if (r->notice_count > 0 && r->notice_count <= RECORD_NOTICES_MAX)
		s->notice_told = r->notice[r->notice_count - 1].id;
	s->grace_start = 1; /* 1970: over, as losing a state must not renew it */
	state_end_sessions(s, now_s); /* those of an epoch that nobody knows any more */
	state_burn_all(s, r, now_s);
}

bool
state_knows_record(const struct state *s)
{
	bool knows = s->recovery_id != 0;

	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++)
		knows |= s->device[i].id != 0;
	return knows;
}

bool
state_adopt(struct state *s, const struct record *r, uint64_t now_s)
{
	bool is_other = s->uid != r->uid;
	/* Such a record may have been taken away and brought back: which of its codes were used
	 * was lost with the state of that time. */
	bool is_first = !state_knows_record(s);
	bool has_changed = burn_devices(s, r, now_s, is_other) || is_other;

	/* The drifts were those of another account's devices. */
	for (unsigned i = 0; is_other && i < RECORD_DEVICES_MAX; i++) {
		const struct record_device *d = find_device(r, s->device[i].id);

		if (d != NULL)
			s->device[i].drift = d->drift;
	}
	s->uid = r->uid;
	if (r->recovery.id > s->recovery_id) {
		s->recovery_id = r->recovery.id;
		s->recovery_spent = is_first ? STATE_RECOVERY_ALL : 0;
		has_changed = true;
	}
	return has_changed;
}

bool
state_is_from_future(const struct state *s, const struct record *r, uint64_t now_s,
    unsigned window)
{
	if (s->saved_at > now_s && s->saved_at - now_s > STATE_CLOCK_SLACK_S)
		return true;
	uint64_t late_s = now_s <= UINT64_MAX - STATE_CLOCK_SLACK_S ?
	    now_s + STATE_CLOCK_SLACK_S : UINT64_MAX;
	if (window < STATE_WINDOW_MAX)
		window = STATE_WINDOW_MAX;
	for (unsigned i = 0; i < r->device_count && i < RECORD_DEVICES_MAX; i++) {
		const struct record_device *d = &r->device[i];

		for (unsigned k = 0; k < RECORD_DEVICES_MAX; k++) {
			const struct state_device *sd = &s->device[k];

			if (sd->id == d->id && sd->id != 0 &&
			    sd->last_step >
			    newest_step(d, larger_drift(sd, d), late_s, window))
				return true;
		}
	}
	return false;
}
