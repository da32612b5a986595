/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What happens to the store while many log in: an administrator changes the record, a process
 * is killed. Logins are the shipped module's, changes are store_update's, as in totp-admin.
 *
 *  1. No update is lost: what the administrator was told to be done stays done, and a step
 *     that a login consumed stays consumed (DESIGN section 2, promises 2 and 6).
 *  2. Who is killed at any moment leaves no code that is accepted twice, no user who cannot
 *     log in with the next one, and no record that cannot be read or changed. */

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/enrolment.h"
#include "crowd.h"

#define UNLIMITED "throttle_after = 1000\nlock_after = 1000\n"
#define HOME "192.0.2.7"
#define ALICE "alice", STAGE_UID
#define WINDOW 1
#define CYCLES 4 /* of an administrator in one round: few enough for STORE_ROUNDS_MAX */
#define VICTIMS 4

typedef int change_function(struct store_entry *e, void *ctx, struct diag *d);

static int
setup(void **state)
{
	return stage_setup_below(state, "/var/tmp");
}

static void
advance(unsigned steps)
{
	world_set_clock(world_clock() + steps * UINT64_C(30));
}

static int
add_spare(struct store_entry *e, void *ctx, struct diag *d)
{
	struct otp_params params = OTP_PARAMS_DEFAULT;
	struct otp_secret secret;
	uint32_t id = 0;

	(void)ctx;
	int r = otp_secret_generate(params.algorithm, &secret);
	if (r == 0)
		r = enrolment_import(e, "spare", DEVICE_VIRTUAL, &params, &secret, 8, WINDOW,
		    world_clock(), &id, d);
	return r;
}

static int
set_state(struct store_entry *e, const char *name, enum device_state state)
{
	struct record_device *device = record_find_name(&e->record, name);

	if (device == NULL)
		return E_NOENT;
	device->state = state;
	return 0;
}

static int
disable_spare(struct store_entry *e, void *ctx, struct diag *d)
{
	(void)ctx, (void)d;
	return set_state(e, "spare", DEVICE_DISABLED);
}

static int
delete_spare(struct store_entry *e, void *ctx, struct diag *d)
{
	struct record_device *spare = record_find_name(&e->record, "spare");

	(void)ctx, (void)d;
	if (spare == NULL)
		return E_NOENT;
	record_remove_device(&e->record, spare, world_clock());
	return 0;
}

static int
disable_phone(struct store_entry *e, void *ctx, struct diag *d)
{
	(void)ctx, (void)d;
	return set_state(e, "phone", DEVICE_DISABLED);
}

static int
enable_phone(struct store_entry *e, void *ctx, struct diag *d)
{
	(void)ctx, (void)d;
	return set_state(e, "phone", DEVICE_ACTIVE);
}

/* One change, as a process of its own makes it. */
static int
change(const char *setting, change_function *how)
{
	struct store *store = NULL;

	int r = store_open(setting, NULL, &store, NULL);
	if (r == 0)
		r = store_update(store, "alice", world_clock(), how, NULL, NULL);
	store_close(store);
	return r;
}

/* Work: add, disable and delete a device, again and again. */
static void
administrate(struct crowd *c, struct job *j)
{
	static change_function *const verbs[] = { add_spare, disable_spare, delete_spare };

	for (unsigned i = 0; i < CYCLES; i++)
		for (unsigned k = 0; k < sizeof(verbs) / sizeof(verbs[0]); k++) {
			j->failed += change(c->store, verbs[k]) != 0;
			j->count++;
		}
}

/* Work: disable the device that the others log in with. */
static void
take_away(struct crowd *c, struct job *j)
{
	j->failed += change(c->store, disable_phone) != 0;
	j->count++;
}

static void
give_all(struct crowd *c, const struct stage *s, unsigned from, unsigned to)
{
	crowd_rest(c);
	for (unsigned i = from; i < to; i++)
		crowd_give(c, i, ALICE, HOME, stage_code(s, "alice", 0));
}

static const struct state_device *
phone_of(struct store_entry *e)
{
	const struct record_device *phone = record_find_name(&e->record, "phone");

	assert_non_null(phone);
	assert_int_equal(e->health, STATE_WHOLE);
	const struct state_device *sd = state_find(&e->state, phone->id);
	assert_non_null(sd);
	return sd;
}

/* Promise 1: changes of another device. */
static void
test_administration(void **state)
{
	struct stage *s = *state;
	unsigned rounds = 100, changes = 0, accepted = 0;

	stage_settings(s, UNLIMITED);
	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		struct store_entry before = stage_look(s, "alice");
		advance(1);
		give_all(c, s, 1, CROWD_LEN);
		crowd_give(c, 0, ALICE, "", "")->work = administrate;
		crowd_round(c);

		struct store_entry after = stage_look(s, "alice");
		assert_int_equal(c->job[0].failed, 0);
		assert_int_equal(after.record.next_id, before.record.next_id + CYCLES);
		assert_int_equal(after.record.device_count, 1);
		assert_int_equal(crowd_count(c, PAM_SUCCESS), 1);
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), CROWD_LEN - 2);
		assert_int_equal(phone_of(&after)->last_step, world_clock() / 30);
		changes += c->job[0].count;
		accepted += crowd_count(c, PAM_SUCCESS);
	}
	crowd_end(c);
	print_message("# %u rounds of %u logins with one code against %u changes of the record: "
		      "%u accepted, no change lost\n", rounds, CROWD_LEN - 1, changes, accepted);
}

/* Promise 1: the device itself is taken away. */
static void
test_disabled_meanwhile(void **state)
{
	struct stage *s = *state;
	unsigned rounds = 100, accepted = 0;

	stage_settings(s, UNLIMITED);
	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		advance(1);
		uint64_t step = world_clock() / 30;
		give_all(c, s, 1, CROWD_LEN);
		crowd_give(c, 0, ALICE, "", "")->work = take_away;
		crowd_round(c);
		assert_int_equal(c->job[0].failed, 0);
		unsigned now = crowd_count(c, PAM_SUCCESS);
		assert_in_range(now, 0, 1);
		accepted += now;

		struct store_entry e = stage_look(s, "alice");
		assert_int_equal(e.record.device[0].state, DEVICE_DISABLED);
		assert_true(now == 0 || phone_of(&e)->last_step == step);
		advance(1);
		assert_int_equal(crowd_login_alone(c, ALICE, HOME, stage_code(s, "alice", 0)),
		    PAM_AUTH_ERR);
		assert_int_equal(change(c->store, enable_phone), 0);
		advance(1);
		assert_int_equal(crowd_login_alone(c, ALICE, HOME, stage_code(s, "alice", 0)),
		    PAM_SUCCESS);
	}
	crowd_end(c);
	print_message("# %u rounds of %u logins while the device is disabled: %u accepted before "
		      "it was, none after\n", rounds, CROWD_LEN - 1, accepted);
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Start the victims, kill them after so long (0: let them end). Returns microseconds. */
static uint64_t
run_victims(struct crowd *c, uint64_t kill_us)
{
	pid_t pid[VICTIMS];

	c->may_start = false;
	for (unsigned i = 0; i < VICTIMS; i++)
		pid[i] = crowd_fork(c, &c->job[i]);
	uint64_t began = now_us();
	c->may_start = true;
	if (kill_us > 0) {
		struct timespec ts = { .tv_nsec = (long)kill_us * 1000 };
		(void)nanosleep(&ts, NULL);
		for (unsigned i = 0; i < VICTIMS; i++)
			assert_int_equal(kill(pid[i], SIGKILL), 0);
	}
	for (unsigned i = 0; i < VICTIMS; i++)
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
	return now_us() - began;
}

/* Entries of a folder of the store that are neither "." nor "..". */
static unsigned
count_files(const struct stage *s, const char *folder)
{
	unsigned count = 0;
	DIR *dir = opendir(stage_path(s, folder));

	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	assert_int_equal(closedir(dir), 0);
	return count;
}

/* Promise 2. */
static void
test_killed(void **state)
{
	struct stage *s = *state;
	unsigned rounds = 200, told = 0, silent = 0, again = 0, lost = 0;
	uint64_t whole_us = 0;

	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		uint16_t dice = 0;
		advance(1);
		give_all(c, s, 0, VICTIMS);
		c->job[0].work = administrate;
		/* Every tenth runs to its end, to know how long that takes now. The logins
		 * are over first, so early moments are drawn more often. */
		assert_int_equal(getentropy(&dice, sizeof(dice)), 0);
		uint64_t early = (uint64_t)dice * dice / UINT16_MAX;
		uint64_t us = i % 10 == 0 ? 0 : 1 + whole_us * early / UINT16_MAX;
		uint64_t took = run_victims(c, us);
		if (us == 0)
			whole_us = took < 900000 ? took : 900000;

		unsigned accepted = crowd_count(c, PAM_SUCCESS);
		for (unsigned k = 1; k < VICTIMS; k++)
			silent += c->job[k].result == CROWD_NOTHING;
		assert_in_range(accepted, 0, 1);
		int retry = crowd_login_alone(c, ALICE, HOME, stage_code(s, "alice", 0));
		assert_true(retry == PAM_AUTH_ERR || (retry == PAM_SUCCESS && accepted == 0));
		told += accepted;
		again += retry == PAM_SUCCESS;
		lost += retry != PAM_SUCCESS && accepted == 0;

		advance(1);
		assert_int_equal(crowd_login_alone(c, ALICE, HOME, stage_code(s, "alice", 0)),
		    PAM_SUCCESS);
		int r = change(c->store, delete_spare);
		assert_true(r == 0 || r == E_NOENT);
		struct store_entry e = stage_look(s, "alice");
		assert_int_equal(e.record.device_count, 1);
		(void)phone_of(&e);
	}
	crowd_end(c);
	print_message("# %u times %u processes killed: %u of the logins had no answer yet; the "
		      "code was accepted %u times before, %u times afterwards, never both; %u "
		      "times it was used up for nothing; files left: %u, %u\n", rounds, VICTIMS,
	    silent, told, again, lost, count_files(s, "secrets"), count_files(s, "state"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_administration, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_disabled_meanwhile, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, stage_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
