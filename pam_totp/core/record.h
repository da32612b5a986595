/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_RECORD_H
#define PAM_TOTP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otp.h"
#include "recovery.h"

#define RECORD_TEXT_MAX 16384  /* bytes of the whole file */
#define RECORD_DEVICES_MAX 9   /* 8 active or disabled, and one pending */
#define RECORD_ACTIVE_MAX 8    /* AWS's quota; max_devices may lower it */
#define RECORD_FORMER_MAX 16   /* tombstones; the oldest makes room */
#define RECORD_NOTICES_MAX 8   /* the oldest makes room */
#define RECORD_NAME_CAP 65     /* device name, with NUL */
#define RECORD_USER_CAP 256    /* user name, with NUL; NAME_MAX and LOGIN_NAME_MAX */
#define RECORD_REASON_CAP 161  /* free text, printable ASCII, with NUL */
#define RECORD_DRIFT_MAX 100000 /* steps each way: beyond any resync, 34 days of 30 s */
#define RECORD_TIME_MAX UINT64_C(253402300799) /* the last second of the year 9999 */

enum device_type { DEVICE_VIRTUAL = 1, DEVICE_HARDWARE };
enum device_state { DEVICE_PENDING = 1, DEVICE_ACTIVE, DEVICE_DISABLED };

struct record_device {
	uint32_t id; /* 1.., never given twice in the life of a record */
	char name[RECORD_NAME_CAP];
	enum device_type type;
	enum device_state state;
	struct otp_params params;
	struct otp_secret secret;
	uint64_t created;   /* seconds since 1970 UTC, as all times here */
	uint64_t expires;   /* 0 = never; a pending device always has one */
	uint64_t rotate_by; /* 0 = no rotation demanded */
	int32_t drift;	    /* steps ahead (+) or behind (-): the state's, kept for its loss */
	uint32_t replaces;  /* id of the device that this pending one rotates; else 0 */
};

/* A device that was: kept without its secret (NIST SP 800-63B-4 section 4.1). */
struct record_former {
	uint32_t id;
	char name[RECORD_NAME_CAP];
	enum device_type type;
	uint64_t created;
	uint64_t ended;
};

/* Something to tell the user at the next login; told when id > state.notice_told. */
struct record_notice {
	uint32_t id; /* grows by one with every notice */
	uint64_t at;
	char text[RECORD_REASON_CAP];
};

/* A one-time secret that an administrator handed out (bypass code, enrolment ticket).
 * id 0 means that there is none; spent when id <= the state's mark. */
struct record_grant {
	uint32_t id;
	uint64_t expires;
	uint8_t salt[RECOVERY_SALT_LEN];
	uint8_t hash[RECOVERY_HASH_LEN];
};

struct record {
	char user[RECORD_USER_CAP];
	uint32_t uid;
	uint32_t next_id; /* the id that the next device gets; larger than every id here */
	unsigned device_count;
	struct record_device device[RECORD_DEVICES_MAX];
	struct recovery_set recovery; /* id 0: none */
	uint64_t exempt_until;	      /* 0: not exempt; the reason is required with it */
	char exempt_reason[RECORD_REASON_CAP];
	uint64_t enrol_by; /* 0: none; set by reset: must enrol again before this */
	struct record_grant bypass;
	struct record_grant ticket;
	unsigned former_count;
	struct record_former former[RECORD_FORMER_MAX];
	unsigned notice_count;
	struct record_notice notice[RECORD_NOTICES_MAX];
};

/* Overwrite everything. */
void record_wipe(struct record *r);

/* An empty record for this account: next_id 1, no device.
 * E_INVALID: the user name is refused by record_user_ok; *r is wiped then. */
int record_init(struct record *r, const char *user, uint32_t uid) MUST_USE;

/* Whether a user name may have a record and so become a file name: 1..255 bytes, not
 * beginning with '.' (so neither "." nor ".."), no '/', no byte below 0x21, no 0x7f.
 * The only such function. name: may be NULL (refused). */
bool record_user_ok(const char *name);

/* Whether a device name is AWS's: 1-64 of A-Z a-z 0-9 + = , . @ - _, not "." or "..",
 * no leading '-'. name: may be NULL (refused). */
bool record_device_name_ok(const char *name);

/* Whether a text may be a reason or a notice: 1..RECORD_REASON_CAP - 1 printable ASCII bytes
 * (0x20..0x7e), no blank at either end. text: may be NULL (refused). */
bool record_text_ok(const char *text);

/* Whether two device names are the same: ASCII case apart, whatever the locale is. */
bool record_is_same_name(const char *a, const char *b);

/* The first rule that r breaks, as "key: expected what" (fixed text, no value of r), or NULL
 * when record_print would write it. Secrets are compared in constant time. */
const char *record_fault(const struct record *r);

/* The device of that name, without regard to case; NULL when there is none. */
struct record_device *record_find_name(struct record *r, const char *name);

/* The device of that id; NULL when there is none. */
struct record_device *record_find_id(struct record *r, uint32_t id);

/* How many devices are in that state at now_s. A pending device whose time is over, and
 * an active one whose `expires` has passed, count in no state. */
unsigned record_count(const struct record *r, enum device_state state, uint64_t now_s);

/* Whether this device takes part in a login at now_s: active and not expired. */
bool record_device_is_usable(const struct record_device *d, uint64_t now_s);

/* How many digits a code of the first usable device has; OTP_DIGITS_MIN without one. */
unsigned record_code_digits(const struct record *r, uint64_t now_s);

/* Take a device out; an active or disabled one leaves a tombstone dated now_s. Its
 * secret is wiped. d: one of r->device. */
void record_remove_device(struct record *r, struct record_device *d, uint64_t now_s);

/* Add something to tell the user at the next login; the oldest notice makes room. text is cut
 * at RECORD_REASON_CAP - 1 bytes, loses blanks at its ends, and bytes outside 0x20..0x7e become
 * '?'; of an empty one no notice is made.
 * told: the state's notice_told, below which no new id may be. */
void record_add_notice(struct record *r, uint32_t told, uint64_t now_s, const char *text);

/* Words of the enums ("virtual", "pending", ...); "?" for a value outside. */
const char *record_type_name(enum device_type t);
const char *record_state_name(enum device_state s);

/* Read the text of a record. text: len bytes, 1..RECORD_TEXT_MAX. file: what the message
 * calls it. Strict: unknown, duplicate, missing keys, NUL, trailing bytes, times or
 * ids out of range, two devices of one name or id, two devices of one secret are errors.
 * E_CORRUPT: with file, line, key and what was expected in d; *r is wiped then. */
int record_parse(const char *text, size_t len, const char *file, struct record *r,
    struct diag *d) MUST_USE;

/* Write the text of a record; record_parse reads it back equal.
 * out: cap bytes; *len: bytes written without the NUL. The caller wipes out.
 * E_LIMIT: does not fit. E_INVALID: the record breaks a rule of record_parse. */
int record_print(const struct record *r, char *out, size_t cap, size_t *len) MUST_USE;

#endif
