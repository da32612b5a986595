/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What keeps the programs that load pam_totp from the store: the sandboxing of their systemd
 * units, SELinux, and that lockers are not root. It promises:
 *  1. Unit files are read as they lie on the disk, masks and drop-ins included; no manager has
 *     to run, so a container and a rescue system are judged too.
 *  2. Only what would make a login fail is told. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "login_line.h"
#include "utils/doctor_parts.h"
#include "utils/doctor_unit.h"

#define CHECK "confine"
#define UNIT_FILE_MAX 65536
#define DROP_INS_MAX 64

/* The first one counts: systemd.unit(5). */
static const char *const unit_dirs[] = { "/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system" };
#define UNIT_DIRS (sizeof unit_dirs / sizeof unit_dirs[0])

/* --- units ------------------------------------------------------------------------- */

/* The fragment of a unit, by its first directory. false: none, or it is masked. */
static bool
read_fragment(const char *name, struct unit *u)
{
	char path[512];

	for (size_t i = 0; i < UNIT_DIRS; i++) {
		struct stat st;
		char *text;
		size_t len;
		bool is_safe;
		snprintf(path, sizeof path, "%s/%s.service", unit_dirs[i], name);
		if (stat(path, &st) != 0)
			continue;
		if (doctor_slurp(path, UNIT_FILE_MAX, &text, &len, &is_safe) != 0)
			return false;
		unit_apply(u, text, len);
		free(text);
		return true;
	}
	return false;
}

struct drop_ins {
	size_t count;
	char path[DROP_INS_MAX][512];
};

static const char *
last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int
compare_drop_ins(const void *a, const void *b)
{
	return strcmp(last_name(a), last_name(b));
}

/* Add those of a directory whose names are not there yet. */
static void
list_drop_ins(struct drop_ins *all, const char *dir, const char *name)
{
	char pattern[512];
	glob_t found = { .gl_pathc = 0 };

	snprintf(pattern, sizeof pattern, "%s/%s.d/*.conf", dir, name);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		bool is_known = all->count == DROP_INS_MAX;
		for (size_t k = 0; k < all->count && !is_known; k++)
			is_known = strcmp(last_name(all->path[k]), last_name(path)) == 0;
		if (!is_known && strlen(path) < sizeof all->path[0])
			snprintf(all->path[all->count++], sizeof all->path[0], "%s", path);
	}
	globfree(&found);
}

/* false: there is no such unit. */
static bool
read_unit(struct doctor *d, const char *name, struct unit *u)
{
	char full[DOCTOR_SERVICE_CAP + 16];

	*u = (struct unit){ .count = 0 };
	if (!read_fragment(name, u))
		return false;
	struct drop_ins *all = calloc(1, sizeof *all);
	if (all == NULL) {
		d->is_out_of_memory = true;
		return true;
	}
	snprintf(full, sizeof full, "%s.service", name);
	/* Of the unit itself, then of all services; of each name the first counts. */
	for (size_t i = 0; i < UNIT_DIRS; i++)
		list_drop_ins(all, unit_dirs[i], full);
	for (size_t i = 0; i < UNIT_DIRS; i++)
		list_drop_ins(all, unit_dirs[i], "service");
	if (all->count > 0)
		qsort(all->path, all->count, sizeof all->path[0], compare_drop_ins);
	for (size_t i = 0; i < all->count; i++) {
		char *text;
		size_t len;
		bool is_safe;
		if (doctor_slurp(all->path[i], UNIT_FILE_MAX, &text, &len, &is_safe) == 0)
			unit_apply(u, text, len);
		free(text);
	}
	free(all);
	return true;
}

static void
judge_unit(struct doctor *d, const char *service, const char *name, const struct unit *u,
    const char *dir)
{
	char fix[DOCTOR_TEXT_CAP];
	enum unit_access access = unit_access(u, dir);

	snprintf(fix, sizeof fix, "systemctl edit %s: [Service] ReadWritePaths=%s", name, dir);
	if (u->is_too_long)
		doctor_add(d, DOCTOR_WARN, CHECK, "look at its settings yourself",
		    "%s: %s.service says more than is understood here", service, name);
	if (u->has_own_root)
		doctor_add(d, DOCTOR_WARN, CHECK, "put the store there, or take RootDirectory out",
		    "%s: %s.service has a root directory of its own, where %s is another",
		    service, name, dir);
	else if (access == UNIT_HIDDEN)
		doctor_add(d, DOCTOR_FAIL, CHECK, "take that setting out of the unit",
		    "%s: %s.service hides %s from it: every login with a code is refused",
		    service, name, dir);
	else if (access == UNIT_READ_ONLY)
		doctor_add(d, DOCTOR_FAIL, CHECK, fix,
		    "%s: %s.service may not write below %s: every login with a code is refused",
		    service, name, dir);
	if (unit_is_without_root(u))
		doctor_add(d, DOCTOR_WARN, CHECK, "run it as root, or see pam_totp(8)",
		    "%s: %s.service is not root (User=%s), and the store is root's", service, name,
		    u->is_dynamic_user ? "dynamic" : u->user);
	if (u->is_without_new_privileges)
		doctor_add(d, DOCTOR_WARN, CHECK, "systemctl edit it: [Service] NoNewPrivileges=no",
		    "%s: %s.service has NoNewPrivileges: in a session below it totp-enroll, sudo "
		    "and su do not work", service, name);
}

static void
check_unit(struct doctor *d, const char *service, const char *name, const char *dir)
{
	struct unit *u = calloc(1, sizeof *u);

	if (u == NULL)
		d->is_out_of_memory = true;
	else if (read_unit(d, name, u))
		judge_unit(d, service, name, u, dir);
	free(u);
}

/* The units that start the programs of a PAM service: of its own name, and these. */
static void
check_units(struct doctor *d, const char *service, const char *dir)
{
	static const struct {
		const char *service;
		const char *unit;
	} others[] = {
		{ "sshd", "ssh" }, { "sshd", "ssh@" }, { "login", "getty@" },
		{ "login", "serial-getty@" }, { "login", "console-getty" },
		{ "gdm-password", "gdm" }, { "gdm-password", "gdm3" },
		{ "polkit-1", "polkit-agent-helper@" }, { "systemd-user", "user@" },
		{ "crond", "cron" }, { "cockpit", "cockpit-session@" }, { "samba", "smbd" },
	};
	char own[DOCTOR_SERVICE_CAP + 2];

	check_unit(d, service, service, dir);
	snprintf(own, sizeof own, "%s@", service);
	check_unit(d, service, own, dir);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (strcmp(others[i].service, service) == 0)
			check_unit(d, service, others[i].unit, dir);
}

/* --- programs that are not root -------------------------------------------------------- */

/* Lockers that run as their users, of which the first are set-uid root on some systems. */
static bool
is_locker(const char *service, bool *is_perhaps_root)
{
	static const char *const names[] = { "vlock", "xlock", "slock", "xscreensaver", "swaylock",
		"i3lock", "kde", "kscreensaver", "gtklock", "hyprlock", "waylock",
		"xfce4-screensaver", "mate-screensaver", "cinnamon-screensaver",
		"gnome-screensaver", "light-locker", "xsecurelock" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		*is_perhaps_root = i < 4;
		if (strcmp(service, names[i]) == 0)
			return true;
	}
	return false;
}

/* The module asks totp-helper there, which has the rights that the locker has not. */
static void
check_locker(struct doctor *d, const struct doctor_paths *p, const struct doctor_guard *g,
    const struct settings *s, bool is_perhaps_root)
{
	enum doctor_level level = is_perhaps_root ? DOCTOR_WARN : DOCTOR_FAIL;
	const char *who = is_perhaps_root ? "unless it is set-uid root" :
	    "this program is not root";
	size_t before = d->count;
	struct stat st;

	if (lstat(HELPER_PATH, &st) != 0 || st.st_uid != 0 || (st.st_mode & S_ISUID) == 0)
		doctor_add(d, level, CHECK, "chmod 4755 " HELPER_PATH,
		    "%s: %s: %s is not set-uid root, so nobody can unlock", g->service, who,
		    HELPER_PATH);
	if (stat(p->conf, &st) == 0 && (st.st_mode & S_IROTH) == 0)
		doctor_add(d, level, CHECK, "chmod 0644 that file, which holds no secret",
		    "%s: %s: it cannot read %s, so nobody can unlock", g->service, who, p->conf);
	for (int i = 0; i < g->argc; i++)
		if (login_argument_kind(g->argv[i]) == LOGIN_ARGUMENT_UNFIT)
			doctor_add(d, level, CHECK, "put it into the settings file",
			    "%s: %s: \"%s\" is not taken from the PAM file, so nobody can unlock",
			    g->service, who, g->argv[i]);
	if (s->unenrolled == UNENROLLED_DENY || s->unenrolled == UNENROLLED_ENROLL)
		doctor_add(d, DOCTOR_WARN, CHECK,
		    "unenrolled = skip in a section of its own, if that is meant",
		    "%s: users without a device cannot unlock their own screens", g->service);
	if (d->count == before)
		doctor_add(d, DOCTOR_OK, CHECK, NULL,
		    "%s: %s: totp-helper looks at its user's code", g->service, who);
}

/* Services that send what is typed over a network as it is. */
static bool
is_in_clear(const char *service)
{
	static const char *const names[] = { "remote", "telnet", "rlogin", "rsh", "rexec", "ftp",
		"vsftpd", "proftpd", "pure-ftpd" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(service, names[i]) == 0)
			return true;
	return false;
}

/* --- SELinux ---------------------------------------------------------------------------- */

static bool
is_enforcing(void)
{
	char *text;
	size_t len;
	bool is_safe;

	if (doctor_slurp("/sys/fs/selinux/enforce", 8192, &text, &len, &is_safe) != 0)
		return false;
	bool is_on = len > 0 && text[0] == '1';
	free(text);
	return is_on;
}

/* var_auth_t is what the policies of Fedora and its kin give to state of PAM modules. */
static void
check_selinux(struct doctor *d, const char *dir)
{
	char label[256] = "", fix[DOCTOR_TEXT_CAP];

	ssize_t n = getxattr(dir, "security.selinux", label, sizeof label - 1);
	if (n < 0 && errno == ENOENT)
		return;
	label[n > 0 ? n : 0] = '\0';
	if (strstr(label, ":var_auth_t:") != NULL || strstr(label, ":pam_totp") != NULL) {
		doctor_add(d, DOCTOR_OK, CHECK, NULL, "SELinux: %s is labelled %s", dir, label);
		return;
	}
	snprintf(fix, sizeof fix, "semanage fcontext -a -t var_auth_t '%.120s(/.*)?' && "
	    "restorecon -R %.120s", dir, dir);
	doctor_add(d, DOCTOR_WARN, CHECK, fix,
	    "SELinux enforces, and %s is labelled %s: sshd, login and others may be kept from it",
	    dir, label[0] == '\0' ? "nothing" : label);
}

/* --- all --------------------------------------------------------------------------------- */

void
doctor_check_confinement(struct doctor *d, const struct doctor_paths *p,
    const struct doctor_guards *g)
{
	char labelled[CONFIG_TEXT_CAP] = "";
	bool enforcing = is_enforcing();
	size_t before = d->count;
	struct settings s;
	struct diag why;

	for (size_t i = 0; i < g->count; i++) {
		const char *service = g->guard[i].service;
		if (doctor_load_settings(p, &g->guard[i], NULL, &s, NULL, &why) != 0)
			continue;
		const char *dir = strchr(s.store, '/');
		if (dir == NULL)
			continue;
		check_units(d, service, dir);
		bool is_perhaps_root = false;
		if (is_locker(service, &is_perhaps_root))
			check_locker(d, p, &g->guard[i], &s, is_perhaps_root);
		if (is_in_clear(service))
			doctor_add(d, DOCTOR_WARN, CHECK, "use ssh, or see that it has TLS",
			    "%s: such a service sends password and code over the network in clear",
			    service);
		if (enforcing && strcmp(labelled, dir) != 0) {
			snprintf(labelled, sizeof labelled, "%s", dir);
			check_selinux(d, dir);
		}
	}
	if (d->count == before && g->count > 0)
		doctor_add(d, DOCTOR_OK, CHECK, NULL,
		    "no unit keeps these services from the store%s",
		    enforcing ? "" : ", and SELinux does not enforce");
}
