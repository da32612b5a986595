/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin show: all that is stored of one user but secrets and hashes: devices, counters,
 * waits, marks of the policy, and whether the two files are whole. It only reads: a lost state
 * is told, and stays for the next login to rebuild. The facts are gathered once (struct
 * show_facts), then printed as text or JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/throttle.h"
#include "utils/admin_show.h"
#include "utils/table.h"

#define LABEL_WIDTH 15

static void
gather(struct admin *a, const char *user, struct show_facts *f)
{
	f->user = user;
	f->now_s = admin_now();
	f->settings = &a->settings;
	f->account = admin_find_account(user, &f->account_uid);
	f->is_whole = f->e.health == STATE_WHOLE;
	f->has_mismatch =
	    f->account == ACCOUNT_FOUND && f->account_uid != f->e.record.uid;
	f->usable = record_count(&f->e.record, DEVICE_ACTIVE, f->now_s);

	const struct recovery_set *set = &f->e.record.recovery;
	if (f->is_whole && set->id != 0 && set->id == f->e.state.recovery_id)
		for (unsigned i = 0; i < set->count; i++)
			f->recovery_left += (f->e.state.recovery_spent >> i & 1) == 0;
}

const char *
show_grant_word(const struct record_grant *g, uint32_t spent, uint64_t now_s)
{
	if (g->id == 0)
		return NULL;
	if (g->id <= spent)
		return "spent";
	return g->expires <= now_s ? "expired" : "outstanding";
}

const char *
show_source_name(uint64_t tag, char out[SHOW_SOURCE_CAP])
{
	static const char *const known[] = { "", "totp-admin" };

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		uint64_t other = 0;
		if (throttle_tag(known[i], NULL, &other) == 0 && other == tag)
			return known[i][0] == '\0' ? "local" : known[i];
	}
	snprintf(out, SHOW_SOURCE_CAP, "%016" PRIx64, tag);
	return out;
}

/* --- text -------------------------------------------------------------------- */

static void
say(const char *label, const char *text)
{
	admin_say("%-*s %s", LABEL_WIDTH, label, text);
}

static void
say_time(const char *label, uint64_t at_s)
{
	char text[TABLE_TIME_CAP];

	say(label, table_time_text(at_s, false, text));
}

static void
say_account(const struct show_facts *f)
{
	const char *note = " (no such account on this host)";

	if (f->account == ACCOUNT_UNKNOWN)
		note = " (the account cannot be looked up)";
	else if (f->account == ACCOUNT_FOUND)
		note = "";
	admin_say("%-*s %s, uid %u%s", LABEL_WIDTH, "User", f->user, f->e.record.uid, note);
	if (f->has_mismatch)
		admin_say("%-*s the account has uid %u: the record belongs to another account of "
		    "this name; logins are denied until `totp-admin reset %s`", LABEL_WIDTH, "",
		    f->account_uid, f->user);
}

static void
say_state(const struct show_facts *f)
{
	const struct state *st = &f->e.state;
	char text[160], at[TABLE_TIME_CAP];

	if (!f->is_whole) {
		say("State file", "lost or unreadable; the next login rebuilds it, with every "
		    "code up to then used up");
		return;
	}
	snprintf(text, sizeof text, "whole (write %" PRIu64 ", %s)", st->generation,
	    table_time_text(st->saved_at, false, at));
	say("State file", text);
	if (state_is_from_future(st, &f->e.record, f->now_s, f->settings->window))
		say("", "later than the clock of this host: logins are denied until it is right");
	say("Locked", st->is_locked ? "yes: `totp-admin unlock` ends it" : "no");
	snprintf(text, sizeof text, "%u in a row (lock at %u)", st->fails,
	    f->settings->lock_after);
	say("Failures", text);
}

static void
say_marks(const struct show_facts *f)
{
	const struct record *r = &f->e.record;
	const struct state *st = &f->e.state;
	const char *bypass =
	    show_grant_word(&r->bypass, show_spent(f, st->bypass_spent), f->now_s);
	const char *ticket =
	    show_grant_word(&r->ticket, show_spent(f, st->ticket_spent), f->now_s);
	char text[64];

	if (r->recovery.id == 0)
		say("Recovery codes", "none");
	else {
		snprintf(text, sizeof text, "%u of %u left", f->recovery_left, r->recovery.count);
		say("Recovery codes", f->is_whole ? text : "void, with the state");
	}
	if (r->exempt_until != 0) {
		say_time("Exempt until", r->exempt_until);
		say("", r->exempt_reason);
	}
	if (r->enrol_by != 0)
		say_time("Must enrol by", r->enrol_by);
	if (f->is_whole && f->e.state.grace_start != 0)
		say_time("Grace since", f->e.state.grace_start);
	if (bypass != NULL) {
		say("Bypass code", bypass);
		say_time("", r->bypass.expires);
	}
	if (ticket != NULL) {
		say("Ticket", ticket);
		say_time("", r->ticket.expires);
	}
	for (unsigned i = 0; i < r->notice_count; i++)
		if (!f->is_whole || r->notice[i].id > f->e.state.notice_told)
			say("Notice", r->notice[i].text);
}

static void
say_device(struct show_facts *f, const struct record_device *dev)
{
	const struct state_device *sd = f->is_whole ? state_find(&f->e.state, dev->id) : NULL;
	char text[96];

	puts("");
	snprintf(text, sizeof text, "%s (number %u)", dev->name, dev->id);
	say("Device", text);
	say("  State", admin_state_word(dev, f->now_s));
	snprintf(text, sizeof text, "%s, %s, %u digits, %u s", record_type_name(dev->type),
	    otp_algorithm_name(dev->params.algorithm), dev->params.digits, dev->params.period_s);
	say("  Kind", text);
	snprintf(text, sizeof text, "%zu bits", dev->secret.len * 8);
	say("  Key", text);
	say_time("  Created", dev->created);
	if (dev->expires != 0)
		say_time("  Expires", dev->expires);
	if (dev->rotate_by != 0)
		say_time("  Rotate by", dev->rotate_by);
	if (sd == NULL) {
		say("  Last used", "unknown");
		return;
	}
	say_time("  Last used", sd->last_used);
	snprintf(text, sizeof text, "%d steps", sd->drift);
	say("  Drift", text);
}

static bool
say_sources(const struct show_facts *f)
{
	static const struct table_column columns[] = {
		{ .title = "SOURCE" }, { .title = "FAILURES", .is_right = true },
		{ .title = "LAST" }, { .title = "WAIT-S", .is_right = true },
	};
	struct table *t = table_new(columns, sizeof columns / sizeof columns[0]);
	bool has_row = false;

	for (unsigned i = 0; i < STATE_BUCKETS_MAX; i++) {
		const struct state_bucket *b = &f->e.state.bucket[i];
		char name[SHOW_SOURCE_CAP];
		if (b->tag == 0)
			continue;
		table_add_row(t);
		table_set_text(t, 0, show_source_name(b->tag, name));
		table_set_number(t, 1, b->fails);
		table_set_time(t, 2, b->last_fail);
		table_set_number(t, 3, throttle_wait(&f->e.state, b->tag, f->now_s, f->settings));
		has_row = true;
	}
	if (has_row)
		puts("");
	bool is_done = table_print(t, stdout, table_width(stdout));
	table_free(t);
	return is_done;
}

static bool
print_text(struct show_facts *f)
{
	char text[64];

	say_account(f);
	snprintf(text, sizeof text, "yes, %u of %u devices can log in", f->usable,
	    f->e.record.device_count);
	if (f->has_mismatch)
		say("Enrolled", "no: see above");
	else
		say("Enrolled", f->usable > 0 ? text : "no: no device can log in");
	say("Record file", "whole");
	say_state(f);
	say_marks(f);
	for (unsigned i = 0; i < f->e.record.device_count; i++)
		say_device(f, &f->e.record.device[i]);
	return say_sources(f);
}

enum exit_code
admin_show(struct admin *a, char *const *operand)
{
	const char *user = operand[0];
	bool is_json = a->option[OPTION_JSON] != NULL;
	struct show_facts f = { .now_s = 0 };
	struct diag d = { "" };

	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code != EXIT_CODE_OK)
		return code;
	int r = store_load(a->store, user, &f.e, &d);
	if (r != 0) {
		code = admin_fail_core(r, &d);
		if (is_json)
			show_json_error(user, r, d.text[0] != '\0' ? d.text : diag_code_text(r));
	} else if (!f.e.has_record) {
		code = admin_fail(EXIT_CODE_NO_SUCH, "%s has no MFA record", user);
	} else {
		gather(a, user, &f);
		if (is_json)
			show_json(&f);
		else if (!print_text(&f))
			code = admin_fail(EXIT_CODE_FAILURE, "out of memory");
	}
	store_entry_wipe(&f.e);
	return code;
}
