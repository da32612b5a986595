/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DOCTOR_SSHD_H
#define PAM_TOTP_DOCTOR_SSHD_H

#include <stdbool.h>
#include <stddef.h>

#define SSHD_WAYS_MAX 16
#define SSHD_WAY_CAP 128

/* What matters of the output of `sshd -T`. */
struct sshd_facts {
	bool is_whole; /* all keywords were there */
	bool use_pam;
	bool permit_empty;
	char root_login[32]; /* yes, no, without-password, forced-commands-only */
	/* The ways in: lists of methods as in AuthenticationMethods; "any" as one way for each
	 * method that is turned on. */
	unsigned way_count;
	char way[SSHD_WAYS_MAX][SSHD_WAY_CAP];
	bool has_more_ways; /* some did not fit */
};

/* What a way is to PAM's auth stack. */
enum sshd_way {
	SSHD_WAY_PAST = 0,   /* sshd never asks PAM to authenticate */
	SSHD_WAY_PASSWORD,   /* asks PAM, and answers every question with the password */
	SSHD_WAY_ASKS,	     /* PAM can ask, and is all there is */
	SSHD_WAY_ASKS_AFTER  /* PAM can ask, and another method has to succeed as well */
};

/* Read what `sshd -T` printed (terminated). */
void doctor_sshd_parse(const char *text, struct sshd_facts *f);
enum sshd_way doctor_sshd_way(const char *way);

#endif
