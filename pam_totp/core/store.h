/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_STORE_H
#define PAM_TOTP_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"
#include "state.h"

/* What a loaded entry was at the time of the load. Compared by the back end only; all-zero
 * means "nothing there". */
struct store_version {
	uint8_t bytes[96];
};

enum state_health {
	STATE_LOST = 0, /* a record exists, its state is missing or unreadable */
	STATE_HALF,	/* read, but it may not be the newest: steps it does not know may be used */
	STATE_FRESH,	/* neither record nor state exists: all-zero is the truth */
	STATE_WHOLE	/* read and checked */
};

/* All that is stored of one user. */
struct store_entry {
	bool has_record;
	struct record record; /* zero unless has_record */
	enum state_health health;
	struct state state; /* zero unless STATE_WHOLE or STATE_HALF */
	struct store_version version;
};

void store_entry_wipe(struct store_entry *e);

/* Make the state of a loaded entry with a record fit for decisions: a lost one is rebuilt
 * (state_rebuild), a half one has all its devices burnt, every one follows the record
 * (state_adopt). Returns whether steps were burnt or anything else changed.
 * Without a record a lost or half state gets a grace time that is over, if it has none.
 * Nothing is written; the caller commits. */
bool store_entry_complete(struct store_entry *e, uint64_t now_s);

struct store;

/* The seam: a back end is these five functions. No lock is held between two calls. */
struct store_ops {
	int (*load)(struct store *s, const char *user, struct store_entry *e, struct diag *d);
	int (*commit)(struct store *s, const char *user, const struct state *state,
	    struct store_version *version, struct diag *d);
	int (*replace)(struct store *s, const char *user, const struct record *record,
	    const struct state *state, struct store_version *version, struct diag *d);
	int (*list)(struct store *s, int (*each)(const char *user, void *ctx), void *ctx,
	    struct diag *d);
	void (*close)(struct store *s);
};

/* A back end's own structure begins with this. Not shared between threads. */
struct store {
	const struct store_ops *ops;
};

/* Load what is stored of user; never creates or changes anything.
 * Missing files are not an error: see has_record and health.
 * E_INVALID: the user name is refused. E_UNSAFE, E_IO: *e is wiped. E_CORRUPT (the record): *e is
 * wiped but for its version, by which store_replace may replace or remove what is there; all
 * others must take it for a failure. */
int store_load(struct store *s, const char *user, struct store_entry *e,
    struct diag *d) MUST_USE;

/* The login path: make state durable if neither record nor state changed since *version.
 * In place, one fdatasync, no new block once the file exists. state->generation and
 * ->saved_at: the store sets the generation, the caller sets saved_at.
 * On 0 *version is that of the new state, and the state survives a power loss.
 * E_CONFLICT: something changed; load again. Nothing was written, or, where another service sees
 * the store read-only, what is used up by state and nothing else.
 * E_UNSAFE, E_IO: nothing is promised to have been written; deny. */
int store_commit(struct store *s, const char *user, const struct state *state,
    struct store_version *version, struct diag *d) MUST_USE;

/* Enrolment and administration: make state, then record durable if nothing changed since
 * *version. record NULL removes record and state. The zero version of a load without
 * files creates. A failure or kill in between leaves the old record whole; the state may
 * be the new one, which never re-opens a step. A first record is made before its state, so
 * then the record may be left, with a state that is lost and will be burnt.
 * E_CONFLICT, E_UNSAFE, E_IO as store_commit; E_INVALID: the record breaks its rules or
 * is another user's; E_LIMIT: its text would pass RECORD_TEXT_MAX. Nothing is written then. */
int store_replace(struct store *s, const char *user, const struct record *record,
    const struct state *state, struct store_version *version, struct diag *d) MUST_USE;

/* Call each for every user that has a record, in no order, until it returns non-zero, which
 * is then returned. E_UNSAFE, E_IO. A file whose name is no user name is passed over. */
int store_list(struct store *s, int (*each)(const char *user, void *ctx), void *ctx,
    struct diag *d) MUST_USE;

/* Give everything back; NULL is passed over. */
void store_close(struct store *s);

/* The largest number of rounds of "load, decide, write if unchanged" before giving up: enough
 * for 32 callers at once for one user, of whom each round lets exactly one through. */
#define STORE_ROUNDS_MAX 64

/* Read-modify-replace with retries: load, let change edit the entry, replace. change gets a
 * fresh entry each round and returns 0, or a code that ends it without writing; it may set
 * e->has_record to false to remove the record (a user who had none and gets none has the
 * state alone committed). saved_at is raised to now_s afterwards, never lowered. Lost states
 * are burnt (state_rebuild, state_adopt with now_s) before change sees them.
 * Returns change's code, or that of load/replace; E_CONFLICT after STORE_ROUNDS_MAX rounds. */
int store_update(struct store *s, const char *user, uint64_t now_s,
    int (*change)(struct store_entry *e, void *ctx, struct diag *d), void *ctx,
    struct diag *d) MUST_USE;

/* The reserved name under which failures of users without a record are counted, so that they
 * cost and are throttled as those of anybody else: ".decoy-00" .. ".decoy-63" by the
 * name's hash. load and commit accept it, replace and list do not.
 * out: STORE_DECOY_CAP bytes. E_CRYPTO: out is "" then. */
#define STORE_DECOY_CAP 10
int store_decoy_name(const char *user, char out[STORE_DECOY_CAP]) MUST_USE;
bool store_is_decoy(const char *user);

/* Open a store by its settings: "file:/absolute/dir", and the directory that takes the states
 * while the store is read-only ("" or NULL: none, all that writes is refused then).
 * *s: the caller closes it.
 * E_INVALID: another scheme or a relative path. Other codes as store_file_open. */
int store_open(const char *setting, const char *fallback, struct store **s,
    struct diag *d) MUST_USE;

#endif
