/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The text of a user's sessions: a first line, a line a session, a last line.
 *
 *     pam_totp-sessions 1
 *     session number=1 uid=1000 ... at=1700000000
 *     end
 *
 * One list of fields in a fixed order serves both directions, so that they cannot differ.
 * Reading is strict: a line more or less, a field that is missing, twice, empty where it may
 * not be or out of range, and nothing of the file counts. */

#include "session.h"

#include <string.h>

#include "bytes.h"

#define FIRST_LINE "pam_totp-sessions 1"
#define LAST_LINE "end"

enum field_kind { FIELD_U32 = 1, FIELD_U64, FIELD_TEXT };

static const struct field {
	const char *key;
	enum field_kind kind;
	size_t offset;
	size_t cap;   /* of a text */
	uint64_t min; /* of a number; of a text its least length */
	uint64_t max; /* of a number */
} fields[] = {
	{ "number", FIELD_U32, offsetof(struct session, number), 0, 1, UINT32_MAX },
	{ "uid", FIELD_U32, offsetof(struct session, bond.uid), 0, 0, UINT32_MAX - 1 },
	{ "caller", FIELD_TEXT, offsetof(struct session, bond.caller), RECORD_USER_CAP, 0, 0 },
	{ "service", FIELD_TEXT, offsetof(struct session, bond.service), SESSION_TEXT_CAP, 1, 0 },
	{ "tty", FIELD_TEXT, offsetof(struct session, bond.tty), SESSION_TEXT_CAP, 1, 0 },
	{ "audit", FIELD_U32, offsetof(struct session, bond.audit_session), 0, 0, UINT32_MAX },
	{ "leader", FIELD_U32, offsetof(struct session, bond.leader), 0, 1, INT32_MAX },
	{ "start", FIELD_U64, offsetof(struct session, bond.leader_start), 0, 0, UINT64_MAX },
	{ "boot", FIELD_TEXT, offsetof(struct session, bond.boot), SESSION_BOOT_CAP, 1, 0 },
	{ "device", FIELD_U32, offsetof(struct session, device_id), 0, 1, UINT32_MAX },
	{ "created", FIELD_U64, offsetof(struct session, device_created), 0, 0, RECORD_TIME_MAX },
	{ "name", FIELD_TEXT, offsetof(struct session, device), RECORD_NAME_CAP, 1, 0 },
	{ "boottime", FIELD_U64, offsetof(struct session, boottime_s), 0, 0, RECORD_TIME_MAX },
	{ "at", FIELD_U64, offsetof(struct session, wall_s), 0, 0, RECORD_TIME_MAX },
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

/* No blank and no control byte: one word of a line. */
static bool
is_word(const char *text, size_t cap, uint64_t len_min)
{
	size_t len = strnlen(text, cap);

	if (len == cap || len < len_min)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c <= 0x20 || c == 0x7f)
			return false;
	}
	return true;
}

static uint64_t
number_of(const struct session *s, const struct field *f)
{
	const char *at = (const char *)s + f->offset;
	uint32_t n32 = 0;
	uint64_t n64 = 0;

	if (f->kind == FIELD_U64) {
		memcpy(&n64, at, sizeof(n64));
		return n64;
	}
	memcpy(&n32, at, sizeof(n32));
	return n32;
}

static bool
is_field_ok(const struct session *s, const struct field *f)
{
	if (f->kind == FIELD_TEXT)
		return is_word((const char *)s + f->offset, f->cap, f->min);
	uint64_t n = number_of(s, f);
	return n >= f->min && n <= f->max;
}

bool
session_bond_ok(const struct session_bond *b)
{
	struct session s = { .number = 1, .bond = *b, .device_id = 1, .device = "x" };

	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (!is_field_ok(&s, &fields[i]))
			return false;
	return true;
}

int
session_print(const struct session_list *list, char *out, size_t cap, size_t *len)
{
	struct bytes_writer w;

	*len = 0;
	bytes_writer_init(&w, out, cap);
	if (list->count > SESSIONS_MAX)
		return E_INVALID;
	bytes_put(&w, FIRST_LINE "\n");
	for (unsigned k = 0; k < list->count; k++) {
		const struct session *s = &list->item[k];
		bytes_put(&w, "session");
		for (size_t i = 0; i < FIELD_COUNT; i++) {
			if (!is_field_ok(s, &fields[i]))
				return E_INVALID;
			bytes_put(&w, " ");
			bytes_put(&w, fields[i].key);
			bytes_put(&w, "=");
			if (fields[i].kind == FIELD_TEXT)
				bytes_put(&w, (const char *)s + fields[i].offset);
			else
				bytes_put_u64(&w, number_of(s, &fields[i]));
		}
		bytes_put(&w, "\n");
	}
	bytes_put(&w, LAST_LINE "\n");
	if (w.has_overflowed)
		return E_LIMIT;
	*len = w.len;
	return 0;
}

/* Take " key=value" off *rest, where exactly one blank stands before the key. */
static int
parse_field(struct span *rest, const struct field *f, struct session *s)
{
	size_t key_len = strlen(f->key);
	char *at = (char *)s + f->offset;
	uint64_t n = 0;

	if (rest->len < key_len + 2 || rest->at[0] != ' ' ||
	    memcmp(rest->at + 1, f->key, key_len) != 0 || rest->at[key_len + 1] != '=')
		return E_CORRUPT;
	rest->at += key_len + 2;
	rest->len -= key_len + 2;
	const char *end = rest->len == 0 ? NULL : memchr(rest->at, ' ', rest->len);
	struct span value = { rest->at, end == NULL ? rest->len : (size_t)(end - rest->at) };
	rest->at += value.len;
	rest->len -= value.len;
	if (f->kind == FIELD_TEXT)
		return bytes_copy(value, at, f->cap) == 0 && is_word(at, f->cap, f->min) ?
		    0 : E_CORRUPT;
	if (bytes_parse_u64(value, f->min, f->max, &n) != 0)
		return E_CORRUPT;
	uint32_t n32 = (uint32_t)n; /* the table's max is at most UINT32_MAX where it is used */
	if (f->kind == FIELD_U64)
		memcpy(at, &n, sizeof(n));
	else
		memcpy(at, &n32, sizeof(n32));
	return 0;
}

static int
parse_session(struct span line, struct session_list *list, struct diag *d, unsigned number)
{
	static const char word[] = "session";

	if (list->count == SESSIONS_MAX)
		return diag_set(d, E_CORRUPT, "line %u: expected at most %d sessions", number,
		    SESSIONS_MAX);
	struct session *s = &list->item[list->count];
	if (line.len < sizeof(word) - 1 || memcmp(line.at, word, sizeof(word) - 1) != 0)
		return diag_set(d, E_CORRUPT, "line %u: expected a session or the end", number);
	line.at += sizeof(word) - 1;
	line.len -= sizeof(word) - 1;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (parse_field(&line, &fields[i], s) != 0)
			return diag_set(d, E_CORRUPT, "line %u: expected %s", number,
			    fields[i].key);
	if (line.len != 0)
		return diag_set(d, E_CORRUPT, "line %u: more than a session", number);
	for (unsigned k = 0; k < list->count; k++)
		if (list->item[k].number == s->number)
			return diag_set(d, E_CORRUPT, "line %u: that number is taken", number);
	list->count++;
	return 0;
}

int
session_parse(const char *text, size_t len, struct session_list *list, struct diag *d)
{
	struct bytes_reader r;
	struct span line;
	bool is_whole = false;
	int error = 0;

	memset(list, 0, sizeof(*list));
	bytes_reader_init(&r, text, len);
	if (!bytes_next_line(&r, &line) || !bytes_is(line, FIRST_LINE))
		error = diag_set(d, E_CORRUPT, "line 1: expected \"" FIRST_LINE "\"");
	while (error == 0 && !is_whole && bytes_next_line(&r, &line)) {
		if (bytes_is(line, LAST_LINE))
			is_whole = true;
		else
			error = parse_session(line, list, d, r.line);
	}
	if (error == 0 && (!is_whole || r.left != 0 || text[len - 1] != '\n'))
		error = diag_set(d, E_CORRUPT, "expected \"" LAST_LINE "\" as the last line");
	if (error != 0)
		memset(list, 0, sizeof(*list));
	return error;
}
