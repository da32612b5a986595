/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The place of a login, for MFA sessions:
 *
 *  1. What tells two places apart is the kernel's word: the session of the controlling terminal
 *     with the process that leads it and that one's start, the processes above this one with
 *     theirs, the audit session, the boot. What the application says (tty, caller, service)
 *     narrows it further.
 *  2. A remote address is a place only as a number; a name is whatever a name server says.
 *  3. A fact that cannot be had is left empty, and matches nothing. Only the audit session may
 *     be absent, as many kernels have none.
 *  4. A process is named by number and start. A parent is believed only if it still is the
 *     parent after its start was read, so that no number that was given again gets in between.
 */

#include "place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/safefile.h"

#define STAT_CAP 2048	/* a line of /proc/PID/stat is some 350 bytes */
#define STATUS_CAP 8192 /* /proc/PID/status is some 1500 bytes */
#define PATH_CAP 64

/* The fields of proc_pid_stat(5) that follow the command's name, from 0 = its state. */
#define STAT_PARENT 1
#define STAT_SESSION 3
#define STAT_TTY 4
#define STAT_START 19

/* Read a small file of the kernel's, and drop its last newline. */
static int
read_fact(const char *path, char *out, size_t cap)
{
	size_t len = 0;
	ssize_t n = -1;

	out[0] = '\0';
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0)
		return E_IO;
	do {
		n = read(fd, out + len, cap - 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < cap - 1) || (n < 0 && errno == EINTR));
	safefile_close(&fd);
	if (len > 0 && out[len - 1] == '\n')
		len--;
	out[len] = '\0';
	return n == 0 ? 0 : E_IO; /* not to its end: too long, or refused */
}

/* One number out of /proc/PID/stat. The command's name may hold blanks and parentheses, but no
 * later field does. */
static int
take_stat(const char *text, unsigned field, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *name_end = strrchr(text, ')');

	*out = 0;
	if (name_end == NULL)
		return E_INVALID;
	struct span rest = { name_end + 1, strlen(name_end + 1) };
	for (unsigned i = 0; i < field; i++)
		(void)bytes_next_word(&rest);
	return bytes_parse_u64(bytes_next_word(&rest), min, max, out);
}

/* "/proc/PID/NAME"; pid 0: ourselves. */
static void
name_proc(uint32_t pid, const char *name, char path[PATH_CAP])
{
	struct bytes_writer w;

	bytes_writer_init(&w, path, PATH_CAP);
	bytes_put(&w, "/proc/");
	if (pid == 0)
		bytes_put(&w, "self");
	else
		bytes_put_u64(&w, pid);
	bytes_put(&w, "/");
	bytes_put(&w, name);
}

/* What /proc/PID/stat says of a process. */
struct process_facts {
	struct session_process process;
	uint32_t parent; /* 0: none that can be seen */
	uint32_t leader; /* of its session */
	bool has_tty;	 /* a controlling terminal */
};

/* pid 0: ourselves. */
static int
read_process(uint32_t pid, struct process_facts *f)
{
	char text[STAT_CAP], path[PATH_CAP];
	uint64_t self = 0, parent = 0, leader = 0, tty = 0, start = 0;

	*f = (struct process_facts){ .parent = 0 };
	name_proc(pid, "stat", path);
	int r = read_fact(path, text, sizeof(text));
	struct span number = { text, strcspn(text, " ") };
	if (r == 0)
		r = bytes_parse_u64(number, 1, INT32_MAX, &self);
	if (r == 0)
		r = take_stat(text, STAT_PARENT, 0, INT32_MAX, &parent);
	if (r == 0)
		r = take_stat(text, STAT_START, 0, UINT64_MAX, &start);
	if (r != 0)
		return r;
	*f = (struct process_facts){ .process = { (uint32_t)self, start },
		.parent = (uint32_t)parent }; /* both at most INT32_MAX */
	/* A number of a terminal: any but 0, which is none. A leader in another namespace has 0. */
	if (take_stat(text, STAT_TTY, 1, UINT32_MAX, &tty) == 0 &&
	    take_stat(text, STAT_SESSION, 1, INT32_MAX, &leader) == 0) {
		f->has_tty = true;
		f->leader = (uint32_t)leader;
	}
	return 0;
}

/* Obligation 4. E_NOENT: the parent is the first process, or none. */
static int
read_parent(const struct process_facts *child, struct process_facts *parent)
{
	struct process_facts again;

	if (child->parent <= 1)
		return E_NOENT;
	int r = read_process(child->parent, parent);
	if (r == 0)
		r = read_process(child->process.pid, &again);
	if (r != 0)
		return r;
	return again.parent == child->parent && again.process.start == child->process.start &&
	    parent->process.start <= child->process.start ? 0 : E_CONFLICT;
}

/* The processes above us, as far as they go; none when they change meanwhile. */
static void
find_ancestors(const struct process_facts *self, struct session_place *p)
{
	struct process_facts child = *self, parent;
	int r = 0;

	while (p->ancestor_count < SESSION_ANCESTORS_MAX) {
		r = read_parent(&child, &parent);
		if (r != 0)
			break;
		p->ancestor[p->ancestor_count++] = parent.process;
		child = parent;
	}
	if (r != 0 && r != E_NOENT)
		p->ancestor_count = 0;
}

/* Obligation 1 of a login on this host. */
static void
find_terminal(struct session_place *p)
{
	struct process_facts self, leader;

	if (read_process(0, &self) != 0 || !self.has_tty ||
	    read_process(self.leader, &leader) != 0)
		return;
	p->leader = leader.process;
	if (p->is_self)
		find_ancestors(&self, p);
}

/* Obligation 2. One address has one text: that of inet_ntop(3), and of IPv4 in IPv6 IPv4's. */
static void
find_source(const struct host *h, char out[SESSION_SOURCE_CAP])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct in6_addr six;
	struct in_addr four;

	out[0] = '\0';
	bool is_six = inet_pton(AF_INET6, h->rhost, &six) == 1;
	if (is_six && memcmp(&six, mapped, sizeof(mapped)) == 0)
		memcpy(&four, six.s6_addr + sizeof(mapped), sizeof(four));
	else if (is_six) {
		if (inet_ntop(AF_INET6, &six, out, SESSION_SOURCE_CAP) == NULL)
			out[0] = '\0';
		return;
	} else if (inet_pton(AF_INET, h->rhost, &four) != 1)
		return;
	if (inet_ntop(AF_INET, &four, out, SESSION_SOURCE_CAP) == NULL)
		out[0] = '\0';
}

static int
copy_text(const char *from, char *to, size_t cap)
{
	return bytes_copy((struct span){ from, strlen(from) }, to, cap);
}

bool
place_read_clock(uint64_t *boottime_s)
{
	struct timespec ts;

	*boottime_s = 0;
	if (clock_gettime(CLOCK_BOOTTIME, &ts) != 0 || ts.tv_sec < 0)
		return false;
	*boottime_s = (uint64_t)ts.tv_sec;
	return true;
}

/* The boot and the audit session. */
static int
find_boot(char boot[SESSION_BOOT_CAP], uint32_t *audit_session)
{
	char text[64];
	uint64_t audit = SESSION_NO_AUDIT;

	int r = read_fact("/proc/sys/kernel/random/boot_id", text, sizeof(text));
	if (r == 0)
		r = copy_text(text, boot, SESSION_BOOT_CAP);
	if (r == 0 && read_fact("/proc/self/sessionid", text, sizeof(text)) == 0)
		r = bytes_parse_u64((struct span){ text, strlen(text) }, 0, UINT32_MAX, &audit);
	*audit_session = (uint32_t)audit;
	return r;
}

/* Whether the user is who asks. An application that does not say who calls (polkit's helper)
 * must not be another user's. */
static bool
is_self(const struct host *h)
{
	uid_t uid = getuid();

	return h->ruser[0] == '\0' ? uid == h->uid || uid == 0 : strcmp(h->ruser, h->user) == 0;
}

bool
place_find(const struct host *h, const struct settings *s, struct session_place *p)
{
	const char *class = s->session_class[0] != '\0' ? s->session_class : h->service;

	*p = (struct session_place){ .uid = h->uid, .is_local = h->is_local,
		.is_self = is_self(h) };
	if (!h->is_account || class[0] == '\0' ||
	    copy_text(class, p->class, sizeof(p->class)) != 0 ||
	    copy_text(h->ruser, p->caller, sizeof(p->caller)) != 0 ||
	    find_boot(p->boot, &p->audit_session) != 0) {
		*p = (struct session_place){ .uid = h->uid };
		return false;
	}
	if (!h->is_local)
		find_source(h, p->source);
	else if (copy_text(h->tty, p->tty, sizeof(p->tty)) == 0)
		find_terminal(p);
	return true;
}

/* Whether a process is root's and runs the same program as we do. */
static bool
is_our_program(uint32_t pid)
{
	char path[PATH_CAP], text[STATUS_CAP];
	struct bytes_reader r;
	struct span line;
	struct stat ours, theirs;
	bool is_root = false, is_same = false;

	name_proc(pid, "status", path);
	if (read_fact(path, text, sizeof(text)) != 0)
		return false;
	bytes_reader_init(&r, text, strlen(text));
	while (!is_root && bytes_next_line(&r, &line))
		is_root = bytes_is(bytes_next_word(&line), "Uid:") &&
		    bytes_is(bytes_next_word(&line), "0") && /* real */
		    bytes_is(bytes_next_word(&line), "0");   /* effective */
	name_proc(pid, "exe", path);
	int there = is_root ? open(path, O_PATH | O_CLOEXEC) : -1;
	int here = there >= 0 ? open("/proc/self/exe", O_PATH | O_CLOEXEC) : -1;
	if (here >= 0 && fstat(here, &ours) == 0 && fstat(there, &theirs) == 0)
		is_same = ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
	safefile_close(&here);
	safefile_close(&there);
	return is_same;
}

/* Of PASSED: ourselves, and the process that may open the session of this login. sshd checks
 * codes in a child of the process that does. */
static void
find_openers(struct session_bond *b)
{
	struct process_facts self, parent;

	if (read_process(0, &self) != 0)
		return;
	b->process = self.process;
	if (read_parent(&self, &parent) == 0 && is_our_program(parent.process.pid))
		b->parent = parent.process;
}

void
place_bind(const struct session_place *p, enum session_kind kind, struct session_bond *b)
{
	*b = (struct session_bond){ .kind = kind, .uid = p->uid,
		.audit_session = p->audit_session };
	memcpy(b->class, p->class, sizeof(b->class));
	memcpy(b->boot, p->boot, sizeof(b->boot));
	memcpy(b->source, p->source, sizeof(b->source));
	switch (kind) {
	case SESSION_TERMINAL:
		memcpy(b->caller, p->caller, sizeof(b->caller));
		memcpy(b->tty, p->tty, sizeof(b->tty));
		b->process = p->leader;
		break;
	case SESSION_PASSED:
		find_openers(b);
		break;
	case SESSION_SOURCE:
		b->audit_session = SESSION_NO_AUDIT; /* each login has its own */
		break;
	case SESSION_LOGIN:
		break;
	}
}

bool
place_find_login(const struct host *h, struct session_bond *b)
{
	struct process_facts self;

	*b = (struct session_bond){ .kind = SESSION_LOGIN, .uid = h->uid };
	if (!h->is_account || find_boot(b->boot, &b->audit_session) != 0 ||
	    read_process(0, &self) != 0)
		return false;
	b->process = self.process;
	return true;
}
