/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The text of a user's sessions: a first line, a line a session, a last line.
 *
 *     pam_totp-sessions 2
 *     session number=1 kind=terminal uid=1000 ... at=1700000000
 *     end
 *
 * One list of fields in a fixed order serves both directions, so that they cannot differ.
 * Reading is strict: a line more or less, a field that is missing, twice, out of range, empty
 * where its kind needs it or not empty where its kind has no use for it, and nothing of the file
 * counts. */

#include "session.h"

#include <string.h>

#include "bytes.h"

#define FIRST_LINE "pam_totp-sessions 2"
#define LAST_LINE "end"

enum field_type { FIELD_U32 = 1, FIELD_U64, FIELD_TEXT, FIELD_KIND };

/* Kinds of session, as a set. */
#define TERMINAL (1U << SESSION_TERMINAL)
#define PASSED (1U << SESSION_PASSED)
#define LOGIN (1U << SESSION_LOGIN)
#define SOURCE (1U << SESSION_SOURCE)
#define PROCESS (TERMINAL | PASSED | LOGIN) /* bound to one */
#define ALL (PROCESS | SOURCE)

#define AT(member) offsetof(struct session, member)

static const struct field {
	const char *key;
	enum field_type type;
	size_t offset;
	size_t cap;	/* of a text */
	uint64_t min;	/* of a number that is needed */
	uint64_t max;	/* of a number */
	unsigned needs; /* kinds that must have it: a number from min, a text that is not empty */
	unsigned may;	/* kinds that may have it; of all others it is 0 or empty */
} fields[] = {
	{ "number", FIELD_U32, AT(number), 0, 1, UINT32_MAX, ALL, 0 },
	{ "kind", FIELD_KIND, AT(bond.kind), 0, 0, 0, ALL, 0 },
	{ "uid", FIELD_U32, AT(bond.uid), 0, 0, UINT32_MAX - 1, ALL, 0 },
	{ "caller", FIELD_TEXT, AT(bond.caller), RECORD_USER_CAP, 0, 0, 0, TERMINAL },
	{ "class", FIELD_TEXT, AT(bond.class), SESSION_TEXT_CAP, 0, 0, ALL, 0 },
	{ "service", FIELD_TEXT, AT(service), SESSION_TEXT_CAP, 0, 0, ALL, 0 },
	{ "tty", FIELD_TEXT, AT(bond.tty), SESSION_TEXT_CAP, 0, 0, TERMINAL, 0 },
	{ "source", FIELD_TEXT, AT(bond.source), SESSION_SOURCE_CAP, 0, 0, SOURCE, PASSED | LOGIN },
	{ "audit", FIELD_U32, AT(bond.audit_session), 0, 0, UINT32_MAX, 0, ALL },
	{ "pid", FIELD_U32, AT(bond.process.pid), 0, 1, INT32_MAX, PROCESS, 0 },
	{ "start", FIELD_U64, AT(bond.process.start), 0, 0, UINT64_MAX, PROCESS, 0 },
	{ "parent", FIELD_U32, AT(bond.parent.pid), 0, 0, INT32_MAX, 0, PASSED },
	{ "parent-start", FIELD_U64, AT(bond.parent.start), 0, 0, UINT64_MAX, 0, PASSED },
	{ "boot", FIELD_TEXT, AT(bond.boot), SESSION_BOOT_CAP, 0, 0, ALL, 0 },
	{ "device", FIELD_U32, AT(device_id), 0, 1, UINT32_MAX, ALL, 0 },
	{ "created", FIELD_U64, AT(device_created), 0, 0, RECORD_TIME_MAX, ALL, 0 },
	{ "epoch", FIELD_U64, AT(epoch), 0, 0, UINT64_MAX, ALL, 0 },
	{ "name", FIELD_TEXT, AT(device), RECORD_NAME_CAP, 0, 0, ALL, 0 },
	{ "boottime", FIELD_U64, AT(boottime_s), 0, 0, RECORD_TIME_MAX, ALL, 0 },
	{ "at", FIELD_U64, AT(wall_s), 0, 0, RECORD_TIME_MAX, ALL, 0 },
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

_Static_assert(sizeof(enum session_kind) == sizeof(uint32_t), "a kind is read as a number");

static const char *const kinds[] = {
	[SESSION_TERMINAL] = "terminal",
	[SESSION_PASSED] = "passed",
	[SESSION_LOGIN] = "login",
	[SESSION_SOURCE] = "source",
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

const char *
session_kind_name(enum session_kind kind)
{
	return (size_t)kind < KIND_COUNT && kinds[kind] != NULL ? kinds[kind] : "?";
}

int
session_kind_parse(const char *word, enum session_kind *kind)
{
	*kind = 0;
	for (unsigned i = SESSION_TERMINAL; i < KIND_COUNT; i++)
		if (strcmp(word, kinds[i]) == 0) {
			*kind = (enum session_kind)i; /* i indexes a table of that enum */
			return 0;
		}
	return E_INVALID;
}

/* No blank and no control byte: one word of a line, or nothing. */
static bool
is_word(const char *text, size_t cap)
{
	size_t len = strnlen(text, cap);

	if (len == cap)
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

	if (f->type == FIELD_U64) {
		memcpy(&n64, at, sizeof(n64));
		return n64;
	}
	memcpy(&n32, at, sizeof(n32));
	return n32;
}

/* Whether a field is as the kind of its session has it. */
static bool
is_field_ok(const struct session *s, const struct field *f)
{
	unsigned kind = s->bond.kind < KIND_COUNT ? 1U << s->bond.kind : 0;
	bool is_needed = (f->needs & kind) != 0;
	bool is_allowed = is_needed || (f->may & kind) != 0;

	switch (f->type) {
	case FIELD_KIND:
		return is_needed;
	case FIELD_TEXT: {
		const char *text = (const char *)s + f->offset;
		return is_word(text, f->cap) && (text[0] == '\0' ? !is_needed : is_allowed);
	}
	case FIELD_U32:
	case FIELD_U64: {
		uint64_t n = number_of(s, f);
		return is_allowed ? n >= f->min && n <= f->max : n == 0;
	}
	}
	return false;
}

/* The first field that is not; NULL: none. */
static const struct field *
find_fault(const struct session *s)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (!is_field_ok(s, &fields[i]))
			return &fields[i];
	return NULL;
}

bool
session_bond_ok(const struct session_bond *b)
{
	struct session s = { .number = 1, .bond = *b, .service = "x", .device_id = 1,
		.device = "x" };

	return find_fault(&s) == NULL;
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
		if (find_fault(s) != NULL)
			return E_INVALID;
		for (size_t i = 0; i < FIELD_COUNT; i++) {
			bytes_put(&w, " ");
			bytes_put(&w, fields[i].key);
			bytes_put(&w, "=");
			if (fields[i].type == FIELD_TEXT)
				bytes_put(&w, (const char *)s + fields[i].offset);
			else if (fields[i].type == FIELD_KIND)
				bytes_put(&w, session_kind_name(s->bond.kind));
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
	if (f->type == FIELD_TEXT)
		return bytes_copy(value, at, f->cap) == 0 ? 0 : E_CORRUPT;
	if (f->type == FIELD_KIND) {
		char word[16];
		return bytes_copy(value, word, sizeof(word)) == 0 &&
		    session_kind_parse(word, &s->bond.kind) == 0 ? 0 : E_CORRUPT;
	}
	if (bytes_parse_u64(value, 0, f->max, &n) != 0)
		return E_CORRUPT;
	uint32_t n32 = (uint32_t)n; /* the table's max is at most UINT32_MAX where it is used */
	if (f->type == FIELD_U64)
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
	const struct field *fault = find_fault(s);
	if (fault != NULL)
		return diag_set(d, E_CORRUPT, "line %u: expected another %s for its kind", number,
		    fault->key);
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
