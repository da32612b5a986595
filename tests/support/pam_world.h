/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_PAM_WORLD_H
#define PAM_TOTP_TESTS_PAM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_LINE_CAP 8192
#define WORLD_LINES_MAX 512
#define WORLD_ACCOUNTS_MAX 32
#define WORLD_GROUPS_MAX 16

/* What went to syslog(3). */
struct world_line {
	int priority; /* facility and level */
	char text[WORLD_LINE_CAP];
};

/* A new world: the clock at now_s, no account, an empty log. */
void world_reset(uint64_t now_s);

void world_set_clock(uint64_t now_s);
uint64_t world_clock(void);

/* An account of this host. asked: what it is looked up by; name: what its entry says (the
 * same but for hosts that match names without case). Both are borrowed. */
void world_add_account(const char *asked, const char *name, uint32_t uid);

/* A group of this host with one member; "" for none. Each account's primary group has the
 * account's uid as its number, and no entry unless one is added. Both are borrowed. */
void world_add_group(const char *name, uint32_t gid, const char *member);

/* The log so far, line i of world_log_count. Lines beyond WORLD_LINES_MAX are
 * counted but not kept. */
size_t world_log_count(void);
const struct world_line *world_log_line(size_t i);
void world_log_clear(void);

#endif
