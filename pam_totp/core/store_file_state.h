/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_STORE_FILE_STATE_H
#define PAM_TOTP_STORE_FILE_STATE_H

#include <sys/types.h>

#include "state.h"

#define STORE_FILE_SUM_LEN 16 /* bytes of a slot's checksum that tell two states apart */

enum store_file_kind {
	STORE_FILE_NONE = 0, /* no file, or an empty one: made, but never written */
	STORE_FILE_RUIN,     /* neither slot is whole, or it has another length */
	STORE_FILE_HALF,     /* one slot is whole, the other may have been newer */
	STORE_FILE_WHOLE
};

/* One user's state file as it was read. */
struct store_file_state {
	int fd; /* open for writing and locked, or -1 */
	enum store_file_kind kind;
	struct state state; /* these three are zero unless WHOLE or HALF */
	unsigned slot;	    /* the newest; the other one is written next */
	uint8_t sum[STORE_FILE_SUM_LEN];
};

/* The state file that was parsed last through this handle. What a file says depends on its
 * bytes alone, so the same bytes need not be hashed again: a login reads them three times. All
 * zero: none yet. Holds no secret. */
struct store_file_parsed {
	bool is_there;
	uint8_t file[STATE_FILE_LEN];
	struct state state;
	unsigned slot;
	bool is_half;
};

/* Read name beneath dir without making anything; f->fd is -1. It is not locked, but what is not
 * whole is read again under the lock if may_lock: false where nothing can be opened for writing,
 * then what is torn by a writer is a ruin, or half of one, as well.
 * owner: as struct safefile_rule. E_UNSAFE, E_IO, E_CRYPTO: kind is NONE, to be ignored. */
int store_file_state_read(int dir, const char *name, uid_t owner, bool may_lock,
    struct store_file_parsed *parsed, struct store_file_state *f, struct diag *d) MUST_USE;

/* Open name beneath dir for writing, lock it, see that it still has that name, read it.
 * may_create: an empty one is made when there is none.
 * On 0 the lock is held until store_file_state_close. E_CONFLICT: there is none, or it was
 * removed while this caller waited. Other codes as above; f->fd is -1 then. */
int store_file_state_hold(int dir, const char *name, uid_t owner, bool may_create,
    struct store_file_parsed *parsed, struct store_file_state *f, struct diag *d) MUST_USE;

/* Make state durable as the successor of what f holds, with the generation after f's; *f
 * is then what was written. A whole file: one slot in place, one fdatasync. Another:
 * the whole file, made STATE_FILE_LEN long, with its name.
 * E_CORRUPT: the generation cannot grow. E_INVALID, E_CRYPTO as state_print. E_IO: the newest
 * whole slot is what it was, or the new one. */
int store_file_state_write(struct store_file_state *f, int dir, const struct state *state,
    struct diag *d) MUST_USE;

/* Give lock and descriptor back. */
void store_file_state_close(struct store_file_state *f);

#endif
