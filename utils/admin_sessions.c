/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin sessions and revoke: the MFA sessions of this host, which spare a code where
 * max_age says so. The first only reads. A file that cannot be read is a row like any other, says
 * why on standard error and makes the exit code 1, after all others were listed. A revoked
 * session ends at once: the next login asks, and the account phase denies. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/safefile.h"
#include "core/session.h"
#include "utils/admin.h"
#include "utils/session_table.h"

#define OWNER 0 /* SESSION_DIR is root's, whoever asks */

static enum exit_code
add_user(struct table *t, int dir, const char *user)
{
	struct session_list list;
	struct diag d = { "" };

	int r = session_load(dir, OWNER, user, &list, &d);
	for (unsigned i = 0; i < list.count; i++)
		(void)session_table_add(t, user, &list.item[i]);
	if (r == 0)
		return EXIT_CODE_OK;
	const char *why = d.text[0] != '\0' ? d.text : diag_code_text(r);
	session_table_add_error(t, user, why);
	return admin_fail(EXIT_CODE_FAILURE, "%s: %s", user, why);
}

/* Every file of a user; temporary ones begin with a dot, as no user name does. */
static enum exit_code
add_all(struct table *t, int dir)
{
	enum exit_code code = EXIT_CODE_OK;
	struct dirent **entry = NULL;

	int count = scandirat(dir, ".", &entry, NULL, alphasort);
	if (count < 0)
		return admin_fail(EXIT_CODE_FAILURE, SESSION_DIR ": %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		if (record_user_ok(entry[i]->d_name) &&
		    add_user(t, dir, entry[i]->d_name) != EXIT_CODE_OK)
			code = EXIT_CODE_FAILURE;
		free(entry[i]);
	}
	free(entry);
	return code;
}

/* *dir is -1 where there has never been a session. */
static enum exit_code
open_dir(int *dir)
{
	struct diag d = { "" };

	int r = session_open_dir(SESSION_DIR, OWNER, false, dir, &d);
	return r == 0 || r == E_NOENT ? EXIT_CODE_OK : admin_fail_core(r, &d);
}

enum exit_code
admin_sessions(struct admin *a, char *const *operand)
{
	enum exit_code code = EXIT_CODE_OK;
	int dir = -1;

	if (operand[0] != NULL)
		code = admin_check_user(operand[0]);
	if (code == EXIT_CODE_OK)
		code = open_dir(&dir);
	if (code != EXIT_CODE_OK)
		return code;
	struct table *t = session_table_new();
	if (dir >= 0)
		code = operand[0] != NULL ? add_user(t, dir, operand[0]) : add_all(t, dir);
	safefile_close(&dir);
	if (!admin_print(a, t, "sessions"))
		code = admin_fail(EXIT_CODE_FAILURE, "out of memory");
	table_free(t);
	return code;
}

enum exit_code
admin_revoke(struct admin *a, char *const *operand)
{
	const char *user = operand[0], *number_text = operand[1];
	struct diag d = { "" };
	uint64_t number = 0;
	unsigned count = 0;
	int dir = -1;

	(void)a;
	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK && number_text != NULL && bytes_parse_u64(
		(struct span){ number_text, strlen(number_text) }, 1, UINT32_MAX, &number) != 0)
		code = admin_fail(EXIT_CODE_USAGE, "%s: expected the number of a session",
		    number_text);
	if (code == EXIT_CODE_OK)
		code = open_dir(&dir);
	if (code != EXIT_CODE_OK)
		return code;
	int r = dir < 0 ? E_NOENT :
	    session_revoke(dir, OWNER, user, (uint32_t)number, &count, &d);
	safefile_close(&dir);
	if (r == E_NOENT && number != 0)
		return admin_fail(EXIT_CODE_NO_SUCH, "%s has no MFA session %s", user, number_text);
	if (r == E_NOENT)
		return admin_fail(EXIT_CODE_NO_SUCH, "%s has no MFA session", user);
	if (r != 0)
		return admin_fail_core(r, &d);
	admin_log("revoke", user, NULL, "ok");
	admin_say("%s: %u MFA session%s revoked.", user, count, count == 1 ? "" : "s");
	return EXIT_CODE_OK;
}
