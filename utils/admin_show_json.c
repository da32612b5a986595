/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The JSON of totp-admin show. Its shape is documented in totp-admin(8): keys are added to
 * it, never renamed or taken away; what is not known is null, never zero. */
#include <stdio.h>

#include "core/throttle.h"
#include "utils/admin_show.h"
#include "utils/json.h"

static void
put_grant(struct json *j, const char *key, const struct show_facts *f, const struct record_grant *g,
    uint32_t spent)
{
	const char *word = show_grant_word(g, spent, f->now_s);

	if (word == NULL) {
		json_null(j, key);
		return;
	}
	json_open(j, key, '{');
	json_text(j, "state", word);
	json_time(j, "expires", g->expires);
	json_close(j, '{');
}

static void
put_device(struct json *j, struct show_facts *f, const struct record_device *dev)
{
	const struct state_device *sd = f->is_whole ? state_find(&f->e.state, dev->id) : NULL;

	json_open(j, NULL, '{');
	json_number(j, "id", dev->id);
	json_text(j, "name", dev->name);
	json_text(j, "type", record_type_name(dev->type));
	json_text(j, "state", admin_state_word(dev, f->now_s));
	json_text(j, "algorithm", otp_algorithm_name(dev->params.algorithm));
	json_number(j, "digits", dev->params.digits);
	json_number(j, "period", dev->params.period_s);
	json_number(j, "key_bits", (int64_t)dev->secret.len * 8);
	json_time(j, "created", dev->created);
	json_time(j, "expires", dev->expires);
	json_time(j, "rotate_by", dev->rotate_by);
	if (sd != NULL) {
		json_time(j, "last_used", sd->last_used);
		json_number(j, "drift", sd->drift);
	} else {
		json_null(j, "last_used");
		json_null(j, "drift");
	}
	json_close(j, '{');
}

static void
put_state(struct json *j, const struct show_facts *f)
{
	const struct state *st = &f->e.state;

	json_text(j, "state_file", f->is_whole ? "whole" : "lost");
	if (!f->is_whole) {
		static const char *const unknown[] = { "saved", "locked", "failures" };
		for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
			json_null(j, unknown[i]);
	} else {
		json_time(j, "saved", st->saved_at);
		json_bool(j, "locked", st->is_locked);
		json_number(j, "failures", st->fails);
	}
	json_open(j, "sources", '[');
	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++) {
		const struct state_bucket *b = &st->bucket[i];
		char name[SHOW_SOURCE_CAP];
		if (b->tag == 0)
			continue;
		json_open(j, NULL, '{');
		json_text(j, "source", show_source_name(b->tag, name));
		json_number(j, "failures", b->fails);
		json_time(j, "last", b->last_fail);
		json_number(j, "wait", throttle_wait(st, b->tag, f->now_s, f->settings));
		json_close(j, '{');
	}
	json_close(j, '[');
}

void
show_json(struct show_facts *f)
{
	const struct record *r = &f->e.record;
	struct json j;

	json_begin(&j, stdout);
	json_open(&j, NULL, '{');
	json_text(&j, "user", f->user);
	json_number(&j, "uid", r->uid);
	if (f->account == ACCOUNT_FOUND)
		json_number(&j, "account_uid", f->account_uid);
	else
		json_null(&j, "account_uid");
	json_bool(&j, "enrolled", f->usable > 0 && !f->has_mismatch);
	json_text(&j, "record_file", "whole");
	put_state(&j, f);
	json_open(&j, "recovery", '{');
	json_number(&j, "codes", r->recovery.count);
	json_number(&j, "left", f->recovery_left);
	json_close(&j, '{');
	json_time(&j, "exempt_until", r->exempt_until);
	json_text(&j, "exempt_reason", r->exempt_until != 0 ? r->exempt_reason : NULL);
	json_time(&j, "enrol_by", r->enrol_by);
	json_time(&j, "grace_start", f->e.state.grace_start);
	put_grant(&j, "bypass", f, &r->bypass, show_spent(f, f->e.state.bypass_spent));
	put_grant(&j, "ticket", f, &r->ticket, show_spent(f, f->e.state.ticket_spent));
	json_open(&j, "devices", '[');
	for (unsigned i = 0; i < r->device_count; i++)
		put_device(&j, f, &r->device[i]);
	json_close(&j, '[');
	json_close(&j, '{');
}

void
show_json_error(const char *user, int error, const char *why)
{
	struct json j;

	json_begin(&j, stdout);
	json_open(&j, NULL, '{');
	json_text(&j, "user", user);
	json_text(&j, "record_file", error == E_CORRUPT ? "corrupt" : "unreadable");
	json_text(&j, "error", why);
	json_close(&j, '{');
}
