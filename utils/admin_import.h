/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ADMIN_IMPORT_H
#define PAM_TOTP_ADMIN_IMPORT_H

#include "utils/admin.h"
#include "utils/import.h"

/* The parts of `totp-admin import`. */

/* One user of the file, and where in the list (sorted by user, then line) the devices are. */
struct admin_import_user {
	const char *name;
	size_t first;
	size_t count;
	uint32_t uid;
	bool is_skipped; /* has no account, and --skip-unknown */
};

struct admin_import {
	const char *file; /* what messages call it */
	struct import_list list;
	struct admin_import_user *user;
	size_t user_count;
};

/* Read a whole file, or standard input for "-". owner: who but root may own it and the
 * folders above. *text: malloc'ed, the caller wipes len bytes and frees it. Not OK: told. */
enum exit_code admin_import_read(const char *path, uint32_t owner, char **text, size_t *len);

/* Compare the whole list with itself and with the store, in one pass over the store: gives
 * every device its fate, and refuses the whole for what a user could not have. Needs a->store.
 * Not OK: told, all that is wrong. */
enum exit_code admin_import_check(struct admin *a, struct admin_import *job);

#endif
