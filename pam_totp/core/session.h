/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_SESSION_H
#define PAM_TOTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* MFA sessions (AWS: GetSessionToken, aws:MultiFactorAuthAge): whoever typed a code lately need
 * not type another one in the same place for the services of the same class (max_age). Records
 * lie in one file a user beneath SESSION_DIR (root:root 0700, 0600, a tmpfs that a boot
 * empties). They admit nobody by themselves: the device that was used must still be usable, and
 * whatever is unknown or unreadable counts as "no session". */

#define SESSION_DIR "/run/pam_totp"
#define SESSIONS_MAX 16		   /* a user; the oldest makes room */
#define SESSION_AGE_MAX 129600	   /* seconds; AWS's bound of DurationSeconds */
#define SESSION_AGE_ROOT_MAX 3600  /* AWS's for the root user */
#define SESSION_PASSED_AGE_MAX 600 /* seconds from a code to the session of its login */
#define SESSION_TEXT_CAP 129	   /* terminal, service and class, with NUL */
#define SESSION_SOURCE_CAP 46	   /* numeric address, with NUL: INET6_ADDRSTRLEN */
#define SESSION_BOOT_CAP 37	   /* boot id, with NUL */
#define SESSION_FILE_MAX 20480	   /* bytes of a user's file */
#define SESSION_USER_MAX 250	   /* bytes of a user name that has room for the file beside it */
#define SESSION_ANCESTORS_MAX 64   /* processes above the one that asks */
#define SESSION_NO_AUDIT UINT32_MAX /* the kernel has no id of the login */

/* What a place is. */
enum session_kind {
	SESSION_TERMINAL = 1, /* a terminal of this host and the process that leads its session */
	SESSION_PASSED,	      /* a code of a login from afar that is not open yet: no place */
	SESSION_LOGIN,	      /* a login from afar: the process above all that runs in it */
	SESSION_SOURCE	      /* a remote address, where session_source allows it */
};

/* A process. Numbers are given again, but never with the same start, in the kernel's ticks since
 * the boot. pid 0: none. */
struct session_process {
	uint32_t pid;
	uint64_t start;
};

/* Where a code was typed. What a kind has no use for is empty, 0. */
struct session_bond {
	enum session_kind kind;
	uint32_t uid;		      /* of the user, whose name the file bears */
	char caller[RECORD_USER_CAP]; /* TERMINAL: who called su or sudo; "" = nobody else */
	char class[SESSION_TEXT_CAP]; /* of services that share sessions */
	char tty[SESSION_TEXT_CAP];   /* TERMINAL */
	char source[SESSION_SOURCE_CAP]; /* SOURCE; of PASSED and LOGIN it is told only */
	uint32_t audit_session;	      /* the kernel's id of the login, or SESSION_NO_AUDIT */
	struct session_process process; /* TERMINAL: the leader; PASSED: where the code was checked;
					 * LOGIN: the one above the login */
	struct session_process parent;	/* PASSED: another one that may open the login */
	char boot[SESSION_BOOT_CAP]; /* the boot id */
};

struct session {
	uint32_t number; /* 1.., for listing and revoking */
	struct session_bond bond;
	char service[SESSION_TEXT_CAP]; /* where the code was typed */
	uint32_t device_id;
	uint64_t device_created; /* ids begin anew with a new record */
	uint64_t epoch;		 /* the state's session_epoch when the code was asked for */
	char device[RECORD_NAME_CAP];
	uint64_t boottime_s; /* CLOCK_BOOTTIME at the code, seconds */
	uint64_t wall_s;     /* for people: seconds since 1970 UTC */
};

struct session_list {
	unsigned count;
	struct session item[SESSIONS_MAX];
};

/* Where somebody asks to be spared a code: facts of this moment; what is not known is empty. */
struct session_place {
	uint32_t uid;		      /* of the user who is to be authenticated */
	bool is_local;
	bool is_self;		      /* the caller is the user, or there is none */
	char caller[RECORD_USER_CAP];
	char class[SESSION_TEXT_CAP];
	char tty[SESSION_TEXT_CAP];
	char source[SESSION_SOURCE_CAP];
	uint32_t audit_session;
	struct session_process leader; /* of our terminal's session; pid 0: no terminal */
	unsigned ancestor_count;
	struct session_process ancestor[SESSION_ANCESTORS_MAX]; /* the parent first */
	char boot[SESSION_BOOT_CAP];
};

/* Word of a kind ("terminal", ...); "?" for a value outside. */
const char *session_kind_name(enum session_kind kind);
/* E_INVALID: no such word; *kind is 0 then. */
int session_kind_parse(const char *word, enum session_kind *kind) MUST_USE;

/* Whether all that a bond of its kind needs is there and can be written, and nothing else. */
bool session_bond_ok(const struct session_bond *b);

/* Whether a code that was typed at b counts in p. Same user, class and boot; and of
 * TERMINAL the same terminal, caller and login; of LOGIN a terminal within that login, used by the
 * user; of SOURCE the same address. PASSED counts nowhere. Pure. */
bool session_bond_matches(const struct session_bond *b, const struct session_place *p);

/* Open the directory of sessions at path (absolute), owned by root or `owner`, for nobody else.
 * may_make: a missing one is made, 0700, beneath a parent that exists.
 * *dir: the caller closes it; -1 on error. Errors as safefile_open_dir. */
int session_open_dir(const char *path, uint32_t owner, bool may_make, int *dir,
    struct diag *d) MUST_USE;

/* Read the sessions of user. No file: an empty list, and 0. Makes and changes nothing.
 * E_INVALID: a name that has no file. E_CORRUPT, E_UNSAFE, E_IO; *list is empty then. */
int session_load(int dir, uint32_t owner, const char *user, struct session_list *list,
    struct diag *d) MUST_USE;

/* The youngest session that spares its user a code in this place: of this epoch, made by a device
 * that r still has and that is usable at now_s, and no older than max_age_s (for uid 0 no older
 * than SESSION_AGE_ROOT_MAX). boottime_s: now by CLOCK_BOOTTIME; a session from its future
 * does not count. NULL: none. Pure. */
const struct session *session_find(const struct session_list *list, const struct session_place *p,
    struct record *r, uint64_t epoch, uint64_t now_s, uint64_t boottime_s, unsigned max_age_s);

/* Add s to the user's sessions and give it its number. One of the same bond, and what cannot
 * count any more (another boot, older than SESSION_AGE_MAX), makes room first, then the oldest.
 * A file that cannot be understood is replaced by s alone. Takes the user's lock.
 * E_INVALID: a name that has no file, or a bond that is not whole. E_UNSAFE, E_IO; what was
 * there is there still. */
int session_add(int dir, uint32_t owner, const char *user, struct session *s,
    struct diag *d) MUST_USE;

/* A login is open: make the PASSED of `service` that this process or a child of it made, at most
 * SESSION_PASSED_AGE_MAX ago, a LOGIN at `here` (of kind LOGIN; class and source are the code's),
 * the youngest where there are several; none of them is left. Takes the user's lock.
 * E_NOENT: there is none. E_INVALID, E_CORRUPT, E_UNSAFE, E_IO. */
int session_confirm(int dir, uint32_t owner, const char *user, const char *service,
    const struct session_bond *here, uint64_t boottime_s, struct diag *d) MUST_USE;

/* A login is closed: take its LOGIN away. Errors as session_confirm. */
int session_close(int dir, uint32_t owner, const char *user, struct session_process process,
    struct diag *d) MUST_USE;

/* Take one session of user away, or with number 0 all, also those of a file that cannot be
 * understood. *count: how many there were; 0 on error. PASSED are none that can be named or
 * counted, but go with all. E_NOENT: there is none (of that number).
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
