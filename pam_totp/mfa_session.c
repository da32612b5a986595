/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* MFA sessions for the module:
 *
 *  1. A session spares a code to whoever would be asked for one, and is never a reason to deny:
 *     whatever goes wrong here means that the next login asks.
 *  2. A login from afar is known by the process that opens its session, which is above all
 *     that runs in it. The code may have been checked by a child of that process (sshd), whose
 *     data is lost, so it is left as PASSED, which counts nowhere, and taken up by that very
 *     process.
 *  3. An address is a place only where session_source says so. */

#include "mfa_session.h"

#include <string.h>
#include <syslog.h>

#include "core/safefile.h"
#include "core/text.h"
#include "place.h"

#define OWNER 0 /* SESSION_DIR is root's, whoever the process is */

static void
log_trouble(const struct host *h, const char *what, int error, const struct diag *d)
{
	char line[2 * HOST_TEXT_CAP + 4 * DIAG_TEXT_MAX + 4 * HOST_TEXT_CAP];
	struct bytes_writer w;

	bytes_writer_init(&w, line, sizeof(line));
	bytes_put(&w, "event=");
	bytes_put(&w, what);
	text_put_field(&w, "user", h->user);
	text_put_field(&w, "service", h->service);
	text_put_field(&w, "error", d->text[0] != '\0' ? d->text : diag_code_text(error));
	host_log(h, LOG_WARNING, line);
}

bool
mfa_session_find(const struct host *h, const struct settings *s, struct store_entry *e,
    uint64_t now_s, char device[RECORD_NAME_CAP], uint64_t *at_s)
{
	struct session_place place;
	struct session_list list;
	struct diag d = { "" };
	uint64_t boottime_s = 0;
	int dir = -1;

	*at_s = 0;
	if (s->max_age_s == 0 || !e->has_record || e->health != STATE_WHOLE ||
	    e->state.is_locked || (!h->is_local && !s->session_source) ||
	    !place_find(h, s, &place) || !place_read_clock(&boottime_s))
		return false;
	int r = session_open_dir(SESSION_DIR, OWNER, false, &dir, &d);
	if (r == 0)
		r = session_load(dir, OWNER, h->user, &list, &d);
	safefile_close(&dir);
	if (r != 0) {
		if (r != E_NOENT)
			log_trouble(h, "session-unreadable", r, &d);
		return false;
	}
	const struct session *found = session_find(&list, &place, &e->record,
	    e->state.session_epoch, now_s, boottime_s, s->max_age_s);
	if (found == NULL)
		return false;
	const struct record_device *dev = record_find_id(&e->record, found->device_id);
	if (dev == NULL)
		return false;
	memcpy(device, dev->name, RECORD_NAME_CAP); /* it may have another name by now */
	*at_s = found->wall_s;
	return true;
}

/* Which device that was. The state of the device is looked at whenever the session is. */
static int
name_device(const struct host *h, struct store *store, const char *device, struct session *n,
    struct diag *d)
{
	struct store_entry e;

	int r = store_load(store, h->user, &e, d);
	const struct record_device *dev =
	    r == 0 && e.has_record ? record_find_name(&e.record, device) : NULL;
	if (dev != NULL) {
		n->device_id = dev->id;
		n->device_created = dev->created;
		memcpy(n->device, dev->name, sizeof(n->device));
	} else if (r == 0)
		r = diag_set(d, E_NOENT, "the device is gone");
	store_entry_wipe(&e);
	return r;
}

/* The kinds that a code typed here makes. */
static unsigned
choose_kinds(const struct host *h, const struct settings *s, enum session_kind kinds[2])
{
	unsigned count = 0;

	kinds[count++] = h->is_local ? SESSION_TERMINAL : SESSION_PASSED;
	if (!h->is_local && s->session_source)
		kinds[count++] = SESSION_SOURCE;
	return count;
}

void
mfa_session_add(const struct host *h, const struct settings *s, struct store *store,
    const char *device, uint64_t epoch)
{
	struct session n = { .wall_s = host_now(), .epoch = epoch };
	struct session_place place;
	struct diag d = { "" };
	enum session_kind kinds[2];
	int dir = -1;

	if (device[0] == '\0' || !place_find(h, s, &place) || !place_read_clock(&n.boottime_s) ||
	    bytes_copy((struct span){ h->service, strlen(h->service) }, n.service,
		sizeof(n.service)) != 0)
		return;
	int r = name_device(h, store, device, &n, &d);
	unsigned count = choose_kinds(h, s, kinds);
	for (unsigned i = 0; i < count && r == 0; i++) {
		place_bind(&place, kinds[i], &n.bond);
		if (!session_bond_ok(&n.bond))
			continue;
		if (dir < 0)
			r = session_open_dir(SESSION_DIR, OWNER, true, &dir, &d);
		if (r == 0)
			r = session_add(dir, OWNER, h->user, &n, &d);
	}
	safefile_close(&dir);
	if (r != 0)
		log_trouble(h, "session-unwritten", r, &d);
}

/* What the phase does beneath the directory of sessions; none there is as good as done. */
static void
run_phase(const struct host *h, bool is_opening)
{
	struct session_bond here;
	struct diag d = { "" };
	uint64_t boottime_s = 0;
	int dir = -1;

	if (h->is_local || !place_find_login(h, &here) || !place_read_clock(&boottime_s))
		return;
	int r = session_open_dir(SESSION_DIR, OWNER, false, &dir, &d);
	if (r == 0)
		r = is_opening ? session_confirm(dir, OWNER, h->user, h->service, &here,
				     boottime_s, &d) :
				 session_close(dir, OWNER, h->user, here.process, &d);
	safefile_close(&dir);
	if (r != 0 && r != E_NOENT)
		log_trouble(h, is_opening ? "session-unopened" : "session-unclosed", r, &d);
}

void
mfa_session_open(const struct host *h)
{
	run_phase(h, true);
}

void
mfa_session_close(const struct host *h)
{
	run_phase(h, false);
}
