/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What is known of a user: account, password, record, state and policy, put side by side. It
 * promises:
 *  1. It only reads: no state is rebuilt, no record made.
 *  2. What cannot be read is unknown, never "no device", "not locked" or "never used".
 *  3. Memory for the names and numbers of all users, for the record of one.
 *  4. mfa_required is the answer of policy_decide, by which logins go, with the keys that the
 *     settings file has for no particular service. */
#include "utils/account_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/date.h"
#include "core/devices.h"
#include "core/throttle.h"

static struct fact
fact_of(enum fact_kind kind, uint64_t value)
{
	return (struct fact){ .kind = kind, .value = value };
}

static struct fact
fact_time(uint64_t at_s)
{
	return at_s == 0 ? fact_of(FACT_NONE, 0) : fact_of(FACT_TIME, at_s);
}

/* --- groups and settings -------------------------------------------------------- */

int
facts_is_in_group(struct facts_source *s, uint32_t gid, bool *is_member)
{
	*is_member = false;
	if (s->at == NULL)
		return 0;
	if (s->gid == NULL && accounts_find_groups(s->at, &s->gid, &s->gid_count) != 0)
		return E_IO;
	for (size_t i = 0; i < s->gid_count; i++)
		*is_member = *is_member || s->gid[i] == gid;
	return 0;
}

/* For struct config_who; ctx: the source. */
static int
find_member(void *ctx, const char *group, bool *is_member)
{
	struct facts_source *s = ctx;
	size_t i = 0;

	*is_member = false;
	s->has_asked = true;
	while (i < s->group_count && strcmp(s->group[i].name, group) != 0)
		i++;
	if (i == FACTS_GROUPS_MAX)
		return E_IO;
	if (i == s->group_count) {
		snprintf(s->group[i].name, sizeof s->group[i].name, "%s", group);
		s->group[i].code = accounts_find_group(group, &s->group[i].gid);
		s->group_count++;
	}
	if (s->group[i].code != 0)
		return s->group[i].code;
	return facts_is_in_group(s, s->group[i].gid, is_member);
}

/* Put the settings for the user at hand in force. They are read anew for each user only
 * where the file names groups. */
static bool
load_settings(struct facts_source *s)
{
	const struct config_who who = { .find_member = find_member, .ctx = s };
	const char *conf_path = s->admin->option[OPTION_CONF];
	char conf[4096 + 8];
	const char *argv[] = { conf };

	if (s->has_settings || s->has_failed_settings)
		return s->has_settings;
	/* admin_open took the same path, so it fits. */
	snprintf(conf, sizeof conf, "conf=%s", conf_path == NULL ? "" : conf_path);
	int r = config_load(conf_path == NULL ? 0 : 1, argv, DEFAULT_CONF, &who, &s->settings,
	    &s->settings_diag);
	if (r == 0)
		r = config_in_groups(&s->settings, &who, &s->in_groups, &s->settings_diag);
	s->has_failed_settings = r != 0;
	s->has_settings = r == 0 && !s->has_asked;
	return r == 0;
}

/* --- account and password ---------------------------------------------------------- */

static void
add_password(const struct facts_source *s, const struct account *a, struct account_facts *f)
{
	switch (a->password) {
	case PASSWORD_UNREADABLE:
		return;
	case PASSWORD_ELSEWHERE:
		f->password_enabled = fact_of(FACT_ELSEWHERE, 0);
		f->password_changed = f->password_rotation = f->password_enabled;
		return;
	case PASSWORD_DISABLED:
		f->password_enabled = fact_of(FACT_BOOL, false);
		break;
	case PASSWORD_EMPTY:
		f->is_password_empty = true;
		f->password_enabled = fact_of(FACT_BOOL, true);
		break;
	case PASSWORD_SET:
		f->password_enabled = fact_of(FACT_BOOL, true);
		break;
	}
	f->password_changed = f->password_rotation = fact_of(FACT_NONE, 0);
	if (!a->has_shadow || a->changed_day < 0)
		return;
	const uint64_t days_max = RECORD_TIME_MAX / DATE_DAY_S;
	uint64_t day = (uint64_t)a->changed_day;
	if (day == 0) {
		f->password_rotation = fact_time(s->now_s);
	} else if (day <= days_max) {
		f->password_changed = fact_time(day * DATE_DAY_S);
		if (a->rotation_days >= 0 && (uint64_t)a->rotation_days <= days_max - day)
			f->password_rotation =
			    fact_time((day + (uint64_t)a->rotation_days) * DATE_DAY_S);
	}
	if (a->password == PASSWORD_DISABLED)
		f->password_rotation = fact_of(FACT_NONE, 0);
}

static void
add_account(const struct facts_source *s, const struct account *a, bool is_known,
    struct account_facts *f)
{
	if (a != NULL) {
		f->is_here = true;
		f->may_log_in = a->may_log_in;
		f->uid = fact_of(FACT_NUMBER, a->uid);
		add_password(s, a, f);
	} else if (is_known) {
		f->password_enabled = fact_of(FACT_ELSEWHERE, 0);
		f->password_changed = f->password_rotation = f->password_enabled;
		snprintf(f->problem, sizeof f->problem, "no account of this host");
	} else {
		snprintf(f->problem, sizeof f->problem, "the account cannot be looked up");
	}
}

/* --- record and state ----------------------------------------------------------------- */

static void
add_device(const struct facts_source *s, const struct record_device *dev,
    struct store_entry *e, struct account_facts *f)
{
	bool is_over = dev->expires != 0 && dev->expires <= s->now_s;

	f->pending += dev->state == DEVICE_PENDING && !is_over;
	f->expired += dev->state != DEVICE_DISABLED && is_over;
	if (!record_device_is_usable(dev, s->now_s))
		return;
	f->devices.value++;
	if (dev->rotate_by != 0 &&
	    (f->rotate_by.kind != FACT_TIME || dev->rotate_by < f->rotate_by.value))
		f->rotate_by = fact_time(dev->rotate_by);
	const struct state_device *sd = state_find(&e->state, dev->id);
	if (e->health != STATE_WHOLE || sd == NULL)
		return;
	if (sd->last_used > f->last_used.value)
		f->last_used = fact_time(sd->last_used);
	uint64_t latest = sd->last_used > dev->created ? sd->last_used : dev->created;
	f->is_stale |= latest + FACTS_STALE_DAYS * DATE_DAY_S < s->now_s;
}

static void
add_record(const struct facts_source *s, const struct account *a, struct store_entry *e,
    struct account_facts *f)
{
	const struct record *r = &e->record;
	bool is_other = e->has_record && a != NULL && a->uid != r->uid;

	f->devices = fact_of(FACT_NUMBER, 0);
	f->last_used = fact_of(e->health == STATE_WHOLE ? FACT_NONE : FACT_UNKNOWN, 0);
	f->recovery_left = f->exempt_until = f->rotate_by = fact_of(FACT_NONE, 0);
	if (e->has_record) {
		f->stored = r->device_count;
		if (a == NULL)
			f->uid = fact_of(FACT_NUMBER, r->uid);
		for (unsigned i = 0; i < r->device_count; i++)
			add_device(s, &r->device[i], e, f);
		if (r->recovery.id != 0)
			f->recovery_left = fact_of(FACT_NUMBER, devices_recovery_left(e));
		if (r->exempt_until > s->now_s)
			f->exempt_until = fact_time(r->exempt_until);
	} else {
		f->last_used = fact_of(FACT_NONE, 0);
	}
	f->mfa_active = fact_of(FACT_BOOL, f->devices.value > 0 && !is_other);
	if (is_other) {
		f->is_broken = true;
		snprintf(f->problem, sizeof f->problem,
		    "the record belongs to uid %u, another account of this name", r->uid);
	}
}

static void
add_state(const struct facts_source *s, const struct store_entry *e, bool has_settings,
    struct account_facts *f)
{
	uint32_t wait = 0;

	switch (e->health) {
	case STATE_LOST:
	case STATE_HALF:
		f->is_damaged = true;
		if (f->problem[0] == '\0')
			snprintf(f->problem, sizeof f->problem, "the state is %s: the next login "
			    "takes every code up to then as used", e->health == STATE_LOST ?
			    "lost or unreadable" : "damaged in part");
		return;
	case STATE_FRESH:
	case STATE_WHOLE:
		break;
	}
	f->locked = fact_of(FACT_BOOL, e->state.is_locked);
	if (!has_settings)
		return;
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++) {
		uint64_t tag = e->state.bucket[i].tag;
		uint32_t one = tag == 0 ? 0 :
		    throttle_wait(&e->state, tag, s->now_s, &s->settings);
		wait = one > wait ? one : wait;
	}
	f->locked_until = wait == 0 ? fact_of(FACT_NONE, 0) : fact_time(s->now_s + wait);
}

static void
add_policy(const struct facts_source *s, const struct account *a, const struct store_entry *e,
    struct account_facts *f)
{
	f->mfa_required = f->grace_until = fact_of(FACT_ELSEWHERE, 0);
	if (a == NULL)
		return;
	const struct policy_facts facts = { .is_account = true, .uid = a->uid,
		.in_groups = s->in_groups, .now_s = s->now_s };
	f->policy = policy_decide(&facts, e, &s->settings);
	f->mfa_required = fact_of(FACT_BOOL, f->policy.action != POLICY_SKIP);
	f->grace_until = fact_of(FACT_NONE, 0);
	if (f->policy.action != POLICY_SKIP)
		return;
	/* A grace time that no login began yet has no end either. */
	bool has_begun = e != NULL && e->state.grace_start != 0;
	if (f->policy.reason == POLICY_ENROL_BY || f->policy.reason == POLICY_NOT_YET ||
	    (f->policy.reason == POLICY_GRACE && has_begun))
		f->grace_until = fact_time(f->policy.until_s);
}

static void
add_note(const struct facts_source *s, struct account_facts *f)
{
	bool is_late = f->rotate_by.kind == FACT_TIME && f->rotate_by.value <= s->now_s;

	if (f->is_broken)
		f->note = "broken";
	else if (f->locked.kind == FACT_BOOL && f->locked.value != 0)
		f->note = "locked";
	else if (f->is_password_empty)
		f->note = "no password";
	else if (f->is_damaged)
		f->note = "state lost";
	else if (f->exempt_until.kind == FACT_TIME)
		f->note = "exempt";
	else if (f->grace_until.kind == FACT_TIME)
		f->note = "grace";
	else if (is_late || f->rotate_by.kind == FACT_TIME)
		f->note = is_late ? "rotate now" : "rotate";
	else if (f->locked_until.kind == FACT_TIME)
		f->note = "waits";
	else if (f->is_stale)
		f->note = "stale";
	else if (f->pending > 0)
		f->note = "pending";
	else if (f->expired > 0)
		f->note = "expired";
	else if (!f->is_here)
		f->note = "no account";
	else
		f->note = "";
}

/* The facts of s->at, which is NULL for a user without an account, or (not is_known) for one
 * whose account could not be looked up. */
static void
gather(struct facts_source *s, const char *user, bool is_known, struct account_facts *f)
{
	const struct account *a = s->at;
	struct diag d = { "" };
	int r = 0;

	*f = (struct account_facts){ .user = user };
	add_account(s, a, is_known, f);
	bool has_settings = load_settings(s);
	bool has_place = record_user_ok(user);
	memset(&s->entry, 0, sizeof s->entry);
	s->entry.health = STATE_FRESH;
	if (has_place)
		r = store_load(s->admin->store, user, &s->entry, &d);
	f->has_record = r != 0 || s->entry.has_record;
	if (r != 0) {
		f->is_broken = true;
		snprintf(f->problem, sizeof f->problem, "%s",
		    d.text[0] != '\0' ? d.text : diag_code_text(r));
	} else {
		add_record(s, a, &s->entry, f);
		add_state(s, &s->entry, has_settings, f);
		if (has_settings && is_known)
			add_policy(s, a, has_place ? &s->entry : NULL, f);
	}
	if (f->is_password_empty && f->problem[0] == '\0')
		snprintf(f->problem, sizeof f->problem, "the account needs no password");
	add_note(s, f);
	store_entry_wipe(&s->entry);
}

/* --- all users ------------------------------------------------------------------- */

struct facts_source *
facts_open(struct admin *a, enum exit_code *code)
{
	struct facts_source *s = calloc(1, sizeof *s);
	struct diag d = { "" };

	if (s == NULL) {
		*code = admin_fail(EXIT_CODE_FAILURE, "out of memory");
		return NULL;
	}
	s->admin = a;
	s->now_s = admin_now();
	*code = admin_open(a, false);
	if (*code == EXIT_CODE_OK)
		*code = admin_users_load(a, &s->users);
	if (*code == EXIT_CODE_OK && accounts_load(&s->accounts, &d) != 0)
		*code = admin_fail(EXIT_CODE_FAILURE, "%s", d.text);
	if (*code == EXIT_CODE_OK)
		return s;
	facts_close(s);
	return NULL;
}

void
facts_close(struct facts_source *s)
{
	if (s == NULL)
		return;
	accounts_free(&s->accounts);
	admin_users_free(&s->users);
	free(s);
}

/* One user. listed: NULL for one with a record whom the host's list does not have: a directory
 * may know the account all the same. */
static void
tell_user(struct facts_source *s, const char *user, const struct account *listed,
    void (*each)(const struct account_facts *f, void *ctx), void *ctx)
{
	struct account_facts f;
	struct account found = { .name = NULL };
	int r = 0;

	if (listed == NULL)
		r = accounts_look_up(&s->accounts, user, &found);
	s->at = listed != NULL ? listed : r == 0 ? &found : NULL;
	gather(s, user, r == 0 || r == E_NOENT, &f);
	/* A record that was removed since the names were read made this one's only claim. */
	if (listed != NULL || f.has_record)
		each(&f, ctx);
	s->at = NULL;
	free(s->gid);
	s->gid = NULL;
	free(found.name);
}

void
facts_each(struct facts_source *s, void (*each)(const struct account_facts *f, void *ctx),
    void *ctx)
{
	size_t i = 0, j = 0;

	/* Both lists are sorted. */
	while (i < s->accounts.count || j < s->users.count) {
		const struct account *a = i < s->accounts.count ? &s->accounts.item[i] : NULL;
		const char *user = j < s->users.count ? s->users.name[j] : NULL;
		int order = a == NULL ? 1 : user == NULL ? -1 : strcmp(a->name, user);
		i += order <= 0;
		j += order >= 0;
		if (order > 0)
			tell_user(s, user, NULL, each, ctx);
		else if (order == 0 || a->may_log_in)
			tell_user(s, a->name, a, each, ctx);
	}
}
