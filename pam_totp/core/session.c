/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* MFA sessions: who need not type a code again. Obligations:
 *
 *  1. A session counts only where every part of its bond is equal, its device is usable at
 *     this moment, and its age by the boot clock, which nobody can set, is within bounds.
 *  2. Reading makes nothing. A file that cannot be read or understood holds no session.
 *  3. A file is replaced whole, under a lock of its own: users never wait for each other. The
 *     lock is that of the file that has the name now, so two writers never hold two.
 *  4. The directory and every file are root's (or the effective user's, in tests) alone. */

#include "session.h"

#include <fcntl.h>
#include <string.h>

#include "bytes.h"
#include "safefile.h"

#define FORBIDDEN ((mode_t)0077)
#define TEMP_SUFFIX ".new"
#define PATH_CAP 256
#define LOCK_ROUNDS_MAX 64 /* so often replaced by others while we waited: no accident */

static struct safefile_rule
rule_of(uint32_t owner)
{
	return (struct safefile_rule){ .owner = owner, .forbidden = FORBIDDEN,
		.max_len = SESSION_FILE_MAX, .where = SESSION_DIR };
}

static int
check_name(const char *user, struct diag *d)
{
	if (!record_user_ok(user) || strlen(user) > SESSION_USER_MAX)
		return diag_set(d, E_INVALID, "expected a user name of at most %d bytes",
		    SESSION_USER_MAX);
	return 0;
}

int
session_open_dir(const char *path, uint32_t owner, bool may_make, int *dir, struct diag *d)
{
	char parent[PATH_CAP];
	int at = -1;

	int r = safefile_open_dir(path, owner, FORBIDDEN, dir, d);
	if (r != E_NOENT || !may_make)
		return r;
	const char *name = strrchr(path, '/'); /* absolute: it was looked for */
	size_t len = name == path ? 1 : (size_t)(name - path);
	if (bytes_copy((struct span){ path, len }, parent, sizeof(parent)) != 0)
		return diag_set(d, E_INVALID, "the path is too long");
	r = safefile_open_dir(parent, owner, 0, &at, d);
	if (r == 0)
		r = safefile_make_folder(at, name + 1, d);
	safefile_close(&at);
	return r != 0 ? r : safefile_open_dir(path, owner, FORBIDDEN, dir, d);
}

/* Read and understand an open file. An empty one was made by a writer that did not come to
 * its end: no session. */
static int
read_list(int fd, struct session_list *list, struct diag *d)
{
	char text[SESSION_FILE_MAX];
	size_t len = 0;

	memset(list, 0, sizeof(*list));
	int r = safefile_read(fd, text, sizeof(text), &len, d);
	return r != 0 || len == 0 ? r : session_parse(text, len, list, d);
}

int
session_load(int dir, uint32_t owner, const char *user, struct session_list *list, struct diag *d)
{
	const struct safefile_rule rule = rule_of(owner);
	int fd = -1;

	memset(list, 0, sizeof(*list));
	int r = check_name(user, d);
	if (r == 0)
		r = safefile_open(dir, user, O_RDONLY, &rule, &fd, NULL, d);
	if (r != 0)
		return r == E_NOENT ? 0 : r;
	r = read_list(fd, list, d);
	safefile_close(&fd);
	return r;
}

static bool
is_same_bond(const struct session_bond *a, const struct session_bond *b)
{
	return a->uid == b->uid && a->audit_session == b->audit_session &&
	    a->leader == b->leader && a->leader_start == b->leader_start &&
	    strcmp(a->caller, b->caller) == 0 && strcmp(a->service, b->service) == 0 &&
	    strcmp(a->tty, b->tty) == 0 && strcmp(a->boot, b->boot) == 0;
}

/* Obligation 1 but for the bond. */
static bool
is_valid(const struct session *s, struct record *r, uint64_t now_s, uint64_t boottime_s,
    unsigned max_age_s)
{
	uint64_t age_max = max_age_s;

	if (s->bond.uid == 0 && age_max > SESSION_AGE_ROOT_MAX)
		age_max = SESSION_AGE_ROOT_MAX;
	if (s->boottime_s > boottime_s || boottime_s - s->boottime_s > age_max)
		return false;
	const struct record_device *dev = record_find_id(r, s->device_id);
	return dev != NULL && dev->created == s->device_created &&
	    record_device_is_usable(dev, now_s);
}

const struct session *
session_find(const struct session_list *list, const struct session_bond *bond, struct record *r,
    uint64_t now_s, uint64_t boottime_s, unsigned max_age_s)
{
	const struct session *found = NULL;

	if (max_age_s == 0 || !session_bond_ok(bond) || r->uid != bond->uid)
		return NULL;
	for (unsigned i = 0; i < list->count; i++) {
		const struct session *s = &list->item[i];
		if (is_same_bond(&s->bond, bond) && is_valid(s, r, now_s, boottime_s, max_age_s) &&
		    (found == NULL || s->boottime_s > found->boottime_s))
			found = s;
	}
	return found;
}

/* Obligation 3. *fd: the locked file, made when may_make and there is none. */
static int
open_locked(int dir, uint32_t owner, const char *user, bool may_make, int *fd, struct diag *d)
{
	const struct safefile_rule rule = rule_of(owner);

	for (int round = 0; round < LOCK_ROUNDS_MAX; round++) {
		bool is_it = false;
		int r = may_make ? safefile_open_or_create(dir, user, &rule, fd, NULL, d) :
		    safefile_open(dir, user, O_RDWR, &rule, fd, NULL, d);
		if (r == 0)
			r = safefile_lock(*fd, d);
		if (r == 0)
			r = safefile_is_at(*fd, dir, user, &is_it, d);
		if (r == 0 && is_it)
			return 0;
		safefile_close(fd);
		if (r != 0)
			return r;
	}
	return diag_set(d, E_IO, "%s: replaced by others all the time", user);
}

/* Write the list in the place of the locked file. */
static int
replace(int dir, const char *user, const struct session_list *list, struct diag *d)
{
	char text[SESSION_FILE_MAX], temp[SESSION_USER_MAX + sizeof("." TEMP_SUFFIX)];
	struct bytes_writer w;
	size_t len = 0;

	bytes_writer_init(&w, temp, sizeof(temp));
	bytes_put(&w, "."); /* no user's name: record_user_ok */
	bytes_put(&w, user);
	bytes_put(&w, TEMP_SUFFIX);
	int r = session_print(list, text, sizeof(text), &len);
	if (r != 0)
		return diag_set(d, r, "%s: the sessions cannot be written", user);
	return safefile_replace(dir, user, temp, text, len, d);
}

static void
take_out(struct session_list *list, unsigned i)
{
	list->count--;
	memmove(&list->item[i], &list->item[i + 1], (list->count - i) * sizeof(list->item[0]));
}

/* Make room for s, and find it a number that no other one has. */
static void
make_room(struct session_list *list, struct session *s)
{
	s->number = 1;
	for (unsigned i = list->count; i-- > 0;) {
		const struct session *old = &list->item[i];
		bool is_useless = strcmp(old->bond.boot, s->bond.boot) != 0 ||
		    (s->boottime_s > old->boottime_s &&
			s->boottime_s - old->boottime_s > SESSION_AGE_MAX);
		if (is_useless || is_same_bond(&old->bond, &s->bond))
			take_out(list, i);
	}
	if (list->count == SESSIONS_MAX) {
		unsigned oldest = 0;
		for (unsigned i = 1; i < list->count; i++)
			if (list->item[i].boottime_s < list->item[oldest].boottime_s)
				oldest = i;
		take_out(list, oldest);
	}
	/* At most SESSIONS_MAX - 1 numbers are taken. */
	for (unsigned i = 0; i < list->count; i++)
		if (list->item[i].number == s->number) {
			s->number++;
			i = UINT32_MAX; /* from the beginning, with the next number */
		}
}

int
session_add(int dir, uint32_t owner, const char *user, struct session *s, struct diag *d)
{
	struct session_list list;
	int fd = -1;

	int r = check_name(user, d);
	if (r == 0 && !session_bond_ok(&s->bond))
		r = diag_set(d, E_INVALID, "the place of the login is not known");
	if (r == 0)
		r = open_locked(dir, owner, user, true, &fd, d);
	if (r != 0)
		return r;
	r = read_list(fd, &list, d);
	if (r == 0 || r == E_CORRUPT) { /* obligation 2: it is empty then */
		make_room(&list, s);
		list.item[list.count++] = *s;
		r = replace(dir, user, &list, d);
	}
	safefile_close(&fd);
	return r;
}

int
session_revoke(int dir, uint32_t owner, const char *user, uint32_t number, unsigned *count,
    struct diag *d)
{
	struct session_list list;
	int fd = -1;

	*count = 0;
	int r = check_name(user, d);
	if (r == 0)
		r = open_locked(dir, owner, user, false, &fd, d);
	if (r != 0)
		return r;
	r = read_list(fd, &list, d);
	unsigned before = list.count;
	if (number == 0) {
		if (r == 0 || r == E_CORRUPT)
			r = safefile_remove(dir, user, d);
	} else if (r == 0) {
		for (unsigned i = list.count; i-- > 0;)
			if (list.item[i].number == number)
				take_out(&list, i);
		r = list.count < before ? replace(dir, user, &list, d) :
		    diag_set(d, E_NOENT, "%s has no session %u", user, number);
	}
	safefile_close(&fd);
	if (r == 0)
		*count = number == 0 ? before : 1;
	return r;
}
