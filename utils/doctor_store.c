/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Settings, store and records. It promises:
 *  1. Each is judged as a login judges it: the same loader, the same checks of owner and mode,
 *     the same arguments of the service's line; nothing is written.
 *  2. A record is told only when something is wrong with it. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utils/admin.h"
#include "utils/doctor_parts.h"
#include "utils/table.h"

#define LOOKUP_CAP 65536 /* bytes of a group or passwd entry */
#define GROUPS_OF_USER_MAX 1024

/* --- settings -------------------------------------------------------------------------- */

struct member {
	const char *user;
	gid_t gid; /* the user's own group */
};

/* The user's own group; false: no account, or it cannot be looked up. */
static bool
find_own_group(const char *user, gid_t *gid)
{
	struct passwd entry, *pw = NULL;
	char *buf = malloc(LOOKUP_CAP);

	bool is_found = buf != NULL && getpwnam_r(user, &entry, buf, LOOKUP_CAP, &pw) == 0 &&
	    pw != NULL;
	if (is_found)
		*gid = pw->pw_gid;
	free(buf);
	return is_found;
}

/* struct config_who's question, as the module's host answers it. */
static int
find_member(void *ctx, const char *group, bool *is_member)
{
	const struct member *m = ctx;
	struct group entry, *gr = NULL;
	gid_t gids[GROUPS_OF_USER_MAX];
	int count = GROUPS_OF_USER_MAX;

	*is_member = false;
	char *buf = malloc(LOOKUP_CAP);
	if (buf == NULL)
		return E_IO;
	int r = getgrnam_r(group, &entry, buf, LOOKUP_CAP, &gr);
	gid_t gid = gr != NULL ? gr->gr_gid : 0;
	free(buf);
	if (r != 0)
		return E_IO;
	if (gr == NULL)
		return E_NOENT;
	if (getgrouplist(m->user, m->gid, gids, &count) < 0)
		return E_IO;
	for (int i = 0; i < count; i++)
		*is_member = *is_member || gids[i] == gid;
	return 0;
}

int
doctor_load_settings(const struct doctor_paths *p, const struct doctor_guard *g,
    const char *user, struct settings *s, bool *is_in_groups, struct diag *why)
{
	const char *argv[PAM_STACK_ARGS_MAX];
	char store[CONFIG_TEXT_CAP + 8];
	struct member m = { .user = user };
	struct config_who who = { .service = g == NULL ? NULL : g->service, .ctx = &m };
	int argc = 0;

	if (is_in_groups != NULL)
		*is_in_groups = true;
	if (user != NULL && find_own_group(user, &m.gid))
		who.find_member = find_member;
	for (int i = 0; g != NULL && i < g->argc; i++)
		argv[argc++] = g->argv[i];
	int r = config_load(argc, argv, p->conf, &who, s, why);
	if (r == 0 && is_in_groups != NULL && who.find_member != NULL)
		r = config_in_groups(s, &who, is_in_groups, why);
	if (r == 0 && p->store != NULL) {
		snprintf(store, sizeof store, "store=%s", p->store);
		r = config_parse_argument(store, s, why);
	}
	return r;
}

/* What sudo remembers of a login by itself (its time stamp) runs the account phase only: there
 * alone can the age of a code be looked at. No other service is in need of it, and where
 * keys alone let in (sshd) or nobody is asked (cron) such a line would deny. */
static void
check_age(struct doctor *d, const struct doctor_paths *p, const char *service)
{
	struct pam_stack s;

	if (!doctor_read_service(p, service, "account", &s)) {
		d->is_out_of_memory = true;
		return;
	}
	if (pam_stack_find(&s, PAM_KIND_TOTP) < 0)
		doctor_add(d, DOCTOR_WARN, "settings", "account required pam_totp.so",
		    "%s: max_age is set, but pam_totp is not in the account stack: what sudo "
		    "remembers may outlive it", service);
	pam_stack_free(&s);
}

/* Where sessions are shared, sshd and login hand theirs on in the session phase: in a file of
 * their own, because all that runs below a process with that line is taken for its login. */
static void
check_class(struct doctor *d, const struct doctor_paths *p, const struct doctor_guard *g,
    const struct settings *s)
{
	const char *service = g->service;
	size_t len = strlen(service);
	struct pam_stack stack;

	if (!doctor_read_service(p, service, "session", &stack)) {
		d->is_out_of_memory = true;
		return;
	}
	int at = pam_stack_find(&stack, PAM_KIND_TOTP);
	bool is_own = at >= 0 && strncmp(stack.line[at].place, service, len) == 0 &&
	    stack.line[at].place[len] == ':';
	if (at < 0 && strcmp(service, "sshd") == 0 && s->session_class[0] != '\0' &&
	    s->max_age_s > 0)
		doctor_add(d, DOCTOR_WARN, "settings", "session optional pam_totp.so",
		    "%s: session_class = %s is set, but pam_totp is not in the session stack: its "
		    "codes count for nothing else", service, s->session_class);
	else if (at >= 0 && !is_own && !stack.is_other)
		doctor_add(d, DOCTOR_WARN, "settings",
		    "move that line into the files of sshd and login",
		    "%s: %s: pam_totp in the session stack of a file that others include: what "
		    "runs below their programs is taken for one login", service,
		    stack.line[at].place);
	pam_stack_free(&stack);
}

void
doctor_check_settings(struct doctor *d, const struct doctor_paths *p,
    const struct doctor_guards *g)
{
	struct settings s;
	struct diag why = { "" };

	int r = doctor_load_settings(p, NULL, NULL, &s, NULL, &why);
	if (r != 0) {
		doctor_add(d, DOCTOR_FAIL, "settings", "mend that line; see pam_totp.conf(5)",
		    "every login with a code is refused: %s", why.text);
		return;
	}
	doctor_add(d, DOCTOR_OK, "settings", NULL, "%s is understood, or not there", p->conf);
	for (size_t i = 0; i < g->count; i++) {
		if (doctor_load_settings(p, &g->guard[i], NULL, &s, NULL, &why) != 0) {
			doctor_add(d, DOCTOR_FAIL, "settings",
			    "mend the pam_totp line of that service",
			    "%s: every login is refused: %s", g->guard[i].service, why.text);
			continue;
		}
		if (s.max_age_s > 0 && strncmp(g->guard[i].service, "sudo", 4) == 0)
			check_age(d, p, g->guard[i].service);
		check_class(d, p, &g->guard[i], &s);
	}
}

/* --- records ----------------------------------------------------------------------------- */

struct examination {
	struct doctor *d;
	struct store *store;
	const char *setting;
	const struct settings *settings;
	const char *not_enrolling; /* a service without pam_totp_enroll; NULL: none */
	uint64_t now_s;
	size_t records;
};

static void
judge_account(struct examination *x, const char *user, const struct record *r)
{
	uint32_t uid = 0;

	switch (admin_find_account(user, &uid)) {
	case ACCOUNT_UNKNOWN:
		doctor_add(x->d, DOCTOR_WARN, "store", "see nsswitch.conf(5)",
		    "%s: the account cannot be looked up", user);
		break;
	case ACCOUNT_NONE:
		doctor_add(x->d, DOCTOR_WARN, "store",
		    "totp-admin reset --forget that user, unless the account is to come back",
		    "%s: has a record but no account on this host", user);
		break;
	case ACCOUNT_FOUND:
		if (uid != r->uid)
			doctor_add(x->d, DOCTOR_FAIL, "store",
			    "totp-admin reset that user, who enrols again",
			    "%s: the record belongs to uid %u, the account has %u: every login is "
			    "refused", user, r->uid, uid);
		break;
	}
}

static void
judge_state(struct examination *x, const char *user, struct store_entry *e)
{
	switch (e->health) {
	case STATE_LOST:
		doctor_add(x->d, DOCTOR_WARN, "store",
		    "find out who removed it; then totp-admin unlock rebuilds it",
		    "%s: the state is missing or unreadable: codes up to now and all recovery "
		    "codes count as used", user);
		return;
	case STATE_HALF:
		doctor_add(x->d, DOCTOR_WARN, "store", "none: the next login mends it",
		    "%s: the last write of the state was cut short", user);
		break;
	case STATE_FRESH:
	case STATE_WHOLE:
		break;
	}
	if (state_is_from_future(&e->state, &e->record, x->now_s, x->settings->window))
		doctor_add(x->d, DOCTOR_FAIL, "store",
		    "set the clock right; if it is, totp-admin reset that user",
		    "%s: the state is from the future, so the clock was set back: no code is "
		    "accepted", user);
	if (e->state.is_locked)
		doctor_add(x->d, DOCTOR_WARN, "store", "totp-admin unlock that user",
		    "%s: locked after too many wrong codes", user);
}

static void
judge_devices(struct examination *x, const char *user, const struct record *r)
{
	char by[TABLE_TIME_CAP];

	for (unsigned i = 0; i < r->device_count; i++) {
		const struct record_device *dev = &r->device[i];
		if (dev->state == DEVICE_PENDING && dev->expires <= x->now_s)
			doctor_add(x->d, DOCTOR_WARN, "store",
			    "enrol again: a new try takes its place",
			    "%s: the enrolment of \"%s\" was never finished", user, dev->name);
		if (x->not_enrolling != NULL && record_device_is_usable(dev, x->now_s) &&
		    dev->rotate_by != 0 && dev->rotate_by <= x->now_s)
			doctor_add(x->d, DOCTOR_WARN, "store",
			    "let the user run totp-enroll rotate, or put pam_totp_enroll.so above "
			    "pam_totp.so there",
			    "%s: \"%s\" was to be rotated by %s, and %s cannot do it in the login: "
			    "it has no pam_totp_enroll", user, dev->name,
			    table_time_text(dev->rotate_by, true, by), x->not_enrolling);
	}
}

static int
examine_user(const char *user, void *ctx)
{
	struct examination *x = ctx;
	struct store_entry e;
	struct diag why = { "" };

	int r = store_load(x->store, user, &e, &why);
	if (r != 0)
		doctor_add(x->d, DOCTOR_FAIL, "store",
		    r == E_UNSAFE ? "chown root, chmod 0600, and find out who changed it" :
		    "restore the file from a backup, or totp-admin reset that user",
		    "%s: every login is refused: %s", user,
		    why.text[0] != '\0' ? why.text : diag_code_text(r));
	else if (e.has_record) {
		x->records++;
		judge_account(x, user, &e.record);
		judge_state(x, user, &e);
		judge_devices(x, user, &e.record);
	}
	store_entry_wipe(&e);
	return 0;
}

static void
examine_store(struct doctor *d, const struct settings *s, const char *not_enrolling)
{
	struct examination x = { .d = d, .setting = s->store, .settings = s,
		.not_enrolling = not_enrolling, .now_s = admin_now() };
	struct diag why = { "" };
	char fix[DOCTOR_TEXT_CAP];

	int r = store_open(s->store, s->state_fallback, &x.store, &why);
	if (r != 0) {
		const char *dir = strchr(s->store, '/') != NULL ? strchr(s->store, '/') : s->store;

		snprintf(fix, sizeof fix, "mount its file system; a store is root's alone, and a "
		    "new one is made by: install -d -m 0700 %.100s %.100s/secrets", dir, dir);
		doctor_add(d, DOCTOR_FAIL, "store", fix,
		    "%s cannot be used, so every login with a code is refused: %s", s->store,
		    r == E_NOENT ? "it does not exist" :
		    why.text[0] != '\0' ? why.text : diag_code_text(r));
		return;
	}
	size_t before = d->count;
	r = store_list(x.store, examine_user, &x, &why);
	if (r != 0)
		doctor_add(d, DOCTOR_FAIL, "store", "chown root, chmod 0700 its folders",
		    "%s cannot be used, so every login with a code is refused: %s", s->store,
		    why.text[0] != '\0' ? why.text : diag_code_text(r));
	else if (d->count == before)
		doctor_add(d, DOCTOR_OK, "store", NULL,
		    "%s is root's alone; %zu records, all whole", s->store, x.records);
	store_close(x.store);
}

void
doctor_check_store(struct doctor *d, const struct doctor_paths *p,
    const struct doctor_guards *g)
{
	char seen[8][CONFIG_TEXT_CAP];
	const char *not_enrolling = NULL;
	size_t count = 0;
	struct settings s;
	struct diag why;

	/* Where people log in; nobody looks for a QR code at sudo. */
	for (size_t i = 0; i < g->count && not_enrolling == NULL; i++) {
		const struct doctor_guard *guard = &g->guard[i];
		bool is_login = strcmp(guard->service, "sshd") == 0 ||
		    strcmp(guard->service, "login") == 0;
		if (is_login && !guard->is_enrolling)
			not_enrolling = guard->service;
	}
	/* The file's own store first, then those that services name. */
	for (size_t i = 0; i <= g->count; i++) {
		bool is_seen = false;
		if (doctor_load_settings(p, i == 0 ? NULL : &g->guard[i - 1], NULL, &s, NULL,
			&why) != 0)
			continue;
		for (size_t k = 0; k < count; k++)
			is_seen = is_seen || strcmp(seen[k], s.store) == 0;
		if (is_seen)
			continue;
		if (count == sizeof seen / sizeof seen[0]) {
			doctor_add(d, DOCTOR_WARN, "store", "give fewer stores to services",
			    "%s and perhaps others are not looked at: too many stores", s.store);
			break;
		}
		memcpy(seen[count++], s.store, sizeof seen[0]);
		examine_store(d, &s, not_enrolling);
	}
}

/* --- root --------------------------------------------------------------------------------- */

/* Whether the service ever asks root: sudo does not authenticate root at all. */
static bool
asks_root(const char *service)
{
	return strncmp(service, "sudo", 4) != 0 && strcmp(service, "polkit-1") != 0;
}

void
doctor_check_root(struct doctor *d, const struct doctor_paths *p, const struct doctor_guards *g)
{
	bool is_told = false, is_asked = false;

	for (size_t i = 0; i < g->count; i++) {
		const struct doctor_guard *guard = &g->guard[i];
		struct policy_facts facts = { .is_account = true, .now_s = admin_now() };
		struct store *store = NULL;
		struct store_entry e;
		struct settings s;
		struct diag why;

		bool is_shut = strcmp(guard->service, "sshd") == 0 && g->is_sshd_shut_to_root;
		if (is_shut || !asks_root(guard->service) ||
		    doctor_load_settings(p, guard, "root", &s, &facts.in_groups, &why) != 0 ||
		    store_open(s.store, s.state_fallback, &store, &why) != 0)
			continue;
		if (store_load(store, "root", &e, &why) == 0) {
			struct policy_decision now = policy_decide(&facts, &e, &s);
			bool is_enrolling = now.action == POLICY_ENROL && guard->is_enrolling;
			is_asked = true;
			if ((now.action == POLICY_DENY || now.action == POLICY_ENROL) &&
			    !is_enrolling) {
				is_told = true;
				doctor_add(d, DOCTOR_FAIL, "root",
				    "totp-enroll as root in this shell, before you close it",
				    "root has no device and unenrolled=%s: root cannot log in "
				    "through %s", now.action == POLICY_DENY ? "deny" :
				    "enroll without pam_totp_enroll", guard->service);
			}
		}
		store_entry_wipe(&e);
		store_close(store);
	}
	if (is_asked && !is_told)
		doctor_add(d, DOCTOR_OK, "root", NULL,
		    "root is not locked out by a missing device");
}
