/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_STORE_SAMPLE_H
#define PAM_TOTP_TESTS_STORE_SAMPLE_H

#include "core/store.h"

#define SAMPLE_NOW UINT64_C(1700000000)

/* A record of that user with four active devices and every notice (its text is longer than a
 * state file), and the state that goes with it, each device at its own step. */
void sample_make(struct record *r, struct state *st, const char *user);

/* The length of the text of r, written into text (RECORD_TEXT_MAX + 1 bytes). A record that
 * cannot be written fails the test. */
size_t sample_print(const struct record *r, char *text);

/* Fail the test unless both records have the same text, or both states the same slot but
 * for generation. */
void sample_expect_record(const struct record *a, const struct record *b);
void sample_expect_state(const struct state *a, const struct state *b);

/* Make an empty file store of an empty directory, as an installation does. */
void sample_make_store(const char *dir);

/* Make a new store with that user in s, failing the test when it does not work. */
void sample_enrol(struct store *s, const char *user);

#endif
