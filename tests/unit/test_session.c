/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* MFA sessions: what a session is bound to, when it ends, that a file is read back as it was
 * written and refused when it was not, and that whatever goes wrong is no session. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/safefile.h"
#include "core/session.h"

#define NOW UINT64_C(1700000000)
#define UPTIME UINT64_C(500000)
#define AGE 900U
#define EPOCH 77U

struct fixture {
	char path[64];
	char sessions[80]; /* path "/sessions" */
	int dir;
};

static struct record record; /* of alice: device 1 is usable, 2 is disabled */

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	strcpy(fx->path, "/tmp/test_session.XXXXXX");
	assert_non_null(mkdtemp(fx->path));
	(void)snprintf(fx->sessions, sizeof(fx->sessions), "%s/sessions", fx->path);
	assert_int_equal(session_open_dir(fx->sessions, geteuid(), true, &fx->dir, NULL), 0);
	memset(&record, 0, sizeof(record));
	assert_int_equal(record_init(&record, "alice", 1000), 0);
	record.device_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		record.device[i].id = i + 1;
		record.device[i].created = NOW - 1000;
		record.device[i].state = i == 0 ? DEVICE_ACTIVE : DEVICE_DISABLED;
	}
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;
	char command[128];

	safefile_close(&fx->dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", fx->path);
	int r = system(command);
	free(fx);
	return r;
}

static struct session
sample(void)
{
	return (struct session){
		.number = 1,
		.bond = { .kind = SESSION_TERMINAL, .uid = 1000, .caller = "alice", .class = "sudo",
		    .tty = "/dev/pts/1", .audit_session = 7, .process = { 4711, 123456 },
		    .boot = "82a3aec7-356e-4e0c-a700-fac1a29464c4" },
		.service = "sudo", .epoch = EPOCH, .device_id = 1, .device_created = NOW - 1000,
		.device = "phone",
		.boottime_s = UPTIME, .wall_s = NOW,
	};
}

/* The terminal of a bond. */
static struct session_place
place_of(const struct session_bond *b)
{
	struct session_place p = { .uid = b->uid, .is_local = true, .leader = b->process,
		.audit_session = b->audit_session };

	memcpy(p.caller, b->caller, sizeof(p.caller));
	memcpy(p.class, b->class, sizeof(p.class));
	memcpy(p.tty, b->tty, sizeof(p.tty));
	memcpy(p.boot, b->boot, sizeof(p.boot));
	return p;
}

static const struct session *
find(const struct session *s, const struct session_bond *bond, uint64_t age_s, unsigned max_age_s)
{
	static struct session_list list;
	struct session_place p = place_of(bond);

	list = (struct session_list){ .count = 1 };
	list.item[0] = *s;
	return session_find(&list, &p, &record, EPOCH, NOW + age_s, UPTIME + age_s, max_age_s);
}

static void
test_age(void **state)
{
	struct session s = sample();

	(void)state;
	assert_non_null(find(&s, &s.bond, 0, AGE));
	assert_non_null(find(&s, &s.bond, AGE, AGE));
	assert_null(find(&s, &s.bond, AGE + 1, AGE));
	assert_null(find(&s, &s.bond, 0, 0));
	s.boottime_s = UPTIME + 1; /* from the future */
	assert_null(find(&s, &s.bond, 0, AGE));
}

static void
test_root_is_bound_to_an_hour(void **state)
{
	struct session s = sample();

	(void)state;
	s.bond.uid = 0;
	record.uid = 0;
	assert_non_null(find(&s, &s.bond, SESSION_AGE_ROOT_MAX, SESSION_AGE_MAX));
	assert_null(find(&s, &s.bond, SESSION_AGE_ROOT_MAX + 1, SESSION_AGE_MAX));
	assert_null(find(&s, &s.bond, AGE + 1, AGE));
}

/* Each part of the bond for itself. */
static void
test_bond(void **state)
{
	struct session s = sample();
	struct session_bond b;

	(void)state;
#define DIFFERS(change) do { \
	b = s.bond; \
	change; \
	assert_true(session_bond_ok(&b)); \
	assert_null(find(&s, &b, 0, AGE)); \
} while (0)
	DIFFERS(strcpy(b.caller, "bob"));
	DIFFERS(b.caller[0] = '\0');
	DIFFERS(strcpy(b.class, "su"));
	DIFFERS(strcpy(b.tty, "/dev/pts/2"));
	DIFFERS(b.audit_session = UINT32_MAX);
	DIFFERS(b.process.pid++);
	DIFFERS(b.process.start++);
	DIFFERS(b.boot[0] = '0');
#undef DIFFERS
	b = s.bond;
	b.uid = 1001;
	record.uid = 1001; /* the name was given to another account */
	assert_null(find(&s, &b, 0, AGE));
}

/* What is not known matches nothing, not even what is not known either. */
static void
test_incomplete_bond(void **state)
{
	struct session s = sample();

	(void)state;
#define MISSES(change) do { \
	s = sample(); \
	change; \
	assert_false(session_bond_ok(&s.bond)); \
	assert_null(find(&s, &s.bond, 0, AGE)); \
} while (0)
	MISSES(s.bond.tty[0] = '\0');
	MISSES(s.bond.class[0] = '\0');
	MISSES(s.bond.boot[0] = '\0');
	MISSES(s.bond.process.pid = 0);
	MISSES(s.bond.uid = UINT32_MAX);
	MISSES(strcpy(s.bond.tty, "a b"));
	MISSES(strcpy(s.bond.tty, "a\nb"));
	MISSES(memset(s.bond.tty, 'x', sizeof(s.bond.tty)));
#undef MISSES
	s = sample();
	s.bond.caller[0] = '\0'; /* login(1) has none */
	s.bond.audit_session = UINT32_MAX;
	assert_true(session_bond_ok(&s.bond));
	assert_non_null(find(&s, &s.bond, 0, AGE));
}

static void
test_device(void **state)
{
	struct session s = sample();

	(void)state;
	s.device_id = 2; /* disabled */
	assert_null(find(&s, &s.bond, 0, AGE));
	s.device_id = 3; /* deleted, rotated */
	assert_null(find(&s, &s.bond, 0, AGE));
	s.device_id = 1;
	record.device[0].created++; /* of another record, after a reset */
	assert_null(find(&s, &s.bond, 0, AGE));
	record.device[0].created--;
	s.epoch++; /* ended since */
	assert_null(find(&s, &s.bond, 0, AGE));
	s.epoch--;
	record.device[0].expires = NOW + 10;
	assert_non_null(find(&s, &s.bond, 9, AGE));
	assert_null(find(&s, &s.bond, 10, AGE));
}

static void
test_text(void **state)
{
	struct session_list list = { .count = SESSIONS_MAX }, back;
	char text[SESSION_FILE_MAX], broken[SESSION_FILE_MAX];
	size_t len = 0;

	(void)state;
	/* The longest file has room. */
	for (unsigned i = 0; i < SESSIONS_MAX; i++) {
		struct session *s = &list.item[i];
		*s = sample();
		s->number = UINT32_MAX - i;
		memset(s->bond.caller, 'c', sizeof(s->bond.caller) - 1);
		memset(s->bond.class, 's', sizeof(s->bond.class) - 1);
		memset(s->service, 's', sizeof(s->service) - 1);
		memset(s->bond.tty, 't', sizeof(s->bond.tty) - 1);
		memset(s->device, 'd', sizeof(s->device) - 1);
		s->bond.process = (struct session_process){ INT32_MAX, UINT64_MAX };
		s->bond.audit_session = SESSION_NO_AUDIT;
		s->epoch = UINT64_MAX;
		s->boottime_s = s->wall_s = s->device_created = RECORD_TIME_MAX;
	}
	assert_int_equal(session_print(&list, text, sizeof(text), &len), 0);
	assert_int_equal(session_parse(text, len, &back, NULL), 0);
	assert_memory_equal(&back, &list, sizeof(list));
	assert_int_equal(session_print(&list, text, len, &len), E_LIMIT);

	list.count = 1;
	list.item[0] = sample();
	assert_int_equal(session_print(&list, text, sizeof(text), &len), 0);
	assert_int_equal(session_parse(text, len, &back, NULL), 0);
	assert_int_equal(back.count, 1);
	assert_memory_equal(&back.item[0], &list.item[0], sizeof(back.item[0]));
	/* Cut at any place. */
	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(session_parse(text, cut, &back, NULL), E_CORRUPT);
		assert_int_equal(back.count, 0);
	}
	/* A byte more or another one: no more than the value that it stands in changes. */
	for (size_t at = 0; at < len; at++) {
		memcpy(broken, text, len);
		broken[at] = '\0';
		assert_int_equal(session_parse(broken, len, &back, NULL), E_CORRUPT);
		broken[at] = text[at] == ' ' ? '\n' : ' ';
		assert_int_equal(session_parse(broken, len, &back, NULL), E_CORRUPT);
	}
	memcpy(broken, text, len);
	broken[len] = '\n';
	assert_int_equal(session_parse(broken, len + 1, &back, NULL), E_CORRUPT);
}

static void
test_text_is_strict(void **state)
{
#define FIRST "pam_totp-sessions 2\n"
#define OF(number, kind, uid, where, name) "session number=" number " kind=" kind " uid=" uid " " \
	where " boot=b device=4 created=5 epoch=6 name=" name " boottime=7 at=8\n"
#define ON_TTY "caller=a class=s service=s tty=t source= audit=1 pid=2 start=3 parent=0 " \
	"parent-start=0"
#define LINE(number, uid, name) OF(number, "terminal", uid, ON_TTY, name)
#define WHERE(kind, where) FIRST OF("1", kind, "1", where, "x") "end\n"
	static const char *const refused[] = {
		FIRST, "", "end\n", "pam_totp-sessions 1\nend\n", FIRST "end\nend\n",
		FIRST LINE("0", "1", "x") "end\n",
		FIRST LINE("01", "1", "x") "end\n",
		FIRST LINE("4294967296", "1", "x") "end\n",
		FIRST LINE("1", "4294967295", "x") "end\n",
		FIRST LINE("1", "1", "") "end\n",
		FIRST LINE("1", "1", "x y=2") "end\n",
		FIRST LINE("1", "1", "x") LINE("1", "2", "x") "end\n",
		FIRST "session \nend\n",
		/* What a kind must have, and must not. */
		WHERE("", ON_TTY), WHERE("Terminal", ON_TTY), WHERE("1", ON_TTY),
		WHERE("terminal", "caller= class= service=s tty=t source= audit=1 pid=2 start=3 "
		    "parent=0 parent-start=0"),
		WHERE("terminal", "caller= class=s service= tty=t source= audit=1 pid=2 start=3 "
		    "parent=0 parent-start=0"),
		WHERE("terminal", "caller= class=s service=s tty= source= audit=1 pid=2 start=3 "
		    "parent=0 parent-start=0"),
		WHERE("terminal", "caller= class=s service=s tty=t source=::1 audit=1 pid=2 "
		    "start=3 parent=0 parent-start=0"),
		WHERE("terminal", "caller= class=s service=s tty=t source= audit=1 pid=0 start=3 "
		    "parent=0 parent-start=0"),
		WHERE("terminal", "caller= class=s service=s tty=t source= audit=1 pid=2 start=3 "
		    "parent=1 parent-start=0"),
		WHERE("login", ON_TTY), WHERE("source", ON_TTY), WHERE("passed", ON_TTY),
		WHERE("login", "caller= class=s service=s tty= source= audit=1 pid=0 start=0 "
		    "parent=0 parent-start=0"),
		WHERE("login", "caller= class=s service=s tty= source= audit=1 pid=2 start=0 "
		    "parent=2 parent-start=0"),
		WHERE("source", "caller= class=s service=s tty= source= audit=1 pid=0 start=0 "
		    "parent=0 parent-start=0"),
		WHERE("source", "caller= class=s service=s tty= source=::1 audit=1 pid=2 start=0 "
		    "parent=0 parent-start=0"),
		WHERE("passed", "caller= class=s service=s tty= source=::1 audit=1 pid=0 start=0 "
		    "parent=2 parent-start=0"),
	};
	static const char *const lawful[] = {
		WHERE("terminal", ON_TTY),
		WHERE("login", "caller= class=s service=s tty= source= audit=1 pid=2 start=0 "
		    "parent=0 parent-start=0"),
		WHERE("login", "caller= class=s service=s tty= source=::1 audit=4294967295 pid=2 "
		    "start=3 parent=0 parent-start=0"),
		WHERE("passed", "caller= class=s service=s tty= source= audit=1 pid=2 start=3 "
		    "parent=0 parent-start=0"),
		WHERE("passed", "caller= class=s service=s tty= source=192.0.2.7 audit=1 pid=2 "
		    "start=3 parent=4 parent-start=5"),
		WHERE("source", "caller= class=s service=s tty= source=192.0.2.7 audit=1 pid=0 "
		    "start=0 parent=0 parent-start=0"),
	};
	struct session_list list;
	struct diag d = { "" };

	(void)state;
	assert_int_equal(session_parse(FIRST "end\n", strlen(FIRST "end\n"), &list, NULL), 0);
	const char *good = FIRST LINE("1", "1", "x") LINE("2", "1", "x") "end\n";
	assert_int_equal(session_parse(good, strlen(good), &list, NULL), 0);
	assert_int_equal(list.count, 2);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (session_parse(refused[i], strlen(refused[i]), &list, NULL) != E_CORRUPT)
			fail_msg("taken: %s", refused[i]);
	for (size_t i = 0; i < sizeof(lawful) / sizeof(lawful[0]); i++) {
		char text[SESSION_FILE_MAX];
		size_t len = 0;
		if (session_parse(lawful[i], strlen(lawful[i]), &list, NULL) != 0)
			fail_msg("refused: %s", lawful[i]);
		assert_int_equal(session_print(&list, text, sizeof(text), &len), 0);
		assert_string_equal(text, lawful[i]);
	}
	const char *bad = FIRST LINE("1", "x", "x") "end\n";
	assert_int_equal(session_parse(bad, strlen(bad), &list, &d), E_CORRUPT);
	assert_string_equal(d.text, "line 2: expected uid");
}

static void
add(struct fixture *fx, struct session *s)
{
	assert_int_equal(session_add(fx->dir, geteuid(), "alice", s, NULL), 0);
}

static struct session_list
load(struct fixture *fx)
{
	struct session_list list;

	assert_int_equal(session_load(fx->dir, geteuid(), "alice", &list, NULL), 0);
	return list;
}

/* Equal in all that is written; what lies between the fields is nobody's. */
static void
expect_same(const struct session *a, const struct session *b)
{
	struct session_list of_a = { .count = 1, .item = { *a } };
	struct session_list of_b = { .count = 1, .item = { *b } };
	char text_a[SESSION_FILE_MAX], text_b[SESSION_FILE_MAX];
	size_t len = 0;

	assert_int_equal(session_print(&of_a, text_a, sizeof(text_a), &len), 0);
	assert_int_equal(session_print(&of_b, text_b, sizeof(text_b), &len), 0);
	assert_string_equal(text_a, text_b);
}

static void
test_add(void **state)
{
	struct fixture *fx = *state;
	struct session s = sample();
	struct stat sb;

	assert_int_equal(load(fx).count, 0);
	assert_int_equal(faccessat(fx->dir, "alice", F_OK, 0), -1); /* reading makes nothing */
	add(fx, &s);
	assert_int_equal(fstatat(fx->dir, "alice", &sb, 0), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	struct session_list list = load(fx);
	assert_int_equal(list.count, 1);
	expect_same(&list.item[0], &s);
	/* The same place again: renewed. */
	s.boottime_s += 5;
	add(fx, &s);
	list = load(fx);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.item[0].boottime_s, UPTIME + 5);
	/* Another one beside it, with a number of its own. */
	strcpy(s.bond.tty, "/dev/pts/2");
	add(fx, &s);
	assert_int_equal(s.number, 2);
	assert_int_equal(load(fx).count, 2);
	/* What is over makes room. */
	s.boottime_s = UPTIME + 6 + SESSION_AGE_MAX;
	strcpy(s.bond.tty, "/dev/pts/3");
	add(fx, &s);
	list = load(fx);
	assert_int_equal(list.count, 1);
	s.bond.boot[0] = '0';
	add(fx, &s);
	list = load(fx);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.item[0].bond.boot[0], '0');
}

static void
test_oldest_makes_room(void **state)
{
	struct fixture *fx = *state;
	struct session s = sample();

	for (unsigned i = 0; i < SESSIONS_MAX + 1; i++) {
		s.bond.process.pid++;
		s.boottime_s = i == 3 ? UPTIME - 1 : UPTIME + i;
		add(fx, &s);
	}
	struct session_list list = load(fx);
	assert_int_equal(list.count, SESSIONS_MAX);
	for (unsigned i = 0; i < list.count; i++) {
		assert_int_not_equal(list.item[i].boottime_s, UPTIME - 1);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(list.item[i].number, list.item[k].number);
	}
}

static void
test_revoke(void **state)
{
	struct fixture *fx = *state;
	struct session s = sample();
	uid_t me = geteuid();
	unsigned count = 9;

	assert_int_equal(session_revoke(fx->dir, me, "alice", 0, &count, NULL), E_NOENT);
	assert_int_equal(count, 0);
	for (unsigned i = 0; i < 3; i++) {
		s.bond.process.pid++;
		add(fx, &s);
	}
	assert_int_equal(session_revoke(fx->dir, me, "alice", 4, &count, NULL), E_NOENT);
	assert_int_equal(load(fx).count, 3);
	assert_int_equal(session_revoke(fx->dir, me, "alice", 2, &count, NULL), 0);
	assert_int_equal(count, 1);
	struct session_list list = load(fx);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.item[0].number, 1);
	assert_int_equal(list.item[1].number, 3);
	assert_int_equal(session_revoke(fx->dir, me, "alice", 0, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(load(fx).count, 0);
}

/* Many at once: nothing is lost. */
static void
test_parallel(void **state)
{
	struct fixture *fx = *state;
	pid_t child[SESSIONS_MAX];

	for (unsigned i = 0; i < SESSIONS_MAX; i++) {
		struct session s = sample();
		s.bond.process.pid = i + 1;
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0)
			_exit(session_add(fx->dir, geteuid(), "alice", &s, NULL) == 0 ? 0 : 1);
	}
	for (unsigned i = 0; i < SESSIONS_MAX; i++) {
		int status = -1;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	struct session_list list = load(fx);
	assert_int_equal(list.count, SESSIONS_MAX);
	for (unsigned i = 0; i < list.count; i++)
		for (unsigned k = 0; k < i; k++) {
			assert_int_not_equal(list.item[i].number, list.item[k].number);
			assert_int_not_equal(list.item[i].bond.process.pid,
			    list.item[k].bond.process.pid);
		}
}

/* A file that cannot be understood holds no session; it is replaced, or removed as a whole. */
static void
test_corrupt_file(void **state)
{
	struct fixture *fx = *state;
	struct session_list list;
	struct session s = sample();
	uid_t me = geteuid();
	unsigned count = 0;

	int fd = openat(fx->dir, "alice", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "junk\n", 5), 5);
	assert_int_equal(close(fd), 0);
	assert_int_equal(session_load(fx->dir, me, "alice", &list, NULL), E_CORRUPT);
	assert_int_equal(list.count, 0);
	assert_int_equal(session_revoke(fx->dir, me, "alice", 1, &count, NULL), E_CORRUPT);
	add(fx, &s);
	assert_int_equal(load(fx).count, 1);
	/* What a writer leaves that was killed after it had made the file. */
	assert_int_equal(truncate(strcat(fx->sessions, "/alice"), 0), 0);
	assert_int_equal(load(fx).count, 0);
	assert_int_equal(session_revoke(fx->dir, me, "alice", 0, &count, NULL), 0);
	/* One that others may read or write. */
	add(fx, &s);
	assert_int_equal(fchmodat(fx->dir, "alice", 0640, 0), 0);
	assert_int_equal(session_load(fx->dir, me, "alice", &list, NULL), E_UNSAFE);
	assert_int_equal(list.count, 0);
	assert_int_equal(session_add(fx->dir, me, "alice", &s, NULL), E_UNSAFE);
	assert_int_equal(session_revoke(fx->dir, me, "alice", 0, &count, NULL), E_UNSAFE);
	/* A link to somewhere else. */
	assert_int_equal(unlinkat(fx->dir, "alice", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", fx->dir, "alice"), 0);
	assert_int_equal(session_load(fx->dir, me, "alice", &list, NULL), E_UNSAFE);
	assert_int_equal(session_add(fx->dir, me, "alice", &s, NULL), E_UNSAFE);
}

static void
test_names(void **state)
{
	struct fixture *fx = *state;
	struct session_list list;
	struct session s = sample();
	char name[SESSION_USER_MAX + 2];
	uid_t me = geteuid();
	unsigned count = 0;

	static const char *const refused[] = { "", ".", "..", ".alice.new", "a/b" };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(session_load(fx->dir, me, refused[i], &list, NULL), E_INVALID);
		assert_int_equal(session_add(fx->dir, me, refused[i], &s, NULL), E_INVALID);
		assert_int_equal(session_revoke(fx->dir, me, refused[i], 0, &count, NULL),
		    E_INVALID);
	}
	memset(name, 'u', sizeof(name));
	name[SESSION_USER_MAX + 1] = '\0';
	assert_int_equal(session_add(fx->dir, me, name, &s, NULL), E_INVALID);
	name[SESSION_USER_MAX] = '\0';
	assert_int_equal(session_add(fx->dir, me, name, &s, NULL), 0);
	s.bond.tty[0] = '\0';
	assert_int_equal(session_add(fx->dir, me, "alice", &s, NULL), E_INVALID);
}

static void
test_directory(void **state)
{
	struct fixture *fx = *state;
	char path[128];
	struct stat sb;
	uid_t me = geteuid();
	int dir = -1;

	assert_int_equal(stat(fx->sessions, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0700);
	(void)snprintf(path, sizeof(path), "%s/none", fx->path);
	assert_int_equal(session_open_dir(path, me, false, &dir, NULL), E_NOENT);
	assert_int_equal(dir, -1);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(path, sizeof(path), "%s/none/none", fx->path);
	assert_int_equal(session_open_dir(path, me, true, &dir, NULL), E_NOENT);
	assert_int_equal(chmod(fx->sessions, 0750), 0);
	assert_int_equal(session_open_dir(fx->sessions, me, true, &dir, NULL), E_UNSAFE);
	assert_int_equal(chmod(fx->sessions, 0700), 0);
	/* Never made where others could put something in its place. */
	assert_int_equal(chmod(fx->path, 0777), 0);
	(void)snprintf(path, sizeof(path), "%s/other", fx->path);
	assert_int_equal(session_open_dir(path, me, true, &dir, NULL), E_UNSAFE);
	assert_int_equal(access(path, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_age, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_root_is_bound_to_an_hour, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bond, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_incomplete_bond, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_device, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_text, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_text_is_strict, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_add, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oldest_makes_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_revoke, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parallel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_corrupt_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directory, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
