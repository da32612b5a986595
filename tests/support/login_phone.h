/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_LOGIN_PHONE_H
#define PAM_TOTP_TESTS_LOGIN_PHONE_H

#include <stdbool.h>

#include "core/otp.h"

/* A person's phone at the prompts of pam_totp_enroll.so, and what that module logged. */

struct phone {
	struct otp_secret secret;
	char key[80]; /* as it was typed into the phone, without blanks */
};

bool phone_ends_in(const char *text, const char *end);

/* Type the key of a prompt that shows one into the phone; other prompts are passed over. Fails
 * the test where it is no key. */
void phone_take_key(struct phone *p, const char *prompt);

/* The code of so many steps from the world's clock. */
void phone_read(const struct phone *p, int offset, char code[16]);

/* Line i of pam_totp_enroll.so, without its name; NULL when there are fewer. libpam writes of its
 * own. */
const char *enroll_line(unsigned i);
unsigned enroll_line_count(void);

/* Fail unless line i begins with this text. */
void enroll_expect_line(unsigned i, const char *text);

#endif
