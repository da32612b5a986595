/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* sessions and revoke: where a code of late spares the user another one, and the end of that.
 * The helper tells and takes away no sessions but the user's own; nothing is asked. */
#include "enroll.h"

#include <string.h>

#include "session_table.h"

struct listing {
	struct table *table;
	bool has_session;
};

static int
refuse(struct enroll *e)
{
	output_error(e, "%s sent a session that makes no sense", HELPER_PATH);
	return EXIT_CODE_FAILURE;
}

static int
take_text(const struct message *m, const char *key, char *out, size_t cap)
{
	const char *value = message_get(m, key);

	return value == NULL ? E_INVALID : bytes_copy((struct span){ value, strlen(value) }, out,
	    cap);
}

/* From the helper's message. E_INVALID: something is missing or out of range. */
static int
read_session(const struct message *m, struct session *s)
{
	uint64_t number = 0, uid = 0;
	char kind[16] = "";

	*s = (struct session){ .number = 0 };
	if (message_get_u64(m, "number", 1, UINT32_MAX, &number) != E_OK ||
	    message_get_u64(m, "uid", 0, UINT32_MAX, &uid) != E_OK ||
	    message_get_u64(m, "at", 0, INT64_MAX, &s->wall_s) != E_OK ||
	    message_get_u64(m, "boottime", 0, INT64_MAX, &s->boottime_s) != E_OK ||
	    take_text(m, "kind", kind, sizeof kind) != E_OK ||
	    session_kind_parse(kind, &s->bond.kind) != E_OK ||
	    take_text(m, "class", s->bond.class, sizeof s->bond.class) != E_OK ||
	    take_text(m, "service", s->service, sizeof s->service) != E_OK ||
	    take_text(m, "tty", s->bond.tty, sizeof s->bond.tty) != E_OK ||
	    take_text(m, "source", s->bond.source, sizeof s->bond.source) != E_OK ||
	    take_text(m, "caller", s->bond.caller, sizeof s->bond.caller) != E_OK ||
	    take_text(m, "device", s->device, sizeof s->device) != E_OK)
		return E_INVALID;
	s->number = (uint32_t)number; /* both in range */
	s->bond.uid = (uint32_t)uid;
	return E_OK;
}

static int
on_session(struct enroll *e, const struct message *m, void *context, bool *is_known)
{
	struct listing *l = context;
	struct session s;

	*is_known = strcmp(m->verb, "session") == 0;
	if (!*is_known)
		return ENROLL_ON;
	if (read_session(m, &s) != E_OK)
		return refuse(e);
	l->has_session |= session_table_add(l->table, e->user, &s);
	return ENROLL_ON;
}

int
enroll_sessions(struct enroll *e)
{
	struct message request;
	struct listing l = { .table = session_table_new() };
	bool has_ended = false;

	message_init(&request, "request");
	message_add(&request, "op", "sessions");
	int code = session_run(e, &request, on_session, &l, &has_ended);
	if (code != EXIT_CODE_OK) {
		code = session_tell(e, code, has_ended, true);
	} else if (!output_listing(e, l.table, l.has_session, "sessions",
		       "There is no MFA session: every login asks for a code.")) {
		output_error(e, "cannot print the list");
		code = EXIT_CODE_FAILURE;
	}
	table_free(l.table);
	return code;
}

int
enroll_revoke(struct enroll *e)
{
	const char *name = e->options->name;
	struct message request;
	bool has_ended = false;
	uint64_t number = 0;

	if (name != NULL && bytes_parse_u64((struct span){ name, strlen(name) }, 1, UINT32_MAX,
				&number) != E_OK) {
		output_error(e, "%s: expected the number of a session", name);
		return EXIT_CODE_USAGE;
	}
	message_init(&request, "request");
	message_add(&request, "op", "revoke");
	message_add_u64(&request, "number", number); /* 0: all */
	int code = session_run(e, &request, NULL, NULL, &has_ended);
	return session_tell(e, code, has_ended, false);
}
