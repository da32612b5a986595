/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Logins and enrolments whose system calls are refused: each in turn returns each error that
 * disks, quotas and limits give, once or from then on, or does half of what it was asked.
 * What comes of it is one of two (DESIGN section 2):
 *
 *  1. Success that is on the disk: read anew it is there, and none of the calls that put it
 *     there had failed (promise 5).
 *  2. A refusal that says why: libpam's caller is denied, and the log has a line with the
 *     reason; whoever enrols gets an error with words. What was there is whole (promise 6).
 *
 * Never a crash of the host, never PAM_IGNORE, never "unenrolled": the settings let people
 * without a device pass, so that an error taken for "no record" shows (promise 1). And
 * whatever it was, the next run works. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/wait.h>

#include "crash_scene.h"
#include "faults.h"
#include "support/store_sample.h"

static const int all_errors[] = { EIO, ENOSPC, EROFS, EDQUOT, EMFILE, ENOMEM, EINTR, 0 };
static const int one_error[] = { EIO, 0 };

/* Where the paths are those of another test that has them all. */
static const int *
few_errors(void)
{
	return faults_are_long() ? all_errors : one_error;
}

struct tally {
	unsigned strikes;
	unsigned succeeded; /* all the same */
};

/* One run with one strike and all checks. Returns whether it succeeded. */
typedef bool round_fn(struct stage *s, struct scene *c, struct strike *k);

static void
strike_once(struct stage *s, struct scene *c, struct strike *k, round_fn *round, struct tally *t)
{
	bool has_succeeded = round(s, c, k);

	assert_true(k->has_struck);
	t->strikes++;
	t->succeeded += has_succeeded;
}

/* Every call with every error, once and (EIO) for good, and what has bytes with half of
 * them. Only the end of the
 * process cannot be refused. */
static void
refuse_each_call(struct stage *s, struct scene *c, struct strike *k, const char *what,
    const int *errors, round_fn *round)
{
	struct tally t = { 0 };
	struct tally half = { 0 };
	static long call[STRIKE_CALLS_MAX];

	if (!strike_is_possible())
		skip();
	/* What there is to refuse is what an unharmed run calls. */
	k->kind = STRIKE_NOTHING;
	assert_true(round(s, c, k));
	unsigned count = k->call_count;
	memcpy(call, k->call, sizeof(call));
	for (k->at = 1; k->at <= count && !strike_is_the_end(call[k->at - 1]); k->at++) {
		k->kind = STRIKE_FAIL;
		for (unsigned i = 0; errors[i] != 0; i++) {
			k->error = errors[i];
			strike_once(s, c, k, round, &t);
		}
		k->kind = STRIKE_FAIL_ON;
		k->error = EIO;
		strike_once(s, c, k, round, &t);
		k->kind = STRIKE_SHORT;
		if (strike_has_bytes(call[k->at - 1]))
			strike_once(s, c, k, round, &half);
	}
	/* Halves are completed; of failures some matter and some do not. */
	assert_int_equal(half.succeeded, half.strikes);
	assert_true(half.strikes > 0 && t.succeeded > 0 && t.succeeded < t.strikes);
	faults_survived(t.strikes, "refused calls in %s: %u runs succeeded all the same", what,
	    t.succeeded);
	faults_survived(half.strikes, "reads and writes cut short in %s", what);
}

/* What to say of a run that went wrong. */
#define AT "strike %d at call %u (number %ld), error %d: "
#define WHERE (int)k->kind, k->at, k->at > 0 ? k->call[k->at - 1] : 0L, k->error

/* Whether the strike was the failure of a call that puts something on the disk. Reads and
 * writes that are interrupted are made again. */
static bool
has_lost_something(const struct strike *k)
{
	if (k->kind == STRIKE_NOTHING || k->kind == STRIKE_SHORT)
		return false;
	long call = k->call[k->at - 1];
	return strike_is_of_durability(call) && !(strike_has_bytes(call) && k->error == EINTR);
}

static void
expect_whole_process(const struct strike *k)
{
	if (!strike_has_exited(k, 0))
		fail_msg(AT "the host came to harm: status %#x", WHERE, (unsigned)k->status);
}

/* Obligation 2 of the head, for a login. */
static void
expect_denied(const struct scene *c, const struct strike *k)
{
	if (c->told == PAM_SUCCESS || c->told == PAM_IGNORE || c->told == SCENE_NOTHING)
		fail_msg(AT "told %d", WHERE, c->told);
	if (c->line_count == 0)
		fail_msg(AT "denied (%d) without a word in the log", WHERE, c->told);
	/* libpam has to tell the audit system of every acceptance, or takes it back. */
	if (strstr(c->line, "event=accept ") != NULL && strstr(c->line_after, "audit") != NULL)
		return;
	const char *why = strstr(c->line, "reason=");
	const char *error = strstr(c->line, " error=");
	bool is_clear = why != NULL && strstr(c->line, "unenrolled") == NULL &&
	    (strstr(c->line, "event=deny ") != NULL ||
		(strstr(c->line, "event=error ") != NULL && error != NULL &&
		    error[7] != '-' && error[7] != '\0' && error[7] != ' '));
	if (!is_clear)
		fail_msg(AT "denied (%d), and the log says: %s; %s", WHERE, c->told, c->line,
		    c->line_after);
}

static struct store_entry
look_whole(const struct stage *s, const struct strike *k, const struct store_entry *before)
{
	struct store_entry e = stage_look(s, "alice");

	if (!e.has_record || e.health != STATE_WHOLE)
		fail_msg(AT "the record or the state is not whole", WHERE);
	sample_expect_record(&e.record, &before->record);
	scene_expect_no_leftover(s, "alice", "bob");
	return e;
}

static void
expect_next_login(struct stage *s, struct scene *c, const struct strike *k)
{
	char code[16];

	scene_advance(1);
	scene_code(s, "alice", "phone", 0, code);
	if (scene_login_unharmed(c, "alice", code) != PAM_SUCCESS)
		fail_msg(AT "the next login fails: %d: %s", WHERE, c->told, c->line);
}

static bool
refuse_login(struct stage *s, struct scene *c, struct strike *k)
{
	char code[16];

	scene_advance(2);
	uint64_t step = world_clock() / 30;
	struct store_entry before = stage_look(s, "alice");
	scene_code(s, "alice", "phone", 0, code);
	scene_reset(c, "alice", code);
	strike_run(k);
	expect_whole_process(k);
	bool is_accepted = c->told == PAM_SUCCESS;
	if (!is_accepted)
		expect_denied(c, k);
	if (strstr(c->line, "reason=wrong") != NULL || strstr(c->line, "reason=reused") != NULL)
		fail_msg(AT "a right code is called something else: %s", WHERE, c->line);

	struct store_entry e = look_whole(s, k, &before);
	uint64_t last = e.state.device[0].last_step;
	if (last != step && last != before.state.device[0].last_step)
		fail_msg(AT "a step that nobody typed was consumed", WHERE);
	if (is_accepted && (last != step || has_lost_something(k)))
		fail_msg(AT "accepted, but not for good", WHERE);
	int expected = last == step ? PAM_AUTH_ERR : PAM_SUCCESS;
	if (scene_login_unharmed(c, "alice", code) != expected)
		fail_msg(AT "the same code again: %d, expected %d", WHERE, c->told, expected);
	expect_next_login(s, c, k);
	return is_accepted;
}

/* Success: it was counted, and told so. */
static bool
refuse_wrong(struct stage *s, struct scene *c, struct strike *k)
{
	scene_advance(2);
	struct store_entry before = stage_look(s, "alice");
	scene_reset(c, "alice", stage_wrong_code(s));
	strike_run(k);
	expect_whole_process(k);
	expect_denied(c, k);
	bool is_told = strstr(c->line, "reason=wrong") != NULL;
	struct store_entry e = look_whole(s, k, &before);
	if (e.state.fails > 1 || (is_told && (e.state.fails != 1 || has_lost_something(k))))
		fail_msg(AT "%u failures counted, told: %s", WHERE, e.state.fails, c->line);
	expect_next_login(s, c, k);
	return is_told;
}

/* Neither of the two steps of an enrolment gives a reason without words, or says that there
 * is nothing. Returns whether both worked. */
static bool
expect_reason(const struct scene *c, const struct strike *k)
{
	if (c->told_first == 0 && c->told == 0)
		return true;
	if (c->diag[0] == '\0' || c->told_first == E_NOENT || c->told == E_NOENT)
		fail_msg(AT "told %d, %d: %s", WHERE, c->told_first, c->told, c->diag);
	return false;
}

static bool
refuse_enrolment(struct stage *s, struct scene *c, struct strike *k, const char *user)
{
	char code[16];

	scene_reset(c, user, "");
	strike_run(k);
	expect_whole_process(k);
	bool has_succeeded = expect_reason(c, k);

	struct store_entry e = stage_look(s, user);
	const struct record_device *d = e.has_record ?
	    record_find_name(&e.record, "tablet") : NULL;
	bool is_active = d != NULL && d->state == DEVICE_ACTIVE;
	/* A first record stands before its state, which is rebuilt when it was refused. */
	bool is_fit = e.health == STATE_WHOLE || (e.health == STATE_LOST && c->told_first != 0);
	if ((e.has_record && !is_fit) || (c->told_first == 0 && d == NULL) ||
	    (has_succeeded && (!is_active || has_lost_something(k))))
		fail_msg(AT "told %d, %d, which is not what is stored", WHERE, c->told_first,
		    c->told);
	if (is_active)
		assert_int_equal(state_find(&e.state, d->id)->last_step, world_clock() / 30);

	int r = scene_enrol_unharmed(c, user);
	if (r != (is_active ? E_EXISTS : 0))
		fail_msg(AT "the next enrolment fails: %d: %s", WHERE, r, c->diag);
	scene_advance(1);
	scene_code(s, user, "tablet", 0, code);
	if (scene_login_unharmed(c, user, code) != PAM_SUCCESS)
		fail_msg(AT "the next login fails: %d: %s", WHERE, c->told, c->line);
	if (!is_active)
		scene_expect_no_leftover(s, user, "alice");
	return has_succeeded;
}

static bool
refuse_first_enrolment(struct stage *s, struct scene *c, struct strike *k)
{
	scene_advance(4);
	scene_empty_store(s);
	return refuse_enrolment(s, c, k, "bob");
}

static bool
refuse_second_enrolment(struct stage *s, struct scene *c, struct strike *k)
{
	static struct record base;

	scene_advance(4);
	struct store_entry before = stage_look(s, "alice");
	if (base.device_count == 0)
		base = before.record;
	uint32_t next_id = before.record.next_id;
	before.record = base;
	before.record.next_id = next_id;
	stage_put(s, "alice", &before);
	return refuse_enrolment(s, c, k, "alice");
}

/* --- the tests ------------------------------------------------------------------- */

static void
besiege(void **state, const char *what, const int *errors, round_fn *round, void (*prepare)(void *),
    void (*work)(void *))
{
	static struct strike k;

	stage_settings(*state, "unenrolled = skip\n");
	struct scene *c = scene_make(*state);
	k = (struct strike){ .prepare = prepare, .work = work, .ctx = c };
	refuse_each_call(*state, c, &k, what, errors, round);
}

static void
test_login(void **state)
{
	besiege(state, "a login", all_errors, refuse_login, scene_prepare_login, scene_login);
}

static void
test_wrong_code(void **state)
{
	besiege(state, "a login with a wrong code", few_errors(), refuse_wrong, scene_prepare_login,
	    scene_login);
}

static void
test_first_enrolment(void **state)
{
	besiege(state, "the first enrolment", few_errors(), refuse_first_enrolment, NULL,
	    scene_enrol);
}

static void
test_second_enrolment(void **state)
{
	besiege(state, "the enrolment of a second device", all_errors, refuse_second_enrolment,
	    NULL, scene_enrol);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_login, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_code, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_first_enrolment, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_second_enrolment, scene_setup, stage_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
