/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ADMIN_H
#define PAM_TOTP_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/store.h"
#include "utils/exit_codes.h"

/* What the verbs of totp-admin share. A verb is one function in admin_VERB.c that takes its
 * operands (checked in number, NULL-terminated) and returns the exit code; it prints what it
 * did on standard output, and on standard error why it did not. */

#define ADMIN_SOURCE "totp-admin" /* the source that wrong codes given here are counted for */

enum admin_option {
	OPTION_STORE = 0,
	OPTION_CONF,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_URI_FILE,
	OPTION_SECRET_FILE,
	OPTION_ALGORITHM,
	OPTION_DIGITS,
	OPTION_PERIOD,
	OPTION_TYPE,
	OPTION_UID,
	OPTION_WEAK_OK,
	OPTION_FORCE,
	OPTION_YES,
	OPTION_STEPS,
	OPTION_WITHIN,
	OPTION_FORGET,
	OPTION_FOR,
	OPTION_UNTIL,
	OPTION_REASON,
	OPTION_END,
	OPTION_FILE,
	OPTION_OLDER_THAN,
	OPTION_BY,
	OPTION_CLOCK,
	OPTION_FORMAT,
	OPTION_USER,
	OPTION_SERVICE,
	OPTION_PAM_DIR,
	OPTION_SSHD_CONFIG,
	OPTION_SUDOERS,
	OPTION_FROM,
	OPTION_NAME,
	OPTION_DRY_RUN,
	OPTION_SKIP_UNKNOWN,
	OPTION_COUNT
};

struct admin {
	const char *option[OPTION_COUNT]; /* its value, "" for a switch; NULL: not given */
	struct settings settings;	  /* whole once admin_open returned EXIT_CODE_OK */
	struct store *store;		  /* the same; admin_close gives it back */
};

enum exit_code admin_add(struct admin *a, char *const *operand);
enum exit_code admin_bypass(struct admin *a, char *const *operand);
enum exit_code admin_cancel(struct admin *a, char *const *operand);
enum exit_code admin_delete(struct admin *a, char *const *operand);
enum exit_code admin_doctor(struct admin *a, char *const *operand);
enum exit_code admin_disable(struct admin *a, char *const *operand);
enum exit_code admin_enable(struct admin *a, char *const *operand);
enum exit_code admin_exempt(struct admin *a, char *const *operand);
enum exit_code admin_import(struct admin *a, char *const *operand);
enum exit_code admin_list(struct admin *a, char *const *operand);
enum exit_code admin_recovery_codes(struct admin *a, char *const *operand);
enum exit_code admin_remove(struct admin *a, char *const *operand);
enum exit_code admin_rename(struct admin *a, char *const *operand);
enum exit_code admin_resync(struct admin *a, char *const *operand);
enum exit_code admin_report(struct admin *a, char *const *operand);
enum exit_code admin_reset(struct admin *a, char *const *operand);
enum exit_code admin_revoke(struct admin *a, char *const *operand);
enum exit_code admin_rotate(struct admin *a, char *const *operand);
enum exit_code admin_sessions(struct admin *a, char *const *operand);
enum exit_code admin_show(struct admin *a, char *const *operand);
enum exit_code admin_status(struct admin *a, char *const *operand);
enum exit_code admin_ticket(struct admin *a, char *const *operand);
enum exit_code admin_unlock(struct admin *a, char *const *operand);
enum exit_code admin_verify(struct admin *a, char *const *operand);

/* Print one line, "totp-admin: " and the text, on standard error. Control bytes become '?'.
 * Never a secret. admin_fail gives its code back. */
void admin_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
enum exit_code admin_fail(enum exit_code code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Print one line on standard output in the same way. */
void admin_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Tell an error of core and return the exit code that it becomes. */
enum exit_code admin_fail_core(int error, const struct diag *d);

/* Load the settings and open the store that --store or they name. may_create: a default store
 * that does not exist is made, 0700, in a parent that does, and that is said.
 * Not OK: told already; nothing is open. */
enum exit_code admin_open(struct admin *a, bool may_create);
void admin_close(struct admin *a);

/* Seconds since 1970 UTC. */
uint64_t admin_now(void);

/* Refuse a user name that can have no record (EXIT_CODE_USAGE, told). */
enum exit_code admin_check_user(const char *user);

enum admin_account { ACCOUNT_UNKNOWN = 0, ACCOUNT_NONE, ACCOUNT_FOUND };

/* The account of a name on this host (getpwnam_r(3)). UNKNOWN: the look-up failed, which is
 * not the same as there being none; *uid is (uint32_t)-1 unless FOUND. */
enum admin_account admin_find_account(const char *user, uint32_t *uid);

/* The uid that the record of user is bound to: that of the account, or --uid for one of another
 * host. Not OK: told. */
enum exit_code admin_read_uid(const struct admin *a, const char *user, uint32_t *uid);

/* Whose a record must be, or will be. */
struct admin_uid {
	bool is_known; /* false: there is no such account, and no --uid; a record says it itself */
	uint32_t uid;
};

/* As admin_read_uid, but a name without an account is no error yet. Not OK: told. */
enum exit_code admin_find_uid(const struct admin *a, const char *user, struct admin_uid *u);

/* The value of an option: seconds from "90s" "30m" "12h" "7d", min_s to max_s; the last second
 * (UTC) of a day, which must not be over at now_s, from YYYY-MM-DD; a number min to max. An
 * option that was not given leaves what is there. Not OK: told. */
enum exit_code admin_read_duration(const struct admin *a, enum admin_option option,
    const char *name, uint64_t min_s, uint64_t max_s, uint64_t *out_s);
enum exit_code admin_read_day_end(const struct admin *a, enum admin_option option,
    const char *name, uint64_t now_s, uint64_t *out_s);
enum exit_code admin_read_number(const struct admin *a, enum admin_option option,
    const char *name, unsigned min, unsigned max, unsigned *out);

/* Load what is stored of user, who must have a record. Not OK: told; *e is wiped. */
enum exit_code admin_load(struct admin *a, const char *user, struct store_entry *e);

/* A change of one record through store_update: change gets ctx, which must begin with this. */
struct admin_change {
	const char *action;	/* the verb, for the log */
	const char *user;
	const char *device;	/* name of the device it is about, or NULL */
	uint64_t now_s;
	enum exit_code refused; /* set by change with a non-zero return: the exit code of it */
	bool was_rebuilt;	/* the state had been lost */
};
typedef int admin_change_fn(struct store_entry *e, void *ctx, struct diag *d);

/* For change functions: refuse with the exit code of an error of core, which said in d why. */
int admin_refuse_core(struct admin_change *c, int error, struct diag *d) MUST_USE;

/* For change functions: let the user be told of the change at the next login. */
void admin_note(const struct admin_change *c, struct store_entry *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For change functions: begin an empty record for a user who has none. */
int admin_begin_record(struct admin_change *c, struct store_entry *e, uint32_t uid,
    struct diag *d) MUST_USE;

/* For change functions: the record of a user, begun when there is none. Refuses one that is
 * another account's, and a user without record and account. */
int admin_need_record_of(struct admin_change *c, struct store_entry *e,
    const struct admin_uid *u, struct diag *d) MUST_USE;

/* Apply a change, and tell when it failed. Nothing was written when it was refused; a failure
 * of the store is logged too, because it may have come after the writing. */
enum exit_code admin_update(struct admin *a, struct admin_change *c, admin_change_fn *change);

/* Both halves of admin_update: the code of store_update, and what becomes of it. */
int admin_update_quietly(struct admin *a, struct admin_change *c, admin_change_fn *change,
    struct diag *d) MUST_USE;
enum exit_code admin_tell_update(struct admin_change *c, int error, const struct diag *d);

/* For change functions: refuse with that exit code and explanation; refuse when there is no
 * record; find the device c->device in e or refuse (*dev is NULL then). */
int admin_refuse(struct admin_change *c, enum exit_code code, struct diag *d, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
int admin_need_record(struct admin_change *c, const struct store_entry *e,
    struct diag *d) MUST_USE;
int admin_need_device(struct admin_change *c, struct store_entry *e,
    struct record_device **dev, struct diag *d) MUST_USE;

/* A device of a key that exists, to be active at once. */
struct admin_device {
	const char *name;
	enum device_type type;
	struct otp_params params;
	struct otp_secret secret;
	uint32_t wait_s; /* set when it was made: until its first code that works */
};

/* The value of --type; virtual when it is not given. Not OK: told. */
enum exit_code admin_read_type(const struct admin *a, enum device_type *type);

/* Within a change: begin or check the record of the account uid (E_MISMATCH: it is another
 * account's), then make devices in it, each with a notice. E_EXISTS: the user has that name or
 * that secret. E_LIMIT, E_CRYPTO as enrolment_import. */
int admin_begin_adding(struct admin_change *c, struct store_entry *e, uint32_t uid,
    struct diag *d) MUST_USE;
int admin_add_device(const struct admin_change *c, struct store_entry *e,
    const struct settings *settings, struct admin_device *spec, struct diag *d) MUST_USE;

/* The names of all users that have a record, sorted. Not OK: told; *u is empty. */
struct admin_users {
	char **name;
	size_t count;
	size_t cap;
};
enum exit_code admin_users_load(struct admin *a, struct admin_users *u);
void admin_users_free(struct admin_users *u);

/* What `unenrolled` does to a user without a usable device: "locks the user out (...)". */
const char *admin_consequence(enum config_unenrolled unenrolled);

/* The word of a device's state at now_s: as record_state_name, or "expired". */
const char *admin_state_word(const struct record_device *d, uint64_t now_s);

/* Write one line to the log (LOG_AUTHPRIV): event=admin action= actor= user= device= result=.
 * device: NULL for none. result: a word. */
void admin_log(const char *action, const char *user, const char *device, const char *result);

/* The same as a warning (LOG_WARNING), for what weakens a promise on somebody's word. */
void admin_log_alert(const char *action, const char *user, const char *device,
    const char *result);

struct table;

/* Write a table to standard output, or with --json an object that holds its rows as the array
 * `key`. Returns false: no memory. */
bool admin_print(const struct admin *a, const struct table *t, const char *key)
    __attribute__((warn_unused_result));

#endif
