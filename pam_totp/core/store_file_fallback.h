/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_STORE_FILE_FALLBACK_H
#define PAM_TOTP_STORE_FILE_FALLBACK_H

#include "config.h"
#include "store.h"
#include "store_file_state.h"

/* The directory that takes the states while that of the store cannot be written. */
struct store_fallback {
	char path[CONFIG_TEXT_CAP]; /* "": none */
	int dir;		    /* -1: not opened */
	bool is_refused;   /* a write to the store ended with EROFS */
	bool was_told;	   /* and its file system said so too */
	struct store_file_parsed parsed;
};

/* What both places hold of one user. Without a fallback directory only the first is used. */
struct store_file_pair {
	struct store_file_state store;
	struct store_file_state fallback; /* NONE: nothing there */
	bool is_read_only;		  /* the fallback is the one that is written */
};

/* path: absolute; NULL or "": there is none. Opens nothing. E_INVALID. */
int store_fallback_init(struct store_fallback *b, const char *path, struct diag *d) MUST_USE;

/* Whether anything has the name of the user's file there. One call of the kernel; none without
 * a path. What cannot be known is there, so that reading it says why. */
bool store_fallback_has(const struct store_fallback *b, const char *user);

/* Whether the file system of fd, the states of the store, cannot be written: it says so, or the
 * kernel refused a write through this handle since. */
bool store_fallback_is_due(const struct store_fallback *b, int fd);

/* Remember that a write to the file system of fd ended with EROFS. */
void store_fallback_begin(struct store_fallback *b, int fd);

/* Read the user's file there, if there is one. Codes as store_file_state_read. */
int store_fallback_read(struct store_fallback *b, const char *user, uid_t owner,
    struct store_file_state *f, struct diag *d) MUST_USE;

/* Hold the user's file there, as store_file_state_hold. may_create: the directory, whose parent
 * must exist and be safe, and the file are made when they are not there. */
int store_fallback_hold(struct store_fallback *b, const char *user, uid_t owner, bool may_create,
    struct store_file_state *f, struct diag *d) MUST_USE;

/* Remove the user's file, which f holds, once the store has what it says. One that cannot
 * be removed is merged again. */
void store_fallback_drop(
    const struct store_fallback *b, const char *user, struct store_file_state *f);

/* Health and state of e from both places, where e has those of the store alone. */
void store_fallback_join(const struct store_file_pair *p, struct store_entry *e);

/* Give everything back. */
void store_fallback_close(struct store_fallback *b);

#endif
