/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* A user's own MFA sessions: sessions lists them, revoke takes one or all away. No proof is
 * asked for: the list tells what its user did, and with a session less a code more is asked.
 *
 *  1. Only the file of the real uid's account is opened, and of it only what is bound to that
 *     uid is told: an account of this name that was removed may have left some.
 *  2. A code that no login has confirmed is no session (session.h, PASSED): it is not told, but
 *     goes with all.
 */
#include "utils/helper.h"

#include <string.h>

#include "core/safefile.h"
#include "core/session.h"

#define OWNER 0 /* SESSION_DIR is root's */

static void
fill_session(struct message *m, const struct session *s)
{
	const struct session_bond *b = &s->bond;

	message_init(m, "session");
	message_add_u64(m, "number", s->number);
	message_add(m, "kind", session_kind_name(b->kind));
	message_add(m, "class", b->class);
	message_add(m, "service", s->service);
	message_add(m, "tty", b->tty);
	message_add(m, "source", b->source);
	message_add(m, "caller", b->caller);
	message_add(m, "device", s->device);
	message_add_u64(m, "at", s->wall_s);
	message_add_u64(m, "boottime", s->boottime_s);
	message_add_u64(m, "uid", b->uid);
}

enum exit_code
helper_sessions(struct helper *h)
{
	struct session_list list = { .count = 0 };
	struct message m;
	struct diag d = { "" };
	enum exit_code code = EXIT_CODE_OK;
	int dir = -1;

	int r = session_open_dir(SESSION_DIR, OWNER, false, &dir, &d);
	if (r == 0)
		r = session_load(dir, OWNER, h->user, &list, &d);
	safefile_close(&dir);
	if (r != 0 && r != E_NOENT) /* E_NOENT: there has never been one */
		return helper_end_error(h, r, &d);
	for (unsigned i = 0; i < list.count && code == EXIT_CODE_OK; i++) {
		const struct session *s = &list.item[i];

		if (s->bond.uid != h->uid || s->bond.kind == SESSION_PASSED)
			continue;
		fill_session(&m, s);
		code = helper_send(h, &m);
	}
	return code;
}

/* Whether a session of that number is the caller's own (1). */
static int
check_own(const struct helper *h, int dir, uint32_t number, struct diag *d)
{
	struct session_list list;

	int r = session_load(dir, OWNER, h->user, &list, d);
	for (unsigned i = 0; r == 0 && i < list.count; i++)
		if (list.item[i].number == number && list.item[i].bond.uid == h->uid)
			return 0;
	return r != 0 ? r : E_NOENT;
}

enum exit_code
helper_revoke(struct helper *h, const struct message *request)
{
	struct diag d = { "" };
	uint64_t number = 0;
	unsigned count = 0;
	int dir = -1;

	if (request->count != 2 ||
	    message_get_u64(request, "number", 0, UINT32_MAX, &number) != 0)
		return helper_end(h, EXIT_CODE_USAGE, "expected the number of a session, or 0");
	int r = session_open_dir(SESSION_DIR, OWNER, false, &dir, &d);
	if (r == 0 && number != 0)
		r = check_own(h, dir, (uint32_t)number, &d);
	if (r == 0)
		r = session_revoke(dir, OWNER, h->user, (uint32_t)number, &count, &d);
	safefile_close(&dir);
	if (r == E_NOENT && number != 0)
		return helper_end(h, EXIT_CODE_NO_SUCH, "You have no MFA session %u.",
		    (unsigned)number);
	if (r == E_NOENT)
		return helper_end(h, EXIT_CODE_NO_SUCH, "You have no MFA session.");
	if (r != 0)
		return helper_end_error(h, r, &d);
	helper_log(h, true, "revoke", "asked", "");
	return helper_end(h, EXIT_CODE_OK, "%u MFA session%s revoked.", count,
	    count == 1 ? "" : "s");
}
