/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* All that is asked of libpam or told to it. We are a guest in a process that runs as root
 * and belongs to somebody else:
 *
 *  1. What the application says (user, remote host, tty, answers) is bytes of unknown
 *     content and length; each is copied once, bounded, and pinned.
 *  2. Nothing of the process is changed: no environment, locale, signal, umask, directory,
 *     syslog identity. No static storage.
 *  3. An answer is in one place, ours, and is wiped there; libpam's copy is wiped and freed.
 *  4. Only re-entrant look-ups, with a buffer of our own: pam_modutil_getpwnam and its like
 *     take every failure for "there is none", and without memory go round 2^31 times.
 *  5. The application is asked by its own function, not by pam_prompt, which prints the text
 *     into memory that it frees as it is while it grows: keys and recovery codes among it. */

#include "host.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define GROUPS_MAX 65536 /* of one account: NGROUPS_MAX of Linux */
#define ENTRY_CAP 1024   /* of an account or a group, at first; doubled as far as */
#define ENTRY_MAX (UINT32_C(1) << 20)
#define PASSWORD_MAX 512 /* PAM_MAX_RESP_SIZE: longest password with a code appended */

/* Copy an item of the application; "" when it is absent. What does not fit is cut. */
static void
copy_item(pam_handle_t *pamh, int item, char out[HOST_TEXT_CAP])
{
	const void *value = NULL;

	out[0] = '\0';
	if (pam_get_item(pamh, item, &value) != PAM_SUCCESS || value == NULL)
		return;
	size_t len = strnlen(value, HOST_TEXT_CAP - 1);
	memcpy(out, value, len);
	out[len] = '\0';
}

/* A larger buffer for an entry that did not fit into *cap bytes; the first when *buffer is
 * NULL. Returns 0 or an errno value. The caller frees it. */
static int
make_room(char **buffer, size_t *cap)
{
	*cap = *buffer == NULL ? ENTRY_CAP : 2 * *cap;
	free(*buffer);
	*buffer = *cap > ENTRY_MAX ? NULL : malloc(*cap);
	return *buffer == NULL ? ENOMEM : 0;
}

/* Whether that is how a look-up says that there is none: getpwnam(3), "ERRORS". */
static bool
is_none(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

/* The account of h->asked. One that cannot be looked up counts as a name without an account,
 * who is asked and refused; account_error tells the log. E_INVALID: its name is over-long. */
static int
look_up_account(struct host *h)
{
	struct passwd pw;
	struct passwd *found = NULL;
	char *buffer = NULL;
	size_t cap = 0;
	int error = ERANGE;
	int r = 0;

	while (error == ERANGE) {
		error = make_room(&buffer, &cap);
		if (error == 0)
			error = getpwnam_r(h->asked, &pw, buffer, cap, &found);
	}
	if (error == 0 && found != NULL) {
		/* Where names are matched without case (LDAP), the record is the account's. */
		size_t len = strnlen(pw.pw_name, HOST_TEXT_CAP);
		if (len == 0 || len >= HOST_TEXT_CAP) {
			r = E_INVALID;
		} else {
			memcpy(h->user, pw.pw_name, len + 1);
			h->is_account = true;
			h->uid = pw.pw_uid;
			h->gid = pw.pw_gid;
		}
	} else if (!is_none(error)) {
		h->account_error = error;
	}
	free(buffer);
	return r;
}

/* The group's number, and whether it lists h's user as a member. */
static int
look_up_group(const struct host *h, const char *name, gid_t *gid, bool *is_listed)
{
	struct group gr;
	struct group *found = NULL;
	char *buffer = NULL;
	size_t cap = 0;
	int error = ERANGE;

	while (error == ERANGE) {
		error = make_room(&buffer, &cap);
		if (error == 0)
			error = getgrnam_r(name, &gr, buffer, cap, &found);
	}
	*is_listed = false;
	if (error == 0 && found != NULL) {
		*gid = gr.gr_gid;
		for (char *const *m = gr.gr_mem; m != NULL && *m != NULL; m++)
			if (strcmp(*m, h->user) == 0)
				*is_listed = true;
	}
	free(buffer);
	if (!is_none(error))
		return E_IO;
	return found == NULL ? E_NOENT : 0;
}

static int
copy_user(struct host *h)
{
	const char *user = NULL;

	if (pam_get_user(h->pamh, &user, NULL) != PAM_SUCCESS || user == NULL)
		return E_INVALID;
	size_t len = strnlen(user, HOST_TEXT_CAP);
	if (len == 0 || len >= HOST_TEXT_CAP)
		return E_INVALID;
	memcpy(h->asked, user, len + 1);
	memcpy(h->user, user, len + 1);

	return look_up_account(h);
}

/* Failures are counted by remote address, or by who called on this host: one local user's
 * guesses at su must not make another one wait. PAM_RUSER counts for a local caller only, as
 * a remote one could change it with every guess. (sudo gives the host's own name as rhost.) */
static void
name_source(struct host *h)
{
	struct utsname host;
	struct bytes_writer w;
	h->is_local = h->rhost[0] == '\0' || strcmp(h->rhost, "localhost") == 0 ||
	    (uname(&host) == 0 && strcmp(h->rhost, host.nodename) == 0);

	bytes_writer_init(&w, h->source, sizeof(h->source));
	if (!h->is_local)
		bytes_put(&w, h->rhost);
	else if (h->ruser[0] != '\0')
		bytes_put(&w, "local:");
	if (h->is_local)
		bytes_put(&w, h->ruser);
}

int
host_gather(pam_handle_t *pamh, int flags, struct host *h)
{
	*h = (struct host){ .pamh = pamh, .is_silent = false };
	if (((unsigned)flags & PAM_SILENT) != 0)
		h->is_silent = true;
	int error = copy_user(h);
	if (error != 0)
		return error;
	copy_item(pamh, PAM_SERVICE, h->service);
	copy_item(pamh, PAM_RHOST, h->rhost);
	copy_item(pamh, PAM_RUSER, h->ruser);
	copy_item(pamh, PAM_TTY, h->tty);

	name_source(h);
	return 0;
}

int
host_find_member(void *ctx, const char *group, bool *is_member)
{
	const struct host *h = ctx;

	int count = GROUPS_MAX;
	gid_t gid = 0;
	bool is_listed = false;

	*is_member = false;
	int r = look_up_group(h, group, &gid, &is_listed);
	if (r != 0 || !h->is_account)
		return r;
	/* getgrouplist(3) cannot say that a directory did not answer, so the group's own list of
	 * members counts as well. */
	*is_member = is_listed;
	/* Not pam_modutil_user_in_group_*, which say no to whatever goes wrong. */
	gid_t *list = calloc(GROUPS_MAX, sizeof(*list));
	if (list == NULL)
		return E_IO;
	r = getgrouplist(h->user, h->gid, list, &count) < 0 ? E_IO : 0;
	for (int i = 0; r == 0 && i < count; i++)
		if (list[i] == gid)
			*is_member = true;
	free(list);
	return r;
}

bool
host_has_user(pam_handle_t *pamh)
{
	char user[HOST_TEXT_CAP];

	copy_item(pamh, PAM_USER, user);
	return user[0] != '\0';
}

void
host_export(const struct host *h, const char *text)
{
	/* PAM_BAD_ITEM: there is nothing to take out. */
	(void)pam_putenv(h->pamh, text);
}

bool
host_take_data(const struct host *h, const char *name, void *out, size_t len)
{
	const void *data = NULL;

	memset(out, 0, len);
	if (pam_get_data(h->pamh, name, &data) != PAM_SUCCESS || data == NULL)
		return false;
	memcpy(out, data, len);
	/* It counts once: what cannot be removed is not taken. */
	if (pam_set_data(h->pamh, name, NULL, NULL) == PAM_SUCCESS)
		return true;
	memset(out, 0, len);
	return false;
}

static void
drop_left(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh, (void)status;
	free(data);
}

bool
host_leave_data(const struct host *h, const char *name, const void *data, size_t len)
{
	void *left = malloc(len);

	if (left == NULL)
		return false;
	memcpy(left, data, len);
	if (pam_set_data(h->pamh, name, left, drop_left) == PAM_SUCCESS)
		return true;
	free(left);
	return false;
}

bool
host_is_same_user(const struct host *h)
{
	char now[HOST_TEXT_CAP];

	copy_item(h->pamh, PAM_USER, now);
	return strcmp(now, h->asked) == 0;
}

uint64_t
host_now(void)
{
	struct timespec ts;

	/* A clock that cannot be read is 1970: every step then looks used. */
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0 || ts.tv_sec < 0)
		return 0;
	return (uint64_t)ts.tv_sec;
}

static void
keep(struct host_answer *a, const char *text, size_t len)
{
	a->span = (struct span){ NULL, 0 };
	if (text == NULL || len > ATTEMPT_ANSWER_MAX)
		return;
	memcpy(a->bytes, text, len);
	a->bytes[len] = '\0';
	a->span = (struct span){ a->bytes, len };
}

static void
drop_response(char *response)
{
	if (response == NULL)
		return;
	bytes_wipe(response, strlen(response));
	free(response);
}

/* Say or ask; *answer is the application's, for drop_response. Obligation 5. */
static int
converse(const struct host *h, int style, const char *text, char **answer)
{
	const struct pam_message message = { style, text };
	const struct pam_message *messages = &message;
	struct pam_response *response = NULL;
	const void *item = NULL;

	*answer = NULL;
	if (pam_get_item(h->pamh, PAM_CONV, &item) != PAM_SUCCESS || item == NULL)
		return E_IO;
	const struct pam_conv *c = item;
	if (c->conv == NULL)
		return E_IO;
	int r = c->conv(1, &messages, &response, c->appdata_ptr);
	if (response != NULL)
		*answer = response->resp;
	free(response);
	return r == PAM_SUCCESS ? 0 : E_IO;
}

static int
ask(const struct host *h, const char *text, bool echo, char **answer)
{
	return converse(h, echo ? PAM_PROMPT_ECHO_ON : PAM_PROMPT_ECHO_OFF, text, answer);
}

int
host_ask(const struct host *h, const char *text, bool echo, struct host_answer *a)
{
	char *response = NULL;

	keep(a, NULL, 0);
	int error = ask(h, text, echo, &response);
	if (error == 0 && response != NULL)
		keep(a, response, strnlen(response, ATTEMPT_ANSWER_MAX + 1));
	drop_response(response);
	return error;
}

int
host_take_first_pass(const struct host *h, struct host_answer *a)
{
	const void *token = NULL;

	keep(a, NULL, 0);
	if (pam_get_item(h->pamh, PAM_AUTHTOK, &token) != PAM_SUCCESS || token == NULL)
		return E_NOENT;
	keep(a, token, strnlen(token, ATTEMPT_ANSWER_MAX + 1));
	return 0;
}

/* Give the part of text before its last `digits` bytes to later modules. */
static int
split(const struct host *h, const char *text, unsigned digits, struct host_answer *a)
{
	char password[PASSWORD_MAX + 1];
	size_t len = strnlen(text, PASSWORD_MAX + 1);

	if (len > PASSWORD_MAX || len < digits)
		return 0;
	size_t head = len - digits;
	for (size_t i = head; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return 0;
	/* pam_set_item wipes the old PAM_AUTHTOK, which text may be: keep first. */
	keep(a, text + head, digits);
	memcpy(password, text, head);
	password[head] = '\0';
	int r = pam_set_item(h->pamh, PAM_AUTHTOK, password);
	bytes_wipe(password, sizeof(password));
	return r == PAM_SUCCESS ? 0 : E_IO;
}

int
host_ask_appended(const struct host *h, const char *text, unsigned digits, struct host_answer *a)
{
	const void *token = NULL;
	char *response = NULL;

	keep(a, NULL, 0);
	if (pam_get_item(h->pamh, PAM_AUTHTOK, &token) == PAM_SUCCESS && token != NULL)
		return split(h, token, digits, a);
	int error = ask(h, text, false, &response);
	if (error == 0 && response != NULL)
		error = split(h, response, digits, a);
	drop_response(response);
	return error;
}

void
host_answer_wipe(struct host_answer *a)
{
	bytes_wipe(a, sizeof(*a));
}

void
host_tell(const struct host *h, bool is_error, const char *text)
{
	if (h->is_silent)
		return;
	char *response = NULL;
	/* A remark that does not arrive is no reason to decide otherwise. */
	(void)converse(h, is_error ? PAM_ERROR_MSG : PAM_TEXT_INFO, text, &response);
	drop_response(response);
}

void
host_delay(const struct host *h, unsigned delay_ms)
{
	/* Refused only where the application has none; there is nothing to do about it. */
	(void)pam_fail_delay(h->pamh, delay_ms * 1000);
}

void
host_log(const struct host *h, int priority, const char *line)
{
	pam_syslog(h->pamh, priority, "%s", line);
}
