/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What will happen to one user at one service. It promises:
 *  1. The answer is that of the functions which decide a login, given what is stored now;
 *     nothing is asked, counted or written.
 *  2. OK is said only of a user who can get in with a code (or by enrolling). */
#include <stdio.h>
#include <string.h>

#include "utils/admin.h"
#include "utils/doctor_parts.h"
#include "utils/table.h"

#define CHECK "login"

struct subject {
	struct doctor *d;
	const char *user;
	const char *service;
	struct doctor_guard guard;
	struct settings settings;
	struct policy_facts facts;
	struct store_entry e;
};

/* Names of the devices that can log in. */
static void
list_devices(const struct subject *x, char *out, size_t cap)
{
	struct bytes_writer w;

	bytes_writer_init(&w, out, cap);
	for (unsigned i = 0; i < x->e.record.device_count; i++) {
		const struct record_device *dev = &x->e.record.device[i];
		if (!record_device_is_usable(dev, x->facts.now_s))
			continue;
		bytes_put(&w, w.len == 0 ? "" : ", ");
		bytes_put(&w, dev->name);
	}
}

/* A device whose day is over is replaced in the login, where that can be. */
static void
explain_rotation(struct subject *x)
{
	for (unsigned i = 0; i < x->e.record.device_count; i++) {
		const struct record_device *dev = &x->e.record.device[i];
		if (dev->rotate_by == 0 || dev->rotate_by > x->facts.now_s ||
		    !record_device_is_usable(dev, x->facts.now_s))
			continue;
		if (x->guard.is_enrolling)
			doctor_add(x->d, DOCTOR_OK, CHECK, NULL,
			    "%s at %s: led through the replacement of %s after a right code",
			    x->user, x->service, dev->name);
		else
			doctor_add(x->d, DOCTOR_WARN, CHECK,
			    "let the user run totp-enroll rotate, or put pam_totp_enroll.so above "
			    "pam_totp.so there",
			    "%s at %s: only reminded that %s is to be replaced: this stack has no "
			    "pam_totp_enroll", x->user, x->service, dev->name);
	}
}

static void
explain_ask(struct subject *x)
{
	char devices[200];

	list_devices(x, devices, sizeof devices);
	if (x->e.health != STATE_LOST && state_is_from_future(&x->e.state, &x->e.record,
		x->facts.now_s, x->settings.window))
		doctor_add(x->d, DOCTOR_FAIL, CHECK, "set the clock right",
		    "%s at %s: asked and denied: the clock was set back", x->user, x->service);
	else if (x->e.state.is_locked)
		doctor_add(x->d, DOCTOR_FAIL, CHECK, "totp-admin unlock that user",
		    "%s at %s: asked and denied: locked after too many wrong codes", x->user,
		    x->service);
	else if (x->e.health == STATE_LOST)
		doctor_add(x->d, DOCTOR_WARN, CHECK, "find out who removed the state",
		    "%s at %s: asked for a code of %s; the state is lost, so only codes that "
		    "are not shown yet will do", x->user, x->service, devices);
	else
		doctor_add(x->d, DOCTOR_OK, CHECK, NULL, "%s at %s: asked for a code of %s",
		    x->user, x->service, devices);
	explain_rotation(x);
}

static void
explain_skip(struct subject *x, const struct policy_decision *p)
{
	char until[TABLE_TIME_CAP], why[RECORD_REASON_CAP + 64];

	switch (p->reason) {
	case POLICY_EXEMPT:
		snprintf(why, sizeof why, "exempt (%s)", p->exemption);
		break;
	case POLICY_NOT_IN_GROUPS:
		snprintf(why, sizeof why, "not enrolled, and in none of the groups that must be");
		break;
	case POLICY_NOT_YET:
		snprintf(why, sizeof why, "not enrolled, and enforce_after is still to come");
		break;
	case POLICY_GRACE:
		snprintf(why, sizeof why, "not enrolled, %u days of grace left", p->days_left);
		break;
	case POLICY_ENROL_BY:
		snprintf(why, sizeof why, "reset, %u days left to enrol again", p->days_left);
		break;
	case POLICY_UNENROLLED:
	case POLICY_ENROLLED:
	case POLICY_OTHER_ACCOUNT:
		snprintf(why, sizeof why, "not enrolled, and unenrolled=skip");
		break;
	}
	bool has_end = p->until_s != 0;
	doctor_add(x->d, DOCTOR_WARN, CHECK, "let the user run totp-enroll",
	    "%s at %s: let in without a code%s%s: %s", x->user, x->service,
	    has_end ? " until " : "", has_end ? table_time_text(p->until_s, true, until) : "", why);
}

static void
explain_decision(struct subject *x)
{
	struct policy_decision p = policy_decide(&x->facts, &x->e, &x->settings);

	switch (p.action) {
	case POLICY_ASK:
		if (p.reason == POLICY_OTHER_ACCOUNT)
			doctor_add(x->d, DOCTOR_FAIL, CHECK, "totp-admin reset that user",
			    "%s at %s: asked and denied: the record is another account's (uid %u)",
			    x->user, x->service, x->e.record.uid);
		else
			explain_ask(x);
		break;
	case POLICY_SKIP:
		explain_skip(x, &p);
		break;
	case POLICY_ENROL:
		if (x->guard.is_enrolling) {
			doctor_add(x->d, DOCTOR_OK, CHECK, NULL,
			    "%s at %s: not enrolled: led through the enrolment in the login",
			    x->user, x->service);
			break;
		}
		doctor_add(x->d, DOCTOR_FAIL, CHECK,
		    "add pam_totp_enroll.so above pam_totp.so, or let the user run totp-enroll",
		    "%s at %s: asked and denied: must enrol, and this stack has no "
		    "pam_totp_enroll", x->user, x->service);
		break;
	case POLICY_DENY:
		doctor_add(x->d, DOCTOR_FAIL, CHECK, "let the user run totp-enroll first",
		    "%s at %s: asked and denied: not enrolled, and unenrolled=deny", x->user,
		    x->service);
		break;
	}
}

/* Account, store and policy: what pam_totp would find. */
static void
explain_asking(struct subject *x, const struct doctor_paths *p)
{
	struct store *store = NULL;
	struct diag why = { "" };

	int r = doctor_load_settings(p, &x->guard, x->user, &x->settings, &x->facts.in_groups,
	    &why);
	if (r != 0) {
		doctor_add(x->d, DOCTOR_FAIL, CHECK, "mend the settings",
		    "%s at %s: denied: the settings are broken: %s", x->user, x->service, why.text);
		return;
	}
	switch (admin_find_account(x->user, &x->facts.uid)) {
	case ACCOUNT_FOUND:
		x->facts.is_account = true;
		break;
	case ACCOUNT_NONE:
	case ACCOUNT_UNKNOWN:
		doctor_add(x->d, DOCTOR_FAIL, CHECK, "see getent passwd",
		    "%s at %s: asked and denied: there is no such account", x->user, x->service);
		return;
	}
	r = store_open(x->settings.store, x->settings.state_fallback, &store, &why);
	if (r == 0)
		r = store_load(store, x->user, &x->e, &why);
	if (r == 0)
		explain_decision(x);
	else
		doctor_add(x->d, DOCTOR_FAIL, CHECK, "see the findings about the store",
		    "%s at %s: denied: the record cannot be read: %s", x->user, x->service,
		    why.text[0] != '\0' ? why.text : diag_code_text(r));
	store_entry_wipe(&x->e);
	store_close(store);
}

void
doctor_explain(struct doctor *d, const struct doctor_paths *p, const char *user,
    const char *service)
{
	struct subject x = { .d = d, .user = user, .service = service,
		.facts = { .now_s = admin_now() } };
	struct pam_verdict v, as_root;
	struct pam_stack s;

	if (!doctor_read_service(p, service, "auth", &s)) {
		d->is_out_of_memory = true;
		return;
	}
	pam_stack_judge(&s, false, &v);
	pam_stack_judge(&s, true, &as_root);
	int totp = pam_stack_find(&s, PAM_KIND_TOTP);
	if (s.is_other)
		doctor_add(d, DOCTOR_WARN, CHECK, "write the service's own file in /etc/pam.d",
		    "%s has no auth lines of its own: those of \"other\" count", service);
	if (s.is_refused)
		doctor_add(d, DOCTOR_FAIL, CHECK, "mend the stack",
		    "%s at %s: denied: libpam refuses the stack: %s", user, service, s.fault);
	else if (totp < 0)
		doctor_add(d, DOCTOR_WARN, CHECK, "auth required pam_totp.so below the password",
		    "%s at %s: not asked for a code: pam_totp is not in this stack", user, service);
	else if (!v.is_reached)
		doctor_add(d, DOCTOR_FAIL, CHECK, "look at the lines above pam_totp",
		    "%s at %s: not asked for a code: pam_totp is never reached", user, service);
	else if (strncmp(service, "sudo", 4) == 0 && strcmp(user, "root") == 0)
		doctor_add(d, DOCTOR_OK, CHECK, NULL,
		    "%s at %s: not asked: sudo does not authenticate root", user, service);
	else {
		doctor_guard_set(&x.guard, service, &s.line[totp]);
		x.guard.is_enrolling = pam_stack_find(&s, PAM_KIND_ENROL) >= 0;
		explain_asking(&x, p);
		if (!as_root.is_reached)
			doctor_add(d, DOCTOR_OK, CHECK, NULL,
			    "%s: a caller who is root is not asked (pam_rootok)", service);
	}
	pam_stack_free(&s);
}
