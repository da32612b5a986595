/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* The line protocol between totp-helper and its clients, which are totp-enroll and, where its
 * host is not root, pam_totp.so. The other end is hostile on both sides of a set-uid
 * boundary, so this file promises:
 *
 *  1. message_parse is pure: any bytes give a message or E_INVALID, reading nothing
 *     outside the span and allocating nothing.
 *  2. What message_print writes, message_parse reads back equal.
 *  3. protocol_receive returns within its time, by the monotonic clock, however slowly
 *     bytes arrive, and never holds more than one line's worth of them.
 *  4. Lines carry passwords, codes and secrets: every copy that this file makes is
 *     overwritten before it is left, on every path.
 *  5. On a socket nothing here raises SIGPIPE, which would be the host's of a module.
 */
#include "protocol.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char hex_digits[] = "0123456789ABCDEF";

static bool
is_word(struct span s)
{
	if (s.len < 1 || s.len >= PROTOCOL_WORD_CAP)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if ((s.at[i] < 'a' || s.at[i] > 'z') && (s.at[i] < '0' || s.at[i] > '9') &&
		    s.at[i] != '-')
			return false;
	}
	return true;
}

/* Whether a byte stands for itself in a value. */
static bool
is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("-._~:/@+,", c) != NULL);
}

/* The value of a hexadecimal digit, or -1. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void
message_wipe(struct message *m)
{
	bytes_wipe(m, sizeof(*m));
}

void
protocol_wipe(struct protocol *p)
{
	bytes_wipe(p->buf, sizeof(p->buf));
	p->have = 0;
}

void
message_init(struct message *m, const char *verb)
{
	struct span s = {verb, strlen(verb)};

	memset(m, 0, sizeof(*m));
	if (!is_word(s) || bytes_copy(s, m->verb, sizeof(m->verb)) != 0)
		m->has_overflowed = true;
}

void
message_add(struct message *m, const char *key, const char *value)
{
	struct span k = {key, strlen(key)};
	struct span v = {value, strlen(value)};

	if (m->count >= PROTOCOL_PAIRS_MAX || !is_word(k) || message_get(m, key) != NULL ||
	    bytes_copy(k, m->pair[m->count].key, sizeof(m->pair[0].key)) != 0 ||
	    bytes_copy(v, m->pair[m->count].value, sizeof(m->pair[0].value)) != 0) {
		m->has_overflowed = true;
		return;
	}
	m->count++;
}

void
message_add_u64(struct message *m, const char *key, uint64_t value)
{
	char text[24];
	struct bytes_writer w;

	bytes_writer_init(&w, text, sizeof(text));
	bytes_put_u64(&w, value);
	message_add(m, key, text);
}

const char *
message_get(const struct message *m, const char *key)
{
	for (unsigned i = 0; i < m->count && i < PROTOCOL_PAIRS_MAX; i++) {
		if (strcmp(m->pair[i].key, key) == 0)
			return m->pair[i].value;
	}
	return NULL;
}

int
message_get_u64(const struct message *m, const char *key, uint64_t min, uint64_t max,
    uint64_t *out)
{
	*out = 0;
	const char *value = message_get(m, key);
	if (value == NULL)
		return E_INVALID;
	return bytes_parse_u64((struct span){value, strlen(value)}, min, max, out);
}

/* Undo the percent-encoding of a whole value. */
static int
parse_value(struct span in, char out[PROTOCOL_VALUE_CAP])
{
	size_t len = 0;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];

		if (c == '%') {
			if (in.len - i < 3)
				return E_INVALID;
			int high = hex_value(in.at[i + 1]);
			int low = hex_value(in.at[i + 2]);
			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return E_INVALID;
			/* 1..255; the conversion back to char is the byte itself. */
			c = (char)(unsigned char)(high * 16 + low);
			i += 2;
		} else if (!is_plain(c)) {
			return E_INVALID;
		}
		if (len >= PROTOCOL_VALUE_CAP - 1)
			return E_INVALID;
		out[len++] = c;
	}
	out[len] = '\0';
	return 0;
}

/* Cut what stands before the first occurrence of end (or all) off *rest, and end itself.
 * Returns whether end was there. */
static bool
cut(struct span *rest, char end, struct span *word)
{
	const char *at = rest->len > 0 ? memchr(rest->at, end, rest->len) : NULL;

	*word = *rest;
	if (at == NULL) {
		rest->at += rest->len;
		rest->len = 0;
		return false;
	}
	word->len = (size_t)(at - rest->at);
	rest->at = at + 1;
	rest->len -= word->len + 1;
	return true;
}

/* Exactly one space between words, none at the ends: an empty word is refused. */
static int
parse_line(struct span line, struct message *m)
{
	struct span word;
	bool has_more = cut(&line, ' ', &word);

	if (!is_word(word))
		return E_INVALID;
	int r = bytes_copy(word, m->verb, sizeof(m->verb));
	while (r == 0 && has_more) {
		struct span key;
		has_more = cut(&line, ' ', &word);
		if (!cut(&word, '=', &key) || !is_word(key) || m->count >= PROTOCOL_PAIRS_MAX)
			return E_INVALID;
		r = bytes_copy(key, m->pair[m->count].key, sizeof(m->pair[0].key));
		/* The pair is not counted yet, so only an earlier one is found. */
		if (r != 0 || message_get(m, m->pair[m->count].key) != NULL)
			return E_INVALID;
		r = parse_value(word, m->pair[m->count].value);
		m->count++;
	}
	return r;
}

int
message_parse(struct span line, struct message *m)
{
	memset(m, 0, sizeof(*m));
	if (line.at == NULL || line.len >= PROTOCOL_LINE_MAX || parse_line(line, m) != 0) {
		message_wipe(m);
		return E_INVALID;
	}
	return 0;
}

static void
put_value(struct bytes_writer *w, const char *value)
{
	for (const char *c = value; *c != '\0'; c++) {
		if (is_plain(*c)) {
			bytes_put_span(w, (struct span){c, 1});
		} else {
			unsigned char byte = (unsigned char)*c;
			char coded[3] = {'%', hex_digits[byte >> 4], hex_digits[byte & 15]};
			bytes_put_span(w, (struct span){coded, sizeof(coded)});
		}
	}
}

int
message_print(const struct message *m, char *out, size_t cap, size_t *len)
{
	struct bytes_writer w;

	*len = 0;
	bytes_writer_init(&w, out, cap);
	bytes_put(&w, m->verb);
	for (unsigned i = 0; i < m->count && i < PROTOCOL_PAIRS_MAX; i++) {
		bytes_put(&w, " ");
		bytes_put(&w, m->pair[i].key);
		bytes_put(&w, "=");
		put_value(&w, m->pair[i].value);
	}
	bytes_put(&w, "\n");
	if (m->has_overflowed || w.has_overflowed || w.len > PROTOCOL_LINE_MAX) {
		bytes_wipe(out, cap);
		return E_LIMIT;
	}
	*len = w.len;
	return 0;
}

void
protocol_init(struct protocol *p, int in, int out)
{
	memset(p, 0, sizeof(*p));
	p->in = in;
	p->out = out;
}

/* Milliseconds of the monotonic clock; a clock that fails counts as time over. */
static uint64_t
clock_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return UINT64_MAX;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Wait until fd is ready for events or the deadline has passed. */
static int
wait_ready(int fd, short events, uint64_t deadline_ms)
{
	for (;;) {
		uint64_t now_ms = clock_ms();
		if (now_ms >= deadline_ms)
			return E_IO;
		uint64_t left_ms = deadline_ms - now_ms;
		struct pollfd p = {.fd = fd, .events = events};
		int n = poll(&p, 1, left_ms > 60000 ? 60000 : (int)left_ms);
		if (n > 0)
			return (p.revents & POLLNVAL) != 0 ? E_IO : 0;
		if (n < 0 && errno != EINTR)
			return E_IO;
	}
}

static uint64_t
deadline_after(int timeout_ms)
{
	return clock_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
}

/* Obligation 5. */
static ssize_t
put_some(int fd, const char *text, size_t len)
{
	ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

	return n < 0 && errno == ENOTSOCK ? write(fd, text, len) : n;
}

static int
write_all(int fd, const char *text, size_t len, uint64_t deadline_ms)
{
	while (len > 0) {
		if (wait_ready(fd, POLLOUT, deadline_ms) != 0)
			return E_IO;
		ssize_t n = put_some(fd, text, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return E_IO;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int
protocol_send(struct protocol *p, const struct message *m, int timeout_ms)
{
	char line[PROTOCOL_LINE_MAX + 1];
	size_t len = 0;
	int r = message_print(m, line, sizeof(line), &len);

	if (r == 0)
		r = write_all(p->out, line, len, deadline_after(timeout_ms));
	bytes_wipe(line, sizeof(line));
	return r;
}

/* Drop the first len bytes and overwrite what moved away. */
static void
consume(struct protocol *p, size_t len)
{
	memmove(p->buf, p->buf + len, p->have - len);
	p->have -= len;
	bytes_wipe(p->buf + p->have, sizeof(p->buf) - p->have);
}

/* Read what is there. E_NOENT: the end of the input. */
static int
read_some(struct protocol *p, uint64_t deadline_ms)
{
	for (;;) {
		int r = wait_ready(p->in, POLLIN, deadline_ms);
		if (r != 0)
			return r;
		ssize_t n = read(p->in, p->buf + p->have, sizeof(p->buf) - p->have);
		if (n > 0) {
			p->have += (size_t)n;
			return 0;
		}
		if (n == 0)
			return E_NOENT;
		if (errno != EINTR && errno != EAGAIN)
			return E_IO;
	}
}

int
protocol_receive(struct protocol *p, struct message *m, int timeout_ms)
{
	uint64_t deadline_ms = deadline_after(timeout_ms);
	const char *end;
	int r = 0;

	memset(m, 0, sizeof(*m));
	while ((end = memchr(p->buf, '\n', p->have)) == NULL) {
		if (p->have == sizeof(p->buf))
			r = E_INVALID;
		else
			r = read_some(p, deadline_ms);
		if (r != 0)
			goto out;
	}
	size_t len = (size_t)(end - p->buf);
	r = message_parse((struct span){p->buf, len}, m);
	consume(p, len + 1);
out:
	if (r == E_NOENT && p->have > 0)
		r = E_INVALID; /* the last line has no end */
	if (r != 0) {
		/* After an error nothing that follows can be trusted to begin a line. */
		protocol_wipe(p);
		message_wipe(m);
	}
	return r;
}
