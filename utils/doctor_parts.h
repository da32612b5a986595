/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DOCTOR_PARTS_H
#define PAM_TOTP_DOCTOR_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/policy.h"
#include "core/store.h"
#include "utils/doctor.h"
#include "utils/doctor_pam.h"

/* The examinations of `totp-admin doctor`, one a file. Each adds its findings to d; none
 * changes anything, and none gives up the others when it cannot look. */

#define DOCTOR_SERVICE_CAP 65
#define DOCTOR_GUARDS_MAX 64

/* Where to look. */
struct doctor_paths {
	const char *pam_dir;	 /* NULL: /etc/pam.d and then /usr/lib/pam.d, as libpam */
	const char *sshd_config; /* NULL: the one that sshd has built in */
	const char *sudoers;
	const char *conf;  /* the settings file of modules that name none */
	const char *store; /* "file:DIR" in place of every service's own; NULL: none */
};

/* A service whose stack holds pam_totp. */
struct doctor_guard {
	char service[DOCTOR_SERVICE_CAP];
	bool has_gap;	     /* its stack can be passed without a code */
	bool asks_password;  /* a module of it asks for a password */
	bool is_enrolling;   /* pam_totp_enroll stands in it */
	char text[PAM_STACK_LINE_CAP]; /* what argv points into: not to be copied */
	int argc;		       /* of its first pam_totp line */
	const char *argv[PAM_STACK_ARGS_MAX];
};

struct doctor_guards {
	bool is_sshd_shut_to_root; /* PermitRootLogin no: set by doctor_check_sshd */
	size_t count;
	struct doctor_guard guard[DOCTOR_GUARDS_MAX];
};

/* Take the arguments of a pam_totp line over. */
void doctor_guard_set(struct doctor_guard *g, const char *service, const struct pam_line *l);
const struct doctor_guard *doctor_guards_find(const struct doctor_guards *g,
    const char *service);

/* Settings in force for a service (NULL: the file's alone) and a user (NULL: nobody).
 * *is_in_groups: as config_in_groups says; may be NULL. As config_load. */
int doctor_load_settings(const struct doctor_paths *p, const struct doctor_guard *g,
    const char *user, struct settings *s, bool *is_in_groups, struct diag *why);

/* All services: which have the module, where in the stack, what goes past it. g: filled. */
void doctor_check_services(struct doctor *d, const struct doctor_paths *p,
    struct doctor_guards *g);

/* A stack of one service ("auth", "account" or "session"), its missing modules marked.
 * false: out of memory. */
bool doctor_read_service(const struct doctor_paths *p, const char *service, const char *type,
    struct pam_stack *s) __attribute__((warn_unused_result));

/* Find the file of a module as a stack names it, in libpam's directory unless it is a path.
 * false: there is none; *path is then what was looked for. */
bool doctor_find_module(const char *module, char *path, size_t cap);

/* A module's file: owner, mode, and whether it loads (in a process of its own). */
void doctor_check_module(struct doctor *d, const char *path);

/* The settings file and the arguments of every guarded service. */
void doctor_check_settings(struct doctor *d, const struct doctor_paths *p,
    const struct doctor_guards *g);

/* The stores that the settings name, and every record in them. */
void doctor_check_store(struct doctor *d, const struct doctor_paths *p,
    const struct doctor_guards *g);

/* Whether root can still log in where pam_totp stands. */
void doctor_check_root(struct doctor *d, const struct doctor_paths *p,
    const struct doctor_guards *g);

/* The set-uid helper of totp-enroll. */
void doctor_check_helper(struct doctor *d);

/* What `sshd -T` says, for this user or (NULL) in general. */
void doctor_check_sshd(struct doctor *d, const struct doctor_paths *p,
    struct doctor_guards *g, const char *user);

/* sudo's rules, as far as they stand in files. */
void doctor_check_sudo(struct doctor *d, const struct doctor_paths *p,
    const struct doctor_guards *g);

/* What keeps the programs of guarded services from the store: units, SELinux, no root. */
void doctor_check_confinement(struct doctor *d, const struct doctor_paths *p,
    const struct doctor_guards *g);

/* Whether the clock is synchronised. */
void doctor_check_clock(struct doctor *d);

/* What will happen to user at service. */
void doctor_explain(struct doctor *d, const struct doctor_paths *p, const char *user,
    const char *service);

/* --- helpers of these --- */

/* Read a small file that may be a link, as libpam and sudo do: *text is malloc'ed. is_safe:
 * root's, and nobody else may write it. Not 0: errno's value. */
int doctor_slurp(const char *path, size_t max, char **text, size_t *len, bool *is_safe);

/* Run a program by absolute path with a fixed, small environment and no input, at most 20 s.
 * out: what it printed on both streams, terminated. Returns its exit status, or -1. */
int doctor_run(const char *path, char *const *argv, char *out, size_t cap);

#endif
