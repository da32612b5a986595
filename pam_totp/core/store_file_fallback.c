/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Where a store on a file system that went read-only keeps its states, if an administrator
 * named a place. Obligations:
 *
 *  1. Nothing is looked for, read or made while no path is set.
 *  2. Only a read-only file system leads here: it says so (fstatvfs(3)) or the kernel refused
 *     a write with EROFS. No room, no permission and damage refuse as ever.
 *  3. The first state kept here is burnt before anything is accepted: what is read-only may be
 *     an image that is older than the last login. Spent recovery codes are those that the
 *     store knows, as with half of a state: to void them all would turn every accident of a
 *     disk into a loss of the way back in.
 *  4. What is here and cannot be read is lost, never nothing (DESIGN promise 1).
 *  5. As soon as the store can be written both are one state, of which nothing is lower than
 *     in either; the file here goes only after the store has it.
 *  6. Nothing below a directory that somebody else can write: all by safefile.c. */

#include "store_file_fallback.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>

#include "safefile.h"

#define FORBIDDEN ((mode_t)0077)

int
store_fallback_init(struct store_fallback *b, const char *path, struct diag *d)
{
	*b = (struct store_fallback){.dir = -1};
	if (path == NULL || path[0] == '\0')
		return 0;
	size_t len = strlen(path);
	if (path[0] != '/' || path[len - 1] == '/' || len >= sizeof(b->path))
		return diag_set(d, E_INVALID, "state_fallback: expected \"/absolute/directory\"");
	memcpy(b->path, path, len + 1);
	return 0;
}

bool
store_fallback_has(const struct store_fallback *b, const char *user)
{
	char path[CONFIG_TEXT_CAP + 1 + NAME_MAX + 1];
	struct bytes_writer w;
	struct safefile_id id;

	if (b->path[0] == '\0')
		return false;
	bytes_writer_init(&w, path, sizeof(path));
	bytes_put(&w, b->path);
	bytes_put(&w, "/");
	bytes_put(&w, user);
	return w.has_overflowed || safefile_identify(AT_FDCWD, path, &id, NULL) != E_NOENT;
}

static bool
says_read_only(int fd)
{
	struct statvfs v;

	return fstatvfs(fd, &v) == 0 && (v.f_flag & ST_RDONLY) != 0;
}

/* ext4 of newer kernels refuses writes after an error and does not say so. What said so once
 * and does not any more can be written again. */
bool
store_fallback_is_due(const struct store_fallback *b, int fd)
{
	if (b->path[0] == '\0')
		return false;
	return says_read_only(fd) || (b->is_refused && !b->was_told);
}

void
store_fallback_begin(struct store_fallback *b, int fd)
{
	b->is_refused = true;
	b->was_told = says_read_only(fd);
}

/* b->dir is -1 when the directory does not exist. */
static int
open_dir(struct store_fallback *b, uid_t owner, struct diag *d)
{
	if (b->dir >= 0)
		return 0;
	int r = safefile_open_dir(b->path, owner, FORBIDDEN, &b->dir, d);
	return r == E_NOENT ? 0 : r;
}

/* Its last component only. */
static int
make_dir(struct store_fallback *b, uid_t owner, struct diag *d)
{
	const char *slash = strrchr(b->path, '/');
	char parent[CONFIG_TEXT_CAP];
	int fd = -1;

	size_t len = slash == b->path ? 1 : (size_t)(slash - b->path);
	memcpy(parent, b->path, len);
	parent[len] = '\0';
	int r = safefile_open_dir(parent, owner, 0, &fd, d);
	if (r == 0)
		r = safefile_make_folder(fd, slash + 1, d);
	if (r == 0)
		r = safefile_open_folder(fd, slash + 1, owner, FORBIDDEN, &b->dir, d);
	safefile_close(&fd);
	/* Not "none": it is needed now. */
	return r == E_NOENT ? E_IO : r;
}

int
store_fallback_read(struct store_fallback *b, const char *user, uid_t owner,
    struct store_file_state *f, struct diag *d)
{
	memset(f, 0, sizeof(*f));
	f->fd = -1;
	int r = open_dir(b, owner, d);
	if (r != 0 || b->dir < 0)
		return r;
	return store_file_state_read(b->dir, user, owner, true, &b->parsed, f, d);
}

int
store_fallback_hold(struct store_fallback *b, const char *user, uid_t owner, bool may_create,
    struct store_file_state *f, struct diag *d)
{
	int r = open_dir(b, owner, d);
	if (r == 0 && b->dir < 0 && may_create)
		r = make_dir(b, owner, d);
	if (r == 0 && b->dir < 0)
		r = diag_set(d, E_CONFLICT, "%s: was removed meanwhile", b->path);
	if (r != 0)
		return r;
	return store_file_state_hold(b->dir, user, owner, may_create, &b->parsed, f, d);
}

void
store_fallback_drop(const struct store_fallback *b, const char *user, struct store_file_state *f)
{
	int r = safefile_remove(b->dir, user, NULL);
	if (r != 0 && r != E_NOENT)
		return;
	store_file_state_close(f);
	memset(f, 0, sizeof(*f));
	f->fd = -1;
}

static bool
is_readable(const struct store_file_state *f)
{
	return f->kind == STORE_FILE_WHOLE || f->kind == STORE_FILE_HALF;
}

/* Obligation 3. */
static void
join_first(struct store_entry *e)
{
	e->health = e->health == STATE_WHOLE || e->health == STATE_HALF ? STATE_HALF : STATE_LOST;
}

/* The one here goes on; what the store knows beyond it was used by a service without this
 * setting. Failures count here. */
static void
join_read_only(const struct store_file_pair *p, struct store_entry *e)
{
	e->health = p->fallback.kind == STORE_FILE_HALF ? STATE_HALF : STATE_WHOLE;
	e->state = p->fallback.state;
	if (is_readable(&p->store))
		state_raise(&e->state, &p->store.state, &e->record);
}

/* Obligation 5. A state that the store has lost since is that from here, burnt. */
static void
join_writable(const struct store_file_pair *p, struct store_entry *e)
{
	bool is_half = p->fallback.kind == STORE_FILE_HALF || e->health == STATE_HALF ||
	    e->health == STATE_LOST;

	if (is_readable(&p->store))
		state_merge(&e->state, &p->fallback.state, &e->record);
	else
		e->state = p->fallback.state;
	e->health = is_half ? STATE_HALF : STATE_WHOLE;
}

void
store_fallback_join(const struct store_file_pair *p, struct store_entry *e)
{
	if (p->fallback.kind == STORE_FILE_RUIN) { /* obligation 4 */
		e->health = STATE_LOST;
		memset(&e->state, 0, sizeof(e->state));
	} else if (!is_readable(&p->fallback)) {
		if (p->is_read_only)
			join_first(e);
	} else if (p->is_read_only) {
		join_read_only(p, e);
	} else {
		join_writable(p, e);
	}
}

void
store_fallback_close(struct store_fallback *b)
{
	safefile_close(&b->dir);
}
