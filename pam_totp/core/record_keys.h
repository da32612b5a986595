/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_RECORD_KEYS_H
#define PAM_TOTP_RECORD_KEYS_H

#include "record.h"

/* The grammar of a record's text, between record_keys.c and record_text.c only. */

#define RECORD_KEYS_MAX 13   /* of one section, with the row that ends it */
#define RECORD_SECTIONS 8    /* rows of record_sections */
#define RECORD_SECTION_TOP 0 /* the account: no word, comes first, always there */

/* A kind of value. set: read the text of a value into what lies at `at`; not 0: it is not
 * what `expected` says. put: write it. */
struct record_kind {
	int (*set)(const struct record_kind *kind, void *at, struct span v);
	void (*put)(const void *at, struct bytes_writer *w);
	const char *expected;
	uint64_t min; /* numbers only */
	uint64_t max;
	bool is_optional; /* a uint64_t: 0 when it is not given, and not written then */
	bool is_repeated; /* a line for each of several values, at: the whole place */
};

struct record_key {
	const char *name; /* NULL ends the keys of a section */
	const struct record_kind *kind;
	size_t offset; /* of the value in the section's place */
};

struct record_section {
	const char *word;
	bool has_id;	  /* a uint32_t, first in the place */
	unsigned max;	  /* how many of them */
	size_t offset;	  /* of the first place in struct record */
	size_t place_len; /* bytes of one place */
	size_t count;	  /* offset of their number in struct record; 0 = not kept */
	struct record_key key[RECORD_KEYS_MAX];
};

/* In the order in which they are written. */
extern const struct record_section record_sections[RECORD_SECTIONS];

#endif
