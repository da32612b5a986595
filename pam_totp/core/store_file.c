/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The file back end of the seam: DIR/secrets/<user> and DIR/state/<user>. Obligations:
 *
 *  1. A loader never pairs a new record with an older state, which could re-open a step. A
 *     writer makes the state durable first and the record second (but see make_both); a loader
 *     reads the record first and the state second, so the state it gets is as new as its
 *     record or newer.
 *     That the record is still the same after the state was read makes the pair a moment
 *     that was, except while somebody replaces it all the time; commit finds the rest.
 *  2. A write happens only if, under the user's lock, record and state are what *version
 *     says: the record by its identity (any change by anybody, also of the same bytes, shows
 *     in inode or ctime), the state by generation and checksum.
 *  3. The lock is the state file's, one a user, held inside commit and replace only.
 *  4. Only a missing file is "none". A store without the folder secrets/ is refused: it is made
 *     with the store, so without it this is another place, such as an empty mount point. One
 *     without state/ has lost all states. Loading creates nothing (DESIGN promises 1, 6).
 *  5. Removal takes the record away first: a state without a record opens nothing, a record
 *     without its state would be a loss to rebuild.
 *  6. The text of a record is wiped on every way out (DESIGN promise 7).
 *  7. Of a record that cannot be parsed a load tells the version, so that an administrator can
 *     replace or remove the very bytes that were refused, and no others.
 *  8. While the states cannot be written as their file system is read-only, and only if a
 *     fallback directory is set, they are kept there (store_file_places.c). A version tells
 *     what both places held, so obligation 2 covers both; what is there is read before the
 *     store, and both are locked, the store's first, when it is written here again. */

#include "store_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "safefile.h"
#include "store_file_places.h"

#define FOLDER_FORBIDDEN ((mode_t)0077)
#define RECORD_FORBIDDEN ((mode_t)0077)
/* Records change by hand or by cron: eight changes within one load are no accident. */
#define LOAD_ROUNDS_MAX 8

#define TEMP_SUFFIX   ".new"
#define FILE_USER_MAX (NAME_MAX - 1 - (sizeof(TEMP_SUFFIX) - 1)) /* "." user ".new" */

struct store_file {
	struct store base; /* first: the seam's pointer is ours */
	uid_t owner;       /* the effective user at the opening */
	int dir;
	int secrets;
	struct store_file_places states;
};

/* What a record's file was; id is zero when there was none. */
struct seen_record {
	bool is_there;
	struct safefile_id id;
};

static struct store_file *
file_of(struct store *s)
{
	return (struct store_file *)s;
}

/* store_version, the layout of this back end: the record's identity (device, inode, size,
 * ctime), then kind, slot, generation and checksum of the state, then those of the one in the
 * fallback directory, and whether that is the one in use. All-zero: nothing there. */
static void
set_version(struct store_version *v, const struct seen_record *seen,
    const struct store_file_pair *p)
{
	const struct store_file_state *f = &p->store;
	uint8_t *b = v->bytes;
	memset(b, 0, sizeof(v->bytes));
	b[0] = seen->is_there ? 1 : 0;
	b[1] = (uint8_t)f->kind;
	b[2] = (uint8_t)f->slot;
	b[3] = p->is_read_only ? 1 : 0;
	bytes_set_le32(b + 4, (uint32_t)seen->id.changed_ns); /* below 10^9 */
	bytes_set_le64(b + 8, seen->id.device);
	bytes_set_le64(b + 16, seen->id.inode);
	bytes_set_le64(b + 24, seen->id.size);
	bytes_set_le64(b + 32, seen->id.changed_s);
	bytes_set_le64(b + 40, f->state.generation);
	memcpy(b + 48, f->sum, STORE_FILE_SUM_LEN);
	f = &p->fallback;
	b[64] = (uint8_t)f->kind;
	b[65] = (uint8_t)f->slot;
	bytes_set_le64(b + 72, f->state.generation);
	memcpy(b + 80, f->sum, STORE_FILE_SUM_LEN);
}

static bool
was_read_only(const struct store_version *v)
{
	return v->bytes[3] != 0;
}

/* Whether that caller saw no file where the state is to be written, so that it may be made. */
static bool
may_create(const struct store_version *v)
{
	return v->bytes[was_read_only(v) ? 64 : 1] == STORE_FILE_NONE;
}

/* A user name that is also a file name with room for that of the temporary file. */
static int
check_name(const char *user, struct diag *d)
{
	if (strlen(user) > FILE_USER_MAX)
		return diag_set(d, E_INVALID,
		    "user names of more than %zu bytes have no place in a file store",
		    (size_t)FILE_USER_MAX);
	return 0;
}

/* Obligation 4. */
static int
open_secrets(struct store_file *fs, const char *dir, struct diag *d)
{
	int r = safefile_open_folder(
	    fs->dir, "secrets", fs->owner, FOLDER_FORBIDDEN, &fs->secrets, d);
	if (r == E_NOENT)
		r = diag_set(d, E_UNSAFE,
		    "%s has no directory secrets: is its file system mounted?", dir);
	return r;
}

/* Obligation 6. *seen is what was read, and says whether there was anything. */
static int
read_record(const struct store_file *fs, const char *user, struct record *record,
    struct seen_record *seen, struct diag *d)
{
	const struct safefile_rule rule = {.owner = fs->owner,
	    .forbidden = RECORD_FORBIDDEN,
	    .max_len = RECORD_TEXT_MAX,
	    .where = "secrets"};
	char text[RECORD_TEXT_MAX];
	char where[sizeof("secrets/") + NAME_MAX];
	struct bytes_writer w;
	size_t len = 0;

	bytes_writer_init(&w, where, sizeof(where));
	bytes_put(&w, "secrets/");
	bytes_put(&w, user);
	memset(seen, 0, sizeof(*seen));
	if (store_is_decoy(user))
		return 0;
	int r = safefile_slurp(fs->secrets, user, &rule, text, sizeof(text), &len, &seen->id, d);
	if (r == E_NOENT)
		return 0;
	if (r == 0 && len == 0)
		r = diag_set(d, E_CORRUPT, "%s: is empty, expected a record", where);
	if (r == 0)
		r = record_parse(text, len, where, record, d);
	if (r == 0 && strcmp(record->user, user) != 0)
		r = diag_set(d, E_CORRUPT, "%s: holds the record of another user", where);
	bytes_wipe(text, len); /* all that there is: safefile obligation 7 */
	seen->is_there = r == 0 || r == E_CORRUPT;
	if (r != 0)
		record_wipe(record);
	return r;
}

/* What a record's file is now. */
static int
look_at_record(
    const struct store_file *fs, const char *user, struct seen_record *seen, struct diag *d)
{
	memset(seen, 0, sizeof(*seen));
	if (store_is_decoy(user))
		return 0;
	int r = safefile_identify(fs->secrets, user, &seen->id, d);
	seen->is_there = r == 0;
	return r == E_NOENT ? 0 : r;
}

static bool
is_same_record(const struct seen_record *a, const struct seen_record *b)
{
	return a->is_there == b->is_there && a->id.device == b->id.device &&
	       a->id.inode == b->id.inode && a->id.size == b->id.size &&
	       a->id.changed_s == b->id.changed_s && a->id.changed_ns == b->id.changed_ns;
}

static int
file_load(struct store *s, const char *user, struct store_entry *e, struct diag *d)
{
	struct store_file *fs = file_of(s);
	struct store_file_pair p = STORE_FILE_PAIR_NONE;
	struct seen_record before = {0};
	struct seen_record after = {0};

	int r = check_name(user, d);
	if (r == 0)
		r = store_places_open(&fs->states, d);
	if (r != 0)
		return r;

	bool is_one_moment = false;
	int parsed = E_IO;
	struct diag also = {""};
	for (int round = 0; r == 0 && !is_one_moment && round < LOAD_ROUNDS_MAX; round++) {
		record_wipe(&e->record);
		parsed = read_record(fs, user, &e->record, &before, d); /* obligation 1: first */
		if (parsed != 0 && parsed != E_CORRUPT)
			return parsed; /* the caller wipes *e */
		/* What d says of a corrupt record stays. */
		r = store_places_read(&fs->states, user, &p, &also);
		if (r == 0)
			r = look_at_record(fs, user, &after, &also);
		is_one_moment = r == 0 && is_same_record(&before, &after);
	}
	if (r != 0)
		return diag_set(d, r, "%s", also.text);
	set_version(&e->version, &before, &p);
	if (parsed != 0)
		return parsed; /* obligation 7 */

	e->has_record = before.is_there;
	store_places_tell(&fs->states, &p, e);
	return 0;
}

/* Obligations 2 and 3: on 0 the user's lock is held in *p and everything is what *version
 * says; *seen is the record. */
static int
hold_unchanged(struct store_file *fs, const char *user, const struct store_version *version,
    struct store_file_pair *p, struct seen_record *seen, struct diag *d)
{
	struct store_version now;

	int r = store_places_hold(
	    &fs->states, user, was_read_only(version), may_create(version), p, d);
	if (r == 0)
		r = look_at_record(fs, user, seen, d);
	if (r == 0) {
		set_version(&now, seen, p);
		if (memcmp(now.bytes, version->bytes, sizeof(now.bytes)) != 0)
			r = diag_set(d, E_CONFLICT, "%s: changed since it was loaded", user);
	}
	if (r != 0)
		store_places_release(p);
	return r;
}

static int
file_commit(struct store *s, const char *user, const struct state *state,
    struct store_version *version, struct diag *d)
{
	struct store_file *fs = file_of(s);
	struct store_file_pair p = STORE_FILE_PAIR_NONE;
	struct seen_record seen = {0};

	int r = check_name(user, d);
	errno = 0;
	if (r == 0 && !was_read_only(version))
		r = store_places_make(&fs->states, d);
	if (r == 0)
		r = hold_unchanged(fs, user, version, &p, &seen, d);
	if (r == 0)
		r = store_places_write(&fs->states, user, state, &p, d);
	/* Obligation 8: the caller decides anew, on a state that is burnt. */
	if (!was_read_only(version) && store_places_turn(&fs->states, r))
		r = diag_set(d, E_CONFLICT, "%s: the store has become read-only", user);
	if (r == 0)
		set_version(version, &seen, &p);
	store_places_release(&p);
	return r;
}

/* Put the record in its place; *seen is what it is then. The name of the temporary file
 * is nobody else's while the lock is held, and no user's: those do not begin with '.'. */
static int
put_record(const struct store_file *fs, const char *user, const char *text, size_t len,
    struct seen_record *seen, struct diag *d)
{
	char temp[NAME_MAX + 1];
	struct bytes_writer w;

	bytes_writer_init(&w, temp, sizeof(temp));
	bytes_put(&w, ".");
	bytes_put(&w, user);
	bytes_put(&w, TEMP_SUFFIX);
	if (w.has_overflowed)
		return diag_set(d, E_INVALID, "user name too long");
	int r = safefile_replace(fs->secrets, user, temp, text, len, d);
	if (r == 0)
		r = look_at_record(fs, user, seen, d);
	return r;
}

/* Obligation 5. What is gone already is no error: that was the wish. */
static int
remove_both(const struct store_file *fs, const char *user, struct diag *d)
{
	int r = safefile_remove(fs->secrets, user, d);
	if (r == 0 || r == E_NOENT)
		r = safefile_remove(fs->states.state, user, d);
	return r == E_NOENT ? 0 : r;
}

/* Obligation 1: the state first. */
static int
change_both(const struct store_file *fs, const char *user, const struct state *state,
    const char *text, size_t len, struct store_file_state *f, struct seen_record *seen,
    struct diag *d)
{
	int r = store_file_state_write(f, fs->states.state, state, d);

	return r == 0 ? put_record(fs, user, text, len, seen, d) : r;
}

/* A first record: before its state. Whoever is killed or refused in between leaves a record
 * without a state, which is rebuilt and burnt; the other way round it would be a state without
 * its record, which is a loss for good. For the same reason nothing is taken back when the
 * state is refused. There is no older state that could open a step of the record. */
static int
make_both(const struct store_file *fs, const char *user, const struct state *state,
    const char *text, size_t len, struct store_file_state *f, struct seen_record *seen,
    struct diag *d)
{
	int r = put_record(fs, user, text, len, seen, d);

	return r == 0 ? store_file_state_write(f, fs->states.state, state, d) : r;
}

static int
file_replace(struct store *s, const char *user, const struct record *record,
    const struct state *state, struct store_version *version, struct diag *d)
{
	struct store_file *fs = file_of(s);
	struct store_file_pair p = STORE_FILE_PAIR_NONE;
	struct seen_record seen = {0};
	char text[RECORD_TEXT_MAX + 1];
	size_t len = 0;

	int r = check_name(user, d);
	/* Obligation 8: states only. */
	if (r == 0 && was_read_only(version)) {
		errno = EROFS;
		r = diag_set(d, E_IO, "the store: %m");
	}
	if (r == 0 && record != NULL) {
		r = record_print(record, text, sizeof(text), &len);
		if (r != 0)
			r = diag_set(d, r, "%s: a record that cannot be written: %s", user,
			    diag_code_text(r));
	}
	if (r == 0)
		r = store_places_make(&fs->states, d);
	if (r == 0)
		r = hold_unchanged(fs, user, version, &p, &seen, d);

	if (r == 0 && record == NULL)
		r = remove_both(fs, user, d);
	else if (r == 0)
		r = seen.is_there ? change_both(fs, user, state, text, len, &p.store, &seen, d) :
				    make_both(fs, user, state, text, len, &p.store, &seen, d);
	if (r == 0) {
		store_places_drop(&fs->states, user, &p);
		set_version(version, &seen, &p);
	}
	if (r == 0 && record == NULL)
		memset(version, 0, sizeof(*version));
	bytes_wipe(text, sizeof(text)); /* obligation 6 */
	store_places_release(&p);
	return r;
}

static int
file_list(struct store *s, int (*each)(const char *user, void *ctx), void *ctx, struct diag *d)
{
	struct store_file *fs = file_of(s);
	int r = 0;

	/* A description of its own: a dup(2) would share the position with other lists. */
	int fd = openat(fs->secrets, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		r = diag_set(d, E_IO, "secrets: opendir: %m");
		safefile_close(&fd);
		return r;
	}
	while (r == 0) {
		errno = 0;
		/* Nobody else has this stream. NOLINTNEXTLINE(concurrency-mt-unsafe) */
		const struct dirent *entry = readdir(dir);
		if (entry == NULL) {
			if (errno != 0)
				r = diag_set(d, E_IO, "secrets: readdir: %m");
			break;
		}
		if (record_user_ok(entry->d_name))
			r = each(entry->d_name, ctx);
	}
	closedir(dir);
	return r;
}

static void
file_close(struct store *s)
{
	struct store_file *fs = file_of(s);
	store_places_close(&fs->states);
	safefile_close(&fs->secrets);
	safefile_close(&fs->dir);
	free(fs);
}

static const struct store_ops file_ops = {
    .load = file_load,
    .commit = file_commit,
    .replace = file_replace,
    .list = file_list,
    .close = file_close,
};

int
store_file_open_with(const char *dir, const char *fallback, struct store **s, struct diag *d)
{
	*s = NULL;
	struct store_file *fs = malloc(sizeof(*fs));
	if (fs == NULL)
		return diag_set(d, E_IO, "out of memory");
	*fs = (struct store_file){.base.ops = &file_ops, .owner = geteuid(), .dir = -1,
	    .secrets = -1, .states = {.state = -1}};
	int r = store_fallback_init(&fs->states.fallback, fallback, d);
	if (r == 0)
		r = safefile_open_dir(dir, fs->owner, FOLDER_FORBIDDEN, &fs->dir, d);
	if (r == 0)
		r = open_secrets(fs, dir, d);
	fs->states.owner = fs->owner;
	fs->states.dir = fs->dir;
	if (r == 0)
		r = store_places_open(&fs->states, d);
	if (r != 0) {
		file_close(&fs->base);
		return r;
	}
	*s = &fs->base;
	return 0;
}

int
store_file_open(const char *dir, struct store **s, struct diag *d)
{
	return store_file_open_with(dir, NULL, s, d);
}
