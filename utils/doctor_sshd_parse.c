/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What `sshd -T` says, and what a list of methods is to PAM. It promises:
 *  1. A keyword that is not there leaves the facts "not whole": nothing is taken for off.
 *  2. A method that is not known to let PAM ask counts as going past it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "utils/doctor_sshd.h"

/* The value of a keyword: the rest of the line that begins with it. */
static bool
find_value(const char *text, const char *keyword, char *out, size_t cap)
{
	size_t len = strlen(keyword);

	out[0] = '\0';
	for (const char *line = text; *line != '\0';) {
		size_t end = strcspn(line, "\n");
		if (end > len && strncasecmp(line, keyword, len) == 0 && line[len] == ' ') {
			snprintf(out, cap, "%.*s", (int)(end - len - 1), line + len + 1);
			return true;
		}
		line += end + (line[end] == '\n' ? 1 : 0);
	}
	return false;
}

static void
add_way(struct sshd_facts *f, const char *way, size_t len)
{
	if (f->way_count == SSHD_WAYS_MAX || len >= SSHD_WAY_CAP) {
		f->has_more_ways = true;
		return;
	}
	memcpy(f->way[f->way_count], way, len);
	f->way[f->way_count++][len] = '\0';
}

void
doctor_sshd_parse(const char *text, struct sshd_facts *f)
{
	static const struct {
		const char *keyword;
		const char *method;
	} singles[] = {
		{ "pubkeyauthentication", "publickey" },
		{ "hostbasedauthentication", "hostbased" },
		{ "gssapiauthentication", "gssapi-with-mic" },
		{ "passwordauthentication", "password" },
		{ "kbdinteractiveauthentication", "keyboard-interactive" },
	};
	char value[2048];

	*f = (struct sshd_facts){ .is_whole = true };
	f->is_whole = find_value(text, "usepam", value, sizeof value);
	f->use_pam = strcmp(value, "yes") == 0;
	f->is_whole &= find_value(text, "permitemptypasswords", value, sizeof value);
	f->permit_empty = strcmp(value, "yes") == 0;
	f->is_whole &= find_value(text, "permitrootlogin", f->root_login, sizeof f->root_login);
	f->is_whole &= find_value(text, "authenticationmethods", value, sizeof value);
	if (value[0] != '\0' && strcmp(value, "any") != 0) {
		for (const char *at = value; *at != '\0';) {
			at += strspn(at, " ");
			size_t len = strcspn(at, " ");
			if (len > 0)
				add_way(f, at, len);
			at += len;
		}
		return;
	}
	for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
		bool is_there = find_value(text, singles[i].keyword, value, sizeof value);
		/* sshd may be built without GSSAPI; the others are always there. */
		if (!is_there && strcmp(singles[i].method, "gssapi-with-mic") != 0)
			f->is_whole = false;
		if (is_there && strcmp(value, "yes") == 0)
			add_way(f, singles[i].method, strlen(singles[i].method));
	}
}

enum sshd_way
doctor_sshd_way(const char *way)
{
	bool asks = false, has_password = false, has_other = false;

	for (const char *at = way; *at != '\0';) {
		size_t len = strcspn(at, ",");
		/* "keyboard-interactive:pam" names the device; ":bsdauth" is not PAM. */
		if ((len == 20 && strncmp(at, "keyboard-interactive", len) == 0) ||
		    (len == 24 && strncmp(at, "keyboard-interactive:pam", len) == 0))
			asks = true;
		else if (len == 8 && strncmp(at, "password", len) == 0)
			has_password = true;
		else
			has_other = true;
		at += len + (at[len] == ',' ? 1 : 0);
	}
	if (asks)
		return has_other ? SSHD_WAY_ASKS_AFTER : SSHD_WAY_ASKS;
	return has_password ? SSHD_WAY_PASSWORD : SSHD_WAY_PAST;
}
