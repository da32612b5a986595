/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin unlock: end the hard stop of a user and every wait, and forget the failures
 * that led there. Nothing else changes: no used code becomes usable again. */
#include <string.h>

#include "utils/admin.h"

struct unlocking {
	struct admin_change change; /* first: see admin.h */
	bool was_locked;
	uint32_t fails;
};

static int
unlock_user(struct store_entry *e, void *ctx, struct diag *d)
{
	struct unlocking *un = ctx;

	int r = admin_need_record(&un->change, e, d);
	if (r != 0)
		return r;
	un->was_locked = e->state.is_locked;
	un->fails = e->state.fails;
	e->state.is_locked = false;
	e->state.fails = 0;
	memset(e->state.bucket, 0, sizeof e->state.bucket);
	if (un->was_locked)
		admin_note(&un->change, e, "your MFA lock was ended by an administrator");
	return 0;
}

enum exit_code
admin_unlock(struct admin *a, char *const *operand)
{
	struct unlocking un = { .change = {
		.action = "unlock", .user = operand[0], .now_s = admin_now()
	} };

	enum exit_code code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK)
		code = admin_update(a, &un.change, unlock_user);
	if (code != EXIT_CODE_OK)
		return code;
	admin_log("unlock", operand[0], NULL, un.was_locked ? "unlocked" : "ok");
	admin_say("%s: %s; %u failures in a row are forgotten.", operand[0],
	    un.was_locked ? "unlocked" : "was not locked", un.fails);
	return EXIT_CODE_OK;
}
