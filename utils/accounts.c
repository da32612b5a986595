/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The accounts of this host, for `totp-admin status` and `report`. It promises:
 *  1. One pass over passwd and one over shadow, whatever their number: looking each user up
 *     would read both files anew for everyone.
 *  2. Of a password only its kind and age stay; the hashes are wiped as they are read.
 *  3. What cannot be looked up is not "there is none". */
#include "utils/accounts.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "utils/doctor_parts.h"

#define ENTRY_CAP 65536	       /* bytes of an entry */
#define GROUP_ENTRY_CAP 4194304 /* bytes of a group with all its members */
#define GROUPS_MAX 65536       /* NGROUPS_MAX of Linux */
#define UID_MIN_DEFAULT 1000
#define LOGIN_DEFS "/etc/login.defs"
#define DAYS_FOREVER 99999 /* as chage(1) and useradd(8) write "never" */

static uint32_t
read_uid_min(void)
{
	struct bytes_reader r;
	struct span line;
	char *text = NULL;
	size_t len = 0;
	bool is_safe = false;
	uint64_t n = UID_MIN_DEFAULT;

	if (doctor_slurp(LOGIN_DEFS, ENTRY_CAP, &text, &len, &is_safe) != 0)
		return UID_MIN_DEFAULT;
	bytes_reader_init(&r, text, len);
	while (bytes_next_line(&r, &line)) {
		struct span rest = bytes_trim(line);
		if (!bytes_is(bytes_next_word(&rest), "UID_MIN"))
			continue;
		if (bytes_parse_u64(bytes_next_word(&rest), 0, UINT32_MAX, &n) != 0)
			n = UID_MIN_DEFAULT;
	}
	free(text);
	return (uint32_t)n;
}

static bool
may_log_in(const struct passwd *pw, uint32_t uid_min)
{
	const char *slash = pw->pw_shell == NULL ? NULL : strrchr(pw->pw_shell, '/');

	if (pw->pw_uid != 0 && pw->pw_uid < uid_min)
		return false;
	/* No shell at all stands for /bin/sh: passwd(5). */
	return slash == NULL ||
	    (strcmp(slash, "/nologin") != 0 && strcmp(slash, "/false") != 0);
}

static enum account_password
kind_of_hash(const char *hash)
{
	if (hash == NULL || hash[0] == '!' || hash[0] == '*')
		return PASSWORD_DISABLED;
	return hash[0] == '\0' ? PASSWORD_EMPTY : PASSWORD_SET;
}

/* All of an account but its shadow entry. */
static bool
fill(struct account *out, const struct passwd *pw, uint32_t uid_min)
{
	*out = (struct account){ .uid = pw->pw_uid, .gid = pw->pw_gid,
		.may_log_in = may_log_in(pw, uid_min), .password = PASSWORD_UNREADABLE,
		.changed_day = -1, .rotation_days = -1 };
	/* "x" stands for shadow; what is neither that nor "*" is a password of the old kind. */
	if (pw->pw_passwd != NULL && strcmp(pw->pw_passwd, "x") != 0 && pw->pw_passwd[0] != '*')
		out->password = kind_of_hash(pw->pw_passwd);
	out->name = strdup(pw->pw_name);
	return out->name != NULL;
}

static void
add_shadow(struct account *a, const struct spwd *sp)
{
	if (a->has_shadow)
		return;
	a->has_shadow = true;
	if (a->password == PASSWORD_UNREADABLE)
		a->password = kind_of_hash(sp->sp_pwdp);
	a->changed_day = sp->sp_lstchg;
	if (sp->sp_max >= 0 && sp->sp_max < DAYS_FOREVER)
		a->rotation_days = sp->sp_max;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct account *)a)->name, ((const struct account *)b)->name);
}

/* The first of a name that two sources have is the one that holds: nsswitch.conf(5). */
static int
compare_in_order(const void *a, const void *b)
{
	int r = compare(a, b);

	/* changed_day is the number in the list while that is being made. */
	int64_t x = ((const struct account *)a)->changed_day;
	int64_t y = ((const struct account *)b)->changed_day;
	return r != 0 ? r : (x > y) - (x < y);
}

static void
sort_and_unify(struct accounts *a)
{
	size_t kept = 0;

	if (a->count == 0)
		return;
	for (size_t i = 0; i < a->count; i++)
		a->item[i].changed_day = (int64_t)i;
	qsort(a->item, a->count, sizeof *a->item, compare_in_order);
	for (size_t i = 0; i < a->count; i++) {
		if (kept > 0 && strcmp(a->item[kept - 1].name, a->item[i].name) == 0)
			free(a->item[i].name);
		else
			a->item[kept++] = a->item[i];
	}
	a->count = kept;
	for (size_t i = 0; i < a->count; i++)
		a->item[i].changed_day = -1;
}

static bool
has_room(struct accounts *a)
{
	if (a->count < a->cap)
		return true;
	size_t cap = a->cap == 0 ? 64 : a->cap * 2;
	struct account *grown = reallocarray(a->item, cap, sizeof *grown);
	if (grown == NULL)
		return false;
	a->item = grown;
	a->cap = cap;
	return true;
}

static int
read_passwd(struct accounts *a, char *buf)
{
	struct passwd entry, *pw = NULL;
	int r;

	setpwent();
	while ((r = getpwent_r(&entry, buf, ENTRY_CAP, &pw)) == 0) {
		if (!has_room(a) || !fill(&a->item[a->count], pw, a->uid_min)) {
			r = ENOMEM;
			break;
		}
		a->count++;
	}
	endpwent();
	return r == ENOENT ? 0 : r;
}

/* Who is not in shadow is in no file of this host, unless shadow could not be read. */
static void
read_shadow(struct accounts *a, char *buf)
{
	struct spwd entry, *sp = NULL;
	bool has_entry = false;
	int r;

	setspent();
	while ((r = getspent_r(&entry, buf, ENTRY_CAP, &sp)) == 0) {
		struct account key = { .name = sp->sp_namp };
		struct account *found = a->count == 0 ? NULL :
		    bsearch(&key, a->item, a->count, sizeof key, compare);
		has_entry = true;
		if (found != NULL)
			add_shadow(found, sp);
	}
	endspent();
	/* Obligation 3: read to its end, and not as somebody who sees nothing of it. */
	bool is_whole = has_entry && r == ENOENT;
	for (size_t i = 0; is_whole && i < a->count; i++)
		if (a->item[i].password == PASSWORD_UNREADABLE)
			a->item[i].password = PASSWORD_ELSEWHERE;
}

int
accounts_load(struct accounts *a, struct diag *d)
{
	char *buf = malloc(ENTRY_CAP);

	*a = (struct accounts){ .uid_min = read_uid_min() };
	int r = buf == NULL ? ENOMEM : read_passwd(a, buf);
	if (r == 0) {
		sort_and_unify(a);
		read_shadow(a, buf);
	}
	if (buf != NULL)
		explicit_bzero(buf, ENTRY_CAP);
	free(buf);
	if (r == 0)
		return 0;
	accounts_free(a);
	return diag_set(d, E_IO, "the accounts of this host cannot be listed: %s", strerror(r));
}

void
accounts_free(struct accounts *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->item[i].name);
	free(a->item);
	*a = (struct accounts){ .item = NULL };
}

int
accounts_look_up(const struct accounts *a, const char *name, struct account *out)
{
	struct passwd entry, *pw = NULL;
	struct spwd shadow, *sp = NULL;
	char *buf = malloc(ENTRY_CAP);
	int code = E_IO;

	*out = (struct account){ .name = NULL };
	if (buf == NULL)
		return E_IO;
	int r = getpwnam_r(name, &entry, buf, ENTRY_CAP, &pw);
	if (r == 0 && (pw == NULL || strcmp(pw->pw_name, name) != 0))
		code = E_NOENT;
	else if (r == 0 && fill(out, pw, a->uid_min)) {
		code = 0;
		r = getspnam_r(name, &shadow, buf, ENTRY_CAP, &sp);
		if (sp != NULL)
			add_shadow(out, sp);
		else if ((r == 0 || r == ENOENT) && out->password == PASSWORD_UNREADABLE)
			out->password = PASSWORD_ELSEWHERE;
	}
	explicit_bzero(buf, ENTRY_CAP);
	free(buf);
	return code;
}

int
accounts_find_groups(const struct account *account, uint32_t **gid, size_t *count)
{
	_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "gid_t is 32 bits on Linux");
	int room = 64;

	*gid = NULL;
	*count = 0;
	while (room <= GROUPS_MAX) {
		uint32_t *grown = reallocarray(*gid, (size_t)room, sizeof *grown);
		int found = room;
		if (grown == NULL)
			break;
		*gid = grown;
		if (getgrouplist(account->name, account->gid, grown, &found) >= 0) {
			*count = (size_t)found;
			return 0;
		}
		room *= 4;
	}
	free(*gid);
	*gid = NULL;
	return E_IO;
}

int
accounts_find_group(const char *group, uint32_t *gid)
{
	struct group entry, *gr = NULL;
	char *buf = malloc(GROUP_ENTRY_CAP);

	*gid = (uint32_t)-1;
	int r = buf == NULL ? ENOMEM : getgrnam_r(group, &entry, buf, GROUP_ENTRY_CAP, &gr);
	if (r == 0 && gr != NULL)
		*gid = gr->gr_gid;
	free(buf);
	return gr != NULL ? E_OK : r == 0 || r == ENOENT ? E_NOENT : E_IO;
}
