/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Logins for timing.py, which counts the instructions of each: through libpam and the shipped
 * module, one after the other, at one time. All that differs is which device and step the code
 * is of, who the user is, and what was recorded of him. Before each login a line
 * "# login: NAME" is printed; "-" is one that only makes ready for the next. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/login_stage.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])
#define DEVICES 8
#define WRONG DEVICES /* the code of no device */

/* As enrolled: no step of the last hour used, nothing failed. */
static struct store_entry fresh;

static const char *
code_of(const struct stage *s, unsigned device, int step)
{
	static char text[16];
	uint32_t code = 0;

	if (device == WRONG)
		return stage_wrong_code(s);
	const struct record_device *d = &fresh.record.device[device];
	uint64_t now = otp_step(&d->params, world_clock());
	assert_int_equal(otp_code(&d->params, &d->secret,
	    step < 0 ? now - (uint64_t)-step : now + (uint64_t)step, &code), 0);
	(void)snprintf(text, sizeof(text), "%06u", code);
	return text;
}

static int
log_in(struct stage *s, const char *name, const char *code)
{
	printf("# login: %s\n", name);
	(void)fflush(stdout);
	return stage_login(s, code);
}

static void
fail_often(struct stage *s)
{
	unsigned i = 0;

	while (log_in(s, "-", stage_wrong_code(s)) == PAM_AUTH_ERR)
		assert_true(++i <= 5);
}

static void
lock(struct stage *s)
{
	struct store_entry e = stage_look(s, "alice");

	e.state.is_locked = true;
	stage_put(s, "alice", &e);
}

static void
use_up(struct stage *s)
{
	struct store_entry e = stage_look(s, "alice");

	for (unsigned i = 0; i < DEVICES; i++)
		state_find(&e.state, e.record.device[i].id)->last_step =
		    otp_step(&e.record.device[i].params, world_clock()) + 1;
	stage_put(s, "alice", &e);
}

static const struct {
	const char *name;
	const char *user;
	unsigned device;
	int step;
	void (*prepare)(struct stage *s);
	int expected;
} logins[] = {
	/* These load libraries and fetch algorithms. */
	{ "-", "alice", WRONG, 0, NULL, PAM_AUTH_ERR },
	{ "-", "alice", 0, 0, NULL, PAM_SUCCESS },

	{ "accepted, device 1, this step", "alice", 0, 0, NULL, PAM_SUCCESS },
	{ "accepted, device 1, step before", "alice", 0, -1, NULL, PAM_SUCCESS },
	{ "accepted, device 1, next step", "alice", 0, 1, NULL, PAM_SUCCESS },
	{ "accepted, device 4, this step", "alice", 3, 0, NULL, PAM_SUCCESS },
	{ "accepted, device 8, this step", "alice", 7, 0, NULL, PAM_SUCCESS },
	{ "accepted, device 8, next step", "alice", 7, 1, NULL, PAM_SUCCESS },

	{ "refused, wrong", "alice", WRONG, 0, NULL, PAM_AUTH_ERR },
	{ "refused, used, device 1", "alice", 0, 0, use_up, PAM_AUTH_ERR },
	{ "refused, used, device 8", "alice", 7, 1, use_up, PAM_AUTH_ERR },
	{ "refused, one device, wrong", "carol", WRONG, 0, NULL, PAM_AUTH_ERR },
	{ "refused, throttled, wrong", "alice", WRONG, 0, fail_often, PAM_MAXTRIES },
	{ "refused, throttled, right", "alice", 0, 0, fail_often, PAM_MAXTRIES },
	{ "refused, locked, wrong", "alice", WRONG, 0, lock, PAM_MAXTRIES },
	{ "refused, locked, right", "alice", 7, 0, lock, PAM_MAXTRIES },
	{ "refused, no record", "bob", WRONG, 0, NULL, PAM_AUTH_ERR },
	{ "refused, no record, throttled", "bob", WRONG, 0, fail_often, PAM_MAXTRIES },
	{ "refused, no account", "mallory", WRONG, 0, NULL, PAM_AUTH_ERR },
};

static void
test_log_in(void **state)
{
	struct stage *s = *state;
	char name[16];

	for (unsigned i = 1; i < DEVICES; i++) {
		(void)snprintf(name, sizeof(name), "phone%u", i + 1);
		stage_enrol(s, "alice", STAGE_UID, name);
	}
	world_add_account("carol", "carol", STAGE_UID + 9);
	stage_enrol(s, "carol", STAGE_UID + 9, "phone");
	fresh = stage_look(s, "alice");
	assert_int_equal(fresh.record.device_count, DEVICES);
	for (unsigned i = 0; i < LEN(logins); i++) {
		struct store_entry e = stage_look(s, "alice");
		e.state = fresh.state;
		stage_put(s, "alice", &e);
		s->app.user = logins[i].user;
		if (logins[i].prepare != NULL)
			logins[i].prepare(s);
		s->forbidden_count = 0; /* the same codes again and again */
		assert_int_equal(log_in(s, logins[i].name,
		    code_of(s, logins[i].device, logins[i].step)), logins[i].expected);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_log_in, stage_setup, stage_teardown),
	};

	return cmocka_run_group_tests_name("time_login", tests, NULL, NULL);
}
