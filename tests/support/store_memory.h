/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_STORE_MEMORY_H
#define PAM_TOTP_TESTS_STORE_MEMORY_H

#include "core/store.h"

/* The calls of the seam, for counting and for faults. */
enum store_memory_call {
	STORE_MEMORY_LOAD = 0,
	STORE_MEMORY_COMMIT,
	STORE_MEMORY_REPLACE,
	STORE_MEMORY_LIST,
	STORE_MEMORY_CALLS /* how many there are */
};

/* A back end in memory: keeps the promises of core/store.h, except for power loss. Closed by
 * store_close. Never NULL: a test without memory ends. */
struct store *store_memory_new(void);

/* Make the nth call of that kind from now on (1 = the next) answer code and do nothing.
 * One fault a kind; code 0 takes it back. */
void store_memory_fail(struct store *s, enum store_memory_call call, unsigned nth, int code);

/* Make the next n commits or replaces say E_CONFLICT without writing. */
void store_memory_conflict(struct store *s, unsigned n);

/* Run before() at the beginning of every call of that kind, with the user it is for (NULL for
 * list): the place to let "somebody else" win a race. It may call the store; it is not run
 * for the calls that it makes itself. NULL takes it back. */
void store_memory_before(struct store *s, enum store_memory_call call,
    void (*before)(struct store *s, const char *user, void *ctx), void *ctx);

/* How many calls of that kind were made, faults included. */
unsigned store_memory_count(const struct store *s, enum store_memory_call call);

/* Lose the user's state as a deleted or damaged file does; with a record it is STATE_LOST. */
void store_memory_lose_state(struct store *s, const char *user);

/* Make the user's record unreadable, as a damaged file is, until it is replaced or removed. */
void store_memory_damage_record(struct store *s, const char *user);

/* Put a record in place behind the store's back, as configuration management does. */
void store_memory_put_record(struct store *s, const struct record *record);

#endif
