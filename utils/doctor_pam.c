/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The reader of PAM's service files, in the way of libpam 1.5 (pam.d(5); what is said there of
 * "@include" is Debian's). It promises:
 *  1. A line counts as libpam counts it: a type without regard to case, "-" before it, words
 *     in [brackets], "\" at the end of a line, "#" anywhere; include flattens, substack nests.
 *  2. What libpam refuses is kept as a module that refuses, at its place, because jumps count
 *     it; and the first such thing is told.
 *  3. What does not fit this reader's limits is told as well, and never silently left out. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/bytes.h"
#include "utils/doctor_pam.h"

#define LEVELS_MAX 16 /* libpam's bound of includes within includes */
#define BLANKS " \n\t"

/* libpam's names of its return values, by number. */
static const char *const code_names[PAM_STACK_CODES] = {
	"success", "open_err", "symbol_err", "service_err", "system_err", "buf_err",
	"perm_denied", "auth_err", "cred_insufficient", "authinfo_unavail", "user_unknown",
	"maxtries", "new_authtok_reqd", "acct_expired", "session_err", "cred_unavail",
	"cred_expired", "cred_err", "no_module_data", "conv_err", "authtok_err",
	"authtok_recover_err", "authtok_lock_busy", "authtok_disable_aging", "try_again",
	"ignore", "abort", "authtok_expired", "module_unknown", "bad_item", "conv_again",
	"incomplete",
};
enum { CODE_SUCCESS = 0, CODE_NEW_AUTHTOK = 12, CODE_IGNORE = 25 };

static const struct {
	const char *name;
	enum pam_action action;
} actions[] = {
	{ "ignore", PAM_DO_IGNORE }, { "ok", PAM_DO_OK }, { "done", PAM_DO_DONE },
	{ "bad", PAM_DO_BAD }, { "die", PAM_DO_DIE }, { "reset", PAM_DO_RESET },
};

struct reading {
	struct pam_stack *s;
	const char *type; /* of the lines that are kept */
	bool is_cut;	  /* the file at hand cannot be read to its end */
	pam_stack_reader *reader;
	void *ctx;
};

static void __attribute__((format(printf, 2, 3)))
tell_fault(struct pam_stack *s, const char *fmt, ...)
{
	va_list ap;

	if (s->fault[0] != '\0')
		return;
	va_start(ap, fmt);
	if (vsnprintf(s->fault, sizeof s->fault, fmt, ap) < 0)
		s->fault[0] = '\0';
	va_end(ap);
}

/* --- words of a line ----------------------------------------------------------- */

/* Cut the next word off *rest, in place; NULL when none is left. "[a b\]c]" is one word. */
static char *
next_word(char **rest)
{
	char *from = *rest;

	if (from == NULL)
		return NULL;
	from += strspn(from, BLANKS);
	if (*from == '\0') {
		*rest = NULL;
		return NULL;
	}
	char *end = from;
	if (*from == '[') {
		char *to = ++from;
		for (end = from; *end != '\0' && *end != ']'; end++) {
			if (end[0] == '\\' && end[1] == ']')
				end++;
			*to++ = *end;
		}
		bool is_closed = *end != '\0';
		*to = '\0';
		*rest = is_closed && end[1] != '\0' ? end + 1 : NULL;
		return from;
	}
	end += strcspn(end, BLANKS);
	*rest = end[0] != '\0' && end[1] != '\0' ? end + 1 : NULL;
	*end = '\0';
	return from;
}

static void
set_default(struct pam_line *l, int action)
{
	for (int i = 0; i < PAM_STACK_CODES; i++)
		if (l->action[i] == PAM_DO_UNSET)
			l->action[i] = action;
}

/* One action of a [value=action] control: a word or a jump. Returns what follows it. */
static const char *
parse_action(const char *at, int *action)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (strncmp(at, actions[i].name, strlen(actions[i].name)) == 0) {
			*action = actions[i].action;
			return at + strlen(actions[i].name);
		}
	*action = 0;
	for (; *at >= '0' && *at <= '9'; at++)
		if (*action < PAM_STACK_LINES_MAX * 10)
			*action = *action * 10 + (*at - '0');
	return *action > 0 ? at : NULL;
}

/* A [value=action ...] control. Anything that libpam does not understand makes every
 * return value bad. */
static bool
parse_pairs(struct pam_line *l, const char *at)
{
	for (;;) {
		int code = 0, action = 0;

		at += strspn(at, " \t\n\v\f\r");
		if (*at == '\0')
			return true;
		for (; code < PAM_STACK_CODES; code++)
			if (strncmp(at, code_names[code], strlen(code_names[code])) == 0)
				break;
		const char *name = code < PAM_STACK_CODES ? code_names[code] : "default";
		if (strncmp(at, name, strlen(name)) != 0)
			break;
		at += strlen(name);
		at += strspn(at, " \t\n\v\f\r");
		if (*at != '=')
			break;
		at++;
		at += strspn(at, " \t\n\v\f\r");
		at = parse_action(at, &action);
		if (at == NULL)
			break;
		if (code < PAM_STACK_CODES)
			l->action[code] = action;
		else
			set_default(l, action);
	}
	for (int i = 0; i < PAM_STACK_CODES; i++)
		l->action[i] = PAM_DO_BAD;
	return false;
}

/* The control word; false: not understood, and so refusing. */
static bool
parse_control(struct pam_line *l, const char *word)
{
	static const struct {
		const char *word;
		enum pam_action success, other;
		bool ignores;
	} simple[] = {
		{ "required", PAM_DO_OK, PAM_DO_BAD, true },
		{ "requisite", PAM_DO_OK, PAM_DO_DIE, true },
		{ "optional", PAM_DO_OK, PAM_DO_IGNORE, false },
		{ "sufficient", PAM_DO_DONE, PAM_DO_IGNORE, false },
	};

	for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++) {
		if (strcasecmp(word, simple[i].word) != 0)
			continue;
		l->action[CODE_SUCCESS] = simple[i].success;
		l->action[CODE_NEW_AUTHTOK] = simple[i].success;
		if (simple[i].ignores)
			l->action[CODE_IGNORE] = PAM_DO_IGNORE;
		set_default(l, simple[i].other);
		return true;
	}
	bool is_right = parse_pairs(l, word);
	set_default(l, PAM_DO_BAD);
	return is_right;
}

/* --- lines ------------------------------------------------------------------------ */

/* How a file came to be read. */
struct inclusion {
	unsigned depth; /* of includes */
	unsigned level; /* of substacks */
	bool is_typed;	/* by "auth include FILE", not by "@include FILE" */
};

enum file_read { FILE_NONE = 0, FILE_CUT, FILE_WHOLE };

/* What libpam 1.5 does not read: a file that ends where it promised to go on, a long line. */
static bool
cut_file(struct reading *rd, const char *file, unsigned line_no, const char *why)
{
	tell_fault(rd->s, "%.100s:%u: %s", file, line_no, why);
	rd->is_cut = true;
	return false;
}

/* Assemble the next line that holds something, into out (PAM_STACK_LINE_CAP). Blank lines and
 * comments are passed over, also between a line and what continues it. false: the end.
 * *line_no: where it began. */
static bool
next_line(struct reading *rd, struct bytes_reader *r, const char *file, char *out,
    unsigned *line_no)
{
	size_t len = 0;
	struct span raw;

	while (bytes_next_line(r, &raw)) {
		raw = bytes_trim(raw);
		if (raw.len == 0 || raw.at[0] == '#')
			continue;
		if (len == 0)
			*line_no = r->line;
		const char *hash = memchr(raw.at, '#', raw.len);
		bool has_more = hash == NULL && raw.at[raw.len - 1] == '\\';
		if (hash != NULL)
			raw.len = (size_t)(hash - raw.at);
		else if (has_more)
			raw.len--;
		if (len + raw.len + 2 > PAM_STACK_LINE_CAP)
			return cut_file(rd, file, r->line, "the line is too long");
		if (raw.len > 0)
			memcpy(out + len, raw.at, raw.len);
		len += raw.len;
		if (has_more)
			out[len++] = ' ';
		out[len] = '\0';
		if (!has_more)
			return true;
	}
	if (len > 0)
		return cut_file(rd, file, *line_no, "the file ends in a line that goes on");
	return false;
}

static struct pam_line *
add_line(struct pam_stack *s, const char *file, unsigned line_no, unsigned level)
{
	if (s->count == PAM_STACK_LINES_MAX) {
		tell_fault(s, "%.100s:%u: more than %d modules", file, line_no,
		    PAM_STACK_LINES_MAX);
		s->is_refused = true;
		return NULL;
	}
	struct pam_line *l = &s->line[s->count++];
	*l = (struct pam_line){ .level = level, .module = "" };
	snprintf(l->place, sizeof l->place, "%s:%u", file, line_no);
	for (int i = 0; i < PAM_STACK_CODES; i++)
		l->action[i] = PAM_DO_UNSET;
	return l;
}

static void
break_line(struct pam_stack *s, struct pam_line *l, const char *why)
{
	l->is_broken = true;
	l->module = "";
	l->kind = PAM_KIND_OTHER;
	l->argc = 0;
	set_default(l, PAM_DO_BAD); /* what a control has set stays, as in libpam */
	tell_fault(s, "%s: %s", l->place, why);
}

static enum file_read read_file(struct reading *rd, const char *name, struct inclusion in);

/* "auth include FILE" and "auth substack FILE". */
static void
read_included(struct reading *rd, const char *file, unsigned line_no, const char *control,
    const char *target, struct inclusion in)
{
	struct inclusion inner = { .depth = in.depth + 1, .level = in.level, .is_typed = true };
	enum file_read how = FILE_NONE;
	bool is_substack = strcasecmp(control, "substack") == 0;
	char why[128];

	if (is_substack) {
		struct pam_line *l = add_line(rd->s, file, line_no, in.level);
		if (l == NULL)
			return;
		l->is_substack = true;
		set_default(l, PAM_DO_IGNORE);
		inner.level++;
	}
	if (target != NULL)
		how = read_file(rd, target, inner);
	if (how == FILE_WHOLE)
		return;
	struct pam_line *l = add_line(rd->s, file, line_no, in.level);
	if (l == NULL)
		return;
	snprintf(why, sizeof why, "%s \"%.80s\": %s", control, target == NULL ? "" : target,
	    how == FILE_NONE ? "there is no such file" : "the file is broken");
	break_line(rd->s, l, why);
}

/* A module's line: text (assembled, cut in place) after its type. */
static void
read_module(struct reading *rd, struct pam_line *l, const char *control, char *rest)
{
	snprintf(l->control, sizeof l->control, "%s", control);
	bool is_understood = parse_control(l, control);
	const char *module = next_word(&rest);
	if (module == NULL) {
		break_line(rd->s, l, "no module is named");
		return;
	}
	if (!is_understood)
		tell_fault(rd->s, "%s: the control \"%s\" is not understood, so the module always "
		    "refuses", l->place, l->control);
	l->module = module;
	l->kind = pam_kind_of(module);
	for (char *word = next_word(&rest); word != NULL; word = next_word(&rest)) {
		if (l->argc == PAM_STACK_ARGS_MAX) {
			tell_fault(rd->s, "%s: more than %d arguments", l->place,
			    PAM_STACK_ARGS_MAX);
			return;
		}
		l->argv[l->argc++] = word;
	}
}

static bool
is_type(const char *word)
{
	static const char *const types[] = { "auth", "account", "session", "password" };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcasecmp(word, types[i]) == 0)
			return true;
	return false;
}

/* "@include FILE": lines of all types. Where it fails libpam has no type to put a refusing
 * module under, and gives the whole file up. */
static void
read_at_include(struct reading *rd, const char *file, unsigned line_no, const char *target,
    struct inclusion in)
{
	struct inclusion inner = in;

	if (in.is_typed) {
		read_included(rd, file, line_no, "@include", target, in);
		return;
	}
	inner.depth++;
	enum file_read how = target == NULL ? FILE_NONE : read_file(rd, target, inner);
	if (how == FILE_WHOLE)
		return;
	tell_fault(rd->s, "%.60s:%u: @include \"%.60s\": there is no such file", file, line_no,
	    target == NULL ? "" : target);
	rd->is_cut = true;
}

/* One assembled line of a file. */
static void
read_line(struct reading *rd, const char *file, unsigned line_no, char *text,
    struct inclusion in)
{
	char copy[PAM_STACK_LINE_CAP];
	char *rest = copy;

	memcpy(copy, text, sizeof copy);
	char *type = next_word(&rest);
	if (type == NULL)
		return;
	if (strcmp(type, "@include") == 0) {
		read_at_include(rd, file, line_no, next_word(&rest), in);
		return;
	}
	bool is_silent = type[0] == '-';
	type += is_silent ? 1 : 0;
	/* libpam counts a type that it does not know as the one that it is looking for, or else
	 * as auth, "most sensitive", and refuses. */
	bool is_known = is_type(type);
	const char *counted = is_known ? type : in.is_typed ? rd->type : "auth";
	if (strcasecmp(counted, rd->type) != 0)
		return;
	char *control = next_word(&rest);
	if (control != NULL &&
	    (strcasecmp(control, "include") == 0 || strcasecmp(control, "substack") == 0)) {
		if (!is_known)
			tell_fault(rd->s, "%.100s:%u: unknown module type", file, line_no);
		read_included(rd, file, line_no, control, next_word(&rest), in);
		return;
	}
	struct pam_line *l = add_line(rd->s, file, line_no, in.level);
	if (l == NULL)
		return;
	l->is_silent = is_silent;
	if (control == NULL) {
		break_line(rd->s, l, "no control is given");
		return;
	}
	/* Once more on the line's own copy, which its pointers name. */
	memcpy(l->text, text, sizeof l->text);
	rest = l->text;
	(void)next_word(&rest);
	control = next_word(&rest);
	read_module(rd, l, control, rest);
	if (!is_known)
		break_line(rd->s, l, "unknown module type");
}

/* All lines of a file. NONE: there is none, or it is too deep. */
static enum file_read
read_file(struct reading *rd, const char *name, struct inclusion in)
{
	struct bytes_reader r;
	char line[PAM_STACK_LINE_CAP] = "";
	char *text = NULL;
	unsigned line_no = 0;
	size_t len = 0;

	if (in.depth >= LEVELS_MAX || rd->reader(name, rd->ctx, &text, &len) != 0)
		return FILE_NONE;
	bytes_reader_init(&r, text, len);
	while (!rd->s->is_refused && !rd->is_cut && next_line(rd, &r, name, line, &line_no))
		read_line(rd, name, line_no, line, in);
	free(text);
	bool is_whole = !rd->is_cut;
	rd->is_cut = false;
	return is_whole ? FILE_WHOLE : FILE_CUT;
}

bool
pam_stack_read(struct pam_stack *s, const char *service, const char *type,
    pam_stack_reader *reader, void *ctx)
{
	struct reading rd = { .s = s, .type = type, .reader = reader, .ctx = ctx };

	*s = (struct pam_stack){ .line = calloc(PAM_STACK_LINES_MAX, sizeof *s->line) };
	if (s->line == NULL)
		return false;
	const struct inclusion top = { .depth = 0 };
	enum file_read own = read_file(&rd, service, top);
	s->is_refused |= own == FILE_CUT;
	if (s->count > 0 || s->is_refused)
		return true;
	s->is_other = true;
	enum file_read other = read_file(&rd, "other", top);
	if (own == FILE_NONE && other == FILE_NONE)
		tell_fault(s, "neither \"%.60s\" nor \"other\" is there", service);
	s->is_refused |= other != FILE_WHOLE || s->count == 0;
	return true;
}

void
pam_stack_free(struct pam_stack *s)
{
	free(s->line);
	*s = (struct pam_stack){ .line = NULL };
}

int
pam_stack_find(const struct pam_stack *s, enum pam_kind kind)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->line[i].kind == kind)
			return (int)i;
	return -1;
}
