/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* login_line.c: what totp-helper writes of a decision or a verdict the module reads back equal,
 * and every line that is not exactly such a message denies. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "login_line.h"

/* The message as it comes out of a line. */
static void
send_over(struct message *m)
{
	char line[PROTOCOL_LINE_MAX + 1];
	size_t len = 0;

	assert_int_equal(message_print(m, line, sizeof(line), &len), 0);
	assert_int_equal(message_parse((struct span){ line, len - 1 }, m), 0);
}

static void
read_line(const char *line, struct message *m)
{
	assert_int_equal(message_parse((struct span){ line, strlen(line) }, m), 0);
}

static void
test_decisions(void **state)
{
	(void)state;
	for (int action = POLICY_DENY; action <= POLICY_ENROL; action++)
		for (int reason = POLICY_UNENROLLED; reason <= POLICY_ENROL_BY; reason++) {
			struct policy_decision p, got;
			struct message m;
			unsigned digits = 0;

			memset(&p, 0, sizeof(p));
			p.action = (enum policy_action)action;
			p.reason = (enum policy_reason)reason;
			p.until_s = UINT64_MAX - (unsigned)reason;
			p.days_left = (unsigned)action;
			memset(p.exemption, '%', sizeof(p.exemption) - 1);
			login_put_decision(&m, &p, 8);
			send_over(&m);
			assert_int_equal(login_take_decision(&m, &got, &digits), 0);
			assert_memory_equal(&got, &p, sizeof(p));
			assert_int_equal(digits, 8);
		}
}

#define DECISION "decision action=skip reason=grace until=9 days=1 exemption= digits=6"

static void
test_no_decisions(void **state)
{
	static const char *const lines[] = {
		"decision", "done exit=0 text=",
		"decision action=skip reason=grace until=9 days=1 exemption=",
		DECISION " more=1",
		"decisions action=skip reason=grace until=9 days=1 exemption= digits=6",
		"decision action=Skip reason=grace until=9 days=1 exemption= digits=6",
		"decision action= reason=grace until=9 days=1 exemption= digits=6",
		"decision action=skip reason=why until=9 days=1 exemption= digits=6",
		"decision action=skip reason=grace until=-1 days=1 exemption= digits=6",
		"decision action=skip reason=grace until=9 days=4294967296 exemption= digits=6",
		"decision action=skip reason=grace until=9 days=1 exemption= digits=5",
		"decision action=skip reason=grace until=9 days=1 exemption= digits=9",
	};
	struct policy_decision got;
	struct message m;
	unsigned digits = 0;

	(void)state;
	read_line(DECISION, &m);
	assert_int_equal(login_take_decision(&m, &got, &digits), 0);
	assert_int_equal(got.action, POLICY_SKIP);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		read_line(lines[i], &m);
		got.action = POLICY_SKIP;
		assert_int_equal(login_take_decision(&m, &got, &digits), E_INVALID);
		assert_int_equal(got.action, POLICY_DENY);
		assert_int_equal(digits, OTP_DIGITS_MIN);
	}
}

static struct attempt_result
full_result(enum attempt_verdict v)
{
	struct attempt_result r;

	memset(&r, 0, sizeof(r));
	r.verdict = v;
	memset(r.device, '=', sizeof(r.device) - 1);
	r.fails = UINT32_MAX;
	r.wait_s = 17;
	r.behind_s = 90;
	r.has_used_recovery = true;
	r.recovery_left = 7;
	r.has_used_bypass = true;
	r.has_rebuilt = true;
	r.has_locked = true;
	r.fails_elsewhere = 3;
	r.rotate_by = UINT64_MAX;
	r.must_rotate = true;
	return r;
}

static void
test_verdicts(void **state)
{
	(void)state;
	for (int v = ATTEMPT_FAILED; v <= ATTEMPT_BURNT; v++) {
		struct attempt_result r = full_result((enum attempt_verdict)v);
		struct attempt_result got = { .verdict = ATTEMPT_FAILED };
		struct message m;

		login_put_result(&m, &r, false);
		send_over(&m);
		assert_int_equal(login_take_result(&m, &got), 0);
		assert_memory_equal(&got, &r, sizeof(r));
		/* A verdict on one code is not told of another. */
		login_put_result(&m, &r, true);
		send_over(&m);
		assert_int_equal(login_take_result(&m, &got), 0);
		assert_int_equal(got.verdict == ATTEMPT_ACCEPTED, v == ATTEMPT_ACCEPTED);
		if (v == ATTEMPT_ACCEPTED) {
			assert_memory_equal(&got, &r, sizeof(r));
			continue;
		}
		assert_string_equal(got.device, "");
		assert_int_equal(got.wait_s + got.behind_s, 0);
		assert_int_not_equal(got.verdict, ATTEMPT_REUSED);
		assert_int_not_equal(got.verdict, ATTEMPT_UNENROLLED);
	}
}

static void
test_no_verdicts(void **state)
{
	static const char *const keys[] = { "word=", "device=", "fails=", "wait=", "behind=",
		"recovery=", "recovery-left=", "bypass=", "rebuilt=", "locked=", "elsewhere=",
		"rotate-by=", "must-rotate=" };
	const struct attempt_result r = full_result(ATTEMPT_ACCEPTED);
	struct attempt_result got;
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t len = strlen(keys[i]) - 1;

		login_put_result(&m, &r, false);
		assert_int_equal(strncmp(m.pair[i].key, keys[i], len), 0);
		/* A value that is none, then another key in its place. */
		memcpy(m.pair[i].value, "-1 x", sizeof("-1 x"));
		got.verdict = ATTEMPT_ACCEPTED;
		assert_int_equal(login_take_result(&m, &got), E_INVALID);
		assert_int_equal(got.verdict, ATTEMPT_FAILED);
		login_put_result(&m, &r, false);
		memcpy(m.pair[i].key, "other", sizeof("other"));
		assert_int_equal(login_take_result(&m, &got), E_INVALID);
	}
	login_put_result(&m, &r, false);
	message_add(&m, "more", "1");
	assert_int_equal(login_take_result(&m, &got), E_INVALID);
	login_put_result(&m, &r, false);
	memcpy(m.verb, "verdicts", sizeof("verdicts"));
	assert_int_equal(login_take_result(&m, &got), E_INVALID);
	assert_int_equal(got.verdict, ATTEMPT_FAILED);
}

static void
test_notices(void **state)
{
	struct attempt_result got = { .verdict = ATTEMPT_FAILED };
	struct record_notice n = { .at = 1700000000 };
	struct message m;

	(void)state;
	memset(n.text, '=', sizeof(n.text) - 1);
	for (unsigned i = 0; i < ATTEMPT_NOTICES_MAX; i++) {
		login_put_notice(&m, &n);
		send_over(&m);
		assert_int_equal(login_take_notice(&m, &got), 0);
		assert_int_equal(got.notice_count, i + 1);
		assert_int_equal(got.notice[i].at, n.at);
		assert_string_equal(got.notice[i].text, n.text);
	}
	assert_int_equal(login_take_notice(&m, &got), E_LIMIT);
	got.notice_count = 0;
	read_line("notice at=1 text=a%0Ab", &m);
	assert_int_equal(login_take_notice(&m, &got), E_INVALID);
	read_line("notice at=1", &m);
	assert_int_equal(login_take_notice(&m, &got), E_INVALID);
	assert_int_equal(got.notice_count, 0);
}

static void
test_arguments(void **state)
{
	static const char *const policy[] = { "unenrolled=skip", "grace_days=1", "groups=a,b",
		"enforce_after=2030-01-01" };
	static const char *const talk[] = { "prompt=x", "tries=3", "echo=yes", "feedback=none",
		"first_pass=append", "fail_delay=0", "max_age=900", "export_env=yes",
		"session_class=x", "session_source=yes", "issuer=x", "qr=ascii",
		"enrol_ticket=required", "max_devices=1" };
	static const char *const unfit[] = { "store=file:/x", "conf=/x", "window=3", "lock_after=9",
		"throttle_after=9", "throttle_delay=0", "notify=/x", "unenrolled", "",
		"unenrolledx=",
		"Unenrolled=skip", " unenrolled=skip" };

	(void)state;
	assert_int_equal(sizeof(policy) / sizeof(policy[0]), LOGIN_ARGUMENTS_MAX);
	for (size_t i = 0; i < sizeof(policy) / sizeof(policy[0]); i++)
		assert_int_equal(login_argument_kind(policy[i]), LOGIN_ARGUMENT_POLICY);
	for (size_t i = 0; i < sizeof(talk) / sizeof(talk[0]); i++)
		assert_int_equal(login_argument_kind(talk[i]), LOGIN_ARGUMENT_TALK);
	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++)
		assert_int_equal(login_argument_kind(unfit[i]), LOGIN_ARGUMENT_UNFIT);
}

/* A new key must be said to be of one kind or another; by default it refuses. */
static void
test_every_key(void **state)
{
	static const char *const unfit[] = { "store", "window", "throttle_after", "throttle_delay",
		"lock_after", "notify", "state_fallback" };

	(void)state;
	for (size_t i = 0; config_key_at(i) != NULL; i++) {
		char argument[64];
		bool is_unfit = false;

		(void)snprintf(argument, sizeof(argument), "%s=", config_key_at(i)->name);
		for (size_t k = 0; k < sizeof(unfit) / sizeof(unfit[0]); k++)
			is_unfit |= strcmp(config_key_at(i)->name, unfit[k]) == 0;
		if ((login_argument_kind(argument) == LOGIN_ARGUMENT_UNFIT) != is_unfit)
			fail_msg("%s: which kind of argument is it?", config_key_at(i)->name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_no_decisions),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_no_verdicts),
		cmocka_unit_test(test_notices),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
