/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The promises of the text of a record: what is printed reads back equal; every
 * rule refuses, by file, line and key, and tells no secret; a text that was cut,
 * damaged or doubled never becomes another record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/random.h"
#include "../support/record_sample.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define HASH_A RECORD_SAMPLE_HASH_A
#define HASH_C RECORD_SAMPLE_HASH_C
#define SALT RECORD_SAMPLE_SALT

/* `record_sample_text` with its first `from` replaced, which must be there. */
static size_t
edit(const char *from, const char *to, char out[RECORD_TEXT_MAX])
{
	const char *at = strstr(record_sample_text, from);

	assert_non_null(at);
	return (size_t)snprintf(out, RECORD_TEXT_MAX, "%.*s%s%s", (int)(at - record_sample_text),
	    record_sample_text, to, at + strlen(from));
}

/* The text is refused with this message, which tells no secret. */
static void
refused(const char *text, size_t len, const char *message)
{
	static const char *const secrets[] = {"JBSW", "GEZD", "a0a1", "c0c1", "e0e1", "SLIP"};
	struct record r;
	struct diag d;

	assert_int_equal(record_sample_parse(text, len, &r, &d), E_CORRUPT);
	assert_string_equal(d.text, message);
	for (size_t i = 0; i < LEN(secrets); i++)
		assert_null(strstr(d.text, secrets[i]));
	assert_int_equal(record_parse(text, len, "alice", &r, NULL), E_CORRUPT);
}

static void
test_full_reads_and_prints_back(void **state)
{
	struct record r;
	char out[RECORD_TEXT_MAX + 1];

	(void)state;
	record_sample_full(&r);
	assert_string_equal(r.user, "alice");
	assert_int_equal(r.uid, 1000);
	assert_int_equal(r.next_id, 6);
	assert_int_equal(r.enrol_by, 1800000000);
	assert_int_equal(r.device_count, 2);
	assert_int_equal(r.device[0].id, 1);
	assert_int_equal(r.device[0].secret.len, 20);
	assert_memory_equal(r.device[0].secret.bytes, "Hello!\xde\xad\xbe\xef", 10);
	assert_int_equal(r.device[1].type, DEVICE_HARDWARE);
	assert_int_equal(r.device[1].state, DEVICE_PENDING);
	assert_int_equal(r.device[1].params.algorithm, OTP_SHA256);
	assert_int_equal(r.device[1].params.digits, 8);
	assert_int_equal(r.device[1].params.period_s, 60);
	assert_int_equal(r.device[1].expires, 1700000601);
	assert_int_equal(r.device[1].rotate_by, 1700000900);
	assert_int_equal(r.device[0].drift, -7);
	assert_int_equal(r.device[1].drift, 0);
	assert_int_equal(r.device[1].replaces, 1);
	assert_int_equal(r.recovery.id, 2);
	assert_int_equal(r.recovery.iterations, 10000);
	assert_int_equal(r.recovery.count, 2);
	assert_int_equal(r.recovery.hash[1][0], 0xc0);
	assert_int_equal(r.exempt_until, 1900000000);
	assert_string_equal(r.exempt_reason, "on leave");
	assert_int_equal(r.bypass.id, 2);
	assert_int_equal(r.bypass.hash[31], 0xbf);
	assert_int_equal(r.ticket.id, 3);
	assert_int_equal(r.ticket.expires, 1700003601);
	assert_int_equal(r.ticket.salt[0], 0xe0);
	assert_int_equal(r.former_count, 1);
	assert_int_equal(r.former[0].ended, 1650000000);
	assert_int_equal(r.notice_count, 2);
	assert_int_equal(r.notice[1].id, 9);
	assert_string_equal(r.notice[1].text, "rotate soon");
	record_sample_print(&r, out);
	assert_string_equal(out, record_sample_text);
}

static void
test_smallest(void **state)
{
	static const char text[] =
	    "pam_totp-record 1\nuser bob\nuid 4294967295\nnext_id 1\n\nend\n";
	struct record r, again;
	struct diag d;
	char out[RECORD_TEXT_MAX + 1];

	(void)state;
	assert_int_equal(record_init(&r, "bob", UINT32_MAX), E_OK);
	size_t len = record_sample_print(&r, out);
	assert_string_equal(out, text);
	assert_int_equal(record_sample_parse(out, len, &again, &d), E_OK);
	assert_memory_equal(&r, &again, sizeof(r));
	assert_int_equal(record_init(&r, "a/b", 0), E_INVALID);
	assert_true(random_is_zero(&r, sizeof(r)));
}

/* Keys and sections in another order, more blank lines, other case: one record. */
static void
test_order_is_free(void **state)
{
	static const char text[] =
	    "pam_totp-record 1\n\n\nnext_id 3\nuid 7\nuser bob\n"
	    "[exempt]\nreason r\n\nuntil 5\n[device 2]\nreplaces 0\nexpires 0\nrotate_by 0\n"
	    "drift -100000\nsecret gezdgnbvgy3tqojq\ncreated 0\nperiod 15\ndigits 7\n"
	    "algorithm SHA512\nstate disabled\ntype hardware\nname a\nend\n";
	static const char canonical[] =
	    "pam_totp-record 1\nuser bob\nuid 7\nnext_id 3\n\n"
	    "[device 2]\nname a\ntype hardware\nstate disabled\nalgorithm SHA512\ndigits 7\n"
	    "period 15\nsecret GEZDGNBVGY3TQOJQ\ncreated 0\nexpires 0\nrotate_by 0\n"
	    "drift -100000\nreplaces 0\n\n"
	    "[exempt]\nuntil 5\nreason r\n\nend\n";
	struct record r;
	struct diag d;
	char out[RECORD_TEXT_MAX + 1];

	(void)state;
	assert_int_equal(record_sample_parse(text, sizeof(text) - 1, &r, &d), E_OK);
	record_sample_print(&r, out);
	assert_string_equal(out, canonical);
}

#define NAME_RULE "expected 1-64 of A-Z a-z 0-9 + = , . @ - _"
#define TEXT_RULE "expected 1-160 printable characters, no blank at either end"
#define DRIFT_RULE "-100000..100000"
#define TIME_RULE "expected seconds since 1970, 0..253402300799"
#define SOME_TIME_RULE "expected seconds since 1970, 1..253402300799"
#define TEN_CHARS "0123456789"
#define FORTY_CHARS TEN_CHARS TEN_CHARS TEN_CHARS TEN_CHARS

static const struct {
	const char *from, *to, *message;
} refusals[] = {
	/* The frame. */
	{"pam_totp-record 1", "pam_totp-record 2", "alice:1: expected \"pam_totp-record 1\""},
	{"pam_totp-record 1\n", "", "alice:1: expected \"pam_totp-record 1\""},
	{"pam_totp-record 1\n", "\npam_totp-record 1\n",
	    "alice:1: expected \"pam_totp-record 1\""},
	{"\nend\n", "\n", "alice:68: expected \"end\" as the last line"},
	{"\nend\n", "\nend\n\n", "alice:70: expected nothing after \"end\""},
	{"\nend\n", "\nend\nuid 5\n", "alice:70: expected nothing after \"end\""},
	{"\nend\n", "\nend \n", "alice:69: expected a key of this section"},
	{"[device 1]", "# SLIP\n[device 1]",
	    "alice:7: expected user, uid, next_id, enrol_by or a section"},
	{"name phone", "SLIPPED secret", "alice:8: expected a key of this section"},
	{"name phone", " name phone", "alice:8: expected a key of this section"},
	{"name phone", "Name phone", "alice:8: expected a key of this section"},
	{"name phone", "\r", "alice:8: expected a key of this section"},
	{"name phone", "name", "alice:8: name: " NAME_RULE},
	{"name phone", "name ", "alice:8: name: " NAME_RULE},
	{"name phone", "name phone\r", "alice:8: name: " NAME_RULE},
	{"[device 1]", "[device 1", "alice:7: expected a section to end with ]"},
	{"[device 1]", "[", "alice:7: expected a section to end with ]"},
	{"[device 1]", "[SLIP 1]", "alice:7: expected [device ID], [recovery ID], [exempt], "
	    "[bypass ID], [ticket ID], [former ID] or [notice ID]"},
	{"[device 1]", "[]", "alice:7: expected [device ID], [recovery ID], [exempt], "
	    "[bypass ID], [ticket ID], [former ID] or [notice ID]"},
	{"[device 1]", "[device]", "alice:7: [device]: expected an id 1..4294967295"},
	{"[device 1]", "[device 0]", "alice:7: [device]: expected an id 1..4294967295"},
	{"[device 1]", "[device  1]", "alice:7: [device]: expected an id 1..4294967295"},
	{"[device 1]", "[device 1 ]", "alice:7: [device]: expected an id 1..4294967295"},
	{"[device 1]", "[device 01]", "alice:7: [device]: expected an id 1..4294967295"},
	{"[device 1]", "[device 4294967297]",
	    "alice:7: [device]: expected an id 1..4294967295"},
	{"[exempt]", "[exempt 1]", "alice:41: [exempt]: expected no id"},
	{"[ticket 3]", "[bypass 3]", "alice:50: [bypass]: expected at most 1 of these"},
	/* Missing and twice. */
	{"uid 1000\n", "", "alice:6: uid: missing before this line; expected 0..4294967295"},
	{"digits 6\n", "", "alice:20: digits: missing before this line; expected 6..8"},
	{"text rotate soon\n", "", "alice:68: text: missing before this line; " TEXT_RULE},
	{"code " HASH_A "\ncode " HASH_C "\n", "",
	    "alice:39: code: missing before this line; "
	    "expected 64 hexadecimal digits, in 1..10 lines"},
	{"digits 6\n", "digits 6\ndigits 6\n", "alice:13: digits: given twice"},
	{"uid 1000\n", "uid 1000\nuid 1000\n", "alice:4: uid: given twice"},
	/* Values. */
	{"user alice", "user .alice", "alice:2: user: expected a user name"},
	{"user alice", "user al ice", "alice:2: user: expected a user name"},
	{"uid 1000", "uid -1", "alice:3: uid: expected 0..4294967295"},
	{"uid 1000", "uid 4294967296", "alice:3: uid: expected 0..4294967295"},
	{"uid 1000", "uid 1000 ", "alice:3: uid: expected 0..4294967295"},
	{"next_id 6", "next_id 0", "alice:4: next_id: expected 1..4294967295"},
	{"enrol_by 1800000000", "enrol_by 0", "alice:5: enrol_by: " SOME_TIME_RULE},
	{"name phone", "name pho ne", "alice:8: name: " NAME_RULE},
	{"name phone", "name -phone", "alice:8: name: " NAME_RULE},
	{"name phone", "name " FORTY_CHARS FORTY_CHARS, "alice:8: name: " NAME_RULE},
	{"type virtual", "type Virtual", "alice:9: type: expected virtual or hardware"},
	{"state active", "state ?", "alice:10: state: expected pending, active or disabled"},
	{"algorithm SHA1\n", "algorithm MD5\n",
	    "alice:11: algorithm: expected SHA1, SHA256 or SHA512"},
	{"digits 6", "digits 5", "alice:12: digits: expected 6..8"},
	{"digits 6", "digits 9", "alice:12: digits: expected 6..8"},
	{"digits 6", "digits 06", "alice:12: digits: expected 6..8"},
	{"period 30", "period 14", "alice:13: period: expected 15..120"},
	{"period 30", "period 121", "alice:13: period: expected 15..120"},
	{"secret JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "secret JBSWY3DPEHPK3PX1",
	    "alice:14: secret: expected base32 of 10..64 bytes, no padding"},
	{"secret JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "secret JBSWY3DP",
	    "alice:14: secret: expected base32 of 10..64 bytes, no padding"},
	{"secret JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "secret JBSWY3DPEHPK3PXPJB======",
	    "alice:14: secret: expected base32 of 10..64 bytes, no padding"},
	{"secret JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "secret",
	    "alice:14: secret: expected base32 of 10..64 bytes, no padding"},
	{"secret JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
	    "secret JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	    "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DP",
	    "alice:14: secret: expected base32 of 10..64 bytes, no padding"},
	{"created 1700000000", "created 253402300800", "alice:15: created: " TIME_RULE},
	{"created 1700000000", "created 1e9", "alice:15: created: " TIME_RULE},
	{"expires 0", "expires 18446744073709551616", "alice:16: expires: " TIME_RULE},
	{"rotate_by 0", "rotate_by never", "alice:17: rotate_by: " TIME_RULE},
	{"drift -7\n", "", "alice:20: drift: missing before this line; expected " DRIFT_RULE},
	{"drift -7", "drift ", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift -", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift -0", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift -07", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift --7", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift - 7", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift +7", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift -7 ", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift 7-", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift 100001", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift -100001", "alice:18: drift: expected " DRIFT_RULE},
	{"drift -7", "drift 4294967296", "alice:18: drift: expected " DRIFT_RULE},
	{"iterations 10000", "iterations 999",
	    "alice:36: iterations: expected 1000..1000000"},
	{"iterations 10000", "iterations 1000001",
	    "alice:36: iterations: expected 1000..1000000"},
	{"salt " SALT, "salt " SALT "e0", "alice:37: salt: expected 32 hexadecimal digits"},
	{"code " HASH_A, "code " SALT,
	    "alice:38: code: expected 64 hexadecimal digits, in 1..10 lines"},
	{"until 1900000000", "until 0", "alice:42: until: " SOME_TIME_RULE},
	{"reason on leave", "reason  on leave", "alice:43: reason: " TEXT_RULE},
	{"reason on leave", "reason on leave ", "alice:43: reason: " TEXT_RULE},
	{"reason on leave", "reason on\tleave", "alice:43: reason: " TEXT_RULE},
	{"reason on leave", "reason on l\xc3\xa9" "ave", "alice:43: reason: " TEXT_RULE},
	{"reason on leave", "reason " FORTY_CHARS FORTY_CHARS FORTY_CHARS FORTY_CHARS "x",
	    "alice:43: reason: " TEXT_RULE},
	{"expires 1700003600", "expires x", "alice:46: expires: " TIME_RULE},
	{"hash " HASH_A, "hash x", "alice:48: hash: expected 64 hexadecimal digits"},
	{"ended 1650000000", "ended", "alice:59: ended: " TIME_RULE},
	{"at 1700000002", "at +1", "alice:62: at: " TIME_RULE},
	{"text device added", "text \x7f", "alice:63: text: " TEXT_RULE},
	/* Rules between places: the line of the section that breaks them. */
	{"[device 1]", "[device 6]", "alice:7: id: expected 1..next_id-1"},
	{"[device 1]", "[device 4]", "alice:21: id: expected one that no other device has"},
	{"name token", "name PHONE", "alice:21: name: expected one that no other device has"},
	{"GEZDGNBVGY3TQOJQ", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
	    "alice:21: secret: expected one that no other device has"},
	{"state active", "state pending",
	    "alice:7: expires: expected a time, as the device is pending"},
	{"replaces 0", "replaces 4",
	    "alice:7: replaces: expected the id of another device, if pending, else 0"},
	{"replaces 1", "replaces 4",
	    "alice:21: replaces: expected the id of another device, if pending, else 0"},
	{"replaces 1", "replaces 6",
	    "alice:21: replaces: expected the id of another device, if pending, else 0"},
	{"[former 2]", "[former 6]", "alice:55: id: expected 1..next_id-1"},
	{"[former 2]", "[former 4]", "alice:55: id: expected one that no device has"},
	{"[notice 9]", "[notice 7]",
	    "alice:65: id: expected one larger than the notice's before"},
};

static void
test_refusals(void **state)
{
	char text[RECORD_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < LEN(refusals); i++)
		refused(text, edit(refusals[i].from, refusals[i].to, text),
		    refusals[i].message);
}

static void
test_two_pending(void **state)
{
	char text[RECORD_TEXT_MAX];

	(void)state;
	edit("state active", "state pending", text);
	char *expires = strstr(text, "expires 0");
	assert_non_null(expires);
	expires[8] = '9';
	refused(text, strlen(text), "alice:21: state: expected at most one pending device");
}

/* Sections and codes beyond their maximum. */
static void
test_one_too_many(void **state)
{
	char out[RECORD_TEXT_MAX], more[RECORD_TEXT_MAX] = "";
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < RECOVERY_CODES_MAX - 1; i++)
		n += (size_t)snprintf(more + n, sizeof(more) - n, "code " HASH_A "\n");
	n += (size_t)snprintf(more + n, sizeof(more) - n, "[exempt]");
	size_t len = edit("\n[exempt]", more, out);
	refused(out, len,
	    "alice:48: code: expected 64 hexadecimal digits, in 1..10 lines");

	n = 0;
	for (unsigned i = 1; i <= RECORD_NOTICES_MAX + 1; i++)
		n += (size_t)snprintf(more + n, sizeof(more) - n,
		    "[notice %u]\nat 0\ntext x\n", i);
	n = (size_t)snprintf(out, sizeof(out),
	    "pam_totp-record 1\nuser a\nuid 0\nnext_id 1\n%send\n", more);
	refused(out, n, "alice:29: [notice]: expected at most 8 of these");

	n = 0;
	for (unsigned i = 1; i <= RECORD_FORMER_MAX + 1; i++)
		n += (size_t)snprintf(more + n, sizeof(more) - n,
		    "[former %u]\nname x\ntype virtual\ncreated 0\nended 0\n", i);
	n = (size_t)snprintf(out, sizeof(out),
	    "pam_totp-record 1\nuser a\nuid 0\nnext_id 99\n%send\n", more);
	refused(out, n, "alice:85: [former]: expected at most 16 of these");
}

static void
test_size_and_nul(void **state)
{
	static char text[RECORD_TEXT_MAX + 1];
	struct record r;
	struct diag d;

	(void)state;
	refused("", 0, "alice: expected 1..16384 bytes");
	/* Blank lines fill it to the last byte that is read. */
	memset(text, '\n', sizeof(text));
	memcpy(text, record_sample_text, 18);
	size_t rest = RECORD_SAMPLE_LEN - 18;
	memcpy(text + RECORD_TEXT_MAX - rest, record_sample_text + 18, rest);
	assert_int_equal(record_sample_parse(text, RECORD_TEXT_MAX, &r, &d), E_OK);
	refused(text, RECORD_TEXT_MAX + 1, "alice: expected 1..16384 bytes");
	memcpy(text, record_sample_text, RECORD_SAMPLE_LEN + 1);
	refused(text, RECORD_SAMPLE_LEN + 1, "alice: expected text without NUL bytes");
	text[30] = '\0';
	refused(text, RECORD_SAMPLE_LEN, "alice: expected text without NUL bytes");
}

static void
test_cut_anywhere(void **state)
{
	struct record r;
	struct diag d;

	(void)state;
	for (size_t len = 0; len < RECORD_SAMPLE_LEN; len++)
		assert_int_equal(record_sample_parse(record_sample_text, len, &r, &d), E_CORRUPT);
}

/* Each line left out, and each line doubled: refused, but for what may be absent or several. */
static void
test_each_line_gone_or_doubled(void **state)
{
	char text[RECORD_TEXT_MAX];
	struct record r;
	struct diag d;
	unsigned refused_count = 0;

	(void)state;
	for (const char *line = record_sample_text; *line != '\0';) {
		const char *next = strchr(line, '\n') + 1;
		size_t len = (size_t)(next - line);
		int before = (int)(line - record_sample_text);
		bool is_blank = len == 1, is_code = strncmp(line, "code ", 5) == 0;

		size_t n = (size_t)snprintf(text, sizeof(text), "%.*s%s", before,
		    record_sample_text, next);
		bool may_go = is_blank || is_code || strncmp(line, "enrol_by", 8) == 0;
		assert_int_equal(record_sample_parse(text, n, &r, &d), may_go ? E_OK : E_CORRUPT);
		if (may_go)
			assert_int_equal(r.device_count, 2);

		n = (size_t)snprintf(text, sizeof(text), "%.*s%s", before + (int)len,
		    record_sample_text, line);
		assert_int_equal(record_sample_parse(text, n, &r, &d),
		    is_blank || is_code ? E_OK : E_CORRUPT);
		refused_count++;
		line = next;
	}
	assert_int_equal(refused_count, 69);
}

static void
test_print_then_parse_is_identity(void **state)
{
	char out[RECORD_TEXT_MAX + 1], again[RECORD_TEXT_MAX + 1];
	struct record r, back;
	struct diag d;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		record_sample_draw(&r, false);
		assert_null(record_fault(&r));
		size_t len = record_sample_print(&r, out);
		if (record_sample_parse(out, len, &back, &d) != E_OK)
			fail_msg("round %u: %s", i, d.text);
		assert_memory_equal(&r, &back, sizeof(r));
		assert_int_equal(record_sample_print(&back, again), len);
		assert_string_equal(out, again);
	}
}

/* The largest record fits in RECORD_TEXT_MAX; a smaller buffer is E_LIMIT, and wiped. */
static void
test_print_limits(void **state)
{
	char out[RECORD_TEXT_MAX + 1];
	struct record r, back;
	struct diag d;
	size_t len = 1, n = 1;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		record_sample_draw(&r, true);
		len = record_sample_print(&r, out);
		assert_int_equal(record_sample_parse(out, len, &back, &d), E_OK);
		assert_memory_equal(&r, &back, sizeof(r));
	}
	assert_int_equal(record_print(&r, out, len + 1, &n), E_OK);
	assert_int_equal(n, len);
	for (size_t cap = 0; cap <= len; cap += 1 + cap / 50) {
		char *exact = malloc(cap > 0 ? cap : 1);

		assert_non_null(exact);
		n = 1;
		assert_int_equal(record_print(&r, exact, cap, &n), E_LIMIT);
		assert_int_equal(n, 0);
		assert_true(random_is_zero(exact, cap));
		free(exact);
	}
	assert_int_equal(record_print(&r, out, len, &n), E_LIMIT);
}

/* Whatever random damage leaves readable prints to a canonical text that reads back equal. */
static void
test_random_damage(void **state)
{
	static const char likely[] = "\n\n []0159Aa=~\r";
	char text[2 * RECORD_TEXT_MAX], out[RECORD_TEXT_MAX + 1];
	struct record r, back;
	struct diag d;
	unsigned read_count = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		record_sample_draw(&r, false);
		size_t len = i % 2 == 0 ? RECORD_SAMPLE_LEN : record_sample_print(&r, text);
		if (i % 2 == 0)
			memcpy(text, record_sample_text, len);
		for (uint64_t k = 0; k < 1 + random_below(3); k++) {
			size_t at = (size_t)random_below(len), to = (size_t)random_below(len);
			size_t n = (size_t)random_below(40);

			switch (random_below(5)) {
			case 0: /* any byte */
				text[at] = (char)random_below(256);
				break;
			case 1: /* a byte that matters */
				text[at] = likely[random_below(sizeof(likely) - 1)];
				break;
			case 2: /* a byte gone */
				memmove(text + at, text + at + 1, len - at - 1);
				len--;
				break;
			case 3: /* a byte more */
				memmove(text + at + 1, text + at, len - at);
				text[at] = likely[random_below(sizeof(likely) - 1)];
				len++;
				break;
			default: /* a piece copied elsewhere */
				n = n < len - at ? n : len - at;
				n = n < len - to ? n : len - to;
				memmove(text + to, text + at, n);
			}
		}
		if (record_sample_parse(text, len, &r, &d) != E_OK) {
			assert_true(strlen(d.text) > 0);
			continue;
		}
		read_count++;
		size_t out_len = record_sample_print(&r, out);
		assert_int_equal(record_sample_parse(out, out_len, &back, &d), E_OK);
		assert_memory_equal(&r, &back, sizeof(r));
	}
	/* Neither always nor never: the damage was of a useful size. */
	assert_in_range(read_count, 100, 15000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_reads_and_prints_back),
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_order_is_free),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_two_pending),
		cmocka_unit_test(test_one_too_many),
		cmocka_unit_test(test_size_and_nul),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_each_line_gone_or_doubled),
		cmocka_unit_test(test_print_then_parse_is_identity),
		cmocka_unit_test(test_print_limits),
		cmocka_unit_test(test_random_damage),
	};

	return cmocka_run_group_tests_name("record_text", tests, random_setup, NULL);
}
