/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The sandboxing of a systemd unit. It promises:
 *  1. A text is read as systemd reads it: sections, comments, lines that go on, the last
 *     value of a setting, the sum of a list, and a list that an empty value takes back.
 *  2. Of two paths the longer decides, of two that are equal the stricter; below an
 *     inaccessible one nothing comes back.
 *  3. What is not understood takes nothing away: it is not reported. */
#include <string.h>
#include <strings.h>

#include "utils/doctor_unit.h"

#define LINE_CAP 2048 /* bytes of an assembled line, with NUL */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_true(const char *value)
{
	return strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0 ||
	    strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;
}

/* --- lists ------------------------------------------------------------------------- */

static void
forget_list(struct unit *u, enum unit_list list)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < u->count; i++)
		if (u->path[i].list != list)
			u->path[kept++] = u->path[i];
	u->count = kept;
}

/* One word of a list; prefix: of a directory that systemd itself makes. */
static void
add_path(struct unit *u, enum unit_list list, const char *prefix, const char *word, size_t len)
{
	size_t head = strlen(prefix);
	bool is_made = list == UNIT_STATE_DIRECTORY;

	/* "-": it need not be there; "+": below RootDirectory. */
	while (!is_made && len > 0 && (*word == '-' || *word == '+')) {
		word++;
		len--;
	}
	/* "/var:ro": what stands behind the colon are options or another name. */
	for (size_t i = 0; i < len; i++)
		if (word[i] == ':')
			len = i;
	while (len > 1 && word[len - 1] == '/')
		len--;
	if (len == 0 || (!is_made && word[0] != '/'))
		return;
	if (u->count == UNIT_PATHS_MAX || head + len >= UNIT_PATH_CAP) {
		u->is_too_long = true;
		return;
	}
	struct unit_path *p = &u->path[u->count++];
	p->list = list;
	memcpy(p->path, prefix, head);
	memcpy(p->path + head, word, len);
	p->path[head + len] = '\0';
}

static void
apply_list(struct unit *u, enum unit_list list, const char *prefix, const char *value)
{
	if (*value == '\0')
		forget_list(u, list);
	while (*value != '\0') {
		size_t len = strcspn(value, " \t\"'");
		if (len > 0)
			add_path(u, list, prefix, value, len);
		value += len + (value[len] != '\0');
	}
}

/* --- settings ------------------------------------------------------------------------ */

static void
apply_protect(struct unit *u, const char *value)
{
	if (strcmp(value, "strict") == 0)
		u->protect_system = UNIT_PROTECT_STRICT;
	else if (strcmp(value, "full") == 0)
		u->protect_system = UNIT_PROTECT_FULL;
	else
		u->protect_system = is_true(value) ? UNIT_PROTECT_YES : UNIT_PROTECT_NO;
}

static void
apply_setting(struct unit *u, const char *key, const char *value)
{
	static const struct {
		const char *key;
		enum unit_list list;
		const char *prefix;
	} lists[] = {
		{ "ReadWritePaths", UNIT_READ_WRITE_PATHS, "" },
		{ "ReadWriteDirectories", UNIT_READ_WRITE_PATHS, "" },
		{ "ReadOnlyPaths", UNIT_READ_ONLY_PATHS, "" },
		{ "ReadOnlyDirectories", UNIT_READ_ONLY_PATHS, "" },
		{ "InaccessiblePaths", UNIT_INACCESSIBLE_PATHS, "" },
		{ "InaccessibleDirectories", UNIT_INACCESSIBLE_PATHS, "" },
		{ "TemporaryFileSystem", UNIT_TEMPORARY, "" },
		{ "StateDirectory", UNIT_STATE_DIRECTORY, "/var/lib/" },
		{ "BindPaths", UNIT_BIND_PATHS, "" },
		{ "BindReadOnlyPaths", UNIT_BIND_READ_ONLY_PATHS, "" },
	};

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
		if (strcmp(key, lists[i].key) == 0)
			apply_list(u, lists[i].list, lists[i].prefix, value);
	if (strcmp(key, "ProtectSystem") == 0)
		apply_protect(u, value);
	else if (strcmp(key, "NoNewPrivileges") == 0)
		u->is_without_new_privileges = is_true(value);
	else if (strcmp(key, "PrivateTmp") == 0)
		u->has_private_tmp = is_true(value) || strcmp(value, "disconnected") == 0;
	else if (strcmp(key, "RootDirectory") == 0 || strcmp(key, "RootImage") == 0)
		u->has_own_root = value[0] != '\0' && strcmp(value, "/") != 0;
	else if (strcmp(key, "DynamicUser") == 0)
		u->is_dynamic_user = is_true(value);
	else if (strcmp(key, "User") == 0) {
		size_t len = strlen(value);
		u->is_too_long = u->is_too_long || len >= UNIT_USER_CAP;
		if (len < UNIT_USER_CAP)
			memcpy(u->user, value, len + 1);
	}
}

/* --- lines --------------------------------------------------------------------------- */

static void
apply_line(struct unit *u, char *line, bool *is_service)
{
	char *equals = strchr(line, '=');

	while (is_blank(*line))
		line++;
	if (*line == '[') {
		*is_service = strcmp(line, "[Service]") == 0;
		return;
	}
	if (!*is_service || equals == NULL)
		return;
	char *end = equals;
	while (end > line && is_blank(end[-1]))
		end--;
	*end = '\0';
	char *value = equals + 1;
	while (is_blank(*value))
		value++;
	apply_setting(u, line, value);
}

void
unit_apply(struct unit *u, const char *text, size_t len)
{
	char line[LINE_CAP];
	bool is_service = false, is_going_on = false;
	size_t used = 0;

	for (size_t at = 0; at < len;) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t n = newline == NULL ? len - at : (size_t)(newline - (text + at));
		const char *from = text + at;
		at += n + 1;
		size_t blanks = 0;
		while (blanks < n && is_blank(from[blanks]))
			blanks++;
		/* A comment does not end a line that goes on. */
		bool is_comment = blanks < n && (from[blanks] == '#' || from[blanks] == ';');
		if (is_comment && at < len)
			continue;
		if (is_comment)
			n = 0;
		while (n > 0 && is_blank(from[n - 1]))
			n--;
		is_going_on = n > 0 && from[n - 1] == '\\' && at < len;
		if (used + n >= sizeof line) {
			u->is_too_long = true;
			n = 0;
		}
		memcpy(line + used, from, n);
		used += n;
		if (is_going_on) {
			if (n > 0)
				line[used - 1] = ' ';
			continue;
		}
		while (used > 0 && is_blank(line[used - 1]))
			used--;
		line[used] = '\0';
		if (memchr(line, '\0', used) == NULL)
			apply_line(u, line, &is_service);
		used = 0;
	}
}

/* --- what comes of it ------------------------------------------------------------------ */

static bool
is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strcmp(dir, "/") == 0 ||
	    (strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

struct judged {
	size_t len; /* of the path that decided, 0 for none */
	enum unit_access access;
};

static void
judge(struct judged *j, const char *path, const char *dir, enum unit_access access)
{
	size_t len = strlen(dir);

	if (!is_below(path, dir) || len < j->len || (len == j->len && access <= j->access))
		return;
	j->len = len;
	j->access = access;
}

enum unit_access
unit_access(const struct unit *u, const char *path)
{
	static const enum unit_access of_list[] = {
		[UNIT_READ_WRITE_PATHS] = UNIT_WRITABLE,
		[UNIT_READ_ONLY_PATHS] = UNIT_READ_ONLY,
		[UNIT_INACCESSIBLE_PATHS] = UNIT_HIDDEN,
		[UNIT_TEMPORARY] = UNIT_HIDDEN,
		[UNIT_STATE_DIRECTORY] = UNIT_WRITABLE,
		[UNIT_BIND_PATHS] = UNIT_WRITABLE,
		[UNIT_BIND_READ_ONLY_PATHS] = UNIT_READ_ONLY,
	};
	static const struct {
		enum unit_protect from;
		const char *dir;
	} protected[] = {
		{ UNIT_PROTECT_YES, "/usr" }, { UNIT_PROTECT_YES, "/boot" },
		{ UNIT_PROTECT_YES, "/efi" }, { UNIT_PROTECT_FULL, "/etc" },
		{ UNIT_PROTECT_STRICT, "/" },
	};
	struct judged j = { .access = UNIT_WRITABLE };

	for (unsigned i = 0; i < u->count; i++) {
		/* Nothing below such a path comes back. */
		if (u->path[i].list == UNIT_INACCESSIBLE_PATHS && is_below(path, u->path[i].path))
			return UNIT_HIDDEN;
		judge(&j, path, u->path[i].path, of_list[u->path[i].list]);
	}
	for (size_t i = 0; i < sizeof protected / sizeof protected[0]; i++)
		if (u->protect_system >= protected[i].from)
			judge(&j, path, protected[i].dir, UNIT_READ_ONLY);
	if (u->has_private_tmp) {
		judge(&j, path, "/tmp", UNIT_HIDDEN);
		judge(&j, path, "/var/tmp", UNIT_HIDDEN);
	}
	return j.access;
}

bool
unit_is_without_root(const struct unit *u)
{
	return u->is_dynamic_user ||
	    (u->user[0] != '\0' && strcmp(u->user, "root") != 0 && strcmp(u->user, "0") != 0);
}
