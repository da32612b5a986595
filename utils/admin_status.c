/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin status: the IAM dashboard of this host on one screen: a line of numbers, then a
 * line for each matter, with the users whom it is about. It promises:
 *  1. The number of lines does not depend on the number of users; JSON names every one.
 *  2. Every matter is told, also when there is nothing amiss.
 *  3. It ends with 1 when a matter is a FAIL: an administrator without MFA, a record that
 *     lets nobody in; with 0 otherwise. doctor keeps the same rule. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utils/account_facts.h"
#include "utils/doctor_parts.h"
#include "utils/json.h"

#define NAMES_SHOWN 6	  /* of a matter, in text */
#define NAME_SHOWN_MAX 32 /* bytes of each */

/* Whoever is in one of these may become root. */
static const char *const admin_groups[] = { "sudo", "wheel", "admin" };
#define ADMIN_GROUP_COUNT (sizeof admin_groups / sizeof admin_groups[0])

enum matter {
	MATTER_ROOT = 0,
	MATTER_ADMINS,
	MATTER_WITHOUT,
	MATTER_BROKEN,
	MATTER_DAMAGED,
	MATTER_LOCKED,
	MATTER_NO_PASSWORD,
	MATTER_SPARE,
	MATTER_ROTATE,
	MATTER_STALE,
	MATTER_PENDING,
	MATTER_GRACE,
	MATTER_EXEMPT,
	MATTER_COUNT
};

static const struct matter_row {
	const char *check;
	enum doctor_level level; /* when somebody is concerned */
	const char *good;	 /* nobody is */
	const char *bad;	 /* behind "3 users " */
	const char *fix;
} matters[MATTER_COUNT] = {
	[MATTER_ROOT] = { "root", DOCTOR_FAIL, "root has MFA", "of uid 0 without MFA",
	    "run totp-enroll as that user" },
	[MATTER_ADMINS] = { "admins", DOCTOR_FAIL, "every member of %s has MFA",
	    "in %s without MFA", "run totp-enroll as that user" },
	[MATTER_WITHOUT] = { "without", DOCTOR_WARN, "everybody who must show a code has MFA",
	    "without MFA who must show a code", "let them run totp-enroll, or totp-admin add" },
	[MATTER_BROKEN] = { "broken", DOCTOR_FAIL, "every record can be used",
	    "whom every login refuses", "totp-admin show says why" },
	[MATTER_DAMAGED] = { "state", DOCTOR_WARN, "no state is damaged",
	    "whose state is lost or damaged", "find out why; the next login mends it" },
	[MATTER_LOCKED] = { "locked", DOCTOR_WARN, "nobody is locked", "locked",
	    "totp-admin unlock, once it is known who tried" },
	[MATTER_NO_PASSWORD] = { "password", DOCTOR_WARN, "no account goes without a password",
	    "whose account needs no password", "passwd" },
	[MATTER_SPARE] = { "spare", DOCTOR_WARN, "everybody has a second device or recovery codes",
	    "with one device and no recovery code left",
	    "let them run totp-enroll recovery-codes, or add a device" },
	[MATTER_ROTATE] = { "rotate", DOCTOR_WARN, "no device must be rotated",
	    "with a device to be rotated", "let them run totp-enroll rotate" },
	[MATTER_STALE] = { "stale", DOCTOR_WARN, "every device was used in the last 90 days",
	    "with a device not used for 90 days", "totp-admin disable it if it is lost" },
	[MATTER_PENDING] = { "pending", DOCTOR_WARN, "no enrolment is unfinished, nothing expired",
	    "with an unfinished enrolment or an expired device", "totp-admin show, delete" },
	[MATTER_GRACE] = { "grace", DOCTOR_WARN, "nobody is in a time of grace",
	    "let in without a code until a date", "let them run totp-enroll before that" },
	[MATTER_EXEMPT] = { "exempt", DOCTOR_WARN, "nobody is exempt", "exempt by an administrator",
	    "totp-admin report says until when" },
};

struct names {
	char **name;
	size_t count;
	size_t cap;
};

struct status {
	struct facts_source *source;
	struct names concerned[MATTER_COUNT];
	bool is_root_shut; /* nobody of uid 0 without MFA has a password */
	bool has_no_memory;
	uint32_t admin_gid[ADMIN_GROUP_COUNT];
	bool has_group[ADMIN_GROUP_COUNT];
	size_t admins;
	size_t users;
	size_t protected_users;
	size_t devices;
	size_t usable_devices;
};

/* --- gathering ------------------------------------------------------------------------ */

static void
add_name(struct status *st, enum matter matter, const char *user)
{
	struct names *n = &st->concerned[matter];

	if (n->count == n->cap) {
		size_t cap = n->cap == 0 ? 16 : n->cap * 2;
		char **grown = reallocarray(n->name, cap, sizeof *grown);
		if (grown == NULL) {
			st->has_no_memory = true;
			return;
		}
		n->name = grown;
		n->cap = cap;
	}
	n->name[n->count] = strdup(user);
	if (n->name[n->count] == NULL)
		st->has_no_memory = true;
	else
		n->count++;
}

static bool
is_true(const struct fact *f)
{
	return f->kind == FACT_BOOL && f->value != 0;
}

/* Whether the user is in one of admin_groups. Where that cannot be looked up the answer is yes:
 * better told than passed over. */
static bool
is_admin(const struct status *st)
{
	for (size_t i = 0; i < ADMIN_GROUP_COUNT; i++) {
		bool is_member = false;
		if (st->has_group[i] && (facts_is_in_group(st->source, st->admin_gid[i],
		    &is_member) != 0 || is_member))
			return true;
	}
	return false;
}

static void
judge_user(const struct account_facts *f, void *ctx)
{
	struct status *st = ctx;
	bool has_mfa = is_true(&f->mfa_active);
	bool is_root = f->is_here && f->uid.kind == FACT_NUMBER && f->uid.value == 0;
	bool is_one_of_admins = f->may_log_in && !is_root && is_admin(st);

	st->users++;
	st->protected_users += has_mfa;
	st->devices += f->stored;
	st->usable_devices += f->devices.kind == FACT_NUMBER ? f->devices.value : 0;
	st->admins += is_one_of_admins;
	if (is_root && !has_mfa) {
		add_name(st, MATTER_ROOT, f->user);
		bool is_shut = f->password_enabled.kind == FACT_BOOL && !f->password_enabled.value;
		st->is_root_shut = st->is_root_shut && is_shut;
	} else if (is_one_of_admins && !has_mfa)
		add_name(st, MATTER_ADMINS, f->user);
	else if (f->may_log_in && !has_mfa && !f->is_broken && is_true(&f->mfa_required))
		add_name(st, MATTER_WITHOUT, f->user);

	const bool concerns[MATTER_COUNT] = {
		[MATTER_BROKEN] = f->is_broken,
		[MATTER_DAMAGED] = f->is_damaged && !f->is_broken,
		[MATTER_LOCKED] = is_true(&f->locked),
		[MATTER_NO_PASSWORD] = f->is_password_empty,
		[MATTER_SPARE] = has_mfa && f->devices.value == 1 &&
		    (f->recovery_left.kind != FACT_NUMBER || f->recovery_left.value == 0),
		[MATTER_ROTATE] = f->rotate_by.kind == FACT_TIME,
		[MATTER_STALE] = f->is_stale,
		[MATTER_PENDING] = f->pending > 0 || f->expired > 0,
		[MATTER_GRACE] = f->grace_until.kind == FACT_TIME,
		[MATTER_EXEMPT] = f->exempt_until.kind == FACT_TIME,
	};
	for (int i = 0; i < MATTER_COUNT; i++)
		if (concerns[i])
			add_name(st, (enum matter)i, f->user);
}

/* --- telling --------------------------------------------------------------------------- */

/* The groups of administrators that this host has, "sudo, admin". */
static void
name_groups(const struct status *st, char *out, size_t cap)
{
	struct bytes_writer w;

	bytes_writer_init(&w, out, cap);
	for (size_t i = 0; i < ADMIN_GROUP_COUNT; i++) {
		if (!st->has_group[i])
			continue;
		bytes_put(&w, w.len > 0 ? ", " : "");
		bytes_put(&w, admin_groups[i]);
	}
}

/* "3 users <bad>: alice, bob, carol", or what is good about it. */
static void
describe(const struct status *st, enum matter matter, char *out, size_t cap)
{
	const struct matter_row *row = &matters[matter];
	const struct names *n = &st->concerned[matter];
	const char *pattern = n->count == 0 ? row->good : row->bad;
	const char *gap = strstr(pattern, "%s");
	struct bytes_writer w;
	char groups[64];

	bytes_writer_init(&w, out, cap);
	if (matter == MATTER_ADMINS && st->admins == 0) {
		bytes_put(&w, "nobody is in sudo, wheel or admin");
		return;
	}
	if (n->count > 0) {
		bytes_put_u64(&w, n->count);
		bytes_put(&w, n->count == 1 ? " user " : " users ");
	}
	name_groups(st, groups, sizeof groups);
	if (gap == NULL)
		bytes_put(&w, pattern);
	else {
		bytes_put_span(&w, (struct span){ pattern, (size_t)(gap - pattern) });
		bytes_put(&w, groups);
		bytes_put(&w, gap + 2);
	}
	for (size_t i = 0; i < n->count && i < NAMES_SHOWN; i++) {
		size_t len = strnlen(n->name[i], NAME_SHOWN_MAX);
		bytes_put(&w, i == 0 ? ": " : ", ");
		bytes_put_span(&w, (struct span){ n->name[i], len });
		bytes_put(&w, n->name[i][len] == '\0' ? "" : "...");
	}
	if (n->count > NAMES_SHOWN) {
		bytes_put(&w, " and ");
		bytes_put_u64(&w, n->count - NAMES_SHOWN);
		bytes_put(&w, " more");
	}
}

/* A root without MFA that no password opens is reached through other accounts: a warning. */
static enum doctor_level
level_of(const struct status *st, enum matter matter)
{
	if (st->concerned[matter].count == 0)
		return DOCTOR_OK;
	if (matter == MATTER_ROOT && st->is_root_shut)
		return DOCTOR_WARN;
	return matters[matter].level;
}

static const char *
fix_of(const struct status *st, enum matter matter)
{
	if (matter == MATTER_ROOT && st->is_root_shut)
		return "no password opens it, but a key or `su` may; run totp-enroll as that user";
	return matters[matter].fix;
}

static void
print_text(const struct status *st, const struct doctor *d)
{
	admin_say("Users %zu   with MFA %zu (%zu%%)   devices %zu, of which %zu can log in",
	    st->users, st->protected_users,
	    st->users == 0 ? 0 : st->protected_users * 100 / st->users, st->devices,
	    st->usable_devices);
	doctor_print(d, false);
}

static void
print_json(const struct status *st, const struct doctor *d)
{
	static const char *const words[] = { [DOCTOR_OK] = "OK", [DOCTOR_WARN] = "WARN",
		[DOCTOR_FAIL] = "FAIL" };
	struct json j;

	json_begin(&j, stdout);
	json_open(&j, NULL, '{');
	json_number(&j, "users", (int64_t)st->users);
	json_number(&j, "users_with_mfa", (int64_t)st->protected_users);
	json_number(&j, "devices", (int64_t)st->devices);
	json_number(&j, "devices_in_use", (int64_t)st->usable_devices);
	json_open(&j, "findings", '[');
	for (size_t i = 0; i < d->count; i++) {
		const struct doctor_finding *f = &d->finding[i];
		json_open(&j, NULL, '{');
		json_text(&j, "check", f->check);
		json_text(&j, "level", words[f->level]);
		json_text(&j, "text", f->text);
		json_text(&j, "fix", f->fix[0] == '\0' ? NULL : f->fix);
		/* The matters come first, in their order; what follows is about no user. */
		json_open(&j, "users", '[');
		for (size_t k = 0; i < MATTER_COUNT && k < st->concerned[i].count; k++)
			json_text(&j, NULL, st->concerned[i].name[k]);
		json_close(&j, '[');
		json_close(&j, '{');
	}
	json_close(&j, '[');
	json_close(&j, '{');
}

static enum exit_code
tell(struct status *st, bool is_json)
{
	struct doctor d = { .finding = NULL };
	enum exit_code code = EXIT_CODE_OK;
	char text[DOCTOR_TEXT_CAP];

	for (int i = 0; i < MATTER_COUNT; i++) {
		enum doctor_level level = level_of(st, (enum matter)i);
		describe(st, (enum matter)i, text, sizeof text);
		doctor_add(&d, level, matters[i].check,
		    level == DOCTOR_OK ? NULL : fix_of(st, (enum matter)i), "%s", text);
	}
	if (st->source->has_failed_settings)
		doctor_add(&d, DOCTOR_FAIL, "settings", "mend that line; see pam_totp.conf(5)",
		    "who must show a code is not known: %s", st->source->settings_diag.text);
	doctor_check_clock(&d);
	if (d.is_out_of_memory || st->has_no_memory)
		code = admin_fail(EXIT_CODE_FAILURE, "out of memory");
	else {
		if (is_json)
			print_json(st, &d);
		else
			print_text(st, &d);
		if (doctor_worst(&d, NULL) == DOCTOR_FAIL)
			code = EXIT_CODE_FAILURE;
	}
	doctor_free(&d);
	return code;
}

enum exit_code
admin_status(struct admin *a, char *const *operand)
{
	struct status st = { .is_root_shut = true };
	enum exit_code code = EXIT_CODE_FAILURE;

	(void)operand;
	st.source = facts_open(a, &code);
	if (st.source == NULL)
		return code;
	for (size_t i = 0; i < ADMIN_GROUP_COUNT; i++)
		st.has_group[i] = accounts_find_group(admin_groups[i], &st.admin_gid[i]) == 0;
	facts_each(st.source, judge_user, &st);
	code = tell(&st, a->option[OPTION_JSON] != NULL);
	for (int i = 0; i < MATTER_COUNT; i++) {
		for (size_t k = 0; k < st.concerned[i].count; k++)
			free(st.concerned[i].name[k]);
		free(st.concerned[i].name);
	}
	facts_close(st.source);
	return code;
}
