/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* attempt_run as a whole, over the store in memory. An input is a life of one user: settings,
 * devices, then logins with right, wrong and old codes, jumps of the clock, refused loads and
 * commits, a libcrypto that refuses, conflicts, a rival with the same code at the worst moment,
 * lost states, and records replaced from outside. Whatever the order:
 *  1. A code of a device's step, a recovery code and a bypass code are accepted at most once.
 *  2. ACCEPTED only if a commit succeeded that consumed the code that was typed.
 *  3. last_step never lowers, a spent code never comes back.
 *  4. WRONG and REUSED are told after they were counted; nothing else is counted.
 *  5. FAILED leaves the stored state as it was.
 *  6. A decoy, another account's record, an answer of no shape: never accepted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/attempt.h"
#include "fake_crypto.h"
#include "fuzz.h"
#include "support/store_memory.h"

#define USER "alice"
#define UID 1000u
#define OPERATIONS_MAX 24
#define ACCEPTED_MAX (4 * OPERATIONS_MAX)

struct accepted {
	uint32_t device; /* its id */
	uint64_t step;
};

/* One life, and what a just god remembers of it. */
struct life {
	struct fuzz_input in;
	struct settings settings;
	struct store *store;
	struct record record; /* as last put in place */
	uint64_t now_s;
	/* armed for the next login only */
	unsigned load_fault, commit_fault, crypto_fault, conflicts;
	bool has_rival;
	struct store_entry base; /* what the last round of the login began with */
	/* the login that is going on */
	char answer[VERIFY_ANSWER_MAX + 8];
	size_t answer_len;
	/* all that was ever accepted; see forget */
	struct accepted accepted[ACCEPTED_MAX];
	unsigned accepted_count;
	uint64_t latest_s; /* of a login that was accepted */
	bool is_lost;	   /* the state was lost after one */
	uint32_t recovery_used[RECOVERY_CODES_MAX]; /* id of the set */
	uint32_t bypass_used;			    /* id */
};

/* Made once, as their random bytes are no part of the input. */
static struct recovery_set recovery;
static struct recovery_sheet sheet;
static struct record_grant bypass;
static char bypass_text[RECOVERY_TEXT_CAP];

static void
prepare(void)
{
	static bool is_ready;

	if (is_ready)
		return;
	fuzz_expect(recovery_generate(1, &recovery, &sheet) == 0, "a recovery set");
	fuzz_expect(recovery_grant_make(bypass.salt, bypass.hash, bypass_text) == 0, "a grant");
	bypass.id = 1;
	bypass.expires = UINT64_C(1800000000);
	is_ready = true;
}

/* What is stored, past all faults. */
static void
look(struct life *l, struct store_entry *e)
{
	store_memory_fail(l->store, STORE_MEMORY_LOAD, 0, 0);
	store_memory_before(l->store, STORE_MEMORY_COMMIT, NULL, NULL);
	fuzz_expect(store_load(l->store, USER, e, NULL) == 0, "the memory can be read");
}

/* A lost state is burnt by the clock of the login that finds it, so a clock set back meanwhile
 * hides what was accepted (README, limits): such a life begins anew. */
static void
forget(struct life *l)
{
	l->accepted_count = 0;
	l->is_lost = false;
}

/* The step of device d that the typed code fits and that `after` consumed. */
static void
expect_new_code(struct life *l, const struct store_entry *before, struct store_entry *after,
    uint64_t now_s, const struct attempt_result *result)
{
	struct otp_typed typed;
	unsigned consumed = 0;

	fuzz_expect(otp_parse_typed((struct span){ l->answer, l->answer_len }, &typed) == 0,
	    "what is accepted is a code");
	for (unsigned i = 0; i < after->record.device_count; i++) {
		const struct record_device *d = &after->record.device[i];
		const struct state_device *sd = state_find(&after->state, d->id);
		struct store_entry old = *before;
		const struct state_device *was = state_find(&old.state, d->id);
		uint32_t code = 0;

		if (sd == NULL || was == NULL || sd->last_step == was->last_step)
			continue;
		fuzz_expect(record_device_is_usable(d, now_s), "the device is active");
		fuzz_expect(sd->last_step > was->last_step, "a step only grows");
		fuzz_expect(otp_code(&d->params, &d->secret, sd->last_step, &code) == 0 &&
		    code == typed.code && d->params.digits == typed.digits,
		    "the step that was consumed is that of the code");
		for (unsigned k = 0; k < l->accepted_count; k++)
			fuzz_expect(l->accepted[k].device != d->id ||
			    l->accepted[k].step != sd->last_step, "a step is accepted once");
		if (l->accepted_count < ACCEPTED_MAX)
			l->accepted[l->accepted_count++] =
			    (struct accepted){ d->id, sd->last_step };
		consumed += strcmp(d->name, result->device) == 0;
	}
	fuzz_expect(consumed == 1, "the device that is named has consumed a step");
}

static void
expect_new_recovery(struct life *l, const struct store_entry *before,
    const struct store_entry *after)
{
	uint32_t spent = after->state.recovery_spent;
	uint32_t was = after->state.recovery_id == before->state.recovery_id ?
	    before->state.recovery_spent : 0;

	for (unsigned i = 0; i < RECOVERY_CODES_MAX; i++) {
		if (((spent & ~was) >> i & 1) == 0)
			continue;
		fuzz_expect(l->recovery_used[i] != after->record.recovery.id,
		    "a recovery code is accepted once");
		l->recovery_used[i] = after->record.recovery.id;
	}
	fuzz_expect((spent & ~was) != 0 && ((spent & ~was) & ((spent & ~was) - 1)) == 0,
	    "one recovery code is spent");
}

/* Promises 1, 2 and 6. */
static void
expect_accepted(struct life *l, const struct attempt_request *q, const struct store_entry *before,
    struct store_entry *after, const struct attempt_result *r)
{
	fuzz_expect(!q->is_decoy && q->uid == l->record.uid, "it is this account's");
	fuzz_expect(after->state.generation == before->state.generation + 1,
	    "one commit accepted it");
	fuzz_expect(!before->state.is_locked || r->has_used_recovery || r->has_used_bypass,
	    "no code ends the hard stop");
	fuzz_expect(q->now_s + STATE_CLOCK_SLACK_S >= before->state.saved_at, "the clock is right");
	fuzz_expect(after->state.fails == 0 && !after->state.is_locked, "failures are forgotten");
	if (r->has_used_recovery)
		expect_new_recovery(l, before, after);
	else if (r->has_used_bypass) {
		fuzz_expect(l->bypass_used < after->record.bypass.id, "a bypass is accepted once");
		fuzz_expect(q->now_s < after->record.bypass.expires, "before its end");
		l->bypass_used = after->record.bypass.id;
		fuzz_expect(after->state.bypass_spent == l->bypass_used, "it is spent");
	} else
		expect_new_code(l, before, after, q->now_s, r);
	if (q->now_s > l->latest_s)
		l->latest_s = q->now_s;
}

/* Promise 3; a lost state has nothing to be lower than. */
static void
expect_grown(const struct store_entry *before, const struct store_entry *after)
{
	struct store_entry new = *after;

	if (before->health != STATE_WHOLE)
		return;
	fuzz_expect(after->health == STATE_WHOLE, "a whole state stays one");
	for (unsigned i = 0; i < RECORD_DEVICES_MAX; i++) {
		const struct state_device *was = &before->state.device[i];
		const struct state_device *is = state_find(&new.state, was->id);
		fuzz_expect(is == NULL || is->last_step >= was->last_step, "last_step grows");
	}
	fuzz_expect(after->state.recovery_id >= before->state.recovery_id, "sets get newer");
	fuzz_expect(after->state.recovery_id != before->state.recovery_id ||
	    (before->state.recovery_spent & ~after->state.recovery_spent) == 0,
	    "spent codes stay spent");
	fuzz_expect(after->state.bypass_spent >= before->state.bypass_spent &&
	    after->state.notice_told >= before->state.notice_told &&
	    after->state.saved_at >= before->state.saved_at, "marks only grow");
}

/* All promises, of one login that found `before` at its last load and left `after`. */
static void
expect_kept(struct life *l, const struct attempt_request *q, const struct store_entry *before,
    struct store_entry *after, const struct attempt_result *r)
{
	bool has_written = memcmp(before->version.bytes, after->version.bytes,
	    sizeof(before->version.bytes)) != 0;

	/* What attempt makes of the state before it decides: rebuilt or following the record. */
	struct store_entry start = *before;
	if (before->has_record)
		(void)store_entry_complete(&start, q->now_s);
	expect_grown(before, after);
	switch (r->verdict) {
	case ATTEMPT_ACCEPTED:
		fuzz_expect(r->error == 0, "no error is accepted");
		expect_accepted(l, q, &start, after, r);
		break;
	case ATTEMPT_WRONG:
	case ATTEMPT_REUSED:
		fuzz_expect(after->state.fails == start.state.fails + 1, "it was counted");
		fuzz_expect(r->fails >= 1 && r->fails <= after->state.fails + UINT32_MAX / 2,
		    "so is the source");
		fuzz_expect(after->state.is_locked == (start.state.is_locked ||
		    after->state.fails >= l->settings.lock_after), "and the hard stop set");
		break;
	case ATTEMPT_FAILED:
		fuzz_expect(r->error != 0, "a failure has a reason");
		fuzz_expect(!has_written, "a failure writes nothing");
		fuzz_expect(r->device[0] == '\0' && !r->has_used_recovery && !r->has_used_bypass &&
		    !r->has_locked && !r->has_rebuilt, "and claims nothing");
		break;
	case ATTEMPT_UNENROLLED:
		fuzz_expect(q->is_decoy || !before->has_record, "nobody is there");
		fuzz_expect(!has_written, "a decoy leaves the user alone");
		break;
	case ATTEMPT_BURNT:
	case ATTEMPT_MALFORMED:
	case ATTEMPT_THROTTLED:
	case ATTEMPT_LOCKED:
	case ATTEMPT_CLOCK_BACK:
		fuzz_expect(q->is_decoy || after->state.fails == (has_written ?
		    start.state.fails : before->state.fails), "it was not counted");
		break;
	}
	fuzz_expect(r->verdict == ATTEMPT_FAILED || r->error == 0, "an error is a failure");
	fuzz_expect(r->notice_count <= ATTEMPT_NOTICES_MAX &&
	    (r->notice_count == 0 || (q->may_tell && r->verdict == ATTEMPT_ACCEPTED)), "notices");
}

/* Somebody else, with the same answer, between our load and our commit. What he leaves is what
 * our last round begins with. */
static void
rival(struct store *s, const char *user, void *ctx)
{
	struct life *l = ctx;
	const struct attempt_request q = {
		.user = user,
		.uid = l->record.uid,
		.answer = { l->answer, l->answer_len },
		.source = "192.0.2.7",
		.now_s = l->now_s,
	};
	struct store_entry after;
	struct attempt_result r;

	if (!l->has_rival || strcmp(user, USER) != 0)
		return;
	l->has_rival = false;
	(void)attempt_run(&q, &l->settings, s, &r, NULL);
	fuzz_expect(store_load(s, USER, &after, NULL) == 0, "the memory can be read");
	expect_kept(l, &q, &l->base, &after, &r);
	l->base = after;
}

/* Set the traps that were armed. */
static void
begin(struct life *l)
{
	static const int codes[] = { E_IO, E_UNSAFE, E_CORRUPT, E_CRYPTO };

	if (l->is_lost && l->now_s < l->latest_s)
		forget(l);
	look(l, &l->base);
	store_memory_conflict(l->store, l->conflicts);
	store_memory_fail(l->store, STORE_MEMORY_LOAD, l->load_fault, codes[l->now_s & 3]);
	store_memory_fail(l->store, STORE_MEMORY_COMMIT, l->commit_fault, codes[l->now_s >> 2 & 3]);
	fake_crypto_fail(l->crypto_fault);
	if (l->has_rival)
		store_memory_before(l->store, STORE_MEMORY_COMMIT, rival, l);
}

static void
end(struct life *l, struct store_entry *after)
{
	fake_crypto_fail(0);
	look(l, after);
	if (after->health == STATE_WHOLE)
		l->is_lost = false;
	store_memory_conflict(l->store, 0);
	store_memory_fail(l->store, STORE_MEMORY_COMMIT, 0, 0);
	l->load_fault = l->commit_fault = l->crypto_fault = l->conflicts = 0;
	l->has_rival = false;
}

/* Log in with the answer. flags: how. */
static void
log_in(struct life *l, uint8_t flags)
{
	static const char *const sources[] = { NULL, "", "192.0.2.7", "::ffff:192.0.2.7",
		"2001:db8::1", "2001:db8::2", "host", "192.0.2.8" };
	const struct attempt_request q = {
		.user = USER,
		.uid = flags >= 0xf0 ? UID + 1 : l->record.uid,
		.answer = { l->answer, l->answer_len },
		.source = sources[flags & 7],
		.now_s = l->now_s,
		.is_decoy = (flags & 0x38) == 0x38,
		.may_tell = (flags & 0x40) != 0,
	};
	struct store_entry after;
	struct attempt_result r;
	struct diag d = { "" };

	begin(l);
	memset(&r, 0xa5, sizeof(r));
	enum attempt_verdict v = attempt_run(&q, &l->settings, l->store, &r, &d);
	fuzz_expect(v == r.verdict && strnlen(r.device, sizeof(r.device)) < sizeof(r.device),
	    "the result is set");
	fuzz_expect(v != ATTEMPT_FAILED || d.text[0] != '\0', "a failure is explained");
	end(l, &after);
	expect_kept(l, &q, &l->base, &after, &r);
}

static void
fail_otherwise(struct life *l)
{
	const struct attempt_request q = { .user = USER, .uid = l->record.uid, .now_s = l->now_s };
	struct store_entry after, start;

	l->has_rival = false;
	begin(l);
	int error = attempt_count_failure(&q, l->store, NULL);
	end(l, &after);
	start = l->base;
	(void)store_entry_complete(&start, l->now_s);
	expect_grown(&l->base, &after);
	fuzz_expect(error != 0 ? after.state.generation == l->base.state.generation :
	    after.state.fails == start.state.fails + 1, "counted, or nothing written");
}

/* Type the code that a device shows, some steps off. */
static void
type_code(struct life *l)
{
	const struct record_device *d = &l->record.device[fuzz_u8(&l->in) % l->record.device_count];
	uint8_t off = fuzz_u8(&l->in);
	struct store_entry e;
	uint32_t code = 0;

	look(l, &e);
	uint64_t step = state_shown_step(state_find(&e.state, d->id), d, l->now_s);
	step = (off & 0x80) != 0 && step > (off & 15) ? step - (off & 15) : step + (off & 7);
	fuzz_expect(otp_code(&d->params, &d->secret, step, &code) == 0, "a code");
	l->answer_len = (size_t)snprintf(l->answer, sizeof(l->answer), "%0*u",
	    (int)d->params.digits, code);
}

static void
type_recovery(struct life *l)
{
	unsigned i = fuzz_u8(&l->in) % (RECOVERY_CODES_MAX + 2);

	l->answer_len = (size_t)snprintf(l->answer, sizeof(l->answer), "%s",
	    i < RECOVERY_CODES_MAX ? sheet.text[i] : bypass_text);
}

static void
type_bytes(struct life *l)
{
	struct span text = fuzz_span(&l->in, fuzz_u8(&l->in) % sizeof(l->answer));

	l->answer_len = text.len;
	memcpy(l->answer, text.at, text.len);
}

/* Of the service that is used from now on: another one may have another window. */
static void
set_settings(struct life *l)
{
	l->settings.window = fuzz_u8(&l->in) & 3;
	l->settings.throttle_after = 1 + (fuzz_u8(&l->in) & 7);
	l->settings.throttle_delay_s = (unsigned)(fuzz_u8(&l->in) & 15) * 10;
	l->settings.lock_after = 1 + (fuzz_u8(&l->in) & 15);
}

/* Put a record in place that configuration management changed. */
static void
change_record(struct life *l)
{
	uint8_t how = fuzz_u8(&l->in);
	struct store_entry e;
	struct record_device *d = &l->record.device[(how >> 4) % l->record.device_count];

	switch (how & 7) {
	case 0:
		l->record.device_count = 1 + (how >> 4) % 4;
		break;
	case 1:
		d->state = d->state == DEVICE_ACTIVE ? DEVICE_DISABLED : DEVICE_ACTIVE;
		break;
	case 2:
		d->expires = d->expires == 0 ? l->now_s + 60 : 0;
		break;
	case 3:
		l->record.uid ^= 1;
		break;
	case 4:
		l->record.recovery.id = 1 + (how >> 4 & 3);
		break;
	case 5:
		l->record.bypass.id = how >> 4 & 3;
		break;
	case 6:
		record_add_notice(&l->record, 0, l->now_s, "a notice");
		break;
	default: /* removed, state and all */
		look(l, &e);
		fuzz_expect(store_replace(l->store, USER, NULL, &e.state, &e.version, NULL) == 0,
		    "it can be removed");
		l->is_lost = true;
		return;
	}
	store_memory_put_record(l->store, &l->record);
}

/* Four devices, of which some count at first, in one record, never used until now. */
static void
make_record(struct life *l)
{
	uint8_t flags = fuzz_u8(&l->in);
	struct record *r = &l->record;
	struct store_entry e;

	fuzz_expect(record_init(r, USER, UID) == 0, "a name");
	r->next_id = 5;
	r->device_count = 1 + (flags & 3);
	r->recovery = recovery;
	r->bypass = bypass;
	for (unsigned i = 0; i < 4; i++) {
		struct record_device *d = &r->device[i];
		uint8_t params = fuzz_u8(&l->in);
		*d = (struct record_device){
			.id = i + 1, .type = DEVICE_VIRTUAL, .state = DEVICE_ACTIVE,
			.params = { .algorithm = (enum otp_algorithm)(1 + params % 3),
			    .digits = 6 + (params >> 2) % 3, .period_s = (params & 16) ? 60 : 30 },
			.drift = (int8_t)(params & 0xe0) / 16,
			.secret = { .len = OTP_SECRET_DEFAULT },
		};
		d->name[0] = (char)('a' + i);
		memset(d->secret.bytes, (int)i + 1, d->secret.len);
	}
	look(l, &e);
	e.state = (struct state){ .uid = UID, .recovery_id = recovery.id };
	for (unsigned i = 0; i < r->device_count; i++)
		e.state.device[i] = (struct state_device){
			.id = i + 1, .drift = r->device[i].drift };
	fuzz_expect(store_replace(l->store, USER, r, &e.state, &e.version, NULL) == 0,
	    "the record is lawful");
}

static void
operate(struct life *l)
{
	uint8_t op = fuzz_u8(&l->in);
	uint64_t jump;

	switch (op & 15) {
	case 0:
	case 1:
	case 2:
		type_code(l);
		log_in(l, fuzz_u8(&l->in));
		break;
	case 3:
		type_bytes(l);
		log_in(l, fuzz_u8(&l->in));
		break;
	case 4:
		type_recovery(l);
		log_in(l, fuzz_u8(&l->in));
		break;
	case 5: /* the same answer again */
		log_in(l, fuzz_u8(&l->in));
		break;
	case 6:
		fail_otherwise(l);
		break;
	case 7:
		l->now_s += fuzz_u8(&l->in);
		break;
	case 8:
		jump = fuzz_u32(&l->in);
		l->now_s = (op & 16) != 0 || jump > l->now_s ? l->now_s + jump : l->now_s - jump;
		break;
	case 9:
		if ((op & 16) != 0)
			l->crypto_fault = fuzz_u8(&l->in);
		else
			l->load_fault = fuzz_u8(&l->in) & 3;
		break;
	case 10:
		l->commit_fault = fuzz_u8(&l->in) & 3;
		break;
	case 11:
		l->conflicts = (op & 0xf0) == 0x70 ? STORE_ROUNDS_MAX : fuzz_u8(&l->in) & 3;
		break;
	case 12:
		l->has_rival = true;
		break;
	case 13:
		store_memory_lose_state(l->store, USER);
		l->is_lost = true;
		break;
	case 14:
		change_record(l);
		break;
	default:
		set_settings(l);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct life l;

	prepare();
	memset(&l, 0, sizeof(l));
	l.in = (struct fuzz_input){ data, size };
	l.now_s = UINT64_C(1700000010);
	config_defaults(&l.settings);
	l.store = store_memory_new();
	set_settings(&l);
	make_record(&l);
	for (unsigned i = 0; i < OPERATIONS_MAX && l.in.left > 0; i++)
		operate(&l);
	store_close(l.store);
	return 0;
}
