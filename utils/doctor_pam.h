/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DOCTOR_PAM_H
#define PAM_TOTP_DOCTOR_PAM_H

#include <stdbool.h>
#include <stddef.h>

/* A stack of a PAM service as libpam 1.5 reads it, include by include, and what can
 * come of it. Nothing here opens a file or needs a privilege: texts come in by a function. */

#define PAM_STACK_FILE_MAX 65536 /* bytes of a service file */
#define PAM_STACK_LINES_MAX 128	 /* modules of a stack */
#define PAM_STACK_LINE_CAP 1024	 /* bytes of an assembled line, with NUL */
#define PAM_STACK_ARGS_MAX 32	 /* arguments of a module that are kept */
#define PAM_STACK_CODES 32	 /* libpam's return values */

/* What libpam does after a return value; above zero: jump over so many modules. */
enum pam_action {
	PAM_DO_UNSET = -6,
	PAM_DO_RESET = -5,
	PAM_DO_DIE = -4,
	PAM_DO_BAD = -3,
	PAM_DO_DONE = -2,
	PAM_DO_OK = -1,
	PAM_DO_IGNORE = 0
};

/* What a module is to us, by its file name. */
enum pam_kind {
	PAM_KIND_OTHER = 0, /* may say anything */
	PAM_KIND_TOTP,	    /* pam_totp.so */
	PAM_KIND_ENROL,	    /* pam_totp_enroll.so */
	PAM_KIND_PASSWORD,  /* proves a password */
	PAM_KIND_FACTOR,    /* proves something else: a token, a key, a finger */
	PAM_KIND_CONDITION, /* proves nothing, tells who or when it is */
	PAM_KIND_ROOT,	    /* pam_rootok.so: succeeds for a caller who is root */
	PAM_KIND_QUIET,	    /* has no opinion at authentication */
	PAM_KIND_PERMIT,
	PAM_KIND_DENY
};

struct pam_line {
	char place[128];   /* "FILE:LINE", cut when longer */
	char control[64];  /* as written, for messages; cut when longer */
	enum pam_kind kind;
	unsigned level;	   /* substack depth */
	bool is_substack;  /* the place of a substack, which follows one level deeper */
	bool is_broken;	   /* libpam refuses the line: a module that says perm_denied */
	bool is_silent;	   /* "-auth": a missing module is not logged */
	bool is_missing;   /* set by the caller: the module's file is not there */
	int action[PAM_STACK_CODES];
	char text[PAM_STACK_LINE_CAP]; /* holds what the pointers below name */
	const char *module; /* as written; "" when is_substack or is_broken */
	int argc;
	const char *argv[PAM_STACK_ARGS_MAX];
};

struct pam_stack {
	bool is_other;	  /* these are the lines of the service "other" */
	bool is_refused;  /* libpam gives up: nobody is authenticated */
	char fault[160];  /* the first thing that libpam or this reader refuses; "" if none */
	unsigned count;
	struct pam_line *line; /* PAM_STACK_LINES_MAX places */
};

/* Give the text of a service file (name without '/', or an absolute path, as PAM takes it):
 * *text is malloc'ed, *len its length. Not 0: there is none, or it cannot be read. */
typedef int pam_stack_reader(const char *name, void *ctx, char **text, size_t *len);

/* Read the stack of a service. type: "auth", "account" or "session". false: out of memory. A
 * service without a file, or whose files have no line of the type, has that of "other".
 * pam_stack_free gives it back. */
bool pam_stack_read(struct pam_stack *s, const char *service, const char *type,
    pam_stack_reader *reader, void *ctx) __attribute__((warn_unused_result));
void pam_stack_free(struct pam_stack *s);

/* The kind of a module as a stack names it: "pam_unix.so", or a path. */
enum pam_kind pam_kind_of(const char *module);

/* The place of the first line of a kind, or -1. */
int pam_stack_find(const struct pam_stack *s, enum pam_kind kind);

/* --- what can come of it --- */

enum pam_bypass_how {
	PAM_BYPASS_OVER = 1, /* this line's success goes past pam_totp to the end */
	PAM_BYPASS_REFUSED,  /* this is pam_totp: its refusal does not refuse */
	PAM_BYPASS_CODE_ONLY /* this is pam_totp: its yes stands in for the password too */
};

struct pam_bypass {
	enum pam_bypass_how how;
	unsigned line;
};

#define PAM_BYPASSES_MAX (PAM_STACK_LINES_MAX + 2) /* every line, and two of pam_totp */

struct pam_verdict {
	bool is_reached;	  /* pam_totp can be asked at all */
	bool can_pass;		  /* password and code, both right, let in */
	bool can_pass_without;	  /* without any pam_totp line: somebody can get in */
	bool can_skip;		  /* a right password lets in when pam_totp ignores itself */
	bool has_password;	  /* a known module asks for a password */
	bool is_open_to_strangers; /* pam_totp is asked though the password was not right yet */
	bool is_enrolling_strangers; /* pam_totp_enroll is reached by who has no password */
	bool is_unknown;	  /* too many ways to look at all of them */
	unsigned bypass_count;
	struct pam_bypass bypass[PAM_BYPASSES_MAX];
};

/* Walk through all that the modules can say, as libpam walks. is_root_caller: whoever asks
 * is root, so that pam_rootok succeeds. */
void pam_stack_judge(const struct pam_stack *s, bool is_root_caller, struct pam_verdict *v);

#endif
