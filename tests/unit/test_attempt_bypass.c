/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The one-time code that an administrator hands to a user without a phone: once, in time, and
 * the same work for everybody whose answer has its shape. PKCS5_PBKDF2_HMAC is counted on its
 * way to libcrypto. */

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include <cmocka.h>

#include "support/attempt_fixture.h"

static unsigned derivations;

int
PKCS5_PBKDF2_HMAC(const char *pass, int passlen, const unsigned char *salt, int saltlen, int iter,
    const EVP_MD *digest, int keylen, unsigned char *out)
{
	int (*next)(const char *, int, const unsigned char *, int, int, const EVP_MD *, int,
	    unsigned char *) = NULL;

	*(void **)&next = dlsym(RTLD_NEXT, "PKCS5_PBKDF2_HMAC");
	derivations++;
	return next(pass, passlen, salt, saltlen, iter, digest, keylen, out);
}

static char text[RECOVERY_TEXT_CAP];

/* Give USER the bypass code `text` of that id, for an hour. */
static void
grant(uint32_t id)
{
	struct store_entry e = look();
	struct record_grant *g = &e.record.bypass;

	assert_int_equal(recovery_grant_make(g->salt, g->hash, text), 0);
	g->id = id;
	g->expires = NOW + 3600;
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
}

static void
it_works_once(void **unused)
{
	(void)unused;
	grant(1);
	struct store_entry before = look();
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_ACCEPTED);
	assert_true(result.has_used_bypass);
	assert_false(result.has_used_recovery);
	assert_string_equal(result.device, "");
	struct store_entry after = look();
	assert_int_equal(after.state.bypass_spent, 1);
	/* The devices are as they were. */
	assert_memory_equal(after.state.device, before.state.device, sizeof(after.state.device));
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_WRONG);
	assert_false(result.has_used_bypass);
	assert_int_equal(result.fails, 1);
	/* An old record brings it not back; a new grant is another one. */
	store_memory_put_record(store, &before.record);
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_WRONG);
	char old[RECOVERY_TEXT_CAP];
	memcpy(old, text, sizeof(old));
	grant(2);
	assert_int_equal(try_text(old, "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(look().state.bypass_spent, 2);
}

static void
it_works_in_time_only(void **unused)
{
	(void)unused;
	grant(1);
	assert_int_equal(try_text(text, "", NOW + 3600), ATTEMPT_WRONG);
	assert_int_equal(try_text(text, "", NOW + 3599), ATTEMPT_ACCEPTED);
}

static void
it_must_be_granted(void **unused)
{
	(void)unused;
	grant(1);
	struct store_entry e = look();
	e.record.ticket = e.record.bypass; /* a ticket logs nobody in */
	memset(&e.record.bypass, 0, sizeof(e.record.bypass));
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_WRONG);
	assert_int_equal(look().state.ticket_spent, 0);
}

static void
a_lost_state_voids_it(void **unused)
{
	(void)unused;
	grant(1);
	store_memory_lose_state(store, USER);
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_WRONG);
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_WRONG);
}

static void
it_ends_the_hard_stop_and_no_wait(void **unused)
{
	(void)unused;
	settings.throttle_after = 3;
	settings.lock_after = 3;
	grant(1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(try_text(wrong_code(), "192.0.2.7", NOW), ATTEMPT_WRONG);
	assert_true(look().state.is_locked);
	uint64_t epoch = look().state.session_epoch;
	assert_true(epoch > 0); /* the sessions of before the lock never count again */
	assert_int_equal(try_text(text, "192.0.2.7", NOW), ATTEMPT_THROTTLED);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_LOCKED);
	assert_int_equal(try_text("bbbbb-bbbbb-bbbbb-bbbbb", "", NOW), ATTEMPT_LOCKED);
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_ACCEPTED);
	assert_false(look().state.is_locked);
	assert_int_equal(look().state.session_epoch, epoch);
	assert_int_equal(try_text(code_at(0, NOW, 0), "", NOW), ATTEMPT_ACCEPTED);
}

static void
a_recovery_code_goes_on_beside_it(void **unused)
{
	struct recovery_sheet sheet;
	struct store_entry e = look();

	(void)unused;
	assert_int_equal(recovery_generate(1, &e.record.recovery, &sheet), 0);
	e.state.recovery_id = 1;
	assert_int_equal(store_replace(store, USER, &e.record, &e.state, &e.version, NULL), 0);
	grant(1);
	assert_int_equal(try_text(sheet.text[0], "", NOW), ATTEMPT_ACCEPTED);
	assert_true(result.has_used_recovery);
	assert_false(result.has_used_bypass);
	assert_int_equal(look().state.bypass_spent, 0);
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_ACCEPTED);
	assert_true(result.has_used_bypass);
	assert_false(result.has_used_recovery);
	assert_int_equal(look().state.recovery_spent, 1);
}

/* Whoever it is and whatever is stored: two derivations for the shape, none for a code. */
static void
everybody_costs_the_same(void **unused)
{
	static const char shape[] = "bbbbb-bbbbb-bbbbb-bbbbb";
	struct attempt_request decoy = { .user = "nobody-knows", .uid = 1, .source = "",
		.answer = { shape, sizeof(shape) - 1 }, .now_s = NOW, .is_decoy = true };

	(void)unused;
	settings.throttle_after = 1000;
	derivations = 0;
	try_text(shape, "", NOW); /* neither set nor grant */
	assert_int_equal(derivations, 2);
	grant(1);
	derivations = 0;
	try_text(shape, "", NOW);
	assert_int_equal(derivations, 2);
	derivations = 0;
	assert_int_equal(try_text(text, "", NOW), ATTEMPT_ACCEPTED);
	assert_int_equal(derivations, 2);
	derivations = 0;
	try_text(text, "", NOW); /* spent */
	assert_int_equal(derivations, 2);
	derivations = 0;
	assert_int_equal(attempt_run(&decoy, &settings, store, &result, NULL), ATTEMPT_UNENROLLED);
	assert_int_equal(derivations, 2);
	derivations = 0;
	try_text(wrong_code(), "", NOW);
	assert_int_equal(derivations, 0);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(it_works_once),
		CASE(it_works_in_time_only),
		CASE(it_must_be_granted),
		CASE(a_lost_state_voids_it),
		CASE(it_ends_the_hard_stop_and_no_wait),
		CASE(a_recovery_code_goes_on_beside_it),
		CASE(everybody_costs_the_same),
	};
	return cmocka_run_group_tests_name("attempt_bypass", tests, NULL, NULL);
}
