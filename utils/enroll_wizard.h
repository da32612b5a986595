/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ENROLL_WIZARD_H
#define PAM_TOTP_ENROLL_WIZARD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/encode.h"
#include "enroll.h"
#include "otpauth.h"
#include "qr.h"

/* What a verb that asks for two codes knows between the helper's messages. */
struct wizard {
	char name[RECORD_NAME_CAP];
	bool is_rotation;   /* a new secret for that device */
	bool is_bare;	    /* no secret comes: the device has one, w->device.params are known */
	bool has_countdown; /* the device's clock is believed */
	struct sheet sheet;
	bool has_secret;
	bool is_shown;
	bool was_hidden; /* shown on a screen that has vanished */
	struct otpauth device;
	char key[ENCODE_BASE32_CAP(OTP_SECRET_MAX)]; /* base32, as the helper sent it */
	char uri[OTPAUTH_URI_CAP];
	bool has_qr; /* it could be encoded */
	struct qr qr;
	uint64_t expires;		  /* seconds since 1970 UTC */
	char refusal[PROTOCOL_VALUE_CAP]; /* why the last two codes were refused; "" */
	int file; /* --qr-file, made but empty until the secret comes; -1 */
	enum qr_format format;
};

/* enroll_show.c: show QR code, key and what else belongs to them, on an empty screen where
 * the terminal has one. Draws anew when called again. */
void wizard_show(struct enroll *e, struct wizard *w);

/* enroll_codes.c: get two codes and send them. Returns ENROLL_ON or how to end. */
int wizard_ask_codes(struct enroll *e, struct wizard *w);

/* enroll_wizard.c: the message `refused`. Returns ENROLL_ON or how to end. */
int wizard_take_refusal(struct enroll *e, struct wizard *w, const struct message *m);

/* enroll_show.c: the names of the apps that take these parameters and then show wrong
 * codes; nothing for the usual ones. Goes to the dialogue, or to standard error for a program. */
void wizard_warn(struct enroll *e);

#endif
