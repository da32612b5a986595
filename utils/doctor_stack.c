/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What can come of an auth stack: every way through it, as libpam's dispatcher walks. It
 * promises:
 *  1. Each module may say whatever a module of its kind can say; a module that is not known
 *     may say anything. So a way past pam_totp that exists is found, however it is written.
 *  2. Ways that are the same from some line on are walked once, which keeps the number small;
 *     when it is not small, the verdict says that it is unknown. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utils/doctor_pam.h"

#define WAYS_MAX 4000
#define LEVEL_BITS 3 /* of a substack's remembered state: impression 2, success 1 */
#define LEVELS_KEPT 20

enum impression { IMPRESSION_UNSET = 0, IMPRESSION_GOOD, IMPRESSION_BAD };
enum code_told { CODE_NOT_ASKED = 0, CODE_PASSED_OVER, CODE_RIGHT, CODE_REFUSED };
enum password_told { PASSWORD_NOT_ASKED = 0, PASSWORD_WRONG, PASSWORD_RIGHT };

/* Where a walk stands. */
struct way {
	unsigned at;
	unsigned level; /* of the line walked last */
	enum impression impression;
	bool is_success; /* the status so far is PAM_SUCCESS */
	enum code_told code;
	enum password_told password;
	int over; /* the line that went past pam_totp, or -1 */
	uint64_t kept; /* impression and success at the entry of each level */
};

struct walk {
	const struct pam_stack *s;
	struct pam_verdict *v;
	bool is_root_caller;
	int totp;	    /* first pam_totp line */
	int password;	    /* first password line */
	struct way *way;
	unsigned count;
};

/* libpam's numbers of the values that matter by themselves. */
enum {
	RETURN_SUCCESS = 0,
	RETURN_PERM_DENIED = 6,
	RETURN_AUTH_ERR = 7,
	RETURN_NEW_AUTHTOK = 12,
	RETURN_IGNORE = 25,
	RETURN_MODULE_UNKNOWN = 28
};

/* A password module ignores itself only where it is told to (pam_sss's ignore_unknown_user,
 * pam_krb5's ignore_root). */
static bool
may_ignore(const struct pam_line *l)
{
	for (int i = 0; i < l->argc; i++)
		if (strncmp(l->argv[i], "ignore_", 7) == 0)
			return true;
	return false;
}

/* Whether this line may return that. */
static bool
may_return(const struct walk *w, const struct pam_line *l, int code)
{
	if (l->is_broken)
		return code == RETURN_PERM_DENIED;
	if (l->is_missing)
		return code == RETURN_MODULE_UNKNOWN;
	if (code == RETURN_MODULE_UNKNOWN)
		return false;
	switch (l->kind) {
	case PAM_KIND_PERMIT:
		return code == RETURN_SUCCESS;
	case PAM_KIND_DENY:
		return code == RETURN_AUTH_ERR;
	case PAM_KIND_QUIET:
		return code == RETURN_IGNORE;
	case PAM_KIND_ROOT:
		return code == (w->is_root_caller ? RETURN_SUCCESS : RETURN_AUTH_ERR);
	case PAM_KIND_PASSWORD:
		return code != RETURN_IGNORE || may_ignore(l);
	case PAM_KIND_OTHER:
	case PAM_KIND_TOTP:
	case PAM_KIND_ENROL:
	case PAM_KIND_FACTOR:
	case PAM_KIND_CONDITION:
		return true;
	}
	return true;
}

static void
add_way(struct walk *w, const struct way *new)
{
	for (unsigned i = w->count; i-- > 0;) {
		const struct way *o = &w->way[i];
		if (o->at == new->at && o->level == new->level &&
		    o->impression == new->impression && o->is_success == new->is_success &&
		    o->code == new->code && o->password == new->password &&
		    o->over == new->over && o->kept == new->kept)
			return;
	}
	if (w->count == WAYS_MAX) {
		w->v->is_unknown = true;
		return;
	}
	w->way[w->count++] = *new;
}

/* Past the rest of this level: what libpam does at a decision. */
static unsigned
after_level(const struct pam_stack *s, unsigned at)
{
	unsigned next = at + 1;

	while (next < s->count && s->line[next].level >= s->line[at].level)
		next++;
	return next;
}

/* Past `jump` modules of this level; false when there are not so many. */
static bool
after_jump(const struct pam_stack *s, unsigned at, int jump, unsigned *next)
{
	unsigned level = s->line[at].level;
	unsigned h = at;

	while (h + 1 < s->count && s->line[h + 1].level >= level && jump > 0) {
		do {
			h++;
		} while (h + 1 < s->count && s->line[h + 1].level > level);
		jump--;
	}
	*next = h + 1;
	return jump == 0;
}

/* What libpam does with a return value: moves the way on. */
static void
apply(const struct walk *w, struct way *y, int code)
{
	const struct pam_line *l = &w->s->line[y->at];
	int action = l->action[code];
	unsigned at = y->at;
	unsigned shift = l->level * LEVEL_BITS;

	y->at = at + 1;
	y->level = l->level;
	if (action == PAM_DO_RESET) {
		y->impression = (enum impression)(y->kept >> shift & 3);
		y->is_success = (y->kept >> shift & 4) != 0;
	} else if (action == PAM_DO_OK || action == PAM_DO_DONE) {
		if (y->impression == IMPRESSION_UNSET ||
		    (y->impression == IMPRESSION_GOOD && y->is_success)) {
			y->impression = IMPRESSION_GOOD;
			y->is_success = code == RETURN_SUCCESS;
		}
		if (action == PAM_DO_DONE && y->impression == IMPRESSION_GOOD)
			y->at = after_level(w->s, at);
	} else if (action == PAM_DO_BAD || action == PAM_DO_DIE) {
		y->impression = IMPRESSION_BAD;
		y->is_success = false;
		if (action == PAM_DO_DIE)
			y->at = after_level(w->s, at);
	} else if (action > 0 && !after_jump(w->s, at, action, &y->at)) {
		y->impression = IMPRESSION_BAD;
		y->is_success = false;
	}
	if (y->code == CODE_NOT_ASKED)
		for (unsigned i = at + 1; i < y->at; i++)
			if (w->s->line[i].kind == PAM_KIND_TOTP)
				y->over = (int)at;
}

/* What a module's answer proves. */
static void
note(const struct walk *w, struct way *y, const struct pam_line *l, int code)
{
	bool is_proof = l->kind == PAM_KIND_PASSWORD ||
	    ((l->kind == PAM_KIND_FACTOR || l->kind == PAM_KIND_ROOT) && code == RETURN_SUCCESS);

	/* Another proof that is right stands as well as the password. */
	if (is_proof && code != RETURN_IGNORE) {
		/* An expired password was right all the same. */
		enum password_told told = code == RETURN_SUCCESS || code == RETURN_NEW_AUTHTOK ?
		    PASSWORD_RIGHT : PASSWORD_WRONG;
		if (told > y->password)
			y->password = told;
	}
	if (l->kind == PAM_KIND_TOTP) {
		w->v->is_reached = true;
		enum code_told told = code == RETURN_SUCCESS ? CODE_RIGHT :
		    code == RETURN_IGNORE ? CODE_PASSED_OVER : CODE_REFUSED;
		if (told > y->code)
			y->code = told;
	}
	/* Two codes of a device of this user were right a moment ago. */
	if (l->kind == PAM_KIND_ENROL && code == RETURN_SUCCESS && y->code < CODE_RIGHT)
		y->code = CODE_RIGHT;
}

static void
step(struct walk *w, struct way from)
{
	const struct pam_line *l = &w->s->line[from.at];

	if (l->level >= LEVELS_KEPT) {
		w->v->is_unknown = true;
		return;
	}
	if (l->level > from.level) {
		unsigned shift = l->level * LEVEL_BITS;
		uint64_t mark = (uint64_t)from.impression | (from.is_success ? 4U : 0U);
		from.kept = (from.kept & ~(UINT64_C(7) << shift)) | mark << shift;
	}
	if (l->is_substack) {
		from.level = l->level;
		from.at++;
		add_way(w, &from);
		return;
	}
	bool is_wrong_first = from.password == PASSWORD_WRONG ||
	    (from.password == PASSWORD_NOT_ASKED && w->password > (int)from.at);
	if (l->kind == PAM_KIND_TOTP && is_wrong_first)
		w->v->is_open_to_strangers = true;
	if (l->kind == PAM_KIND_ENROL && is_wrong_first)
		w->v->is_enrolling_strangers = true;
	for (int code = 0; code < PAM_STACK_CODES; code++) {
		if (!may_return(w, l, code))
			continue;
		struct way to = from;
		note(w, &to, l, code);
		apply(w, &to, code);
		add_way(w, &to);
	}
}

static void
add_bypass(struct pam_verdict *v, enum pam_bypass_how how, unsigned line)
{
	for (unsigned i = 0; i < v->bypass_count; i++)
		if (v->bypass[i].how == how && v->bypass[i].line == line)
			return;
	if (v->bypass_count < PAM_BYPASSES_MAX)
		v->bypass[v->bypass_count++] = (struct pam_bypass){ .how = how, .line = line };
}

/* The end of a way that let somebody in. */
static void
end(struct walk *w, const struct way *y)
{
	struct pam_verdict *v = w->v;
	bool is_password_fine = !v->has_password || y->password == PASSWORD_RIGHT;

	v->can_pass_without = true;
	if (w->totp < 0)
		return;
	switch (y->code) {
	case CODE_NOT_ASKED:
		add_bypass(v, PAM_BYPASS_OVER, y->over >= 0 ? (unsigned)y->over : 0);
		break;
	case CODE_PASSED_OVER:
		v->can_skip = true;
		break;
	case CODE_RIGHT:
		if (is_password_fine)
			v->can_pass = true;
		else
			add_bypass(v, PAM_BYPASS_CODE_ONLY, (unsigned)w->totp);
		break;
	case CODE_REFUSED:
		add_bypass(v, PAM_BYPASS_REFUSED, (unsigned)w->totp);
		break;
	}
}

void
pam_stack_judge(const struct pam_stack *s, bool is_root_caller, struct pam_verdict *v)
{
	struct walk w = { .s = s, .v = v, .is_root_caller = is_root_caller };

	*v = (struct pam_verdict){ .is_unknown = false };
	if (s->is_refused || s->count == 0)
		return;
	w.totp = pam_stack_find(s, PAM_KIND_TOTP);
	w.password = pam_stack_find(s, PAM_KIND_PASSWORD);
	v->has_password = w.password >= 0;
	w.way = calloc(WAYS_MAX, sizeof *w.way);
	if (w.way == NULL) {
		v->is_unknown = true;
		return;
	}
	const struct way start = { .at = 0, .over = -1 };
	add_way(&w, &start);
	/* Lines are left in their order only: a way that is added stands further down. */
	for (unsigned i = 0; i < w.count; i++) {
		if (w.way[i].at < s->count)
			step(&w, w.way[i]);
		else if (w.way[i].is_success && w.way[i].impression == IMPRESSION_GOOD)
			end(&w, &w.way[i]);
	}
	free(w.way);
}
