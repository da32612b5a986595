/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ACCOUNT_FACTS_H
#define PAM_TOTP_ACCOUNT_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/policy.h"
#include "utils/accounts.h"
#include "utils/admin.h"

/* What `totp-admin status` and `totp-admin report` know of a user, one user at a time. */

#define FACTS_STALE_DAYS 90 /* a device that nobody used for so long is stale */
#define FACTS_GROUPS_MAX 96 /* group names in settings that are remembered */

enum fact_kind {
	FACT_UNKNOWN = 0, /* should be known, but cannot be read: AWS's no_information */
	FACT_NONE,	  /* does not apply, or never was: N/A */
	FACT_ELSEWHERE,	  /* not kept on this host: not_supported */
	FACT_BOOL,
	FACT_NUMBER,
	FACT_TIME /* seconds since 1970 UTC */
};

struct fact {
	enum fact_kind kind;
	uint64_t value;
};

struct account_facts {
	const char *user; /* borrowed for the call */
	bool is_here;	  /* has an account on this host */
	bool has_record;  /* or may have: it cannot be read */
	bool may_log_in;  /* that of a person or root, with a shell that lets in */
	struct fact uid;
	struct fact password_enabled;
	struct fact password_changed;
	struct fact password_rotation; /* when it must be changed; passed: is due */
	struct fact mfa_active;	       /* a login takes a code of some device */
	struct fact mfa_required; /* a login without a code would be refused, or led to enrol */
	struct fact devices;	  /* number of those that logins take codes of */
	struct fact last_used;	  /* the latest code of any of them */
	struct fact recovery_left;
	struct fact locked;
	struct fact locked_until; /* when the last waiting source may try again */
	struct fact grace_until;
	struct fact exempt_until;
	struct fact rotate_by;
	struct policy_decision policy; /* valid when mfa_required is FACT_BOOL */
	unsigned stored;	       /* devices in the record, in whatever state */
	unsigned pending;	       /* enrolments under way */
	unsigned expired;	       /* devices and enrolments whose time is over */
	bool is_stale;		       /* has a usable device that nobody used lately */
	bool is_password_empty;
	bool is_damaged;		/* the state is lost in whole or in part: see problem */
	bool is_broken;			/* every login is refused: see problem */
	char problem[DIAG_TEXT_MAX];	/* why something is not known or wrong; "" */
	const char *note;		/* the most urgent of all that, in a word; "" */
};

/* Where facts come from. Large: not on the stack. */
struct facts_source {
	struct admin *admin;
	uint64_t now_s;
	struct accounts accounts;
	struct admin_users users;
	struct settings settings; /* in force for the user at hand */
	bool in_groups;
	bool has_settings;	   /* settings hold for everybody: no group is named */
	bool has_failed_settings;  /* they cannot be told; said in settings_diag */
	bool has_asked;		   /* a group was asked for */
	struct diag settings_diag;
	const struct account *at; /* who is asked about; NULL: no account of this host */
	uint32_t *gid;		  /* all groups of at, once somebody asked */
	size_t gid_count;
	size_t group_count;
	struct {
		char name[CONFIG_GROUP_MAX + 1];
		uint32_t gid;
		int code;
	} group[FACTS_GROUPS_MAX];
	struct store_entry entry;
};

/* Open settings, store and accounts of a. NULL: told; *code says how to end. */
struct facts_source *facts_open(struct admin *a, enum exit_code *code);
void facts_close(struct facts_source *s);

/* Call each for every user that has a record or an account that may log in, in the order of
 * their names, holding the facts of one at a time. */
void facts_each(struct facts_source *s, void (*each)(const struct account_facts *f, void *ctx),
    void *ctx);

/* For each: whether the user at hand is in that group of this host. E_IO: cannot be looked
 * up. */
int facts_is_in_group(struct facts_source *s, uint32_t gid, bool *is_member) MUST_USE;

#endif
