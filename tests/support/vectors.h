/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_VECTORS_H
#define PAM_TOTP_TESTS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define VECTORS_FIELDS_MAX 8
#define VECTORS_LINE_MAX 512

/* A file of test vectors: lines of fields between blanks, '#' comments, empty lines. */
struct vectors {
	FILE *file;
	char line[VECTORS_LINE_MAX];
	const char *field[VECTORS_FIELDS_MAX]; /* of the current line; good until the next */
};

/* Open name in the folder of the environment variable VECTORS_DIR, else of the macro of that
 * name. A missing file, or neither of them, fails the running test. */
void vectors_open(struct vectors *v, const char *name);

/* Go to the next line of vectors, which must have exactly `fields` fields, else the running
 * test fails. Returns false at the end, and has closed the file then. */
bool vectors_next(struct vectors *v, size_t fields);

/* A field as bytes ("-" is none) or as a number; what is neither fails the running test.
 * Not by core's own readers, which are what is tested. */
size_t vectors_hex(const char *field, uint8_t *out, size_t cap);
uint64_t vectors_number(const char *field, int base);

#endif
