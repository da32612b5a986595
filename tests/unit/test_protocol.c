/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* protocol.c: both ends of a set-uid boundary read with it. Every form of a line that is no
 * message is refused, what is printed is read back equal, every wait has an end, and
 * nothing that was a password stays in a buffer. Lines are cut out of exact heap blocks, so
 * that a sanitizer sees a byte read too far. */

#include "protocol.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 10000
#define ROUNDS 20000

/* Parse len bytes that stand in a block of exactly that size. */
static int
parse(const char *text, size_t len, struct message *m)
{
	char *block = malloc(len > 0 ? len : 1);
	assert_non_null(block);
	memcpy(block, text, len);
	int r = message_parse((struct span) { block, len }, m);
	free(block);
	return r;
}

static void
assert_wiped(const void *p, size_t len)
{
	const unsigned char *bytes = p;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], 0);
}

static void
test_parse(void **state)
{
	(void)state;
	static const char line[] = "prompt echo=0 kind=pam text=Pass%20word%3a%0A%C3%A9 base32=";
	struct message m;
	assert_int_equal(parse(line, sizeof(line) - 1, &m), 0);
	assert_string_equal(m.verb, "prompt");
	assert_int_equal(m.count, 4);
	assert_string_equal(message_get(&m, "echo"), "0");
	assert_string_equal(message_get(&m, "kind"), "pam");
	assert_string_equal(message_get(&m, "text"), "Pass word:\n\xC3\xA9");
	assert_string_equal(message_get(&m, "base32"), "");
	assert_null(message_get(&m, "prompt"));
	assert_int_equal(parse("abort", 5, &m), 0);
	assert_string_equal(m.verb, "abort");
	assert_int_equal(m.count, 0);
}

static void
test_parse_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
#define LINE(s) { s, sizeof(s) - 1 }
		LINE(""),
		LINE(" "),
		LINE(" abort"),
		LINE("abort "),
		LINE("abort\n"),
		LINE("abort\r"),
		LINE("Abort"),
		LINE("ab_rt"),
		LINE("abcdefghijklmnop"),
		LINE("answer text"),
		LINE("answer =x"),
		LINE("answer  text=x"),
		LINE("answer text=x "),
		LINE("answer text=x\ttext=y"),
		LINE("answer text=a text=a"),
		LINE("answer Text=a"),
		LINE("answer abcdefghijklmnop=a"),
		LINE("answer text=a=b"),
		LINE("answer text=%"),
		LINE("answer text=%4"),
		LINE("answer text=%4g"),
		LINE("answer text=%G4"),
		LINE("answer text=%00"),
		LINE("answer text=%0"),
		LINE("answer text=\0"),
		LINE("answer\0 text=a"),
		LINE("answer text=caf\xC3\xA9"),
		LINE("answer text=a;b"),
		LINE("answer text=%%41"),
#undef LINE
	};
	struct message m;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&m, 'x', sizeof(m));
		if (parse(bad[i].text, bad[i].len, &m) != E_INVALID)
			fail_msg("accepted: \"%s\"", bad[i].text);
		assert_wiped(&m, sizeof(m));
	}
	assert_int_equal(message_parse((struct span) { NULL, 0 }, &m), E_INVALID);
}

/* The largest value, one byte more; the most pairs, one more; the longest line, one more. */
static void
test_limits(void **state)
{
	(void)state;
	char line[2 * PROTOCOL_LINE_MAX];
	struct message m;
	int head = snprintf(line, sizeof(line), "answer text=");
	memset(line + head, 'a', PROTOCOL_VALUE_CAP);
	assert_int_equal(parse(line, (size_t)head + PROTOCOL_VALUE_CAP - 1, &m), 0);
	assert_int_equal(strlen(message_get(&m, "text")), PROTOCOL_VALUE_CAP - 1);
	assert_int_equal(parse(line, (size_t)head + PROTOCOL_VALUE_CAP, &m), E_INVALID);

	size_t len = (size_t)snprintf(line, sizeof(line), "v");
	for (unsigned i = 0; i < PROTOCOL_PAIRS_MAX; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, " k%c=%u", 'a' + (char)i,
		    i);
	assert_int_equal(parse(line, len, &m), 0);
	assert_int_equal(m.count, PROTOCOL_PAIRS_MAX);
	len += (size_t)snprintf(line + len, sizeof(line) - len, " z=1");
	assert_int_equal(parse(line, len, &m), E_INVALID);

	len = (size_t)snprintf(line, sizeof(line), "v a=%0510d b=%0510d c=%0510d d=", 1, 2, 3);
	memset(line + len, 'd', PROTOCOL_LINE_MAX - 1 - len);
	assert_int_equal(parse(line, PROTOCOL_LINE_MAX - 1, &m), 0);
	line[PROTOCOL_LINE_MAX - 1] = 'd';
	assert_int_equal(parse(line, PROTOCOL_LINE_MAX, &m), E_INVALID);
}

static void
test_numbers(void **state)
{
	(void)state;
	struct message m;
	uint64_t n = 7;
	assert_int_equal(parse("v a=0 b=20 c=-1 d=007 e= f=21", 29, &m), 0);
	assert_int_equal(message_get_u64(&m, "b", 0, 20, &n), 0);
	assert_int_equal(n, 20);
	static const char *const bad[] = { "c", "d", "e", "f", "g" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		n = 7;
		assert_int_equal(message_get_u64(&m, bad[i], 0, 20, &n), E_INVALID);
		assert_int_equal(n, 0);
	}
	assert_int_equal(message_get_u64(&m, "a", 1, 20, &n), E_INVALID);
	message_init(&m, "v");
	message_add_u64(&m, "n", UINT64_MAX);
	assert_string_equal(message_get(&m, "n"), "18446744073709551615");
}

static void
test_print(void **state)
{
	(void)state;
	char out[PROTOCOL_LINE_MAX + 1];
	size_t len = 0;
	struct message m;
	message_init(&m, "done");
	message_add_u64(&m, "exit", 3);
	message_add(&m, "text", "100% \x01 a=b");
	assert_int_equal(message_print(&m, out, sizeof(out), &len), 0);
	assert_string_equal(out, "done exit=3 text=100%25%20%01%20a%3Db\n");
	assert_int_equal(len, strlen(out));
	/* Too small a buffer: nothing of it stays there. */
	memset(out, 'x', sizeof(out));
	assert_int_equal(message_print(&m, out, 20, &len), E_LIMIT);
	assert_int_equal(len, 0);
	assert_wiped(out, 20);
}

/* A message that cannot be read back is not printed. */
static void
test_print_refuses(void **state)
{
	(void)state;
	char out[PROTOCOL_LINE_MAX + 1];
	char text[PROTOCOL_VALUE_CAP + 1];
	size_t len = 0;
	struct message m;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	message_init(&m, "answer");
	message_add(&m, "text", text);
	assert_true(m.has_overflowed);
	assert_int_equal(message_print(&m, out, sizeof(out), &len), E_LIMIT);

	static const char *const words[] = { "", "Upper", "sp ace", "abcdefghijklmnop", "a=b" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		message_init(&m, words[i]);
		assert_int_equal(message_print(&m, out, sizeof(out), &len), E_LIMIT);
		message_init(&m, "answer");
		message_add(&m, words[i], "x");
		assert_int_equal(message_print(&m, out, sizeof(out), &len), E_LIMIT);
	}
	message_init(&m, "answer");
	message_add(&m, "text", "a");
	message_add(&m, "text", "b");
	assert_int_equal(message_print(&m, out, sizeof(out), &len), E_LIMIT);

	message_init(&m, "v");
	for (char k = 'a'; k < 'a' + PROTOCOL_PAIRS_MAX + 1; k++)
		message_add(&m, (char[]) { k, '\0' }, "");
	assert_int_equal(message_print(&m, out, sizeof(out), &len), E_LIMIT);

	/* Each value fits, the line does not. */
	text[PROTOCOL_VALUE_CAP - 1] = '\0';
	memset(text, ' ', PROTOCOL_VALUE_CAP - 1);
	message_init(&m, "v");
	message_add(&m, "a", text);
	assert_int_equal(message_print(&m, out, sizeof(out), &len), 0);
	message_add(&m, "b", text);
	assert_int_equal(message_print(&m, out, sizeof(out), &len), E_LIMIT);
}

static uint32_t
random_next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* Property: parse(print(m)) = m for messages of any bytes. */
static void
test_round_trip(void **state)
{
	(void)state;
	uint64_t seed = 20240901;
	char out[PROTOCOL_LINE_MAX + 1];
	unsigned printed = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct message m;
		struct message back;
		size_t len = 0;
		message_init(&m, "verb");
		unsigned pairs = random_next(&seed) % (PROTOCOL_PAIRS_MAX + 1);
		for (unsigned i = 0; i < pairs; i++) {
			char value[PROTOCOL_VALUE_CAP] = "";
			unsigned n = random_next(&seed) % (i == 0 ? PROTOCOL_VALUE_CAP : 40);
			for (unsigned k = 0; k < n; k++)
				value[k] = (char)(1 + random_next(&seed) % 255);
			message_add(&m, (char[]) { (char)('a' + i), '-', '\0' }, value);
		}
		if (message_print(&m, out, sizeof(out), &len) != 0)
			continue;
		printed++;
		assert_int_equal(out[len - 1], '\n');
		assert_int_equal(parse(out, len - 1, &back), 0);
		assert_memory_equal(&m, &back, sizeof(m));
	}
	assert_true(printed > ROUNDS / 4);
}

/* Property: bytes changed at random never crash, and what is accepted prints and parses to
 * itself. */
static void
test_random_lines(void **state)
{
	(void)state;
	static const char seedline[] = "request op=add name=my-phone type=virtual text=%41";
	uint64_t seed = 7;
	unsigned accepted = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		char line[sizeof(seedline)];
		char out[PROTOCOL_LINE_MAX + 1];
		struct message m;
		struct message back;
		size_t len = 0;
		memcpy(line, seedline, sizeof(line));
		for (unsigned k = random_next(&seed) % 4; k > 0; k--)
			line[random_next(&seed) % (sizeof(line) - 1)] = (char)random_next(&seed);
		size_t cut = random_next(&seed) % sizeof(line);
		if (parse(line, cut, &m) != 0) {
			assert_wiped(&m, sizeof(m));
			continue;
		}
		accepted++;
		assert_int_equal(message_print(&m, out, sizeof(out), &len), 0);
		assert_int_equal(parse(out, len - 1, &back), 0);
		assert_memory_equal(&m, &back, sizeof(m));
	}
	assert_true(accepted > 0 && accepted < ROUNDS);
}

struct line_pipe {
	int fd[2];
	struct protocol p;
};

static void
open_pipe(struct line_pipe *l)
{
	assert_int_equal(pipe(l->fd), 0);
	protocol_init(&l->p, l->fd[0], l->fd[1]);
}

static void
put(const struct line_pipe *l, const char *text, size_t len)
{
	assert_int_equal(write(l->fd[1], text, len), (ssize_t)len);
}

static void
test_receive(void **state)
{
	(void)state;
	struct line_pipe l;
	struct message m;
	open_pipe(&l);
	/* Two lines in one write come one by one, and nothing of them stays. */
	put(&l, "answer text=hunter2\nabort\n", 26);
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), 0);
	assert_string_equal(message_get(&m, "text"), "hunter2");
	assert_int_equal(l.p.have, 6);
	assert_wiped(l.p.buf + 6, sizeof(l.p.buf) - 6);
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), 0);
	assert_string_equal(m.verb, "abort");
	assert_wiped(l.p.buf, sizeof(l.p.buf));
	/* The whole of the longest line. */
	char line[PROTOCOL_LINE_MAX + 1];
	size_t len = (size_t)snprintf(line, sizeof(line), "v a=%0510d b=%0510d c=%0510d d=", 1,
	    2, 3);
	memset(line + len, 'd', PROTOCOL_LINE_MAX - 1 - len);
	line[PROTOCOL_LINE_MAX - 1] = '\n';
	put(&l, line, PROTOCOL_LINE_MAX);
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), 0);
	close(l.fd[1]);
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), E_NOENT);
	close(l.fd[0]);
}

static void
test_receive_refuses(void **state)
{
	(void)state;
	struct line_pipe l;
	struct message m;

	/* No message; what stood behind it is not looked at. */
	open_pipe(&l);
	put(&l, "Garbage\nabort\n", 14);
	memset(&m, 'x', sizeof(m));
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), E_INVALID);
	assert_wiped(&m, sizeof(m));
	assert_wiped(l.p.buf, sizeof(l.p.buf));

	/* A line without end that fills the buffer, then a line cut by the end. */
	char flood[PROTOCOL_LINE_MAX];
	memset(flood, 'a', sizeof(flood));
	put(&l, flood, sizeof(flood));
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), E_INVALID);
	put(&l, "abort", 5);
	close(l.fd[1]);
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), E_INVALID);
	close(l.fd[0]);

	/* Descriptors that are none. */
	protocol_init(&l.p, -1, -1);
	assert_int_equal(protocol_receive(&l.p, &m, 200), E_IO);
	protocol_init(&l.p, 1000000, 1000000);
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), E_IO);
}

static double
now(void)
{
	struct timespec t;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Silence, and a sender that drips bytes without end, both end in time. */
static void
test_receive_in_time(void **state)
{
	(void)state;
	struct line_pipe l;
	struct message m;
	open_pipe(&l);
	double start = now();
	put(&l, "answer", 6);
	assert_int_equal(protocol_receive(&l.p, &m, 100), E_IO);
	assert_true(now() - start >= 0.09);
	assert_int_equal(protocol_receive(&l.p, &m, 0), E_IO);

	pid_t drip = fork();
	if (drip == 0) {
		for (;;) {
			if (write(l.fd[1], "a", 1) != 1)
				_exit(0);
			nanosleep(&(struct timespec) { .tv_nsec = 20000000 }, NULL);
		}
	}
	start = now();
	assert_int_equal(protocol_receive(&l.p, &m, 300), E_IO);
	/* Far less than the 40 s that a full buffer would take. */
	assert_true(now() - start < 20);
	kill(drip, SIGKILL);
	close(l.fd[0]);
	close(l.fd[1]);
}

static void
test_send(void **state)
{
	(void)state;
	struct line_pipe l;
	struct message m;
	struct message back;
	open_pipe(&l);
	message_init(&m, "answer");
	message_add(&m, "text", "a b");
	assert_int_equal(protocol_send(&l.p, &m, LONG_MS), 0);
	assert_int_equal(protocol_receive(&l.p, &back, LONG_MS), 0);
	assert_memory_equal(&m, &back, sizeof(m));
	message_add(&m, "text", "again");
	assert_int_equal(protocol_send(&l.p, &m, LONG_MS), E_LIMIT);

	/* A reader that does not read. */
	message_init(&m, "info");
	int r = 0;
	for (unsigned i = 0; i < 1000000 && r == 0; i++)
		r = protocol_send(&l.p, &m, 50);
	assert_int_equal(r, E_IO);

	/* A reader that is gone. */
	close(l.fd[0]);
	assert_int_equal(protocol_send(&l.p, &m, LONG_MS), E_IO);
	close(l.fd[1]);
	protocol_init(&l.p, -1, 1000000);
	assert_int_equal(protocol_send(&l.p, &m, 200), E_IO);
}

static void
test_wipe(void **state)
{
	(void)state;
	struct message m;
	struct line_pipe l;
	message_init(&m, "answer");
	message_add(&m, "text", "hunter2");
	message_wipe(&m);
	assert_wiped(&m, sizeof(m));
	open_pipe(&l);
	put(&l, "answer text=hun", 15);
	assert_int_equal(protocol_receive(&l.p, &m, 50), E_IO);
	assert_wiped(l.p.buf, sizeof(l.p.buf));
	put(&l, "abort\nanswer text=hun", 21);
	assert_int_equal(protocol_receive(&l.p, &m, LONG_MS), 0);
	assert_true(l.p.have > 0);
	protocol_wipe(&l.p);
	assert_int_equal(l.p.have, 0);
	assert_wiped(l.p.buf, sizeof(l.p.buf));
	close(l.fd[0]);
	close(l.fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_print_refuses),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_random_lines),
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_receive_refuses),
		cmocka_unit_test(test_receive_in_time),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_wipe),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
