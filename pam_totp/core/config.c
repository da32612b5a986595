/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The settings: the grammar of the file, the arguments, and which of them wins. Keys and
 * values are config_keys.c's.
 *
 *  1. Nothing is passed over: an unknown key or section, a second value of a key, a
 *     stray quote, NUL or CR is an error, in the sections of other services too.
 *  2. Whatever fails leaves the settings all-zero: no store to open, nobody let
 *     through. Half a file is never in force.
 *  3. Only a file that nobody but root or the effective user can write is read, and
 *     only the file of the fallback name may be missing.
 *  4. A group about which nothing can be said is an error, never "not a member". */

#include "config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_keys.h"
#include "safefile.h"

#define SHOWN_MAX   40  /* bytes of a refused value that a message repeats */
#define PLACE_CAP   192 /* "FILE:LINE" or "module argument" in a message */
#define OPTION_CONF "conf="

enum section_kind { SECTION_SERVICE = 1, SECTION_GROUP };

struct section {
	enum section_kind kind;
	struct span name;
};

/* Which file, section and keys the line at hand stands among. */
struct scope {
	const char *file;
	unsigned line;
	uint32_t seen; /* bit i: row i has its value in this section */
	unsigned section_count;
	struct section section[CONFIG_SECTIONS_MAX];
};

/* The file is read twice, as a service's section wins over those of groups wherever they
 * stand: each time all is checked, and one part put in force. */
enum turn { TURN_TOP_AND_GROUPS, TURN_SERVICE };

/* E_INVALID with "PLACE: message"; scope is NULL for a module argument. */
static int __attribute__((format(printf, 3, 4)))
refuse(const struct scope *scope, struct diag *d, const char *fmt, ...)
{
	char place[PLACE_CAP] = "module argument";
	char text[DIAG_TEXT_MAX] = "";
	va_list ap;

	if (scope != NULL)
		(void)snprintf(place, sizeof place, "%.160s:%u", scope->file, scope->line);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	diag_set(d, E_INVALID, "%s: %s", place, text);
	return E_INVALID;
}

/* For "%.*s": how much of s a message repeats. */
static int
shown_len(struct span s)
{
	return s.len < SHOWN_MAX ? (int)s.len : SHOWN_MAX;
}

/* Take the quotes off "text". Elsewhere a quote has no meaning: E_INVALID. */
static int
unquote(struct span *value)
{
	if (value->len >= 2 && value->at[0] == '"' && value->at[value->len - 1] == '"') {
		value->at++;
		value->len -= 2;
	}
	if (value->len > 0 && memchr(value->at, '"', value->len) != NULL)
		return E_INVALID;
	return E_OK;
}

/* Put one value in its field. *seen: the rows that have a value already. */
static int
apply(const struct scope *scope, struct span name, struct span value, uint32_t *seen,
    struct settings *s, struct diag *d)
{
	unsigned i = config_keys_find(name);

	const struct config_key *key = config_key_at(i);
	if (key == NULL)
		return refuse(scope, d, "unknown key \"%.*s\"", shown_len(name), name.at);
	if ((*seen & (uint32_t)1 << i) != 0)
		return refuse(scope, d, "%s: given twice", key->name);
	*seen |= (uint32_t)1 << i;
	struct span shown = value;
	if (unquote(&value) != 0)
		return refuse(scope, d, "%s: unbalanced quotes in \"%.*s\"", key->name,
		    shown_len(shown), shown.at);
	if (config_keys_set(i, value, s) != 0)
		return refuse(scope, d, "%s: expected %s, got \"%.*s\"", key->name, key->range,
		    shown_len(value), value.at);
	return E_OK;
}

/* Cut s at its first '='. */
static bool
split_assignment(struct span s, struct span *name, struct span *value)
{
	const char *equals = s.len > 0 ? memchr(s.at, '=', s.len) : NULL;

	if (equals == NULL)
		return false;
	*name = (struct span){s.at, (size_t)(equals - s.at)};
	*value = (struct span){equals + 1, s.len - name->len - 1};
	return true;
}

/* libpam gives service names in lower case, so a section with a capital would silently
 * never apply. */
static bool
is_service_name(struct span s)
{
	if (s.len == 0 || s.len > CONFIG_SERVICE_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
		    c != '-')
			return false;
	}
	return true;
}

/* Read "[service NAME]" or "[group NAME]". */
static int
parse_section(struct span line, const struct scope *scope, struct section *out, struct diag *d)
{
	if (line.at[line.len - 1] != ']')
		return refuse(scope, d, "expected [service NAME] or [group NAME], got \"%.*s\"",
		    shown_len(line), line.at);
	struct span rest = bytes_trim((struct span){line.at + 1, line.len - 2});
	struct span kind = bytes_next_word(&rest);
	*out = (struct section){.kind = SECTION_SERVICE, .name = rest};
	if (bytes_is(kind, "group"))
		out->kind = SECTION_GROUP;
	else if (!bytes_is(kind, "service"))
		return refuse(scope, d,
		    "unknown section \"%.*s\", expected [service NAME] or [group NAME]",
		    shown_len(line), line.at);
	if (out->kind == SECTION_SERVICE && !is_service_name(rest))
		return refuse(scope, d,
		    "service name: expected 1..%d of a-z 0-9 . _ -, got \"%.*s\"",
		    CONFIG_SERVICE_MAX, shown_len(rest), rest.at);
	if (out->kind == SECTION_GROUP && !config_keys_is_group(rest))
		return refuse(scope, d,
		    "group name: expected 1..%d of A-Z a-z 0-9 . _ + @ $ \\ -, got \"%.*s\"",
		    CONFIG_GROUP_MAX, shown_len(rest), rest.at);
	return E_OK;
}

/* Enter the section of that line. */
static int
enter_section(struct span line, struct scope *scope, struct diag *d)
{
	struct section section = { .name = { "", 0 } };

	if (parse_section(line, scope, &section, d) != 0)
		return E_INVALID;
	for (unsigned i = 0; i < scope->section_count; i++) {
		const struct section *other = &scope->section[i];
		if (other->kind == section.kind && other->name.len == section.name.len &&
		    memcmp(other->name.at, section.name.at, section.name.len) == 0)
			return refuse(scope, d, "[%s %.*s]: given twice",
			    section.kind == SECTION_GROUP ? "group" : "service",
			    (int)section.name.len, section.name.at);
	}
	if (scope->section_count == CONFIG_SECTIONS_MAX)
		return refuse(scope, d, "more than %d sections", CONFIG_SECTIONS_MAX);
	scope->section[scope->section_count++] = section;
	scope->seen = 0;
	return E_OK;
}

/* Whether the user is in that group; *why: what to say when it is not known. */
static int
find_member(const struct config_who *who, struct span group, bool *is_member, const char **why)
{
	char name[CONFIG_GROUP_MAX + 1];

	*is_member = false;
	int r = bytes_copy(group, name, sizeof name);
	if (r == 0)
		r = who->find_member(who->ctx, name, is_member);
	*why = r == E_NOENT ? "this host has no such group" :
			      "the group cannot be looked up";
	return r;
}

/* Whether the lines of the section just entered are put in force this time. */
static int
is_in_force(const struct scope *scope, const struct config_who *who, enum turn turn,
    bool *is_ours, struct diag *d)
{
	const struct section *section = &scope->section[scope->section_count - 1];
	const char *why = "";

	*is_ours = false;
	switch (section->kind) {
	case SECTION_SERVICE:
		*is_ours = turn == TURN_SERVICE && who->service != NULL &&
		    bytes_is(section->name, who->service);
		return E_OK;
	case SECTION_GROUP:
		if (turn != TURN_TOP_AND_GROUPS || who->find_member == NULL)
			return E_OK;
		if (find_member(who, section->name, is_ours, &why) != 0)
			return refuse(scope, d, "[group %.*s]: %s", (int)section->name.len,
			    section->name.at, why);
		return E_OK;
	}
	return E_INVALID;
}

/* A line of the file as a person sees it: bounded, no NUL, Unix line end. */
static int
check_line(struct span line, const struct scope *scope, struct diag *d)
{
	if (line.len > CONFIG_LINE_MAX)
		return refuse(scope, d, "line longer than %d bytes", CONFIG_LINE_MAX);
	if (line.len > 0 && memchr(line.at, '\0', line.len) != NULL)
		return refuse(scope, d, "NUL byte: this is not a text file");
	if (line.len > 0 && memchr(line.at, '\r', line.len) != NULL)
		return refuse(scope, d,
		    "carriage return: save the file with Unix line ends (LF, not CRLF)");
	return E_OK;
}

static int
parse_lines(struct bytes_reader *reader, struct scope *scope, const struct config_who *who,
    enum turn turn, struct settings *s, struct diag *d)
{
	/* What is not put in force is checked on a copy that nobody reads. */
	struct settings scratch = *s;
	struct settings *target = turn == TURN_TOP_AND_GROUPS ? s : &scratch;
	struct span line;

	while (bytes_next_line(reader, &line)) {
		scope->line = reader->line;
		if (check_line(line, scope, d) != 0)
			return E_INVALID;
		line = bytes_trim(line);
		if (line.len == 0 || line.at[0] == '#')
			continue;
		if (line.at[0] == '[') {
			bool is_ours = false;
			if (enter_section(line, scope, d) != 0 ||
			    is_in_force(scope, who, turn, &is_ours, d) != 0)
				return E_INVALID;
			target = is_ours ? s : &scratch;
			continue;
		}
		struct span name, value;
		if (!split_assignment(line, &name, &value))
			return refuse(scope, d, "expected key = value, got \"%.*s\"",
			    shown_len(line), line.at);
		if (apply(scope, bytes_trim(name), bytes_trim(value), &scope->seen, target, d) != 0)
			return E_INVALID;
	}
	return E_OK;
}

/* A parser that refuses its own default (a build with a relative store, say) leaves all
 * settings zero. */
static int
apply_defaults(struct settings *s, struct diag *d)
{
	uint32_t seen = 0;

	memset(s, 0, sizeof *s);
	for (size_t i = 0; config_key_at(i) != NULL; i++) {
		const struct config_key *key = config_key_at(i);
		struct span name = {key->name, strlen(key->name)};
		struct span value = {key->default_value, strlen(key->default_value)};
		if (apply(NULL, name, value, &seen, s, d) != 0) {
			memset(s, 0, sizeof *s);
			return diag_set(d, E_INVALID, "default of %s: expected %s", key->name,
			    key->range);
		}
	}
	return E_OK;
}

/* Values of an argument are taken as they are: libpam has cut the line at its blanks
 * already, and keeps those in [brackets]. */
static int
apply_argument(const char *argument, uint32_t *seen, struct settings *s, struct diag *d)
{
	struct span text = {argument, strlen(argument)};
	struct span name, value;

	if (!split_assignment(text, &name, &value))
		return refuse(NULL, d, "expected key=value, got \"%.*s\"", shown_len(text),
		    text.at);
	return apply(NULL, name, value, seen, s, d);
}

static bool
is_conf(const char *argument)
{
	return strncmp(argument, OPTION_CONF, sizeof OPTION_CONF - 1) == 0;
}

/* Read the file at path beneath its checked directory into text (CONFIG_FILE_MAX bytes).
 * E_NOENT: there is none, or no such directory. */
static int
read_file(const char *path, char *text, size_t *len, struct diag *d)
{
	const struct safefile_rule rule = {
		.owner = geteuid(),
		.forbidden = 0022,
		.max_len = CONFIG_FILE_MAX,
	};
	char folder[PATH_MAX];
	int fd = -1;

	*len = 0;
	/* Not seen: where refuse() was called there is no path, and this is not reached.
	 * NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
	const char *slash = strrchr(path, '/');
	size_t folder_len = slash == NULL ? 0 : (size_t)(slash - path);
	if (slash == NULL || slash[1] == '\0' || folder_len + 2 > sizeof folder)
		return diag_set(d, E_INVALID, "expected /DIRECTORY/FILE of less than %d bytes",
		    PATH_MAX);
	/* The root directory keeps its slash. */
	if (folder_len == 0)
		folder_len = 1;
	memcpy(folder, path, folder_len);
	folder[folder_len] = '\0';
	int r = safefile_open_dir(folder, rule.owner, 0022, &fd, d);
	if (r == 0)
		r = safefile_slurp(fd, slash + 1, &rule, text, CONFIG_FILE_MAX, len, NULL, d);
	safefile_close(&fd);
	return r;
}

/* Apply the settings file; one that may be missing counts as empty then. */
static int
apply_file(const char *path, bool may_be_missing, const struct config_who *who,
    struct settings *s, struct diag *d)
{
	struct diag why = {""};
	size_t len = 0;

	char *text = malloc(CONFIG_FILE_MAX);
	if (text == NULL)
		return diag_set(d, E_IO, "%.160s: out of memory", path);
	int r = read_file(path, text, &len, &why);
	if (r == 0)
		r = config_parse_file(text, len, path, who, s, d);
	else if (r == E_NOENT && may_be_missing)
		r = E_OK;
	else if (r == E_NOENT)
		/* E_NOENT would say "not enrolled" to whoever maps codes. */
		r = diag_set(d, E_INVALID, "%.160s: there is no such settings file", path);
	else
		r = diag_set(d, r, "%.160s: %s", path, why.text);
	free(text);
	return r;
}

static int
load_all(int argc, const char *const *argv, const char *fallback, const struct config_who *who,
    struct settings *s, struct diag *d)
{
	const char *path = NULL;
	bool is_explicit = false;
	uint32_t seen = 0;

	int r = apply_defaults(s, d);
	if (r == 0)
		r = config_find_conf(argc, argv, fallback, &path, &is_explicit, d);
	if (r == 0)
		r = apply_file(path, !is_explicit, who, s, d);
	for (int i = 0; r == 0 && i < argc; i++)
		if (!is_conf(argv[i]))
			r = apply_argument(argv[i], &seen, s, d);
	return r;
}

void
config_defaults(struct settings *s)
{
	/* A refused default has left *s all-zero; config_load says which. */
	(void)apply_defaults(s, NULL);
}

int
config_parse_file(const char *text, size_t len, const char *file, const struct config_who *who,
    struct settings *s, struct diag *d)
{
	static const enum turn turns[] = { TURN_TOP_AND_GROUPS, TURN_SERVICE };
	static const struct config_who nobody = { .service = NULL };
	int r = E_OK;

	if (len > CONFIG_FILE_MAX)
		r = diag_set(d, E_INVALID, "%.160s: larger than %d bytes", file, CONFIG_FILE_MAX);
	for (size_t i = 0; r == 0 && i < sizeof turns / sizeof turns[0]; i++) {
		struct scope scope = {.file = file};
		struct bytes_reader reader;

		bytes_reader_init(&reader, text, len);
		r = parse_lines(
		    &reader, &scope, who != NULL ? who : &nobody, turns[i], s, d);
	}
	if (r != 0)
		memset(s, 0, sizeof *s);
	return r;
}

int
config_parse_argument(const char *argument, struct settings *s, struct diag *d)
{
	uint32_t seen = 0;

	int r = apply_argument(argument, &seen, s, d);
	if (r != 0)
		memset(s, 0, sizeof *s);
	return r;
}

int
config_find_conf(int argc, const char *const *argv, const char *fallback, const char **path,
    bool *is_explicit, struct diag *d)
{
	const char *found = NULL;

	*path = NULL;
	*is_explicit = false;
	for (int i = 0; i < argc; i++) {
		if (!is_conf(argv[i]))
			continue;
		if (found != NULL)
			return refuse(NULL, d, "conf: given twice");
		found = argv[i] + sizeof OPTION_CONF - 1;
		if (found[0] != '/')
			return refuse(NULL, d, "conf: expected an absolute path, got \"%.*s\"",
			    SHOWN_MAX, found);
	}
	*path = found != NULL ? found : fallback;
	*is_explicit = found != NULL;
	return E_OK;
}

int
config_load(int argc, const char *const *argv, const char *fallback,
    const struct config_who *who, struct settings *s, struct diag *d)
{
	int r = load_all(argc, argv, fallback, who, s, d);

	if (r != 0)
		memset(s, 0, sizeof *s);
	return r;
}

int
config_in_groups(const struct settings *s, const struct config_who *who, bool *is_in,
    struct diag *d)
{
	struct span rest = {s->groups, strlen(s->groups)};
	bool is_member = false;
	const char *why = "";

	*is_in = true;
	struct span name = config_keys_next_group(&rest);
	if (name.len == 0)
		return E_OK;
	if (who == NULL || who->find_member == NULL)
		return diag_set(d, E_INVALID, "groups: nobody to look them up for");
	for (; name.len > 0 && !is_member; name = config_keys_next_group(&rest)) {
		if (find_member(who, name, &is_member, &why) != 0)
			return diag_set(d, E_INVALID, "groups: \"%.*s\": %s", (int)name.len,
			    name.at, why);
	}
	*is_in = is_member;
	return E_OK;
}
