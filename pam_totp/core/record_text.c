/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The text of a record: a first line with the version, `key value` lines, then
 * sections `[word id]` with their own, a last line `end`. The keys of a section
 * and the sections come in any order; record_print writes the canonical one.
 * Which keys there are is the table of record_keys.c.
 *
 * Obligations:
 *  1. Unknown, duplicate, missing, malformed or trailing: refused, with file,
 *     line, key and what was expected there.
 *  2. No message holds a value, nor a key that the table does not know: a
 *     secret may have slipped into its place.
 *  3. A text cut short anywhere is refused: the last line and its newline are
 *     required.
 *  4. Each section that was read, and all that is to be written, passes
 *     record_fault: both ways keep the same rules.
 *  5. Whatever fails leaves no secret behind, in *r or in out. */

#include <string.h>

#include "record_keys.h"

#define FIRST_LINE "pam_totp-record 1"
#define LAST_LINE "end"

_Static_assert(RECORD_KEYS_MAX <= 32, "`seen` has a bit for each key");

/* A record that is being read, and the section that is being filled. */
struct reading {
	struct record *r;
	struct bytes_reader in;
	const char *file;
	struct diag *d;
	const struct record_section *section;
	void *place;
	unsigned line;			  /* where the section began */
	uint32_t seen;			  /* bit i: key i of the section was given */
	unsigned opened[RECORD_SECTIONS]; /* how many of each */
};

static int
refuse(const struct reading *t, const char *expected)
{
	return diag_set(t->d, E_CORRUPT, "%s:%u: expected %s", t->file, t->in.line, expected);
}

static int
refuse_key(const struct reading *t, const struct record_key *k, const char *problem,
    const char *what)
{
	return diag_set(t->d, E_CORRUPT, "%s:%u: %s: %s%s", t->file, t->in.line, k->name,
	    problem, what);
}

/* The section is complete: nothing missing, every rule kept. */
static int
close_section(const struct reading *t)
{
	for (unsigned i = 0; t->section->key[i].name != NULL; i++) {
		const struct record_key *k = &t->section->key[i];

		if (!k->kind->is_optional && (t->seen & UINT32_C(1) << i) == 0)
			return refuse_key(t, k, "missing before this line; expected ",
			    k->kind->expected);
	}
	const char *fault = record_fault(t->r); /* obligation 4 */
	if (fault != NULL)
		return diag_set(t->d, E_CORRUPT, "%s:%u: %s", t->file, t->line, fault);
	return E_OK;
}

static int
open_section(struct reading *t, unsigned i, uint32_t id)
{
	const struct record_section *s = &record_sections[i];

	if (t->opened[i] == s->max)
		return diag_set(t->d, E_CORRUPT, "%s:%u: [%s]: expected at most %u of these",
		    t->file, t->in.line, s->word, s->max);
	t->place = (char *)t->r + s->offset + t->opened[i] * s->place_len;
	t->opened[i]++;
	t->section = s;
	t->line = t->in.line;
	t->seen = 0;
	if (s->has_id) {
		uint32_t *place_id = t->place;

		*place_id = id;
	}
	if (s->count != 0) {
		unsigned *count = (void *)((char *)t->r + s->count);

		*count = t->opened[i];
	}
	return E_OK;
}

/* "[word]" or "[word id]" */
static int
read_section(struct reading *t, struct span line)
{
	struct span word = {line.at + 1, 0}, id = {line.at, 0};
	uint64_t n = 0;

	if (line.len < 2 || line.at[line.len - 1] != ']')
		return refuse(t, "a section to end with ]");
	size_t inner = line.len - 2;
	while (word.len < inner && word.at[word.len] != ' ')
		word.len++;
	if (word.len < inner)
		id = (struct span){word.at + word.len + 1, inner - word.len - 1};

	for (unsigned i = RECORD_SECTION_TOP + 1; i < RECORD_SECTIONS; i++) {
		const struct record_section *s = &record_sections[i];

		if (!bytes_is(word, s->word))
			continue;
		if (!s->has_id && word.len != inner)
			return diag_set(t->d, E_CORRUPT, "%s:%u: [%s]: expected no id",
			    t->file, t->in.line, s->word);
		if (s->has_id && bytes_parse_u64(id, 1, UINT32_MAX, &n) != E_OK)
			return diag_set(t->d, E_CORRUPT,
			    "%s:%u: [%s]: expected an id 1..4294967295", t->file,
			    t->in.line, s->word);
		int r = close_section(t);
		return r == E_OK ? open_section(t, i, (uint32_t)n) : r;
	}
	return refuse(t, "[device ID], [recovery ID], [exempt], [bypass ID], [ticket ID], "
	    "[former ID] or [notice ID]");
}

/* "key value" */
static int
read_key(struct reading *t, struct span line)
{
	struct span word = {line.at, 0}, value = {line.at, 0};

	while (word.len < line.len && word.at[word.len] != ' ')
		word.len++;
	if (word.len < line.len)
		value = (struct span){word.at + word.len + 1, line.len - word.len - 1};

	for (unsigned i = 0; t->section->key[i].name != NULL; i++) {
		const struct record_key *k = &t->section->key[i];
		uint32_t bit = UINT32_C(1) << i;

		if (!bytes_is(word, k->name))
			continue;
		if ((t->seen & bit) != 0 && !k->kind->is_repeated)
			return refuse_key(t, k, "given twice", "");
		t->seen |= bit;
		if (k->kind->set(k->kind, (char *)t->place + k->offset, value) != E_OK)
			return refuse_key(t, k, "expected ", k->kind->expected);
		return E_OK;
	}
	return refuse(t, t->section->word[0] != '\0' ? "a key of this section" :
	    "user, uid, next_id, enrol_by or a section");
}

static int
read_lines(struct reading *t)
{
	struct span line;

	if (!bytes_next_line(&t->in, &line) || !bytes_is(line, FIRST_LINE))
		return refuse(t, "\"" FIRST_LINE "\"");
	int r = open_section(t, RECORD_SECTION_TOP, 0);
	while (r == E_OK && bytes_next_line(&t->in, &line)) {
		if (bytes_is(line, LAST_LINE)) {
			r = close_section(t);
			if (r == E_OK && bytes_next_line(&t->in, &line))
				r = refuse(t, "nothing after \"" LAST_LINE "\"");
			return r;
		}
		if (line.len > 0)
			r = line.at[0] == '[' ? read_section(t, line) : read_key(t, line);
	}
	return r == E_OK ? refuse(t, "\"" LAST_LINE "\" as the last line") : r;
}

int
record_parse(const char *text, size_t len, const char *file, struct record *r,
    struct diag *d)
{
	struct reading t = {.r = r, .file = file, .d = d};
	int e = E_CORRUPT;

	record_wipe(r);
	if (len == 0 || len > RECORD_TEXT_MAX)
		return diag_set(d, E_CORRUPT, "%s: expected 1..%d bytes", file,
		    RECORD_TEXT_MAX);
	if (memchr(text, '\0', len) != NULL)
		return diag_set(d, E_CORRUPT, "%s: expected text without NUL bytes", file);
	if (text[len - 1] != '\n')
		return diag_set(d, E_CORRUPT, "%s: expected \"" LAST_LINE
		    "\" and a newline at its end: it was cut short", file);
	bytes_reader_init(&t.in, text, len);
	e = read_lines(&t);
	if (e != E_OK)
		record_wipe(r);
	return e;
}

/* How many of a section r has. */
static unsigned
count_sections(const struct record *r, const struct record_section *s)
{
	if (s->count != 0) {
		const unsigned *count = (const void *)((const char *)r + s->count);

		return *count;
	}
	if (s->has_id) {
		const uint32_t *id = (const void *)((const char *)r + s->offset);

		return *id != 0 ? 1 : 0;
	}
	return s->word[0] == '\0' || r->exempt_until != 0 ? 1 : 0;
}

static void
put_section(const struct record_section *s, const char *place, struct bytes_writer *w)
{
	if (s->word[0] != '\0') {
		bytes_put(w, "\n[");
		bytes_put(w, s->word);
		if (s->has_id) {
			const uint32_t *id = (const void *)place;

			bytes_put(w, " ");
			bytes_put_u64(w, *id);
		}
		bytes_put(w, "]\n");
	}
	for (const struct record_key *k = s->key; k->name != NULL; k++) {
		if (k->kind->is_optional) {
			const uint64_t *moment = (const void *)(place + k->offset);

			if (*moment == 0)
				continue;
		}
		bytes_put(w, k->name);
		bytes_put(w, " ");
		k->kind->put(place + k->offset, w);
		bytes_put(w, "\n");
	}
}

int
record_print(const struct record *r, char *out, size_t cap, size_t *len)
{
	struct bytes_writer w;

	*len = 0;
	if (cap == 0)
		return E_LIMIT;
	bytes_writer_init(&w, out, cap);
	if (record_fault(r) != NULL) /* obligation 4 */
		return E_INVALID;
	bytes_put(&w, FIRST_LINE "\n");
	for (unsigned i = 0; i < RECORD_SECTIONS; i++) {
		const struct record_section *s = &record_sections[i];
		unsigned n = count_sections(r, s);

		for (unsigned k = 0; k < n; k++)
			put_section(s, (const char *)r + s->offset + k * s->place_len, &w);
	}
	bytes_put(&w, "\n" LAST_LINE "\n");
	if (w.has_overflowed || w.len > RECORD_TEXT_MAX) {
		bytes_wipe(out, cap);
		return E_LIMIT;
	}
	*len = w.len;
	return E_OK;
}
