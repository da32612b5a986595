/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The keys of a record's text: one table for reading and writing, and the kinds
 * of value in it. A new key is a row here and a rule in record_rules.c.
 *
 * Obligations:
 *  1. A value is taken whole or refused: no blank, no unit, no default, no sign but that of
 *     a drift.
 *  2. What `put` writes `set` takes back equal.
 *  3. The text of a secret lies nowhere but in the caller's buffer afterwards. */

#include "record_keys.h"

#include <string.h>

#include "encode.h"

_Static_assert(offsetof(struct record_device, id) == 0 &&
    offsetof(struct record_former, id) == 0 && offsetof(struct record_notice, id) == 0 &&
    offsetof(struct record_grant, id) == 0 && offsetof(struct recovery_set, id) == 0,
    "an id is first in its place");
_Static_assert(sizeof(unsigned) == sizeof(uint32_t), "digits and periods are set as uint32_t");
_Static_assert(RECORD_TIME_MAX == 253402300799 && RECORD_NAME_CAP == 65 &&
    RECORD_REASON_CAP == 161 && RECOVERY_CODES_MAX == 10 && RECOVERY_SALT_LEN == 16 &&
    RECOVERY_HASH_LEN == 32 && RECOVERY_ITERATIONS_MIN == 1000 &&
    RECOVERY_ITERATIONS_MAX == 1000000 && OTP_SECRET_MIN == 10 && OTP_SECRET_MAX == 64 &&
    OTP_DIGITS_MIN == 6 && OTP_DIGITS_MAX == 8 && OTP_PERIOD_MIN == 15 &&
    OTP_PERIOD_MAX == 120 && RECORD_DRIFT_MAX == 100000,
    "the expectations below name these limits");

static int
set_u32(const struct record_kind *kind, void *at, struct span v)
{
	uint32_t *out = at;
	uint64_t n = 0;
	int r = bytes_parse_u64(v, kind->min, kind->max, &n);

	*out = (uint32_t)n; /* max is at most UINT32_MAX in every row */
	return r;
}

static void
put_u32(const void *at, struct bytes_writer *w)
{
	const uint32_t *n = at;

	bytes_put_u64(w, *n);
}

static int
set_time(const struct record_kind *kind, void *at, struct span v)
{
	return bytes_parse_u64(v, kind->min, kind->max, at);
}

static void
put_time(const void *at, struct bytes_writer *w)
{
	const uint64_t *n = at;

	bytes_put_u64(w, *n);
}

/* The one number with a sign: "-7", and no "-0". */
static int
set_drift(const struct record_kind *kind, void *at, struct span v)
{
	int32_t *out = at;
	bool is_behind = v.len > 0 && v.at[0] == '-';
	struct span digits = {v.at + is_behind, v.len - is_behind};
	uint64_t n = 0;
	int r = bytes_parse_u64(digits, is_behind ? 1 : 0, kind->max, &n);

	*out = is_behind ? -(int32_t)n : (int32_t)n; /* max is RECORD_DRIFT_MAX */
	return r;
}

static void
put_drift(const void *at, struct bytes_writer *w)
{
	const int32_t *drift = at;
	int64_t n = *drift;

	if (n < 0)
		bytes_put(w, "-");
	bytes_put_u64(w, (uint64_t)(n < 0 ? -n : n));
}

static int
set_user(const struct record_kind *kind, void *at, struct span v)
{
	(void)kind;
	int r = bytes_copy(v, at, RECORD_USER_CAP);
	return r == E_OK && record_user_ok(at) ? E_OK : E_INVALID;
}

static int
set_name(const struct record_kind *kind, void *at, struct span v)
{
	(void)kind;
	int r = bytes_copy(v, at, RECORD_NAME_CAP);
	return r == E_OK && record_device_name_ok(at) ? E_OK : E_INVALID;
}

static int
set_text(const struct record_kind *kind, void *at, struct span v)
{
	(void)kind;
	int r = bytes_copy(v, at, RECORD_REASON_CAP);
	return r == E_OK && record_text_ok(at) ? E_OK : E_INVALID;
}

static void
put_text(const void *at, struct bytes_writer *w)
{
	bytes_put(w, at);
}

static int
set_type(const struct record_kind *kind, void *at, struct span v)
{
	enum device_type *type = at;

	(void)kind;
	for (int i = DEVICE_VIRTUAL; i <= DEVICE_HARDWARE; i++) {
		if (bytes_is(v, record_type_name((enum device_type)i))) {
			*type = (enum device_type)i;
			return E_OK;
		}
	}
	return E_INVALID;
}

static void
put_type(const void *at, struct bytes_writer *w)
{
	const enum device_type *type = at;

	bytes_put(w, record_type_name(*type));
}

static int
set_state(const struct record_kind *kind, void *at, struct span v)
{
	enum device_state *state = at;

	(void)kind;
	for (int i = DEVICE_PENDING; i <= DEVICE_DISABLED; i++) {
		if (bytes_is(v, record_state_name((enum device_state)i))) {
			*state = (enum device_state)i;
			return E_OK;
		}
	}
	return E_INVALID;
}

static void
put_state(const void *at, struct bytes_writer *w)
{
	const enum device_state *state = at;

	bytes_put(w, record_state_name(*state));
}

static int
set_algorithm(const struct record_kind *kind, void *at, struct span v)
{
	(void)kind;
	return otp_algorithm_parse(v, at);
}

static void
put_algorithm(const void *at, struct bytes_writer *w)
{
	const enum otp_algorithm *algorithm = at;

	bytes_put(w, otp_algorithm_name(*algorithm));
}

static int
set_secret(const struct record_kind *kind, void *at, struct span v)
{
	struct otp_secret *s = at;

	(void)kind;
	if (v.len == 0 || memchr(v.at, '=', v.len) != NULL)
		return E_INVALID;
	int r = encode_base32_parse(v, s->bytes, sizeof(s->bytes), &s->len);
	return r == E_OK && s->len >= OTP_SECRET_MIN ? E_OK : E_INVALID;
}

static void
put_secret(const void *at, struct bytes_writer *w)
{
	const struct otp_secret *s = at;
	char text[ENCODE_BASE32_CAP(OTP_SECRET_MAX)] = "";

	if (encode_base32_print(s->bytes, s->len, text, sizeof(text)) != E_OK)
		w->has_overflowed = true;
	bytes_put(w, text);
	bytes_wipe(text, sizeof(text));
}

static void
put_hex(const uint8_t *bytes, size_t len, struct bytes_writer *w)
{
	char text[ENCODE_HEX_CAP(RECOVERY_HASH_LEN)] = "";

	if (encode_hex_print(bytes, len, text, sizeof(text)) != E_OK)
		w->has_overflowed = true;
	bytes_put(w, text);
	bytes_wipe(text, sizeof(text));
}

static int
set_salt(const struct record_kind *kind, void *at, struct span v)
{
	(void)kind;
	return encode_hex_parse(v, at, RECOVERY_SALT_LEN);
}

static void
put_salt(const void *at, struct bytes_writer *w)
{
	put_hex(at, RECOVERY_SALT_LEN, w);
}

static int
set_hash(const struct record_kind *kind, void *at, struct span v)
{
	(void)kind;
	return encode_hex_parse(v, at, RECOVERY_HASH_LEN);
}

static void
put_hash(const void *at, struct bytes_writer *w)
{
	put_hex(at, RECOVERY_HASH_LEN, w);
}

/* The codes of a recovery set, a line each; at: the whole set. */
static int
set_code(const struct record_kind *kind, void *at, struct span v)
{
	struct recovery_set *s = at;

	(void)kind;
	if (s->count == RECOVERY_CODES_MAX)
		return E_LIMIT;
	return encode_hex_parse(v, s->hash[s->count++], RECOVERY_HASH_LEN);
}

static void
put_codes(const void *at, struct bytes_writer *w)
{
	const struct recovery_set *s = at;

	for (unsigned i = 0; i < s->count; i++) {
		bytes_put(w, i == 0 ? "" : "\ncode ");
		put_hex(s->hash[i], RECOVERY_HASH_LEN, w);
	}
}

#define SECONDS "seconds since 1970, "

static const struct record_kind any_u32 = {.set = set_u32, .put = put_u32,
    .expected = "0..4294967295", .max = UINT32_MAX};
static const struct record_kind next_id = {.set = set_u32, .put = put_u32,
    .expected = "1..4294967295", .min = 1, .max = UINT32_MAX};
static const struct record_kind digits = {.set = set_u32, .put = put_u32,
    .expected = "6..8", .min = OTP_DIGITS_MIN, .max = OTP_DIGITS_MAX};
static const struct record_kind period = {.set = set_u32, .put = put_u32,
    .expected = "15..120", .min = OTP_PERIOD_MIN, .max = OTP_PERIOD_MAX};
static const struct record_kind iterations = {.set = set_u32, .put = put_u32,
    .expected = "1000..1000000", .min = RECOVERY_ITERATIONS_MIN, .max = RECOVERY_ITERATIONS_MAX};
static const struct record_kind moment = {.set = set_time, .put = put_time,
    .expected = SECONDS "0..253402300799", .max = RECORD_TIME_MAX};
static const struct record_kind some_moment = {.set = set_time, .put = put_time,
    .expected = SECONDS "1..253402300799", .min = 1, .max = RECORD_TIME_MAX};
static const struct record_kind maybe_moment = {.set = set_time, .put = put_time,
    .expected = SECONDS "1..253402300799", .min = 1, .max = RECORD_TIME_MAX, .is_optional = true};
static const struct record_kind drift = {.set = set_drift, .put = put_drift,
    .expected = "-100000..100000", .max = RECORD_DRIFT_MAX};
static const struct record_kind user = {.set = set_user, .put = put_text,
    .expected = "a user name"};
static const struct record_kind name = {.set = set_name, .put = put_text,
    .expected = "1-64 of A-Z a-z 0-9 + = , . @ - _"};
static const struct record_kind text = {.set = set_text, .put = put_text,
    .expected = "1-160 printable characters, no blank at either end"};
static const struct record_kind type = {.set = set_type, .put = put_type,
    .expected = "virtual or hardware"};
static const struct record_kind state = {.set = set_state, .put = put_state,
    .expected = "pending, active or disabled"};
static const struct record_kind algorithm = {.set = set_algorithm, .put = put_algorithm,
    .expected = "SHA1, SHA256 or SHA512"};
static const struct record_kind secret = {.set = set_secret, .put = put_secret,
    .expected = "base32 of 10..64 bytes, no padding"};
static const struct record_kind salt = {.set = set_salt, .put = put_salt,
    .expected = "32 hexadecimal digits"};
static const struct record_kind hash = {.set = set_hash, .put = put_hash,
    .expected = "64 hexadecimal digits"};
static const struct record_kind codes = {.set = set_code, .put = put_codes,
    .expected = "64 hexadecimal digits, in 1..10 lines", .is_repeated = true};

const struct record_section record_sections[RECORD_SECTIONS] = {
	{
		.word = "",
		.has_id = false,
		.max = 1,
		.offset = 0,
		.place_len = sizeof(struct record),
		.key = {
			{"user", &user, offsetof(struct record, user)},
			{"uid", &any_u32, offsetof(struct record, uid)},
			{"next_id", &next_id, offsetof(struct record, next_id)},
			{"enrol_by", &maybe_moment, offsetof(struct record, enrol_by)},
		},
	},
	{
		.word = "device",
		.has_id = true,
		.max = RECORD_DEVICES_MAX,
		.offset = offsetof(struct record, device),
		.place_len = sizeof(struct record_device),
		.count = offsetof(struct record, device_count),
		.key = {
			{"name", &name, offsetof(struct record_device, name)},
			{"type", &type, offsetof(struct record_device, type)},
			{"state", &state, offsetof(struct record_device, state)},
			{"algorithm", &algorithm, offsetof(struct record_device, params.algorithm)},
			{"digits", &digits, offsetof(struct record_device, params.digits)},
			{"period", &period, offsetof(struct record_device, params.period_s)},
			{"secret", &secret, offsetof(struct record_device, secret)},
			{"created", &moment, offsetof(struct record_device, created)},
			{"expires", &moment, offsetof(struct record_device, expires)},
			{"rotate_by", &moment, offsetof(struct record_device, rotate_by)},
			{"drift", &drift, offsetof(struct record_device, drift)},
			{"replaces", &any_u32, offsetof(struct record_device, replaces)},
		},
	},
	{
		.word = "recovery",
		.has_id = true,
		.max = 1,
		.offset = offsetof(struct record, recovery),
		.place_len = sizeof(struct recovery_set),
		.key = {
			{"iterations", &iterations, offsetof(struct recovery_set, iterations)},
			{"salt", &salt, offsetof(struct recovery_set, salt)},
			{"code", &codes, 0},
		},
	},
	{
		.word = "exempt",
		.has_id = false,
		.max = 1,
		.offset = 0,
		.place_len = sizeof(struct record),
		.key = {
			{"until", &some_moment, offsetof(struct record, exempt_until)},
			{"reason", &text, offsetof(struct record, exempt_reason)},
		},
	},
	{
		.word = "bypass",
		.has_id = true,
		.max = 1,
		.offset = offsetof(struct record, bypass),
		.place_len = sizeof(struct record_grant),
		.key = {
			{"expires", &moment, offsetof(struct record_grant, expires)},
			{"salt", &salt, offsetof(struct record_grant, salt)},
			{"hash", &hash, offsetof(struct record_grant, hash)},
		},
	},
	{
		.word = "ticket",
		.has_id = true,
		.max = 1,
		.offset = offsetof(struct record, ticket),
		.place_len = sizeof(struct record_grant),
		.key = {
			{"expires", &moment, offsetof(struct record_grant, expires)},
			{"salt", &salt, offsetof(struct record_grant, salt)},
			{"hash", &hash, offsetof(struct record_grant, hash)},
		},
	},
	{
		.word = "former",
		.has_id = true,
		.max = RECORD_FORMER_MAX,
		.offset = offsetof(struct record, former),
		.place_len = sizeof(struct record_former),
		.count = offsetof(struct record, former_count),
		.key = {
			{"name", &name, offsetof(struct record_former, name)},
			{"type", &type, offsetof(struct record_former, type)},
			{"created", &moment, offsetof(struct record_former, created)},
			{"ended", &moment, offsetof(struct record_former, ended)},
		},
	},
	{
		.word = "notice",
		.has_id = true,
		.max = RECORD_NOTICES_MAX,
		.offset = offsetof(struct record, notice),
		.place_len = sizeof(struct record_notice),
		.count = offsetof(struct record, notice_count),
		.key = {
			{"at", &moment, offsetof(struct record_notice, at)},
			{"text", &text, offsetof(struct record_notice, text)},
		},
	},
};
