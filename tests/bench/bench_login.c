/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The stop-watch of `make bench`: plays an application that logs people in, as a plan on
 * standard input says, and prints how long each login took. bench.py writes the plan.
 *
 *  1. One line is one login: WORKER ROUND CLOCK USER UID CODE SERVICE FILE. From pam_start to
 *     pam_end is measured; SERVICE names a file of CONFDIR, so that any module is measured
 *     alike. The line "memory" measures nothing but how large the process is.
 *  2. The clock is the plan's: each login has its own step, without waiting (pam_world.c).
 *     Accounts and the system log are the plan's as well: all modules pay the same for them.
 *  3. FILE is "-", or what the floor writes: no login that is durable costs less than libpam
 *     with a module that does nothing, and one open, 512 bytes in place and one fdatasync.
 *  4. No delay after a failure is waited for.
 *  5. With more than one worker each is a process, and they begin each round together.
 *  6. This program does not link libcrypto: what a module needs is loaded by the module. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/pam_world.h"

#define WORKERS_MAX 64
#define TEXT_CAP 128
#define SLOT_LEN 512

struct login {
	unsigned worker;
	unsigned round;
	uint64_t clock_s;
	uint32_t uid;
	char user[TEXT_CAP]; /* "" for a line "memory" */
	char code[TEXT_CAP];
	char service[TEXT_CAP];
	char file[TEXT_CAP];
};

/* What a line of the plan came to; written by the worker whose it is. */
struct outcome {
	uint64_t begin_ns;
	uint64_t end_ns;
	int code; /* of PAM */
	unsigned resident_kb;
	unsigned private_kb;
};

struct plan {
	size_t count;
	size_t cap;
	struct login *login;
	unsigned workers;
	unsigned rounds;
};

/* Between the processes. */
struct meeting {
	pthread_barrier_t barrier;
	struct outcome outcome[];
};

static void
fail(const char *what)
{
	fprintf(stderr, "bench_login: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		fail("clock_gettime");
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* Answers every prompt with the code; libpam frees the answers. */
static int
converse(int count, const struct pam_message **messages, struct pam_response **responses, void *ctx)
{
	struct pam_response *all = calloc((size_t)count, sizeof(*all));

	if (all == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		int style = messages[i]->msg_style;
		if (style == PAM_PROMPT_ECHO_ON || style == PAM_PROMPT_ECHO_OFF)
			all[i].resp = strdup(ctx);
	}
	*responses = all;
	return PAM_SUCCESS;
}

/* Promise 4. */
static void
do_not_wait(int result, unsigned delay_us, void *ctx)
{
	(void)result, (void)delay_us, (void)ctx;
}

/* The writing of the floor; the two slots in turn, as ours. */
static void
write_slot(const char *path, uint64_t clock_s)
{
	char slot[SLOT_LEN];
	off_t at = (off_t)(clock_s / 30 % 2) * SLOT_LEN;

	memset(slot, (int)(clock_s / 30 % 256), sizeof(slot));
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || pwrite(fd, slot, sizeof(slot), at) != SLOT_LEN || fdatasync(fd) != 0)
		fail(path);
	close(fd);
}

static void
log_in(const char *confdir, struct login *l, struct outcome *o)
{
	const struct pam_conv conversation = { converse, l->code };
	pam_handle_t *pamh = NULL;

	world_reset(l->clock_s);
	world_add_account(l->user, l->user, l->uid);
	world_add_account("root", "root", 0); /* pam_google_authenticator's user=root */
	o->begin_ns = now_ns();
	int r = pam_start_confdir(l->service, l->user, &conversation, confdir, &pamh);
	if (r == PAM_SUCCESS) {
		(void)pam_set_item(pamh, PAM_FAIL_DELAY, (const void *)do_not_wait);
		r = pam_authenticate(pamh, 0);
		(void)pam_end(pamh, r);
	}
	if (strcmp(l->file, "-") != 0)
		write_slot(l->file, l->clock_s);
	o->end_ns = now_ns();
	o->code = r;
}

/* A line "Rss: 123 kB" of smaps_rollup; 0 when there is none. */
static unsigned
field_kb(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? 0 : (unsigned)strtoul(at + strlen(name), NULL, 10);
}

static void
look_at_memory(struct outcome *o)
{
	char text[4096];

	int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len < 0)
		fail("smaps_rollup");
	close(fd);
	text[len] = '\0';
	o->resident_kb = field_kb(text, "\nRss:");
	o->private_kb = field_kb(text, "\nPrivate_Clean:") + field_kb(text, "\nPrivate_Dirty:");
}

static void
read_plan(struct plan *p)
{
	char line[8 * TEXT_CAP];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (p->count == p->cap) {
			p->cap = p->cap * 2 + 1024;
			p->login = realloc(p->login, p->cap * sizeof(*p->login));
			if (p->login == NULL)
				fail("the plan");
		}
		struct login *l = &p->login[p->count++];
		*l = (struct login){ .worker = 0 };
		if (strcmp(line, "memory\n") == 0)
			continue;
		int fields = sscanf(line,
		    "%u %u %" SCNu64 " %127s %u %127s %127s %127s", &l->worker, &l->round,
		    &l->clock_s, l->user, &l->uid, l->code, l->service, l->file);
		if (fields != 8 || l->worker >= WORKERS_MAX) {
			errno = EINVAL;
			fail(line);
		}
		if (l->worker >= p->workers)
			p->workers = l->worker + 1;
		if (l->round >= p->rounds)
			p->rounds = l->round + 1;
	}
}

/* All lines of one worker, round after round (promise 5). */
static void
work(const char *confdir, const struct plan *p, unsigned worker, struct meeting *m)
{
	size_t next = 0;

	for (unsigned round = 0; round < p->rounds; round++) {
		if (p->workers > 1)
			(void)pthread_barrier_wait(&m->barrier);
		for (; next < p->count && p->login[next].round <= round; next++) {
			struct login *l = &p->login[next];
			if (l->worker != worker)
				continue;
			if (l->user[0] == '\0')
				look_at_memory(&m->outcome[next]);
			else
				log_in(confdir, l, &m->outcome[next]);
		}
	}
}

static void
work_together(const char *confdir, const struct plan *p, struct meeting *m)
{
	pid_t child[WORKERS_MAX];
	int status = 0;

	for (unsigned i = 0; i < p->workers; i++) {
		child[i] = fork();
		if (child[i] < 0)
			fail("fork");
		if (child[i] == 0) {
			work(confdir, p, i, m);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < p->workers; i++) {
		if (wait(&status) >= 0 && status == 0)
			continue;
		/* The others would wait for it for ever. */
		for (unsigned k = 0; k < p->workers; k++)
			(void)kill(child[k], SIGKILL);
		errno = ECHILD;
		fail("a worker");
	}
}

int
main(int argc, char **argv)
{
	struct plan p = { .workers = 1, .rounds = 1 };
	pthread_barrierattr_t shared;

	if (argc != 2) {
		fprintf(stderr, "usage: bench_login CONFDIR <PLAN\n");
		return 2;
	}
	read_plan(&p);
	/* In place before the first login, so that nothing of ours grows later. */
	struct meeting *m = mmap(NULL, sizeof(*m) + p.count * sizeof(m->outcome[0]),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m == MAP_FAILED)
		fail("mmap");
	if (pthread_barrierattr_init(&shared) != 0 ||
	    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_barrier_init(&m->barrier, &shared, p.workers) != 0)
		fail("barrier");

	if (p.workers == 1)
		work(argv[1], &p, 0, m);
	else
		work_together(argv[1], &p, m);

	for (size_t i = 0; i < p.count; i++) {
		const struct outcome *o = &m->outcome[i];
		if (p.login[i].user[0] == '\0')
			printf("memory %u %u\n", o->resident_kb, o->private_kb);
		else
			printf("%d %" PRIu64 " %" PRIu64 "\n", o->code, o->begin_ns, o->end_ns);
	}
	free(p.login);
	return fflush(stdout) == 0 ? 0 : 1;
}
