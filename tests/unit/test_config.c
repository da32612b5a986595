/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The grammar of the settings file and of the module's arguments: every rule, with the
 * message that its breach gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/config_text.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])
#define EXPECTED ", expected [service NAME] or [group NAME]"

static void
test_quotes(void **state)
{
	struct settings s;

	(void)state;
	config_text_accepted("window = \"2\"\n", &s);
	assert_int_equal(s.window, 2);
	config_text_refused("prompt = \"MFA\n", "f:1: prompt: unbalanced quotes in \"\"MFA\"");
	config_text_refused("prompt = MFA\"\n", "f:1: prompt: unbalanced quotes in \"MFA\"\"");
	config_text_refused("prompt = \"\n", "f:1: prompt: unbalanced quotes in \"\"\"");
	config_text_refused(
	    "prompt = \"a\"b\"\n", "f:1: prompt: unbalanced quotes in \"\"a\"b\"\"");
	config_text_refused("prompt = \"a\" b\n", "f:1: prompt: unbalanced quotes in \"\"a\" b\"");
	config_text_refused("prompt = \"\"\"\n", "f:1: prompt: unbalanced quotes in \"\"\"\"\"");
}

static void
test_lines(void **state)
{
	struct settings s;

	(void)state;
	config_text_accepted("", &s);
	assert_int_equal(s.window, 1);
	config_text_accepted("\n\n  \t\n# a comment = 1\n   # [another]\n#\n", &s);
	config_text_accepted("window = 2", &s); /* the last line needs no newline */
	assert_int_equal(s.window, 2);
	config_text_accepted("window=3\n", &s);
	assert_int_equal(s.window, 3);
	config_text_accepted("prompt = a=b\n", &s);
	assert_string_equal(s.prompt, "a=b");
	config_text_refused("tries = 1\nwindow\n", "f:2: expected key = value, got \"window\"");
	config_text_refused("\n# x\nwindow = 9\n", "f:3: window: expected 0..3, got \"9\"");
	config_text_refused("windows = 1\n", "f:1: unknown key \"windows\"");
	config_text_refused("WINDOW = 1\n", "f:1: unknown key \"WINDOW\"");
	config_text_refused("wind ow = 1\n", "f:1: unknown key \"wind ow\"");
	config_text_refused("= 1\n", "f:1: unknown key \"\"");
	config_text_refused("conf = /etc/x\n", "f:1: unknown key \"conf\"");
	config_text_refused("\357\273\277window = 1\n", "f:1: unknown key \"???window\"");
	config_text_refused("; comment\n", "f:1: expected key = value, got \"; comment\"");
	config_text_refused("nullok\n", "f:1: expected key = value, got \"nullok\"");
}

static void
test_messages_are_bounded(void **state)
{
	static const char forty[] = "0123456789012345678901234567890123456789";
	char text[200], message[200], file[400];
	struct settings s;
	struct diag d;

	(void)state;
	(void)snprintf(text, sizeof text, "window = %sX\n", forty);
	(void)snprintf(message, sizeof message, "f:1: window: expected 0..3, got \"%s\"", forty);
	config_text_refused(text, message);
	(void)snprintf(text, sizeof text, "%sX = 1\n", forty);
	(void)snprintf(message, sizeof message, "f:1: unknown key \"%s\"", forty);
	config_text_refused(text, message);
	config_text_refused("window = a\033[2Jb\n", "f:1: window: expected 0..3, got \"a?[2Jb\"");
	/* A long file name does not push the reason out. */
	memset(file, 'n', sizeof file - 1);
	file[sizeof file - 1] = '\0';
	config_defaults(&s);
	assert_int_equal(config_parse_file("window = 9", 10, file, NULL, &s, &d), E_INVALID);
	assert_non_null(strstr(d.text, ":1: window: expected 0..3, got \"9\""));
}

static void
test_line_ends_and_nul(void **state)
{
	static const char nul_value[] = "window = 1\0\n";
	static const char nul_comment[] = "tries = 2\n# a\0b\nwindow = 1\n";
	struct settings s;
	struct diag d;

	(void)state;
	config_text_refused("window = 1\r\n", "f:1: carriage return: save the file with Unix line "
					      "ends (LF, not CRLF)");
	config_text_refused("window = 1\n# comment\r\n", "f:2: carriage return: save the file with "
							 "Unix line ends (LF, not CRLF)");
	config_text_refused("window = 1\rtries = 2", "f:1: carriage return: save the file with "
						     "Unix line ends (LF, not CRLF)");
	config_defaults(&s);
	assert_int_equal(
	    config_parse_file(nul_value, sizeof nul_value - 1, "f", NULL, &s, &d), E_INVALID);
	assert_string_equal(d.text, "f:1: NUL byte: this is not a text file");
	config_defaults(&s);
	assert_int_equal(
	    config_parse_file(nul_comment, sizeof nul_comment - 1, "f", NULL, &s, &d), E_INVALID);
	assert_string_equal(d.text, "f:2: NUL byte: this is not a text file");
	assert_true(config_text_is_zero(&s));
}

static void
test_too_long(void **state)
{
	static char text[CONFIG_FILE_MAX + 2];
	struct settings s;
	struct diag d;

	(void)state;
	memset(text, 'x', sizeof text);
	text[0] = '#';
	config_defaults(&s);
	assert_int_equal(config_parse_file(text, CONFIG_LINE_MAX, "f", NULL, &s, &d), 0);
	assert_int_equal(
	    config_parse_file(text, CONFIG_LINE_MAX + 1, "f", NULL, &s, &d), E_INVALID);
	assert_string_equal(d.text, "f:1: line longer than 1024 bytes");
	memset(text, '\n', sizeof text);
	config_defaults(&s);
	assert_int_equal(config_parse_file(text, CONFIG_FILE_MAX, "f", NULL, &s, &d), 0);
	assert_int_equal(
	    config_parse_file(text, CONFIG_FILE_MAX + 1, "f", NULL, &s, &d), E_INVALID);
	assert_string_equal(d.text, "f: larger than 65536 bytes");
	assert_true(config_text_is_zero(&s));
}

static void
test_duplicates(void **state)
{
	struct settings s;

	(void)state;
	config_text_refused("window = 1\nwindow = 1\n", "f:2: window: given twice");
	config_text_refused(
	    "[service sshd]\nwindow = 1\ntries = 2\nwindow = 2\n", "f:4: window: given twice");
	config_text_refused("[service sudo]\nwindow = 1\nwindow = 2\n", "f:3: window: given twice");
	config_text_refused(
	    "[service sshd]\n[service sudo]\n[service sshd]\n", "f:3: [service sshd]: given twice");
	config_text_refused(
	    "[service sudo]\n[service  sudo ]\n", "f:2: [service sudo]: given twice");
	config_text_accepted(
	    "window = 1\n[service sshd]\nwindow = 2\n[service sudo]\nwindow = 3\n", &s);
	assert_int_equal(s.window, 2);
}

/* Whatever the order of the sections, the service's own wins over the top, and no other
 * service's is felt. */
static void
test_sections(void **state)
{
	static const char text[] = "window = 0\n"
				   "tries = 2\n"
				   "[service sudo]\n"
				   "window = 3\n"
				   "unenrolled = skip\n"
				   "[service sshd]\n"
				   "window = 2\n"
				   " [ service\tsu-l ] \n"
				   "tries = 4\n"
				   "[service sshd.x]\n"
				   "tries = 5\n";
	static const struct {
		const char *service;
		unsigned window, tries;
		enum config_unenrolled unenrolled;
	} cases[] = {
	    {"sshd", 2, 2, UNENROLLED_DENY},
	    {"sudo", 3, 2, UNENROLLED_SKIP},
	    {"su-l", 0, 4, UNENROLLED_DENY},
	    {"sshd.x", 0, 5, UNENROLLED_DENY},
	    {"ssh", 0, 2, UNENROLLED_DENY},
	    {"sshdx", 0, 2, UNENROLLED_DENY},
	    {"SSHD", 0, 2, UNENROLLED_DENY},
	    {"", 0, 2, UNENROLLED_DENY},
	    {NULL, 0, 2, UNENROLLED_DENY},
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct settings s;
		struct diag d;
		assert_int_equal(config_text_parse(text, cases[i].service, &s, &d), 0);
		assert_int_equal(s.window, cases[i].window);
		assert_int_equal(s.tries, cases[i].tries);
		assert_int_equal(s.unenrolled, cases[i].unenrolled);
	}
}

static void
test_other_sections_are_checked(void **state)
{
	(void)state;
	config_text_refused(
	    "[service nobody]\nwindow = 9\n", "f:2: window: expected 0..3, got \"9\"");
	config_text_refused(
	    "[service sshd]\nwindow = 1\n[service x]\nfoo = 1\n", "f:4: unknown key \"foo\"");
	config_text_refused(
	    "[service x]\nprompt = \"a\n", "f:2: prompt: unbalanced quotes in \"\"a\"");
}

static void
test_section_forms(void **state)
{
	char text[4096], message[160];
	struct settings s;
	struct diag d;

	(void)state;
	config_text_refused("[user alice]\n", "f:1: unknown section \"[user alice]\"" EXPECTED);
	config_text_refused("[Service sshd]\n", "f:1: unknown section \"[Service sshd]\"" EXPECTED);
	config_text_refused("[sshd]\n", "f:1: unknown section \"[sshd]\"" EXPECTED);
	config_text_refused("[]\n", "f:1: unknown section \"[]\"" EXPECTED);
	config_text_refused("[\n", "f:1: expected [service NAME] or [group NAME], got \"[\"");
	config_text_refused("[service sshd\n",
	    "f:1: expected [service NAME] or [group NAME], got \"[service sshd\"");
	config_text_refused("[service sshd] # x\n",
	    "f:1: expected [service NAME] or [group NAME], got \"[service sshd] # x\"");
	static const char *const bad[] = {"", "a b", "a/b", "*", "Sshd", "a:b", "\303\244", "a\""};
	for (size_t i = 0; i < LEN(bad); i++) {
		(void)snprintf(text, sizeof text, "[service %s]\n", bad[i]);
		assert_int_equal(config_text_parse(text, "sshd", &s, &d), E_INVALID);
		assert_non_null(
		    strstr(d.text, "f:1: service name: expected 1..64 of a-z 0-9 . _ -, got"));
	}
	for (int len = 64; len <= 65; len++) {
		(void)snprintf(text, sizeof text, "[service %0*d]\n", len, 0);
		int r = config_text_parse(text, "sshd", &s, &d);
		assert_int_equal(r, len == 64 ? 0 : E_INVALID);
	}
	size_t at = 0;
	for (int i = 0; i <= CONFIG_SECTIONS_MAX; i++) {
		at += (size_t)snprintf(text + at, sizeof text - at, "[service s%d]\n", i);
		if (i == CONFIG_SECTIONS_MAX - 1)
			config_text_accepted(text, &s);
	}
	(void)snprintf(message, sizeof message, "f:%d: more than %d sections",
	    CONFIG_SECTIONS_MAX + 1, CONFIG_SECTIONS_MAX);
	config_text_refused(text, message);
}

/* alice's groups: those whose name begins with "a"; "none" does not exist, and about "dark"
 * nothing can be learnt. */
static int
find_member(void *ctx, const char *group, bool *is_member)
{
	unsigned *asked = ctx;

	++*asked;
	*is_member = false;
	if (strcmp(group, "none") == 0)
		return E_NOENT;
	if (strcmp(group, "dark") == 0)
		return E_IO;
	*is_member = group[0] == 'a';
	return 0;
}

static int
parse_for_alice(const char *text, struct settings *s, struct diag *d)
{
	unsigned asked = 0;
	const struct config_who alice = {
	    .service = "sshd", .find_member = find_member, .ctx = &asked};

	config_defaults(s);
	d->text[0] = '\0';
	return config_parse_file(text, strlen(text), "f", &alice, s, d);
}

/* Top, then groups in the order of the file, then the service, wherever they stand. */
static void
test_groups_come_before_the_service(void **state)
{
	static const char text[] = "window = 0\n"
				   "tries = 1\n"
				   "max_devices = 1\n"
				   "grace_days = 1\n"
				   "[service sshd]\n"
				   "window = 3\n"
				   "[group adm]\n"
				   "window = 2\n"
				   "tries = 2\n"
				   "max_devices = 2\n"
				   "[group wheel]\n"
				   "max_devices = 7\n"
				   "[group admins]\n"
				   "max_devices = 3\n"
				   "[service sudo]\n"
				   "tries = 5\n"
				   "[service adm]\n" /* no clash with the group */
				   "tries = 4\n";
	struct settings s;
	struct diag d;

	(void)state;
	assert_int_equal(parse_for_alice(text, &s, &d), 0);
	assert_int_equal(s.window, 3);
	assert_int_equal(s.tries, 2);
	assert_int_equal(s.max_devices, 3);
	assert_int_equal(s.grace_days, 1);
	/* For nobody in particular no group applies. */
	assert_int_equal(config_text_parse(text, "sshd", &s, &d), 0);
	assert_int_equal(s.window, 3);
	assert_int_equal(s.tries, 1);
	assert_int_equal(s.max_devices, 1);
	config_defaults(&s);
	assert_int_equal(config_parse_file(text, sizeof text - 1, "f", NULL, &s, &d), 0);
	assert_int_equal(s.window, 0);
	assert_int_equal(s.max_devices, 1);
}

static void
test_group_sections(void **state)
{
	static const char *const bad[] = {"", "a b", "-a", "a,b", "a/b", "*", "a:b", "\303\244"};
	struct settings s;
	struct diag d;
	char text[128];

	(void)state;
	config_text_accepted("[group CORP\\domain.admins$]\nwindow = 3\n", &s);
	assert_int_equal(s.window, 1);
	config_text_refused("[group x]\nwindow = 9\n", "f:2: window: expected 0..3, got \"9\"");
	config_text_refused("[group x]\n[group x]\n", "f:2: [group x]: given twice");
	config_text_refused("[group x]\nwindow = 1\nwindow = 1\n", "f:3: window: given twice");
	for (size_t i = 0; i < LEN(bad); i++) {
		(void)snprintf(text, sizeof text, "[group %s]\n", bad[i]);
		assert_int_equal(config_text_parse(text, "sshd", &s, &d), E_INVALID);
		assert_non_null(strstr(d.text, "f:1: group name: expected 1..64 of"));
		assert_true(config_text_is_zero(&s));
	}
	/* What is not known is no "no". */
	assert_int_equal(parse_for_alice("[group none]\nwindow = 2\n", &s, &d), E_INVALID);
	assert_string_equal(d.text, "f:1: [group none]: this host has no such group");
	assert_true(config_text_is_zero(&s));
	assert_int_equal(parse_for_alice("\n[group dark]\n", &s, &d), E_INVALID);
	assert_string_equal(d.text, "f:2: [group dark]: the group cannot be looked up");
	assert_true(config_text_is_zero(&s));
}

static void
test_in_groups(void **state)
{
	static const struct {
		const char *groups;
		int result;
		bool is_in;
		const char *message;
		unsigned asked;
	} cases[] = {
	    {"", 0, true, "", 0},
	    {"adm", 0, true, "", 1},
	    {"wheel", 0, false, "", 1},
	    {"wheel, sudo", 0, false, "", 2},
	    {"wheel\tadm", 0, true, "", 2},
	    {"adm none", 0, true, "", 1},
	    {"none", E_INVALID, true, "groups: \"none\": this host has no such group", 1},
	    {"none,adm", E_INVALID, true, "groups: \"none\": this host has no such group", 1},
	    {"dark", E_INVALID, true, "groups: \"dark\": the group cannot be looked up", 1},
	    {"wheel,dark", E_INVALID, true, "groups: \"dark\": the group cannot be looked up", 2},
	};
	struct settings s;
	struct diag d;
	bool is_in = false;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		unsigned asked = 0;
		const struct config_who alice = {.find_member = find_member, .ctx = &asked};
		char text[128];

		(void)snprintf(text, sizeof text, "groups = %s\n", cases[i].groups);
		config_text_accepted(text, &s);
		d.text[0] = '\0';
		is_in = !cases[i].is_in;
		assert_int_equal(config_in_groups(&s, &alice, &is_in, &d), cases[i].result);
		assert_int_equal(is_in, cases[i].is_in);
		assert_string_equal(d.text, cases[i].message);
		assert_int_equal(asked, cases[i].asked);
	}
	/* Nobody to ask: an empty list is an answer, another one is not. */
	assert_int_equal(config_in_groups(&s, NULL, &is_in, &d), E_INVALID);
	assert_true(is_in);
	config_text_accepted("", &s);
	is_in = false;
	assert_int_equal(config_in_groups(&s, NULL, &is_in, &d), 0);
	assert_true(is_in);
}

static void
test_arguments(void **state)
{
	static const struct {
		const char *argument;
		const char *message;
	} bad[] = {
	    {"window=9", "module argument: window: expected 0..3, got \"9\""},
	    {"window", "module argument: expected key=value, got \"window\""},
	    {"", "module argument: expected key=value, got \"\""},
	    {"nullok", "module argument: expected key=value, got \"nullok\""},
	    {"window =1", "module argument: unknown key \"window \""},
	    {"window= 1", "module argument: window: expected 0..3, got \" 1\""},
	    {"debug=yes", "module argument: unknown key \"debug\""},
	    {"conf=/etc/x", "module argument: unknown key \"conf\""},
	    {"prompt=\"x", "module argument: prompt: unbalanced quotes in "
			   "\"\"x\""},
	};
	struct settings s;
	struct diag d;

	(void)state;
	config_defaults(&s);
	assert_int_equal(config_parse_argument("window=2", &s, &d), 0);
	assert_int_equal(s.window, 2);
	assert_int_equal(s.tries, 1);
	/* As libpam hands on [prompt=Your code: ]. */
	assert_int_equal(config_parse_argument("prompt=Your code: ", &s, &d), 0);
	assert_string_equal(s.prompt, "Your code: ");
	assert_int_equal(config_parse_argument("prompt=\"Code \"", &s, &d), 0);
	assert_string_equal(s.prompt, "Code ");
	for (size_t i = 0; i < LEN(bad); i++) {
		config_defaults(&s);
		assert_int_equal(config_parse_argument(bad[i].argument, &s, &d), E_INVALID);
		assert_string_equal(d.text, bad[i].message);
		assert_true(config_text_is_zero(&s));
	}
	/* diag may be absent. */
	assert_int_equal(config_parse_argument("x=1", &s, NULL), E_INVALID);
}

static void
test_find_conf(void **state)
{
	static const char *const none[] = {"window=1", "confx=/a"};
	static const char *const one[] = {"window=1", "conf=/a/b"};
	static const char *const twice[] = {"conf=/a", "window=1", "conf=/a"};
	static const char *const empty[] = {"conf="};
	static const char *const relative[] = {"conf=etc/x"};
	const char *path = NULL;
	bool is_explicit = true;
	struct diag d;

	(void)state;
	assert_int_equal(config_find_conf(0, NULL, "/f", &path, &is_explicit, &d), 0);
	assert_string_equal(path, "/f");
	assert_false(is_explicit);
	is_explicit = true;
	assert_int_equal(config_find_conf(2, none, "/f", &path, &is_explicit, &d), 0);
	assert_string_equal(path, "/f");
	assert_false(is_explicit);
	assert_int_equal(config_find_conf(2, one, "/f", &path, &is_explicit, &d), 0);
	assert_string_equal(path, "/a/b");
	assert_true(is_explicit);
	assert_int_equal(config_find_conf(3, twice, "/f", &path, &is_explicit, &d), E_INVALID);
	assert_null(path);
	assert_string_equal(d.text, "module argument: conf: given twice");
	path = "x";
	assert_int_equal(config_find_conf(1, empty, "/f", &path, &is_explicit, &d), E_INVALID);
	assert_null(path);
	path = "x";
	assert_int_equal(config_find_conf(1, relative, "/f", &path, &is_explicit, &d), E_INVALID);
	assert_null(path);
	assert_string_equal(d.text, "module argument: conf: expected an absolute path, "
				    "got \"etc/x\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_quotes),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_messages_are_bounded),
	    cmocka_unit_test(test_line_ends_and_nul),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_duplicates),
	    cmocka_unit_test(test_sections),
	    cmocka_unit_test(test_other_sections_are_checked),
	    cmocka_unit_test(test_section_forms),
	    cmocka_unit_test(test_groups_come_before_the_service),
	    cmocka_unit_test(test_group_sections),
	    cmocka_unit_test(test_in_groups),
	    cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_find_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
