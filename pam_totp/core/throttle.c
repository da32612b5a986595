/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Who has failed how often, and how long that source must wait. The counters live in the
 * state, so they hold across sessions, processes and boots (RFC 4226 section 7.3), and are
 * durable before an answer is told because attempt commits them first.
 *
 * A user has STATE_BUCKETS_MAX buckets, one a source. A stranger who fails from somewhere
 * fills a bucket of his own and cannot make the user's source wait (DESIGN promise 3). He can
 * evict buckets by coming from many sources; what bounds him then is the user-wide count,
 * which ends in the hard stop (NIST SP 800-63B-4 section 3.2.2). */

#include "throttle.h"

#include <arpa/inet.h>
#include <string.h>

#define SOURCE_MAX 256 /* bytes of a source that are looked at */

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Write the normal form of a source; see throttle_tag. */
static void
normalise(const char *source, struct bytes_writer *w)
{
	size_t len = strnlen(source, SOURCE_MAX);
	struct in_addr v4;
	struct in6_addr v6;
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET, source, &v4) == 1 ||
	    inet_pton(AF_INET6, source, &v6) != 1) {
		bytes_put_span(w, (struct span){ source, len });
		return;
	}
	if (memcmp(v6.s6_addr, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		memcpy(&v4, v6.s6_addr + sizeof(mapped_prefix), sizeof(v4));
		if (inet_ntop(AF_INET, &v4, text, sizeof(text)) != NULL)
			bytes_put(w, text);
		return;
	}
	if (!IN6_IS_ADDR_LINKLOCAL(&v6))
		memset(v6.s6_addr + 8, 0, 8);
	if (inet_ntop(AF_INET6, &v6, text, sizeof(text)) != NULL)
		bytes_put(w, text);
}

int
throttle_tag(const char *source, const char *user, uint64_t *tag)
{
	char buf[SOURCE_MAX + RECORD_USER_CAP + 16];
	struct bytes_writer w;
	uint8_t sum[32];

	*tag = 0;
	bytes_writer_init(&w, buf, sizeof(buf));
	if (source == NULL || source[0] == '\0')
		bytes_put(&w, "local");
	else
		normalise(source, &w);
	if (user != NULL) {
		/* A source holds no NUL, so "a" + "bc" and "ab" + "c" differ. */
		bytes_put_span(&w, (struct span){ "", 1 });
		bytes_put_span(&w, (struct span){ user, strnlen(user, RECORD_USER_CAP - 1) });
	}
	int error = otp_sha256(buf, w.len, sum);
	if (error != 0)
		return error;
	*tag = bytes_get_le64(sum);
	if (*tag == 0)
		*tag = 1;
	return 0;
}

static struct state_bucket *
find(struct state *st, uint64_t tag)
{
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++)
		if (st->bucket[i].tag == tag)
			return &st->bucket[i];
	return NULL;
}

/* The delay that so many consecutive failures ask for. */
static uint32_t
delay_for(uint32_t fails, const struct settings *s)
{
	uint32_t delay = s->throttle_delay_s;

	if (fails < s->throttle_after || delay == 0)
		return 0;
	for (uint32_t i = s->throttle_after; i < fails; i++) {
		if (delay >= THROTTLE_DELAY_MAX_S / 2)
			return THROTTLE_DELAY_MAX_S;
		delay *= 2;
	}
	return delay;
}

uint32_t
throttle_wait(const struct state *st, uint64_t tag, uint64_t now_s, const struct settings *s)
{
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++) {
		const struct state_bucket *b = &st->bucket[i];
		if (b->tag != tag)
			continue;
		uint32_t delay = delay_for(b->fails, s);
		if (now_s <= b->last_fail)
			return delay;
		uint64_t gone = now_s - b->last_fail;
		return gone >= delay ? 0 : delay - (uint32_t)gone;
	}
	return 0;
}

uint32_t
throttle_count(struct state *st, uint64_t tag, uint64_t now_s)
{
	struct state_bucket *b = find(st, tag);

	if (b == NULL)
		b = find(st, 0);
	if (b == NULL) {
		b = &st->bucket[0];
		for (unsigned i = 1; i < STATE_BUCKETS_MAX; i++)
			if (st->bucket[i].last_fail < b->last_fail)
				b = &st->bucket[i];
	}
	if (b->tag != tag)
		*b = (struct state_bucket){ .tag = tag };
	if (b->fails < UINT32_MAX)
		b->fails++;
	if (b->last_fail < now_s)
		b->last_fail = now_s;
	if (st->fails < UINT32_MAX)
		st->fails++;
	return b->fails;
}

uint32_t
throttle_elsewhere(const struct state *st, uint64_t tag)
{
	uint32_t own = 0;

	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++)
		if (st->bucket[i].tag == tag)
			own = st->bucket[i].fails;
	return own < st->fails ? st->fails - own : 0;
}

void
throttle_clear(struct state *st, uint64_t tag)
{
	struct state_bucket *b = find(st, tag);

	if (b != NULL)
		*b = (struct state_bucket){ .tag = 0 };
	st->fails = 0;
}
