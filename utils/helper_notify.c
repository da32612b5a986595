/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* The program of the setting `notify`, for a change that pam_totp_enroll.so made at a login. The
 * module is a guest in sshd, where it may not fork, change ids or signals; this process may:
 *
 *  1. Only root may ask. He runs as nobody what he could run as himself, and what he says
 *     of a change is as true as the store, which is his too. Everybody else could tell
 *     the program what he likes.
 *  2. Store and settings are not looked at: the program is the one of the login's settings.
 *  3. The words are checked all the same: an account's name, a device's name, no control
 *     characters. (notify_run runs no shell.)
 */
#include "utils/helper.h"
#include "utils/notify.h"

#include <string.h>

#define KEYS 7 /* of a request */

static bool
is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

enum exit_code
helper_notify(struct helper *h, const struct message *request)
{
	const char *program = message_get(request, "program");
	const char *done = message_get(request, "done");
	const char *user = message_get(request, "user");
	const char *name = message_get(request, "name");
	const char *uid = message_get(request, "uid");
	const char *from = message_get(request, "from");
	char why[NOTIFY_WHY_CAP];
	uint64_t number = 0;

	if (h->uid != 0) /* 1 */
		return helper_end(h, EXIT_CODE_NOT_PERMITTED, "only root may say what was done");
	if (request->count != KEYS || program == NULL || program[0] != '/' || done == NULL ||
	    (strcmp(done, "added") != 0 && strcmp(done, "rotated") != 0) ||
	    !record_user_ok(user) || !record_device_name_ok(name) || uid == NULL ||
	    message_get_u64(request, "uid", 0, UINT32_MAX, &number) != 0 || from == NULL ||
	    !is_printable(from))
		return helper_end(h, EXIT_CODE_USAGE, "this is no change to tell of");
	const char *const words[] = {done, user, name, uid, from, "", NULL};
	if (!notify_run(program, words, why))
		return helper_end(h, EXIT_CODE_FAILURE, "%s", why);
	return EXIT_CODE_OK;
}
