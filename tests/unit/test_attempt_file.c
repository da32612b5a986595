/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* One code, one login over the real file store, whatever happens to the state file after the
 * login: each of its bytes damaged, cut short, emptied, taken away. */

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
#include <unistd.h>

#include "core/store_file.h"
#include "support/attempt_fixture.h"
#include "support/store_sample.h"

static char folder[] = "/tmp/test_attempt_file.XXXXXX";
static char state_path[sizeof(folder) + 32];
static uint8_t used_state[STATE_FILE_LEN];
static char used_code[16];

static void
write_state(const uint8_t *bytes, size_t len)
{
	int fd = open(state_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

/* The code was used in the last login; the file is as that login left it. */
static int
file_setup(void **unused)
{
	(void)unused;
	assert_non_null(mkdtemp(folder));
	sample_make_store(folder);
	config_defaults(&settings);
	settings.throttle_after = 1000;
	settings.lock_after = 1000;
	assert_int_equal(store_file_open(folder, &store, NULL), 0);
	add_device("phone", OTP_PARAMS_DEFAULT);
	/* A login before it, so that the older slot is one that would accept the code. */
	assert_int_equal(try_text(code_at(0, NOW - 30, 0), "", NOW - 30), ATTEMPT_ACCEPTED);
	snprintf(used_code, sizeof(used_code), "%s", code_at(0, NOW, 0));
	assert_int_equal(try_text(used_code, "", NOW), ATTEMPT_ACCEPTED);

	snprintf(state_path, sizeof(state_path), "%s/state/%s", folder, USER);
	int fd = open(state_path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, used_state, sizeof(used_state)), sizeof(used_state));
	assert_int_equal(close(fd), 0);
	return 0;
}

static int
file_teardown(void **unused)
{
	char command[sizeof(folder) + 16];

	(void)unused;
	store_close(store);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* The used code opens nothing, neither now nor in the next step, and the user gets in with the
 * first code that the damage cannot have hidden. */
static void
expect_no_replay(const char *what, size_t at)
{
	enum attempt_verdict now = try_text(used_code, "", NOW);
	enum attempt_verdict soon = try_text(used_code, "", NOW + 30);

	if (now == ATTEMPT_ACCEPTED || soon == ATTEMPT_ACCEPTED || now == ATTEMPT_FAILED)
		fail_msg("%s %zu: verdicts %d and %d", what, at, (int)now, (int)soon);
	enum attempt_verdict next = try_text(code_at(0, NOW + 120, 0), "", NOW + 120);
	if (next != ATTEMPT_ACCEPTED)
		fail_msg("%s %zu: the later code is refused: %d", what, at, (int)next);
}

static void
any_bit_of_the_state_flipped(void **unused)
{
	uint8_t bad[STATE_FILE_LEN];

	(void)unused;
	for (size_t i = 0; i < sizeof(bad); i++) {
		memcpy(bad, used_state, sizeof(bad));
		bad[i] ^= (uint8_t)(1u << i % 8);
		write_state(bad, sizeof(bad));
		expect_no_replay("byte", i);
	}
}

static void
the_state_cut_short(void **unused)
{
	static const size_t lengths[] = { 0, 1, 511, 512, 513, 1023 };

	(void)unused;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		write_state(used_state, lengths[i]);
		expect_no_replay("length", lengths[i]);
	}
}

static void
one_slot_zeroed_or_doubled(void **unused)
{
	uint8_t bad[STATE_FILE_LEN];

	(void)unused;
	for (size_t slot = 0; slot < 2; slot++) {
		memcpy(bad, used_state, sizeof(bad));
		memset(bad + slot * STATE_SLOT_LEN, 0, STATE_SLOT_LEN);
		write_state(bad, sizeof(bad));
		expect_no_replay("zeroed slot", slot);
		memcpy(bad, used_state, sizeof(bad));
		memcpy(bad + slot * STATE_SLOT_LEN, used_state + (1 - slot) * STATE_SLOT_LEN,
		    STATE_SLOT_LEN);
		write_state(bad, sizeof(bad));
		expect_no_replay("doubled slot", slot);
	}
}

static void
the_state_taken_away(void **unused)
{
	(void)unused;
	assert_int_equal(unlink(state_path), 0);
	expect_no_replay("no file", 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_bit_of_the_state_flipped),
		cmocka_unit_test(the_state_cut_short),
		cmocka_unit_test(one_slot_zeroed_or_doubled),
		cmocka_unit_test(the_state_taken_away),
	};
	return cmocka_run_group_tests_name("attempt_file", tests, file_setup, file_teardown);
}
