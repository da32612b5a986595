/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A crowd of processes that log in at the same moment, as many sshd do: each is a process of
 * its own with its own libpam and its own copy of the shipped module. They are forked once
 * and meet at a barrier before each round; jobs and results lie in memory that they share.
 *
 *  1. No process begins a round before all are ready for it.
 *  2. A process that dies or hangs ends the test (SIGALRM), and with the test die all. */

#include "crowd.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUND_S 60

static void
make_barrier(pthread_barrier_t *b, unsigned count)
{
	pthread_barrierattr_t shared;

	assert_int_equal(pthread_barrierattr_init(&shared), 0);
	assert_int_equal(pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED), 0);
	assert_int_equal(pthread_barrier_init(b, &shared, count), 0);
	assert_int_equal(pthread_barrierattr_destroy(&shared), 0);
}

void
crowd_login(struct crowd *c, struct job *j)
{
	static struct app a;

	a = (struct app){ .confdir = c->confdir, .user = j->user, .rhost = j->rhost,
		.tty = "ssh" };
	app_will_answer(&a, j->answer);
	j->result = app_authenticate(&a);
	app_end(&a);
}

static void
run_job(struct crowd *c, struct job *j)
{
	/* Every process is a host of its own to the interposed functions. */
	world_reset(c->now_s);
	world_add_account(j->user, j->user, j->uid);
	j->work(c, j);
}

/* In the child, which never returns. */
static void
work(struct crowd *c, struct job *j)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		(void)pthread_barrier_wait(&c->start);
		if (c->has_ended)
			_exit(0);
		if (j->work != NULL)
			run_job(c, j);
		(void)pthread_barrier_wait(&c->end);
	}
}

struct crowd *
crowd_start(const struct stage *s)
{
	struct crowd *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(c, MAP_FAILED);
	make_barrier(&c->start, CROWD_LEN + 1);
	make_barrier(&c->end, CROWD_LEN + 1);
	(void)snprintf(c->confdir, sizeof(c->confdir), "%s", s->confdir);
	(void)snprintf(c->store, sizeof(c->store), "file:%s", s->store);
	(void)fflush(stdout);
	for (unsigned i = 0; i < CROWD_LEN; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			work(c, &c->job[i]);
		c->pid[i] = child;
	}
	return c;
}

void
crowd_end(struct crowd *c)
{
	(void)alarm(ROUND_S);
	c->has_ended = true;
	(void)pthread_barrier_wait(&c->start);
	for (unsigned i = 0; i < CROWD_LEN; i++) {
		int status = -1;
		assert_int_equal(waitpid(c->pid[i], &status, 0), c->pid[i]);
		assert_int_equal(status, 0);
	}
	(void)alarm(0);
	assert_int_equal(munmap(c, sizeof(*c)), 0);
}

void
crowd_rest(struct crowd *c)
{
	memset(c->job, 0, sizeof(c->job));
	for (unsigned i = 0; i < CROWD_LEN; i++)
		c->job[i].result = CROWD_NOTHING;
}

struct job *
crowd_give(struct crowd *c, unsigned i, const char *user, uint32_t uid, const char *rhost,
    const char *answer)
{
	struct job *j = &c->job[i];

	memset(j, 0, sizeof(*j));
	j->work = crowd_login;
	j->uid = uid;
	j->result = CROWD_NOTHING;
	(void)snprintf(j->user, sizeof(j->user), "%s", user);
	(void)snprintf(j->rhost, sizeof(j->rhost), "%s", rhost);
	(void)snprintf(j->answer, sizeof(j->answer), "%s", answer);
	return j;
}

void
crowd_round(struct crowd *c)
{
	(void)alarm(ROUND_S);
	c->now_s = world_clock();
	c->is_over = false;
	(void)pthread_barrier_wait(&c->start);
	(void)pthread_barrier_wait(&c->end);
	(void)alarm(0);
}

unsigned
crowd_count(const struct crowd *c, int result)
{
	unsigned count = 0;

	for (unsigned i = 0; i < CROWD_LEN; i++)
		count += c->job[i].result == result;
	return count;
}

int
crowd_login_alone(struct crowd *c, const char *user, uint32_t uid, const char *rhost,
    const char *answer)
{
	crowd_rest(c);
	crowd_give(c, 0, user, uid, rhost, answer);
	crowd_round(c);
	return c->job[0].result;
}

pid_t
crowd_fork(struct crowd *c, struct job *j)
{
	c->now_s = world_clock();
	(void)fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Not a barrier: who is killed while he leaves one blocks it for ever. */
		while (!c->may_start)
			(void)sched_yield();
		run_job(c, j);
		_exit(0);
	}
	return child;
}
