/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Logins, enrolments and imports that are killed: SIGKILL before and after each system call in
 * turn, one kill a run. After each, what DESIGN section 2 promises:
 *
 *  1. The record is whole, the old one or the new one; the state is whole.
 *  2. What was told is true: a code that was accepted is consumed, a failure is counted, an
 *     enrolment is there (promises 4, 5).
 *  3. A code gets in once in total: a login that was killed before it told may have consumed
 *     its code, and then nobody gets in by it (promise 2).
 *  4. Nothing is left that blocks the next login or enrolment: no lock (a run that
 *     hangs is killed and fails), no file.
 *
 * Each test also proves that its kills came both before and after the change. The short form
 * kills after those calls only that write: after any other is before the next one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/devices.h"
#include "crash_scene.h"
#include "faults.h"
#include "support/store_sample.h"

#define ADMIN "/utils/totp-admin"
#define ADMIN_EXISTS 4 /* its exit code */
#define CAROL_UID 4100u

/* How the runs of one test ended. */
struct tally {
	unsigned kills;
	unsigned old;    /* nothing had changed */
	unsigned silent; /* it had, but nobody had been told */
	unsigned told;
};

/* One run with one kill and all checks. Returns whether anything was killed. */
typedef bool round_fn(struct stage *s, struct scene *c, struct strike *k, struct tally *t);

static void
count(struct tally *t, bool is_new, bool is_told)
{
	t->kills++;
	t->old += !is_new;
	t->silent += is_new && !is_told;
	t->told += is_told;
}

/* Every call, before and after it, until a run is too short to be killed. */
static void
kill_at_each_call(struct stage *s, struct scene *c, struct strike *k, const char *what,
    round_fn *round)
{
	struct tally t = { 0 };
	bool is_on = true;

	if (!strike_is_possible())
		skip();
	for (k->at = 1; is_on; k->at++) {
		k->kind = STRIKE_KILL_BEFORE;
		is_on = round(s, c, k, &t);
		k->kind = STRIKE_KILL_AFTER;
		/* What comes before the next call is that one's; nothing comes after the end. */
		long call = k->call[k->at - 1];
		if (is_on && (faults_are_long() ? !strike_is_the_end(call) :
						  strike_is_of_durability(call)))
			is_on = round(s, c, k, &t);
	}
	assert_true(t.old > 0 && t.silent > 0 && t.told > 0);
	faults_survived(t.kills, "kills in %s: %u before the change, %u after it but before a "
	    "word, %u after the word", what, t.old, t.silent, t.told);
}

/* The state of alice's phone, and that neither her record nor her state suffered. */
static struct store_entry
look_whole(const struct stage *s, const struct store_entry *before)
{
	struct store_entry e = stage_look(s, "alice");

	assert_true(e.has_record);
	assert_int_equal(e.health, STATE_WHOLE);
	sample_expect_record(&e.record, &before->record);
	scene_expect_no_leftover(s, "alice", "bob");
	return e;
}

static bool
has_ended_well(const struct strike *k, const struct scene *c, int told)
{
	if (k->has_struck) {
		assert_true(WIFSIGNALED(k->status) && WTERMSIG(k->status) == SIGKILL);
		return false;
	}
	assert_true(strike_has_exited(k, 0));
	assert_int_equal(c->told, told);
	return true;
}

/* The phone's next code gets in: nothing is blocked. */
static void
expect_next_login(struct stage *s, struct scene *c)
{
	char code[16];

	scene_advance(1);
	scene_code(s, "alice", "phone", 0, code);
	assert_int_equal(scene_login_unharmed(c, "alice", code), PAM_SUCCESS);
}

static bool
kill_login(struct stage *s, struct scene *c, struct strike *k, struct tally *t)
{
	char code[16];

	scene_advance(2);
	uint64_t step = world_clock() / 30;
	struct store_entry before = stage_look(s, "alice");
	scene_code(s, "alice", "phone", 0, code);
	scene_reset(c, "alice", code);
	strike_run(k);
	bool is_told = c->told == PAM_SUCCESS;
	if (!has_ended_well(k, c, PAM_SUCCESS))
		assert_true(is_told || c->told == SCENE_NOTHING);

	struct store_entry e = look_whole(s, &before);
	uint64_t last = e.state.device[0].last_step;
	assert_true(last == step || (last == before.state.device[0].last_step && !is_told));
	bool is_used = last == step;
	count(t, is_used, is_told);
	assert_int_equal(scene_login_unharmed(c, "alice", code),
	    is_used ? PAM_AUTH_ERR : PAM_SUCCESS);
	assert_int_equal(scene_login_unharmed(c, "alice", code), PAM_AUTH_ERR);
	expect_next_login(s, c);
	return k->has_struck;
}

static bool
kill_wrong(struct stage *s, struct scene *c, struct strike *k, struct tally *t)
{
	scene_advance(2);
	struct store_entry before = stage_look(s, "alice");
	assert_int_equal(before.state.fails, 0);
	scene_reset(c, "alice", stage_wrong_code(s));
	strike_run(k);
	bool is_told = c->told == PAM_AUTH_ERR;
	if (!has_ended_well(k, c, PAM_AUTH_ERR))
		assert_true(is_told || c->told == SCENE_NOTHING);

	struct store_entry e = look_whole(s, &before);
	assert_in_range(e.state.fails, is_told ? 1 : 0, 1);
	assert_int_equal(e.state.bucket[0].fails, e.state.fails);
	count(t, e.state.fails == 1, is_told);
	expect_next_login(s, c);
	return k->has_struck;
}

static struct recovery_sheet sheet;
static unsigned sheet_next = RECOVERY_CODES_MAX;

static int
give_sheet(struct store_entry *e, void *ctx, struct diag *d)
{
	(void)ctx;
	return devices_new_recovery(e, &sheet, d);
}

static void
update(const struct stage *s, const char *user,
    int (*change)(struct store_entry *e, void *ctx, struct diag *d))
{
	char setting[128];
	struct store *store = NULL;
	struct diag d = { "" };

	(void)snprintf(setting, sizeof(setting), "file:%s", s->store);
	if (store_open(setting, NULL, &store, &d) != 0 ||
	    store_update(store, user, world_clock(), change, NULL, &d) != 0)
		fail_msg("store: %s", d.text);
	store_close(store);
}

static bool
kill_recovery(struct stage *s, struct scene *c, struct strike *k, struct tally *t)
{
	scene_advance(2);
	if (sheet_next == RECOVERY_CODES_MAX) {
		update(s, "alice", give_sheet);
		sheet_next = 0;
	}
	const char *code = sheet.text[sheet_next++];
	struct store_entry before = stage_look(s, "alice");
	unsigned left = devices_recovery_left(&before);
	scene_reset(c, "alice", code);
	strike_run(k);
	bool is_told = c->told == PAM_SUCCESS;
	if (!has_ended_well(k, c, PAM_SUCCESS))
		assert_true(is_told || c->told == SCENE_NOTHING);

	struct store_entry e = look_whole(s, &before);
	bool is_used = devices_recovery_left(&e) == left - 1;
	assert_true(is_used || (devices_recovery_left(&e) == left && !is_told));
	count(t, is_used, is_told);
	assert_int_equal(scene_login_unharmed(c, "alice", code),
	    is_used ? PAM_AUTH_ERR : PAM_SUCCESS);
	assert_int_equal(scene_login_unharmed(c, "alice", code), PAM_AUTH_ERR);
	expect_next_login(s, c);
	return k->has_struck;
}

/* What became of the tablet: not there (NULL), pending or active; and that what was told of
 * it is so. */
static const struct record_device *
find_tablet(const struct scene *c, struct store_entry *e)
{
	const struct record_device *d = e->has_record ?
	    record_find_name(&e->record, "tablet") : NULL;

	assert_true(c->told_first == 0 || c->told_first == SCENE_NOTHING);
	assert_true(c->told == 0 || c->told == SCENE_NOTHING);
	if (c->told_first == 0)
		assert_non_null(d);
	if (c->told == 0) {
		assert_int_equal(d->state, DEVICE_ACTIVE);
		assert_int_equal(e->health, STATE_WHOLE);
	}
	if (d != NULL && d->state == DEVICE_ACTIVE)
		assert_int_equal(state_find(&e->state, d->id)->last_step, world_clock() / 30);
	return d;
}

/* No code of the tablet gets in now: it is pending, or has consumed them by its activation. Then
 * the enrolment is run again, and it works. */
static void
enrol_again(struct stage *s, struct scene *c, const char *user, const struct record_device *d)
{
	char code[16] = "000000";
	bool is_active = d != NULL && d->state == DEVICE_ACTIVE;

	for (int i = -1; i <= 0; i++) {
		if (d != NULL)
			scene_code(s, user, "tablet", i, code);
		assert_int_equal(scene_login_unharmed(c, user, code), PAM_AUTH_ERR);
	}
	if (scene_enrol_unharmed(c, user) != (is_active ? E_EXISTS : 0))
		fail_msg("the next enrolment: %d, %d: %s", c->told_first, c->told, c->diag);
	scene_advance(1);
	scene_code(s, user, "tablet", 0, code);
	assert_int_equal(scene_login_unharmed(c, user, code), PAM_SUCCESS);
	if (!is_active)
		scene_expect_no_leftover(s, user, "alice");
}

/* The very first of a host: the store is an empty folder. */
static bool
kill_first_enrolment(struct stage *s, struct scene *c, struct strike *k, struct tally *t)
{
	scene_advance(4);
	scene_empty_store(s);
	scene_reset(c, "bob", "");
	strike_run(k);
	(void)has_ended_well(k, c, 0);

	struct store_entry e = stage_look(s, "bob");
	const struct record_device *d = find_tablet(c, &e);
	assert_true(!e.has_record || (e.record.device_count == 1 && d != NULL));
	/* A first record stands before its state, which is rebuilt then. */
	assert_true(!e.has_record || e.health == STATE_WHOLE || e.health == STATE_LOST);
	count(t, d != NULL && d->state == DEVICE_ACTIVE, c->told == 0);
	enrol_again(s, c, "bob", d);
	return k->has_struck;
}

/* A second device: the first one works all the time. */
static bool
kill_second_enrolment(struct stage *s, struct scene *c, struct strike *k, struct tally *t)
{
	static struct record base;
	char code[16];

	scene_advance(4);
	struct store_entry before = stage_look(s, "alice");
	if (base.device_count == 0)
		base = before.record;
	uint32_t next_id = before.record.next_id;
	before.record = base;
	before.record.next_id = next_id;
	stage_put(s, "alice", &before);
	scene_reset(c, "alice", "");
	strike_run(k);
	(void)has_ended_well(k, c, 0);

	struct store_entry e = stage_look(s, "alice");
	assert_int_equal(e.health, STATE_WHOLE);
	const struct record_device *d = find_tablet(c, &e);
	if (d == NULL)
		sample_expect_record(&e.record, &before.record);
	assert_int_equal(e.record.device_count, d == NULL ? 1 : 2);
	assert_int_equal(e.record.device[0].state, DEVICE_ACTIVE);
	count(t, d != NULL && d->state == DEVICE_ACTIVE, c->told == 0);
	scene_code(s, "alice", "phone", 0, code);
	assert_int_equal(scene_login_unharmed(c, "alice", code), PAM_SUCCESS);
	enrol_again(s, c, "alice", d);
	return k->has_struck;
}

static char admin[512];
static char key_file[128];

static void
be_quiet(void *ctx)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)ctx;
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(112);
}

static void
run_admin(void *ctx)
{
	const struct scene *c = ctx;
	char store[128];

	(void)snprintf(store, sizeof(store), "file:%s", c->stage->store);
	(void)execl(admin, admin, "--store", store, "--conf", c->stage->conf, "add", "--uid",
	    "4100", "--secret-file", key_file, "carol", "tablet", (char *)NULL);
	_exit(113);
}

static int
remove_record(struct store_entry *e, void *ctx, struct diag *d)
{
	(void)ctx, (void)d;
	e->has_record = false;
	return 0;
}

static bool
kill_import(struct stage *s, struct scene *c, struct strike *k, struct tally *t)
{
	struct strike again = { .prepare = be_quiet, .work = run_admin, .ctx = c };
	char code[16];

	struct store_entry e = stage_look(s, "carol");
	if (e.has_record)
		update(s, "carol", remove_record);
	scene_reset(c, "carol", "");
	strike_run(k);
	bool is_told = strike_has_exited(k, 0);
	assert_true(is_told != k->has_struck);

	e = stage_look(s, "carol");
	assert_true(!e.has_record || (e.record.device_count == 1 &&
	    e.record.device[0].state == DEVICE_ACTIVE &&
	    (e.health == STATE_WHOLE || e.health == STATE_LOST)));
	assert_true(e.has_record || !is_told);
	count(t, e.has_record, is_told);
	strike_run(&again);
	assert_true(strike_has_exited(&again, e.has_record ? ADMIN_EXISTS : 0));
	if (!e.has_record)
		scene_expect_no_leftover(s, "carol", "alice");
	/* Its clock is the machine's, whose steps it has burnt. */
	world_set_clock((uint64_t)(again.ended_s + 120));
	if (e.has_record && e.health == STATE_LOST) {
		/* The login that finds it burns its own code too; a later one is good. */
		scene_code(s, "carol", "tablet", 0, code);
		assert_int_equal(scene_login_unharmed(c, "carol", code), PAM_AUTH_ERR);
		world_set_clock((uint64_t)(again.ended_s + 240));
	}
	scene_code(s, "carol", "tablet", 0, code);
	assert_int_equal(scene_login_unharmed(c, "carol", code), PAM_SUCCESS);
	return k->has_struck;
}

/* --- the tests ------------------------------------------------------------------- */

static void
besiege(void **state, const char *what, round_fn *round, void (*prepare)(void *),
    void (*work)(void *))
{
	struct scene *c = scene_make(*state);
	static struct strike k;

	k = (struct strike){ .prepare = prepare, .work = work, .ctx = c };
	kill_at_each_call(*state, c, &k, what, round);
}

static void
test_login(void **state)
{
	besiege(state, "a login", kill_login, scene_prepare_login, scene_login);
}

static void
test_wrong_code(void **state)
{
	besiege(state, "a login with a wrong code", kill_wrong, scene_prepare_login, scene_login);
}

static void
test_recovery_code(void **state)
{
	besiege(state, "a login with a recovery code", kill_recovery, scene_prepare_login,
	    scene_login);
}

static void
test_first_enrolment(void **state)
{
	besiege(state, "the first enrolment", kill_first_enrolment, NULL, scene_enrol);
}

static void
test_second_enrolment(void **state)
{
	besiege(state, "the enrolment of a second device", kill_second_enrolment, NULL,
	    scene_enrol);
}

static void
test_import(void **state)
{
	struct stage *s = *state;
	const char *built = getenv("top_builddir");

	if (geteuid() != 0) /* totp-admin is root's */
		skip();
	assert_non_null(built);
	(void)snprintf(admin, sizeof(admin), "%s" ADMIN, built);
	(void)snprintf(key_file, sizeof(key_file), "%s/key", s->dir);
	stage_write(key_file, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n", 0600);
	world_add_account("carol", "carol", CAROL_UID);
	besiege(state, "totp-admin add", kill_import, be_quiet, run_admin);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_login, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_code, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_recovery_code, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_first_enrolment, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_second_enrolment, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_import, scene_setup, stage_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
