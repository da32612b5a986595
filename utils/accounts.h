/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ACCOUNTS_H
#define PAM_TOTP_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/diag.h"

/* The accounts of this host and what is known of their passwords, but never the hashes. */

enum account_password {
	PASSWORD_UNREADABLE = 0, /* needs root, or the look-up failed */
	PASSWORD_ELSEWHERE,	 /* there is an account, but no shadow entry: kept by a directory */
	PASSWORD_DISABLED,	 /* no password is right: "!", "*" */
	PASSWORD_EMPTY,		 /* none is needed */
	PASSWORD_SET
};

struct account {
	char *name;
	uint32_t uid;
	uint32_t gid;	   /* its primary group */
	bool may_log_in;   /* a person's or root's, with a shell that lets in */
	bool has_shadow;   /* the three below are known */
	enum account_password password;
	int64_t changed_day;   /* days since 1970 UTC; 0: must be changed at the next login; -1 */
	int64_t rotation_days; /* how long it may be kept; -1: for ever */
};

struct accounts {
	struct account *item; /* sorted by name (strcmp(3)), each name once */
	size_t count;
	size_t cap;
	uint32_t uid_min; /* UID_MIN of /etc/login.defs: the smallest uid of a person */
};

/* Read all accounts that the host lists (getpwent_r(3)); a directory may list none of its own.
 * Not thread-safe. E_IO: they cannot be listed; *a is empty. */
int accounts_load(struct accounts *a, struct diag *d) MUST_USE;
void accounts_free(struct accounts *a);

/* Look one up that is not in the list. *out: its name must be freed. E_NOENT: no such account.
 * E_IO: it cannot be looked up. *out is zero then. */
int accounts_look_up(const struct accounts *a, const char *name, struct account *out) MUST_USE;

/* All groups of an account, the primary one too. *gid: malloc'ed, *count of them.
 * E_IO: they cannot be looked up; *gid is NULL then. */
int accounts_find_groups(const struct account *account, uint32_t **gid, size_t *count) MUST_USE;

/* The gid of a group. E_NOENT: no such group. E_IO: it cannot be looked up. */
int accounts_find_group(const char *group, uint32_t *gid) MUST_USE;

#endif
