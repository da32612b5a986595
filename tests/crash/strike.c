/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Strikes a process at one of its system calls: kills it there, or has the kernel refuse the
 * call, or do half of it. ptrace(2) of a child of our own, for which nobody has to be root.
 *
 *  1. What is struck is the shipped code: it is neither linked nor preloaded differently.
 *  2. A call that is refused was not made: its number is taken away before the kernel looks.
 *     But close(2), which on Linux gives the descriptor back also when it fails.
 *  3. A child never outlives the test, nor returns into it. */

#include "strike.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HANG_S 30
#define SYSCALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */

/* The registers that a strike changes. */
#ifdef __x86_64__
#define IS_KNOWN_MACHINE 1
#define AT_NUMBER offsetof(struct user, regs.orig_rax)
#define AT_RESULT offsetof(struct user, regs.rax)
#define AT_COUNT offsetof(struct user, regs.rdx) /* third argument */
#else
#define IS_KNOWN_MACHINE 0
#define AT_NUMBER ((size_t)0)
#define AT_RESULT ((size_t)0)
#define AT_COUNT ((size_t)0)
#endif

void *
strike_share(unsigned long len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

bool
strike_has_bytes(long call)
{
	return call == SYS_read || call == SYS_write || call == SYS_pread64 ||
	    call == SYS_pwrite64;
}

bool
strike_is_of_durability(long call)
{
	switch (call) {
	case SYS_write:
	case SYS_pwrite64:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_ftruncate:
	case SYS_renameat:
	case SYS_renameat2:
		return true;
	default:
		return false;
	}
}

bool
strike_is_the_end(long call)
{
	return call == SYS_exit_group || call == SYS_exit;
}

bool
strike_can_fail(long call)
{
	switch (call) {
	case SYS_futex:
	case SYS_brk:
	case SYS_rt_sigprocmask:
	case SYS_getpid:
	case SYS_gettid:
	case SYS_geteuid:
		return false;
	default:
		return !strike_is_the_end(call);
	}
}

bool
strike_has_exited(const struct strike *k, int code)
{
	return WIFEXITED(k->status) && WEXITSTATUS(k->status) == code;
}

static void
set_register(pid_t child, size_t at, unsigned long value)
{
	union {
		size_t offset;
		void *address;
	} where = { .offset = at };
	union {
		unsigned long number;
		void *data;
	} what = { .number = value };

	if (ptrace(PTRACE_POKEUSER, child, where.address, what.data) != 0)
		fail_msg("ptrace: cannot set a register");
}

static unsigned long
get_register(pid_t child, size_t at)
{
	union {
		size_t offset;
		void *address;
	} where = { .offset = at };

	return (unsigned long)ptrace(PTRACE_PEEKUSER, child, where.address, NULL);
}

/* In the child, which never returns (obligation 3). */
static void
be_struck(struct strike *k)
{
	(void)alarm(HANG_S);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(111);
	if (k->prepare != NULL)
		k->prepare(k->ctx);
	(void)raise(SIGSTOP);
	k->work(k->ctx);
	_exit(0);
}

/* Go on until the next stop. Returns false when the child has ended. */
static bool
resume(struct strike *k, pid_t child, bool to_next_call, int signal)
{
	union {
		long number;
		void *data;
	} with = { .number = signal };

	(void)ptrace(to_next_call ? PTRACE_SYSCALL : PTRACE_CONT, child, NULL, with.data);
	while (waitpid(child, &k->status, 0) != child)
		assert_int_equal(errno, EINTR);
	return WIFSTOPPED(k->status);
}

static void
kill_child(struct strike *k, pid_t child)
{
	(void)kill(child, SIGKILL);
	while (waitpid(child, &k->status, 0) == child && WIFSTOPPED(k->status))
		;
	k->has_struck = true;
}

static bool
is_failure(const struct strike *k)
{
	return k->kind == STRIKE_FAIL || k->kind == STRIKE_FAIL_ON;
}

/* Whether the call that the child makes now is to be struck. */
static bool
is_aim(const struct strike *k)
{
	return k->call_count == k->at || (k->kind == STRIKE_FAIL_ON && k->call_count > k->at &&
	    k->call[k->call_count - 1] == k->call[k->at - 1]);
}

/* At the entry of a call. *count: what its third argument was, to be put back. Returns false
 * when the child is gone. */
static bool
strike_entry(struct strike *k, pid_t child, unsigned long *count)
{
	if (k->kind == STRIKE_KILL_BEFORE) {
		kill_child(k, child);
		return false;
	}
	if (is_failure(k) && k->call[k->at - 1] != SYS_close) {
		set_register(child, AT_NUMBER, (unsigned long)-1); /* obligation 2 */
	} else if (k->kind == STRIKE_SHORT) {
		*count = get_register(child, AT_COUNT);
		if (*count > 1)
			set_register(child, AT_COUNT, *count / 2);
	}
	return true;
}

static bool
strike_exit(struct strike *k, pid_t child, unsigned long count)
{
	if (k->kind == STRIKE_KILL_AFTER) {
		kill_child(k, child);
		return false;
	}
	if (is_failure(k))
		set_register(child, AT_RESULT, (unsigned long)-k->error);
	else if (k->kind == STRIKE_SHORT)
		set_register(child, AT_COUNT, count);
	k->has_struck = k->kind != STRIKE_NOTHING;
	return true;
}

/* A stop of the child at a system call. Returns false when it is gone. */
static bool
at_call(struct strike *k, pid_t child, unsigned long *count)
{
	struct __ptrace_syscall_info info;
	union {
		size_t len;
		void *address;
	} size = { .len = sizeof(info) };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, child, size.address, &info) <= 0)
		fail_msg("ptrace: no word on a system call");
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		assert_true(k->call_count < STRIKE_CALLS_MAX);
		k->call[k->call_count++] = (long)info.entry.nr;
		k->last.number = (long)info.entry.nr;
		for (unsigned i = 0; i < 6; i++)
			k->last.arg[i] = (unsigned long)info.entry.args[i];
		return !is_aim(k) || strike_entry(k, child, count);
	}
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && k->watch != NULL) {
		k->last.result = (long)info.exit.rval;
		k->watch(child, &k->last, k->watch_ctx);
	}
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && is_aim(k))
		return strike_exit(k, child, *count);
	return true;
}

void
strike_run(struct strike *k)
{
	unsigned long count = 0;
	bool is_there = true;

	k->has_struck = false;
	k->call_count = 0;
	(void)fflush(stdout);
	(void)fflush(stderr);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		be_struck(k);
	/* Until it says that it is ready. */
	if (waitpid(child, &k->status, 0) != child || !WIFSTOPPED(k->status) ||
	    WSTOPSIG(k->status) != SIGSTOP)
		fail_msg("the child did not begin: status %#x", (unsigned)k->status);
	union {
		long number;
		void *data;
	} options = { .number = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC };
	if (ptrace(PTRACE_SETOPTIONS, child, NULL, options.data) != 0)
		fail_msg("ptrace: options refused");
	int signal = 0;
	while (is_there && resume(k, child, true, signal)) {
		int stop = WSTOPSIG(k->status);
		signal = 0;
		if (stop == SYSCALL_STOP)
			is_there = at_call(k, child, &count);
		else if (stop != SIGTRAP) /* that is execve(2)'s */
			signal = stop;
	}
	struct timespec now; /* past clock_gettime(3), which is that of pam_world.c */
	assert_int_equal(syscall(SYS_clock_gettime, CLOCK_REALTIME, &now), 0);
	k->ended_s = now.tv_sec;
}

static void
do_nothing(void *ctx)
{
	(void)ctx;
}

bool
strike_is_possible(void)
{
	if (!IS_KNOWN_MACHINE)
		return false;
	(void)fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
	int status = -1;
	if (waitpid(child, &status, 0) != child || status != 0)
		return false;
	struct strike k = { .work = do_nothing };
	strike_run(&k);
	return strike_has_exited(&k, 0) && k.call_count >= 1;
}
