/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_CROWD_H
#define PAM_TOTP_TESTS_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "support/login_stage.h"

#define CROWD_LEN 32
#define CROWD_NOTHING (-1) /* no result of libpam */

struct crowd;

/* What one process does in one round. */
struct job {
	void (*work)(struct crowd *c, struct job *j); /* NULL: nothing */
	char user[16];
	uint32_t uid;
	char rhost[32];
	char answer[16];
	_Atomic int result; /* what libpam returned; CROWD_NOTHING: it has not (yet) */
	unsigned count;	    /* of what work counts */
	unsigned failed;    /* of what work tried */
};

/* CROWD_LEN processes that begin each round at one barrier. All of it is shared by them. */
struct crowd {
	pthread_barrier_t start;
	pthread_barrier_t end;
	_Atomic bool is_over; /* for work that goes on until somebody says so */
	_Atomic bool may_start; /* for processes of crowd_fork */
	bool has_ended;
	uint64_t now_s; /* the clock of all */
	char confdir[96];
	char store[128]; /* as the setting */
	struct job job[CROWD_LEN];
	pid_t pid[CROWD_LEN];
};

/* Fork the crowd, which logs in at that stage. The caller ends it. */
struct crowd *crowd_start(const struct stage *s);
void crowd_end(struct crowd *c);

/* Nobody has anything to do. */
void crowd_rest(struct crowd *c);

/* Process i has to log in: one login by crowd_login. */
struct job *crowd_give(struct crowd *c, unsigned i, const char *user, uint32_t uid,
    const char *rhost, const char *answer);

/* One round: every clock is that of the world, all begin at once, and on return all have
 * ended. One that takes longer than a minute, or dies, ends the test program. */
void crowd_round(struct crowd *c);

/* How many got this result from libpam. */
unsigned crowd_count(const struct crowd *c, int result);

/* Work: one login. j->result is set as soon as libpam has returned. */
void crowd_login(struct crowd *c, struct job *j);

/* A round in which process 0 alone logs in. Returns libpam's code. */
int crowd_login_alone(struct crowd *c, const char *user, uint32_t uid, const char *rhost,
    const char *answer);

/* Fork a process besides the crowd for one job; it waits until c->may_start. Returns its
 * pid, for the caller to wait for. */
pid_t crowd_fork(struct crowd *c, struct job *j);

#endif
