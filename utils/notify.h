/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_NOTIFY_H
#define PAM_TOTP_NOTIFY_H

#include <stdbool.h>

#define NOTIFY_WORDS_MAX 8
#define NOTIFY_WAIT_S 5
#define NOTIFY_WHY_CAP 320

/* Run the program that an administrator named (settings key `notify`) with words as its
 * arguments, and wait at most NOTIFY_WAIT_S for it; then it and what it started in its session
 * are killed. Obligations in notify.c. To be called by root, after the change it tells.
 * path: absolute. words: up to NOTIFY_WORDS_MAX, ended by NULL; no secret, anybody can read
 * them. Returns whether it ended well; else why holds the reason. Not thread-safe. */
bool notify_run(const char *path, const char *const *words, char why[NOTIFY_WHY_CAP])
    __attribute__((warn_unused_result));

#endif
