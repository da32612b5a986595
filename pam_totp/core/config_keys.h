/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_CONFIG_KEYS_H
#define PAM_TOTP_CONFIG_KEYS_H

#include "config.h"

/* Between config.c and the table of keys; of no use to others. */

#define CONFIG_KEYS_MAX 32 /* rows, so that a uint32_t has a bit for each */

/* The row number of a key, for config_key_at; one past the end when there is none. */
unsigned config_keys_find(struct span name);

/* Put a value (without quotes) into the field of row i.
 * E_INVALID: not within the row's range, or no such row; no other field is touched then. */
int config_keys_set(unsigned i, struct span value, struct settings *s) MUST_USE;

/* Whether s may be the name of a group: 1..CONFIG_GROUP_MAX of A-Z a-z 0-9 . _ + @ $ \\ -, and
 * no '-' first. */
bool config_keys_is_group(struct span s);

/* Cut the first name off a list that is separated by blanks and commas. An empty span when
 * nothing is left. */
struct span config_keys_next_group(struct span *rest);

#endif
