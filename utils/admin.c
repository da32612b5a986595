/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What the verbs of totp-admin share: settings and store, accounts, changes. It promises:
 *  1. Every write goes through store_update, so two tools at once, or a tool and a login,
 *     never undo each other; a change that is refused has written nothing.
 *  2. Whatever is not understood ends with an error; an account look-up that failed is not
 *     "no such account".
 *  3. Nothing is created but the default store, and that only where the caller allows it. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/safefile.h"
#include "utils/admin.h"
#include "utils/phrases.h"

#define PASSWD_CAP 65536 /* bytes of a passwd entry */

/* --- settings and store ---------------------------------------------------- */

#define NEW_STORE ".pam_totp.new"

/* A whole store beneath parent under a name of its own; one that was left half made is made
 * whole. */
static int
make_new_store(int parent, struct diag *d)
{
	int fd = -1;

	int r = safefile_make_folder(parent, NEW_STORE, d);
	if (r == 0)
		r = safefile_open_folder(parent, NEW_STORE, 0, 0077, &fd, d);
	if (r == 0)
		r = safefile_make_folder(fd, "state", d);
	if (r == 0)
		r = safefile_make_folder(fd, "secrets", d);
	safefile_close(&fd);
	return r == E_NOENT ? 0 : r; /* another totp-admin gave it its name meanwhile */
}

/* What another totp-admin, which was faster, leaves us with. */
static void
drop_new_store(int parent)
{
	(void)unlinkat(parent, NEW_STORE "/secrets", AT_REMOVEDIR);
	(void)unlinkat(parent, NEW_STORE "/state", AT_REMOVEDIR);
	(void)unlinkat(parent, NEW_STORE, AT_REMOVEDIR);
}

/* Make the default store: its parent must exist and be safe. It appears whole or not at all. */
static int
make_store(const char *setting, struct diag *d)
{
	const char *path = setting + strlen("file:");
	const char *slash = strrchr(path, '/');
	char parent[CONFIG_TEXT_CAP];
	int fd = -1;

	struct span head = { .at = path, .len = slash == path ? 1 : (size_t)(slash - path) };
	int r = bytes_copy(head, parent, sizeof parent);
	if (r != 0)
		return diag_set(d, r, "%s: too long", path);
	r = safefile_open_dir(parent, 0, 0022, &fd, d);
	if (r == E_NOENT)
		return diag_set(d, E_IO, "%s, which would hold it, does not exist", parent);
	if (r != 0)
		return r;
	r = make_new_store(fd, d);
	/* What is there is checked by store_open. */
	if (r == 0 && renameat2(fd, NEW_STORE, fd, slash + 1, RENAME_NOREPLACE) != 0) {
		if (errno == EEXIST)
			drop_new_store(fd);
		else if (errno != ENOENT)
			r = diag_set(d, E_IO, "%s: cannot make it: %s", path, strerror(errno));
	}
	if (r == 0 && fsync(fd) != 0)
		r = diag_set(d, E_IO, "%s: cannot sync it: %s", parent, strerror(errno));
	safefile_close(&fd);
	return r;
}

/* --store and --conf as arguments of the module, which override the settings file. */
static enum exit_code
load_settings(struct admin *a)
{
	const char *argv[2];
	char store[CONFIG_TEXT_CAP + 8];
	char conf[4096 + 8];
	int argc = 0;
	struct diag d = { "" };

	if (a->option[OPTION_STORE] != NULL) {
		struct settings scratch;
		int len = snprintf(store, sizeof store, "store=%s", a->option[OPTION_STORE]);
		if (len < 0 || (size_t)len >= sizeof store)
			return admin_fail(EXIT_CODE_USAGE, "--store: too long");
		/* Tried alone, so that a mistake of the caller is told from one in the file. */
		config_defaults(&scratch);
		if (config_parse_argument(store, &scratch, &d) != 0)
			return admin_fail(EXIT_CODE_USAGE, "%s", d.text);
		argv[argc++] = store;
	}
	if (a->option[OPTION_CONF] != NULL) {
		const char *path = NULL;
		bool is_explicit = false;
		int len = snprintf(conf, sizeof conf, "conf=%s", a->option[OPTION_CONF]);
		if (len < 0 || (size_t)len >= sizeof conf)
			return admin_fail(EXIT_CODE_USAGE, "--conf: too long");
		argv[argc++] = conf;
		if (config_find_conf(argc, argv, DEFAULT_CONF, &path, &is_explicit, &d) != 0)
			return admin_fail(EXIT_CODE_USAGE, "%s", d.text);
	}
	if (config_load(argc, argv, DEFAULT_CONF, NULL, &a->settings, &d) != 0)
		return admin_fail(EXIT_CODE_FAILURE, "%s", d.text);
	return EXIT_CODE_OK;
}

enum exit_code
admin_open(struct admin *a, bool may_create)
{
	struct diag d = { "" };

	if (geteuid() != 0 && a->option[OPTION_STORE] == NULL)
		return admin_fail(EXIT_CODE_NOT_PERMITTED,
		    "needs root: only root may read and change the store");
	enum exit_code code = load_settings(a);
	if (code != EXIT_CODE_OK)
		return code;

	const char *setting = a->settings.store;
	/* That of the settings belongs to their store, and to no other. */
	const char *fallback = a->option[OPTION_STORE] != NULL ? NULL : a->settings.state_fallback;
	bool is_default = strcmp(setting, DEFAULT_STORE) == 0;
	int r = store_open(setting, fallback, &a->store, &d);
	if (r == E_NOENT && may_create && is_default) {
		r = make_store(setting, &d);
		if (r == 0) {
			admin_warn("%s: made the store, readable by root only",
			    setting + strlen("file:"));
			r = store_open(setting, fallback, &a->store, &d);
		}
	}
	if (r == 0)
		return EXIT_CODE_OK;
	a->store = NULL;
	if (r == E_NOENT)
		return admin_fail(EXIT_CODE_FAILURE, "the store %s does not exist%s", setting,
		    is_default ? ": the first `totp-admin add` makes it" : "");
	return admin_fail(EXIT_CODE_FAILURE, "the store %s cannot be used: %s", setting,
	    d.text[0] != '\0' ? d.text : diag_code_text(r));
}

void
admin_close(struct admin *a)
{
	store_close(a->store);
	a->store = NULL;
}

uint64_t
admin_now(void)
{
	time_t now = time(NULL);

	/* A clock before 1970 is none; 0 is the past of everything. */
	return now > 0 ? (uint64_t)now : 0;
}

/* --- users and accounts ---------------------------------------------------- */

enum exit_code
admin_check_user(const char *user)
{
	if (record_user_ok(user))
		return EXIT_CODE_OK;
	return admin_fail(EXIT_CODE_USAGE, "\"%s\" cannot be a user name: expected 1 to %d bytes "
	    "without blanks and '/', not beginning with '.'", user, RECORD_USER_CAP - 1);
}

enum admin_account
admin_find_account(const char *user, uint32_t *uid)
{
	enum admin_account found = ACCOUNT_UNKNOWN;
	struct passwd entry, *pw = NULL;
	char *buf = malloc(PASSWD_CAP);

	*uid = (uint32_t)-1;
	if (buf == NULL)
		return ACCOUNT_UNKNOWN;
	int r = getpwnam_r(user, &entry, buf, PASSWD_CAP, &pw);
	/* "Not found" is 0 with a NULL result; any error, ERANGE too, is a failed look-up. */
	if (r == 0 && pw == NULL)
		found = ACCOUNT_NONE;
	else if (r == 0 && strcmp(pw->pw_name, user) == 0) {
		*uid = pw->pw_uid;
		found = ACCOUNT_FOUND;
	}
	explicit_bzero(buf, PASSWD_CAP);
	free(buf);
	return found;
}

enum exit_code
admin_load(struct admin *a, const char *user, struct store_entry *e)
{
	struct diag d = { "" };

	int r = store_load(a->store, user, e, &d);
	if (r != 0)
		return admin_fail_core(r, &d);
	if (e->has_record)
		return EXIT_CODE_OK;
	store_entry_wipe(e);
	return admin_fail(EXIT_CODE_NO_SUCH, "%s has no MFA record", user);
}

static int
collect(const char *user, void *ctx)
{
	struct admin_users *u = ctx;

	if (u->count == u->cap) {
		size_t cap = u->cap == 0 ? 64 : u->cap * 2;
		char **grown = reallocarray(u->name, cap, sizeof *grown);
		if (grown == NULL)
			return E_IO;
		u->name = grown;
		u->cap = cap;
	}
	u->name[u->count] = strdup(user);
	if (u->name[u->count] == NULL)
		return E_IO;
	u->count++;
	return 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum exit_code
admin_users_load(struct admin *a, struct admin_users *u)
{
	struct diag d = { "" };

	*u = (struct admin_users){ .name = NULL };
	int r = store_list(a->store, collect, u, &d);
	if (r != 0) {
		admin_users_free(u);
		return admin_fail(EXIT_CODE_FAILURE, "cannot list the store: %s",
		    d.text[0] != '\0' ? d.text : diag_code_text(r));
	}
	if (u->count > 0)
		qsort(u->name, u->count, sizeof *u->name, compare_names);
	return EXIT_CODE_OK;
}

void
admin_users_free(struct admin_users *u)
{
	for (size_t i = 0; i < u->count; i++)
		free(u->name[i]);
	free(u->name);
	*u = (struct admin_users){ .name = NULL };
}

const char *
admin_state_word(const struct record_device *d, uint64_t now_s)
{
	bool is_over = d->expires != 0 && d->expires <= now_s;

	return is_over && d->state != DEVICE_DISABLED ? "expired" : record_state_name(d->state);
}

/* --- changes ---------------------------------------------------------------- */

int
admin_refuse(struct admin_change *c, enum exit_code code, struct diag *d, const char *fmt, ...)
{
	char text[DIAG_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	c->refused = code;
	return diag_set(d, E_INVALID, "%s", text);
}

int
admin_need_record(struct admin_change *c, const struct store_entry *e, struct diag *d)
{
	if (!e->has_record)
		return admin_refuse(c, EXIT_CODE_NO_SUCH, d, "%s has no MFA record", c->user);
	c->was_rebuilt = e->health == STATE_LOST;
	return 0;
}

int
admin_need_device(struct admin_change *c, struct store_entry *e, struct record_device **dev,
    struct diag *d)
{
	*dev = NULL;
	int r = admin_need_record(c, e, d);
	if (r != 0)
		return r;
	*dev = record_find_name(&e->record, c->device);
	if (*dev == NULL)
		return admin_refuse(c, EXIT_CODE_NO_SUCH, d, "%s has no device \"%s\"", c->user,
		    c->device);
	return 0;
}

int
admin_refuse_core(struct admin_change *c, int error, struct diag *d)
{
	c->refused = phrase_error_exit(error);
	if (d->text[0] == '\0')
		return diag_set(d, error, "%s", diag_code_text(error));
	return error;
}

void
admin_note(const struct admin_change *c, struct store_entry *e, const char *fmt, ...)
{
	char text[2 * RECORD_REASON_CAP];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	record_add_notice(&e->record, e->state.notice_told, c->now_s, text);
}

int
admin_begin_record(struct admin_change *c, struct store_entry *e, uint32_t uid,
    struct diag *d)
{
	if (e->has_record)
		return 0;
	int r = record_init(&e->record, c->user, uid);
	if (r != 0)
		return diag_set(d, r, "%s: not a user name", c->user);
	e->has_record = true;
	e->state.uid = uid;
	/* What a state without a record counted (a grace time) goes on; one that is lost must
	 * not begin anew. FRESH is the one that never was. */
	if (e->health != STATE_FRESH)
		(void)store_entry_complete(e, c->now_s);
	return 0;
}

int
admin_need_record_of(struct admin_change *c, struct store_entry *e, const struct admin_uid *u,
    struct diag *d)
{
	if (!e->has_record && !u->is_known)
		return admin_refuse(c, EXIT_CODE_NO_SUCH, d, "no account is named %s on this host "
		    "(for another host's account give --uid N)", c->user);
	if (!e->has_record)
		return admin_begin_record(c, e, u->uid, d);
	if (u->is_known && u->uid != e->record.uid)
		return admin_refuse(c, EXIT_CODE_NOT_PERMITTED, d, "the record of %s belongs to "
		    "another account of this name (uid %u, now %u): `totp-admin reset` it first",
		    c->user, e->record.uid, u->uid);
	return admin_need_record(c, e, d);
}

int
admin_update_quietly(struct admin *a, struct admin_change *c, admin_change_fn *change,
    struct diag *d)
{
	c->refused = EXIT_CODE_OK;
	return store_update(a->store, c->user, c->now_s, change, c, d);
}

enum exit_code
admin_tell_update(struct admin_change *c, int error, const struct diag *d)
{
	if (error != 0 && c->refused != EXIT_CODE_OK)
		return admin_fail(c->refused, "%s", d->text);
	if (error != 0) {
		/* It may be in place all the same: see safefile_replace on a failed sync. */
		admin_log(c->action, c->user, c->device, "failed");
		return admin_fail_core(error, d);
	}
	if (c->was_rebuilt)
		admin_warn("the state of %s was lost or unreadable; it is written anew, with every "
		    "code up to now and every recovery code used up", c->user);
	return EXIT_CODE_OK;
}

enum exit_code
admin_update(struct admin *a, struct admin_change *c, admin_change_fn *change)
{
	struct diag d = { "" };

	int r = admin_update_quietly(a, c, change, &d);
	return admin_tell_update(c, r, &d);
}
