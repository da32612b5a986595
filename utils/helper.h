/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_HELPER_H
#define PAM_TOTP_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/config.h"
#include "core/record.h"
#include "core/store.h"
#include "protocol.h"
#include "utils/exit_codes.h"

/* The parts of totp-helper; its obligations stand in totp-helper.c. */

#define HELPER_SERVICE "totp-enroll" /* PAM service, section of the settings file */
#define HELPER_SOURCE "totp-enroll"  /* throttle bucket of everything asked here */
#define HELPER_TTY_CAP 64

#define HELPER_REQUEST_MS (30 * 1000)
#define HELPER_ANSWER_MS (120 * 1000)
#define HELPER_CODES_MS (300 * 1000)
#define HELPER_SEND_MS (30 * 1000)

/* One run for one account. */
struct helper {
	struct protocol line;
	struct settings settings;
	struct store *store;
	uid_t uid;		      /* the real uid: the only identity there is */
	char user[RECORD_USER_CAP];   /* its name by the password database */
	char tty[HELPER_TTY_CAP];     /* of standard error, "" when it is none; for logs */
	char claimed[PROTOCOL_VALUE_CAP]; /* a login's service as the caller names it, else "" */
	char text[PROTOCOL_VALUE_CAP]; /* what `done` will say */
};

/* helper_guard.c: make this a process that its caller cannot steer. Returns NULL, or what
 * was refused; nothing may be done then but to say so and exit. *caller: the real uid. */
const char *guard_process(uid_t *caller) MUST_USE;

/* While PAM modules run they see the caller as the real uid, as under su(1): pam_rootok and
 * pam_wheel ask for it. At all other times the real uid is root's, so that the caller can
 * neither kill nor stop a process that is writing. Returns false when refused. */
bool guard_enter_pam(uid_t caller) MUST_USE;
bool guard_leave_pam(void) MUST_USE;

/* helper_slot.c: take one of the places that the user has, for as long as this process lives.
 * BUSY: there is none left. */
enum exit_code slot_take(struct helper *h) MUST_USE;

/* totp-helper.c: the settings of that section with those arguments, and the store that they
 * name. Whatever was open before is closed. */
enum exit_code helper_open(struct helper *h, const char *service, int argc,
    const char *const *argv) MUST_USE;

/* helper_talk.c */

/* Set the text of `done` (cut to fit) and give the code back. */
enum exit_code helper_end(struct helper *h, enum exit_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for an error of core: what concerns the user's request is told, what is wrong
 * with the host goes to the log and is told by its name only. */
enum exit_code helper_end_error(struct helper *h, int error, const struct diag *d);

/* The record is another account's (FLOW row 19). */
enum exit_code helper_end_mismatch(struct helper *h, uint32_t record_uid);

/* Send or receive; EXIT_CODE_OK, or how to end, with the text of `done` set. What is sent
 * is wiped. */
enum exit_code helper_send(struct helper *h, struct message *m) MUST_USE;
enum exit_code helper_receive(struct helper *h, struct message *m, int timeout_ms) MUST_USE;

/* Ask and receive `answer`; *m is wiped on every other outcome. kind: "pam", "code". */
enum exit_code helper_ask(struct helper *h, const char *kind, bool echo, const char *text,
    struct message *m) MUST_USE;

/* One line a decision, values escaped. event: "enrol", "proof", "rename", ... reason: a fixed
 * word. device: may be "". */
void helper_log(const struct helper *h, bool is_accepted, const char *event, const char *reason,
    const char *device);

/* Why the host refused something, for the administrator. */
void helper_log_trouble(const struct helper *h, const char *why);

/* The wall clock, seconds since 1970 UTC; 0 when it is unreadable (then nothing matches). */
uint64_t helper_now_s(void);

/* helper_pam.c: make sure that the caller knows the account's password, or whatever the PAM
 * service demands. A failure is on disk before this returns. */
enum exit_code helper_authenticate(struct helper *h) MUST_USE;

/* Whether this account may try at all now. Not holding back: EXIT_CODE_OK. helper_end_wait:
 * the same of a wait that attempt_wait told. */
enum exit_code helper_check_wait(struct helper *h) MUST_USE;
enum exit_code helper_end_wait(struct helper *h, uint32_t wait_s) MUST_USE;

/* helper_ops.c: each answers one request and returns what `done` shall say. */
enum exit_code helper_list(struct helper *h) MUST_USE;
enum exit_code helper_status(struct helper *h) MUST_USE;
enum exit_code helper_verify(struct helper *h) MUST_USE;
enum exit_code helper_cancel(struct helper *h) MUST_USE;

/* Load the caller's own entry and check that it is this account's. */
enum exit_code helper_load(struct helper *h, struct store_entry *e) MUST_USE;

/* Whether there is a device that login demands a code of, expired or not. */
bool helper_has_active(const struct store_entry *e);

/* What was accepted: a device's code, a recovery code, or (neither) an administrator's
 * bypass code. */
struct helper_proof {
	char device[RECORD_NAME_CAP]; /* "" = none */
	bool has_used_recovery;
	bool has_used_bypass;
};

/* Ask one code and consume it. event: for the log. */
enum exit_code helper_prove(struct helper *h, const char *event, const char *prompt,
    struct helper_proof *proof) MUST_USE;

/* helper_add.c: add, rotate */
enum exit_code helper_add(struct helper *h, const struct message *request) MUST_USE;

/* helper_devices.c: rename, disable, delete, remove, recovery-codes */
enum exit_code helper_devices(struct helper *h, const struct message *request) MUST_USE;

/* helper_pair.c: resync, enable */
enum exit_code helper_pair(struct helper *h, const struct message *request) MUST_USE;

/* helper_notify.c: notify, of root's only */
enum exit_code helper_notify(struct helper *h, const struct message *request) MUST_USE;

/* helper_login.c: policy, login */
enum exit_code helper_policy(struct helper *h, const struct message *request) MUST_USE;
enum exit_code helper_login(struct helper *h, const struct message *request) MUST_USE;
/* helper_sessions.c */
enum exit_code helper_sessions(struct helper *h) MUST_USE;
enum exit_code helper_revoke(struct helper *h, const struct message *request) MUST_USE;

/* helper_talk.c: the device name that a request must have. out: RECORD_NAME_CAP bytes. */
enum exit_code helper_take_name(struct helper *h, const struct message *request, const char *key,
    char out[RECORD_NAME_CAP]) MUST_USE;

#endif
