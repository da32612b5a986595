/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* Who may change a record. Between two messages anything may have happened to it, so what
 * the caller has shown is looked at again on each entry that is about to be replaced:
 *
 *  1. A record with an active device is changed only by a run whose proof still holds: the
 *     very device whose code was accepted is still active, or the very recovery set or
 *     bypass is still the record's. An expired active device counts as one: who cannot show it goes
 *     to an administrator (DESIGN promise 10; AWS-2023-001).
 *  2. Devices are known by number and time of making as they were before the code was
 *     asked for: a name may be another device's by then, and numbers begin anew
 *     after a reset. In doubt the proof does not hold.
 *  3. A bypass code is the administrator's own proof, given to somebody whose device is lost
 *     and who needs another one: once, for a time, logged and announced. Who must not get a
 *     device by it is not given one.
 *  4. A record of another uid is not touched.
 *  5. Where the settings want a ticket, no account gets its first active device without
 *     one. It is checked before the secret is shown and spent by the write that makes the
 *     device active, so that of two runs with one ticket one wins.
 *  6. A wrong ticket is counted (change_update), the password having been right or not.
 */
#include <string.h>

#include "core/devices.h"
#include "utils/helper_change.h"

/* What a device was called when the code was asked for (obligation 2). */
struct names {
	unsigned count;
	struct {
		uint32_t id;
		uint64_t created;
		char name[RECORD_NAME_CAP];
	} device[RECORD_DEVICES_MAX];
	uint8_t salt[RECOVERY_SALT_LEN];
	uint8_t bypass_salt[RECOVERY_SALT_LEN];
};

static void
take_names(const struct store_entry *e, struct names *n)
{
	memset(n, 0, sizeof(*n));
	for (unsigned i = 0; i < e->record.device_count && i < RECORD_DEVICES_MAX; i++) {
		const struct record_device *d = &e->record.device[i];

		if (d->state != DEVICE_ACTIVE)
			continue;
		n->device[n->count].id = d->id;
		n->device[n->count].created = d->created;
		memcpy(n->device[n->count].name, d->name, RECORD_NAME_CAP);
		n->count++;
	}
	memcpy(n->salt, e->record.recovery.salt, sizeof(n->salt));
	memcpy(n->bypass_salt, e->record.bypass.salt, sizeof(n->bypass_salt));
}

/* One code of an active device, a recovery code, or the administrator's. */
static enum exit_code
ask_code(struct change *c, const struct names *n)
{
	struct helper_proof proof;

	enum exit_code code = helper_prove(c->h, "proof", "MFA code of an active device: ",
	    &proof);
	if (code != EXIT_CODE_OK)
		return code;
	if (proof.has_used_recovery || proof.has_used_bypass) {
		c->has_used_bypass = proof.has_used_bypass;
		memcpy(c->proof_salt, proof.has_used_bypass ? n->bypass_salt : n->salt,
		    sizeof(c->proof_salt));
		c->is_proven = true;
		return EXIT_CODE_OK;
	}
	for (unsigned i = 0; i < n->count && !c->is_proven; i++) {
		if (!record_is_same_name(n->device[i].name, proof.device))
			continue;
		c->proof_id = n->device[i].id;
		c->proof_created = n->device[i].created;
		c->is_proven = true;
	}
	if (c->is_proven)
		return EXIT_CODE_OK;
	helper_log(c->h, false, c->event, "no-device-code", c->name);
	return helper_end(c->h, EXIT_CODE_NOT_PERMITTED,
	    "your devices have changed meanwhile: start again");
}

static enum exit_code
ask_ticket(struct change *c)
{
	struct message m;

	enum exit_code code = helper_ask(c->h, "ticket", true,
	    "Enrolment ticket: ", &m);
	if (code != EXIT_CODE_OK)
		return code;
	const char *text = message_get(&m, "text");
	/* What is too long, or nothing, is no ticket either; it is counted as a wrong one. */
	size_t len = strlen(text);
	memcpy(c->ticket, len == 0 || len >= sizeof(c->ticket) ? "-" : text,
	    len == 0 || len >= sizeof(c->ticket) ? 2 : len + 1);
	message_wipe(&m);
	return EXIT_CODE_OK;
}

static bool
wants_ticket(const struct change *c)
{
	return c->may_be_first && c->h->settings.enrol_ticket == ENROL_TICKET_REQUIRED;
}

enum exit_code
proof_ask(struct change *c)
{
	struct store_entry e;
	struct names names;

	enum exit_code code = helper_authenticate(c->h);
	if (code != EXIT_CODE_OK)
		return code;
	code = helper_load(c->h, &e);
	if (code != EXIT_CODE_OK)
		return code;
	bool has_active = helper_has_active(&e);
	take_names(&e, &names);
	store_entry_wipe(&e);
	if (has_active)
		return ask_code(c, &names);
	return wants_ticket(c) ? ask_ticket(c) : EXIT_CODE_OK;
}

/* Obligations 1 and 2. */
static bool
holds(const struct change *c, struct store_entry *e)
{
	if (!c->is_proven)
		return false;
	if (c->has_used_bypass)
		return e->record.bypass.id != 0 && memcmp(e->record.bypass.salt, c->proof_salt,
		    sizeof(c->proof_salt)) == 0;
	if (c->proof_id == 0)
		return e->record.recovery.id != 0 && memcmp(e->record.recovery.salt, c->proof_salt,
		    sizeof(c->proof_salt)) == 0;
	const struct record_device *d = record_find_id(&e->record, c->proof_id);
	return d != NULL && d->state == DEVICE_ACTIVE && d->created == c->proof_created;
}

/* Obligation 5. */
static int
check_ticket(struct change *c, struct store_entry *e, bool spends_ticket, struct diag *d)
{
	uint32_t before = e->state.ticket_spent;

	if (!wants_ticket(c))
		return 0;
	if (c->ticket[0] == '\0')
		return change_refuse(c, helper_end(c->h, EXIT_CODE_NOT_PERMITTED,
		    "your devices have changed meanwhile: start again"));
	int r = devices_spend_ticket(e, (struct span){c->ticket, strlen(c->ticket)}, c->now_s, d);
	if (r == E_NOENT) {
		c->has_bad_ticket = true;
		return change_refuse(c, helper_end(c->h, EXIT_CODE_WRONG_CODE,
		    "this enrolment ticket is not valid: ask your administrator for a new one"));
	}
	if (!spends_ticket)
		e->state.ticket_spent = before;
	return r;
}

int
proof_check(struct change *c, struct store_entry *e, bool spends_ticket, struct diag *d)
{
	if (e->has_record && e->record.uid != c->h->uid)
		return change_refuse(c, helper_end_mismatch(c->h, e->record.uid));
	if (c->is_rehearsal)
		return 0;
	if (!helper_has_active(e))
		return check_ticket(c, e, spends_ticket, d);
	if (holds(c, e))
		return 0;
	helper_log(c->h, false, c->event, "active-meanwhile", c->name);
	return change_refuse(c, helper_end(c->h, EXIT_CODE_NOT_PERMITTED,
	    "your devices have changed meanwhile: start again with a code of an active device"));
}
