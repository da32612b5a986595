/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The two places where the states of a file store can be: the store itself, and, while that
 * cannot be written and only if one is set, the fallback directory. Obligations:
 *
 *  1. Where no fallback directory is set, and as long as nothing is in one, the store is used
 *     as if there were none.
 *  2. The fallback is read before the store: a writer that brings a state back writes the store
 *     first, so that a reader has it from one of them.
 *  3. Locks are taken in one order, the store's first.
 *  4. Which place is in use is asked after the file there was made: whoever writes to the
 *     store since sees that file, and who does not see it came before, which shows here.
 *  5. One store can be read-only for one service (a sandbox) and not for another. Who writes
 *     the store looks aside once more after it: either that shows a file that was made
 *     meanwhile, and what was decided does not count, or who makes one later reads what was
 *     written. So one recovery code is never accepted in both places. */

#include "store_file_places.h"

#include <errno.h>
#include <string.h>

#include "safefile.h"

#define FOLDER_FORBIDDEN ((mode_t)0077)

static bool
has_fallback(const struct store_file_places *w)
{
	return w->fallback.path[0] != '\0';
}

/* What is asked whether the states can be written. */
static int
asked_fd(const struct store_file_places *w)
{
	return w->state >= 0 ? w->state : w->dir;
}

/* Asked again with every call while the folder is missing: another process may have made it. */
int
store_places_open(struct store_file_places *w, struct diag *d)
{
	if (w->state >= 0)
		return 0;
	int r = safefile_open_folder(w->dir, "state", w->owner, FOLDER_FORBIDDEN, &w->state, d);
	return r == E_NOENT ? 0 : r;
}

int
store_places_make(struct store_file_places *w, struct diag *d)
{
	int r = store_places_open(w, d);
	if (r != 0 || w->state >= 0)
		return r;
	r = safefile_make_folder(w->dir, "state", d);
	if (r == 0)
		r = safefile_open_folder(
		    w->dir, "state", w->owner, FOLDER_FORBIDDEN, &w->state, d);
	/* Made or found a moment ago: gone again is trouble, not "none". */
	return r == E_NOENT ? E_IO : r;
}

/* One user's state in the store, or none where there is no folder. */
static int
read_store(
    struct store_file_places *w, const char *user, struct store_file_pair *p, struct diag *d)
{
	memset(&p->store, 0, sizeof(p->store));
	p->store.fd = -1;
	if (w->state < 0)
		return 0;
	errno = 0;
	int r = store_file_state_read(
	    w->state, user, w->owner, !p->is_read_only, &w->parsed, &p->store, d);
	/* Not whole, and not to be locked. */
	if (!p->is_read_only && store_places_turn(w, r)) {
		p->is_read_only = true;
		r = store_file_state_read(
		    w->state, user, w->owner, false, &w->parsed, &p->store, d);
	}
	return r;
}

/* Obligation 2. The kernel is asked whether the store can be written only where that matters:
 * there is a state beside it, or a write was refused. */
int
store_places_read(
    struct store_file_places *w, const char *user, struct store_file_pair *p, struct diag *d)
{
	struct store_fallback *b = &w->fallback;
	bool is_there = store_fallback_has(b, user);
	int r = 0;

	*p = (struct store_file_pair)STORE_FILE_PAIR_NONE;
	p->is_read_only = (is_there || b->is_refused) && store_fallback_is_due(b, asked_fd(w));
	if (is_there)
		r = store_fallback_read(b, user, w->owner, &p->fallback, d);
	return r == 0 ? read_store(w, user, p, d) : r;
}

int
store_places_hold(struct store_file_places *w, const char *user, bool is_read_only,
    bool may_create, struct store_file_pair *p, struct diag *d)
{
	struct store_fallback *b = &w->fallback;
	int r = 0;

	*p = (struct store_file_pair)STORE_FILE_PAIR_NONE;
	if (is_read_only) {
		r = store_fallback_hold(b, user, w->owner, may_create, &p->fallback, d);
		/* Obligation 4. */
		p->is_read_only = r == 0 && store_fallback_is_due(b, asked_fd(w));
		return r == 0 ? read_store(w, user, p, d) : r;
	}
	r = store_file_state_hold(
	    w->state, user, w->owner, may_create, &w->parsed, &p->store, d);
	if (r == 0 && store_fallback_has(b, user))
		r = store_fallback_hold(b, user, w->owner, false, &p->fallback, d);
	return r;
}

int
store_places_write(struct store_file_places *w, const char *user, const struct state *state,
    struct store_file_pair *p, struct diag *d)
{
	if (p->is_read_only)
		return store_file_state_write(&p->fallback, w->fallback.dir, state, d);
	int r = store_file_state_write(&p->store, w->state, state, d);
	if (r != 0)
		return r;
	if (p->fallback.fd < 0 && store_fallback_has(&w->fallback, user)) /* obligation 5 */
		return diag_set(d, E_CONFLICT, "%s: a state was begun elsewhere", user);
	store_places_drop(w, user, p);
	return 0;
}

void
store_places_drop(
    const struct store_file_places *w, const char *user, struct store_file_pair *p)
{
	if (p->fallback.fd >= 0)
		store_fallback_drop(&w->fallback, user, &p->fallback);
}

bool
store_places_turn(struct store_file_places *w, int r)
{
	if (r != E_IO || errno != EROFS || !has_fallback(w))
		return false;
	store_fallback_begin(&w->fallback, asked_fd(w));
	return true;
}

/* Without the folder also those without a record have lost what was counted, and a grace time
 * that had begun. */
static enum state_health
health_of(const struct store_file_places *w, const struct store_file_state *f, bool has_record)
{
	switch (f->kind) {
	case STORE_FILE_WHOLE:
		return STATE_WHOLE;
	case STORE_FILE_HALF:
		return STATE_HALF;
	case STORE_FILE_NONE:
		return has_record || w->state < 0 ? STATE_LOST : STATE_FRESH;
	case STORE_FILE_RUIN:
		break; /* also without a record: what it counted must not become zero */
	}
	return STATE_LOST;
}

void
store_places_tell(const struct store_file_places *w, const struct store_file_pair *p,
    struct store_entry *e)
{
	e->health = health_of(w, &p->store, e->has_record);
	e->state = p->store.state;
	if (has_fallback(w))
		store_fallback_join(p, e);
}

void
store_places_release(struct store_file_pair *p)
{
	store_file_state_close(&p->fallback);
	store_file_state_close(&p->store);
}

void
store_places_close(struct store_file_places *w)
{
	store_fallback_close(&w->fallback);
	safefile_close(&w->state);
}
