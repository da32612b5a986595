/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What every back end has in common, so that none can forget it:
 *
 *  1. No name reaches a back end that record_user_ok or store_is_decoy did not accept, and
 *     no decoy reaches replace or list.
 *  2. A load that fails leaves a wiped entry: no record, and no version that could be written
 *     but that of a corrupt record, which an administrator may replace or remove.
 *  3. A record is stored under its own user's name only.
 *  4. Read-modify-replace goes round only on E_CONFLICT; every other code ends it, and an
 *     entry is wiped after each round. */

#include "store.h"

#include <string.h>

#include "store_file.h"

#define SCHEME_FILE  "file:"
#define DECOY_PREFIX ".decoy-"
#define DECOYS       64

void
store_entry_wipe(struct store_entry *e)
{
	bytes_wipe(e, sizeof(*e));
}

bool
store_is_decoy(const char *user)
{
	size_t len = sizeof(DECOY_PREFIX) - 1;
	if (user == NULL || strncmp(user, DECOY_PREFIX, len) != 0 || strlen(user) != len + 2)
		return false;
	char tens = user[len];
	char ones = user[len + 1];
	if (tens < '0' || tens > '9' || ones < '0' || ones > '9')
		return false;
	return (tens - '0') * 10 + (ones - '0') < DECOYS;
}

int
store_decoy_name(const char *user, char out[STORE_DECOY_CAP])
{
	uint8_t hash[32];
	memset(out, 0, STORE_DECOY_CAP);
	int r = otp_sha256(user, strlen(user), hash);
	if (r != 0)
		return r;
	unsigned n = hash[0] % DECOYS;
	memcpy(out, DECOY_PREFIX, sizeof(DECOY_PREFIX) - 1);
	out[sizeof(DECOY_PREFIX) - 1] = (char)('0' + n / 10);
	out[sizeof(DECOY_PREFIX)] = (char)('0' + n % 10);
	return 0;
}

/* Obligation 1. The name is not told: people type their password where a user is asked for. */
static int
check_user(const char *user, bool may_be_decoy, struct diag *d)
{
	if (record_user_ok(user) || (may_be_decoy && store_is_decoy(user)))
		return 0;
	return diag_set(d, E_INVALID, "a user name that can have no record");
}

int
store_load(struct store *s, const char *user, struct store_entry *e, struct diag *d)
{
	store_entry_wipe(e);
	int r = check_user(user, true, d);
	if (r == 0)
		r = s->ops->load(s, user, e, d);
	/* Removal takes both away, and a first record is written before such a state, so without
	 * its record that one was lost: it must not look like a user who never enrolled
	 * (CVE-2020-24612). */
	if (r == 0 && !e->has_record && state_knows_record(&e->state))
		r = diag_set(d, E_CORRUPT, "%s: the record is lost: its state knows of devices or "
		    "recovery codes", user);
	if (r != 0) { /* obligation 2 */
		struct store_version version = e->version;
		store_entry_wipe(e);
		if (r == E_CORRUPT)
			e->version = version;
	}
	return r;
}

int
store_commit(struct store *s, const char *user, const struct state *state,
    struct store_version *version, struct diag *d)
{
	int r = check_user(user, true, d);
	return r == 0 ? s->ops->commit(s, user, state, version, d) : r;
}

int
store_replace(struct store *s, const char *user, const struct record *record,
    const struct state *state, struct store_version *version, struct diag *d)
{
	int r = check_user(user, false, d);
	if (r != 0)
		return r;
	if (record != NULL && state == NULL)
		return diag_set(d, E_INVALID, "a record without a state");
	if (record != NULL && strcmp(record->user, user) != 0) /* obligation 3 */
		return diag_set(d, E_INVALID, "%s: given the record of another user", user);
	return s->ops->replace(s, user, record, state, version, d);
}

int
store_list(struct store *s, int (*each)(const char *user, void *ctx), void *ctx, struct diag *d)
{
	return s->ops->list(s, each, ctx, d);
}

void
store_close(struct store *s)
{
	if (s != NULL)
		s->ops->close(s);
}

bool
store_entry_complete(struct store_entry *e, uint64_t now_s)
{
	if (!e->has_record) {
		/* What cannot be read may have begun the grace time: it is over, and stays so when
		 * this state is written. */
		bool is_lost = e->health == STATE_LOST || e->health == STATE_HALF;

		if (is_lost && e->state.grace_start == 0)
			e->state.grace_start = 1;
		return is_lost;
	}
	switch (e->health) {
	case STATE_LOST:
	case STATE_FRESH: /* not with a record, but never zero then */
		state_rebuild(&e->state, &e->record, now_s);
		return true;
	case STATE_HALF:
		state_burn_all(&e->state, &e->record, now_s);
		(void)state_adopt(&e->state, &e->record, now_s);
		return true;
	case STATE_WHOLE:
		return state_adopt(&e->state, &e->record, now_s);
	}
	return false;
}

/* One round of store_update, with e as the place to work in. */
static int
update_once(struct store *s, const char *user, uint64_t now_s,
    int (*change)(struct store_entry *e, void *ctx, struct diag *d), void *ctx,
    struct store_entry *e, struct diag *d)
{
	int r = store_load(s, user, e, d);
	if (r != 0)
		return r;
	bool had_record = e->has_record;
	(void)store_entry_complete(e, now_s);

	r = change(e, ctx, d);
	if (r != 0)
		return r;
	if (e->state.saved_at < now_s)
		e->state.saved_at = now_s;
	if (!e->has_record && !had_record)
		return store_commit(s, user, &e->state, &e->version, d);
	return store_replace(s, user, e->has_record ? &e->record : NULL, &e->state, &e->version, d);
}

int
store_update(struct store *s, const char *user, uint64_t now_s,
    int (*change)(struct store_entry *e, void *ctx, struct diag *d), void *ctx, struct diag *d)
{
	struct store_entry e;
	int r = check_user(user, false, d);
	if (r != 0)
		return r;

	r = E_CONFLICT;
	for (unsigned round = 0; r == E_CONFLICT && round < STORE_ROUNDS_MAX; round++) {
		r = update_once(s, user, now_s, change, ctx, &e, d);
		store_entry_wipe(&e); /* obligation 4 */
	}
	return r;
}

int
store_open(const char *setting, const char *fallback, struct store **s, struct diag *d)
{
	size_t len = sizeof(SCHEME_FILE) - 1;
	*s = NULL;
	if (setting == NULL || strncmp(setting, SCHEME_FILE, len) != 0 || setting[len] != '/')
		return diag_set(d, E_INVALID, "store: expected \"file:/absolute/directory\"");
	return store_file_open_with(setting + len, fallback, s, d);
}
