/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_CRASH_SCENE_H
#define PAM_TOTP_TESTS_CRASH_SCENE_H

#include "core/enrolment.h"
#include "strike.h"
#include "support/login_stage.h"

#define SCENE_NOTHING (-1) /* nothing was told */

/* A change of what is stored, as store_update takes it; ctx: the scene. */
typedef int scene_change_fn(struct store_entry *e, void *ctx, struct diag *d);

/* One login or enrolment in a process of its own, in memory that it shares with the test:
 * what it is told lies there before it makes another system call. */
struct scene {
	const struct stage *stage;
	char user[16];
	char answer[64];
	struct app app;
	scene_change_fn *change[2]; /* of scene_update; the first may be NULL */

	_Atomic int told;     /* what pam_authenticate, or the last store_update, returned */
	_Atomic int told_first; /* what the first of two store_updates did */
	unsigned line_count;  /* of the module in the log */
	char line[WORLD_LINE_CAP]; /* the last of them */
	char line_after[WORLD_LINE_CAP]; /* what libpam itself wrote after it */
	char diag[WORLD_LINE_CAP];
	char typed[2][16]; /* the codes of a new secret, "" before */
	bool has_seen_key; /* of a new device, so what proves him is consumed */
	bool has_seen_end; /* he was shown that the new secret counts from now on */
};

/* For cmocka: a stage where a disk is made and synced in no time, if there is such a place. */
int scene_setup(void **state);

/* Make a scene at the stage, in shared memory. */
struct scene *scene_make(const struct stage *s);

/* The pieces of work for strike_run; ctx: the scene. The login has libpam and
 * the module loaded by its preparation. An update does the scene's changes one after the
 * other, as the helper does; the enrolment: `user` begins with the device "tablet" and
 * confirms it with the codes of now. */
void scene_prepare_login(void *ctx);
void scene_login(void *ctx);
void scene_update(void *ctx);
void scene_enrol(void *ctx);

/* A login in which a person without a device is led through the enrolment of "phone", or one
 * whose device is overdue shows the scene's answer and replaces it; its work is scene_login.
 * Beforehand scene_allow_enrolment. */
void scene_prepare_enrolment(void *ctx);
void scene_allow_enrolment(struct stage *s);

/* Changes: begin with the device "tablet"; begin to replace "phone"; confirm what is pending
 * with the codes of the step before now and of now. */
scene_change_fn scene_begin, scene_rotate, scene_confirm;

/* Ready for another login with that answer, or another enrolment. */
void scene_reset(struct scene *c, const char *user, const char *answer);

/* A login in a process of its own that nothing befalls; what libpam returned. One that hangs
 * or dies fails the test. */
int scene_login_unharmed(struct scene *c, const char *user, const char *answer);

/* The enrolment in this process. Returns 0 or E_*. */
int scene_enrol_unharmed(struct scene *c, const char *user);

/* The code of a device so many steps from now. */
void scene_code(const struct stage *s, const char *user, const char *device, int offset,
    char out[16]);

/* Fail unless the store holds files of these two users, and of decoys, and nothing else. */
void scene_expect_no_leftover(const struct stage *s, const char *user, const char *other);

/* Nobody was ever enrolled: no files, and no folder of states either. */
void scene_empty_store(const struct stage *s);

/* Later by so many steps. */
void scene_advance(unsigned steps);

#endif
