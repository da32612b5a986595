/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* How totp-helper changes a record:
 *
 *  1. In one store_update, whose step decides anew on the entry that it is about to replace;
 *     who may is proof_check's to say. What fails writes nothing.
 *  2. The device is the one that the user saw when he asked: when its name has gone to
 *     another one meanwhile, nothing is done.
 *  3. The same write leaves a notice for the next login. Once it is on disk it is logged, and
 *     the program that the settings name is told; that can fail nothing any more.
 */
#include "utils/helper_change.h"

#include <stdio.h>
#include <string.h>

#include "core/attempt.h"
#include "utils/member.h"
#include "utils/notify.h"

int
change_refuse(struct change *c, enum exit_code code)
{
	c->refusal = code;
	return E_INVALID;
}

static void
begin(struct change *c)
{
	c->now_s = helper_now_s();
	c->refusal = EXIT_CODE_OK;
	c->has_bad_ticket = false;
}

enum exit_code
change_rehearse(struct change *c, change_fn *step, void *ctx)
{
	struct helper *h = c->h;
	struct store_entry e;
	struct diag d = {""};

	enum exit_code code = helper_load(h, &e);
	if (code != EXIT_CODE_OK)
		return code;
	begin(c);
	(void)store_entry_complete(&e, c->now_s);
	c->is_rehearsal = true;
	int r = step(&e, ctx, &d);
	c->is_rehearsal = false;
	store_entry_wipe(&e);
	if (r == 0)
		return EXIT_CODE_OK;
	return c->refusal != EXIT_CODE_OK ? c->refusal : helper_end_error(h, r, &d);
}

/* On disk before it is told (proof_check has set the text). */
static enum exit_code
count_bad_ticket(struct change *c)
{
	struct helper *h = c->h;
	struct diag d = {""};
	const struct attempt_request q = {
		.user = h->user,
		.uid = h->uid,
		.source = HELPER_SOURCE,
		.now_s = c->now_s,
	};

	int r = attempt_count_failure(&q, h->store, &d);
	helper_log(h, false, c->event, "ticket", c->name);
	return r == 0 ? c->refusal : helper_end_error(h, r, &d);
}

enum exit_code
change_update(struct change *c, change_fn *step, void *ctx)
{
	struct helper *h = c->h;
	struct diag d = {""};

	begin(c);
	int r = store_update(h->store, h->user, c->now_s, step, ctx, &d);
	if (r == 0)
		return EXIT_CODE_OK;
	if (c->has_bad_ticket)
		return count_bad_ticket(c);
	return c->refusal != EXIT_CODE_OK ? c->refusal : helper_end_error(h, r, &d);
}

struct record_device *
change_find(struct change *c, struct store_entry *e, int *error, struct diag *d)
{
	struct record_device *dev = e->has_record ? record_find_name(&e->record, c->name) : NULL;

	if (c->id != 0 && (dev == NULL || dev->id != c->id || dev->created != c->created)) {
		*error = change_refuse(c, helper_end(c->h, EXIT_CODE_BUSY,
		    "your devices have changed meanwhile: look at them with totp-enroll list"));
		return NULL;
	}
	if (dev == NULL) {
		*error = diag_set(d, E_NOENT, "%s has no device named \"%s\"", c->h->user, c->name);
		return NULL;
	}
	c->id = dev->id;
	c->created = dev->created;
	memcpy(c->name, dev->name, sizeof(c->name));
	*error = 0;
	return dev;
}

void
change_note(const struct change *c, struct store_entry *e, const char *what)
{
	char text[2 * RECORD_REASON_CAP + HELPER_TTY_CAP];
	struct bytes_writer w;

	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, what);
	if (c->h->tty[0] != '\0') {
		bytes_put(&w, ", from ");
		bytes_put(&w, c->h->tty);
	}
	record_add_notice(&e->record, e->state.notice_told, c->now_s, text);
}

void
change_tell(const struct change *c, const char *reason, const char *new_name)
{
	const struct helper *h = c->h;
	char uid[24] = "";
	char why[NOTIFY_WHY_CAP];

	helper_log(h, true, c->event, reason, new_name[0] != '\0' ? new_name : c->name);
	if (h->settings.notify[0] == '\0')
		return;
	if (snprintf(uid, sizeof(uid), "%u", (unsigned)h->uid) < 0)
		return;
	const char *const words[] = {c->done, h->user, c->name, uid, h->tty, new_name, NULL};
	if (!notify_run(h->settings.notify, words, why))
		helper_log_trouble(h, why);
}

bool
change_is_required(const struct helper *h)
{
	/* find_member reads it only; struct config_who has no const for a context. */
	char user[RECORD_USER_CAP];
	memcpy(user, h->user, sizeof(user));
	const struct config_who who = {
		.service = HELPER_SERVICE, .find_member = member_find, .ctx = user
	};
	bool is_in = true;
	struct diag d = {""};

	if (h->settings.unenrolled == UNENROLLED_SKIP)
		return false;
	/* What cannot be known protects the device. */
	return config_in_groups(&h->settings, &who, &is_in, &d) != 0 || is_in;
}
