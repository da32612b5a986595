/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Logins and enrolments that get no memory: the n-th allocation fails, for every n, once alone
 * and once with all that follow it. malloc(3) and its like are defined in this program, whose
 * names come first when the shared objects are bound, so it is the shipped module, and libpam
 * and libcrypto with it, that are refused. What comes of it:
 *
 *  1. A denial, or an acceptance that is on the disk (DESIGN promises 1, 5); never a crash of
 *     the host, never PAM_IGNORE. (The line in the log may be what there was no memory for.)
 *  2. An enrolment that says so and is there, or one that did not happen.
 *  3. The next run, which gets its memory, works. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/devices.h"
#include "crash_scene.h"
#include "faults.h"
#include "support/store_sample.h"

#define LATER 20
#define INTERPOSED __attribute__((visibility("default")))

/* An allocator of its own has nothing of the C library's to fall back on. */
#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define IS_INTERPOSED 0
#else
#define IS_INTERPOSED 1
#endif

/* Which allocations of this process fail. */
static struct {
	_Atomic bool is_armed;
	_Atomic unsigned made;
	unsigned at;
	bool and_on; /* and all that follow */
} famine;

#if IS_INTERPOSED
extern void *__libc_malloc(size_t len);
extern void *__libc_calloc(size_t n, size_t len);
extern void *__libc_realloc(void *p, size_t len);
INTERPOSED void *malloc(size_t len);
INTERPOSED void *calloc(size_t n, size_t len);
INTERPOSED void *realloc(void *p, size_t len);

static bool
is_refused(void)
{
	if (!famine.is_armed)
		return false;
	unsigned n = ++famine.made;
	if (n != famine.at && !(famine.and_on && n > famine.at))
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t len)
{
	return is_refused() ? NULL : __libc_malloc(len);
}

void *
calloc(size_t n, size_t len)
{
	return is_refused() ? NULL : __libc_calloc(n, len);
}

void *
realloc(void *p, size_t len)
{
	return is_refused() ? NULL : __libc_realloc(p, len);
}
#endif

/* Runs of test_login in which the log says that the account could not be looked up. */
static unsigned lookups_told;

/* How many allocations the last run made. */
static _Atomic unsigned *made;

/* The person has memory: it is the host that has none. */
static void (*person)(struct app *a);

static void
be_a_person(struct app *a)
{
	famine.is_armed = false;
	person(a);
	famine.is_armed = true;
}

/* Do the work in a process that gets no memory from allocation `at` on; 0: from none. */
static void
starve(struct scene *c, void (*prepare)(void *ctx), void (*work)(void *ctx), unsigned at,
    bool and_on)
{
	(void)fflush(stdout);
	(void)fflush(stderr);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)alarm(30);
		if (prepare != NULL)
			prepare(c);
		person = c->app.hook;
		if (person != NULL)
			c->app.hook = be_a_person;
		famine.at = at;
		famine.and_on = and_on;
		famine.is_armed = true;
		work(c);
		famine.is_armed = false;
		*made = famine.made;
		_exit(0);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0)
		fail_msg("allocation %u%s: the host came to harm: status %#x", at,
		    and_on ? " and on" : "", (unsigned)status);
}

/* One run with all checks. Returns whether it succeeded. */
typedef bool round_fn(struct stage *s, struct scene *c, unsigned at, bool and_on);

/* Ten recovery codes are some 400,000 allocations of libcrypto's that are all alike: of more than
 * EDGE each the first and the last are tried, and so many in between. */
#define EDGE (faults_are_long() ? 1000u : 60u)
#define BETWEEN (faults_are_long() ? 500u : 10u)

static unsigned
next_allocation(unsigned at, unsigned count)
{
	if (count <= 1000 || at < EDGE || at > count - EDGE)
		return at + 1;
	unsigned next = at + (count - 2 * EDGE) / BETWEEN;
	return next < count - EDGE ? next : count - EDGE + 1;
}

/* Which allocation failed, for what is said of it. */
static unsigned where;

static void
starve_each(struct stage *s, struct scene *c, const char *what, round_fn *round)
{
	unsigned runs = 0, succeeded = 0;

	if (!IS_INTERPOSED)
		skip();
	assert_true(round(s, c, 0, false));
	unsigned count = *made;
	assert_true(count > 0);
	for (unsigned at = 1; at <= count; at = next_allocation(at, count))
		for (unsigned and_on = 0; and_on < 2; and_on++) {
			where = at;
			succeeded += round(s, c, at, and_on == 1);
			runs++;
		}
	assert_true(succeeded < runs);
	faults_survived(runs, "runs of %s without its n-th of %u allocations: %u succeeded all "
	    "the same", what, count, succeeded);
}

static void
expect_login(struct scene *c, const struct stage *s, const char *user, const char *device)
{
	char code[16];

	scene_advance(1);
	scene_code(s, user, device, 0, code);
	if (scene_login_unharmed(c, user, code) != PAM_SUCCESS)
		fail_msg("the next login fails: %d: %s", c->told, c->line);
}

static bool
starve_login(struct stage *s, struct scene *c, unsigned at, bool and_on)
{
	char code[16];

	scene_advance(2);
	uint64_t step = world_clock() / 30;
	struct store_entry before = stage_look(s, "alice");
	scene_code(s, "alice", "phone", 0, code);
	scene_reset(c, "alice", code);
	starve(c, scene_prepare_login, scene_login, at, and_on);
	assert_int_not_equal(c->told, PAM_IGNORE);
	assert_int_not_equal(c->told, SCENE_NOTHING);
	if (strstr(c->line, "unenrolled") != NULL)
		fail_msg("allocation %u%s: %s", at, and_on ? " and on" : "", c->line);
	lookups_told += strstr(c->line, "reason=account-lookup user=- ") != NULL &&
	    strstr(c->line, " error=") != NULL;
	bool is_accepted = c->told == PAM_SUCCESS;

	struct store_entry e = stage_look(s, "alice");
	assert_int_equal(e.health, STATE_WHOLE);
	sample_expect_record(&e.record, &before.record);
	uint64_t last = e.state.device[0].last_step;
	assert_true(last == step || (last == before.state.device[0].last_step && !is_accepted));
	assert_int_equal(scene_login_unharmed(c, "alice", code),
	    last == step ? PAM_AUTH_ERR : PAM_SUCCESS);
	expect_login(c, s, "alice", "phone");
	return is_accepted;
}

/* Success: it was counted, and told so. */
static bool
starve_wrong(struct stage *s, struct scene *c, unsigned at, bool and_on)
{
	scene_advance(2);
	scene_reset(c, "alice", stage_wrong_code(s));
	starve(c, scene_prepare_login, scene_login, at, and_on);
	assert_int_not_equal(c->told, PAM_SUCCESS);
	assert_int_not_equal(c->told, PAM_IGNORE);
	assert_int_not_equal(c->told, SCENE_NOTHING);
	bool is_told = strstr(c->line, "reason=wrong") != NULL;
	struct store_entry e = stage_look(s, "alice");
	assert_in_range(e.state.fails, is_told ? 1 : 0, 1);
	expect_login(c, s, "alice", "phone");
	return is_told;
}

/* The first of a host. */
static bool
starve_enrolment(struct stage *s, struct scene *c, unsigned at, bool and_on)
{
	scene_advance(4);
	scene_empty_store(s);
	scene_reset(c, "bob", "");
	starve(c, NULL, scene_enrol, at, and_on);
	bool has_succeeded = c->told_first == 0 && c->told == 0;
	assert_true(has_succeeded || c->diag[0] != '\0');

	struct store_entry e = stage_look(s, "bob");
	bool is_active = e.has_record && e.record.device_count == 1 &&
	    e.record.device[0].state == DEVICE_ACTIVE;
	/* A first record stands before its state, which is rebuilt when it was refused. */
	assert_true(!e.has_record || e.health == STATE_WHOLE ||
	    (e.health == STATE_LOST && c->told_first != 0));
	assert_true(c->told_first != 0 || e.has_record);
	assert_true(is_active == has_succeeded);
	assert_int_equal(scene_enrol_unharmed(c, "bob"), is_active ? E_EXISTS : 0);
	expect_login(c, s, "bob", "tablet");
	return has_succeeded;
}

/* --- enrolled, or a device replaced, inside the login -------------------------------- */

static void
lead_through(struct stage *s, struct scene *c, const char *user, const char *answer)
{
	scene_reset(c, user, answer);
	scene_allow_enrolment(s);
	starve(c, scene_prepare_enrolment, scene_login, 0, false);
	assert_int_equal(c->told, PAM_SUCCESS);
}

/* What holds of both: a decision; whoever was told the end has the new secret; its codes are
 * consumed, and the next one gets in. Afterwards the stack is that of a plain login. */
static void
expect_led(struct stage *s, struct scene *c, const char *user, bool has_new)
{
	char typed[2][16];

	assert_int_not_equal(c->told, PAM_IGNORE);
	assert_int_not_equal(c->told, SCENE_NOTHING);
	if (!has_new && (c->told == PAM_SUCCESS || c->has_seen_end))
		fail_msg("%s, allocation %u: told of what is not there: %d: %s", user, where,
		    c->told, c->line);
	memcpy(typed, c->typed, sizeof(typed));
	stage_settings(s, "unenrolled = skip\n");
	stage_arguments(s, "");
	scene_advance(1); /* so did the person between the codes */
	for (unsigned i = 0; has_new && i < 2; i++)
		assert_int_equal(scene_login_unharmed(c, user, typed[i]), PAM_AUTH_ERR);
	scene_advance(LATER); /* past what a lost state has burnt */
	if (has_new)
		expect_login(c, s, user, "phone");
}

/* Nothing is stored before all is; then all is. */
static bool
starve_first_device(struct stage *s, struct scene *c, unsigned at, bool and_on)
{
	scene_advance(4);
	(void)unlink(stage_path(s, "secrets/bob"));
	(void)unlink(stage_path(s, "state/bob"));
	scene_reset(c, "bob", "");
	scene_allow_enrolment(s);
	starve(c, scene_prepare_enrolment, scene_login, at, and_on);
	bool has_succeeded = c->told == PAM_SUCCESS;
	unsigned allocations = *made;

	struct store_entry e = stage_look(s, "bob");
	/* A first record stands before its state, which is burnt when it was refused. */
	bool is_half = e.has_record && e.health == STATE_LOST;
	assert_false(is_half && (has_succeeded || c->has_seen_end));
	if (e.has_record && !is_half)
		assert_int_equal(devices_recovery_left(&e), RECOVERY_CODES_MAX);
	assert_true(!e.has_record || (e.record.device_count == 1 &&
	    e.record.device[0].state == DEVICE_ACTIVE));
	expect_led(s, c, "bob", e.has_record);
	if (!e.has_record)
		lead_through(s, c, "bob", "");
	*made = allocations;
	return has_succeeded;
}

/* The old secret counts until the new one does, and what proved it is consumed. */
static bool
starve_replacement(struct stage *s, struct scene *c, unsigned at, bool and_on)
{
	static struct record base;
	char proof[16];

	scene_advance(4);
	struct store_entry e = stage_look(s, "alice");
	if (base.device_count == 0)
		base = e.record;
	base.next_id = e.record.next_id;
	e.record = base;
	e.record.device[0].rotate_by = world_clock();
	stage_put(s, "alice", &e);
	scene_code(s, "alice", "phone", 0, proof);
	scene_reset(c, "alice", proof);
	scene_allow_enrolment(s);
	starve(c, scene_prepare_enrolment, scene_login, at, and_on);
	bool has_succeeded = c->told == PAM_SUCCESS;
	bool is_proven = c->has_seen_key;
	unsigned allocations = *made;

	e = stage_look(s, "alice");
	assert_int_equal(e.health, STATE_WHOLE);
	bool has_new = e.record.device_count == 2;
	assert_true(has_new || e.record.device_count == 1);
	for (unsigned i = 0; i < e.record.device_count; i++)
		assert_int_equal(e.record.device[i].state,
		    has_new && i == 0 ? DEVICE_DISABLED : DEVICE_ACTIVE);
	expect_led(s, c, "alice", has_new);
	if (is_proven)
		assert_int_equal(scene_login_unharmed(c, "alice", proof), PAM_AUTH_ERR);
	if (!has_new) {
		scene_advance(1);
		scene_code(s, "alice", "phone", 0, proof);
		lead_through(s, c, "alice", proof);
	}
	*made = allocations;
	return has_succeeded;
}

static void
run(void **state, const char *what, round_fn *round)
{
	stage_settings(*state, "unenrolled = skip\n");
	made = strike_share(sizeof(*made));
	starve_each(*state, scene_make(*state), what, round);
}

static void
test_login(void **state)
{
	run(state, "a login", starve_login);
	assert_true(lookups_told > 0);
}

static void
test_wrong_code(void **state)
{
	run(state, "a login with a wrong code", starve_wrong);
}

static void
test_enrolment(void **state)
{
	run(state, "an enrolment", starve_enrolment);
}

static void
test_first_device(void **state)
{
	run(state, "an enrolment inside the login", starve_first_device);
}

static void
test_replacement(void **state)
{
	run(state, "the replacement of an overdue device inside the login", starve_replacement);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_login, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_code, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_enrolment, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_first_device, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_replacement, scene_setup, stage_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
