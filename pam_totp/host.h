/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_HOST_H
#define PAM_TOTP_HOST_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/attempt.h"

#define HOST_TEXT_CAP 257 /* an item of the application, with NUL; longer ones are cut */

/* Who logs in, where and from where: facts, gathered once and pinned. */
struct host {
	pam_handle_t *pamh;
	bool is_silent;		    /* PAM_SILENT: no messages to the user */
	bool is_local;		    /* asked from this host, not from afar */
	bool is_account;	    /* the name has an account on this host */
	int account_error;	    /* errno, when that could not be looked up; else 0 */
	uint32_t uid;		    /* of that account */
	uint32_t gid;		    /* its primary group */
	char asked[HOST_TEXT_CAP];  /* PAM_USER as it stood at the start */
	char user[HOST_TEXT_CAP];   /* the account's own name, else as asked */
	char service[HOST_TEXT_CAP];
	char rhost[HOST_TEXT_CAP];  /* "" for local */
	char ruser[HOST_TEXT_CAP];  /* who called sudo or su; "" */
	char tty[HOST_TEXT_CAP];
	char source[2 * HOST_TEXT_CAP]; /* what failures are counted by */
};

/* One answer, owned and wiped here. at NULL in `span` = none or too long. */
struct host_answer {
	char bytes[ATTEMPT_ANSWER_MAX + 1];
	struct span span;
};

/* Gather the facts. Returns 0, or E_INVALID when the application gives no user name
 * or an over-long one. Calls pam_get_user, which may ask for the name. */
int host_gather(pam_handle_t *pamh, int flags, struct host *h) MUST_USE;

/* For struct config_who: whether the user is in that group of the host. ctx: a struct host.
 * A name without an account is in none. E_NOENT: no such group.
 * E_IO: it, or the account's groups, cannot be looked up. */
int host_find_member(void *ctx, const char *group, bool *is_member) MUST_USE;

/* Whether the application has named a user, so that host_gather asks nobody. */
bool host_has_user(pam_handle_t *pamh);

/* Set "NAME=value" in the PAM environment of the login, or with "NAME" take it out; see
 * pam_putenv(3). What is refused is nobody's harm. */
void host_export(const struct host *h, const char *text);

/* Take what another module left in the handle under that name: len bytes, copied to out, and
 * gone from the handle. Returns whether there was any; out is zero otherwise. */
bool host_take_data(const struct host *h, const char *name, void *out, size_t len) MUST_USE;

/* Leave len bytes for host_take_data of a module further down the stack, until they are taken or
 * pam_end(3). Not for secrets: nobody wipes them. Returns whether they were left. */
bool host_leave_data(const struct host *h, const char *name, const void *data,
    size_t len) MUST_USE;

/* Whether PAM_USER still is what it was (CVE-2024-9313). */
bool host_is_same_user(const struct host *h);

/* The wall clock, seconds since 1970 UTC. */
uint64_t host_now(void);

/* Put text to the user and take one answer of at most ATTEMPT_ANSWER_MAX bytes. libpam's
 * copy is wiped and freed. A NULL or over-long answer is an answer of no shape.
 * Returns 0, or E_IO when there is no conversation or it failed; *a is empty then. */
int host_ask(const struct host *h, const char *text, bool echo, struct host_answer *a) MUST_USE;

/* The password that an earlier module got (PAM_AUTHTOK), as an answer.
 * E_NOENT: there is none. Over-long: an answer of no shape, and 0. */
int host_take_first_pass(const struct host *h, struct host_answer *a) MUST_USE;

/* Ask for password and code in one field (or take PAM_AUTHTOK when it is there), hand the
 * part before the last `digits` bytes on to later modules as PAM_AUTHTOK and keep the rest
 * as the answer. Shorter than digits, or a rest that is not all digits: an answer of no
 * shape, PAM_AUTHTOK is untouched.
 * E_IO: as host_ask, or libpam refused the item. */
int host_ask_appended(const struct host *h, const char *text, unsigned digits,
    struct host_answer *a) MUST_USE;

void host_answer_wipe(struct host_answer *a);

/* Tell the user something (PAM_TEXT_INFO, or PAM_ERROR_MSG when is_error), unless the
 * application wants silence. A failure to tell is nobody's harm. */
void host_tell(const struct host *h, bool is_error, const char *text);

/* Ask the application to wait after a failure; see pam_fail_delay(3). */
void host_delay(const struct host *h, unsigned delay_ms);

/* One log line through pam_syslog(3); priority: LOG_INFO ... of syslog(3). Not for secrets. */
void host_log(const struct host *h, int priority, const char *line);

#endif
