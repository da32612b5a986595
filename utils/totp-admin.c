/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin: the administrator's tool. One table of verbs and one of options serve parsing,
 * refusal and help. It promises:
 *  1. What is not understood is refused before anything is opened: an unknown verb or option,
 *     an option twice, one that the verb does not take, too few or too many operands.
 *  2. Its memory is no core dump and no other process's; descriptors 0 to 2 are open before
 *     the store is, so that no message can land in a record; files are made for root only.
 *  3. It says 0 only when its output was written as well. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "utils/admin.h"

#define GETOPT_BASE 256 /* options have no letter: their numbers begin above all */

enum verb_bit {
	VERB_ADD = 1 << 0,
	VERB_LIST = 1 << 1,
	VERB_SHOW = 1 << 2,
	VERB_VERIFY = 1 << 3,
	VERB_UNLOCK = 1 << 4,
	VERB_DISABLE = 1 << 5,
	VERB_DELETE = 1 << 6,
	VERB_RESET = 1 << 7,
	VERB_RENAME = 1 << 8,
	VERB_REMOVE = 1 << 9,
	VERB_CANCEL = 1 << 10,
	VERB_ENABLE = 1 << 11,
	VERB_RESYNC = 1 << 12,
	VERB_RECOVERY = 1 << 13,
	VERB_BYPASS = 1 << 14,
	VERB_TICKET = 1 << 15,
	VERB_EXEMPT = 1 << 16,
	VERB_ROTATE = 1 << 17,
	VERB_SESSIONS = 1 << 18,
	VERB_REVOKE = 1 << 19,
	VERB_DOCTOR = 1 << 20,
	VERB_STATUS = 1 << 21,
	VERB_REPORT = 1 << 22,
	VERB_IMPORT = 1 << 23,
	VERB_ALL = (1 << 30) - 1 /* also of bits that no verb has */
};

static const struct verb {
	enum verb_bit bit;
	const char *name;
	const char *operands;
	int operands_min;
	int operands_max;
	const char *help;
	enum exit_code (*run)(struct admin *a, char *const *operand);
} verbs[] = {
	{ VERB_ADD, "add", "USER NAME", 2, 2,
	    "make a device from a key that exists, active at once", admin_add },
	{ VERB_IMPORT, "import", "FILE|-", 1, 1,
	    "make the devices of another program's file (--from)", admin_import },
	{ VERB_LIST, "list", "[USER]", 0, 1,
	    "list the devices of all users or of one", admin_list },
	{ VERB_SHOW, "show", "USER", 1, 1,
	    "show all that is stored of a user, but secrets", admin_show },
	{ VERB_VERIFY, "verify", "USER", 1, 1,
	    "check a code given on standard input, and use it up", admin_verify },
	{ VERB_UNLOCK, "unlock", "USER", 1, 1,
	    "end a lock and every wait after wrong codes", admin_unlock },
	{ VERB_DISABLE, "disable", "USER NAME", 2, 2,
	    "let a device take part in no login any more", admin_disable },
	{ VERB_DELETE, "delete", "USER NAME", 2, 2,
	    "delete a disabled device, cancel a pending one", admin_delete },
	{ VERB_ENABLE, "enable", "USER NAME", 2, 2,
	    "let a disabled device take part again, by two of its codes", admin_enable },
	{ VERB_RESYNC, "resync", "USER NAME", 2, 2,
	    "find the clock of a device by two of its codes", admin_resync },
	{ VERB_RENAME, "rename", "USER OLD NEW", 3, 3,
	    "give a device another name", admin_rename },
	{ VERB_REMOVE, "remove", "USER NAME", 2, 2,
	    "disable and delete a device in one", admin_remove },
	{ VERB_CANCEL, "cancel", "USER", 1, 1,
	    "cancel the enrolment that is under way", admin_cancel },
	{ VERB_ROTATE, "rotate", "[USER]", 0, 1,
	    "demand a new secret of active devices", admin_rotate },
	{ VERB_RECOVERY, "recovery-codes", "USER", 1, 1,
	    "make new recovery codes, which voids the old ones", admin_recovery_codes },
	{ VERB_BYPASS, "bypass", "USER", 1, 1,
	    "make a one-time code for a user whose device is lost", admin_bypass },
	{ VERB_TICKET, "ticket", "USER", 1, 1,
	    "make a one-time ticket to enrol the first device", admin_ticket },
	{ VERB_EXEMPT, "exempt", "USER", 1, 1,
	    "let a user log in without a code until a day", admin_exempt },
	{ VERB_RESET, "reset", "USER", 1, 1,
	    "revoke everything of a user, who must enrol again", admin_reset },
	{ VERB_SESSIONS, "sessions", "[USER]", 0, 1,
	    "list where a code of late spares another one (max_age)", admin_sessions },
	{ VERB_REVOKE, "revoke", "USER [NUMBER]", 1, 2,
	    "end all of those sessions of a user, or one", admin_revoke },
	{ VERB_STATUS, "status", "", 0, 0,
	    "say on one screen who has MFA, and what needs attention", admin_status },
	{ VERB_REPORT, "report", "[--format FORMAT]", 0, 0,
	    "list every account with its password and MFA", admin_report },
	{ VERB_DOCTOR, "doctor", "[--user USER --service SERVICE]", 0, 0,
	    "say what is wrong with this host's logins, and how to mend it", admin_doctor },
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static const struct option_row {
	const char *name;
	const char *value; /* name of its value in help; NULL: a switch */
	int verbs;
	const char *help;
} options[OPTION_COUNT] = {
	[OPTION_STORE] = { "store", "file:DIR", VERB_ALL,
	    "the store, instead of that of the settings" },
	[OPTION_CONF] = { "conf", "FILE", VERB_ALL, "the settings file" },
	[OPTION_JSON] = { "json", NULL, VERB_LIST | VERB_SHOW | VERB_DOCTOR |
	    VERB_STATUS | VERB_REPORT | VERB_SESSIONS |
	    VERB_RECOVERY | VERB_BYPASS | VERB_TICKET | VERB_ROTATE | VERB_IMPORT,
	    "write JSON" },
	[OPTION_HELP] = { "help", NULL, VERB_ALL, "show this and end" },
	[OPTION_VERSION] = { "version", NULL, VERB_ALL, "show the version and end" },
	[OPTION_URI_FILE] = { "uri-file", "FILE|-", VERB_ADD, "the key as an otpauth:// URI" },
	[OPTION_SECRET_FILE] = { "secret-file", "FILE|-", VERB_ADD, "the key in base32" },
	[OPTION_ALGORITHM] = { "algorithm", "NAME", VERB_ADD, "SHA1, SHA256 or SHA512 [SHA1]" },
	[OPTION_DIGITS] = { "digits", "N", VERB_ADD, "6 to 8 [6]" },
	[OPTION_PERIOD] = { "period", "SECONDS", VERB_ADD, "15 to 120 [30]" },
	[OPTION_TYPE] = { "type", "TYPE", VERB_ADD | VERB_IMPORT,
	    "virtual or hardware [virtual]" },
	[OPTION_UID] = { "uid", "N", VERB_ADD | VERB_RESET | VERB_TICKET | VERB_EXEMPT,
	    "the uid, for an account of another host" },
	[OPTION_WEAK_OK] = { "weak-ok", NULL, VERB_ADD | VERB_IMPORT,
	    "take a key of less than 128 bits" },
	[OPTION_FORCE] = { "force", NULL, VERB_DISABLE | VERB_REMOVE | VERB_ENABLE,
	    "take the last active device too; enable without codes" },
	[OPTION_STEPS] = { "steps", "N", VERB_RESYNC,
	    "how far to search each way: 1 to 2880 [20]" },
	[OPTION_WITHIN] = { "within", "TIME", VERB_RESET,
	    "how long the user has to enrol again, 1h to 365d [7d]" },
	[OPTION_FORGET] = { "forget", NULL, VERB_RESET,
	    "remove record and state, of an account that is deleted" },
	[OPTION_FOR] = { "for", "TIME", VERB_BYPASS | VERB_TICKET,
	    "how long it works, 1m to 7d [a bypass code 1h, a ticket 1d]" },
	[OPTION_UNTIL] = { "until", "DATE", VERB_EXEMPT, "the last day, YYYY-MM-DD" },
	[OPTION_REASON] = { "reason", "TEXT", VERB_EXEMPT, "why" },
	[OPTION_END] = { "end", NULL, VERB_EXEMPT | VERB_BYPASS | VERB_TICKET | VERB_ROTATE,
	    "take it back" },
	[OPTION_FILE] = { "file", "FILE", VERB_RECOVERY,
	    "into a new file, instead of standard output" },
	[OPTION_OLDER_THAN] = { "older-than", "DAYS", VERB_ROTATE,
	    "only devices that old; of all users without USER" },
	[OPTION_BY] = { "by", "DATE", VERB_ROTATE, "the last day, YYYY-MM-DD, or now" },
	[OPTION_CLOCK] = { "clock", NULL, VERB_UNLOCK,
	    "after this host's clock was ahead: count from now" },
	[OPTION_YES] = { "yes", NULL, VERB_RESET, "do not ask" },
	[OPTION_FORMAT] = { "format", "FORMAT", VERB_REPORT, "table, csv or json [table]" },
	[OPTION_USER] = { "user", "USER", VERB_DOCTOR | VERB_IMPORT,
	    "explain this user's logins; import: whose FILE is" },
	[OPTION_SERVICE] = { "service", "SERVICE", VERB_DOCTOR, "... at this PAM service" },
	[OPTION_PAM_DIR] = { "pam-dir", "DIR", VERB_DOCTOR, "service files [/etc/pam.d]" },
	[OPTION_SSHD_CONFIG] = { "sshd-config", "FILE", VERB_DOCTOR, "for sshd -T -f FILE" },
	[OPTION_SUDOERS] = { "sudoers", "FILE", VERB_DOCTOR, "[/etc/sudoers]" },
	[OPTION_FROM] = { "from", "FORMAT", VERB_IMPORT, "uri, oath or google-authenticator" },
	[OPTION_NAME] = { "name", "DEVICE", VERB_IMPORT, "what to call the devices [imported]" },
	[OPTION_DRY_RUN] = { "dry-run", NULL, VERB_IMPORT, "check all, write nothing" },
	[OPTION_SKIP_UNKNOWN] = { "skip-unknown", NULL, VERB_IMPORT,
	    "pass over users without an account" },
};

/* --- help ------------------------------------------------------------------- */

static void
print_options(int verb_bits)
{
	puts("\nOptions:");
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char left[40];
		if ((options[i].verbs & verb_bits) != verb_bits)
			continue;
		snprintf(left, sizeof left, "--%s%s%s", options[i].name,
		    options[i].value == NULL ? "" : " ",
		    options[i].value == NULL ? "" : options[i].value);
		printf("  %-22s %s\n", left, options[i].help);
	}
}

static void
print_help(const struct verb *v)
{
	if (v != NULL) {
		printf("usage: totp-admin %s%s%s [OPTION...]\n\n  %s\n", v->name,
		    v->operands[0] == '\0' ? "" : " ", v->operands, v->help);
		print_options((int)v->bit);
		return;
	}
	puts("usage: totp-admin [OPTION...] VERB [ARGUMENT...]\n\nVerbs:");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		char left[40];
		snprintf(left, sizeof left, "%s %s", verbs[i].name, verbs[i].operands);
		printf("  %-22s %s\n", left, verbs[i].help);
	}
	print_options(VERB_ALL);
	puts("\n`totp-admin VERB --help` shows the options of a verb; see totp-admin(8).");
}

static enum exit_code
refuse_usage(const struct verb *v)
{
	if (v != NULL)
		fprintf(stderr, "usage: totp-admin %s%s%s [OPTION...]\n", v->name,
		    v->operands[0] == '\0' ? "" : " ", v->operands);
	else
		fputs("usage: totp-admin [OPTION...] VERB [ARGUMENT...]\n", stderr);
	fprintf(stderr, "`totp-admin %s%s--help` says more.\n", v == NULL ? "" : v->name,
	    v == NULL ? "" : " ");
	return EXIT_CODE_USAGE;
}

/* --- command line ------------------------------------------------------------ */

/* An argument that was not understood may hold a secret after its '=': not repeated. */
static enum exit_code
refuse_option(const char *argument, const char *why)
{
	admin_warn("%.*s: %s", (int)strcspn(argument, "="), argument, why);
	return refuse_usage(NULL);
}

static enum exit_code
parse_options(struct admin *a, int argc, char **argv)
{
	struct option longs[OPTION_COUNT + 1] = { { 0 } };

	for (int i = 0; i < OPTION_COUNT; i++)
		longs[i] = (struct option){ .name = options[i].name,
			.has_arg = options[i].value == NULL ? no_argument : required_argument,
			.val = GETOPT_BASE + i };
	opterr = 0;
	for (;;) {
		int index = -1;
		int before = optind;
		int c = getopt_long(argc, argv, ":", longs, &index);
		const char *argument = argv[optind > before ? optind - 1 : before];
		if (c == -1)
			return EXIT_CODE_OK;
		if (c == ':')
			return refuse_option(argument, "expected a value");
		if (c < GETOPT_BASE)
			return refuse_option(argument, "unknown option");
		/* getopt_long takes abbreviations; a script must not depend on one that a
		 * later option makes ambiguous. */
		size_t len = strlen(options[index].name);
		bool is_apart = optarg != NULL && argument == optarg;
		const char *given = is_apart ? argv[optind - 2] : argument;
		if (strncmp(given + 2, options[index].name, len) != 0)
			return refuse_option(given, "unknown option");
		if (a->option[index] != NULL)
			return refuse_option(given, "given twice");
		a->option[index] = optarg == NULL ? "" : optarg;
	}
}

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* Obligation 1, after parse_options: *v is the verb, or NULL where help or version do without. */
static enum exit_code
check_command(const struct admin *a, int count, char *const *operand, const struct verb **v)
{
	*v = count > 0 ? find_verb(operand[0]) : NULL;
	if (count > 0 && *v == NULL) {
		admin_warn("%s: unknown verb", operand[0]);
		return refuse_usage(NULL);
	}
	if (a->option[OPTION_HELP] != NULL || a->option[OPTION_VERSION] != NULL)
		return EXIT_CODE_OK;
	if (*v == NULL) {
		admin_warn("expected a verb");
		return refuse_usage(NULL);
	}
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (a->option[i] != NULL && (options[i].verbs & (int)(*v)->bit) == 0) {
			admin_warn("--%s: not an option of %s", options[i].name, (*v)->name);
			return refuse_usage(*v);
		}
	if (count - 1 < (*v)->operands_min || count - 1 > (*v)->operands_max) {
		admin_warn("%s: expected %s", (*v)->name, (*v)->operands);
		return refuse_usage(*v);
	}
	return EXIT_CODE_OK;
}

/* --- process ------------------------------------------------------------------ */

/* Obligation 2. */
static bool
harden(void)
{
	const struct rlimit none = { 0, 0 };
	int fd = -1;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	close(fd);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* Obligation 3. */
static enum exit_code
finish(enum exit_code code)
{
	bool has_failed = ferror(stdout) != 0;

	if (fflush(stdout) != 0 || has_failed) {
		admin_warn("standard output: cannot write it: %s", strerror(errno));
		return code == EXIT_CODE_OK ? EXIT_CODE_FAILURE : code;
	}
	return code;
}

int
main(int argc, char **argv)
{
	struct admin a = { .store = NULL };
	const struct verb *v = NULL;

	if (argc < 1) /* execve(2) may pass no argument at all */
		return EXIT_CODE_USAGE;
	if (!harden())
		return (int)admin_fail(EXIT_CODE_FAILURE, "this process cannot be protected");
	setlocale(LC_CTYPE, "");
	openlog("totp-admin", LOG_PID, LOG_AUTHPRIV);
	enum exit_code code = parse_options(&a, argc, argv);
	if (code == EXIT_CODE_OK)
		code = check_command(&a, argc - optind, argv + optind, &v);
	if (code != EXIT_CODE_OK)
		return (int)code;
	if (a.option[OPTION_HELP] != NULL)
		print_help(v);
	else if (a.option[OPTION_VERSION] != NULL)
		puts("totp-admin (pam_totp) " PACKAGE_VERSION);
	else if (v != NULL) {
		code = v->run(&a, argv + optind + 1);
		admin_close(&a);
	}
	return (int)finish(code);
}
