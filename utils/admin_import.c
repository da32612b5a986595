/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin import: the devices that another program's file holds, active at once. It
 * promises:
 *  1. The whole file is read, understood and compared with the accounts and the store before
 *     anything is written; what is wrong is told by its line, and then nothing is written.
 *  2. One user is one change of the store: whatever ends an import half-way, each user has all
 *     or none of the file's devices, and the same command again does the rest.
 *  3. A device is made exactly as `totp-admin add` makes one: every step up to now is burnt,
 *     the user is told at the next login, the log names who did it.
 *  4. As with add, two totp-admin that give one secret to two users in the same instant are
 *     not told apart.
 *  5. Keys are wiped on every way out and are in no message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utils/accounts.h"
#include "utils/admin_import.h"
#include "utils/json.h"

#define FEW_USERS 16 /* looked up one by one; of more all accounts are listed once */
#define NAME_DEFAULT "imported"
#define NAME_MAX_LEN (RECORD_NAME_CAP - 1 - 3) /* room for "-10" */

static const struct format {
	const char *name;
	import_parse_fn *parse;
	bool is_of_one_user;
} formats[] = {
	{ "uri", import_uri, false },
	{ "oath", import_oath, false },
	{ "google-authenticator", import_google, true },
};

struct importing {
	struct admin_change change; /* first: see admin.h */
	const struct settings *settings;
	const struct format *format;
	const char *name;
	enum device_type type;
	struct admin_import job;
	const struct admin_import_user *user; /* who is being changed */
	uint32_t wait_s; /* the longest of all devices */
};

/* --- arguments ----------------------------------------------------------------- */

/* NULL: said why. */
static const struct format *
read_format(const struct admin *a)
{
	const char *from = a->option[OPTION_FROM];

	for (size_t i = 0; from != NULL && i < sizeof formats / sizeof formats[0]; i++)
		if (strcmp(from, formats[i].name) == 0)
			return &formats[i];
	admin_warn("expected --from uri, --from oath or --from google-authenticator");
	return NULL;
}

static enum exit_code
read_options(const struct admin *a, struct importing *im)
{
	const char *name = a->option[OPTION_NAME];

	if (im->format->is_of_one_user != (a->option[OPTION_USER] != NULL))
		return admin_fail(EXIT_CODE_USAGE, im->format->is_of_one_user ?
		    "expected --user USER: a file of %s does not say whose it is" :
		    "--user: a file of the format %s says itself whose each device is",
		    im->format->name);
	im->name = name == NULL ? NAME_DEFAULT : name;
	if (!record_device_name_ok(im->name) || strlen(im->name) > NAME_MAX_LEN)
		return admin_fail(EXIT_CODE_USAGE, "invalid device name: use 1 to %d of "
		    "A-Z a-z 0-9 + = , . @ - _", NAME_MAX_LEN);
	return admin_read_type(a, &im->type);
}

/* --- the file -------------------------------------------------------------------- */

static enum exit_code
read_file(const struct admin *a, struct importing *im, const char *path)
{
	const struct import_rules rules = { .user = a->option[OPTION_USER],
		.takes_weak = a->option[OPTION_WEAK_OK] != NULL };
	uint32_t owner = geteuid();
	char *text = NULL;
	size_t len = 0;
	struct diag d = { "" };

	if (rules.user != NULL) {
		/* In a home everything is its owner's. */
		enum admin_account found = admin_find_account(rules.user, &owner);
		if (found != ACCOUNT_FOUND)
			return admin_fail(found == ACCOUNT_NONE ? EXIT_CODE_NO_SUCH :
			    EXIT_CODE_FAILURE, found == ACCOUNT_NONE ?
			    "no account is named %s on this host" :
			    "the account of %s cannot be looked up", rules.user);
	}
	enum exit_code code = admin_import_read(path, owner, &text, &len);
	if (code != EXIT_CODE_OK)
		return code;
	im->job.file = strcmp(path, "-") == 0 ? "standard input" : path;
	int r = im->format->parse((struct span){ .at = text, .len = len }, &rules, &im->job.list,
	    &d);
	bytes_wipe(text, len);
	free(text);
	if (r != 0)
		return admin_fail(r == E_INVALID ? EXIT_CODE_USAGE : EXIT_CODE_FAILURE, "%s: %s",
		    im->job.file, d.text);
	return EXIT_CODE_OK;
}

/* By user, a user's in the order of the file. */
static int
compare_items(const void *a, const void *b)
{
	const struct import_device *left = a, *right = b;
	int order = strcmp(left->user, right->user);

	return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static enum exit_code
group_users(struct admin_import *job)
{
	struct import_list *list = &job->list;

	if (list->count == 0)
		return admin_fail(EXIT_CODE_USAGE, "%s: there is no device in it", job->file);
	job->user = calloc(list->count, sizeof *job->user);
	if (job->user == NULL)
		return admin_fail(EXIT_CODE_FAILURE, "no memory");
	qsort(list->item, list->count, sizeof *list->item, compare_items);
	for (size_t i = 0; i < list->count; i++) {
		if (i == 0 || strcmp(list->item[i - 1].user, list->item[i].user) != 0)
			job->user[job->user_count++] = (struct admin_import_user){
				.name = list->item[i].user, .first = i };
		job->user[job->user_count - 1].count++;
	}
	return EXIT_CODE_OK;
}

/* --- accounts ---------------------------------------------------------------------- */

/* *at: where to go on in the list; both lists are sorted. A directory need not list all. */
static enum admin_account
find_account(const struct accounts *all, size_t *at, struct admin_import_user *u)
{
	int order = 1;

	while (*at < all->count && (order = strcmp(all->item[*at].name, u->name)) < 0)
		(*at)++;
	if (order != 0)
		return admin_find_account(u->name, &u->uid);
	u->uid = all->item[*at].uid;
	return ACCOUNT_FOUND;
}

static enum exit_code
find_accounts(const struct admin *a, struct admin_import *job)
{
	bool may_skip = a->option[OPTION_SKIP_UNKNOWN] != NULL;
	enum exit_code code = EXIT_CODE_OK;
	struct accounts all = { .item = NULL };
	struct diag d = { "" };
	size_t at = 0;

	if (job->user_count > FEW_USERS && accounts_load(&all, &d) != 0)
		return admin_fail(EXIT_CODE_FAILURE, "%s", d.text);
	for (size_t i = 0; i < job->user_count; i++) {
		struct admin_import_user *u = &job->user[i];
		enum admin_account found = find_account(&all, &at, u);
		if (found == ACCOUNT_UNKNOWN)
			code = admin_fail(EXIT_CODE_FAILURE,
			    "the account of %s cannot be looked up", u->name);
		if (found != ACCOUNT_NONE)
			continue;
		unsigned line = job->list.item[u->first].line;
		admin_warn("%s: line %u: no account is named %s on this host%s", job->file, line,
		    u->name, may_skip ? ": skipped" : "");
		if (!may_skip && code == EXIT_CODE_OK)
			code = EXIT_CODE_NO_SUCH;
		u->is_skipped = may_skip;
		for (size_t n = 0; may_skip && n < u->count; n++)
			job->list.item[u->first + n].fate = IMPORT_SKIPPED;
	}
	accounts_free(&all);
	if (code == EXIT_CODE_NO_SUCH)
		admin_warn("nothing was imported: make the accounts, or give --skip-unknown");
	return code;
}

/* --- changes ----------------------------------------------------------------------- */

/* The first free one of NAME, NAME-2, NAME-3 ...: with at most RECORD_DEVICES_MAX taken. */
static void
choose_name(struct record *r, const char *base, char name[RECORD_NAME_CAP])
{
	struct bytes_writer w;

	for (unsigned n = 1; n <= RECORD_DEVICES_MAX + 1; n++) {
		bytes_writer_init(&w, name, RECORD_NAME_CAP);
		bytes_put(&w, base);
		if (n > 1) {
			bytes_put(&w, "-");
			bytes_put_u64(&w, n);
		}
		if (record_find_name(r, name) == NULL)
			return;
	}
}

static int
import_user(struct store_entry *e, void *ctx, struct diag *d)
{
	struct importing *im = ctx;
	const struct admin_import_user *u = im->user;

	int r = admin_begin_adding(&im->change, e, u->uid, d);
	for (size_t i = 0; r == 0 && i < u->count; i++) {
		struct import_device *item = &im->job.list.item[u->first + i];
		if (item->fate != IMPORT_NEW)
			continue;
		choose_name(&e->record, im->name, item->name);
		struct admin_device spec = { .name = item->name, .type = im->type,
			.params = item->params, .secret = item->secret };
		r = admin_add_device(&im->change, e, im->settings, &spec, d);
		if (spec.wait_s > im->wait_s)
			im->wait_s = spec.wait_s;
		otp_secret_wipe(&spec.secret);
	}
	return r;
}

static bool
has_new(const struct admin_import *job, const struct admin_import_user *u)
{
	for (size_t i = 0; i < u->count; i++)
		if (job->list.item[u->first + i].fate == IMPORT_NEW)
			return true;
	return false;
}

/* Obligation 2: what fails ends it, since the next user would fail as well (a full disk). */
static enum exit_code
write_users(struct admin *a, struct importing *im)
{
	struct admin_import *job = &im->job;
	bool is_dry = a->option[OPTION_DRY_RUN] != NULL;

	for (size_t i = 0; i < job->user_count; i++) {
		im->user = &job->user[i];
		if (!has_new(job, im->user))
			continue;
		im->change = (struct admin_change){ .action = "import", .user = im->user->name,
			.now_s = admin_now() };
		enum exit_code code = is_dry ? EXIT_CODE_OK :
					       admin_update(a, &im->change, import_user);
		if (code != EXIT_CODE_OK)
			return admin_fail(code, "%s: not imported, nor is who comes after: mend "
			    "this and run it again", im->user->name);
		for (size_t n = 0; n < im->user->count; n++) {
			struct import_device *item = &job->list.item[im->user->first + n];
			if (item->fate != IMPORT_NEW)
				continue;
			item->fate = IMPORT_MADE;
			if (!is_dry)
				admin_log("import", item->user, item->name, "ok");
		}
	}
	return EXIT_CODE_OK;
}

/* --- output ------------------------------------------------------------------------ */

static const char *
fate_word(enum import_fate fate)
{
	switch (fate) {
	case IMPORT_NEW:
		return "not imported";
	case IMPORT_MADE:
		return "imported";
	case IMPORT_UNCHANGED:
		return "unchanged";
	case IMPORT_SKIPPED:
		return "skipped";
	}
	return "?";
}

static void
print_json(const struct importing *im, const size_t count[IMPORT_SKIPPED + 1], bool is_dry)
{
	const struct import_list *list = &im->job.list;
	struct json j;

	json_begin(&j, stdout);
	json_open(&j, NULL, '{');
	json_text(&j, "from", im->format->name);
	json_bool(&j, "dry_run", is_dry);
	json_number(&j, "imported", (int64_t)count[IMPORT_MADE]);
	json_number(&j, "unchanged", (int64_t)count[IMPORT_UNCHANGED]);
	json_number(&j, "skipped", (int64_t)count[IMPORT_SKIPPED]);
	json_number(&j, "not_imported", (int64_t)count[IMPORT_NEW]);
	json_number(&j, "scratch_codes_left_out", (int64_t)list->scratch_codes);
	json_open(&j, "devices", '[');
	for (size_t i = 0; i < list->count; i++) {
		const struct import_device *item = &list->item[i];
		json_open(&j, NULL, '{');
		json_text(&j, "user", item->user);
		/* A name that was chosen and then not written is none. */
		json_text(&j, "device", item->fate == IMPORT_UNCHANGED ||
		    (item->fate == IMPORT_MADE && !is_dry) ? item->name : NULL);
		json_number(&j, "line", (int64_t)item->line);
		json_text(&j, "result", fate_word(item->fate));
		json_close(&j, '{');
	}
	json_close(&j, '[');
	json_close(&j, '{');
}

static void
print_summary(const struct admin *a, const struct importing *im)
{
	const struct import_list *list = &im->job.list;
	size_t count[IMPORT_SKIPPED + 1] = { 0 };
	bool is_dry = a->option[OPTION_DRY_RUN] != NULL;

	for (size_t i = 0; i < list->count; i++)
		count[list->item[i].fate]++;
	if (a->option[OPTION_JSON] != NULL) {
		print_json(im, count, is_dry);
		return;
	}
	admin_say("imported: %zu%s", count[IMPORT_MADE], is_dry ? " (a dry run: nothing was "
	    "written)" : "");
	admin_say("unchanged: %zu", count[IMPORT_UNCHANGED]);
	admin_say("skipped: %zu", count[IMPORT_SKIPPED]);
	if (count[IMPORT_NEW] > 0)
		admin_say("not imported: %zu", count[IMPORT_NEW]);
	if (count[IMPORT_MADE] > 0 && !is_dry)
		admin_say("The codes shown up to now are used up: the first ones that work appear "
		    "within %u s.", im->wait_s);
	if (list->scratch_codes > 0)
		admin_say("Its %u scratch codes are not taken over: `totp-admin recovery-codes %s` "
		    "makes new ones.", list->scratch_codes, list->item[0].user);
}

enum exit_code
admin_import(struct admin *a, char *const *operand)
{
	struct importing im = { .format = read_format(a) };

	if (im.format == NULL)
		return EXIT_CODE_USAGE;
	enum exit_code code = read_options(a, &im);
	if (code == EXIT_CODE_OK)
		code = read_file(a, &im, operand[0]);
	if (code == EXIT_CODE_OK)
		code = group_users(&im.job);
	if (code == EXIT_CODE_OK)
		code = find_accounts(a, &im.job);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, a->option[OPTION_DRY_RUN] == NULL);
	if (code == EXIT_CODE_OK)
		code = admin_import_check(a, &im.job);
	if (code == EXIT_CODE_OK) {
		im.settings = &a->settings;
		code = write_users(a, &im);
		print_summary(a, &im);
	}
	import_list_wipe(&im.job.list);
	free(im.job.user);
	return code;
}
