/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The seam: the same cases over every back end, so that whatever stands on it may take any of
 * them, and then what store.c itself promises. What only files can suffer is in
 * test_store_file.c. */

#include "core/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/store_memory.h"
#include "../support/store_sample.h"
#include "core/safefile.h"
#include "core/store_file.h"

struct fixture {
	struct store *s;
	char dir[64]; /* "": the memory back end */
};

static const struct store_version zero_version;

static int
set_up_memory(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	assert_non_null(fx);
	fx->s = store_memory_new();
	*state = fx;
	return 0;
}

static int
set_up_file(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	assert_non_null(fx);
	strcpy(fx->dir, "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	sample_make_store(fx->dir);
	assert_int_equal(store_file_open(fx->dir, &fx->s, NULL), 0);
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;
	store_close(fx->s);
	if (fx->dir[0] != '\0') {
		char command[128];
		snprintf(command, sizeof(command), "rm -rf '%s'", fx->dir);
		assert_int_equal(system(command), 0);
	}
	free(fx);
	return 0;
}

/* As an administrator or a damaged disk would: behind the store's back. */
static void
lose_state(const struct fixture *fx, const char *user)
{
	char path[256];
	if (fx->dir[0] == '\0') {
		store_memory_lose_state(fx->s, user);
		return;
	}
	snprintf(path, sizeof(path), "%s/state/%s", fx->dir, user);
	assert_int_equal(unlink(path), 0);
}

/* As configuration management does: a new file of that name. */
static void
put_record(const struct fixture *fx, const struct record *record)
{
	char text[RECORD_TEXT_MAX + 1];
	char path[256];
	int dir = -1;
	if (fx->dir[0] == '\0') {
		store_memory_put_record(fx->s, record);
		return;
	}
	size_t len = sample_print(record, text);
	snprintf(path, sizeof(path), "%s/secrets", fx->dir);
	assert_int_equal(safefile_open_dir(path, geteuid(), 0077, &dir, NULL), 0);
	assert_int_equal(safefile_replace(dir, record->user, ".outsider", text, len, NULL), 0);
	safefile_close(&dir);
}

static void
damage_record(const struct fixture *fx, const char *user)
{
	char path[256];
	if (fx->dir[0] == '\0') {
		store_memory_damage_record(fx->s, user);
		return;
	}
	snprintf(path, sizeof(path), "%s/secrets/%s", fx->dir, user);
	FILE *f = fopen(path, "a");
	assert_non_null(f);
	assert_true(fputs("x\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static struct store_entry
load(const struct fixture *fx, const char *user)
{
	struct store_entry e;
	memset(&e, 0x55, sizeof(e));
	assert_int_equal(store_load(fx->s, user, &e, NULL), 0);
	return e;
}

static void
expect_nothing(const struct fixture *fx, const char *user)
{
	struct store_entry e = load(fx, user);
	assert_false(e.has_record);
	assert_int_equal(e.health, STATE_FRESH);
	assert_int_equal(e.state.generation, 0);
	assert_memory_equal(&e.version, &zero_version, sizeof(zero_version));
}

static void
expect_wiped(const struct store_entry *e)
{
	struct store_entry zero;
	memset(&zero, 0, sizeof(zero));
	assert_memory_equal(e, &zero, sizeof(zero));
}

/* --- every back end --------------------------------------------------------- */

static void
nothing_is_fresh_and_stays_so(void **state)
{
	const struct fixture *fx = *state;
	expect_nothing(fx, "alice");
	expect_nothing(fx, "alice");
	expect_nothing(fx, ".decoy-00");
}

static void
names_that_are_refused(void **state)
{
	const struct fixture *fx = *state;
	const char *names[] = {NULL, "", ".", "..", ".x", "a/b", "../secrets/alice", "a\nb", " a",
	    ".decoy-64", ".decoy-99", ".decoy-1", ".decoy-001", ".decoy-0x", ".decoy-",
	    ".decoy- 1"};
	struct record record;
	struct state st;
	struct diag d = {""};
	sample_make(&record, &st, "alice");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct store_version v = zero_version;
		struct store_entry e;
		memset(&e, 0x55, sizeof(e));
		assert_int_equal(store_load(fx->s, names[i], &e, &d), E_INVALID);
		expect_wiped(&e);
		assert_int_equal(store_commit(fx->s, names[i], &st, &v, &d), E_INVALID);
		assert_int_equal(store_replace(fx->s, names[i], &record, &st, &v, &d), E_INVALID);
		assert_int_equal(store_replace(fx->s, names[i], NULL, NULL, &v, &d), E_INVALID);
	}
	assert_null(strstr(d.text, names[15])); /* it may be a password */
}

static void
create_and_load(void **state)
{
	const struct fixture *fx = *state;
	struct store_version version = zero_version;
	struct record record;
	struct state st;
	sample_make(&record, &st, "alice");
	st.generation = 77; /* the caller's does not count */
	assert_int_equal(store_replace(fx->s, "alice", &record, &st, &version, NULL), 0);

	struct store_entry e = load(fx, "alice");
	assert_true(e.has_record);
	assert_int_equal(e.health, STATE_WHOLE);
	assert_int_equal(e.state.generation, 1);
	sample_expect_record(&e.record, &record);
	sample_expect_state(&e.state, &st);
	assert_memory_equal(&e.version, &version, sizeof(version));
	assert_memory_not_equal(&e.version, &zero_version, sizeof(version));
	expect_nothing(fx, "bob");
}

static void
create_twice(void **state)
{
	const struct fixture *fx = *state;
	struct store_version version = zero_version;
	struct record record;
	struct state st;
	sample_enrol(fx->s, "alice");
	sample_make(&record, &st, "alice");
	record.uid = 2000;
	assert_int_equal(store_replace(fx->s, "alice", &record, &st, &version, NULL), E_CONFLICT);
	assert_memory_equal(&version, &zero_version, sizeof(version));
	assert_int_equal(load(fx, "alice").record.uid, 1000);
}

static void
replace_refuses_what_is_not_the_users(void **state)
{
	const struct fixture *fx = *state;
	struct store_version version = zero_version;
	struct record record;
	struct state st;
	sample_make(&record, &st, "alice");
	assert_int_equal(store_replace(fx->s, "bob", &record, &st, &version, NULL), E_INVALID);
	assert_int_equal(store_replace(fx->s, "alice", &record, NULL, &version, NULL), E_INVALID);
	record.device[1].id = record.device[0].id; /* breaks a rule of records */
	assert_int_equal(store_replace(fx->s, "alice", &record, &st, &version, NULL), E_INVALID);
	expect_nothing(fx, "alice");
	expect_nothing(fx, "bob");
}

static void
commit_follows_commit(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	for (uint64_t i = 0; i < 20; i++) {
		e.state.device[0].last_step++;
		e.state.fails = (uint32_t)i;
		e.state.generation = 1; /* the store's to set, whatever is here */
		assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
		struct store_entry now = load(fx, "alice");
		assert_int_equal(now.state.generation, i + 2);
		sample_expect_state(&now.state, &e.state);
		sample_expect_record(&now.record, &e.record);
		assert_memory_equal(&now.version, &e.version, sizeof(e.version));
	}
}

static void
commit_of_an_older_version(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry first = load(fx, "alice");
	struct store_entry second = load(fx, "alice");
	first.state.fails = 1;
	second.state.fails = 2;
	assert_int_equal(store_commit(fx->s, "alice", &first.state, &first.version, NULL), 0);
	assert_int_equal(
	    store_commit(fx->s, "alice", &second.state, &second.version, NULL), E_CONFLICT);
	assert_int_equal(
	    store_replace(fx->s, "alice", &second.record, &second.state, &second.version, NULL),
	    E_CONFLICT);
	assert_int_equal(
	    store_replace(fx->s, "alice", NULL, NULL, &second.version, NULL), E_CONFLICT);
	struct store_entry now = load(fx, "alice");
	assert_int_equal(now.state.fails, 1);
	assert_int_equal(now.state.generation, 2);
	assert_true(now.has_record);

	/* A version of nothing opens nothing either. */
	struct store_version version = zero_version;
	assert_int_equal(store_commit(fx->s, "alice", &second.state, &version, NULL), E_CONFLICT);
}

static void
commit_after_the_record_changed(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	struct store_entry other = load(fx, "alice");
	other.record.uid = 2000;
	assert_int_equal(
	    store_replace(fx->s, "alice", &other.record, &other.state, &other.version, NULL), 0);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CONFLICT);
	assert_int_equal(store_commit(fx->s, "alice", &other.state, &other.version, NULL), 0);
	assert_int_equal(load(fx, "alice").record.uid, 2000);
}

static void
commit_after_an_outsider_put_the_record(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	put_record(fx, &e.record); /* the same bytes */
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CONFLICT);
	assert_int_equal(load(fx, "alice").state.generation, 1); /* nothing was written */
	e = load(fx, "alice");
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
}

static void
users_do_not_meet(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	sample_enrol(fx->s, "bob");
	struct store_entry alice = load(fx, "alice");
	struct store_entry bob = load(fx, "bob");
	assert_int_equal(store_commit(fx->s, "alice", &alice.state, &alice.version, NULL), 0);
	assert_int_equal(store_commit(fx->s, "bob", &bob.state, &bob.version, NULL), 0);
	/* Nor can one's version write the other's. */
	assert_int_equal(store_commit(fx->s, "bob", &bob.state, &alice.version, NULL), E_CONFLICT);
}

static void
remove_and_make_again(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry old = load(fx, "alice");
	struct store_version version = old.version;
	assert_int_equal(store_replace(fx->s, "alice", NULL, NULL, &version, NULL), 0);
	assert_memory_equal(&version, &zero_version, sizeof(version));
	expect_nothing(fx, "alice");
	struct store_version stale = old.version;
	assert_int_equal(store_commit(fx->s, "alice", &old.state, &stale, NULL), E_CONFLICT);
	assert_int_equal(
	    store_replace(fx->s, "alice", &old.record, &old.state, &stale, NULL), E_CONFLICT);
	assert_int_equal(store_replace(fx->s, "alice", NULL, NULL, &stale, NULL), E_CONFLICT);
	expect_nothing(fx, "alice");

	/* The same user again, with the same bytes: still not what the old version saw. */
	assert_int_equal(store_replace(fx->s, "alice", &old.record, &old.state, &version, NULL), 0);
	assert_int_equal(store_commit(fx->s, "alice", &old.state, &stale, NULL), E_CONFLICT);
	assert_int_equal(store_commit(fx->s, "alice", &old.state, &version, NULL), 0);

	version = zero_version;
	assert_int_equal(store_replace(fx->s, "nobody", NULL, NULL, &version, NULL), 0);
	expect_nothing(fx, "nobody");
}

static void
lost_state(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry before = load(fx, "alice");
	lose_state(fx, "alice");
	assert_int_equal(
	    store_commit(fx->s, "alice", &before.state, &before.version, NULL), E_CONFLICT);

	struct store_entry a = load(fx, "alice");
	struct store_entry b = load(fx, "alice");
	struct state zero;
	memset(&zero, 0, sizeof(zero));
	assert_true(a.has_record);
	assert_int_equal(a.health, STATE_LOST); /* never fresh, never zero that counts */
	assert_memory_equal(&a.state, &zero, sizeof(zero));
	state_rebuild(&a.state, &a.record, SAMPLE_NOW);
	state_rebuild(&b.state, &b.record, SAMPLE_NOW);
	assert_int_equal(store_commit(fx->s, "alice", &a.state, &a.version, NULL), 0);
	assert_int_equal(store_commit(fx->s, "alice", &b.state, &b.version, NULL), E_CONFLICT);
	struct store_entry now = load(fx, "alice");
	assert_int_equal(now.health, STATE_WHOLE);
	sample_expect_state(&now.state, &a.state);
	assert_memory_equal(&now.version, &a.version, sizeof(a.version));
}

static void
record_from_outside_has_no_state_yet(void **state)
{
	const struct fixture *fx = *state;
	struct record record;
	struct state st;
	sample_make(&record, &st, "alice");
	put_record(fx, &record);
	struct store_entry e = load(fx, "alice");
	assert_true(e.has_record);
	assert_int_equal(e.health, STATE_LOST);
	state_rebuild(&e.state, &e.record, SAMPLE_NOW);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);
	e = load(fx, "alice");
	assert_int_equal(e.health, STATE_WHOLE);
	assert_int_equal(store_replace(fx->s, "alice", NULL, NULL, &e.version, NULL), 0);
	expect_nothing(fx, "alice");

	put_record(fx, &record); /* and taken away again before any login */
	e = load(fx, "alice");
	assert_int_equal(store_replace(fx->s, "alice", NULL, NULL, &e.version, NULL), 0);
	expect_nothing(fx, "alice");
}

static void
state_without_a_record(void **state)
{
	const struct fixture *fx = *state;
	struct store_version version = zero_version;
	struct state st = {.fails = 3, .saved_at = SAMPLE_NOW};
	assert_int_equal(store_commit(fx->s, "carol", &st, &version, NULL), 0);
	struct store_entry e = load(fx, "carol");
	assert_false(e.has_record);
	assert_int_equal(e.health, STATE_WHOLE);
	assert_int_equal(e.state.fails, 3);
	lose_state(fx, "carol");
	assert_false(load(fx, "carol").has_record);
}

static void
decoys_are_counted(void **state)
{
	const struct fixture *fx = *state;
	char name[STORE_DECOY_CAP];
	sample_enrol(fx->s, "alice"); /* a store in use */
	assert_int_equal(store_decoy_name("mallory", name), 0);
	struct store_entry e = load(fx, name);
	assert_false(e.has_record);
	assert_int_equal(e.health, STATE_FRESH);
	for (uint32_t i = 1; i <= 3; i++) {
		e.state.fails = i;
		assert_int_equal(store_commit(fx->s, name, &e.state, &e.version, NULL), 0);
		e = load(fx, name);
		assert_false(e.has_record);
		assert_int_equal(e.health, STATE_WHOLE);
		assert_int_equal(e.state.fails, i);
	}
	struct store_version stale = zero_version;
	assert_int_equal(store_commit(fx->s, name, &e.state, &stale, NULL), E_CONFLICT);
	struct record record;
	struct state st;
	sample_make(&record, &st, "alice");
	assert_int_equal(store_replace(fx->s, name, &record, &st, &e.version, NULL), E_INVALID);
	assert_int_equal(store_replace(fx->s, name, NULL, NULL, &e.version, NULL), E_INVALID);
	assert_int_equal(load(fx, name).state.fails, 3);
}

struct seen {
	unsigned count;
	unsigned stop_at;
	char names[8][RECORD_USER_CAP];
};

static int
see(const char *user, void *ctx)
{
	struct seen *seen = ctx;
	if (seen->count < 8)
		snprintf(seen->names[seen->count], sizeof(seen->names[0]), "%s", user);
	return ++seen->count == seen->stop_at ? 42 : 0;
}

static bool
has_seen(const struct seen *seen, const char *user)
{
	for (unsigned i = 0; i < seen->count && i < 8; i++)
		if (strcmp(seen->names[i], user) == 0)
			return true;
	return false;
}

static void
list_of_users(void **state)
{
	const struct fixture *fx = *state;
	struct seen none = {0};
	assert_int_equal(store_list(fx->s, see, &none, NULL), 0);
	assert_int_equal(none.count, 0);

	sample_enrol(fx->s, "alice");
	sample_enrol(fx->s, "bob");
	sample_enrol(fx->s, "carol");
	struct store_version version = zero_version;
	struct state st = {0};
	assert_int_equal(store_commit(fx->s, ".decoy-07", &st, &version, NULL), 0);
	version = zero_version;
	assert_int_equal(store_commit(fx->s, "dave", &st, &version, NULL), 0); /* no record */
	for (int again = 0; again < 2; again++) {
		struct seen all = {0};
		assert_int_equal(store_list(fx->s, see, &all, NULL), 0);
		assert_int_equal(all.count, 3);
		assert_true(
		    has_seen(&all, "alice") && has_seen(&all, "bob") && has_seen(&all, "carol"));
		struct seen two = {.stop_at = 2};
		assert_int_equal(store_list(fx->s, see, &two, NULL), 42);
		assert_int_equal(two.count, 2);
	}
	struct store_entry e = load(fx, "bob");
	assert_int_equal(store_replace(fx->s, "bob", NULL, NULL, &e.version, NULL), 0);
	struct seen left = {0};
	assert_int_equal(store_list(fx->s, see, &left, NULL), 0);
	assert_int_equal(left.count, 2);
	assert_false(has_seen(&left, "bob"));
}

/* --- read-modify-replace ---------------------------------------------------- */

struct change {
	unsigned calls;
	int code;
	bool is_removal;
	struct store_entry seen; /* as change found it */
	struct fixture *fx;      /* lose so many races to somebody else */
	unsigned races;
};

static int
apply_change(struct store_entry *e, void *ctx, struct diag *d)
{
	struct change *c = ctx;
	c->calls++;
	c->seen = *e;
	if (c->races > 0) {
		c->races--;
		struct store_entry other = load(c->fx, "alice");
		other.state.fails++;
		assert_int_equal(
		    store_commit(c->fx->s, "alice", &other.state, &other.version, NULL), 0);
	}
	if (c->code != 0)
		return diag_set(d, c->code, "as the test wishes");
	if (c->is_removal)
		e->has_record = false;
	else if (!e->has_record) {
		sample_make(&e->record, &e->state, "alice");
		e->has_record = true;
	} else
		e->record.enrol_by = SAMPLE_NOW + 5;
	return 0;
}

static int
update(const struct fixture *fx, struct change *c, uint64_t now_s)
{
	return store_update(fx->s, "alice", now_s, apply_change, c, NULL);
}

static void
update_makes_edits_and_removes(void **state)
{
	struct fixture *fx = *state;
	struct change c = {0};
	assert_int_equal(update(fx, &c, SAMPLE_NOW + 9), 0);
	assert_false(c.seen.has_record);
	struct store_entry e = load(fx, "alice");
	assert_true(e.has_record);
	assert_int_equal(e.state.saved_at, SAMPLE_NOW + 9);

	assert_int_equal(update(fx, &c, SAMPLE_NOW), 0); /* the clock went back */
	e = load(fx, "alice");
	assert_int_equal(e.record.enrol_by, SAMPLE_NOW + 5);
	assert_int_equal(e.state.saved_at, SAMPLE_NOW + 9); /* never lowered */
	assert_int_equal(e.state.generation, 2);

	c.code = E_LIMIT;
	assert_int_equal(update(fx, &c, SAMPLE_NOW), E_LIMIT);
	assert_int_equal(load(fx, "alice").state.generation, 2); /* nothing was written */
	assert_int_equal(c.calls, 3);

	c = (struct change){.is_removal = true};
	assert_int_equal(update(fx, &c, SAMPLE_NOW), 0);
	expect_nothing(fx, "alice");
	assert_int_equal(
	    store_update(fx->s, ".decoy-01", SAMPLE_NOW, apply_change, &c, NULL), E_INVALID);
	assert_int_equal(c.calls, 1);
}

static void
update_goes_round_again(void **state)
{
	struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct change c = {.fx = fx, .races = 5};
	assert_int_equal(update(fx, &c, SAMPLE_NOW), 0);
	assert_int_equal(c.calls, 6);
	struct store_entry e = load(fx, "alice");
	assert_int_equal(e.state.fails, 5); /* what the others wrote is kept */
	assert_int_equal(e.record.enrol_by, SAMPLE_NOW + 5);

	c = (struct change){.fx = fx, .races = UINT32_MAX};
	assert_int_equal(update(fx, &c, SAMPLE_NOW), E_CONFLICT);
	assert_int_equal(c.calls, STORE_ROUNDS_MAX);
}

static void
update_burns_what_was_lost(void **state)
{
	struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	lose_state(fx, "alice");
	struct change c = {0};
	assert_int_equal(update(fx, &c, SAMPLE_NOW), 0);
	assert_int_equal(c.seen.health, STATE_LOST); /* told, for the log */
	for (unsigned i = 0; i < 4; i++) {
		const struct state_device *sd = state_find(&c.seen.state, i + 1);
		assert_non_null(sd);
		assert_true(sd->last_step >= SAMPLE_NOW / 30 + 1);
	}
	struct store_entry e = load(fx, "alice");
	assert_int_equal(e.health, STATE_WHOLE);

	/* A device that configuration management brought is burnt before it is used. */
	e.record.device[4] = e.record.device[0];
	e.record.device[4].id = 5;
	strcpy(e.record.device[4].name, "fifth");
	memset(e.record.device[4].secret.bytes, 0x77, e.record.device[4].secret.len);
	e.record.device_count = 5;
	e.record.next_id = 6;
	put_record(fx, &e.record);
	assert_int_equal(update(fx, &c, SAMPLE_NOW), 0);
	e = load(fx, "alice");
	const struct state_device *sd = state_find(&e.state, 5);
	assert_non_null(sd);
	assert_true(sd->last_step >= SAMPLE_NOW / 30 + 1);
}

static int
count_only(struct store_entry *e, void *ctx, struct diag *d)
{
	(void)ctx;
	(void)d;
	e->state.fails++;
	return 0;
}

static void
update_without_a_record_commits_the_state(void **state)
{
	const struct fixture *fx = *state;
	assert_int_equal(store_update(fx->s, "alice", SAMPLE_NOW, count_only, NULL, NULL), 0);
	assert_int_equal(store_update(fx->s, "alice", SAMPLE_NOW, count_only, NULL, NULL), 0);
	struct store_entry e = load(fx, "alice");
	assert_false(e.has_record);
	assert_int_equal(e.state.fails, 2);
}

/* A corrupt record is told with its version, and nothing else of it. */
static struct store_version
load_corrupt(const struct fixture *fx, const char *user)
{
	struct store_entry e;
	memset(&e, 0x55, sizeof(e));
	assert_int_equal(store_load(fx->s, user, &e, NULL), E_CORRUPT);
	struct store_version version = e.version;
	assert_memory_not_equal(&version, &zero_version, sizeof(version));
	memset(&e.version, 0, sizeof(e.version));
	expect_wiped(&e);
	return version;
}

static void
corrupt_record_can_be_removed(void **state)
{
	const struct fixture *fx = *state;
	struct change c = {0};
	sample_enrol(fx->s, "alice");
	sample_enrol(fx->s, "bob");
	struct store_entry before = load(fx, "alice");
	damage_record(fx, "alice");
	/* Neither what was loaded before nor "nothing there" removes it. */
	assert_int_equal(
	    store_replace(fx->s, "alice", NULL, NULL, &before.version, NULL), E_CONFLICT);
	struct store_version version = zero_version;
	assert_int_equal(store_replace(fx->s, "alice", NULL, NULL, &version, NULL), E_CONFLICT);
	assert_int_equal(update(fx, &c, SAMPLE_NOW), E_CORRUPT);
	assert_int_equal(c.calls, 0);

	version = load_corrupt(fx, "alice");
	damage_record(fx, "alice"); /* somebody else is at it */
	assert_int_equal(store_replace(fx->s, "alice", NULL, NULL, &version, NULL), E_CONFLICT);
	version = load_corrupt(fx, "alice");
	assert_int_equal(store_replace(fx->s, "alice", NULL, NULL, &version, NULL), 0);
	struct store_entry e = load(fx, "alice");
	assert_false(e.has_record);
	assert_int_equal(e.health, STATE_FRESH);
	assert_true(load(fx, "bob").has_record);
}

static void
corrupt_record_can_be_replaced(void **state)
{
	const struct fixture *fx = *state;
	sample_enrol(fx->s, "alice");
	struct store_entry before = load(fx, "alice");
	lose_state(fx, "alice");
	damage_record(fx, "alice");
	struct store_version version = load_corrupt(fx, "alice");
	assert_int_equal(store_replace(fx->s, "alice", &before.record, &before.state, &version,
	    NULL), 0);
	struct store_entry e = load(fx, "alice");
	assert_true(e.has_record);
	assert_int_equal(e.health, STATE_WHOLE);
	assert_memory_equal(&e.version, &version, sizeof(version));
}

/* --- store.c, and the hooks of the memory back end -------------------------- */

static void
faults_pass_through(void **state)
{
	const struct fixture *fx = *state;
	const int codes[] = {E_UNSAFE, E_CORRUPT, E_IO, E_CRYPTO};
	sample_enrol(fx->s, "alice");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct change c = {0};
		struct seen seen = {0};
		struct store_entry e = load(fx, "alice");
		store_memory_fail(fx->s, STORE_MEMORY_COMMIT, 1, codes[i]);
		assert_int_equal(
		    store_commit(fx->s, "alice", &e.state, &e.version, NULL), codes[i]);
		store_memory_fail(fx->s, STORE_MEMORY_LIST, 1, codes[i]);
		assert_int_equal(store_list(fx->s, see, &seen, NULL), codes[i]);
		store_memory_fail(fx->s, STORE_MEMORY_LOAD, 1, codes[i]);
		assert_int_equal(store_load(fx->s, "alice", &e, NULL), codes[i]);
		expect_wiped(&e);
		store_memory_fail(fx->s, STORE_MEMORY_LOAD, 1, codes[i]);
		assert_int_equal(update(fx, &c, SAMPLE_NOW), codes[i]);
		assert_int_equal(c.calls, 0);
		store_memory_fail(fx->s, STORE_MEMORY_REPLACE, 1, codes[i]);
		assert_int_equal(update(fx, &c, SAMPLE_NOW), codes[i]);
		assert_int_equal(c.calls, 1); /* only a conflict goes round */
	}
	assert_int_equal(load(fx, "alice").state.generation, 1);
}

static void
before_commit(struct store *s, const char *user, void *ctx)
{
	struct store_entry e;
	unsigned *calls = ctx;
	(*calls)++;
	assert_int_equal(store_load(s, user, &e, NULL), 0);
	e.state.fails += 10;
	assert_int_equal(store_commit(s, user, &e.state, &e.version, NULL), 0);
}

static void
hooks_of_the_memory(void **state)
{
	const struct fixture *fx = *state;
	unsigned calls = 0;
	sample_enrol(fx->s, "alice");
	struct store_entry e = load(fx, "alice");
	unsigned loads = store_memory_count(fx->s, STORE_MEMORY_LOAD);
	store_memory_fail(fx->s, STORE_MEMORY_LOAD, 2, E_IO); /* the second, once */
	assert_int_equal(store_load(fx->s, "alice", &e, NULL), 0);
	assert_int_equal(store_load(fx->s, "alice", &e, NULL), E_IO);
	assert_int_equal(store_load(fx->s, "alice", &e, NULL), 0);
	assert_int_equal(store_memory_count(fx->s, STORE_MEMORY_LOAD), loads + 3);

	store_memory_conflict(fx->s, 2);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CONFLICT);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CONFLICT);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), 0);

	store_memory_before(fx->s, STORE_MEMORY_COMMIT, before_commit, &calls);
	assert_int_equal(store_commit(fx->s, "alice", &e.state, &e.version, NULL), E_CONFLICT);
	store_memory_before(fx->s, STORE_MEMORY_COMMIT, NULL, NULL);
	assert_int_equal(calls, 1);
	assert_int_equal(load(fx, "alice").state.fails, 10);
}

static void
decoy_names(void **state)
{
	(void)state;
	unsigned used[64] = {0};
	char name[STORE_DECOY_CAP];
	for (unsigned i = 0; i < 2000; i++) {
		char user[32];
		char again[STORE_DECOY_CAP];
		snprintf(user, sizeof(user), "user%u", i);
		assert_int_equal(store_decoy_name(user, name), 0);
		assert_int_equal(store_decoy_name(user, again), 0);
		assert_string_equal(name, again);
		assert_true(store_is_decoy(name));
		assert_false(record_user_ok(name));
		used[(name[7] - '0') * 10 + (name[8] - '0')]++;
	}
	for (unsigned i = 0; i < 64; i++)
		assert_true(used[i] > 0);
	/* SHA-256 of "" begins with 0xe3 = 227, and 227 mod 64 is 35. */
	assert_int_equal(store_decoy_name("", name), 0);
	assert_string_equal(name, ".decoy-35");
	assert_false(store_is_decoy(NULL));
	assert_false(store_is_decoy("decoy-01"));
}

static void
settings_of_a_store(void **state)
{
	const struct fixture *fx = *state;
	const char *refused[] = {NULL, "", "file:", "file:relative", "/absolute", "FILE:/x",
	    "ldap://host", " file:/x", "file:/a/../b", "file:/."};
	char setting[128];
	struct store *s = NULL;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		s = fx->s;
		assert_int_equal(store_open(refused[i], NULL, &s, NULL), E_INVALID);
		assert_null(s);
	}
	snprintf(setting, sizeof(setting), "file:%s", fx->dir);
	assert_int_equal(store_open(setting, NULL, &s, NULL), 0);
	store_close(s);
	store_close(NULL);
	strcat(setting, "/missing");
	s = fx->s;
	assert_int_equal(store_open(setting, NULL, &s, NULL), E_NOENT);
	assert_null(s);
}

#define MEMORY(test)                                                    \
	{                                                               \
#test " (memory)", test, set_up_memory, tear_down, NULL \
	}
#define FILES(test)                                                 \
	{                                                           \
#test " (file)", test, set_up_file, tear_down, NULL \
	}
#define BOTH(test) MEMORY(test), FILES(test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOTH(nothing_is_fresh_and_stays_so),
	    BOTH(names_that_are_refused),
	    BOTH(create_and_load),
	    BOTH(create_twice),
	    BOTH(replace_refuses_what_is_not_the_users),
	    BOTH(commit_follows_commit),
	    BOTH(commit_of_an_older_version),
	    BOTH(commit_after_the_record_changed),
	    BOTH(commit_after_an_outsider_put_the_record),
	    BOTH(corrupt_record_can_be_removed),
	    BOTH(corrupt_record_can_be_replaced),
	    BOTH(users_do_not_meet),
	    BOTH(remove_and_make_again),
	    BOTH(lost_state),
	    BOTH(record_from_outside_has_no_state_yet),
	    BOTH(state_without_a_record),
	    BOTH(decoys_are_counted),
	    BOTH(list_of_users),
	    BOTH(update_makes_edits_and_removes),
	    BOTH(update_goes_round_again),
	    BOTH(update_burns_what_was_lost),
	    BOTH(update_without_a_record_commits_the_state),
	    MEMORY(faults_pass_through),
	    MEMORY(hooks_of_the_memory),
	    cmocka_unit_test(decoy_names),
	    FILES(settings_of_a_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
