/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_RECORD_SAMPLE_H
#define PAM_TOTP_TESTS_RECORD_SAMPLE_H

#include <string.h>

#include "core/record.h"

#define RECORD_SAMPLE_SALT "e0e1e2e3e4e5e6e7e8e9eaebecedeeef"
#define RECORD_SAMPLE_HASH_A "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define RECORD_SAMPLE_HASH_C "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
#define RECORD_SAMPLE_LEN strlen(record_sample_text)

/* Canonical, and one of everything: devices 1 (active) and 4 (pending, replaces it). */
extern const char record_sample_text[];

/* record_sample_text, parsed. */
void record_sample_full(struct record *r);

/* A random lawful record; as large as one can be when is_max. */
void record_sample_draw(struct record *r, bool is_max);

/* Parse from a block of exactly len bytes, so that a sanitizer sees each byte too far; the test
 * fails unless the record is lawful on 0 and wiped otherwise. */
int record_sample_parse(const char *text, size_t len, struct record *r, struct diag *d);

/* Print; the test fails when that is refused. Returns the length. */
size_t record_sample_print(const struct record *r, char out[RECORD_TEXT_MAX + 1]);

#endif
