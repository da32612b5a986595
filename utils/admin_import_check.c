/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Whether all devices of an import can be made, before the first one is. It promises:
 *  1. One secret is one device of one user (RFC 6238 R5, FLOW row 15): a key twice in the
 *     file, or of somebody else's device in the store, is refused. The user's own device of
 *     this key is left as it is, so that an import can be run again.
 *  2. One pass over the store and one sorted list of the file's keys, whatever the number of
 *     users: n records and m devices cost n log m. Keys are compared by their SHA-256.
 *  3. All that is wrong is told, not the first thing only; the exit code is the first's.
 *  4. A record that cannot be read is passed over with a warning, as `totp-admin add` does,
 *     but not that of a user of the file. */
#include <stdlib.h>
#include <string.h>

#include "utils/admin_import.h"

struct fingerprint {
	uint8_t hash[32];
	size_t index; /* in the list */
};

struct comparison {
	struct admin *a;
	struct admin_import *job;
	struct fingerprint *known;
	size_t count;
	enum exit_code code; /* of the first refusal */
};

static int
compare_hash(const void *a, const void *b)
{
	const struct fingerprint *left = a, *right = b;

	return memcmp(left->hash, right->hash, sizeof left->hash);
}

/* Equal ones in the order of their lines. */
static int
compare_hash_and_line(const void *a, const void *b)
{
	const struct fingerprint *left = a, *right = b;
	int order = compare_hash(a, b);

	return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static int
hash_secret(const struct otp_secret *s, uint8_t hash[32])
{
	return otp_sha256(s->bytes, s->len, hash);
}

/* Obligation 3. code: of what was just told. */
static void
refuse(struct comparison *c, enum exit_code code)
{
	if (c->code == EXIT_CODE_OK)
		c->code = code;
}

/* --- the file with itself ------------------------------------------------------ */

static bool
hash_list(struct comparison *c)
{
	const struct import_list *list = &c->job->list;

	c->known = calloc(list->count + 1, sizeof *c->known);
	if (c->known == NULL)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		const struct import_device *item = &list->item[i];
		if (item->fate == IMPORT_SKIPPED)
			continue;
		if (hash_secret(&item->secret, c->known[c->count].hash) != 0)
			return false;
		c->known[c->count++].index = i;
	}
	qsort(c->known, c->count, sizeof *c->known, compare_hash_and_line);
	return true;
}

static void
check_twins(struct comparison *c)
{
	const struct import_device *item = c->job->list.item;

	for (size_t i = 1; i < c->count; i++) {
		const struct import_device *one = &item[c->known[i - 1].index];
		const struct import_device *other = &item[c->known[i].index];
		if (compare_hash(&c->known[i - 1], &c->known[i]) == 0)
			refuse(c, admin_fail(EXIT_CODE_EXISTS, "%s: line %u and line %u have the "
			    "same key: expected one for each device", c->job->file, one->line,
			    other->line));
	}
}

/* --- the file with the store ----------------------------------------------------- */

static const struct admin_import_user *
find_user(const struct admin_import *job, const char *name)
{
	size_t low = 0, high = job->user_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, job->user[middle].name);
		if (order == 0)
			return job->user[middle].is_skipped ? NULL : &job->user[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* A device of the store whose key the file has as well (obligation 1). */
static void
meet(struct comparison *c, const char *owner, const struct record_device *d,
    struct import_device *item)
{
	if (strcmp(owner, item->user) == 0 && d->state != DEVICE_PENDING) {
		item->fate = IMPORT_UNCHANGED;
		memcpy(item->name, d->name, sizeof item->name);
	} else
		refuse(c, admin_fail(EXIT_CODE_EXISTS, "%s: line %u (%s): this secret is already "
		    "assigned to another device, \"%s\" of %s", c->job->file, item->line,
		    item->user, d->name, owner));
}

static void
compare_record(struct comparison *c, const char *owner, const struct record *r)
{
	for (unsigned i = 0; i < r->device_count; i++) {
		struct fingerprint key = { .index = 0 };
		if (hash_secret(&r->device[i].secret, key.hash) != 0) {
			refuse(c, admin_fail(EXIT_CODE_FAILURE, "libcrypto refused SHA-256"));
			return;
		}
		const struct fingerprint *met = c->count == 0 ? NULL :
		    bsearch(&key, c->known, c->count, sizeof key, compare_hash);
		if (met != NULL)
			meet(c, owner, &r->device[i], &c->job->list.item[met->index]);
	}
}

/* What is stored of a user of the file must be this account's, and leave room. */
static void
check_room(struct comparison *c, const struct admin_import_user *u, const struct record *r)
{
	unsigned max = c->a->settings.max_devices;
	size_t wanted = 0;

	if (r != NULL && r->uid != u->uid)
		refuse(c, admin_fail(EXIT_CODE_NOT_PERMITTED, "the record of %s belongs to another "
		    "account of this name (uid %u, now %u): `totp-admin reset` it first", u->name,
		    r->uid, u->uid));
	for (unsigned i = 0; r != NULL && i < r->device_count; i++)
		wanted += r->device[i].state != DEVICE_PENDING;
	for (size_t i = 0; i < u->count; i++)
		wanted += c->job->list.item[u->first + i].fate == IMPORT_NEW;
	if (wanted > max)
		refuse(c, admin_fail(EXIT_CODE_LIMIT, "%s: %s would have %zu MFA devices: expected "
		    "at most %u", c->job->file, u->name, wanted, max));
}

static void
compare_user(struct comparison *c, const char *name)
{
	const struct admin_import_user *u = find_user(c->job, name);
	struct store_entry e;
	struct diag d = { "" };

	int r = store_load(c->a->store, name, &e, &d);
	if (r != 0 && u != NULL)
		refuse(c, admin_fail_core(r, &d));
	else if (r != 0)
		admin_warn("warning: not compared with the devices of %s: %s", name,
		    d.text[0] != '\0' ? d.text : diag_code_text(r));
	else if (e.has_record)
		compare_record(c, name, &e.record);
	if (r == 0 && u != NULL && e.has_record)
		check_room(c, u, &e.record);
	store_entry_wipe(&e);
}

/* Users of the file of whom nothing is stored; both lists are sorted. */
static void
check_strangers(struct comparison *c, const struct admin_users *users)
{
	size_t at = 0;

	for (size_t i = 0; i < c->job->user_count; i++) {
		const struct admin_import_user *u = &c->job->user[i];
		int order = 1;
		while (at < users->count && (order = strcmp(users->name[at], u->name)) < 0)
			at++;
		if (order != 0 && !u->is_skipped)
			check_room(c, u, NULL);
	}
}

enum exit_code
admin_import_check(struct admin *a, struct admin_import *job)
{
	struct comparison c = { .a = a, .job = job, .code = EXIT_CODE_OK };
	struct admin_users users;

	enum exit_code code = admin_users_load(a, &users);
	if (code != EXIT_CODE_OK)
		return code;
	if (!hash_list(&c))
		refuse(&c, admin_fail(EXIT_CODE_FAILURE, "no memory, or libcrypto refused"));
	else {
		check_twins(&c);
		for (size_t i = 0; i < users.count; i++)
			compare_user(&c, users.name[i]);
		check_strangers(&c, &users);
	}
	if (c.known != NULL)
		bytes_wipe(c.known, c.count * sizeof *c.known);
	free(c.known);
	admin_users_free(&users);
	return c.code;
}
