/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_CORE_CONFIG_H
#define PAM_TOTP_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

#define CONFIG_FILE_MAX 65536 /* bytes of the settings file */
#define CONFIG_TEXT_CAP 256   /* a text value, with NUL */
#define CONFIG_SERVICE_MAX 64 /* bytes of a section's service name */
#define CONFIG_LINE_MAX 1024  /* bytes of a line */
#define CONFIG_SECTIONS_MAX 64
#define CONFIG_GROUPS_MAX 16 /* names in `groups` */
#define CONFIG_GROUP_MAX 64  /* bytes of a group name */

enum config_feedback { FEEDBACK_FULL = 1, FEEDBACK_NONE };
enum config_first_pass { FIRST_PASS_NO = 1, FIRST_PASS_TRY, FIRST_PASS_USE, FIRST_PASS_APPEND };
enum config_unenrolled {
	UNENROLLED_DENY = 1,
	UNENROLLED_ENROLL,
	UNENROLLED_SKIP,
	UNENROLLED_GRACE
};
enum config_enrol_ticket { ENROL_TICKET_OPTIONAL = 1, ENROL_TICKET_REQUIRED };
enum config_qr { CONFIG_QR_UTF8 = 1, CONFIG_QR_ASCII, CONFIG_QR_NONE };

/* All settings, valid as a whole once config_defaults and the loaders returned 0; const
 * from then on. Adding a key: a field here and a row in the table of config.c. */
struct settings {
	char store[CONFIG_TEXT_CAP];  /* "file:/absolute/dir" */
	char state_fallback[CONFIG_TEXT_CAP]; /* for a read-only store; "" = it refuses */
	char prompt[CONFIG_TEXT_CAP]; /* text of the prompt */
	char issuer[CONFIG_TEXT_CAP]; /* name shown in the app; "" = the host's name */
	unsigned window;	      /* steps accepted on each side, 0..3 */
	unsigned tries;		      /* prompts in one authentication, 1..5 */
	bool echo;		      /* show what is typed */
	enum config_feedback feedback;
	enum config_first_pass first_pass;
	enum config_unenrolled unenrolled;
	unsigned grace_days;	   /* of UNENROLLED_GRACE, 1..365 */
	uint64_t enforce_after_s;  /* seconds since 1970 UTC; 0 = enforced already */
	char groups[CONFIG_TEXT_CAP]; /* who must show a code; "" = everybody: config_in_groups */
	unsigned max_age_s;	   /* 0 = always ask, else 900..129600 */
	char session_class[CONFIG_TEXT_CAP]; /* of services that share sessions; "" = of its own */
	bool session_source;	   /* a remote address is a place of sessions */
	bool export_env;	   /* tell the login's facts in the PAM environment */
	enum config_enrol_ticket enrol_ticket; /* of a user's first device */
	enum config_qr qr;	   /* how an enrolment at login draws the QR code */
	char notify[CONFIG_TEXT_CAP]; /* path of the program that is told of changes; "" = none */
	unsigned max_devices;	   /* 1..8 */
	unsigned throttle_after;   /* consecutive failures of a source before it waits, 1..1000 */
	unsigned throttle_delay_s; /* first wait, doubling to 3600; 0..3600, 0 = no throttle */
	unsigned lock_after;	   /* consecutive failures of a user before the lock, 1..1000 */
	unsigned fail_delay_ms;	   /* pam_fail_delay(3) after a failure, 0..10000 */
};

/* Whom the settings are for; all-zero (or NULL for the whole) is nobody in particular: only
 * top-level keys apply, and groups cannot be told. */
struct config_who {
	const char *service; /* PAM service in lower case; NULL: no [service] section applies */
	/* Whether that user is in a group: 0 with *is_member set, E_NOENT when the host has no
	 * such group, or another error when it cannot be known. NULL: no [group] section
	 * applies. Only such an answer lets core know about groups; it asks nobody itself. */
	int (*find_member)(void *ctx, const char *group, bool *is_member);
	void *ctx;
};

/* One row of the one table that serves file, arguments and manual page. */
struct config_key {
	const char *name;
	const char *range;	   /* as the manual writes it: "0..3", "full | none", "text" */
	const char *default_value; /* as the file would write it */
	const char *help;
};

/* Fill s with the defaults (the text of each row's default_value through its own parser).
 * A build whose default is refused leaves *s zero, and config_load says which. */
void config_defaults(struct settings *s);

/* Apply the text of a settings file (len bytes, at most CONFIG_FILE_MAX): `key = value` lines,
 * '#' comments, `[group NAME]` and `[service NAME]` sections. Top-level keys come first, then
 * those of each group that the user is in, in the order of the file, then those of the
 * section whose NAME is exactly the service, wherever they stand. Every section is checked,
 * also of others. A key twice in one section, or a section twice, is an error. The NAME of
 * a service is in lower case, as libpam makes service names.
 * A group that does not exist or cannot be looked up is an error: taken for "no member",
 * it could loosen what holds for its members.
 * who: may be NULL. file: what messages call it.
 * E_INVALID: file, line, key and what was expected in d; *s is zero then. */
int config_parse_file(const char *text, size_t len, const char *file,
    const struct config_who *who, struct settings *s, struct diag *d) MUST_USE;

/* Apply one module argument "key=value". `conf` is not a setting: see config_find_conf.
 * E_INVALID: unknown key or bad value; *s is zero then. */
int config_parse_argument(const char *argument, struct settings *s, struct diag *d) MUST_USE;

/* The value of a "conf=" argument among argc arguments, or fallback when there is none.
 * E_INVALID: twice, empty or not absolute; *path is NULL then. Borrowed. */
int config_find_conf(int argc, const char *const *argv, const char *fallback, const char **path,
    bool *is_explicit, struct diag *d) MUST_USE;

/* The whole of step 1 of a login: defaults, then the settings file, then the arguments.
 * The file must be root's (or the effective user's) and writable by nobody else; the file at
 * `fallback` may be missing, one that conf= names may not (E_INVALID, never E_NOENT). A key
 * twice among the arguments is an error. fallback: absolute.
 * E_INVALID; E_UNSAFE, E_IO as safefile_open; *s is zero then: no store, nobody let through. */
int config_load(int argc, const char *const *argv, const char *fallback,
    const struct config_who *who, struct settings *s, struct diag *d) MUST_USE;

/* Whether the user must show a code by `groups`: is in one of them, or there are none.
 * E_INVALID: who has no find_member, or a group that it was asked about does not exist or
 * cannot be looked up; *is_in is true then. */
int config_in_groups(const struct settings *s, const struct config_who *who, bool *is_in,
    struct diag *d) MUST_USE;

/* Row number i of the table, or NULL past its end. */
const struct config_key *config_key_at(size_t i);

#endif
