/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* MFA sessions: who need not type a code again. Obligations:
 *
 *  1. A session counts only in the place that its bond names, in the epoch of the state, while
 *     its device is usable, and while its age by the boot clock, which nobody can set, is
 *     within bounds. One that no login has confirmed counts nowhere.
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
is_same_process(struct session_process a, struct session_process b)
{
	return a.pid == b.pid && a.start == b.start && a.pid != 0;
}

/* Obligation 1: of TERMINAL. */
static bool
is_same_terminal(const struct session_bond *b, const struct session_place *p)
{
	return p->is_local && is_same_process(b->process, p->leader) && b->tty[0] != '\0' &&
	    strcmp(b->tty, p->tty) == 0 && strcmp(b->caller, p->caller) == 0 &&
	    b->audit_session == p->audit_session;
}

/* Of LOGIN. A process that was daemonised has lost the login's among its ancestors, one that
 * another user runs is not the user's. */
static bool
is_within_login(const struct session_bond *b, const struct session_place *p)
{
	if (!p->is_local || !p->is_self || p->leader.pid == 0)
		return false;
	if (b->audit_session != SESSION_NO_AUDIT && p->audit_session != SESSION_NO_AUDIT &&
	    b->audit_session != p->audit_session)
		return false;
	for (unsigned i = 0; i < p->ancestor_count && i < SESSION_ANCESTORS_MAX; i++)
		if (is_same_process(b->process, p->ancestor[i]))
			return true;
	return false;
}

bool
session_bond_matches(const struct session_bond *b, const struct session_place *p)
{
	if (!session_bond_ok(b) || b->uid != p->uid || strcmp(b->class, p->class) != 0 ||
	    strcmp(b->boot, p->boot) != 0)
		return false;
	switch (b->kind) {
	case SESSION_TERMINAL:
		return is_same_terminal(b, p);
	case SESSION_LOGIN:
		return is_within_login(b, p);
	case SESSION_SOURCE:
		return !p->is_local && strcmp(b->source, p->source) == 0;
	case SESSION_PASSED:
		return false;
	}
	return false;
}

static bool
is_same_bond(const struct session_bond *a, const struct session_bond *b)
{
	return a->kind == b->kind && a->uid == b->uid && a->audit_session == b->audit_session &&
	    a->process.pid == b->process.pid && a->process.start == b->process.start &&
	    strcmp(a->caller, b->caller) == 0 && strcmp(a->class, b->class) == 0 &&
	    strcmp(a->tty, b->tty) == 0 && strcmp(a->source, b->source) == 0 &&
	    strcmp(a->boot, b->boot) == 0;
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
session_find(const struct session_list *list, const struct session_place *p, struct record *r,
    uint64_t epoch, uint64_t now_s, uint64_t boottime_s, unsigned max_age_s)
{
	const struct session *found = NULL;

	if (max_age_s == 0 || r->uid != p->uid)
		return NULL;
	for (unsigned i = 0; i < list->count; i++) {
		const struct session *s = &list->item[i];
		if (session_bond_matches(&s->bond, p) && s->epoch == epoch &&
		    is_valid(s, r, now_s, boottime_s, max_age_s) &&
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

/* Lock and read the sessions of user; no file is made. *fd: -1, or the caller closes it, also
 * when what it holds is E_CORRUPT. *list is empty on error. */
static int
open_list(int dir, uint32_t owner, const char *user, int *fd, struct session_list *list,
    struct diag *d)
{
	memset(list, 0, sizeof(*list));
	int r = check_name(user, d);
	if (r == 0)
		r = open_locked(dir, owner, user, false, fd, d);
	return r == 0 ? read_list(*fd, list, d) : r;
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
		uint64_t age_max = old->bond.kind == SESSION_PASSED ? SESSION_PASSED_AGE_MAX :
		    SESSION_AGE_MAX;
		bool is_useless = strcmp(old->bond.boot, s->bond.boot) != 0 ||
		    (s->boottime_s > old->boottime_s &&
			s->boottime_s - old->boottime_s > age_max);
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

/* A PASSED that the login at `here` may have come from. */
static bool
is_passed_for(const struct session *s, const char *service, const struct session_bond *here,
    uint64_t boottime_s)
{
	return s->bond.kind == SESSION_PASSED && s->bond.uid == here->uid &&
	    strcmp(s->bond.boot, here->boot) == 0 && strcmp(s->service, service) == 0 &&
	    s->boottime_s <= boottime_s &&
	    boottime_s - s->boottime_s <= SESSION_PASSED_AGE_MAX &&
	    (is_same_process(s->bond.process, here->process) ||
		is_same_process(s->bond.parent, here->process));
}

/* Take every PASSED of the login at `here` out; *s: the youngest. */
static int
take_passed(struct session_list *list, const char *service, const struct session_bond *here,
    uint64_t boottime_s, struct session *s)
{
	bool has_found = false;

	for (unsigned i = list->count; i-- > 0;) {
		const struct session *old = &list->item[i];
		if (!is_passed_for(old, service, here, boottime_s))
			continue;
		if (!has_found || old->boottime_s > s->boottime_s)
			*s = *old;
		has_found = true;
		take_out(list, i);
	}
	return has_found ? 0 : E_NOENT;
}

int
session_confirm(int dir, uint32_t owner, const char *user, const char *service,
    const struct session_bond *here, uint64_t boottime_s, struct diag *d)
{
	struct session_list list;
	struct session s = { .number = 0 };
	int fd = -1;

	int r = open_list(dir, owner, user, &fd, &list, d);
	if (r == 0)
		r = take_passed(&list, service, here, boottime_s, &s);
	if (r == 0) {
		s.bond.kind = SESSION_LOGIN;
		s.bond.process = here->process;
		s.bond.parent = (struct session_process){ .pid = 0 };
		s.bond.audit_session = here->audit_session;
		make_room(&list, &s);
		list.item[list.count++] = s;
		r = replace(dir, user, &list, d);
	}
	safefile_close(&fd);
	return r;
}

int
session_close(int dir, uint32_t owner, const char *user, struct session_process process,
    struct diag *d)
{
	struct session_list list;
	int fd = -1;

	int r = open_list(dir, owner, user, &fd, &list, d);
	unsigned before = list.count;
	for (unsigned i = list.count; i-- > 0;)
		if (list.item[i].bond.kind == SESSION_LOGIN &&
		    is_same_process(list.item[i].bond.process, process))
			take_out(&list, i);
	if (r == 0)
		r = list.count < before ? replace(dir, user, &list, d) : E_NOENT;
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
	int r = open_list(dir, owner, user, &fd, &list, d);
	unsigned before = list.count, passed = 0;
	for (unsigned i = 0; i < before; i++)
		passed += list.item[i].bond.kind == SESSION_PASSED;
	if (number == 0) {
		if (r == 0 || r == E_CORRUPT)
			r = safefile_remove(dir, user, d);
	} else if (r == 0) {
		for (unsigned i = list.count; i-- > 0;)
			if (list.item[i].number == number &&
			    list.item[i].bond.kind != SESSION_PASSED)
				take_out(&list, i);
		r = list.count < before ? replace(dir, user, &list, d) :
		    diag_set(d, E_NOENT, "%s has no session %u", user, number);
	}
	safefile_close(&fd);
	if (r == 0)
		*count = number == 0 ? before - passed : 1;
	return r;
}
