/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A user with a phone for the tests of attempt; the phone is otp_code, which test_otp
 * proves against the RFCs and oathtool. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "attempt_fixture.h"

struct settings settings;
struct store *store;
struct attempt_result result;

enum attempt_verdict
try_text(const char *answer, const char *source, uint64_t now_s)
{
	struct attempt_request q = {
		.user = USER,
		.uid = UID,
		.answer = { answer, answer == NULL ? 0 : strlen(answer) },
		.source = source,
		.now_s = now_s,
	};
	struct diag d = { "" };

	return attempt_run(&q, &settings, store, &result, &d);
}

struct store_entry
look(void)
{
	struct store_entry e;

	assert_int_equal(store_load(store, USER, &e, NULL), 0);
	return e;
}

const char *
code_at(unsigned index, uint64_t now_s, int offset)
{
	static char text[2][16];
	static unsigned turn;
	struct store_entry e = look();
	const struct record_device *d = &e.record.device[index];
	uint64_t step = otp_step(&d->params, now_s);
	uint32_t code = 0;
	char *out = text[turn++ & 1];

	step = offset < 0 ? step - (uint64_t)-offset : step + (uint64_t)offset;
	assert_int_equal(otp_code(&d->params, &d->secret, step, &code), 0);
	snprintf(out, sizeof(text[0]), "%0*u", (int)d->params.digits, code);
	return out;
}

const char *
wrong_code(void)
{
	static char text[16];
	struct store_entry e = look();

	for (uint32_t code = 0;; code++) {
		bool fits = false;
		for (unsigned i = 0; i < e.record.device_count; i++) {
			const struct record_device *d = &e.record.device[i];
			uint64_t mask = 0;
			assert_int_equal(otp_match(&d->params, &d->secret,
			    otp_step(&d->params, NOW) - 30, 61,
			    (struct otp_typed){ code, 6 }, &mask), 0);
			fits |= mask != 0;
		}
		if (fits)
			continue;
		snprintf(text, sizeof(text), "%06u", code);
		return text;
	}
}

void
add_device(const char *name, struct otp_params params)
{
	struct store_entry e;
	uint32_t id = 0;
	struct otp_secret secret;

	assert_int_equal(store_load(store, USER, &e, NULL), 0);
	if (!e.has_record)
		assert_int_equal(record_init(&e.record, USER, UID), 0);
	e.has_record = true;
	assert_int_equal(otp_secret_generate(params.algorithm, &secret), 0);
	assert_int_equal(enrolment_import(&e, name, DEVICE_VIRTUAL, &params, &secret, 8, 1,
	    NOW - 3600, &id, NULL), 0);
	e.state.saved_at = NOW - 3600;
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
}

int
fixture_setup(void **unused)
{
	(void)unused;
	config_defaults(&settings);
	store = store_memory_new();
	add_device("phone", OTP_PARAMS_DEFAULT);
	return 0;
}

int
fixture_teardown(void **unused)
{
	(void)unused;
	store_close(store);
	return 0;
}
