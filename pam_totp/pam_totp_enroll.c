/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A user who must have a device and has none enrols in the login itself, and one whose device had
 * to be replaced by now replaces it, before there is a session, so that no sftp, port forwarding
 * or command of ssh goes round it. Stands after the first factor and right above pam_totp.so.
 *
 *   1 settings      config        as pam_totp.c
 *   2 who is it     host          as pam_totp.c
 *   3 must they?    enroll_write  the policy's ENROL, no active device, no wait; or its ASK and
 *                                 a device that is overdue
 *   4 conversation  enroll_talk   ticket, name, QR code and key, two codes; a rotation has a
 *                                 code of now (enroll_rotate) in the place of ticket and name
 *   5 write         enroll_write  all in one: ticket spent, device active, recovery codes; or
 *                                 new secret active, old one disabled
 *   6 result        here          what came of it told, claim left for pam_totp.so, one table
 *
 * Obligations:
 *  1. The outcome starts as INTERNAL, which denies. PAM_SUCCESS and PAM_IGNORE stand in
 *     the table and nowhere else.
 *  2. PAM_IGNORE says nothing about the user: pam_totp.so decides on everybody whom this
 *     module does not lead through something.
 *  3. Whatever ends the conversation before step 5 leaves the devices as they were.
 *  4. All that was made or typed is wiped on every way out. */

#include "host.h"

#include <string.h>

#include "core/config.h"
#include "core/store.h"
#include "enroll_login.h"
#include "enrolled.h"

#define ENTRY_POINT __attribute__((visibility("default")))

/* The one table. */
static const int codes[ENROL_OUTCOMES_MAX] = {
	[ENROL_INTERNAL] = PAM_SYSTEM_ERR,
	[ENROL_GO_ON] = PAM_SYSTEM_ERR,
	[ENROL_DONE] = PAM_SUCCESS,
	[ENROL_NOT_ASKED] = PAM_IGNORE,
	[ENROL_NO_USER] = PAM_USER_UNKNOWN,
	[ENROL_LOOKUP] = PAM_AUTHINFO_UNAVAIL,
	[ENROL_NO_ANSWER] = PAM_AUTH_ERR,
	[ENROL_USER_CHANGED] = PAM_AUTH_ERR,
	[ENROL_TICKET] = PAM_AUTH_ERR,
	[ENROL_THROTTLED] = PAM_MAXTRIES,
	[ENROL_LOCKED] = PAM_MAXTRIES,
	[ENROL_NAME] = PAM_AUTH_ERR,
	[ENROL_LIMIT] = PAM_AUTH_ERR,
	[ENROL_WRONG] = PAM_AUTH_ERR,
	[ENROL_EXPIRED] = PAM_AUTH_ERR,
	[ENROL_MEANWHILE] = PAM_AUTH_ERR,
	[ENROL_DENIED] = PAM_AUTH_ERR,
	[ENROL_MUST_WAIT] = PAM_MAXTRIES,
	[ENROL_NO_STORE] = PAM_AUTHINFO_UNAVAIL,
	[ENROL_STORE] = PAM_AUTHINFO_UNAVAIL,
	[ENROL_SETTINGS] = PAM_SERVICE_ERR,
};

/* Of the other management groups, as pam_totp.so. */
static const int code_of_setcred = PAM_SUCCESS;
static const int code_of_others = PAM_IGNORE;

/* Steps 1 and 3. */
static enum enrol_outcome
begin(struct enrolling *x, int argc, const char **argv)
{
	const struct config_who who = {
		.service = x->host.service, .find_member = host_find_member, .ctx = &x->host
	};

	int error = config_load(argc, argv, DEFAULT_CONF, &who, &x->settings, &x->diag);
	if (error == 0)
		error = config_in_groups(&x->settings, &who, &x->in_groups, &x->diag);
	if (error != 0)
		return ENROL_SETTINGS;
	if (store_open(x->settings.store, x->settings.state_fallback, &x->store, &x->diag) != 0)
		return ENROL_STORE;
	return enrol_look(x);
}

static enum enrol_outcome
prove_ticket(struct enrolling *x)
{
	if (x->settings.enrol_ticket != ENROL_TICKET_REQUIRED)
		return ENROL_GO_ON;
	enum enrol_outcome o = enrol_ask_ticket(x);
	return o == ENROL_GO_ON ? enrol_check_ticket(x) : o;
}

static enum enrol_outcome
choose_name(struct enrolling *x)
{
	enum enrol_outcome o = ENROL_NAME;
	const char *why = NULL;

	for (unsigned i = 0; i < ENROL_TRIES && o == ENROL_NAME; i++) {
		o = enrol_ask_name(x, why);
		if (o == ENROL_GO_ON)
			o = enrol_rehearse(x, &why);
	}
	return o;
}

/* Steps 4 and 5 of a secret that was made here. */
static enum enrol_outcome
try_codes(struct enrolling *x)
{
	enum enrol_outcome o = ENROL_WRONG;

	x->begun_s = host_now();
	enrol_log(x, ENROL_GO_ON, true);
	for (unsigned i = 0; i < ENROL_TRIES && o == ENROL_WRONG; i++) {
		bool is_code = false;

		if (i > 0)
			enrol_log(x, o, false);
		o = enrol_ask_codes(x, i == 0, &is_code);
		if (o == ENROL_GO_ON && is_code) {
			o = enrol_write(x);
		} else if (o == ENROL_GO_ON) {
			x->verdict = ENROLMENT_DIGITS;
			x->off_s = 0;
			o = ENROL_WRONG;
		}
	}
	return o;
}

/* Step 6, with the device active. */
static enum enrol_outcome
conclude(struct enrolling *x)
{
	struct enrolled claim = { .device_id = x->device_id, .step = x->step };

	enum enrol_outcome o = ENROL_GO_ON;

	enrol_log(x, ENROL_DONE, false);
	enrol_notify(x);
	if (x->is_rotation)
		enrol_tell_rotated(x);
	else
		o = enrol_show_sheet(x);
	if (o != ENROL_GO_ON)
		return o;
	memcpy(claim.user, x->host.user, sizeof(claim.user));
	return host_leave_data(&x->host, ENROLLED_DATA, &claim, sizeof(claim)) ? ENROL_DONE :
	    ENROL_INTERNAL;
}

static enum enrol_outcome
run(struct enrolling *x, int argc, const char **argv)
{
	enum enrol_outcome o = begin(x, argc, argv);

	if (o == ENROL_GO_ON)
		o = x->is_rotation ? rotation_prove(x) : prove_ticket(x);
	if (o == ENROL_GO_ON && otp_secret_generate(x->params.algorithm, &x->secret) != 0)
		o = ENROL_INTERNAL;
	if (o == ENROL_GO_ON)
		o = x->is_rotation ? enrol_ask_ready(x) : choose_name(x);
	if (o == ENROL_GO_ON)
		o = try_codes(x);
	return o == ENROL_GO_ON ? conclude(x) : o;
}

ENTRY_POINT int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct enrolling x = { .store = NULL, .params = OTP_PARAMS_DEFAULT };
	enum enrol_outcome o = ENROL_NO_USER;

	config_defaults(&x.settings);
	if (host_gather(pamh, flags, &x.host) == 0)
		o = run(&x, argc, argv);
	store_close(x.store);
	if (o != ENROL_DONE)
		enrol_log(&x, o, false);
	enrol_tell(&x, o);
	if (codes[o] == PAM_AUTH_ERR || codes[o] == PAM_MAXTRIES)
		host_delay(&x.host, x.settings.fail_delay_ms);
	bytes_wipe(&x, sizeof(x));
	return codes[o];
}

ENTRY_POINT int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_setcred;
}

ENTRY_POINT int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_others;
}

ENTRY_POINT int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_others;
}

ENTRY_POINT int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_others;
}

ENTRY_POINT int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return code_of_others;
}
