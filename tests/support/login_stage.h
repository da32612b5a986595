/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_LOGIN_STAGE_H
#define PAM_TOTP_TESTS_LOGIN_STAGE_H

#include <sys/types.h>

#include "core/store.h"
#include "pam_app.h"
#include "pam_world.h"

#define STAGE_NOW UINT64_C(1700000010) /* 0 s into a step of 30 s */
#define STAGE_UID 4001		       /* of alice; bob is one more */
#define STAGE_FORBIDDEN_MAX 512
#define STAGE_FORBIDDEN_CAP 160

/* All that one login test has: a folder of its own with a store, settings and a service
 * file, and an application. Accounts: alice, who has the device "phone", and bob, who has
 * none. "mallory" has no account. */
struct stage {
	char dir[64];
	char store[96]; /* the folder of the store */
	char conf[96];	/* the settings file */
	char confdir[96];
	struct app app; /* user: alice */
	unsigned forbidden_count;
	char forbidden[STAGE_FORBIDDEN_MAX][STAGE_FORBIDDEN_CAP];
};

/* For cmocka. *state: the stage. The teardown fails the test when log, prompts or messages
 * hold an answer that was scripted, a code or a secret of alice, or what was forbidden, or
 * when the script ran out of answers. */
int stage_setup(void **state);
int stage_teardown(void **state);

/* The same in a folder of its own below that one. */
int stage_setup_below(void **state, const char *parent);

/* The settings file: the store, then these lines. The service file: the module alone with
 * these arguments; or any text in which {totp} is the module with conf=, {enroll} the one
 * for enrolment at login with conf=, {bare} the first without, and {token} the test module
 * of pam_test_token.c. */
void stage_settings(struct stage *s, const char *lines);
void stage_arguments(struct stage *s, const char *arguments);
void stage_stack(struct stage *s, const char *text);

/* Write a file of the stage anew. */
void stage_write(const char *path, const char *text, mode_t mode);

/* Path of a file in the store: stage_path(s, "secrets/alice"). Good until the next call. */
const char *stage_path(const struct stage *s, const char *name);

/* Give that account a device with a new secret. */
void stage_enrol(struct stage *s, const char *user, uint32_t uid, const char *device);

/* What is stored of a user now. */
struct store_entry stage_look(const struct stage *s, const char *user);
void stage_put(const struct stage *s, const char *user, struct store_entry *e);

/* The code of alice's first device so many steps from now; one that no device has. Good until
 * the next but one call. */
const char *stage_code(const struct stage *s, const char *user, int offset);
const char *stage_wrong_code(const struct stage *s);

/* This text must not appear in the log or before the user. */
void stage_forbid(struct stage *s, const char *text);

/* Fail unless nothing forbidden was logged or shown so far; forgets neither. */
void stage_check_secrets(struct stage *s);

/* The lines of the log that are the module's. */
size_t stage_line_count(void);

/* Fail unless line i of the module, counted from 0, has this level and exactly this text,
 * "pam_totp(SERVICE:auth): " apart. */
void stage_expect_line(size_t i, int level, const char *text);

/* Fail unless the module wrote one line, which begins with this text and holds that one. */
void stage_expect_one(int level, const char *beginning, const char *part);

/* Fail unless prompt or message i has this style and text. */
void stage_expect_shown(const struct stage *s, unsigned i, int style, const char *text);

/* One login of alice with this answer. Forgets what was before. */
int stage_login(struct stage *s, const char *answer);

/* Forget the log, what was shown and the script. */
void stage_forget(struct stage *s);

#endif
