/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Logins at the same moment: 32 processes, each with the real libpam and the shipped module,
 * over one store on a disk. What DESIGN section 2 promises then:
 *
 *  1. One code, one login: of all that present it exactly one gets in (promise 2).
 *  2. Users do not contend: every right code of 32 users is accepted (promise 3).
 *  3. N guesses at once are N counted guesses, and no more are looked at than the throttle
 *     allows (promise 4).
 *  4. Somebody else's wrong codes do not stop a right one (promise 3).
 *
 * The clock stands still within a round. What was measured is printed as comments. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/throttle.h"
#include "crowd.h"

#define UNLIMITED "throttle_after = 1000\nlock_after = 1000\n"
#define HOME "192.0.2.7"
#define ALICE "alice", STAGE_UID

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

static void
all_give(struct crowd *c, const char *rhost, const char *answer)
{
	crowd_rest(c);
	for (unsigned i = 0; i < CROWD_LEN; i++)
		crowd_give(c, i, ALICE, rhost, answer);
}

static uint64_t
step_now(void)
{
	return world_clock() / 30;
}

static void
expect_last_step(const struct stage *s, uint64_t step)
{
	struct store_entry e = stage_look(s, "alice");

	assert_int_equal(e.health, STATE_WHOLE);
	assert_int_equal(e.state.device[0].last_step, step);
}

/* Promise 1, with nothing that limits tries. */
static void
test_one_code(void **state)
{
	struct stage *s = *state;
	unsigned accepted = 0, refused = 0, rounds = 200;

	stage_settings(s, UNLIMITED);
	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		advance(1);
		all_give(c, HOME, stage_code(s, "alice", 0));
		crowd_round(c);
		assert_int_equal(crowd_count(c, PAM_SUCCESS), 1);
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), CROWD_LEN - 1);
		expect_last_step(s, step_now());
		accepted += crowd_count(c, PAM_SUCCESS);
		refused += crowd_count(c, PAM_AUTH_ERR);
	}
	crowd_end(c);
	print_message("# %u rounds of %u logins with one code: %u accepted, %u refused\n", rounds,
	    CROWD_LEN, accepted, refused);
}

/* The same with the settings as they ship: the reuse of a code is counted. */
static void
test_one_code_as_shipped(void **state)
{
	struct stage *s = *state;
	unsigned rounds = 50;

	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		advance(2);
		all_give(c, HOME, stage_code(s, "alice", 0));
		crowd_round(c);
		assert_int_equal(crowd_count(c, PAM_SUCCESS), 1);
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), 5);
		assert_int_equal(crowd_count(c, PAM_MAXTRIES), CROWD_LEN - 6);
	}
	crowd_end(c);
	print_message("# %u rounds with the settings as shipped: each 1 accepted, 5 refused and "
		      "counted, %u throttled\n", rounds, CROWD_LEN - 6);
}

/* Three codes of the window at once: each at most once, and only forwards. */
static void
test_neighbours(void **state)
{
	struct stage *s = *state;
	unsigned accepted[3] = { 0 }, rounds = 60;

	stage_settings(s, UNLIMITED);
	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned round[3] = { 0 };
		unsigned highest = 0;
		advance(3);
		crowd_rest(c);
		for (unsigned k = 0; k < CROWD_LEN; k++)
			crowd_give(c, k, ALICE, HOME, stage_code(s, "alice", (int)(k % 3) - 1));
		crowd_round(c);
		for (unsigned k = 0; k < CROWD_LEN; k++)
			round[k % 3] += c->job[k].result == PAM_SUCCESS;
		for (unsigned k = 0; k < 3; k++) {
			assert_in_range(round[k], 0, 1);
			accepted[k] += round[k];
			if (round[k] == 1)
				highest = k;
		}
		/* The newest code of the three is newer than all that could have won. */
		assert_int_equal(highest, 2);
		expect_last_step(s, step_now() + 1);
	}
	crowd_end(c);
	print_message("# %u rounds with the codes of three steps: accepted %u, %u, %u\n", rounds,
	    accepted[0], accepted[1], accepted[2]);
}

/* Promise 2. */
static void
test_many_users(void **state)
{
	struct stage *s = *state;
	unsigned rounds = 100;
	char user[CROWD_LEN][16];

	for (unsigned i = 0; i < CROWD_LEN; i++) {
		(void)snprintf(user[i], sizeof(user[i]), "user%u", i);
		stage_enrol(s, user[i], STAGE_UID + 100 + i, "phone");
	}
	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		advance(1);
		crowd_rest(c);
		for (unsigned k = 0; k < CROWD_LEN; k++)
			crowd_give(c, k, user[k], STAGE_UID + 100 + k, HOME,
			    stage_code(s, user[k], 0));
		crowd_round(c);
		assert_int_equal(crowd_count(c, PAM_SUCCESS), CROWD_LEN);
	}
	crowd_end(c);
	print_message("# %u rounds of %u users with right codes: all %u accepted\n", rounds,
	    CROWD_LEN, rounds * CROWD_LEN);
}

/* The failures in the state: of the user, and of the source HOME. */
static unsigned
counted(const struct stage *s, unsigned *of_source)
{
	struct store_entry e = stage_look(s, "alice");
	uint64_t tag = 0;

	assert_int_equal(throttle_tag(HOME, NULL, &tag), 0);
	*of_source = 0;
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++)
		if (e.state.bucket[i].tag == tag)
			*of_source = e.state.bucket[i].fails;
	return e.state.fails;
}

/* Promise 3. */
static void
guess(struct stage *s, unsigned rounds, unsigned expected)
{
	unsigned of_source = 0, sum = 0, throttled = 0;

	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		/* Beyond the wait for five failures. */
		advance(2);
		all_give(c, HOME, stage_wrong_code(s));
		crowd_round(c);
		assert_int_equal(crowd_count(c, PAM_AUTH_ERR), expected);
		assert_int_equal(crowd_count(c, PAM_MAXTRIES), CROWD_LEN - expected);
		assert_int_equal(counted(s, &of_source), expected);
		assert_int_equal(of_source, expected);
		sum += of_source;
		throttled += crowd_count(c, PAM_MAXTRIES);
		/* A right code forgets them, and shows that nothing is blocked. */
		advance(2);
		assert_int_equal(crowd_login_alone(c, ALICE, HOME, stage_code(s, "alice", 0)),
		    PAM_SUCCESS);
		assert_int_equal(counted(s, &of_source), 0);
	}
	crowd_end(c);
	print_message("# %u rounds of %u wrong codes: %u counted, %u throttled\n", rounds,
	    CROWD_LEN, sum, throttled);
}

static void
test_guesses(void **state)
{
	stage_settings(*state, UNLIMITED);
	guess(*state, 100, CROWD_LEN);
}

static void
test_guesses_as_shipped(void **state)
{
	guess(*state, 100, 5);
}

/* Work: wrong codes until somebody says stop. */
static void
stream(struct crowd *c, struct job *j)
{
	while (!c->is_over) {
		crowd_login(c, j);
		j->count++;
		j->failed += j->result != PAM_AUTH_ERR && j->result != PAM_MAXTRIES;
	}
}

/* Work: wait until the stream flows, then log in once. */
static void
log_in_amid(struct crowd *c, struct job *j)
{
	while (c->job[1].result == CROWD_NOTHING)
		;
	crowd_login(c, j);
	c->is_over = true;
}

/* Promise 4. streams: how many send wrong codes; is_new: each round from new sources. */
static void
login_amid(struct stage *s, unsigned rounds, unsigned streams, bool is_new)
{
	unsigned accepted = 0, wrong = 0, failed = 0;

	struct crowd *c = crowd_start(s);
	for (unsigned i = 0; i < rounds; i++) {
		char rhost[32];
		advance(2);
		crowd_rest(c);
		(void)snprintf(rhost, sizeof(rhost), "198.51.100.%u", is_new ? i : 1);
		crowd_give(c, 0, ALICE, HOME, stage_code(s, "alice", 0))->work = log_in_amid;
		for (unsigned k = 1; k <= streams; k++)
			crowd_give(c, k, ALICE, rhost, stage_wrong_code(s))->work = stream;
		crowd_round(c);
		accepted += c->job[0].result == PAM_SUCCESS;
		for (unsigned k = 1; k <= streams; k++) {
			wrong += c->job[k].count;
			failed += c->job[k].failed;
		}
	}
	crowd_end(c);
	print_message("# %u rounds amid %u streams of wrong codes: %u accepted; %u wrong codes, "
		      "%u of them neither refused nor throttled but failed\n", rounds, streams,
	    accepted, wrong, failed);
	assert_int_equal(accepted, rounds);
}

static void
test_stream(void **state)
{
	login_amid(*state, 100, 1, false);
}

static void
test_streams(void **state)
{
	login_amid(*state, 100, CROWD_LEN - 1, false);
}

/* Nothing slows the stream: every wrong code is written. */
static void
test_counted_stream(void **state)
{
	stage_settings(*state, UNLIMITED);
	login_amid(*state, 100, 1, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_code, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_one_code_as_shipped, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_neighbours, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_many_users, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_guesses, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_guesses_as_shipped, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_streams, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_counted_stream, setup, stage_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
