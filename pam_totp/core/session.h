/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_SESSION_H
#define PAM_TOTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* MFA sessions (AWS: GetSessionToken, aws:MultiFactorAuthAge): a login that passed a code lately
 * need not be asked again by the services that allow it (max_age). Records live in one file a
 * user beneath SESSION_DIR (root:root 0700, 0600, a tmpfs that a boot empties), written by
 * replace under the user's lock there. They admit nobody by themselves: the device that was
 * used must still be usable, and whatever is unknown or unreadable counts as "no session". */

#define SESSION_DIR "/run/pam_totp"
#define SESSIONS_MAX 16		 /* a user; the oldest makes room */
#define SESSION_AGE_MIN 900	 /* seconds; AWS's bounds of DurationSeconds */
#define SESSION_AGE_MAX 129600
#define SESSION_AGE_ROOT_MAX 3600
#define SESSION_TEXT_CAP 129

/* What a session is bound to; all of it must be equal for a session to count. */
struct session_bond {
	char user[RECORD_USER_CAP];
	uint32_t uid;
	uint32_t audit_session; /* the kernel's session id of the login, UINT32_MAX = none */
	char place[SESSION_TEXT_CAP]; /* tty for a local login, else the source address */
	char service_class[SESSION_TEXT_CAP];
	char boot[40]; /* the boot id, 36 characters */
};

struct session {
	uint32_t number; /* 1.., for listing and revoking */
	struct session_bond bond;
	uint32_t device_id;
	char device[RECORD_NAME_CAP];
	uint64_t boottime_s; /* CLOCK_BOOTTIME at the code, seconds */
	uint64_t wall_s;     /* for people: seconds since 1970 UTC */
};

struct session_list {
	unsigned count;
	struct session item[SESSIONS_MAX];
};

#endif
