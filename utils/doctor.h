/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DOCTOR_H
#define PAM_TOTP_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

/* What `totp-admin doctor` found: a list of sentences, each with how to mend it. */

#define DOCTOR_TEXT_CAP 400 /* a sentence, with NUL; a longer one is cut */

enum doctor_level { DOCTOR_OK = 0, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_finding {
	enum doctor_level level;
	const char *check; /* "pam", "sshd" ...: a word of static storage */
	char text[DOCTOR_TEXT_CAP];
	char fix[DOCTOR_TEXT_CAP]; /* "" when there is nothing to mend */
};

struct doctor {
	struct doctor_finding *finding;
	size_t count;
	size_t cap;
	bool is_out_of_memory; /* a finding was lost: the report is not whole */
};

/* Add a finding. fix: how to mend it, copied; NULL for OK. */
void doctor_add(struct doctor *d, enum doctor_level level, const char *check, const char *fix,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The worst level among the findings of a check (NULL: of all). */
enum doctor_level doctor_worst(const struct doctor *d, const char *check);

/* Print all, one line each, or (is_json) as an array of {check, level, text, fix}. */
void doctor_print(const struct doctor *d, bool is_json);

void doctor_free(struct doctor *d);

#endif
