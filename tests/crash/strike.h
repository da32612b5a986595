/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_STRIKE_H
#define PAM_TOTP_TESTS_STRIKE_H

#include <stdbool.h>

#define STRIKE_CALLS_MAX 4096

enum strike_kind {
	STRIKE_NOTHING = 0,
	STRIKE_KILL_BEFORE, /* SIGKILL; the call is not made */
	STRIKE_KILL_AFTER,  /* SIGKILL; the call was made, nothing that follows it */
	STRIKE_FAIL,	    /* the call is not made (close(2) is) and fails with `error` */
	STRIKE_FAIL_ON,	    /* and so does every later call of the same number */
	STRIKE_SHORT	    /* a read or write of half the bytes, see strike_has_bytes */
};

/* A call that was made. */
struct strike_call {
	long number;
	unsigned long arg[6];
	long result; /* -errno when it failed */
};

/* A piece of work in a process of its own, and what befalls it. */
struct strike {
	void (*prepare)(void *ctx); /* not counted, not struck; may be NULL */
	void (*work)(void *ctx);    /* each system call is counted, from 1, up to its end */
	void *ctx;		    /* in shared memory if the work has something to tell */
	enum strike_kind kind;
	unsigned at; /* which call */
	int error;
	/* After each call, while the child stands still; may be NULL. */
	void (*watch)(long child, const struct strike_call *call, void *ctx);
	void *watch_ctx;

	bool has_struck;
	int status;   /* as waitpid(2) */
	long ended_s; /* the machine's clock then */
	unsigned call_count;
	struct strike_call last;
	long call[STRIKE_CALLS_MAX]; /* the number of call i + 1 */
};

/* Whether this machine lets us trace a child of ours and knows its registers. */
bool strike_is_possible(void);

/* Do the work, which ends the process with 0 when it returns. A work that hangs is killed
 * with SIGALRM. Fails the test when the child cannot be traced. */
void strike_run(struct strike *k);

/* Whether the process came to its end with this exit code. */
bool strike_has_exited(const struct strike *k, int code);

/* Calls with a count of bytes; calls by which something gets onto the disk, without which
 * no success may be told; calls that tell or ask nothing, and end the process. */
bool strike_has_bytes(long call);
bool strike_is_of_durability(long call);
bool strike_is_the_end(long call);

/* Whether the kernel ever refuses the call because of a disk, a quota or a limit, by an error
 * number: not those that only ask who we are or set the signal mask, not futex(2), and not
 * brk(2), whose raw call has none. */
bool strike_can_fail(long call);

/* Memory that a child shares with us, zero; never given back. */
void *strike_share(unsigned long len);

#endif
