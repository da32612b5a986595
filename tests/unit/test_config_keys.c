/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The table of settings: its rows, its defaults, and for every kind of value both ends of
 * its range and what lies outside; and the shipped example. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/config_text.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])

static const struct config_who sshd = {.service = "sshd"};

static void
test_defaults(void **state)
{
	struct settings s;

	(void)state;
	memset(&s, 0xa5, sizeof s);
	config_defaults(&s);
	assert_string_equal(s.store, DEFAULT_STORE);
	assert_string_equal(s.prompt, "MFA code: ");
	assert_string_equal(s.issuer, "");
	assert_int_equal(s.window, 1);
	assert_int_equal(s.tries, 1);
	assert_false(s.echo);
	assert_int_equal(s.feedback, FEEDBACK_FULL);
	assert_int_equal(s.first_pass, FIRST_PASS_NO);
	assert_int_equal(s.unenrolled, UNENROLLED_DENY);
	assert_int_equal(s.grace_days, 35);
	assert_int_equal(s.enforce_after_s, 0);
	assert_string_equal(s.groups, "");
	assert_int_equal(s.max_age_s, 0);
	assert_string_equal(s.session_class, "");
	assert_false(s.session_source);
	assert_false(s.export_env);
	assert_int_equal(s.enrol_ticket, ENROL_TICKET_OPTIONAL);
	assert_int_equal(s.qr, CONFIG_QR_UTF8);
	assert_string_equal(s.notify, "");
	assert_string_equal(s.state_fallback, "");
	assert_int_equal(s.max_devices, 8);
	assert_int_equal(s.throttle_after, 5);
	assert_int_equal(s.throttle_delay_s, 30);
	assert_int_equal(s.lock_after, 100);
	assert_int_equal(s.fail_delay_ms, 2000);
}

static void
test_table(void **state)
{
	static const char *const names[] = {"store", "state_fallback", "prompt", "issuer",
	    "window", "tries", "echo",
	    "feedback", "first_pass", "unenrolled", "grace_days", "enforce_after", "groups",
	    "max_age", "session_class", "session_source", "export_env", "enrol_ticket", "qr",
	    "notify", "max_devices", "throttle_after", "throttle_delay", "lock_after",
	    "fail_delay"};

	(void)state;
	for (size_t i = 0; i < LEN(names); i++) {
		const struct config_key *key = config_key_at(i);
		assert_non_null(key);
		assert_string_equal(key->name, names[i]);
		assert_true(strlen(key->range) > 0);
		assert_true(strlen(key->help) > 0);
	}
	assert_null(config_key_at(LEN(names)));
	assert_null(config_key_at(SIZE_MAX));
}

/* Every number: both ends are taken and stored, one past either end is refused. */
static void
test_numbers(void **state)
{
	static const struct {
		const char *key;
		unsigned min, max;
		size_t offset;
	} cases[] = {
	    {"window", 0, 3, offsetof(struct settings, window)},
	    {"tries", 1, 5, offsetof(struct settings, tries)},
	    {"grace_days", 1, 365, offsetof(struct settings, grace_days)},
	    {"max_devices", 1, 8, offsetof(struct settings, max_devices)},
	    {"throttle_after", 1, 1000, offsetof(struct settings, throttle_after)},
	    {"throttle_delay", 0, 3600, offsetof(struct settings, throttle_delay_s)},
	    {"lock_after", 1, 1000, offsetof(struct settings, lock_after)},
	    {"fail_delay", 0, 10000, offsetof(struct settings, fail_delay_ms)},
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const unsigned tried[] = {
		    cases[i].min, cases[i].max, cases[i].max + 1, cases[i].min - 1};
		for (size_t j = 0; j < LEN(tried); j++) {
			struct settings s;
			struct diag d;
			char text[64], message[128];
			(void)snprintf(text, sizeof text, "%s = %u\n", cases[i].key, tried[j]);
			(void)snprintf(message, sizeof message,
			    "f:1: %s: expected %u..%u, got \"%u\"", cases[i].key, cases[i].min,
			    cases[i].max, tried[j]);
			if (j >= 2) {
				config_text_refused(text, message);
				continue;
			}
			unsigned got = UINT32_MAX;
			assert_int_equal(config_text_parse(text, NULL, &s, &d), 0);
			memcpy(&got, (const char *)&s + cases[i].offset, sizeof got);
			assert_int_equal(got, tried[j]);
		}
	}
}

static void
test_number_forms(void **state)
{
	(void)state;
	config_text_refused("window = +1\n", "f:1: window: expected 0..3, got \"+1\"");
	config_text_refused("window = -1\n", "f:1: window: expected 0..3, got \"-1\"");
	config_text_refused("window = 01\n", "f:1: window: expected 0..3, got \"01\"");
	config_text_refused("window = 1 2\n", "f:1: window: expected 0..3, got \"1 2\"");
	config_text_refused(
	    "window = 1 # steps\n", "f:1: window: expected 0..3, got \"1 # steps\"");
	config_text_refused("window = 0x1\n", "f:1: window: expected 0..3, got \"0x1\"");
	config_text_refused("window =\n", "f:1: window: expected 0..3, got \"\"");
	config_text_refused("window = \" 1\"\n", "f:1: window: expected 0..3, got \" 1\"");
	config_text_refused("window = 18446744073709551617\n",
	    "f:1: window: expected 0..3, got \"18446744073709551617\"");
}

static void
test_words(void **state)
{
	struct settings s;

	(void)state;
	config_text_accepted("echo = yes\nfeedback = none\nunenrolled = skip\n", &s);
	assert_true(s.echo);
	assert_int_equal(s.feedback, FEEDBACK_NONE);
	assert_int_equal(s.unenrolled, UNENROLLED_SKIP);
	config_text_accepted("echo = no\nfeedback = full\nunenrolled = deny\n", &s);
	assert_false(s.echo);
	assert_int_equal(s.feedback, FEEDBACK_FULL);
	assert_int_equal(s.unenrolled, UNENROLLED_DENY);
	config_text_accepted("first_pass = no\n", &s);
	assert_int_equal(s.first_pass, FIRST_PASS_NO);
	config_text_accepted("first_pass = try\n", &s);
	assert_int_equal(s.first_pass, FIRST_PASS_TRY);
	config_text_accepted("first_pass = use\n", &s);
	assert_int_equal(s.first_pass, FIRST_PASS_USE);
	config_text_accepted("first_pass = append\n", &s);
	assert_int_equal(s.first_pass, FIRST_PASS_APPEND);
	config_text_accepted("session_source = yes\nexport_env = yes\n", &s);
	assert_true(s.session_source);
	assert_true(s.export_env);
	config_text_refused("echo = true\n", "f:1: echo: expected no | yes, got \"true\"");
	config_text_refused("echo = YES\n", "f:1: echo: expected no | yes, got \"YES\"");
	config_text_refused("echo = |\n", "f:1: echo: expected no | yes, got \"|\"");
	config_text_refused("echo = no | yes\n", "f:1: echo: expected no | yes, got \"no | yes\"");
	config_text_refused("echo =\n", "f:1: echo: expected no | yes, got \"\"");
	config_text_refused("unenrolled = ski\n",
	    "f:1: unenrolled: expected deny | enroll | skip | grace, got \"ski\"");
	config_text_accepted("unenrolled = enroll\nenrol_ticket = required\n", &s);
	assert_int_equal(s.unenrolled, UNENROLLED_ENROLL);
	assert_int_equal(s.enrol_ticket, ENROL_TICKET_REQUIRED);
	config_text_accepted("unenrolled = grace\nenrol_ticket = optional\n", &s);
	assert_int_equal(s.unenrolled, UNENROLLED_GRACE);
	assert_int_equal(s.enrol_ticket, ENROL_TICKET_OPTIONAL);
	config_text_refused("enrol_ticket = yes\n",
	    "f:1: enrol_ticket: expected optional | required, got \"yes\"");
	config_text_accepted("qr = ascii\n", &s);
	assert_int_equal(s.qr, CONFIG_QR_ASCII);
	config_text_accepted("qr = none\n", &s);
	assert_int_equal(s.qr, CONFIG_QR_NONE);
	config_text_refused("qr = auto\n", "f:1: qr: expected utf8 | ascii | none, got \"auto\"");
	config_text_refused("feedback = 1\n", "f:1: feedback: expected full | none, got \"1\"");
	config_text_refused(
	    "first_pass = yes\n", "f:1: first_pass: expected no | try | use | append, got \"yes\"");
}

/* 0 and the range, with nothing between them. */
static void
test_max_age(void **state)
{
	static const char *const good[] = {"0", "900", "901", "129600"};
	static const char *const bad[] = {
	    "", "1", "899", "129601", "-1", "00", "0900", "15m", "0 or 900", "4294967296"};
	struct settings s;

	(void)state;
	for (size_t i = 0; i < LEN(good); i++) {
		char text[64];
		(void)snprintf(text, sizeof text, "max_age = %s\n", good[i]);
		config_text_accepted(text, &s);
		(void)snprintf(text, sizeof text, "%u", s.max_age_s);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < LEN(bad); i++) {
		char text[64], message[128];
		(void)snprintf(text, sizeof text, "max_age = %s\n", bad[i]);
		(void)snprintf(message, sizeof message,
		    "f:1: max_age: expected 0 or 900..129600, got \"%s\"", bad[i]);
		config_text_refused(text, message);
	}
}

/* The form of a day is test_date's; here that the whole value must be one. */
static void
test_enforce_after(void **state)
{
	static const char *const bad[] = {"2026-12-1", "2026-02-30", "01.12.2026", "0", "today",
	    "2026-12-01T00:00:00Z", "1969-12-31", "2026-12-01 "};
	struct settings s;

	(void)state;
	config_text_accepted("enforce_after = 2026-12-01\n", &s);
	assert_int_equal(s.enforce_after_s, UINT64_C(1796083200));
	config_text_accepted("enforce_after = \"2026-12-01\"\n", &s);
	assert_int_equal(s.enforce_after_s, UINT64_C(1796083200));
	config_text_accepted("enforce_after = \n", &s);
	assert_int_equal(s.enforce_after_s, 0);
	config_text_accepted("enforce_after = \"\"\n", &s);
	assert_int_equal(s.enforce_after_s, 0);
	for (size_t i = 0; i < LEN(bad); i++) {
		char text[64], message[128];
		(void)snprintf(text, sizeof text, "enforce_after = \"%s\"\n", bad[i]);
		(void)snprintf(message, sizeof message,
		    "f:1: enforce_after: expected YYYY-MM-DD or empty, got \"%s\"", bad[i]);
		config_text_refused(text, message);
	}
}

static void
test_groups(void **state)
{
	static const char *const good[] = {"", "wheel", "wheel,adm", "wheel , adm", "wheel adm",
	    ",wheel,,", "CORP\\admins", "svc$", "a@b.c", "_x", "a b c d e f g h i j k l m n o p"};
	static const char *const bad[] = {",", "\" \"", ", ,", "-wheel", "whe el,-x", "a;b",
	    "wh/eel", "a:b", "caf\303\251", "a b c d e f g h i j k l m n o p q"};
	struct settings s;
	struct diag d;
	char text[400];

	(void)state;
	for (size_t i = 0; i < LEN(good); i++) {
		(void)snprintf(text, sizeof text, "groups = %s\n", good[i]);
		config_text_accepted(text, &s);
		assert_string_equal(s.groups, good[i]);
	}
	config_text_accepted("groups = wheel\t,adm\n", &s);
	assert_string_equal(s.groups, "wheel ,adm");
	for (size_t i = 0; i < LEN(bad); i++) {
		(void)snprintf(text, sizeof text, "groups = %s\n", bad[i]);
		if (config_text_parse(text, NULL, &s, &d) != E_INVALID)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(d.text, "f:1: groups: expected 0..16 group names, got"));
		assert_true(config_text_is_zero(&s));
	}
	/* 64 bytes are a name, 65 are not; all fit 255 bytes or are refused. */
	for (int len = 64; len <= 65; len++) {
		(void)snprintf(text, sizeof text, "groups = %0*d\n", len, 0);
		assert_int_equal(
		    config_text_parse(text, NULL, &s, &d), len == 64 ? 0 : E_INVALID);
	}
	for (int last = 60; last <= 61; last++) {
		(void)snprintf(
		    text, sizeof text, "groups = %064d,%064d,%064d,%0*d\n", 0, 0, 0, last, 0);
		assert_int_equal(
		    config_text_parse(text, NULL, &s, &d), last == 60 ? 0 : E_INVALID);
	}
}

static void
test_notify(void **state)
{
	static const char *const bad[] = {
	    "notify", "./x", "/", "/usr/bin/", "http://x", "/a\033[2J", " /x"};
	struct settings s;
	struct diag d;
	char text[400];

	(void)state;
	config_text_accepted("notify = /usr/local/sbin/mfa-notify\n", &s);
	assert_string_equal(s.notify, "/usr/local/sbin/mfa-notify");
	config_text_accepted("notify =\n", &s);
	assert_string_equal(s.notify, "");
	for (size_t i = 0; i < LEN(bad); i++) {
		(void)snprintf(text, sizeof text, "notify = \"%s\"\n", bad[i]);
		if (config_text_parse(text, NULL, &s, &d) != E_INVALID)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(d.text, "expected /PROGRAM or empty, got"));
	}
	for (int len = 255; len <= 256; len++) {
		(void)snprintf(text, sizeof text, "notify = /%0*d\n", len - 1, 0);
		assert_int_equal(
		    config_text_parse(text, NULL, &s, &d), len == 255 ? 0 : E_INVALID);
	}
}

static void
test_class(void **state)
{
	static const char *const bad[] = {"Login", "a b", "a,b", "a/b", "a=b", "\303\244"};
	struct settings s;
	struct diag d;
	char text[200];

	(void)state;
	config_text_accepted("session_class = login-2_x.y\n", &s);
	assert_string_equal(s.session_class, "login-2_x.y");
	config_text_accepted("session_class =\n", &s);
	assert_string_equal(s.session_class, "");
	for (size_t i = 0; i < LEN(bad); i++) {
		(void)snprintf(text, sizeof text, "session_class = \"%s\"\n", bad[i]);
		if (config_text_parse(text, NULL, &s, &d) != E_INVALID)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(d.text, "expected 0..64 of a-z 0-9 . _ -, got"));
	}
	for (int len = 64; len <= 65; len++) {
		(void)snprintf(text, sizeof text, "session_class = %0*d\n", len, 0);
		assert_int_equal(
		    config_text_parse(text, NULL, &s, &d), len == 64 ? 0 : E_INVALID);
	}
}

static void
test_store(void **state)
{
	struct settings s;
	char text[400];

	(void)state;
	config_text_accepted("store = file:/srv/mfa\n", &s);
	assert_string_equal(s.store, "file:/srv/mfa");
	config_text_accepted("store = \"file:/srv/a b\"\n", &s);
	assert_string_equal(s.store, "file:/srv/a b");
	static const char *const bad[] = {
	    "", "/srv", "file:", "file:/", "file:srv", "File:/srv", "etcd:/x", "file:/a\033[2J"};
	for (size_t i = 0; i < LEN(bad); i++) {
		struct diag d;
		(void)snprintf(text, sizeof text, "store = %s\n", bad[i]);
		assert_int_equal(config_text_parse(text, NULL, &s, &d), E_INVALID);
		assert_non_null(strstr(d.text, "expected file:/DIRECTORY, got"));
	}
	/* 255 bytes fit, 256 do not. */
	for (int len = 255; len <= 256; len++) {
		struct diag d;
		(void)snprintf(text, sizeof text, "store = file:/%0*d\n", len - 6, 0);
		int r = config_text_parse(text, NULL, &s, &d);
		assert_int_equal(r, len == 255 ? 0 : E_INVALID);
	}
}

static void
test_text(void **state)
{
	struct settings s;
	char text[400];

	(void)state;
	config_text_accepted("prompt = Code\n", &s);
	assert_string_equal(s.prompt, "Code");
	config_text_accepted("\t prompt \t=\t  Code:  \t\n", &s);
	assert_string_equal(s.prompt, "Code:");
	config_text_accepted("prompt = \"  Code #1 = \"\n", &s);
	assert_string_equal(s.prompt, "  Code #1 = ");
	config_text_accepted(
	    "prompt = Sicherheitsschl\303\274ssel \342\202\254 \360\237\224\221:\n", &s);
	assert_string_equal(s.prompt, "Sicherheitsschl\303\274ssel \342\202\254 \360\237\224\221:");
	config_text_accepted("issuer =\n", &s);
	assert_string_equal(s.issuer, "");
	config_text_accepted("issuer = \"\"\n", &s);
	assert_string_equal(s.issuer, "");
	config_text_refused("prompt =\n", "f:1: prompt: expected text of 1..200 bytes, got \"\"");
	config_text_refused(
	    "prompt = \"\"\n", "f:1: prompt: expected text of 1..200 bytes, got \"\"");
	config_text_refused("issuer = a:b\n", "f:1: issuer: expected text of 0..64 bytes without "
					      "':', got \"a:b\"");
	static const struct {
		const char *key;
		int max;
	} limits[] = {{"prompt", 200}, {"issuer", 64}};
	for (size_t i = 0; i < LEN(limits); i++) {
		for (int over = 0; over <= 1; over++) {
			struct diag d;
			(void)snprintf(text, sizeof text, "%s = %0*d\n", limits[i].key,
			    limits[i].max + over, 0);
			assert_int_equal(
			    config_text_parse(text, NULL, &s, &d), over == 0 ? 0 : E_INVALID);
		}
	}
}

/* Nothing that acts on a terminal, and nothing that is not UTF-8, becomes a prompt. */
static void
test_text_bytes(void **state)
{
	static const char *const bad[] = {"\033[2J", "a\tb", "\b", "\177",
	    "\302\205",                                         /* U+0085, C1 */
	    "\302\237",                                         /* U+009F, C1 */
	    "\342\200\250",                                     /* U+2028 */
	    "\342\200\251",                                     /* U+2029 */
	    "\200", "\377",                                     /* no lead byte */
	    "\303",                                             /* cut short */
	    "\342\202", "\360\237\224", "\303(",                /* no continuation */
	    "\300\257",                                         /* overlong '/' */
	    "\340\200\257", "\360\200\200\257", "\355\240\200", /* surrogate */
	    "\364\220\200\200",                                 /* past U+10FFFF */
	    "\370\210\200\200\200"};
	static const char *const good[] = {" ", "~", "\302\240", "\337\277", "\340\240\200",
	    "\355\237\277", "\356\200\200", "\357\277\275", "\360\220\200\200", "\364\217\277\277"};
	struct settings s;
	struct diag d;
	char text[64];

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		(void)snprintf(text, sizeof text, "prompt = x%sx\n", bad[i]);
		if (config_text_parse(text, NULL, &s, &d) == 0)
			fail_msg("accepted: row %zu", i);
		(void)snprintf(text, sizeof text, "issuer = \"%s\"\n", bad[i]);
		if (config_text_parse(text, NULL, &s, &d) == 0)
			fail_msg("accepted: issuer row %zu", i);
	}
	for (size_t i = 0; i < LEN(good); i++) {
		(void)snprintf(text, sizeof text, "prompt = \"%s\"\n", good[i]);
		config_text_accepted(text, &s);
		assert_string_equal(s.prompt, good[i]);
	}
	/* The text ends within a sequence, and so does its memory: a sanitizer sees a byte too
	 * many being read. */
	static const char cut[] = "prompt = x\303";
	char *exact = malloc(sizeof cut - 1);
	assert_non_null(exact);
	memcpy(exact, cut, sizeof cut - 1);
	config_defaults(&s);
	int r = config_parse_file(exact, sizeof cut - 1, "f", NULL, &s, &d);
	free(exact);
	assert_int_equal(r, E_INVALID);
}

/* The shipped example: as it stands it changes nothing; with its "#key = value" lines
 * taken in it names every key once, with its default. */
static void
test_example(void **state)
{
	static char text[CONFIG_FILE_MAX], taken[CONFIG_FILE_MAX];
	const char *srcdir = getenv("top_srcdir");
	char path[4096];
	struct settings s, defaults;
	struct diag d;
	struct bytes_reader reader;
	struct span line;
	size_t at = 0, keys = 0;

	(void)state;
	(void)snprintf(
	    path, sizeof path, "%s/examples/pam_totp.conf", srcdir != NULL ? srcdir : ".");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t len = read(fd, text, sizeof text);
	assert_int_equal(close(fd), 0);
	assert_true(len > 0 && (size_t)len < sizeof text);
	config_defaults(&defaults);
	config_defaults(&s);
	if (config_parse_file(text, (size_t)len, path, &sshd, &s, &d) != 0)
		fail_msg("%s", d.text);
	assert_memory_equal(&s, &defaults, sizeof s);
	bytes_reader_init(&reader, text, (size_t)len);
	while (bytes_next_line(&reader, &line)) {
		if (line.len < 2 || line.at[0] != '#' || line.at[1] < 'a' || line.at[1] > 'z')
			continue;
		memcpy(taken + at, line.at + 1, line.len - 1);
		at += line.len - 1;
		taken[at++] = '\n';
		keys++;
	}
	memset(&s, 0, sizeof s);
	if (config_parse_file(taken, at, path, &sshd, &s, &d) != 0)
		fail_msg("%s", d.text);
	assert_true(keys > 0);
	assert_null(config_key_at(keys));
	assert_non_null(config_key_at(keys - 1));
	/* This build may have been configured for another store. */
	assert_string_equal(s.store, "file:/var/lib/pam_totp");
	memcpy(s.store, defaults.store, sizeof s.store);
	assert_memory_equal(&s, &defaults, sizeof s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_number_forms),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_max_age),
	    cmocka_unit_test(test_enforce_after),
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_notify),
	    cmocka_unit_test(test_class),
	    cmocka_unit_test(test_store),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_text_bytes),
	    cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
