/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_SESSION_H
#define PAM_TOTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* MFA sessions (AWS: GetSessionToken, aws:MultiFactorAuthAge): whoever typed a code on a
 * terminal lately need not type another one there for the same service (max_age). Records lie
 * in one file a user beneath SESSION_DIR (root:root 0700, 0600, a tmpfs that a boot empties).
 * They admit nobody by themselves: the device that was used must still be usable, and
 * whatever is unknown or unreadable counts as "no session". */

#define SESSION_DIR "/run/pam_totp"
#define SESSIONS_MAX 16		   /* a user; the oldest makes room */
#define SESSION_AGE_MAX 129600	   /* seconds; AWS's bound of DurationSeconds */
#define SESSION_AGE_ROOT_MAX 3600  /* AWS's for the root user */
#define SESSION_TEXT_CAP 129	   /* terminal and service, with NUL */
#define SESSION_BOOT_CAP 37	   /* boot id, with NUL */
#define SESSION_FILE_MAX 16384	   /* bytes of a user's file */
#define SESSION_USER_MAX 250	   /* bytes of a user name that has room for the file beside it */

/* Where a code was typed; all of it must be equal for a session to count. A terminal number is
 * given again after a hang-up, so the process that leads the terminal's session is named too,
 * with its start, which nobody can give to another one. */
struct session_bond {
	uint32_t uid;		/* of the user, whose name the file bears */
	char caller[RECORD_USER_CAP]; /* who called su or sudo; "" = nobody else */
	char service[SESSION_TEXT_CAP];
	char tty[SESSION_TEXT_CAP];
	uint32_t audit_session; /* the kernel's id of the login, UINT32_MAX = none */
	uint32_t leader;	/* process id of the session leader */
	uint64_t leader_start;	/* its start, in the kernel's ticks since the boot */
	char boot[SESSION_BOOT_CAP]; /* the boot id */
};

struct session {
	uint32_t number; /* 1.., for listing and revoking */
	struct session_bond bond;
	uint32_t device_id;
	uint64_t device_created; /* ids begin anew with a new record */
	char device[RECORD_NAME_CAP];
	uint64_t boottime_s; /* CLOCK_BOOTTIME at the code, seconds */
	uint64_t wall_s;     /* for people: seconds since 1970 UTC */
};

struct session_list {
	unsigned count;
	struct session item[SESSIONS_MAX];
};

/* Whether every part of a bond is there and has a place in a file: a uid, a terminal, a
 * service, a leader and a boot. */
bool session_bond_ok(const struct session_bond *b);

/* Open the directory of sessions at path (absolute), owned by root or `owner`, for nobody else.
 * may_make: a missing one is made, 0700, beneath a parent that exists.
 * *dir: the caller closes it; -1 on error. Errors as safefile_open_dir. */
int session_open_dir(const char *path, uint32_t owner, bool may_make, int *dir,
    struct diag *d) MUST_USE;

/* Read the sessions of user. No file: an empty list, and 0. Makes and changes nothing.
 * E_INVALID: a name that has no file. E_CORRUPT, E_UNSAFE, E_IO; *list is empty then. */
int session_load(int dir, uint32_t owner, const char *user, struct session_list *list,
    struct diag *d) MUST_USE;

/* The youngest session that spares its user a code: of exactly this bond, made by a device that
 * r still has and that is usable at now_s, and no older than max_age_s (for uid 0 no older than
 * SESSION_AGE_ROOT_MAX). boottime_s: now by CLOCK_BOOTTIME; a session from its future
 * does not count. NULL: none. Pure. */
const struct session *session_find(const struct session_list *list, const struct session_bond *bond,
    struct record *r, uint64_t now_s, uint64_t boottime_s, unsigned max_age_s);

/* Add s to the user's sessions and give it its number. One of the same bond, and what no setting
 * can reach any more (another boot, older than SESSION_AGE_MAX), makes room first, then the oldest.
 * A file that cannot be understood is replaced by s alone. Takes the user's lock.
 * E_INVALID: a name that has no file, or a bond that is not whole. E_UNSAFE, E_IO; what was
 * there is there still. */
int session_add(int dir, uint32_t owner, const char *user, struct session *s,
    struct diag *d) MUST_USE;

/* Take one session of user away, or with number 0 all, also those of a file that cannot be
 * understood. *count: how many there were; 0 on error. E_NOENT: there is none (of that number).
 * E_INVALID, E_CORRUPT (number not 0), E_UNSAFE, E_IO. */
int session_revoke(int dir, uint32_t owner, const char *user, uint32_t number, unsigned *count,
    struct diag *d) MUST_USE;

/* The text of a user's file, and back; what one writes the other reads equal.
 * session_parse: E_CORRUPT with line and what was expected; *list is empty then.
 * session_print: E_INVALID: a value that has no place in a file. E_LIMIT: no room. */
int session_parse(const char *text, size_t len, struct session_list *list,
    struct diag *d) MUST_USE;
int session_print(const struct session_list *list, char *out, size_t cap, size_t *len) MUST_USE;

#endif
