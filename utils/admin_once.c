/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin recovery-codes, bypass and ticket: secrets that are handed out once. It promises:
 *  1. A code is shown after it is stored, once, on standard output or in a new file that only
 *     its maker can read, and wiped: from the log, the messages and the buffers it is absent.
 *  2. An id is larger than every one that was ever spent, so no older secret comes back.
 *  3. Where it would admit nobody (a bypass code and recovery codes without a device, a
 *     ticket for a user who has one) it is refused instead of handed out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

#include "core/date.h"
#include "core/devices.h"
#include "core/safefile.h"
#include "utils/admin.h"
#include "utils/json.h"
#include "utils/table.h"

#define FOR_MIN_S 60
#define FOR_MAX_S (7 * DATE_DAY_S)
#define BYPASS_DEFAULT_S 3600
#define TICKET_DEFAULT_S DATE_DAY_S
#define PATH_CAP 4096

struct granting {
	struct admin_change change; /* first: see admin.h */
	bool is_ticket;
	bool is_ending;
	struct admin_uid uid;
	uint64_t for_s;
	uint64_t expires;
	char code[RECOVERY_TEXT_CAP];
	struct recovery_sheet sheet;
};

/* --- output -------------------------------------------------------------------- */

/* Obligation 1: standard output through a buffer that can be wiped. Before anything is
 * written; static, as exit(3) still knows it. */
static char shown[4096];

static void
begin_showing(void)
{
	setvbuf(stdout, shown, _IOFBF, sizeof shown);
}

static void
end_showing(void)
{
	if (fflush(stdout) != 0)
		__fpurge(stdout); /* the stream remembers that it failed */
	bytes_wipe(shown, sizeof shown);
}

/* --- recovery codes -------------------------------------------------------------- */

static int
need_usable(struct granting *g, const struct store_entry *e, struct diag *d)
{
	int r = admin_need_record(&g->change, e, d);

	if (r == 0 && record_count(&e->record, DEVICE_ACTIVE, g->change.now_s) == 0)
		return admin_refuse(&g->change, EXIT_CODE_WRONG_STATE, d,
		    "%s has no active device, without which no such code lets anybody in: "
		    "totp-admin ticket %s", g->change.user, g->change.user);
	return r;
}

static int
renew_recovery(struct store_entry *e, void *ctx, struct diag *d)
{
	struct granting *g = ctx;

	int r = need_usable(g, e, d);
	if (r == 0)
		r = devices_new_recovery(e, &g->sheet, d);
	if (r != 0)
		return r;
	admin_note(&g->change, e, "new recovery codes were made by an administrator; "
	    "the old ones are void");
	return 0;
}

/* A new file beneath directories that nobody else can write (DESIGN promise 9).
 * *dir, *fd: the caller closes both. */
static enum exit_code
make_file(const char *path, int *dir, int *fd, const char **name)
{
	char parent[PATH_CAP];
	struct diag d = { "" };
	const char *slash = strrchr(path, '/');

	if (path[0] != '/' || slash[1] == '\0')
		return admin_fail(EXIT_CODE_USAGE, "--file: expected an absolute path");
	struct span head = { .at = path, .len = slash == path ? 1 : (size_t)(slash - path) };
	if (bytes_copy(head, parent, sizeof parent) != 0)
		return admin_fail(EXIT_CODE_USAGE, "--file: too long");
	int r = safefile_open_dir(parent, geteuid(), 0, dir, &d);
	if (r != 0)
		return admin_fail(r == E_INVALID ? EXIT_CODE_USAGE : EXIT_CODE_FAILURE,
		    "--file: %s", d.text[0] != '\0' ? d.text : diag_code_text(r));
	*name = slash + 1;
	*fd = openat(*dir, *name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY,
	    0600);
	if (*fd >= 0)
		return EXIT_CODE_OK;
	safefile_close(dir);
	return admin_fail(errno == EEXIST ? EXIT_CODE_EXISTS : EXIT_CODE_FAILURE,
	    "--file: %s: %s", path, strerror(errno));
}

static int
write_sheet(int dir, int fd, const struct recovery_sheet *sheet, struct diag *d)
{
	char text[RECOVERY_CODES_MAX * RECOVERY_TEXT_CAP + 1];
	struct bytes_writer w;

	bytes_writer_init(&w, text, sizeof text);
	for (unsigned i = 0; i < RECOVERY_CODES_MAX; i++) {
		bytes_put(&w, sheet->text[i]);
		bytes_put(&w, "\n");
	}
	int r = safefile_write_at(fd, text, w.len, 0, d);
	bytes_wipe(text, sizeof text);
	if (r == 0 && (fsync(fd) != 0 || fsync(dir) != 0))
		r = diag_set(d, E_IO, "cannot sync the file: %s", strerror(errno));
	return r;
}

static void
show_sheet(const struct admin *a, const char *user, const struct recovery_sheet *sheet)
{
	struct json j;
	unsigned half = RECOVERY_CODES_MAX / 2;

	begin_showing();
	if (a->option[OPTION_JSON] == NULL) {
		for (unsigned i = 0; i < half; i++)
			printf("%2u. %s   %2u. %s\n", i + 1, sheet->text[i], i + half + 1,
			    sheet->text[i + half]);
	} else {
		json_begin(&j, stdout);
		json_open(&j, NULL, '{');
		json_text(&j, "user", user);
		json_open(&j, "recovery_codes", '[');
		for (unsigned i = 0; i < RECOVERY_CODES_MAX; i++)
			json_text(&j, NULL, sheet->text[i]);
		json_close(&j, '[');
		json_close(&j, '{');
	}
	end_showing();
}

enum exit_code
admin_recovery_codes(struct admin *a, char *const *operand)
{
	const char *user = operand[0], *path = a->option[OPTION_FILE], *name = NULL;
	struct granting g = { .change = { .action = "recovery-codes", .user = user,
		.now_s = admin_now() } };
	struct diag d = { "" };
	int dir = -1, fd = -1;

	if (path != NULL && a->option[OPTION_JSON] != NULL)
		return admin_fail(EXIT_CODE_USAGE, "expected either --file or --json");
	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, false);
	if (code == EXIT_CODE_OK && path != NULL)
		code = make_file(path, &dir, &fd, &name);
	if (code != EXIT_CODE_OK)
		return code;
	code = admin_update(a, &g.change, renew_recovery);
	bool is_stored = code == EXIT_CODE_OK;
	int r = is_stored && path != NULL ? write_sheet(dir, fd, &g.sheet, &d) : 0;
	if (r != 0)
		code = admin_fail(EXIT_CODE_FAILURE, "%s: %s: the old codes are void and the new "
		    "ones lost: run this again", path, d.text);
	if (code != EXIT_CODE_OK && name != NULL)
		(void)unlinkat(dir, name, 0); /* nothing of use is in it */
	safefile_close(&fd);
	safefile_close(&dir);
	if (is_stored)
		admin_log("recovery-codes", user, NULL, r == 0 ? "ok" : "lost");
	if (code == EXIT_CODE_OK && path == NULL)
		show_sheet(a, user, &g.sheet);
	recovery_sheet_wipe(&g.sheet);
	if (code == EXIT_CODE_OK)
		admin_warn("%s: new recovery codes%s%s; each works once, the old ones are void, "
		    "and they are not shown again", user, path == NULL ? "" : " in ",
		    path == NULL ? "" : path);
	return code;
}

/* --- bypass codes and tickets ------------------------------------------------------ */

static int
end_grant(struct granting *g, struct store_entry *e, struct record_grant *grant,
    uint32_t *spent, struct diag *d)
{
	int r = admin_need_record(&g->change, e, d);

	if (r != 0)
		return r;
	if (grant->id == 0 || grant->id <= *spent || grant->expires <= g->change.now_s)
		return admin_refuse(&g->change, EXIT_CODE_WRONG_STATE, d,
		    "%s has no %s outstanding", g->change.user,
		    g->is_ticket ? "ticket" : "bypass code");
	*spent = grant->id;
	bytes_wipe(grant, sizeof *grant);
	admin_note(&g->change, e, "%s was withdrawn by an administrator",
	    g->is_ticket ? "your enrolment ticket" : "your bypass code");
	return 0;
}

/* Obligation 3, for tickets. */
static int
need_unenrolled(struct granting *g, struct store_entry *e, struct diag *d)
{
	int r = admin_need_record_of(&g->change, e, &g->uid, d);

	if (r == 0 && record_count(&e->record, DEVICE_ACTIVE, g->change.now_s) > 0)
		return admin_refuse(&g->change, EXIT_CODE_WRONG_STATE, d,
		    "%s has an active device, which is the proof for another one; of a lost "
		    "device: totp-admin bypass, or reset", g->change.user);
	return r;
}

static int
make_grant(struct store_entry *e, void *ctx, struct diag *d)
{
	struct granting *g = ctx;
	struct record_grant *grant = g->is_ticket ? &e->record.ticket : &e->record.bypass;
	uint32_t *spent = g->is_ticket ? &e->state.ticket_spent : &e->state.bypass_spent;

	if (g->is_ending)
		return end_grant(g, e, grant, spent, d);
	int r = g->is_ticket ? need_unenrolled(g, e, d) : need_usable(g, e, d);
	if (r != 0)
		return r;
	uint32_t last = grant->id > *spent ? grant->id : *spent; /* obligation 2 */
	if (last == UINT32_MAX)
		return diag_set(d, E_LIMIT, "%s has used up all such codes", g->change.user);
	r = recovery_grant_make(grant->salt, grant->hash, g->code);
	if (r != 0)
		return diag_set(d, r, "no random bytes for a code");
	*spent = last; /* what was outstanding is void */
	grant->id = last + 1;
	grant->expires = g->expires;
	admin_note(&g->change, e, "%s was made for you by an administrator",
	    g->is_ticket ? "an enrolment ticket" : "a bypass code");
	return 0;
}

static void
show_grant(const struct admin *a, const struct granting *g)
{
	struct json j;

	begin_showing();
	if (a->option[OPTION_JSON] == NULL)
		printf("%s\n", g->code);
	else {
		json_begin(&j, stdout);
		json_open(&j, NULL, '{');
		json_text(&j, "user", g->change.user);
		json_text(&j, "code", g->code);
		json_time(&j, "expires", g->expires);
		json_close(&j, '{');
	}
	end_showing();
}

static enum exit_code
run_grant(struct admin *a, struct granting *g)
{
	const char *user = g->change.user;
	char at[TABLE_TIME_CAP];

	g->is_ending = a->option[OPTION_END] != NULL;
	if (g->is_ending && (a->option[OPTION_FOR] != NULL || a->option[OPTION_JSON] != NULL ||
		a->option[OPTION_UID] != NULL))
		return admin_fail(EXIT_CODE_USAGE, "--end takes no other option");
	enum exit_code code = admin_check_user(user);
	if (code == EXIT_CODE_OK)
		code = admin_read_duration(a, OPTION_FOR, "for", FOR_MIN_S, FOR_MAX_S, &g->for_s);
	if (code == EXIT_CODE_OK && g->is_ticket)
		code = admin_find_uid(a, user, &g->uid);
	if (code == EXIT_CODE_OK)
		code = admin_open(a, g->is_ticket && !g->is_ending);
	if (code != EXIT_CODE_OK)
		return code;
	g->change.now_s = admin_now();
	g->expires = g->change.now_s + g->for_s;
	code = admin_update(a, &g->change, make_grant);
	if (code == EXIT_CODE_OK)
		admin_log(g->change.action, user, NULL, g->is_ending ? "ended" : "ok");
	if (code == EXIT_CODE_OK && !g->is_ending)
		show_grant(a, g);
	bytes_wipe(g->code, sizeof g->code);
	if (code != EXIT_CODE_OK)
		return code;
	if (g->is_ending)
		admin_say("%s: the %s is void.", user, g->is_ticket ? "ticket" : "bypass code");
	else
		admin_warn("%s: this %s, once, until %s; it is not shown again", user,
		    g->is_ticket ? "is asked for at the enrolment of the first device" :
		    "takes the place of a code at a login",
		    table_time_text(g->expires, false, at));
	return EXIT_CODE_OK;
}

enum exit_code
admin_bypass(struct admin *a, char *const *operand)
{
	struct granting g = { .change = { .action = "bypass", .user = operand[0] },
		.for_s = BYPASS_DEFAULT_S };

	return run_grant(a, &g);
}

enum exit_code
admin_ticket(struct admin *a, char *const *operand)
{
	struct granting g = { .change = { .action = "ticket", .user = operand[0] },
		.is_ticket = true, .for_s = TICKET_DEFAULT_S };

	return run_grant(a, &g);
}
