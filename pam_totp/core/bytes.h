/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_BYTES_H
#define PAM_TOTP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diag.h"

/* A borrowed run of bytes; not terminated. Good as long as what it points to. */
struct span {
	const char *at;
	size_t len;
};

/* A cursor over a text; the only code that advances through input.
 * line: number of the line last returned by bytes_next_line, from 1. */
struct bytes_reader {
	const char *at;
	size_t left;
	unsigned line;
};

/* An appending cursor over a fixed buffer. Once something did not fit,
 * has_overflowed stays set and nothing more is written. */
struct bytes_writer {
	char *at;
	size_t cap; /* bytes in the buffer, with room for the NUL */
	size_t len; /* bytes written, without the NUL; always < cap */
	bool has_overflowed;
};

/* Overwrite len bytes so that the compiler cannot drop it (explicit_bzero(3)).
 * p: may be NULL when len is 0. Thread-safe. */
void bytes_wipe(void *p, size_t len);

/* Begin reading text (len bytes, borrowed). */
void bytes_reader_init(struct bytes_reader *r, const char *text, size_t len);

/* Take the next line without its '\n' into *line. Returns false at the end.
 * A last line without '\n' is a line as well. */
bool bytes_next_line(struct bytes_reader *r, struct span *line);

/* Cut the first word off *rest: skips leading spaces and tabs, takes up to the
 * next space or tab, leaves the remainder with its leading blanks skipped.
 * Returns an empty span when nothing is left. */
struct span bytes_next_word(struct span *rest);

/* s without leading and trailing spaces and tabs. */
struct span bytes_trim(struct span s);

/* Whether s is exactly the terminated text. Not for secrets. */
bool bytes_is(struct span s, const char *text);

/* Parse the whole of s as a decimal number min..max: digits only, no sign, no
 * space, no leading zero except "0" itself.
 * E_INVALID: anything else; *out is 0 then. Thread-safe. */
int bytes_parse_u64(struct span s, uint64_t min, uint64_t max, uint64_t *out) MUST_USE;

/* Copy s to out (cap bytes) and terminate it.
 * E_INVALID: longer than cap - 1, or holds a NUL; out is "" then. */
int bytes_copy(struct span s, char *out, size_t cap) MUST_USE;

/* Begin appending to buf (cap bytes, at least 1); buf becomes "". */
void bytes_writer_init(struct bytes_writer *w, char *buf, size_t cap);

/* Append a terminated text, a span, a decimal number. The buffer stays
 * terminated; see has_overflowed. */
void bytes_put(struct bytes_writer *w, const char *text);
void bytes_put_span(struct bytes_writer *w, struct span s);
void bytes_put_u64(struct bytes_writer *w, uint64_t n);

/* Little-endian numbers in a byte array (8 and 4 bytes at p). */
void bytes_set_le64(uint8_t *p, uint64_t n);
void bytes_set_le32(uint8_t *p, uint32_t n);
uint64_t bytes_get_le64(const uint8_t *p);
uint32_t bytes_get_le32(const uint8_t *p);

#endif
