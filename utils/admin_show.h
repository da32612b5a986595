/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ADMIN_SHOW_H
#define PAM_TOTP_ADMIN_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "utils/admin.h"

/* What `totp-admin show` tells of one user. */
struct show_facts {
	const char *user;
	uint64_t now_s;
	enum admin_account account;
	uint32_t account_uid;
	bool is_whole;	    /* the state */
	bool has_mismatch;  /* record and account are not of one uid */
	unsigned usable;    /* devices that a login takes a code of */
	unsigned recovery_left;
	const struct settings *settings;
	struct store_entry e;
};

#define SHOW_SOURCE_CAP 20

/* A mark of the state; with a lost state all grants are void. */
static inline uint32_t
show_spent(const struct show_facts *f, uint32_t mark)
{
	return f->is_whole ? mark : UINT32_MAX;
}

/* "outstanding", "spent", "expired", or NULL when there is no such grant. */
const char *show_grant_word(const struct record_grant *g, uint32_t spent, uint64_t now_s);

/* The name of a source of failures. Only its tag is stored, so the tag in hexadecimal, but for
 * the fixed names that can be recognised. Returns out or static storage. */
const char *show_source_name(uint64_t tag, char out[SHOW_SOURCE_CAP]);

/* Write the JSON object of totp-admin(8) on standard output; that of a record that cannot be
 * read: error as store_load gave it, why in words. */
void show_json(struct show_facts *f);
void show_json_error(const char *user, int error, const char *why);

#endif
