/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_STORE_FILE_PLACES_H
#define PAM_TOTP_STORE_FILE_PLACES_H

#include "store_file_fallback.h"

/* Where the states of a store are. */
struct store_file_places {
	uid_t owner;
	int dir;   /* the store's directory; borrowed */
	int state; /* its folder state/; -1: not there */
	struct store_file_parsed parsed;
	struct store_fallback fallback;
};

#define STORE_FILE_PAIR_NONE {.store.fd = -1, .fallback.fd = -1}

/* Open the folder if it is there and not open yet. */
int store_places_open(struct store_file_places *w, struct diag *d) MUST_USE;

/* The same, and make it. */
int store_places_make(struct store_file_places *w, struct diag *d) MUST_USE;

/* Read what both places hold of user, and say which one is in use. Makes nothing. */
int store_places_read(struct store_file_places *w, const char *user, struct store_file_pair *p,
    struct diag *d) MUST_USE;

/* Take the lock of the state in use, is_read_only saying which one that was, and of one that is
 * beside it in the fallback directory, and read both. may_create: as store_file_state_hold.
 * The caller compares *p, which may say now that another one is in use, and closes it. */
int store_places_hold(struct store_file_places *w, const char *user, bool is_read_only,
    bool may_create, struct store_file_pair *p, struct diag *d) MUST_USE;

/* Make state durable where it is in use; the store's is alone then. E_CONFLICT: it is durable, but
 * another one was begun in the fallback directory meanwhile: decide again. */
int store_places_write(struct store_file_places *w, const char *user, const struct state *state,
    struct store_file_pair *p, struct diag *d) MUST_USE;

/* Remove what is held in the fallback directory, when the store has it, or the user is gone. */
void store_places_drop(const struct store_file_places *w, const char *user,
    struct store_file_pair *p);

/* Whether a write that failed just now, with code r and errno as it was left, failed because
 * the store is read-only, and there is another place. It is in use from then on. */
bool store_places_turn(struct store_file_places *w, int r);

/* Health and state of e, whose record is known. */
void store_places_tell(const struct store_file_places *w, const struct store_file_pair *p,
    struct store_entry *e);

void store_places_release(struct store_file_pair *p);
void store_places_close(struct store_file_places *w);

#endif
