/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* sudo's rules that go round PAM. It promises:
 *  1. It reads the files as text, for the words that switch authentication off or move it;
 *     it does not work out for whom a rule holds, and tells each with file and line.
 *  2. It says what it cannot see: rules in a directory (LDAP, SSSD), files it cannot read.
 * Source: sudoers(5). */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utils/doctor_parts.h"

#define CHECK "sudo"
#define FILE_MAX (1U << 20)
#define DEPTH_MAX 8

struct scan {
	struct doctor *d;
	const struct doctor_guards *guards;
	bool is_guarded; /* a service that sudo uses has pam_totp */
	unsigned found;
	unsigned files;
};

static void read_sudoers(struct scan *sc, const char *path, unsigned depth);

static void
tell_rule(struct scan *sc, const char *path, unsigned line, bool is_all, const char *what)
{
	enum doctor_level level = sc->is_guarded && is_all ? DOCTOR_FAIL : DOCTOR_WARN;

	sc->found++;
	doctor_add(sc->d, level, CHECK,
	    "take the word out (visudo), or leave it to commands that must run unattended",
	    "%s:%u: %s: sudo asks for neither password nor code", path, line, what);
}

/* "NOPASSWD:" and whether ALL stands among the commands behind it. */
static void
look_for_nopasswd(struct scan *sc, const char *path, unsigned line_no, const char *line)
{
	for (const char *at = strstr(line, "NOPASSWD"); at != NULL;
	     at = strstr(at + 1, "NOPASSWD")) {
		const char *rest = at + strlen("NOPASSWD");
		rest += strspn(rest, " \t");
		if (*rest != ':')
			continue;
		bool is_all = false;
		for (const char *all = strstr(rest, "ALL"); all != NULL;
		     all = strstr(all + 1, "ALL"))
			if (strchr(" \t:,)", all[-1]) != NULL &&
			    (all[3] == '\0' || strchr(" \t,", all[3]) != NULL))
				is_all = true;
		tell_rule(sc, path, line_no, is_all,
		    is_all ? "NOPASSWD for all commands" : "NOPASSWD for some commands");
		return;
	}
}

/* The services that sudo is told to use in place of its own. */
static void
look_for_service(struct scan *sc, const char *path, unsigned line_no, const char *line)
{
	static const char *const keys[] = { "pam_service", "pam_login_service",
		"pam_askpass_service" };

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const char *at = strstr(line, keys[i]);
		if (at == NULL || (at != line && strchr(" \t,", at[-1]) == NULL))
			continue;
		at += strlen(keys[i]);
		at += strspn(at, " \t");
		if (*at != '=')
			continue;
		at++;
		at += strspn(at, " \t\"");
		char service[DOCTOR_SERVICE_CAP];
		snprintf(service, sizeof service, "%.*s", (int)strcspn(at, " \t\",\r"), at);
		bool has_code = doctor_guards_find(sc->guards, service) != NULL;
		doctor_add(sc->d, has_code ? DOCTOR_OK : DOCTOR_WARN, CHECK,
		    has_code ? NULL : "add pam_totp to that service, if a code is wanted",
		    "%s:%u: sudo uses the PAM service \"%s\"%s", path, line_no, service,
		    has_code ? ", which asks for a code" : ", which asks for no code");
	}
}

static void
look_at_defaults(struct scan *sc, const char *path, unsigned line_no, const char *line)
{
	static const char *const others[] = { "rootpw", "runaspw", "targetpw" };

	if (strstr(line, "!authenticate") != NULL)
		tell_rule(sc, path, line_no, true, "!authenticate");
	if (strstr(line, "exempt_group") != NULL && strstr(line, "!exempt_group") == NULL)
		tell_rule(sc, path, line_no, true, "exempt_group");
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		const char *at = strstr(line, others[i]);
		if (at != NULL && (at == line || at[-1] != '!'))
			doctor_add(sc->d, DOCTOR_WARN, CHECK, "take it out (visudo)",
			    "%s:%u: %s: sudo asks for password and code of another account than "
			    "the caller's", path, line_no, others[i]);
	}
	const char *timeout = strstr(line, "timestamp_timeout");
	if (timeout != NULL) {
		timeout += strcspn(timeout, "=");
		timeout += strspn(timeout, "= \t\"");
		if (*timeout == '-')
			doctor_add(sc->d, DOCTOR_WARN, CHECK, "Defaults timestamp_timeout=15, or 0",
			    "%s:%u: sudo never asks again in a session: one code opens it for good",
			    path, line_no);
	}
	look_for_service(sc, path, line_no, line);
}

/* All files of a folder in order, but those with '.' in or '~' at the end of their names. */
static void
read_folder(struct scan *sc, const char *folder, unsigned depth)
{
	struct dirent **entry = NULL;
	char path[1024 + NAME_MAX + 2];

	int count = scandir(folder, &entry, NULL, alphasort);
	if (count < 0) {
		if (errno != ENOENT)
			doctor_add(sc->d, DOCTOR_WARN, CHECK, "run it as root",
			    "%s cannot be read: %s", folder, strerror(errno));
		return;
	}
	for (int i = 0; i < count; i++) {
		const char *name = entry[i]->d_name;
		if (strchr(name, '.') == NULL && name[strlen(name) - 1] != '~') {
			snprintf(path, sizeof path, "%s/%s", folder, name);
			read_sudoers(sc, path, depth + 1);
		}
		free(entry[i]);
	}
	free(entry);
}

/* "@include FILE", "#includedir DIR" and the like. Whether it was one. */
static bool
follow(struct scan *sc, const char *base, const char *line, unsigned depth)
{
	char path[1024], target[512];

	if (line[0] != '@' && line[0] != '#')
		return false;
	bool is_folder = strncmp(line + 1, "includedir", 10) == 0;
	if (!is_folder && strncmp(line + 1, "include", 7) != 0)
		return false;
	const char *at = line + 1 + (is_folder ? 10 : 7);
	if (*at != ' ' && *at != '\t')
		return false;
	at += strspn(at, " \t\"");
	snprintf(target, sizeof target, "%.*s", (int)strcspn(at, "\"\r"), at);
	size_t len = strlen(target);
	while (len > 0 && strchr(" \t", target[len - 1]) != NULL)
		target[--len] = '\0';
	const char *slash = strrchr(base, '/');
	if (target[0] == '/' || slash == NULL)
		snprintf(path, sizeof path, "%s", target);
	else
		snprintf(path, sizeof path, "%.*s/%s", (int)(slash - base), base, target);
	if (strchr(path, '%') != NULL)
		doctor_add(sc->d, DOCTOR_WARN, CHECK, "read it yourself",
		    "%s includes %s, whose name holds a %% that is not followed here", base, path);
	else if (is_folder)
		read_folder(sc, path, depth);
	else
		read_sudoers(sc, path, depth + 1);
	return true;
}

/* A line with its continuations joined, its comment cut. */
static void
look_at_line(struct scan *sc, const char *path, unsigned line_no, char *line, unsigned depth)
{
	char *at = line + strspn(line, " \t");

	if (follow(sc, path, at, depth))
		return;
	/* "#1000" is a uid, any other "#" a comment. */
	for (char *hash = strchr(at, '#'); hash != NULL; hash = strchr(hash + 1, '#'))
		if (hash[1] < '0' || hash[1] > '9') {
			*hash = '\0';
			break;
		}
	if (strncmp(at, "Defaults", 8) == 0)
		look_at_defaults(sc, path, line_no, at);
	else
		look_for_nopasswd(sc, path, line_no, at);
}

static void
read_sudoers(struct scan *sc, const char *path, unsigned depth)
{
	char *text = NULL;
	size_t len = 0;
	bool is_safe = false;

	if (depth >= DEPTH_MAX)
		return;
	int r = doctor_slurp(path, FILE_MAX, &text, &len, &is_safe);
	if (r != 0) {
		doctor_add(sc->d, DOCTOR_WARN, CHECK, "see visudo -c",
		    "%s cannot be read, so its rules are not known: %s", path, strerror(r));
		return;
	}
	sc->files++;
	/* Join continued lines in place; the number stays that of the first. */
	unsigned line_no = 0;
	for (char *at = text; at < text + len;) {
		char *line = at, *to = at;
		unsigned first = ++line_no;
		while (*at != '\0' && *at != '\n') {
			if (at[0] == '\\' && at[1] == '\n') {
				at += 2;
				line_no++;
				*to++ = ' ';
			} else
				*to++ = *at++;
		}
		at++;
		*to = '\0';
		look_at_line(sc, path, first, line, depth);
	}
	free(text);
}

/* Rules that come from a directory are nowhere in these files. */
static void
look_at_nsswitch(struct doctor *d)
{
	char *text = NULL;
	size_t len = 0;
	bool is_safe;

	if (doctor_slurp("/etc/nsswitch.conf", FILE_MAX, &text, &len, &is_safe) != 0)
		return;
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		char *at = line + strspn(line, " \t");
		if (strncmp(at, "sudoers:", 8) != 0)
			continue;
		if (strstr(at, "ldap") != NULL || strstr(at, "sss") != NULL)
			doctor_add(d, DOCTOR_WARN, CHECK, "look there for the option !authenticate",
			    "sudo takes rules from a directory too (nsswitch.conf), which are not "
			    "seen here");
	}
	free(text);
}

void
doctor_check_sudo(struct doctor *d, const struct doctor_paths *p, const struct doctor_guards *g)
{
	struct scan sc = { .d = d, .guards = g };
	char *text = NULL;
	size_t len = 0;
	bool is_safe;

	/* Also a service of another name that pam_service may name: "sudo-totp". */
	for (size_t i = 0; i < g->count; i++)
		sc.is_guarded |= strncmp(g->guard[i].service, "sudo", 4) == 0;
	if (doctor_slurp(p->sudoers, FILE_MAX, &text, &len, &is_safe) == ENOENT) {
		doctor_add(d, DOCTOR_OK, CHECK, NULL, "%s is not there: no sudo", p->sudoers);
		return;
	}
	free(text);
	read_sudoers(&sc, p->sudoers, 0);
	if (sc.files > 0 && sc.found == 0)
		doctor_add(d, DOCTOR_OK, CHECK, NULL,
		    "no rule in %s lets anybody go without authentication", p->sudoers);
	look_at_nsswitch(d);
}
