/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* sshd: which of its methods reach PAM's auth stack. It promises:
 *  1. sshd itself is asked (sshd -T), never its files, whose first value wins through
 *     includes that differ from one distribution to the next.
 *  2. Only a way that lets PAM ask counts as guarded: a key alone does not, and neither does
 *     the password method, which gives the password as the answer to the code. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "utils/doctor_parts.h"
#include "utils/doctor_sshd.h"

#define CHECK "sshd"
#define OUTPUT_CAP 65536
#define INCLUDES_MAX 4 /* deep */

/* --- judging --------------------------------------------------------------------------- */

static void
judge_way(struct doctor *d, const char *who, const char *way, const struct doctor_guard *g,
    bool is_appended, bool is_pam)
{
	switch (doctor_sshd_way(way)) {
	case SSHD_WAY_PAST:
		doctor_add(d, DOCTOR_FAIL, CHECK,
		    "AuthenticationMethods keyboard-interactive, or publickey,"
		    "keyboard-interactive",
		    "%s%s alone opens the door: sshd does not ask PAM, so no code is asked", who,
		    way);
		break;
	case SSHD_WAY_PASSWORD:
		if (is_appended)
			doctor_add(d, DOCTOR_OK, CHECK, NULL,
			    "%s%s: the password with the code at its end", who, way);
		else
			doctor_add(d, DOCTOR_WARN, CHECK, "PasswordAuthentication no",
			    "%s%s: sshd gives the password as the answer to the code: such a login "
			    "of an enrolled user fails", who, way);
		break;
	case SSHD_WAY_ASKS:
		if (!g->asks_password)
			doctor_add(d, DOCTOR_FAIL, CHECK,
			    "AuthenticationMethods publickey,keyboard-interactive, or put the "
			    "password above pam_totp",
			    "%s%s: the code alone opens the door: nothing asks for a password or "
			    "a key", who, way);
		else if (is_pam)
			doctor_add(d, DOCTOR_OK, CHECK, NULL, "%s%s: PAM asks for the code", who,
			    way);
		break;
	case SSHD_WAY_ASKS_AFTER:
		if (is_pam)
			doctor_add(d, DOCTOR_OK, CHECK, NULL, "%s%s: PAM asks for the code", who,
			    way);
		break;
	}
}

/* sshd refuses to root what ends with a password or a question, unless it is "yes". */
static void
judge_root(struct doctor *d, const struct sshd_facts *f)
{
	bool is_key_only = strcmp(f->root_login, "without-password") == 0 ||
	    strcmp(f->root_login, "prohibit-password") == 0 ||
	    strcmp(f->root_login, "forced-commands-only") == 0;

	for (unsigned i = 0; i < f->way_count; i++)
		if (doctor_sshd_way(f->way[i]) == SSHD_WAY_PAST)
			return;
	if (is_key_only)
		doctor_add(d, DOCTOR_WARN, CHECK, "PermitRootLogin yes (or no, and say so)",
		    "root cannot log in by ssh: PermitRootLogin %s refuses the method that asks "
		    "for the code", f->root_login);
}

static void
judge(struct doctor *d, const struct sshd_facts *f, const struct doctor_guard *g,
    bool is_appended, const char *user)
{
	char who[80] = "";
	bool can_ask = false;

	if (user != NULL)
		snprintf(who, sizeof who, "for %.64s: ", user);
	if (!f->use_pam)
		doctor_add(d, DOCTOR_FAIL, CHECK, "UsePAM yes",
		    "%sUsePAM no: sshd never asks for a code", who);
	for (unsigned i = 0; i < f->way_count; i++) {
		enum sshd_way w = doctor_sshd_way(f->way[i]);
		can_ask |= w == SSHD_WAY_ASKS || w == SSHD_WAY_ASKS_AFTER ||
		    (w == SSHD_WAY_PASSWORD && is_appended);
		judge_way(d, who, f->way[i], g, is_appended, f->use_pam);
	}
	if (!can_ask)
		doctor_add(d, DOCTOR_FAIL, CHECK,
		    "KbdInteractiveAuthentication yes (older: ChallengeResponseAuthentication yes)",
		    "%skeyboard-interactive is off: sshd cannot ask for a code", who);
	if (f->has_more_ways)
		doctor_add(d, DOCTOR_WARN, CHECK, "read AuthenticationMethods yourself",
		    "%smore ways in than are looked at here", who);
	if (f->permit_empty)
		doctor_add(d, DOCTOR_WARN, CHECK, "PermitEmptyPasswords no",
		    "%sPermitEmptyPasswords yes: the code may be all that is asked", who);
	if (user == NULL || strcmp(user, "root") == 0)
		judge_root(d, f);
}

/* --- asking ---------------------------------------------------------------------------- */

/* Whether a Match block stands in the file or in what it includes. */
static bool
has_match(const char *path, unsigned depth)
{
	char *text = NULL;
	size_t len = 0;
	bool is_safe, is_found = false;

	if (depth >= INCLUDES_MAX || doctor_slurp(path, 1U << 20, &text, &len, &is_safe) != 0)
		return false;
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL && !is_found;
	     line = strsep(&rest, "\n")) {
		char *at = line + strspn(line, " \t");
		size_t word = strcspn(at, " \t=");
		if (word == 5 && strncasecmp(at, "Match", 5) == 0)
			is_found = true;
		if (word != 7 || strncasecmp(at, "Include", 7) != 0)
			continue;
		at += word;
		for (char *one = strsep(&at, " \t="); one != NULL && !is_found;
		     one = strsep(&at, " \t=")) {
			glob_t g = { .gl_pathc = 0 };
			char pattern[512];
			if (one[0] == '\0')
				continue;
			snprintf(pattern, sizeof pattern, "%s%s", one[0] == '/' ? "" : "/etc/ssh/",
			    one);
			if (glob(pattern, 0, NULL, &g) == 0)
				for (size_t i = 0; i < g.gl_pathc && !is_found; i++)
					is_found = has_match(g.gl_pathv[i], depth + 1);
			globfree(&g);
		}
	}
	free(text);
	return is_found;
}

/* The last line that a program printed: what it died of. */
static const char *
last_line(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr("\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	char *newline = strrchr(text, '\n');
	return newline == NULL ? text : newline + 1;
}

static const char *
find_sshd(void)
{
	static const char *const paths[] = { "/usr/sbin/sshd", "/usr/local/sbin/sshd",
		"/usr/bin/sshd", "/sbin/sshd" };

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

/* sshd -T [-f FILE] [-C ...]: its exit status. */
static int
ask_sshd(const char *sshd, const struct doctor_paths *p, const char *user, char *out)
{
	char name[] = "sshd", test[] = "-T", file_flag[] = "-f", match_flag[] = "-C";
	char file[1024], match[512];
	char *argv[7] = { name, test };
	unsigned n = 2;

	if (p->sshd_config != NULL) {
		snprintf(file, sizeof file, "%s", p->sshd_config);
		argv[n++] = file_flag;
		argv[n++] = file;
	}
	if (user != NULL) {
		snprintf(match, sizeof match,
		    "user=%.256s,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22", user);
		argv[n++] = match_flag;
		argv[n++] = match;
	}
	return doctor_run(sshd, argv, out, OUTPUT_CAP);
}

void
doctor_check_sshd(struct doctor *d, const struct doctor_paths *p,
    struct doctor_guards *guards, const char *user)
{
	const struct doctor_guard *g = doctor_guards_find(guards, "sshd");
	const char *sshd = find_sshd();
	struct sshd_facts f;
	struct settings s;
	struct diag why;

	/* Without pam_totp in its stack there is nothing to go past, and that is told. */
	if (g == NULL || (user != NULL && strpbrk(user, ",=") != NULL))
		return;
	if (sshd == NULL) {
		doctor_add(d, DOCTOR_OK, CHECK, NULL, "no sshd is installed here");
		return;
	}
	char *out = malloc(OUTPUT_CAP);
	if (out == NULL) {
		d->is_out_of_memory = true;
		return;
	}
	int status = ask_sshd(sshd, p, user, out);
	doctor_sshd_parse(out, &f);
	if (status != 0 || !f.is_whole) {
		doctor_add(d, DOCTOR_WARN, CHECK, "make `sshd -T` work, then run this again",
		    "sshd does not tell its settings, so nothing is known of it: %s",
		    last_line(out));
		free(out);
		return;
	}
	bool is_appended = doctor_load_settings(p, g, NULL, &s, NULL, &why) == 0 &&
	    s.first_pass == FIRST_PASS_APPEND;
	judge(d, &f, g, is_appended, user);
	guards->is_sshd_shut_to_root = strcmp(f.root_login, "no") == 0;
	if (user == NULL && has_match(p->sshd_config != NULL ? p->sshd_config :
		"/etc/ssh/sshd_config", 0))
		doctor_add(d, DOCTOR_WARN, CHECK, "run doctor --user NAME --service sshd for them",
		    "sshd's settings have Match blocks: what is said here is for who matches none");
	free(out);
}
