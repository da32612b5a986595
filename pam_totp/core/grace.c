/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The grace time of a user without a device, kept in the root-only state:
 *
 *  1. It begins with the first login under enforcement, is written once, and is durable
 *     before that login goes on.
 *  2. Every later login within it raises saved_at, so that a clock set back afterwards
 *     prolongs nothing.
 *  3. Somebody else's change in between (an enrolment, a reset) is decided on anew. */

#include "grace.h"

/* One round. E_CONFLICT: to be tried again. */
static int
enter_once(const struct policy_facts *f, const struct settings *settings, struct store *store,
    const char *user, struct store_entry *e, struct policy_decision *decided, struct diag *d)
{
	struct state *st = &e->state;

	int r = store_load(store, user, e, d);
	if (r != 0)
		return r;
	*decided = policy_decide(f, e, settings);
	if (decided->reason != POLICY_GRACE)
		return 0;
	(void)store_entry_complete(e, f->now_s);
	st->uid = f->uid;
	if (st->saved_at < f->now_s)
		st->saved_at = f->now_s;
	/* What policy_decide took for the beginning as well. */
	if (st->grace_start == 0)
		st->grace_start = st->saved_at;
	return store_commit(store, user, st, &e->version, d);
}

int
grace_enter(const struct policy_facts *f, const struct settings *settings, struct store *store,
    const char *user, struct policy_decision *out, struct diag *d)
{
	const struct policy_decision denied = { .action = POLICY_DENY };
	struct policy_decision decided = denied;
	struct store_entry e;
	int r = E_CONFLICT;

	for (unsigned i = 0; i < STORE_ROUNDS_MAX && r == E_CONFLICT; i++) {
		r = enter_once(f, settings, store, user, &e, &decided, d);
		store_entry_wipe(&e);
	}
	if (r == E_CONFLICT)
		diag_set(d, r, "%s: too many logins at once", user);
	*out = r == 0 ? decided : denied;
	return r;
}

int
grace_decide(const struct policy_facts *f, const struct settings *settings, struct store *store,
    const char *user, struct store_entry *e, struct policy_decision *out, struct diag *d)
{
	*out = (struct policy_decision){ .action = POLICY_DENY };
	int r = store_load(store, user, e, d);
	if (r == 0) {
		*out = policy_decide(f, e, settings);
		if (out->reason == POLICY_GRACE)
			r = grace_enter(f, settings, store, user, out, d);
	}
	if (r != 0)
		store_entry_wipe(e);
	return r;
}
