/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin verify: is this code right? The same attempt as a login makes it, so a right
 * code is used up and a wrong one is counted: for the source "totp-admin", which makes nobody
 * else wait. The code comes by standard input, never as an argument. */
#include <stdio.h>
#include <string.h>

#include "core/attempt.h"
#include "utils/admin.h"
#include "utils/phrases.h"
#include "utils/secret_input.h"

static enum exit_code
tell(const char *user, const struct attempt_result *res, const struct diag *d)
{
	char sentence[PHRASE_CAP];
	char who[RECORD_USER_CAP + RECORD_NAME_CAP + 4];

	if (res->verdict == ATTEMPT_FAILED)
		return admin_fail_core(res->error, d);
	phrase_attempt(res, false, sentence, sizeof sentence);
	snprintf(who, sizeof who, res->device[0] != '\0' ? "%s (%s)" : "%s", user, res->device);
	if (res->verdict == ATTEMPT_ACCEPTED)
		admin_say("%s: %s It is used up now.", who, sentence);
	else
		admin_warn("%s: %s", who, sentence);
	if (res->verdict == ATTEMPT_LOCKED || res->has_locked)
		admin_warn("%s is locked; this ends it: totp-admin unlock %s", user, user);
	return phrase_attempt_exit(res);
}

/* Whom the record must belong to: the account of this host; where there is none (a store that
 * serves others) the record itself says it. Not OK: told. */
static enum exit_code
find_uid(struct admin *a, const char *user, uint32_t *uid)
{
	struct store_entry e;

	enum exit_code code = admin_load(a, user, &e);
	if (code != EXIT_CODE_OK)
		return code;
	uint32_t account_uid = 0;
	bool is_usable = record_count(&e.record, DEVICE_ACTIVE, admin_now()) > 0;
	*uid = e.record.uid;
	store_entry_wipe(&e);
	if (!is_usable)
		return admin_fail(EXIT_CODE_NO_SUCH, "%s has no active device", user);
	switch (admin_find_account(user, &account_uid)) {
	case ACCOUNT_FOUND:
		*uid = account_uid;
		return EXIT_CODE_OK;
	case ACCOUNT_NONE:
		return EXIT_CODE_OK;
	case ACCOUNT_UNKNOWN:
		break;
	}
	return admin_fail(EXIT_CODE_FAILURE, "the account of %s cannot be looked up", user);
}

enum exit_code
admin_verify(struct admin *a, char *const *operand)
{
	const char *user = operand[0];
	char text[SECRET_INPUT_CAP] = "";
	struct attempt_request q = { .user = user, .source = ADMIN_SOURCE };
	struct attempt_result res;
	struct diag d = { "" };

	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK)
		code = find_uid(a, user, &q.uid);
	if (code != EXIT_CODE_OK)
		return code;
	int r = secret_input_read("-", "Code: ", text, &d);
	if (r == E_INVALID)
		return admin_fail(EXIT_CODE_USAGE, "no code was given: %s", d.text);
	if (r != 0)
		return admin_fail_core(r, &d);
	q.answer = (struct span){ .at = text, .len = strlen(text) };
	q.now_s = admin_now();
	attempt_run(&q, &a->settings, a->store, &res, &d);
	bytes_wipe(text, sizeof text);
	if (res.has_rebuilt)
		admin_warn("the state of %s was lost, or may not be the newest; every code up to "
		    "now counts as used, and if it was lost every recovery code", user);
	admin_log("verify", user, res.device, phrase_attempt_word(res.verdict));
	return tell(user, &res, &d);
}
