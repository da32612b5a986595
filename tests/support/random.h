/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_RANDOM_H
#define PAM_TOTP_TESTS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A group's set-up: seeds from TEST_SEED, or with a fixed number, and prints it. */
int random_setup(void **state);

/* 0..below - 1. */
uint64_t random_below(uint64_t below);

/* min..max, each end a quarter of the time. */
uint64_t random_between(uint64_t min, uint64_t max);

void random_bytes(uint8_t *out, size_t len);

/* Whether len bytes are all 0. */
bool random_is_zero(const void *p, size_t len);

#endif
