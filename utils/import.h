/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_IMPORT_H
#define PAM_TOTP_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/record.h"

/* Devices of other programs' files, read by `totp-admin import`. The parsers are pure. */

enum import_fate {
	IMPORT_NEW = 0,	  /* to be made */
	IMPORT_MADE,	  /* it was, or in a dry run would have been */
	IMPORT_UNCHANGED, /* the user has a device of this key already */
	IMPORT_SKIPPED,	  /* no such account */
};

/* One device; a parser fills the first four. */
struct import_device {
	char user[RECORD_USER_CAP];
	struct otp_params params;
	struct otp_secret secret;
	unsigned line;
	enum import_fate fate;
	char name[RECORD_NAME_CAP]; /* "" while it is NEW */
};

struct import_list {
	struct import_device *item;
	size_t count;
	size_t cap;
	unsigned scratch_codes; /* of google-authenticator; they are not taken over */
};

struct import_rules {
	const char *user; /* whose the one device is (google-authenticator); not NULL there */
	bool takes_weak;  /* keys below OTP_SECRET_STRONG too */
};

/* Read a whole file. *list: {0} before; the caller wipes it, on error too.
 * E_INVALID: "line N: " and what was expected there in d, never a part of a key.
 * E_IO: no memory. */
typedef int import_parse_fn(struct span text, const struct import_rules *rules,
    struct import_list *list, struct diag *d);

/* Lines "USER otpauth://totp/..."; empty lines and '#' comments are passed over. */
import_parse_fn import_uri;
/* pam_oath's users.oath: lines "HOTP/T30[/6] USER PIN HEXKEY [COUNTER [CODE [TIME]]]". */
import_parse_fn import_oath;
/* A user's ~/.google_authenticator: a base32 key, lines `" NAME ...`, 8-digit codes. */
import_parse_fn import_google;

/* For the parsers: add a device, checked as its file's line demands. */
int import_put(struct import_list *list, const struct import_rules *rules,
    const struct import_device *device, struct diag *d) MUST_USE;

/* For the parsers: the next line without its end ("\n" or "\r\n") and blanks around it. */
bool import_next_line(struct bytes_reader *r, struct span *line);

/* Wipe and free. */
void import_list_wipe(struct import_list *list);

#endif
