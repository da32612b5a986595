/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* PAM's services on this host. It promises:
 *  1. Every service that can let an ordinary caller in is told: guarded, or without a code.
 *  2. What goes past pam_totp is told with file and line, and why. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utils/doctor_parts.h"

#define CHECK "pam"
#define NAMES_MAX 512

static const char *const pam_dirs[] = { "/etc/pam.d", "/usr/lib/pam.d" };

/* --- reading ---------------------------------------------------------------------- */

struct source {
	const struct doctor_paths *p;
	struct doctor *d; /* unsafe files are told here; NULL: not told */
};

static int
read_source(const char *name, void *ctx, char **text, size_t *len)
{
	const struct source *src = ctx;
	char path[512];
	bool is_safe = false;
	int r = ENOENT;

	for (size_t i = 0; i < 2 && r != 0; i++) {
		const char *dir = src->p->pam_dir != NULL ? src->p->pam_dir : pam_dirs[i];
		if (name[0] == '/')
			snprintf(path, sizeof path, "%s", name);
		else
			snprintf(path, sizeof path, "%s/%s", dir, name);
		r = doctor_slurp(path, PAM_STACK_FILE_MAX, text, len, &is_safe);
	}
	if (r == 0 && !is_safe && src->d != NULL)
		doctor_add(src->d, DOCTOR_FAIL, CHECK, "chown root, chmod go-w",
		    "%s can be changed by others than root, who could take the code out", path);
	return r;
}

static bool
read_stack(struct source *src, const char *service, const char *type, struct pam_stack *s)
{
	char path[512];

	if (!pam_stack_read(s, service, type, read_source, src))
		return false;
	for (unsigned i = 0; i < s->count; i++) {
		struct pam_line *l = &s->line[i];
		if (l->module[0] != '\0')
			l->is_missing = !doctor_find_module(l->module, path, sizeof path);
	}
	return true;
}

bool
doctor_read_service(const struct doctor_paths *p, const char *service, const char *type,
    struct pam_stack *s)
{
	struct source src = { .p = p };

	return read_stack(&src, service, type, s);
}

/* --- judging ------------------------------------------------------------------------ */

/* "sufficient pam_x.so" or "[success=1 default=ignore] pam_x.so". */
static void
show_line(const struct pam_line *l, char *out, size_t cap)
{
	bool has_pairs = strchr(l->control, '=') != NULL;

	snprintf(out, cap, "%s: \"%s%s%s %.80s\"", l->place, has_pairs ? "[" : "", l->control,
	    has_pairs ? "]" : "", l->module);
}

static void
tell_over(struct doctor *d, const char *service, const struct pam_line *l)
{
	char shown[320];

	show_line(l, shown, sizeof shown);
	if (l->kind == PAM_KIND_CONDITION || l->kind == PAM_KIND_FACTOR) {
		doctor_add(d, DOCTOR_WARN, CHECK,
		    "if that is not meant, make it required, or move it below pam_totp",
		    "%s: %s goes past pam_totp: whoever it says yes to shows no code", service,
		    shown);
		return;
	}
	doctor_add(d, DOCTOR_FAIL, CHECK,
	    "make it required or requisite, or let it jump no further than to pam_totp",
	    "%s: %s ends before pam_totp: its success lets in without a code", service, shown);
}

static void
tell_bypass(struct doctor *d, const char *service, const struct pam_stack *s,
    const struct pam_bypass *b)
{
	const struct pam_line *l = &s->line[b->line];
	char shown[320];

	show_line(l, shown, sizeof shown);
	switch (b->how) {
	case PAM_BYPASS_OVER:
		tell_over(d, service, l);
		break;
	case PAM_BYPASS_REFUSED:
		doctor_add(d, DOCTOR_FAIL, CHECK, "auth required pam_totp.so",
		    "%s: %s: a refused code does not refuse the login; other modules make up "
		    "for it", service, shown);
		break;
	case PAM_BYPASS_CODE_ONLY:
		/* Only its own words make the code enough; else the stack was as weak before. */
		if (l->action[0] == PAM_DO_DONE || l->action[0] > 0)
			doctor_add(d, DOCTOR_FAIL, CHECK, "auth required pam_totp.so",
			    "%s: %s: the code lets in without the password", service, shown);
		else
			doctor_add(d, DOCTOR_WARN, CHECK,
			    "look at what the stack does after a wrong password",
			    "%s: the code lets in although the password was wrong or not asked",
			    service);
		break;
	}
}

/* pam_totp_enroll needs pam_totp below it, and says nothing about who is enrolled. */
static void
judge_enrol(struct doctor *d, const char *service, const struct pam_stack *s,
    const struct pam_verdict *v)
{
	int enrol = pam_stack_find(s, PAM_KIND_ENROL);
	bool is_followed = false;

	for (unsigned i = 0; enrol >= 0 && i < s->count; i++)
		if (s->line[i].kind == PAM_KIND_TOTP && (int)i > enrol)
			is_followed = true;
	if (enrol >= 0 && !is_followed)
		doctor_add(d, DOCTOR_FAIL, CHECK, "auth required pam_totp.so below that line",
		    "%s: %s: pam_totp_enroll without pam_totp after it: who is enrolled shows "
		    "no code", service, s->line[enrol].place);
	if (enrol >= 0 && v->is_enrolling_strangers)
		doctor_add(d, DOCTOR_FAIL, CHECK,
		    "put the password above it, requisite in the place of required",
		    "%s: %s: pam_totp_enroll is reached although the password was wrong: who "
		    "knows but a name can enrol a phone for that user", service,
		    s->line[enrol].place);
}

static void
judge_missing(struct doctor *d, const char *service, const struct pam_stack *s)
{
	char path[512];

	for (unsigned i = 0; i < s->count; i++) {
		const struct pam_line *l = &s->line[i];
		if (!l->is_missing || (l->is_silent && l->kind != PAM_KIND_TOTP))
			continue;
		(void)doctor_find_module(l->module, path, sizeof path);
		doctor_add(d, l->kind == PAM_KIND_TOTP || l->kind == PAM_KIND_ENROL ?
		    DOCTOR_FAIL : DOCTOR_WARN, CHECK,
		    "install it, or name it by its whole path",
		    "%s: %s: there is no module %s", service, l->place, path);
	}
}

/* A guarded stack. Returns whether a code can be gone round. */
static bool
judge_guarded(struct doctor *d, const char *service, const struct pam_stack *s,
    const struct pam_verdict *v)
{
	const struct pam_line *l = &s->line[pam_stack_find(s, PAM_KIND_TOTP)];
	bool has_gap = v->bypass_count > 0;

	if (v->is_unknown)
		doctor_add(d, DOCTOR_FAIL, CHECK, "make the stack simpler",
		    "%s: the stack is too large to look at every way through it", service);
	for (unsigned i = 0; i < v->bypass_count; i++)
		tell_bypass(d, service, s, &v->bypass[i]);
	if (!v->is_reached)
		doctor_add(d, DOCTOR_FAIL, CHECK, "look at the lines above it",
		    "%s: %s: pam_totp is never reached", service, l->place);
	else if (!v->can_pass && !has_gap && !v->is_unknown)
		doctor_add(d, DOCTOR_FAIL, CHECK,
		    "look at jumps, missing modules and missing files of this stack",
		    "%s: nobody can log in, even with the right password and code", service);
	else if (!has_gap && !v->is_unknown)
		doctor_add(d, DOCTOR_OK, CHECK, NULL,
		    "%s: nobody gets past pam_totp (%s)%s", service, l->place,
		    s->is_other ? ", in the service \"other\"" : "");
	if (v->is_open_to_strangers)
		doctor_add(d, DOCTOR_WARN, CHECK,
		    "put the password above it as requisite (which tells a stranger that a "
		    "password was right), or accept this",
		    "%s: %s asks before the password is known to be right: strangers learn "
		    "nothing, but can count failures against a user and lock the devices",
		    service, l->place);
	if (!v->has_password && strcmp(service, "sshd") != 0)
		doctor_add(d, DOCTOR_WARN, CHECK, "put the password above pam_totp",
		    "%s: no module that is known here asks for a password: the code may be all "
		    "that is asked", service);
	return has_gap;
}

static void
keep_guard(struct doctor *d, struct doctor_guards *g, const char *service,
    const struct pam_stack *s, const struct pam_verdict *v, bool has_gap)
{
	if (g->count == DOCTOR_GUARDS_MAX) {
		doctor_add(d, DOCTOR_WARN, CHECK, "name the others by --service",
		    "%s: more than %d services with pam_totp; its settings are not looked at",
		    service, DOCTOR_GUARDS_MAX);
		return;
	}
	const struct pam_line *l = &s->line[pam_stack_find(s, PAM_KIND_TOTP)];
	struct doctor_guard *guard = &g->guard[g->count++];
	*guard = (struct doctor_guard){ .has_gap = has_gap, .asks_password = v->has_password,
		.is_enrolling = pam_stack_find(s, PAM_KIND_ENROL) >= 0 };
	doctor_guard_set(guard, service, l);
}

/* --- all services ----------------------------------------------------------------- */

/* Where people come in, and where they become root. */
static bool
is_way_in(const char *service)
{
	static const char *const names[] = { "login", "sshd", "su", "su-l", "sudo", "sudo-i",
		"remote", "gdm-password", "sddm", "lightdm", "xdm", "polkit-1", "cockpit",
		"doas", "other" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(service, names[i]) == 0)
			return true;
	return false;
}

/* What is only there to be included, or is left over from an editor or a package. */
static bool
is_passed_over(const char *name)
{
	static const char *const heads[] = { "common-", "system-auth", "password-auth",
		"postlogin", "fingerprint-auth", "smartcard-auth", "system-login",
		"system-local-login", "system-remote-login", "config-util" };
	static const char *const tails[] = { "~", ".dpkg-old", ".dpkg-new", ".dpkg-dist",
		".rpmsave", ".rpmnew", ".bak", ".orig", ".swp" };
	size_t len = strlen(name);

	if (name[0] == '.' || len >= DOCTOR_SERVICE_CAP)
		return true;
	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
		if (strncmp(name, heads[i], strlen(heads[i])) == 0)
			return true;
	for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
		size_t tail = strlen(tails[i]);
		if (len > tail && strcmp(name + len - tail, tails[i]) == 0)
			return true;
	}
	return false;
}

struct names {
	size_t count;
	char name[NAMES_MAX][DOCTOR_SERVICE_CAP];
};

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
list_dir(struct doctor *d, const char *path, bool is_needed, struct names *n)
{
	DIR *dir = opendir(path);

	if (dir == NULL) {
		if (is_needed)
			doctor_add(d, DOCTOR_FAIL, CHECK, "name the right directory by --pam-dir",
			    "%s cannot be read: %s", path, strerror(errno));
		return;
	}
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		if (is_passed_over(e->d_name))
			continue;
		if (n->count == NAMES_MAX) {
			doctor_add(d, DOCTOR_WARN, CHECK, "look at the others yourself",
			    "%s: more than %d services, not all of which are looked at", path,
			    NAMES_MAX);
			break;
		}
		bool is_known = false;
		for (size_t i = 0; i < n->count; i++)
			is_known = is_known || strcmp(n->name[i], e->d_name) == 0;
		if (!is_known)
			snprintf(n->name[n->count++], DOCTOR_SERVICE_CAP, "%.64s", e->d_name);
	}
	closedir(dir);
}

/* One service. *others: names of lesser services without a code, for one line. */
static void
check_service(struct doctor *d, struct source *src, const char *service,
    struct doctor_guards *g, char *others, size_t others_cap)
{
	struct pam_stack s;
	struct pam_verdict v;

	if (!read_stack(src, service, "auth", &s)) {
		d->is_out_of_memory = true;
		return;
	}
	bool is_own = !s.is_other || strcmp(service, "other") == 0;
	bool has_totp = pam_stack_find(&s, PAM_KIND_TOTP) >= 0;
	bool is_enrolment = strcmp(service, "totp-enroll") == 0;
	pam_stack_judge(&s, false, &v);
	if (is_own && s.fault[0] != '\0')
		doctor_add(d, DOCTOR_FAIL, CHECK, "mend that line; see pam.d(5)", "%s: %s",
		    service, s.fault);
	if (is_own && has_totp && is_enrolment)
		doctor_add(d, DOCTOR_FAIL, CHECK, "take that line out: totp-helper asks for the "
		    "code itself", "%s: pam_totp stands in this service: nobody can enrol a first "
		    "device", service);
	else if (is_own && has_totp)
		keep_guard(d, g, service, &s, &v, judge_guarded(d, service, &s, &v));
	else if (is_own && !is_enrolment && (v.can_pass_without || v.is_unknown)) {
		size_t len = strlen(others);
		if (is_way_in(service))
			doctor_add(d, DOCTOR_WARN, CHECK, "add it below the password, if a code is "
			    "wanted there: auth required pam_totp.so",
			    "%s: no code is asked: pam_totp is not in this stack", service);
		else if (len + strlen(service) + 8 < others_cap)
			snprintf(others + len, others_cap - len, "%s%s", len == 0 ? "" : ", ",
			    service);
		else if (len > 3 && strcmp(others + len - 3, "...") != 0)
			snprintf(others + len, others_cap - len, ", ...");
	}
	if (is_own) {
		judge_enrol(d, service, &s, &v);
		if (has_totp || pam_stack_find(&s, PAM_KIND_ENROL) >= 0)
			judge_missing(d, service, &s);
	}
	pam_stack_free(&s);
}

/* Each module file once, however many stacks name it. */
static void
check_modules(struct doctor *d, const struct doctor_paths *p, const struct doctor_guards *g)
{
	char seen[8][512];
	size_t count = 0;

	for (size_t i = 0; i < g->count; i++) {
		struct pam_stack s;
		if (!doctor_read_service(p, g->guard[i].service, "auth", &s)) {
			d->is_out_of_memory = true;
			return;
		}
		for (unsigned k = 0; k < s.count; k++) {
			const struct pam_line *l = &s.line[k];
			char path[512];
			bool is_ours = l->kind == PAM_KIND_TOTP || l->kind == PAM_KIND_ENROL;
			if (!is_ours || !doctor_find_module(l->module, path, sizeof path))
				continue;
			bool is_seen = false;
			for (size_t j = 0; j < count; j++)
				is_seen = is_seen || strcmp(seen[j], path) == 0;
			if (is_seen || count == sizeof seen / sizeof seen[0])
				continue;
			snprintf(seen[count++], sizeof seen[0], "%s", path);
			doctor_check_module(d, path);
		}
		pam_stack_free(&s);
	}
}

void
doctor_check_services(struct doctor *d, const struct doctor_paths *p, struct doctor_guards *g)
{
	struct source src = { .p = p, .d = d };
	char others[300] = "";
	struct names *n = calloc(1, sizeof *n);

	g->count = 0;
	if (n == NULL) {
		d->is_out_of_memory = true;
		return;
	}
	list_dir(d, p->pam_dir != NULL ? p->pam_dir : pam_dirs[0], true, n);
	if (p->pam_dir == NULL)
		list_dir(d, pam_dirs[1], false, n);
	if (n->count > 0)
		qsort(n->name, n->count, sizeof n->name[0], compare_names);
	for (size_t i = 0; i < n->count; i++)
		check_service(d, &src, n->name[i], g, others, sizeof others);
	if (others[0] != '\0')
		doctor_add(d, DOCTOR_WARN, CHECK, "add pam_totp where a code is wanted",
		    "further services that ask for no code: %s", others);
	if (g->count == 0)
		doctor_add(d, DOCTOR_WARN, CHECK, "see pam_totp(8) and the examples beside it",
		    "no service has pam_totp in its stack: no login asks for a code");
	free(n);
	check_modules(d, p, g);
}

void
doctor_guard_set(struct doctor_guard *g, const char *service, const struct pam_line *l)
{
	snprintf(g->service, sizeof g->service, "%s", service);
	memcpy(g->text, l->text, sizeof g->text);
	g->argc = l->argc;
	for (int i = 0; i < l->argc; i++)
		g->argv[i] = g->text + (l->argv[i] - l->text);
}

const struct doctor_guard *
doctor_guards_find(const struct doctor_guards *g, const char *service)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(g->guard[i].service, service) == 0)
			return &g->guard[i];
	return NULL;
}
