/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* The promises of core/config: the table and its defaults, every rule of the grammar, the
 * order in which file, section and argument win, and which files are refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/config.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])

/* A directory of the test's own, with a settings file that need not exist. */
struct place {
	char dir[64];
	char file[128];
	char conf[160]; /* "conf=" and file */
};

static bool
is_zero(const struct settings *s)
{
	static const struct settings zero;
	return memcmp(s, &zero, sizeof zero) == 0;
}

static int
parse(const char *text, const char *service, struct settings *s, struct diag *d)
{
	config_defaults(s);
	d->text[0] = '\0';
	return config_parse_file(text, strlen(text), "f", service, s, d);
}

/* The text must be refused with exactly this message, and leave nothing in force. */
static void
refused(const char *text, const char *message)
{
	struct settings s;
	struct diag d;

	assert_int_equal(parse(text, "sshd", &s, &d), E_INVALID);
	assert_string_equal(d.text, message);
	assert_true(is_zero(&s));
}

static void
accepted(const char *text, struct settings *s)
{
	struct diag d;

	if (parse(text, "sshd", s, &d) != 0)
		fail_msg("refused: %s", d.text);
}

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
	assert_int_equal(s.max_devices, 8);
	assert_int_equal(s.throttle_after, 5);
	assert_int_equal(s.throttle_delay_s, 30);
	assert_int_equal(s.lock_after, 100);
	assert_int_equal(s.fail_delay_ms, 2000);
}

static void
test_table(void **state)
{
	static const char *const names[] = { "store", "prompt", "issuer", "window",
		"tries", "echo", "feedback", "first_pass", "unenrolled", "max_devices",
		"throttle_after", "throttle_delay", "lock_after", "fail_delay" };

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
		{ "window", 0, 3, offsetof(struct settings, window) },
		{ "tries", 1, 5, offsetof(struct settings, tries) },
		{ "max_devices", 1, 8, offsetof(struct settings, max_devices) },
		{ "throttle_after", 1, 1000, offsetof(struct settings, throttle_after) },
		{ "throttle_delay", 0, 3600,
		    offsetof(struct settings, throttle_delay_s) },
		{ "lock_after", 1, 1000, offsetof(struct settings, lock_after) },
		{ "fail_delay", 0, 10000, offsetof(struct settings, fail_delay_ms) },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const unsigned tried[] = { cases[i].min, cases[i].max,
			cases[i].max + 1, cases[i].min - 1 };
		for (size_t j = 0; j < LEN(tried); j++) {
			struct settings s;
			struct diag d;
			char text[64], message[128];
			(void)snprintf(text, sizeof text, "%s = %u\n", cases[i].key,
			    tried[j]);
			(void)snprintf(message, sizeof message,
			    "f:1: %s: expected %u..%u, got \"%u\"", cases[i].key,
			    cases[i].min, cases[i].max, tried[j]);
			if (j >= 2) {
				refused(text, message);
				continue;
			}
			unsigned got = UINT32_MAX;
			assert_int_equal(parse(text, NULL, &s, &d), 0);
			memcpy(&got, (const char *)&s + cases[i].offset, sizeof got);
			assert_int_equal(got, tried[j]);
		}
	}
}

static void
test_number_forms(void **state)
{
	(void)state;
	refused("window = +1\n", "f:1: window: expected 0..3, got \"+1\"");
	refused("window = -1\n", "f:1: window: expected 0..3, got \"-1\"");
	refused("window = 01\n", "f:1: window: expected 0..3, got \"01\"");
	refused("window = 1 2\n", "f:1: window: expected 0..3, got \"1 2\"");
	refused("window = 1 # steps\n",
	    "f:1: window: expected 0..3, got \"1 # steps\"");
	refused("window = 0x1\n", "f:1: window: expected 0..3, got \"0x1\"");
	refused("window =\n", "f:1: window: expected 0..3, got \"\"");
	refused("window = \" 1\"\n", "f:1: window: expected 0..3, got \" 1\"");
	refused("window = 18446744073709551617\n",
	    "f:1: window: expected 0..3, got \"18446744073709551617\"");
}

static void
test_words(void **state)
{
	struct settings s;

	(void)state;
	accepted("echo = yes\nfeedback = none\nunenrolled = skip\n", &s);
	assert_true(s.echo);
	assert_int_equal(s.feedback, FEEDBACK_NONE);
	assert_int_equal(s.unenrolled, UNENROLLED_SKIP);
	accepted("echo = no\nfeedback = full\nunenrolled = deny\n", &s);
	assert_false(s.echo);
	assert_int_equal(s.feedback, FEEDBACK_FULL);
	assert_int_equal(s.unenrolled, UNENROLLED_DENY);
	accepted("first_pass = no\n", &s);
	assert_int_equal(s.first_pass, FIRST_PASS_NO);
	accepted("first_pass = try\n", &s);
	assert_int_equal(s.first_pass, FIRST_PASS_TRY);
	accepted("first_pass = use\n", &s);
	assert_int_equal(s.first_pass, FIRST_PASS_USE);
	accepted("first_pass = append\n", &s);
	assert_int_equal(s.first_pass, FIRST_PASS_APPEND);
	refused("echo = true\n", "f:1: echo: expected no | yes, got \"true\"");
	refused("echo = YES\n", "f:1: echo: expected no | yes, got \"YES\"");
	refused("echo = |\n", "f:1: echo: expected no | yes, got \"|\"");
	refused("echo = no | yes\n",
	    "f:1: echo: expected no | yes, got \"no | yes\"");
	refused("echo =\n", "f:1: echo: expected no | yes, got \"\"");
	refused("unenrolled = ski\n",
	    "f:1: unenrolled: expected deny | skip, got \"ski\"");
	refused("unenrolled = enroll\n",
	    "f:1: unenrolled: expected deny | skip, got \"enroll\"");
	refused("feedback = 1\n", "f:1: feedback: expected full | none, got \"1\"");
	refused("first_pass = yes\n",
	    "f:1: first_pass: expected no | try | use | append, got \"yes\"");
}

static void
test_store(void **state)
{
	struct settings s;
	char text[400];

	(void)state;
	accepted("store = file:/srv/mfa\n", &s);
	assert_string_equal(s.store, "file:/srv/mfa");
	accepted("store = \"file:/srv/a b\"\n", &s);
	assert_string_equal(s.store, "file:/srv/a b");
	static const char *const bad[] = { "", "/srv", "file:", "file:/", "file:srv",
		"File:/srv", "etcd:/x", "file:/a\033[2J" };
	for (size_t i = 0; i < LEN(bad); i++) {
		struct diag d;
		(void)snprintf(text, sizeof text, "store = %s\n", bad[i]);
		assert_int_equal(parse(text, NULL, &s, &d), E_INVALID);
		assert_non_null(strstr(d.text, "expected file:/DIRECTORY, got"));
	}
	/* 255 bytes fit, 256 do not. */
	for (int len = 255; len <= 256; len++) {
		struct diag d;
		(void)snprintf(text, sizeof text, "store = file:/%0*d\n", len - 6, 0);
		int r = parse(text, NULL, &s, &d);
		assert_int_equal(r, len == 255 ? 0 : E_INVALID);
	}
}

static void
test_text(void **state)
{
	struct settings s;
	char text[400];

	(void)state;
	accepted("prompt = Code\n", &s);
	assert_string_equal(s.prompt, "Code");
	accepted("\t prompt \t=\t  Code:  \t\n", &s);
	assert_string_equal(s.prompt, "Code:");
	accepted("prompt = \"  Code #1 = \"\n", &s);
	assert_string_equal(s.prompt, "  Code #1 = ");
	accepted("prompt = Sicherheitsschl\303\274ssel \342\202\254 \360\237\224\221:\n", &s);
	assert_string_equal(s.prompt,
	    "Sicherheitsschl\303\274ssel \342\202\254 \360\237\224\221:");
	accepted("issuer =\n", &s);
	assert_string_equal(s.issuer, "");
	accepted("issuer = \"\"\n", &s);
	assert_string_equal(s.issuer, "");
	refused("prompt =\n", "f:1: prompt: expected text of 1..200 bytes, got \"\"");
	refused("prompt = \"\"\n",
	    "f:1: prompt: expected text of 1..200 bytes, got \"\"");
	refused("issuer = a:b\n", "f:1: issuer: expected text of 0..64 bytes without "
	    "':', got \"a:b\"");
	static const struct {
		const char *key;
		int max;
	} limits[] = { { "prompt", 200 }, { "issuer", 64 } };
	for (size_t i = 0; i < LEN(limits); i++) {
		for (int over = 0; over <= 1; over++) {
			struct diag d;
			(void)snprintf(text, sizeof text, "%s = %0*d\n",
			    limits[i].key, limits[i].max + over, 0);
			assert_int_equal(parse(text, NULL, &s, &d),
			    over == 0 ? 0 : E_INVALID);
		}
	}
}

/* Nothing that acts on a terminal, and nothing that is not UTF-8, becomes a prompt. */
static void
test_text_bytes(void **state)
{
	static const char *const bad[] = { "\033[2J", "a\tb", "\b", "\177",
		"\302\205",	    /* U+0085, C1 */
		"\302\237",	    /* U+009F, C1 */
		"\342\200\250",	    /* U+2028 */
		"\342\200\251",	    /* U+2029 */
		"\200", "\377",	    /* no lead byte */
		"\303",		    /* cut short */
		"\342\202", "\360\237\224",
		"\303(",	    /* no continuation */
		"\300\257",	    /* overlong '/' */
		"\340\200\257", "\360\200\200\257",
		"\355\240\200",	    /* surrogate */
		"\364\220\200\200", /* past U+10FFFF */
		"\370\210\200\200\200" };
	static const char *const good[] = { " ", "~", "\302\240", "\337\277",
		"\340\240\200", "\355\237\277", "\356\200\200", "\357\277\275",
		"\360\220\200\200", "\364\217\277\277" };
	struct settings s;
	struct diag d;
	char text[64];

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		(void)snprintf(text, sizeof text, "prompt = x%sx\n", bad[i]);
		if (parse(text, NULL, &s, &d) == 0)
			fail_msg("accepted: row %zu", i);
		(void)snprintf(text, sizeof text, "issuer = \"%s\"\n", bad[i]);
		if (parse(text, NULL, &s, &d) == 0)
			fail_msg("accepted: issuer row %zu", i);
	}
	for (size_t i = 0; i < LEN(good); i++) {
		(void)snprintf(text, sizeof text, "prompt = \"%s\"\n", good[i]);
		accepted(text, &s);
		assert_string_equal(s.prompt, good[i]);
	}
}

static void
test_quotes(void **state)
{
	struct settings s;

	(void)state;
	accepted("window = \"2\"\n", &s);
	assert_int_equal(s.window, 2);
	refused("prompt = \"MFA\n", "f:1: prompt: unbalanced quotes in \"\"MFA\"");
	refused("prompt = MFA\"\n", "f:1: prompt: unbalanced quotes in \"MFA\"\"");
	refused("prompt = \"\n", "f:1: prompt: unbalanced quotes in \"\"\"");
	refused("prompt = \"a\"b\"\n",
	    "f:1: prompt: unbalanced quotes in \"\"a\"b\"\"");
	refused("prompt = \"a\" b\n",
	    "f:1: prompt: unbalanced quotes in \"\"a\" b\"");
	refused("prompt = \"\"\"\n", "f:1: prompt: unbalanced quotes in \"\"\"\"\"");
}

static void
test_lines(void **state)
{
	struct settings s;

	(void)state;
	accepted("", &s);
	assert_int_equal(s.window, 1);
	accepted("\n\n  \t\n# a comment = 1\n   # [another]\n#\n", &s);
	accepted("window = 2", &s); /* the last line needs no newline */
	assert_int_equal(s.window, 2);
	accepted("window=3\n", &s);
	assert_int_equal(s.window, 3);
	accepted("prompt = a=b\n", &s);
	assert_string_equal(s.prompt, "a=b");
	refused("tries = 1\nwindow\n", "f:2: expected key = value, got \"window\"");
	refused("\n# x\nwindow = 9\n", "f:3: window: expected 0..3, got \"9\"");
	refused("windows = 1\n", "f:1: unknown key \"windows\"");
	refused("WINDOW = 1\n", "f:1: unknown key \"WINDOW\"");
	refused("wind ow = 1\n", "f:1: unknown key \"wind ow\"");
	refused("= 1\n", "f:1: unknown key \"\"");
	refused("conf = /etc/x\n", "f:1: unknown key \"conf\"");
	refused("\357\273\277window = 1\n", "f:1: unknown key \"???window\"");
	refused("; comment\n", "f:1: expected key = value, got \"; comment\"");
	refused("nullok\n", "f:1: expected key = value, got \"nullok\"");
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
	(void)snprintf(message, sizeof message,
	    "f:1: window: expected 0..3, got \"%s\"", forty);
	refused(text, message);
	(void)snprintf(text, sizeof text, "%sX = 1\n", forty);
	(void)snprintf(message, sizeof message, "f:1: unknown key \"%s\"", forty);
	refused(text, message);
	refused("window = a\033[2Jb\n",
	    "f:1: window: expected 0..3, got \"a?[2Jb\"");
	/* A long file name does not push the reason out. */
	memset(file, 'n', sizeof file - 1);
	file[sizeof file - 1] = '\0';
	config_defaults(&s);
	assert_int_equal(config_parse_file("window = 9", 10, file, NULL, &s, &d),
	    E_INVALID);
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
	refused("window = 1\r\n", "f:1: carriage return: save the file with Unix line "
	    "ends (LF, not CRLF)");
	refused("window = 1\n# comment\r\n", "f:2: carriage return: save the file with "
	    "Unix line ends (LF, not CRLF)");
	refused("window = 1\rtries = 2", "f:1: carriage return: save the file with "
	    "Unix line ends (LF, not CRLF)");
	config_defaults(&s);
	assert_int_equal(config_parse_file(nul_value, sizeof nul_value - 1, "f", NULL,
	    &s, &d), E_INVALID);
	assert_string_equal(d.text, "f:1: NUL byte: this is not a text file");
	config_defaults(&s);
	assert_int_equal(config_parse_file(nul_comment, sizeof nul_comment - 1, "f",
	    NULL, &s, &d), E_INVALID);
	assert_string_equal(d.text, "f:2: NUL byte: this is not a text file");
	assert_true(is_zero(&s));
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
	assert_int_equal(config_parse_file(text, CONFIG_LINE_MAX + 1, "f", NULL, &s,
	    &d), E_INVALID);
	assert_string_equal(d.text, "f:1: line longer than 1024 bytes");
	memset(text, '\n', sizeof text);
	config_defaults(&s);
	assert_int_equal(config_parse_file(text, CONFIG_FILE_MAX, "f", NULL, &s, &d), 0);
	assert_int_equal(config_parse_file(text, CONFIG_FILE_MAX + 1, "f", NULL, &s,
	    &d), E_INVALID);
	assert_string_equal(d.text, "f: larger than 65536 bytes");
	assert_true(is_zero(&s));
}

static void
test_duplicates(void **state)
{
	struct settings s;

	(void)state;
	refused("window = 1\nwindow = 1\n", "f:2: window: given twice");
	refused("[service sshd]\nwindow = 1\ntries = 2\nwindow = 2\n",
	    "f:4: window: given twice");
	refused("[service sudo]\nwindow = 1\nwindow = 2\n",
	    "f:3: window: given twice");
	refused("[service sshd]\n[service sudo]\n[service sshd]\n",
	    "f:3: [service sshd]: given twice");
	refused("[service sudo]\n[service  sudo ]\n",
	    "f:2: [service sudo]: given twice");
	accepted("window = 1\n[service sshd]\nwindow = 2\n[service sudo]\nwindow = 3\n",
	    &s);
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
		{ "sshd", 2, 2, UNENROLLED_DENY },
		{ "sudo", 3, 2, UNENROLLED_SKIP },
		{ "su-l", 0, 4, UNENROLLED_DENY },
		{ "sshd.x", 0, 5, UNENROLLED_DENY },
		{ "ssh", 0, 2, UNENROLLED_DENY },
		{ "sshdx", 0, 2, UNENROLLED_DENY },
		{ "SSHD", 0, 2, UNENROLLED_DENY },
		{ "", 0, 2, UNENROLLED_DENY },
		{ NULL, 0, 2, UNENROLLED_DENY },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct settings s;
		struct diag d;
		assert_int_equal(parse(text, cases[i].service, &s, &d), 0);
		assert_int_equal(s.window, cases[i].window);
		assert_int_equal(s.tries, cases[i].tries);
		assert_int_equal(s.unenrolled, cases[i].unenrolled);
	}
}

static void
test_other_sections_are_checked(void **state)
{
	(void)state;
	refused("[service nobody]\nwindow = 9\n",
	    "f:2: window: expected 0..3, got \"9\"");
	refused("[service sshd]\nwindow = 1\n[service x]\nfoo = 1\n",
	    "f:4: unknown key \"foo\"");
	refused("[service x]\nprompt = \"a\n",
	    "f:2: prompt: unbalanced quotes in \"\"a\"");
}

static void
test_section_forms(void **state)
{
	char text[4096], message[160];
	struct settings s;
	struct diag d;

	(void)state;
	refused("[group wheel]\n", "f:1: unknown section \"[group wheel]\", expected "
	    "[service NAME]");
	refused("[Service sshd]\n", "f:1: unknown section \"[Service sshd]\", expected "
	    "[service NAME]");
	refused("[sshd]\n", "f:1: unknown section \"[sshd]\", expected [service NAME]");
	refused("[]\n", "f:1: unknown section \"[]\", expected [service NAME]");
	refused("[\n", "f:1: expected [service NAME], got \"[\"");
	refused("[service sshd\n", "f:1: expected [service NAME], got "
	    "\"[service sshd\"");
	refused("[service sshd] # x\n", "f:1: expected [service NAME], got "
	    "\"[service sshd] # x\"");
	static const char *const bad[] = { "", "a b", "a/b", "*", "Sshd", "a:b",
		"\303\244", "a\"" };
	for (size_t i = 0; i < LEN(bad); i++) {
		(void)snprintf(text, sizeof text, "[service %s]\n", bad[i]);
		assert_int_equal(parse(text, "sshd", &s, &d), E_INVALID);
		assert_non_null(strstr(d.text,
		    "f:1: service name: expected 1..64 of a-z 0-9 . _ -, got"));
	}
	for (int len = 64; len <= 65; len++) {
		(void)snprintf(text, sizeof text, "[service %0*d]\n", len, 0);
		int r = parse(text, "sshd", &s, &d);
		assert_int_equal(r, len == 64 ? 0 : E_INVALID);
	}
	size_t at = 0;
	for (int i = 0; i <= CONFIG_SECTIONS_MAX; i++) {
		at += (size_t)snprintf(text + at, sizeof text - at, "[service s%d]\n",
		    i);
		if (i == CONFIG_SECTIONS_MAX - 1)
			accepted(text, &s);
	}
	(void)snprintf(message, sizeof message, "f:%d: more than %d sections",
	    CONFIG_SECTIONS_MAX + 1, CONFIG_SECTIONS_MAX);
	refused(text, message);
}

static void
test_arguments(void **state)
{
	static const struct {
		const char *argument;
		const char *message;
	} bad[] = {
		{ "window=9", "module argument: window: expected 0..3, got \"9\"" },
		{ "window", "module argument: expected key=value, got \"window\"" },
		{ "", "module argument: expected key=value, got \"\"" },
		{ "nullok", "module argument: expected key=value, got \"nullok\"" },
		{ "window =1", "module argument: unknown key \"window \"" },
		{ "window= 1", "module argument: window: expected 0..3, got \" 1\"" },
		{ "debug=yes", "module argument: unknown key \"debug\"" },
		{ "conf=/etc/x", "module argument: unknown key \"conf\"" },
		{ "prompt=\"x", "module argument: prompt: unbalanced quotes in "
				"\"\"x\"" },
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
		assert_int_equal(config_parse_argument(bad[i].argument, &s, &d),
		    E_INVALID);
		assert_string_equal(d.text, bad[i].message);
		assert_true(is_zero(&s));
	}
	/* diag may be absent. */
	assert_int_equal(config_parse_argument("x=1", &s, NULL), E_INVALID);
}

static void
test_find_conf(void **state)
{
	static const char *const none[] = { "window=1", "confx=/a" };
	static const char *const one[] = { "window=1", "conf=/a/b" };
	static const char *const twice[] = { "conf=/a", "window=1", "conf=/a" };
	static const char *const empty[] = { "conf=" };
	static const char *const relative[] = { "conf=etc/x" };
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
	assert_int_equal(config_find_conf(3, twice, "/f", &path, &is_explicit, &d),
	    E_INVALID);
	assert_null(path);
	assert_string_equal(d.text, "module argument: conf: given twice");
	path = "x";
	assert_int_equal(config_find_conf(1, empty, "/f", &path, &is_explicit, &d),
	    E_INVALID);
	assert_null(path);
	path = "x";
	assert_int_equal(config_find_conf(1, relative, "/f", &path, &is_explicit, &d),
	    E_INVALID);
	assert_null(path);
	assert_string_equal(d.text, "module argument: conf: expected an absolute path, "
	    "got \"etc/x\"");
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -1;
	(void)strcpy(p->dir, "/tmp/test_config.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	(void)snprintf(p->file, sizeof p->file, "%s/pam_totp.conf", p->dir);
	(void)snprintf(p->conf, sizeof p->conf, "conf=%s", p->file);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	(void)unlink(p->file);
	int r = rmdir(p->dir);
	free(p);
	return r;
}

static int
load(const struct place *p, struct settings *s, struct diag *d)
{
	d->text[0] = '\0';
	memset(s, 0xa5, sizeof *s);
	return config_load(0, NULL, p->file, "sshd", s, d);
}

/* Default, file, section, argument: the later one wins. */
static void
test_precedence(void **state)
{
	const struct place *p = *state;
	const char *const arguments[] = { "tries=4", "unenrolled=deny" };
	struct settings s;
	struct diag d;

	write_file(p->file, "lock_after = 50\nmax_devices = 3\ntries = 2\n"
	    "unenrolled = skip\n[service sshd]\nmax_devices = 2\ntries = 3\n", 0644);
	assert_int_equal(load(p, &s, &d), 0);
	assert_int_equal(s.window, 1);
	assert_int_equal(s.lock_after, 50);
	assert_int_equal(s.max_devices, 2);
	assert_int_equal(s.tries, 3);
	assert_int_equal(s.unenrolled, UNENROLLED_SKIP);
	assert_int_equal(config_load(2, arguments, p->file, "sshd", &s, &d), 0);
	assert_int_equal(s.window, 1);
	assert_int_equal(s.lock_after, 50);
	assert_int_equal(s.max_devices, 2);
	assert_int_equal(s.tries, 4);
	assert_int_equal(s.unenrolled, UNENROLLED_DENY);
	assert_int_equal(config_load(0, NULL, p->file, "su", &s, &d), 0);
	assert_int_equal(s.max_devices, 3);
	assert_int_equal(s.tries, 2);
	assert_int_equal(config_load(0, NULL, p->file, NULL, &s, &d), 0);
	assert_int_equal(s.max_devices, 3);
}

static void
test_load_conf(void **state)
{
	const struct place *p = *state;
	const char *const arguments[] = { "tries=4", p->conf, "window=0" };
	struct settings s;
	struct diag d;

	write_file(p->file, "lock_after = 50\nwindow = 3\n", 0600);
	assert_int_equal(config_load(3, arguments, "/nonexistent/x", "sshd", &s, &d), 0);
	assert_int_equal(s.lock_after, 50);
	assert_int_equal(s.tries, 4);
	assert_int_equal(s.window, 0);
}

static void
test_load_refusals(void **state)
{
	const struct place *p = *state;
	static const struct {
		const char *argument[2];
		const char *message;
	} cases[] = {
		{ { "window=1", "window=1" }, "module argument: window: given twice" },
		{ { "window=1", "wind=1" }, "module argument: unknown key \"wind\"" },
		{ { "window=1", "nullok" },
		    "module argument: expected key=value, got \"nullok\"" },
		{ { "conf=/a", "conf=/b" }, "module argument: conf: given twice" },
		{ { "window=1", "conf=x" }, "module argument: conf: expected an "
					    "absolute path, got \"x\"" },
	};
	struct settings s;
	struct diag d;
	char message[256];

	for (size_t i = 0; i < LEN(cases); i++) {
		memset(&s, 0xa5, sizeof s);
		assert_int_equal(config_load(2, cases[i].argument, p->file, "sshd", &s,
		    &d), E_INVALID);
		assert_string_equal(d.text, cases[i].message);
		assert_true(is_zero(&s));
	}
	write_file(p->file, "tries = 2\nwindow = 9\n", 0600);
	assert_int_equal(load(p, &s, &d), E_INVALID);
	(void)snprintf(message, sizeof message,
	    "%s:2: window: expected 0..3, got \"9\"", p->file);
	assert_string_equal(d.text, message);
	assert_true(is_zero(&s));
}

/* The fallback may be missing, with its directory too; what conf= names may not. */
static void
test_missing(void **state)
{
	const struct place *p = *state;
	const char *const named[] = { p->conf };
	static const char *const no_folder[] = { "conf=/nonexistent/x/y.conf" };
	static const char *const folder[] = { "conf=/tmp/" };
	struct settings s, defaults;
	struct diag d;

	config_defaults(&defaults);
	assert_int_equal(load(p, &s, &d), 0);
	assert_memory_equal(&s, &defaults, sizeof s);
	assert_int_equal(config_load(0, NULL, "/nonexistent/x/y.conf", "sshd", &s, &d),
	    0);
	assert_memory_equal(&s, &defaults, sizeof s);
	assert_int_equal(access(p->file, F_OK), -1); /* reading never creates */
	assert_int_equal(config_load(1, named, p->file, "sshd", &s, &d), E_INVALID);
	assert_non_null(strstr(d.text, p->file));
	assert_non_null(strstr(d.text, "no such settings file"));
	assert_true(is_zero(&s));
	assert_int_equal(config_load(1, no_folder, p->file, "sshd", &s, &d), E_INVALID);
	assert_true(is_zero(&s));
	assert_int_equal(config_load(1, folder, p->file, "sshd", &s, &d), E_INVALID);
	assert_true(is_zero(&s));
}

static void
refused_unsafe(const struct place *p)
{
	struct settings s;
	struct diag d;

	assert_int_equal(load(p, &s, &d), E_UNSAFE);
	assert_memory_equal(d.text, p->file, strlen(p->file));
	assert_true(strlen(d.text) > strlen(p->file) + 2);
	assert_true(is_zero(&s));
}

static void
test_unsafe_file(void **state)
{
	const struct place *p = *state;
	struct settings s;
	struct diag d;
	char other[160];

	write_file(p->file, "window = 2\n", 0666);
	refused_unsafe(p);
	write_file(p->file, "window = 2\n", 0620);
	refused_unsafe(p);
	write_file(p->file, "window = 2\n", 0602);
	refused_unsafe(p);
	write_file(p->file, "window = 2\n", 0644);
	assert_int_equal(load(p, &s, &d), 0);
	(void)snprintf(other, sizeof other, "%s/other", p->dir);
	assert_int_equal(link(p->file, other), 0);
	refused_unsafe(p);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(symlink("other", p->file), 0);
	refused_unsafe(p);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(mkfifo(p->file, 0600), 0);
	refused_unsafe(p);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(mkdir(p->file, 0700), 0);
	refused_unsafe(p);
	assert_int_equal(rmdir(p->file), 0);
	/* A dangling link is not "missing". */
	assert_int_equal(unlink(other), 0);
	assert_int_equal(symlink("other", p->file), 0);
	refused_unsafe(p);
}

static void
test_unsafe_size(void **state)
{
	const struct place *p = *state;
	struct settings s;
	struct diag d;

	write_file(p->file, "", 0600);
	assert_int_equal(truncate(p->file, CONFIG_FILE_MAX + 1), 0);
	refused_unsafe(p);
	write_file(p->file, "", 0600);
	assert_int_equal(load(p, &s, &d), 0);
}

static void
test_unsafe_folder(void **state)
{
	const struct place *p = *state;
	struct settings s;
	struct diag d;

	write_file(p->file, "window = 2\n", 0600);
	assert_int_equal(chmod(p->dir, 0777), 0);
	refused_unsafe(p);
	assert_int_equal(chmod(p->dir, 0770), 0);
	refused_unsafe(p);
	assert_int_equal(chmod(p->dir, 0755), 0);
	assert_int_equal(load(p, &s, &d), 0);
}

static void
test_unsafe_owner(void **state)
{
	const struct place *p = *state;

	if (geteuid() != 0)
		skip();
	write_file(p->file, "window = 2\n", 0600);
	assert_int_equal(chown(p->file, 65534, 65534), 0);
	refused_unsafe(p);
	write_file(p->file, "window = 2\n", 0600);
	assert_int_equal(chown(p->dir, 65534, 65534), 0);
	refused_unsafe(p);
}

/* An ordinary user reads root's file, and is refused what it may not read. */
static void
test_ordinary_user(void **state)
{
	const struct place *p = *state;
	struct settings s;
	struct diag d;

	if (geteuid() != 0)
		skip();
	write_file(p->file, "window = 2\n", 0644);
	assert_int_equal(chmod(p->dir, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	int readable = load(p, &s, &d);
	unsigned window = s.window;
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(p->file, 0600), 0);
	assert_int_equal(seteuid(65534), 0);
	int unreadable = load(p, &s, &d);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(readable, 0);
	assert_int_equal(window, 2);
	assert_int_equal(unreadable, E_IO);
	assert_true(is_zero(&s));
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
	(void)snprintf(path, sizeof path, "%s/examples/pam_totp.conf",
	    srcdir != NULL ? srcdir : ".");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t len = read(fd, text, sizeof text);
	assert_int_equal(close(fd), 0);
	assert_true(len > 0 && (size_t)len < sizeof text);
	config_defaults(&defaults);
	config_defaults(&s);
	if (config_parse_file(text, (size_t)len, path, "sshd", &s, &d) != 0)
		fail_msg("%s", d.text);
	assert_memory_equal(&s, &defaults, sizeof s);
	bytes_reader_init(&reader, text, (size_t)len);
	while (bytes_next_line(&reader, &line)) {
		if (line.len < 2 || line.at[0] != '#' || line.at[1] < 'a' ||
		    line.at[1] > 'z')
			continue;
		memcpy(taken + at, line.at + 1, line.len - 1);
		at += line.len - 1;
		taken[at++] = '\n';
		keys++;
	}
	memset(&s, 0, sizeof s);
	if (config_parse_file(taken, at, path, "sshd", &s, &d) != 0)
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
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_bytes),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_messages_are_bounded),
		cmocka_unit_test(test_line_ends_and_nul),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_other_sections_are_checked),
		cmocka_unit_test(test_section_forms),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_find_conf),
		cmocka_unit_test_setup_teardown(test_precedence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_load_conf, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_load_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unsafe_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unsafe_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unsafe_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unsafe_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ordinary_user, set_up, tear_down),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
