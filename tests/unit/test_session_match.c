/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Where a code counts: one row for every fact that a kind of session needs, and what becomes of a
 * code of a login from afar: it counts nowhere until the login is open, and then in that login
 * alone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "core/safefile.h"
#include "core/session.h"

#define BOOT "82a3aec7-356e-4e0c-a700-fac1a29464c4"
#define UPTIME UINT64_C(500000)
#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* A login by ssh: sshd's process 100 checks the code in its child 101, and is above the shell 103,
 * whose terminal sudo asks on. */
static const struct session_process listener = { 50, 1000 };
static const struct session_process monitor = { 100, 5000 };
static const struct session_process checker = { 101, 5001 };
static const struct session_process shell = { 103, 5003 };

static struct session_bond
bond_of(enum session_kind kind)
{
	struct session_bond b = { .kind = kind, .uid = 1000, .class = "login", .boot = BOOT,
		.audit_session = 7 };

	switch (kind) {
	case SESSION_TERMINAL:
		strcpy(b.caller, "alice");
		strcpy(b.tty, "/dev/pts/1");
		b.process = shell;
		break;
	case SESSION_PASSED:
		b.process = checker;
		b.parent = monitor;
		break;
	case SESSION_LOGIN:
		b.process = monitor;
		break;
	case SESSION_SOURCE:
		strcpy(b.source, "192.0.2.7");
		b.audit_session = SESSION_NO_AUDIT;
		break;
	}
	return b;
}

/* sudo by alice, in that login. */
static struct session_place
in_sudo(void)
{
	return (struct session_place){ .uid = 1000, .is_local = true, .is_self = true,
		.caller = "alice", .class = "login", .tty = "/dev/pts/1", .audit_session = 7,
		.leader = shell, .ancestor_count = 4, .ancestor = { shell, { 102, 5002 }, monitor,
		    listener }, .boot = BOOT };
}

/* A second login by ssh. */
static struct session_place
in_sshd(void)
{
	return (struct session_place){ .uid = 1000, .is_self = true, .class = "login",
		.tty = "ssh", .source = "192.0.2.7", .audit_session = SESSION_NO_AUDIT,
		.boot = BOOT };
}

struct row {
	const char *what;
	void (*change)(struct session_bond *b, struct session_place *p);
	bool matches;
};

#define CHANGE(name, statement) \
	static void \
	name(struct session_bond *b, struct session_place *p) \
	{ \
		(void)b, (void)p; \
		statement; \
	}

CHANGE(nothing, (void)0)
CHANGE(other_uid, p->uid++)
CHANGE(other_class, strcpy(p->class, "sudo"))
CHANGE(no_class, b->class[0] = p->class[0] = '\0')
CHANGE(other_boot, p->boot[0] = '0')
CHANGE(no_boot, b->boot[0] = p->boot[0] = '\0')
CHANGE(other_tty, strcpy(p->tty, "/dev/pts/2"))
CHANGE(no_tty, b->tty[0] = p->tty[0] = '\0')
CHANGE(other_caller, strcpy(p->caller, "bob"))
CHANGE(other_leader, p->leader.pid++)
CHANGE(leader_reused, p->leader.start++)
CHANGE(no_terminal, p->leader.pid = 0)
CHANGE(no_leader, b->process.pid = p->leader.pid = 0)
CHANGE(from_afar, p->is_local = false)
CHANGE(at_home, p->is_local = true)
CHANGE(other_audit, p->audit_session = 8)
CHANGE(no_audit_here, p->audit_session = SESSION_NO_AUDIT)
CHANGE(no_audit_there, b->audit_session = SESSION_NO_AUDIT)
CHANGE(no_audit, b->audit_session = p->audit_session = SESSION_NO_AUDIT)
CHANGE(not_self, p->is_self = false)
CHANGE(other_login, p->ancestor[2].pid++)
CHANGE(login_reused, p->ancestor[2].start++)
CHANGE(daemonised, p->ancestor_count = 0)
CHANGE(cut_short, p->ancestor_count = 2)
CHANGE(count_is_lies, p->ancestor_count = UINT32_MAX; p->ancestor[2].pid++)
CHANGE(of_listener, b->process = listener; p->ancestor_count = 3)
CHANGE(no_process, b->process.pid = p->ancestor[2].pid = 0)
CHANGE(other_source, strcpy(p->source, "192.0.2.70"))
CHANGE(no_source_here, p->source[0] = '\0')
CHANGE(no_source, b->source[0] = p->source[0] = '\0')

static const struct row of_terminal[] = {
	{ "the same", nothing, true }, { "another uid", other_uid, false },
	{ "another class", other_class, false }, { "no class", no_class, false },
	{ "another boot", other_boot, false }, { "no boot", no_boot, false },
	{ "another terminal", other_tty, false }, { "no name of it", no_tty, false },
	{ "another caller", other_caller, false }, { "another leader", other_leader, false },
	{ "its number reused", leader_reused, false }, { "no terminal", no_terminal, false },
	{ "no leader", no_leader, false }, { "from afar", from_afar, false },
	{ "another audit session", other_audit, false }, { "none here", no_audit_here, false },
	{ "none there", no_audit_there, false }, { "none at all", no_audit, true },
	{ "the caller is named", not_self, true }, { "daemonised", daemonised, true },
};

static const struct row of_login[] = {
	{ "the same", nothing, true }, { "another uid", other_uid, false },
	{ "another class", other_class, false }, { "no class", no_class, false },
	{ "another boot", other_boot, false }, { "no boot", no_boot, false },
	{ "another terminal in it", other_tty, true }, { "no terminal", no_terminal, false },
	{ "another leader in it", other_leader, true }, { "from afar", from_afar, false },
	{ "another audit session", other_audit, false }, { "none here", no_audit_here, true },
	{ "none there", no_audit_there, true }, { "none at all", no_audit, true },
	{ "another user asks", not_self, false }, { "another login", other_login, false },
	{ "its number reused", login_reused, false }, { "daemonised", daemonised, false },
	{ "too far above", cut_short, false }, { "more than there are", count_is_lies, false },
	{ "the listener is not above", of_listener, false }, { "no process", no_process, false },
};

static const struct row of_source[] = {
	{ "the same", nothing, true }, { "another uid", other_uid, false },
	{ "another class", other_class, false }, { "no class", no_class, false },
	{ "another boot", other_boot, false }, { "another address", other_source, false },
	{ "none here", no_source_here, false }, { "none at all", no_source, false },
	{ "on this host", at_home, false }, { "an audit session", other_audit, true },
};

static const struct row of_passed[] = {
	{ "the same", nothing, false }, { "from afar", from_afar, false },
};

static void
check_rows(const char *kind, const struct row *rows, size_t count, struct session_bond bond,
    struct session_place place)
{
	for (size_t i = 0; i < count; i++) {
		struct session_bond b = bond;
		struct session_place p = place;
		rows[i].change(&b, &p);
		if (session_bond_matches(&b, &p) != rows[i].matches)
			fail_msg("%s, %s: expected %d", kind, rows[i].what, rows[i].matches);
	}
}

static void
test_every_fact(void **state)
{
	(void)state;
	check_rows("terminal", of_terminal, LEN(of_terminal), bond_of(SESSION_TERMINAL), in_sudo());
	check_rows("login", of_login, LEN(of_login), bond_of(SESSION_LOGIN), in_sudo());
	check_rows("source", of_source, LEN(of_source), bond_of(SESSION_SOURCE), in_sshd());
	check_rows("passed", of_passed, LEN(of_passed), bond_of(SESSION_PASSED), in_sudo());
	struct session_place p = in_sudo();
	p.ancestor[0] = checker;
	check_rows("passed", of_passed, LEN(of_passed), bond_of(SESSION_PASSED), p);
	p.leader = checker;
	check_rows("passed", of_passed, LEN(of_passed), bond_of(SESSION_PASSED), p);
}

/* No kind counts in the place of another one. */
static void
test_kinds_apart(void **state)
{
	static const enum session_kind kinds[] = { SESSION_TERMINAL, SESSION_PASSED, SESSION_LOGIN,
		SESSION_SOURCE };

	(void)state;
	for (size_t i = 0; i < LEN(kinds); i++) {
		struct session_bond b = bond_of(kinds[i]);
		struct session_place sudo = in_sudo(), sshd = in_sshd();
		assert_true(session_bond_ok(&b));
		assert_int_equal(session_bond_matches(&b, &sudo),
		    kinds[i] == SESSION_TERMINAL || kinds[i] == SESSION_LOGIN);
		assert_int_equal(session_bond_matches(&b, &sshd), kinds[i] == SESSION_SOURCE);
		for (size_t k = 0; k < LEN(kinds); k++) {
			b.kind = kinds[k];
			assert_int_equal(session_bond_ok(&b), i == k ||
			    (kinds[i] == SESSION_LOGIN && kinds[k] == SESSION_PASSED));
			b = bond_of(kinds[i]);
		}
		b.kind = 0;
		assert_false(session_bond_ok(&b));
		b.kind = SESSION_SOURCE + 1;
		assert_false(session_bond_ok(&b));
		assert_false(session_bond_matches(&b, &sudo));
	}
}

/* --- from the code to the login ------------------------------------------------------- */

struct fixture {
	char path[64];
	int dir;
};

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	strcpy(fx->path, "/tmp/test_session.XXXXXX");
	assert_non_null(mkdtemp(fx->path));
	assert_int_equal(session_open_dir(fx->path, geteuid(), false, &fx->dir, NULL), 0);
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;

	(void)unlinkat(fx->dir, "alice", 0);
	safefile_close(&fx->dir);
	int r = rmdir(fx->path);
	free(fx);
	return r;
}

static void
put(struct fixture *fx, struct session_bond bond, uint64_t boottime_s, const char *service)
{
	struct session s = { .bond = bond, .device_id = 3, .device_created = 4, .epoch = 5,
		.device = "phone", .boottime_s = boottime_s, .wall_s = 6 };

	strcpy(s.service, service);
	assert_int_equal(session_add(fx->dir, geteuid(), "alice", &s, NULL), 0);
}

static struct session_list
load(struct fixture *fx)
{
	struct session_list list;

	assert_int_equal(session_load(fx->dir, geteuid(), "alice", &list, NULL), 0);
	return list;
}

static int
confirm(struct fixture *fx, struct session_process process, uint64_t at_s)
{
	struct session_bond here = { .kind = SESSION_LOGIN, .uid = 1000, .boot = BOOT,
		.audit_session = 9, .process = process };

	return session_confirm(fx->dir, geteuid(), "alice", "sshd", &here, at_s, NULL);
}

static void
test_confirmed_by_the_parent(void **state)
{
	struct fixture *fx = *state;
	struct session_bond b = bond_of(SESSION_PASSED);

	assert_int_equal(confirm(fx, monitor, UPTIME), E_NOENT); /* no file: none is made */
	assert_int_equal(faccessat(fx->dir, "alice", F_OK, 0), -1);
	strcpy(b.source, "192.0.2.7");
	put(fx, b, UPTIME, "sshd");
	assert_int_equal(confirm(fx, monitor, UPTIME + 5), 0);
	struct session_list list = load(fx);
	assert_int_equal(list.count, 1);
	const struct session *s = &list.item[0];
	assert_int_equal(s->bond.kind, SESSION_LOGIN);
	assert_int_equal(s->bond.process.pid, monitor.pid);
	assert_int_equal(s->bond.process.start, monitor.start);
	assert_int_equal(s->bond.parent.pid, 0);
	assert_int_equal(s->bond.audit_session, 9);
	assert_string_equal(s->bond.class, "login");
	assert_string_equal(s->bond.source, "192.0.2.7");
	assert_string_equal(s->service, "sshd");
	/* Its age is the code's, and so are device and epoch. */
	assert_int_equal(s->boottime_s, UPTIME);
	assert_int_equal(s->device_id, 3);
	assert_int_equal(s->device_created, 4);
	assert_int_equal(s->epoch, 5);
	assert_int_equal(s->wall_s, 6);
	/* Once. */
	assert_int_equal(confirm(fx, monitor, UPTIME + 5), E_NOENT);
	assert_int_equal(load(fx).count, 1);
}

static void
test_confirmed_by_itself(void **state)
{
	struct fixture *fx = *state;
	struct session_bond b = bond_of(SESSION_PASSED);

	b.process = monitor;
	b.parent = listener;
	put(fx, b, UPTIME, "sshd");
	assert_int_equal(confirm(fx, monitor, UPTIME), 0);
	assert_int_equal(load(fx).item[0].bond.process.pid, monitor.pid);
}

/* Who may not. */
static void
test_not_confirmed(void **state)
{
	struct fixture *fx = *state;
	struct session_bond b = bond_of(SESSION_PASSED);
	static const struct session_process others[] = { { 50, 1000 }, { 100, 5001 },
		{ 101, 5000 }, { 103, 5003 }, { 0, 0 } };

	put(fx, b, UPTIME, "sshd");
	for (size_t i = 0; i < LEN(others); i++)
		assert_int_equal(confirm(fx, others[i], UPTIME), E_NOENT);
	assert_int_equal(confirm(fx, monitor, UPTIME + SESSION_PASSED_AGE_MAX + 1), E_NOENT);
	assert_int_equal(confirm(fx, monitor, UPTIME - 1), E_NOENT);
	b.uid++;
	put(fx, b, UPTIME, "sshd");
	put(fx, bond_of(SESSION_PASSED), UPTIME, "vsftpd");
	assert_int_equal(load(fx).count, 2); /* one of the same bond, of another service */
	assert_int_equal(confirm(fx, monitor, UPTIME), E_NOENT);
	struct session_bond here = { .kind = SESSION_LOGIN, .uid = 1000, .boot = "other",
		.process = monitor };
	int r = session_confirm(fx->dir, geteuid(), "alice", "vsftpd", &here, UPTIME, NULL);
	assert_int_equal(r, E_NOENT);
	/* No other kind is taken up. */
	b = bond_of(SESSION_TERMINAL);
	b.process = monitor;
	put(fx, b, UPTIME, "sshd");
	assert_int_equal(confirm(fx, monitor, UPTIME), E_NOENT);
	assert_int_equal(load(fx).count, 3);
	put(fx, bond_of(SESSION_PASSED), UPTIME, "sshd");
	assert_int_equal(confirm(fx, monitor, UPTIME + SESSION_PASSED_AGE_MAX), 0);
}

/* Of several codes of one login the youngest counts, and none is left. */
static void
test_several_codes(void **state)
{
	struct fixture *fx = *state;
	struct session_bond b = bond_of(SESSION_PASSED);

	put(fx, b, UPTIME + 1, "sshd");
	b.process.pid++;
	put(fx, b, UPTIME + 3, "sshd");
	b.process.pid++;
	put(fx, b, UPTIME + 2, "sshd");
	b.process.pid++;
	b.parent.pid++;
	put(fx, b, UPTIME + 9, "sshd"); /* of another login */
	assert_int_equal(load(fx).count, 4);
	assert_int_equal(confirm(fx, monitor, UPTIME + 9), 0);
	struct session_list list = load(fx);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.item[0].bond.kind, SESSION_PASSED);
	assert_int_equal(list.item[1].bond.kind, SESSION_LOGIN);
	assert_int_equal(list.item[1].boottime_s, UPTIME + 3);
	assert_int_not_equal(list.item[0].number, list.item[1].number);
}

static void
test_closed(void **state)
{
	struct fixture *fx = *state;
	struct session_bond b = bond_of(SESSION_LOGIN);
	struct session_process reused = { monitor.pid, monitor.start + 1 };
	uid_t me = geteuid();

	assert_int_equal(session_close(fx->dir, me, "alice", monitor, NULL), E_NOENT);
	put(fx, b, UPTIME, "sshd");
	b.process.pid = 900;
	put(fx, b, UPTIME, "sshd");
	b = bond_of(SESSION_TERMINAL);
	b.process = monitor;
	put(fx, b, UPTIME, "sudo");
	assert_int_equal(session_close(fx->dir, me, "alice", reused, NULL), E_NOENT);
	assert_int_equal(load(fx).count, 3);
	assert_int_equal(session_close(fx->dir, me, "alice", monitor, NULL), 0);
	struct session_list list = load(fx);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.item[0].bond.process.pid, 900);
	assert_int_equal(list.item[1].bond.kind, SESSION_TERMINAL);
}

/* A code that no login has taken up can be neither named nor counted, but goes with all, and soon
 * by itself. */
static void
test_unconfirmed(void **state)
{
	struct fixture *fx = *state;
	struct session_bond b = bond_of(SESSION_PASSED);
	uid_t me = geteuid();
	unsigned count = 9;

	put(fx, b, UPTIME, "sshd");
	put(fx, bond_of(SESSION_SOURCE), UPTIME, "sshd");
	assert_int_equal(load(fx).count, 2);
	assert_int_equal(session_revoke(fx->dir, me, "alice", 1, &count, NULL), E_NOENT);
	assert_int_equal(session_revoke(fx->dir, me, "alice", 0, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(load(fx).count, 0);
	put(fx, b, UPTIME, "sshd");
	put(fx, bond_of(SESSION_SOURCE), UPTIME + SESSION_PASSED_AGE_MAX, "sshd");
	assert_int_equal(load(fx).count, 2);
	put(fx, bond_of(SESSION_LOGIN), UPTIME + SESSION_PASSED_AGE_MAX + 1, "sshd");
	struct session_list list = load(fx);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.item[0].bond.kind, SESSION_SOURCE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_fact),
		cmocka_unit_test(test_kinds_apart),
		cmocka_unit_test_setup_teardown(test_confirmed_by_the_parent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_confirmed_by_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_confirmed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_several_codes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unconfirmed, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("session_match", tests, NULL, NULL);
}
