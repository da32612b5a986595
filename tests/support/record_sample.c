/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Records for tests: one that is written down, and any number of random ones. */
#include "record_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

const char record_sample_text[] =
    "pam_totp-record 1\nuser alice\nuid 1000\nnext_id 6\nenrol_by 1800000000\n\n"
    "[device 1]\nname phone\ntype virtual\nstate active\nalgorithm SHA1\ndigits 6\n"
    "period 30\nsecret JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\ncreated 1700000000\n"
    "expires 0\nrotate_by 0\ndrift -7\nreplaces 0\n\n"
    "[device 4]\nname token\ntype hardware\nstate pending\nalgorithm SHA256\ndigits 8\n"
    "period 60\nsecret GEZDGNBVGY3TQOJQ\ncreated 1700000001\nexpires 1700000601\n"
    "rotate_by 1700000900\ndrift 0\nreplaces 1\n\n"
    "[recovery 2]\niterations 10000\nsalt " RECORD_SAMPLE_SALT "\n"
    "code " RECORD_SAMPLE_HASH_A "\ncode " RECORD_SAMPLE_HASH_C "\n\n"
    "[exempt]\nuntil 1900000000\nreason on leave\n\n"
    "[bypass 2]\nexpires 1700003600\nsalt " RECORD_SAMPLE_SALT "\nhash " RECORD_SAMPLE_HASH_A "\n\n"
    "[ticket 3]\nexpires 1700003601\nsalt " RECORD_SAMPLE_SALT "\nhash " RECORD_SAMPLE_HASH_C "\n\n"
    "[former 2]\nname old-phone\ntype virtual\ncreated 1600000000\nended 1650000000\n\n"
    "[notice 7]\nat 1700000002\ntext device added\n\n"
    "[notice 9]\nat 1700000003\ntext rotate soon\n\n"
    "end\n";

int
record_sample_parse(const char *text, size_t len, struct record *r, struct diag *d)
{
	char *exact = malloc(len > 0 ? len : 1);

	assert_non_null(exact);
	memcpy(exact, text, len);
	memset(r, 0xa5, sizeof(*r));
	memset(d, 0, sizeof(*d));
	int e = record_parse(exact, len, "alice", r, d);
	free(exact);
	if (e == E_OK)
		assert_null(record_fault(r));
	else
		assert_true(random_is_zero(r, sizeof(*r)));
	return e;
}

void
record_sample_full(struct record *r)
{
	struct diag d;

	assert_int_equal(record_sample_parse(record_sample_text, RECORD_SAMPLE_LEN, r, &d), E_OK);
}

size_t
record_sample_print(const struct record *r, char out[RECORD_TEXT_MAX + 1])
{
	size_t len = 0;

	assert_int_equal(record_print(r, out, RECORD_TEXT_MAX + 1, &len), E_OK);
	assert_int_equal(len, strlen(out));
	return len;
}

static void
draw_name(char out[RECORD_NAME_CAP], unsigned unique)
{
	static const char set[] = "ABCXYZabcxyz0123456789+=,.@-_";
	size_t len = (size_t)random_between(4, RECORD_NAME_CAP - 1);

	for (size_t i = 0; i < len; i++)
		out[i] = set[random_below(sizeof(set) - 1)];
	out[0] = (char)('a' + unique); /* so that no two are the same */
}

static void
draw_text(char out[RECORD_REASON_CAP])
{
	size_t len = (size_t)random_between(1, RECORD_REASON_CAP - 1);

	for (size_t i = 0; i < len; i++)
		out[i] = (char)random_between(0x20, 0x7e);
	out[0] = '[';
	out[len - 1] = '~';
}

static void
draw_device(struct record *r, unsigned i)
{
	struct record_device *d = &r->device[i];

	d->id = r->next_id - 40 + i;
	draw_name(d->name, i);
	d->type = random_below(2) == 0 ? DEVICE_VIRTUAL : DEVICE_HARDWARE;
	/* A ninth place is there for a pending one only. */
	d->state = i + 1 == r->device_count && (i == 8 || random_below(2) == 0) ? DEVICE_PENDING :
	    random_below(2) == 0 ? DEVICE_ACTIVE : DEVICE_DISABLED;
	d->params = (struct otp_params){(enum otp_algorithm)random_between(OTP_SHA1, OTP_SHA512),
	    (unsigned)random_between(6, 8), (unsigned)random_between(15, 120)};
	d->secret.len = (size_t)random_between(OTP_SECRET_MIN, OTP_SECRET_MAX);
	random_bytes(d->secret.bytes, d->secret.len);
	d->created = random_between(0, RECORD_TIME_MAX);
	d->expires = random_between(d->state == DEVICE_PENDING ? 1 : 0, RECORD_TIME_MAX);
	d->rotate_by = random_between(0, RECORD_TIME_MAX);
	d->drift = (int32_t)random_below(2 * RECORD_DRIFT_MAX + 1) - RECORD_DRIFT_MAX;
	if (d->state == DEVICE_PENDING)
		d->replaces = (uint32_t)random_between(0, d->id - 1);
}

static void
draw_grant(struct record_grant *g)
{
	g->id = (uint32_t)random_between(1, UINT32_MAX);
	g->expires = random_between(0, RECORD_TIME_MAX);
	random_bytes(g->salt, sizeof(g->salt));
	random_bytes(g->hash, sizeof(g->hash));
}

void
record_sample_draw(struct record *r, bool is_max)
{
	memset(r, 0, sizeof(*r));
	size_t len = is_max ? RECORD_USER_CAP - 1 : (size_t)random_between(1, RECORD_USER_CAP - 1);
	for (size_t i = 0; i < len; i++)
		r->user[i] = (char)('0' + random_below(0x7f - '0'));
	r->uid = (uint32_t)random_between(0, UINT32_MAX);
	r->next_id = is_max ? UINT32_MAX : (uint32_t)random_between(100, UINT32_MAX);
	r->device_count = is_max ? RECORD_DEVICES_MAX :
	    (unsigned)random_between(0, RECORD_DEVICES_MAX);
	for (unsigned i = 0; i < r->device_count; i++)
		draw_device(r, i);
	if (is_max || random_below(2) == 0) {
		r->recovery.id = (uint32_t)random_between(1, UINT32_MAX);
		r->recovery.iterations = (uint32_t)random_between(1000, 1000000);
		random_bytes(r->recovery.salt, sizeof(r->recovery.salt));
		r->recovery.count = is_max ? 10 : (unsigned)random_between(1, 10);
		for (unsigned i = 0; i < r->recovery.count; i++)
			random_bytes(r->recovery.hash[i], RECOVERY_HASH_LEN);
	}
	if (is_max || random_below(2) == 0) {
		r->exempt_until = random_between(1, RECORD_TIME_MAX);
		draw_text(r->exempt_reason);
	}
	if (is_max || random_below(2) == 0)
		r->enrol_by = random_between(1, RECORD_TIME_MAX);
	if (is_max || random_below(2) == 0)
		draw_grant(&r->bypass);
	if (is_max || random_below(2) == 0)
		draw_grant(&r->ticket);
	r->former_count = is_max ? RECORD_FORMER_MAX :
	    (unsigned)random_between(0, RECORD_FORMER_MAX);
	for (unsigned i = 0; i < r->former_count; i++) {
		r->former[i].id = r->next_id - 1 - i;
		draw_name(r->former[i].name, (unsigned)random_below(26));
		r->former[i].type = random_below(2) == 0 ? DEVICE_VIRTUAL : DEVICE_HARDWARE;
		r->former[i].created = random_between(0, RECORD_TIME_MAX);
		r->former[i].ended = random_between(0, RECORD_TIME_MAX);
	}
	r->notice_count = is_max ? RECORD_NOTICES_MAX :
	    (unsigned)random_between(0, RECORD_NOTICES_MAX);
	for (unsigned i = 0; i < r->notice_count; i++) {
		r->notice[i].id = (uint32_t)(1 + i * 500000000 + random_below(500000000));
		r->notice[i].at = random_between(0, RECORD_TIME_MAX);
		draw_text(r->notice[i].text);
	}
}
