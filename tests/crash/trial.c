/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What has to be true of a store whatever befell the work on it: the power failed, it was
 * killed, its calls were refused.
 *
 *  1. The record is the old one or the new one, byte for byte, and the new one only beside a
 *     state that is as new; what success was told of is there (DESIGN promises 5, 6).
 *  2. A state that is whole is the old or the new one. One that is not, or not for certain,
 *     is burnt: no step that could have been used opens anything (section 4).
 *  3. A code that was accepted before gets nobody in, nor one of an activation, nor a recovery
 *     code that was spent; the code of this login gets in once in total (promise 2).
 *  4. A fresh code gets in, at the latest the one after the burning; the next enrolment works,
 *     and leaves nothing behind but files of the store. */

#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "core/attempt.h"

#define LATER_S 600

static bool
say(struct trial *t, const char *what, const char *detail)
{
	(void)snprintf(t->broken, sizeof(t->broken), "%s: %s", what, detail);
	return false;
}

static struct store *
open_store(const struct trial *t, struct diag *d)
{
	char setting[128];
	struct store *store = NULL;

	(void)snprintf(setting, sizeof(setting), "file:%s", t->stage->store);
	return store_open(setting, NULL, &store, d) == 0 ? store : NULL;
}

static bool
is_same_file(const struct disk_file *a, const struct disk_file *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool
is_same_state(const struct state *a, const struct state *b)
{
	struct state one = *a, two = *b;
	uint8_t bytes[2][STATE_SLOT_LEN];

	one.generation = two.generation = 0;
	assert_int_equal(state_print(&one, bytes[0]), 0);
	assert_int_equal(state_print(&two, bytes[1]), 0);
	return memcmp(bytes[0], bytes[1], STATE_SLOT_LEN) == 0;
}

static bool
is_new_state(const struct trial *t, const struct state *st)
{
	/* One write each, and what was there before is not older. */
	return t->is_repeated ? st->generation == t->after.state.generation :
				is_same_state(st, &t->after.state);
}

/* What a login has written that consumed its proof and went no further. */
static bool
has_only_proof(const struct trial *t, const struct state *st)
{
	return t->has_proof && st->generation > t->before.state.generation &&
	    st->generation < t->after.state.generation;
}

/* Obligation 2. */
static bool
is_burnt(const struct trial *t, struct store_entry *e)
{
	(void)store_entry_complete(e, t->now_s);
	for (unsigned i = 0; i < e->record.device_count; i++) {
		const struct record_device *d = &e->record.device[i];
		const struct state_device *sd = state_find(&e->state, d->id);
		uint64_t step = otp_step(&d->params, t->now_s) + STATE_WINDOW_MAX;
		if (d->state == DEVICE_ACTIVE && (sd == NULL || sd->last_step < step))
			return false;
	}
	return true;
}

/* Obligations 1 and 2. */
static bool
look_at_files(struct trial *t, const struct disk_view *v, struct store_entry *e, bool is_told)
{
	const char *user = t->scene->user;
	const struct disk_file *record = disk_find(v, "secrets", user);
	bool is_old = is_same_file(record, disk_find(&t->disk->start, "secrets", user));
	bool is_new = t->is_repeated ? !is_old || is_same_file(record,
	    disk_find(&t->disk->now, "secrets", user)) :
	    is_same_file(record, disk_find(&t->disk->now, "secrets", user));
	bool is_whole = e->health == STATE_WHOLE || e->health == STATE_FRESH;

	if (!is_old && !is_new)
		return say(t, "the record", "neither old nor new");
	if (is_told && !is_new)
		return say(t, "the record", "success was told, but it is the old one");
	if (e->has_record != (record != NULL))
		return say(t, "the record", "there and not there");
	bool has_new_state = is_whole && is_new_state(t, &e->state);
	bool has_old_state = is_whole && (is_same_state(&e->state, &t->before.state) ||
	    has_only_proof(t, &e->state));
	if (is_told && !has_new_state)
		return say(t, "the state", "success was told, but it is not the new one");
	if (is_whole && !has_new_state && !has_old_state)
		return say(t, "the state", "whole, but neither old nor new");
	if (is_new && !is_old && is_whole && !has_new_state)
		return say(t, "the state", "older than its record");
	if (e->has_record && e->health == STATE_FRESH)
		return say(t, "the state", "zero beside a record");
	if (!is_whole && !is_burnt(t, e))
		return say(t, "the state", "lost, but not burnt");
	return true;
}

static enum attempt_verdict
attempt(struct trial *t, struct store *store, const char *answer, uint64_t now_s,
    struct diag *d)
{
	char source[32];
	struct settings settings;
	struct attempt_result result;

	config_defaults(&settings);
	/* Each from elsewhere, so that none waits for the failures of another. */
	(void)snprintf(source, sizeof(source), "198.51.100.%u", ++t->attempts);
	struct attempt_request q = { .user = t->scene->user, .uid = t->before.has_record ?
	    t->before.record.uid : t->after.record.uid,
		.answer = { answer, strlen(answer) },
		.source = source, .now_s = now_s };
	return attempt_run(&q, &settings, store, &result, d);
}

static bool
try_codes(struct trial *t, struct store *store, const struct store_entry *e, bool is_told)
{
	struct diag d = { "" };
	bool is_used = is_told || (t->is_repeated && t->scene->has_seen_key) ||
	    (e->health == STATE_WHOLE &&
	    (is_new_state(t, &e->state) || has_only_proof(t, &e->state)));

	t->attempts = 0;
	for (unsigned i = 0; i < t->dead_count; i++)
		if (attempt(t, store, t->dead[i], t->now_s, &d) == ATTEMPT_ACCEPTED)
			return say(t, "a code that was used gets in", t->dead[i]);
	for (unsigned i = 0; i < 2; i++)
		if (t->scene->typed[i][0] != '\0' &&
		    attempt(t, store, t->scene->typed[i], t->now_s, &d) == ATTEMPT_ACCEPTED)
			return say(t, "a code of the activation gets in", t->scene->typed[i]);
	for (unsigned i = 0; t->own[0] != '\0' && i < 2; i++) {
		bool got_in = attempt(t, store, t->own, t->now_s, &d) == ATTEMPT_ACCEPTED;
		if (got_in && is_used)
			return say(t, "the code of this login gets in twice", t->own);
		is_used |= got_in;
	}
	return true;
}

static bool
try_next_login(struct trial *t, struct store *store, const struct store_entry *e)
{
	struct diag d = { "" };
	enum attempt_verdict verdict = ATTEMPT_FAILED;
	const struct record_device *dev = NULL;

	for (unsigned i = 0; e->has_record && i < e->record.device_count; i++)
		if (e->record.device[i].state == DEVICE_ACTIVE && t->device != NULL &&
		    strcmp(e->record.device[i].name, t->device) == 0)
			dev = &e->record.device[i];
	if (dev == NULL)
		return true;
	for (unsigned i = 1; i <= 2 && verdict != ATTEMPT_ACCEPTED; i++) {
		uint64_t then = t->now_s + i * LATER_S;
		uint32_t code = 0;
		char text[16];
		assert_int_equal(otp_code(&dev->params, &dev->secret, otp_step(&dev->params, then),
		    &code), 0);
		(void)snprintf(text, sizeof(text), "%06u", code);
		verdict = attempt(t, store, text, then, &d);
		if (verdict == ATTEMPT_FAILED)
			return say(t, "the next login", d.text);
	}
	return verdict == ATTEMPT_ACCEPTED || say(t, "the next login", "a fresh code is refused");
}

static bool
has_left_over(struct trial *t, const char *name)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s", stage_path(t->stage, name));
	DIR *dir = opendir(path);
	bool is_clean = true;
	if (dir == NULL)
		return false;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		if (e->d_name[0] == '.' && strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 && !store_is_decoy(e->d_name))
			is_clean = say(t, "left over", e->d_name);
	(void)closedir(dir);
	return !is_clean;
}

static int
add_after(struct store_entry *e, void *ctx, struct diag *d)
{
	const struct trial *t = ctx;
	struct otp_params params = OTP_PARAMS_DEFAULT;
	uint32_t id = 0;

	if (!e->has_record) {
		int r = record_init(&e->record, t->scene->user,
		    t->after.has_record ? t->after.record.uid : STAGE_UID);
		if (r != 0)
			return r;
		e->has_record = true;
	}
	return enrolment_begin(e, "after", DEVICE_VIRTUAL, &params, NULL, 8, t->now_s + LATER_S,
	    &id, d);
}

bool
trial_repeat(struct trial *t)
{
	static struct strike again;

	again = (struct strike){ .prepare = t->prepare, .work = t->work, .ctx = t->scene };
	strike_run(&again);
	return strike_has_exited(&again, 0);
}

/* A removal that was cut short is done again, and then nothing is left of the user. */
static bool
remove_again(struct trial *t)
{
	struct diag d = { "" };
	struct store_entry e;

	if (!trial_repeat(t))
		return say(t, "the removal", "cannot be done again");
	struct store *store = open_store(t, &d);
	int r = store == NULL ? E_IO : store_load(store, t->scene->user, &e, &d);
	store_close(store);
	return (r == 0 && !e.has_record && e.health == STATE_FRESH) ||
	    say(t, "after the second removal", d.text);
}

bool
trial_look(const struct disk_view *v, bool is_told, void *ctx)
{
	struct trial *t = ctx;
	struct diag d = { "" };
	struct store_entry e;
	struct store *store = open_store(t, &d);

	if (store == NULL)
		return say(t, "the store", d.text);
	int r = store_load(store, t->scene->user, &e, &d);
	/* Between record and state: refused, not "never enrolled", until it is done again. */
	if (r == E_CORRUPT && t->is_removal && !is_told &&
	    disk_find(v, "secrets", t->scene->user) == NULL) {
		store_close(store);
		return remove_again(t);
	}
	bool is_well = r == 0 ? look_at_files(t, v, &e, is_told) : say(t, "load", d.text);
	is_well = is_well && try_codes(t, store, &e, is_told) && try_next_login(t, store, &e);
	if (is_well && store_update(store, t->scene->user, t->now_s + LATER_S, add_after, t,
		&d) != 0)
		is_well = say(t, "the next enrolment", d.text);
	store_close(store);
	const char *wrong = is_well && t->look_again != NULL ? t->look_again(t) : NULL;
	if (wrong != NULL)
		return say(t, "the work done again", wrong);
	return is_well && !has_left_over(t, "secrets") && !has_left_over(t, "state");
}

/* --- the work ------------------------------------------------------------------------- */

struct watch {
	struct trial *trial;
	struct strike *strike;
};

static void
watch(long child, const struct strike_call *c, void *ctx)
{
	const struct watch *w = ctx;

	if (w->trial->first_call == 0 && disk_concerns(w->trial->disk, child, c))
		w->trial->first_call = w->strike->call_count;
	disk_watch(child, c, w->trial->disk);
}

void
trial_record(struct trial *t)
{
	static struct strike k;
	struct watch w = { .trial = t, .strike = &k };

	t->before = stage_look(t->stage, t->scene->user);
	t->disk = disk_new(t->stage->store);
	t->is_repeated = false;
	t->first_call = 0;
	k = (struct strike){ .prepare = t->prepare, .work = t->work, .ctx = t->scene,
		.watch = watch, .watch_ctx = &w };
	strike_run(&k);
	assert_true(strike_has_exited(&k, 0));
	disk_check(t->disk);
	t->after = stage_look(t->stage, t->scene->user);
	t->call_count = k.call_count;
	if (t->work != scene_login && t->work != scene_update)
		t->now_s = (uint64_t)k.ended_s; /* totp-admin's clock */
	assert_true(t->disk->op_count > 0 && t->first_call > 0);
}

void
trial_end(struct trial *t)
{
	disk_put(t->disk, &t->disk->now);
	free(t->disk);
	t->disk = NULL;
}

bool
trial_has_changed(const struct trial *t, const struct disk_view *v)
{
	const char *user = t->scene->user;

	return !is_same_file(disk_find(v, "secrets", user),
		   disk_find(&t->disk->start, "secrets", user)) ||
	    !is_same_file(disk_find(v, "state", user), disk_find(&t->disk->start, "state", user));
}

bool
trial_strike(struct trial *t, struct strike *k)
{
	disk_put(t->disk, &t->disk->start);
	t->is_repeated = true;
	t->broken[0] = '\0';
	t->scene->told = t->scene->told_first = SCENE_NOTHING;
	t->scene->diag[0] = '\0';
	t->scene->line_count = 0;
	t->scene->typed[0][0] = t->scene->typed[1][0] = '\0';
	t->scene->has_seen_key = t->scene->has_seen_end = false;
	k->prepare = t->prepare;
	k->work = t->work;
	k->ctx = t->scene;
	strike_run(k);
	if (t->work == scene_login || t->work == scene_update)
		return t->scene->told == 0 || t->scene->has_seen_end;
	t->now_s = (uint64_t)k->ended_s;
	return strike_has_exited(k, 0);
}
