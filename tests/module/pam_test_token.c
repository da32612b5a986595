/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A module for the tests that stands before or after ours in a stack:
 *   set=TEXT   gives TEXT as PAM_AUTHTOK, as a module that asked for a password does
 *   see        puts PAM_AUTHTOK into PAM's environment as SEEN ("(none)" without one)
 *   user=NAME  makes NAME the user
 *   enrolled=USER:ID:STEP  claims what pam_totp_enroll.so would after an enrolment
 *   fail       answers PAM_AUTH_ERR; else PAM_SUCCESS, or PAM_IGNORE with `ignore` */

#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrolled.h"

#define ENTRY_POINT __attribute__((visibility("default")))

static void
drop_claim(pam_handle_t *pamh, void *data, int error)
{
	(void)pamh, (void)error;
	free(data);
}

static int
claim(pam_handle_t *pamh, const char *text)
{
	struct enrolled *e = calloc(1, sizeof(*e));
	char *end = NULL;

	if (e == NULL)
		return PAM_BUF_ERR;
	(void)snprintf(e->user, sizeof(e->user), "%.*s", (int)strcspn(text, ":"), text);
	e->device_id = (uint32_t)strtoul(text + strcspn(text, ":") + 1, &end, 10);
	e->step = strtoull(end + 1, NULL, 10);
	return pam_set_data(pamh, ENROLLED_DATA, e, drop_claim);
}

static int
act(pam_handle_t *pamh, const char *word)
{
	const void *token = NULL;
	char text[1024];

	if (strncmp(word, "set=", 4) == 0)
		return pam_set_item(pamh, PAM_AUTHTOK, word + 4);
	if (strncmp(word, "enrolled=", 9) == 0)
		return claim(pamh, word + 9);
	if (strncmp(word, "user=", 5) == 0)
		return pam_set_item(pamh, PAM_USER, word + 5);
	if (strcmp(word, "see") == 0) {
		int r = pam_get_item(pamh, PAM_AUTHTOK, &token);
		if (r != PAM_SUCCESS)
			return r;
		(void)snprintf(text, sizeof(text), "SEEN=%s",
		    token == NULL ? "(none)" : (const char *)token);
		return pam_putenv(pamh, text);
	}
	return PAM_SUCCESS;
}

static int
act_all(pam_handle_t *pamh, int argc, const char **argv)
{
	int code = PAM_SUCCESS;

	for (int i = 0; i < argc; i++) {
		if (act(pamh, argv[i]) != PAM_SUCCESS)
			return PAM_SYSTEM_ERR;
		if (strcmp(argv[i], "fail") == 0)
			code = PAM_AUTH_ERR;
		if (strcmp(argv[i], "ignore") == 0)
			code = PAM_IGNORE;
	}
	return code;
}

ENTRY_POINT int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return act_all(pamh, argc, argv);
}

ENTRY_POINT int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags, (void)argc;
	return act_all(pamh, 0, argv);
}

ENTRY_POINT int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return act_all(pamh, argc, argv);
}

ENTRY_POINT int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return act_all(pamh, argc, argv);
}

ENTRY_POINT int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return act_all(pamh, argc, argv);
}

ENTRY_POINT int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return act_all(pamh, argc, argv);
}
