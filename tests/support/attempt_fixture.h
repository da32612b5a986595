/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_ATTEMPT_FIXTURE_H
#define PAM_TOTP_TESTS_ATTEMPT_FIXTURE_H

#include "core/attempt.h"
#include "core/enrolment.h"
#include "store_memory.h"

#define NOW UINT64_C(1700000010) /* 10 s into a step */
#define USER "alice"
#define UID 1000u

/* Made anew for every test: default settings, a memory store in which USER has the active
 * device "phone", none of whose steps of the last hour is used. */
extern struct settings settings;
extern struct store *store;
extern struct attempt_result result; /* of the last try_text */

int fixture_setup(void **unused);
int fixture_teardown(void **unused);

/* One try at now_s from source. */
enum attempt_verdict try_text(const char *answer, const char *source, uint64_t now_s);

/* What is stored of USER. */
struct store_entry look(void);

/* The code that device number index shows offset steps from now_s. Static storage, good for
 * one more call. */
const char *code_at(unsigned index, uint64_t now_s, int offset);

/* A code that no device shows within thirty steps of NOW. Static storage. */
const char *wrong_code(void);

/* Give USER another active device, unused for an hour. */
void add_device(const char *name, struct otp_params params);

#endif
