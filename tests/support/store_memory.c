/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The seam in memory, for tests of what stands on it: same promises, same codes, and hooks to
 * make any call fail, conflict, or be overtaken. An entry's version is the number of the
 * last change to it, taken from one count for the whole store, so that removing and making
 * again is a change as well. */

#include "store_memory.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	char user[RECORD_USER_CAP];
	bool has_record;
	bool has_state;
	bool has_lost; /* had a state that was damaged */
	bool is_damaged; /* the record cannot be read */
	struct record record;
	struct state state;
	uint64_t changed; /* 0: nothing there */
};

struct call {
	unsigned count;
	unsigned fail_in; /* 1: the next call fails; 0: none does */
	int fail_code;
	void (*before)(struct store *s, const char *user, void *ctx);
	void *ctx;
};

struct store_memory {
	struct store base;
	struct entry *first;
	uint64_t changes;
	unsigned conflicts;
	bool is_in_hook;
	struct call call[STORE_MEMORY_CALLS];
};

static struct store_memory *
memory_of(struct store *s)
{
	return (struct store_memory *)s;
}

static void *
must_calloc(size_t len)
{
	void *p = calloc(1, len);
	if (p == NULL)
		abort();
	return p;
}

static struct entry *
find(const struct store_memory *m, const char *user)
{
	for (struct entry *e = m->first; e != NULL; e = e->next)
		if (strcmp(e->user, user) == 0)
			return e;
	return NULL;
}

static struct entry *
ensure(struct store_memory *m, const char *user)
{
	struct entry *e = find(m, user);
	if (e != NULL)
		return e;
	if (strlen(user) >= sizeof(e->user))
		abort();
	e = must_calloc(sizeof(*e));
	memcpy(e->user, user, strlen(user) + 1);
	e->next = m->first;
	m->first = e;
	return e;
}

static struct store_version
version_of(const struct entry *e)
{
	struct store_version v = {{0}};
	if (e != NULL)
		bytes_set_le64(v.bytes, e->changed);
	return v;
}

static void
touch(struct store_memory *m, struct entry *e)
{
	bool is_there = e->has_record || e->has_state || e->has_lost;
	e->changed = is_there ? ++m->changes : 0;
}

/* The hooks at the beginning of a call: 0, or the code to answer. */
static int
enter(struct store_memory *m, enum store_memory_call which, const char *user, struct diag *d)
{
	struct call *c = &m->call[which];
	c->count++;
	if (c->before != NULL && !m->is_in_hook) {
		m->is_in_hook = true;
		c->before(&m->base, user, c->ctx);
		m->is_in_hook = false;
	}
	if (m->is_in_hook || c->fail_in == 0 || --c->fail_in > 0)
		return 0;
	return diag_set(d, c->fail_code, "a fault that the test asked for");
}

static int
memory_load(struct store *s, const char *user, struct store_entry *out, struct diag *d)
{
	struct store_memory *m = memory_of(s);
	int r = enter(m, STORE_MEMORY_LOAD, user, d);
	if (r != 0)
		return r;
	const struct entry *e = find(m, user);
	memset(out, 0, sizeof(*out));
	out->version = version_of(e);
	out->health = STATE_FRESH;
	if (e == NULL)
		return 0;
	if (e->is_damaged)
		return diag_set(d, E_CORRUPT, "%s: a damaged record", user);
	out->has_record = e->has_record;
	out->record = e->record;
	out->state = e->state;
	if (e->has_state)
		out->health = STATE_WHOLE;
	else if (e->has_record || e->has_lost)
		out->health = STATE_LOST;
	return 0;
}

/* Whether a write may go on: nobody changed the entry, and the generation can grow. */
static int
check_unchanged(
    struct store_memory *m, const char *user, const struct store_version *version, struct diag *d)
{
	const struct entry *e = find(m, user);
	struct store_version now = version_of(e);
	if (m->conflicts > 0 && !m->is_in_hook) {
		m->conflicts--;
		return diag_set(d, E_CONFLICT, "a conflict that the test asked for");
	}
	if (memcmp(now.bytes, version->bytes, sizeof(now.bytes)) != 0)
		return diag_set(d, E_CONFLICT, "%s: changed since it was loaded", user);
	if (e != NULL && e->has_state && e->state.generation == UINT64_MAX)
		return diag_set(d, E_CORRUPT, "%s: its generation cannot grow", user);
	return 0;
}

/* As the file back end: what cannot be written is refused with the codes of state_print. */
static int
put_state(struct entry *e, const struct state *state)
{
	uint8_t bytes[STATE_SLOT_LEN];
	struct state next = *state;
	next.generation = (e->has_state ? e->state.generation : 0) + 1;
	int r = state_print(&next, bytes);
	if (r != 0)
		return r;
	e->state = next;
	e->has_state = true;
	e->has_lost = false;
	return 0;
}

static int
memory_commit(struct store *s, const char *user, const struct state *state,
    struct store_version *version, struct diag *d)
{
	struct store_memory *m = memory_of(s);
	int r = enter(m, STORE_MEMORY_COMMIT, user, d);
	if (r == 0)
		r = check_unchanged(m, user, version, d);
	if (r != 0)
		return r;
	struct entry *e = ensure(m, user);
	r = put_state(e, state);
	if (r != 0)
		return diag_set(d, r, "a state that cannot be written");
	touch(m, e);
	*version = version_of(e);
	return 0;
}

static int
memory_replace(struct store *s, const char *user, const struct record *record,
    const struct state *state, struct store_version *version, struct diag *d)
{
	struct store_memory *m = memory_of(s);
	char text[RECORD_TEXT_MAX + 1];
	size_t len = 0;
	int r = enter(m, STORE_MEMORY_REPLACE, user, d);
	if (r == 0 && record != NULL)
		r = record_print(record, text, sizeof(text), &len);
	bytes_wipe(text, sizeof(text));
	if (r == 0)
		r = check_unchanged(m, user, version, d);
	if (r != 0)
		return r;
	struct entry *e = ensure(m, user);
	if (record == NULL) {
		record_wipe(&e->record);
		memset(&e->state, 0, sizeof(e->state));
		e->has_record = e->has_state = e->has_lost = e->is_damaged = false;
	} else {
		r = put_state(e, state);
		if (r != 0)
			return diag_set(d, r, "a state that cannot be written");
		e->record = *record;
		e->has_record = true;
		e->is_damaged = false;
	}
	touch(m, e);
	*version = version_of(e);
	return 0;
}

static int
memory_list(struct store *s, int (*each)(const char *user, void *ctx), void *ctx, struct diag *d)
{
	struct store_memory *m = memory_of(s);
	int r = enter(m, STORE_MEMORY_LIST, NULL, d);
	for (const struct entry *e = m->first; r == 0 && e != NULL; e = e->next)
		if (e->has_record)
			r = each(e->user, ctx);
	return r;
}

static void
memory_close(struct store *s)
{
	struct store_memory *m = memory_of(s);
	while (m->first != NULL) {
		struct entry *e = m->first;
		m->first = e->next;
		bytes_wipe(e, sizeof(*e));
		free(e);
	}
	free(m);
}

static const struct store_ops memory_ops = {
    .load = memory_load,
    .commit = memory_commit,
    .replace = memory_replace,
    .list = memory_list,
    .close = memory_close,
};

struct store *
store_memory_new(void)
{
	struct store_memory *m = must_calloc(sizeof(*m));
	m->base.ops = &memory_ops;
	return &m->base;
}

void
store_memory_fail(struct store *s, enum store_memory_call call, unsigned nth, int code)
{
	struct call *c = &memory_of(s)->call[call];
	c->fail_in = code == 0 ? 0 : nth;
	c->fail_code = code;
}

void
store_memory_conflict(struct store *s, unsigned n)
{
	memory_of(s)->conflicts = n;
}

void
store_memory_before(struct store *s, enum store_memory_call call,
    void (*before)(struct store *s, const char *user, void *ctx), void *ctx)
{
	struct call *c = &memory_of(s)->call[call];
	c->before = before;
	c->ctx = ctx;
}

unsigned
store_memory_count(const struct store *s, enum store_memory_call call)
{
	return ((const struct store_memory *)s)->call[call].count;
}

void
store_memory_lose_state(struct store *s, const char *user)
{
	struct store_memory *m = memory_of(s);
	struct entry *e = find(m, user);
	if (e == NULL || !e->has_state)
		return;
	memset(&e->state, 0, sizeof(e->state));
	e->has_state = false;
	e->has_lost = true;
	touch(m, e);
}

void
store_memory_damage_record(struct store *s, const char *user)
{
	struct store_memory *m = memory_of(s);
	struct entry *e = ensure(m, user);
	e->has_record = true;
	e->is_damaged = true;
	touch(m, e);
}

void
store_memory_put_record(struct store *s, const struct record *record)
{
	struct store_memory *m = memory_of(s);
	struct entry *e = ensure(m, record->user);
	e->record = *record;
	e->has_record = true;
	e->is_damaged = false;
	touch(m, e);
}
