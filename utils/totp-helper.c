/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* The set-uid half of totp-enroll, and of pam_totp.so where its host is not root: runs the
 * privileged part of what an ordinary user does with his own devices. Anybody can start it,
 * with anything around it. Obligations:
 *
 *  1. Nothing inherited is believed: helper_guard.c takes it back first. No arguments.
 *  2. The real uid is the only identity. No message can name a user; the account's name
 *     comes from the password database and must lead back to the same uid.
 *  3. It reads and writes the store and its user's MFA sessions and nothing else; it renders
 *     nothing, and starts nothing but the program that the settings name, as nobody, after
 *     the change (notify.c).
 *  4. Every change of a device needs what the PAM service "totp-enroll" demands; one of an
 *     account with an active device a code of such a device (or a recovery code) as well,
 *     whatever that service says (DESIGN promise 10; AWS-2023-001). Checked again whenever
 *     the record is written (helper_proof.c). For resync two codes of the device itself are that.
 *  5. A failure is counted on disk before it is told. A right code is consumed.
 *  6. Every wait has an end, and no lock is held while waiting.
 *  7. Passwords, codes and secrets are wiped where they were used and never logged.
 *  8. A secret leaves it once, to the user who has just shown 4, before it protects
 *     anything.
 *  9. One user has a bounded number of these processes (helper_slot.c).
 * 10. The last line is `done`, and the exit status equals it.
 */
#include <pwd.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "utils/helper.h"
#include "utils/member.h"

#define PASSWD_LINE_MAX 16384

static const char usage[] =
    "usage: totp-helper (without arguments; it is started by totp-enroll and pam_totp.so)\n";

/* One line, and no more can be done when even that is refused. */
static void
complain(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

/* Find the name of the real uid (obligation 2). */
static const char *
identify(struct helper *h)
{
	char buf[PASSWD_LINE_MAX];
	struct passwd entry;
	struct passwd *found = NULL;

	if (getpwuid_r(h->uid, &entry, buf, sizeof(buf), &found) != 0 || found == NULL)
		return "your user id has no account";
	if (!record_user_ok(found->pw_name) || strlen(found->pw_name) >= sizeof(h->user))
		return "your user name cannot have MFA devices";
	memcpy(h->user, found->pw_name, strlen(found->pw_name) + 1);
	/* A name that another account answers to would be authenticated as that one. */
	if (getpwnam_r(h->user, &entry, buf, sizeof(buf), &found) != 0 || found == NULL ||
	    found->pw_uid != h->uid) {
		h->user[0] = '\0';
		return "your user name belongs to another user id";
	}
	return NULL;
}

/* Which terminal, for the log and for PAM_TTY. The caller chose it, so it proves nothing. */
static void
find_tty(struct helper *h)
{
	static const char dev[] = "/dev/";
	char path[HELPER_TTY_CAP];

	if (ttyname_r(STDERR_FILENO, path, sizeof(path)) != 0 ||
	    strncmp(path, dev, sizeof(dev) - 1) != 0)
		return;
	memcpy(h->tty, path + sizeof(dev) - 1, strlen(path) - (sizeof(dev) - 1) + 1);
}

enum exit_code
helper_open(struct helper *h, const char *service, int argc, const char *const *argv)
{
	const struct config_who who = {
		.service = service, .find_member = member_find, .ctx = h->user
	};
	struct diag d = {""};

	store_close(h->store);
	h->store = NULL;
	int r = config_load(argc, argv, DEFAULT_CONF, &who, &h->settings, &d);
	if (r == 0)
		r = store_open(h->settings.store, h->settings.state_fallback, &h->store, &d);
	if (r == 0)
		return EXIT_CODE_OK;
	helper_log_trouble(h, d.text);
	return helper_end(h, EXIT_CODE_FAILURE,
	    "the settings or the store are broken (%s); the system log has the details",
	    diag_code_text(r));
}

/* What can be asked for. plain: without further keys. has_service: opens what it needs, if any. */
static const struct operation {
	const char *op;
	enum exit_code (*plain)(struct helper *h);
	enum exit_code (*full)(struct helper *h, const struct message *request);
	bool has_service;
} operations[] = {
	{"list", helper_list, NULL, false},
	{"status", helper_status, NULL, false},
	{"verify", helper_verify, NULL, false},
	{"cancel", helper_cancel, NULL, false},
	{"sessions", helper_sessions, NULL, false},
	{"revoke", NULL, helper_revoke, false},
	{"policy", NULL, helper_policy, true},
	{"login", NULL, helper_login, true},
	{"notify", NULL, helper_notify, true},
	{"add", NULL, helper_add, false},
	{"rotate", NULL, helper_add, false},
	{"resync", NULL, helper_pair, false},
	{"enable", NULL, helper_pair, false},
	{"rename", NULL, helper_devices, false},
	{"disable", NULL, helper_devices, false},
	{"delete", NULL, helper_devices, false},
	{"remove", NULL, helper_devices, false},
	{"recovery-codes", NULL, helper_devices, false},
};

/* Settings and store are opened only after a whole request came. */
static enum exit_code
run_operation(struct helper *h, const struct message *request)
{
	const char *op = message_get(request, "op");

	if (strcmp(request->verb, "request") != 0 || op == NULL)
		return helper_end(h, EXIT_CODE_USAGE, "expected a request");
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		const struct operation *o = &operations[i];

		if (strcmp(op, o->op) != 0)
			continue;
		if (o->full == NULL && request->count != 1)
			return helper_end(h, EXIT_CODE_USAGE, "op=%s has no further keys", o->op);
		enum exit_code code = o->has_service ? EXIT_CODE_OK :
		    helper_open(h, HELPER_SERVICE, 0, NULL);
		if (code != EXIT_CODE_OK)
			return code;
		return o->full != NULL ? o->full(h, request) : o->plain(h);
	}
	return helper_end(h, EXIT_CODE_USAGE, "unknown operation");
}

static enum exit_code
serve(struct helper *h)
{
	struct message m;

	message_init(&m, "hello");
	message_add_u64(&m, "version", PROTOCOL_VERSION);
	message_add(&m, "user", h->user);
	enum exit_code code = helper_send(h, &m);
	if (code == EXIT_CODE_OK)
		code = helper_receive(h, &m, HELPER_REQUEST_MS);
	if (code == EXIT_CODE_OK)
		code = run_operation(h, &m);
	message_wipe(&m);
	store_close(h->store);
	h->store = NULL;
	return code;
}

int
main(int argc, char **argv)
{
	struct helper h = {.uid = (uid_t)-1};
	struct message m;

	(void)argv;
	const char *why = guard_process(&h.uid);
	if (why != NULL) {
		complain("totp-helper: ");
		complain(why);
		complain("\n");
		return EXIT_CODE_FAILURE;
	}
	if (argc != 1) {
		complain(usage);
		return EXIT_CODE_USAGE;
	}
	openlog("totp-helper", LOG_PID, LOG_AUTHPRIV);
	protocol_init(&h.line, STDIN_FILENO, STDOUT_FILENO);
	find_tty(&h);

	enum exit_code code = EXIT_CODE_NOT_PERMITTED;
	why = identify(&h);
	if (why != NULL)
		helper_end(&h, code, "%s", why);
	else if ((code = slot_take(&h)) == EXIT_CODE_OK)
		code = serve(&h);

	message_init(&m, "done");
	message_add_u64(&m, "exit", (uint64_t)code);
	message_add(&m, "text", h.text);
	/* 10: when nobody listens any more the exit status says it alone. */
	int r = protocol_send(&h.line, &m, HELPER_SEND_MS);
	(void)r;
	message_wipe(&m);
	protocol_wipe(&h.line);
	return (int)code;
}
