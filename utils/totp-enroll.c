/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-enroll: a user's own MFA devices. It holds no privilege and gains none: what needs
 * any is done by totp-helper, which trusts nothing of what is decided here. It promises:
 *  1. Passwords, codes and secrets come from and go to the terminal or the standard
 *     streams; no argument and no variable can hold one.
 *  2. Secrets leave no core dump, and are wiped.
 *  3. It ends with an exit code of exit_codes.h, or by the signal that stopped it, with
 *     the terminal as it was. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "enroll.h"

static const char usage[] =
    "Usage: totp-enroll [add [NAME]] [OPTION]...\n"
    "       totp-enroll resync | rotate | disable | enable | delete | remove NAME\n"
    "       totp-enroll rename OLD NEW\n"
    "       totp-enroll list | status | verify | recovery-codes | cancel\n"
    "       totp-enroll sessions | revoke [NUMBER]\n"
    "Assign an MFA device (an authenticator app) to yourself, and look after it.\n"
    "\n"
    "  add [NAME]  assign a device: scan a QR code, type two codes (the default)\n"
    "  list        show your devices\n"
    "  status      tell whether a device is assigned; exit 6 when none is\n"
    "  verify      check a code, and use it up\n"
    "  resync NAME     correct a device whose clock is off, by two codes\n"
    "  rename OLD NEW  give a device another name\n"
    "  rotate NAME     give a device a new secret; the old one works until then\n"
    "  disable NAME    let a device protect and admit no more\n"
    "  enable NAME     make a disabled device active again, by two codes\n"
    "  delete NAME     forget a disabled device\n"
    "  remove NAME     disable and delete in one\n"
    "  recovery-codes  make ten new codes for the day the device is lost\n"
    "  cancel      forget a device that waits for its two codes\n"
    "  sessions    show where a code of late spares you another one\n"
    "  revoke [NUMBER]  end all of those sessions, or one\n"
    "\n"
    "  --qr=auto|utf8|ascii|none  how to draw the QR code\n"
    "  --qr-file=FILE             write it to a new file, FILE.svg or FILE.png\n"
    "  --uri                      show the otpauth:// URI as well\n"
    "  --algorithm=SHA1|SHA256|SHA512  --digits=6|7|8  --period=SECONDS\n"
    "                             not every app honours other than SHA1, 6, 30\n"
    "  --recovery-file=FILE       write recovery codes to a new file, not the screen\n"
    "  --json                     results for programs\n"
    "  --no-input                 ask nobody: answers are lines of standard input\n"
    "  --help, --version\n"
    "\n"
    "See totp-enroll(1).\n";

enum option_code { OPTION_QR = 256, OPTION_QR_FILE, OPTION_URI, OPTION_ALGORITHM,
	OPTION_DIGITS, OPTION_PERIOD, OPTION_RECOVERY_FILE, OPTION_JSON, OPTION_NO_INPUT,
	OPTION_HELP, OPTION_VERSION };

static const struct option long_options[] = {
	{ "qr", required_argument, NULL, OPTION_QR },
	{ "qr-file", required_argument, NULL, OPTION_QR_FILE },
	{ "uri", no_argument, NULL, OPTION_URI },
	{ "algorithm", required_argument, NULL, OPTION_ALGORITHM },
	{ "digits", required_argument, NULL, OPTION_DIGITS },
	{ "period", required_argument, NULL, OPTION_PERIOD },
	{ "recovery-file", required_argument, NULL, OPTION_RECOVERY_FILE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "no-input", no_argument, NULL, OPTION_NO_INPUT },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* Which options a verb takes besides --json and --no-input. */
enum {
	TAKES_DEVICE = 1,   /* what a new device is: --algorithm, --digits, --period */
	TAKES_SECRET = 2,   /* how a secret is shown: --qr, --qr-file, --uri */
	TAKES_RECOVERY = 4, /* --recovery-file */
};

/* A verb. names: how many of a device it needs and may have. */
static const struct verb {
	const char *name;
	int (*run)(struct enroll *e);
	unsigned takes;
	unsigned char names_min;
	unsigned char names_max;
} verbs[] = {
	{ "add", enroll_add, TAKES_DEVICE | TAKES_SECRET | TAKES_RECOVERY, 0, 1 },
	{ "list", enroll_list, 0, 0, 0 },
	{ "status", enroll_status, 0, 0, 0 },
	{ "verify", enroll_verify, 0, 0, 0 },
	{ "resync", enroll_resync, 0, 1, 1 },
	{ "rename", enroll_rename, 0, 2, 2 },
	{ "rotate", enroll_rotate, TAKES_SECRET, 1, 1 },
	{ "disable", enroll_disable, 0, 1, 1 },
	{ "enable", enroll_enable, 0, 1, 1 },
	{ "delete", enroll_delete, 0, 1, 1 },
	{ "remove", enroll_remove, 0, 1, 1 },
	{ "recovery-codes", enroll_recovery, TAKES_RECOVERY, 0, 0 },
	{ "cancel", enroll_cancel, 0, 0, 0 },
	{ "sessions", enroll_sessions, 0, 0, 0 },
	{ "revoke", enroll_revoke, 0, 0, 1 },
};

/* A request without messages of its own. */
static int
run_simple(struct enroll *e, const char *op)
{
	struct message request;
	bool has_ended = false;
	message_init(&request, "request");
	message_add(&request, "op", op);
	int code = session_run(e, &request, NULL, NULL, &has_ended);
	return session_tell(e, code, has_ended, false);
}

int
enroll_verify(struct enroll *e)
{
	int code = session_check_input(e);
	return code == ENROLL_ON ? run_simple(e, "verify") : session_tell(e, code, false, false);
}

int
enroll_cancel(struct enroll *e)
{
	return run_simple(e, "cancel");
}

static bool
parse_unsigned(const char *text, uint64_t min, uint64_t max, unsigned *out)
{
	uint64_t n = 0;
	int r = bytes_parse_u64((struct span){ text, strlen(text) }, min, max, &n);
	*out = (unsigned)n; /* max is small */
	return r == E_OK;
}

static bool
parse_qr(const char *text, enum enroll_qr *qr)
{
	static const char *const words[] = {
		[ENROLL_QR_AUTO] = "auto",
		[ENROLL_QR_UTF8] = "utf8",
		[ENROLL_QR_ASCII] = "ascii",
		[ENROLL_QR_NONE] = "none",
	};
	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(text, words[i]) == 0) {
			*qr = (enum enroll_qr)i; /* i indexes a table of that enum */
			return true;
		}
	}
	return false;
}

static int
complain(const char *what, const char *expected)
{
	fprintf(stderr, "totp-enroll: %s: expected %s\n", what, expected);
	return EXIT_CODE_USAGE;
}

/* The last option given of each kind, by name. */
struct given {
	const char *device;
	const char *secret;
	const char *recovery;
};

/* One option. Returns ENROLL_ON or how to end. */
static int
take_option(int code, struct enroll_options *o, struct given *given)
{
	switch (code) {
	case OPTION_QR:
		given->secret = "--qr";
		return parse_qr(optarg, &o->qr) ? ENROLL_ON
						: complain("--qr", "auto, utf8, ascii or none");
	case OPTION_QR_FILE:
		given->secret = "--qr-file";
		o->qr_file = optarg;
		return ENROLL_ON;
	case OPTION_URI:
		given->secret = "--uri";
		o->has_uri = true;
		return ENROLL_ON;
	case OPTION_ALGORITHM:
		given->device = "--algorithm";
		return otp_algorithm_parse((struct span){ optarg, strlen(optarg) },
			   &o->params.algorithm) == E_OK ?
		    ENROLL_ON :
		    complain("--algorithm", "SHA1, SHA256 or SHA512");
	case OPTION_DIGITS:
		given->device = "--digits";
		return parse_unsigned(optarg, OTP_DIGITS_MIN, OTP_DIGITS_MAX, &o->params.digits) ?
		    ENROLL_ON :
		    complain("--digits", "6, 7 or 8");
	case OPTION_PERIOD:
		given->device = "--period";
		return parse_unsigned(optarg, OTP_PERIOD_MIN, OTP_PERIOD_MAX,
			   &o->params.period_s) ?
		    ENROLL_ON :
		    complain("--period", "15 to 120 seconds");
	case OPTION_RECOVERY_FILE:
		given->recovery = "--recovery-file";
		o->recovery_file = optarg;
		return ENROLL_ON;
	case OPTION_JSON:
		o->has_json = true;
		return ENROLL_ON;
	case OPTION_NO_INPUT:
		o->has_no_input = true;
		return ENROLL_ON;
	case OPTION_HELP:
		return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? EXIT_CODE_FAILURE
								       : EXIT_CODE_OK;
	case OPTION_VERSION:
		return printf("totp-enroll (pam_totp) %s\n", PACKAGE_VERSION) < 0 ||
			fflush(stdout) != 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
	default: /* getopt_long has told */
		fputs("Try: totp-enroll --help\n", stderr);
		return EXIT_CODE_USAGE;
	}
}

static const struct verb *
find_verb(const char *word)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(word, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

/* Whether the verb takes what was given. */
static int
check_options(const struct verb *verb, const struct given *given)
{
	const char *stray = NULL;
	if ((verb->takes & TAKES_DEVICE) == 0 && given->device != NULL)
		stray = given->device;
	if ((verb->takes & TAKES_SECRET) == 0 && given->secret != NULL)
		stray = given->secret;
	if ((verb->takes & TAKES_RECOVERY) == 0 && given->recovery != NULL)
		stray = given->recovery;
	if (stray == NULL)
		return ENROLL_ON;
	fprintf(stderr, "totp-enroll: %s does not take %s\n", verb->name, stray);
	return EXIT_CODE_USAGE;
}

/* The device names behind the verb. */
static int
take_names(int argc, char **argv, const struct verb *verb, struct enroll_options *o)
{
	if (argc - optind < verb->names_min) {
		fprintf(stderr, "totp-enroll: %s needs %s\n", verb->name,
		    verb->names_min == 2 ? "OLD and NEW" : "the NAME of a device");
		return EXIT_CODE_USAGE;
	}
	if (argc - optind > verb->names_max) {
		fputs("totp-enroll: too many arguments\nTry: totp-enroll --help\n", stderr);
		return EXIT_CODE_USAGE;
	}
	if (optind < argc)
		o->name = argv[optind++];
	if (optind < argc)
		o->new_name = argv[optind++];
	/* add says it in its own words, and asks again where it can. */
	bool is_ok = verb->names_min == 0 || (record_device_name_ok(o->name) &&
	    (o->new_name == NULL || record_device_name_ok(o->new_name)));
	return is_ok ? ENROLL_ON :
	    complain("device name", "1 to 64 of A-Z a-z 0-9 + = , . @ - _, not beginning with -");
}

/* Fill *o and find the verb. Returns ENROLL_ON or how to end. */
static int
parse_arguments(int argc, char **argv, struct enroll_options *o, const struct verb **verb)
{
	struct given given = { NULL, NULL, NULL };
	int code = 0;
	*o = (struct enroll_options){ .params = OTP_PARAMS_DEFAULT };
	*verb = &verbs[0];
	while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		int r = take_option(code, o, &given);
		if (r != ENROLL_ON)
			return r;
	}
	if (optind < argc)
		*verb = find_verb(argv[optind++]);
	if (*verb == NULL)
		return complain("verb", "one of those that totp-enroll --help tells");
	int r = take_names(argc, argv, *verb, o);
	return r == ENROLL_ON ? check_options(*verb, &given) : r;
}

/* The standard streams are open, so that no socket becomes one of them; no core dump; a
 * write to a helper or reader that has gone is an error, not the end. */
static bool
prepare_process(void)
{
	int fd = -1;
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	const struct rlimit none = { 0, 0 };
	return fd >= 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

int
main(int argc, char **argv)
{
	struct enroll_options options;
	const struct verb *verb = NULL;
	if (!prepare_process())
		return EXIT_CODE_FAILURE;
	int code = parse_arguments(argc, argv, &options, &verb);
	if (code != ENROLL_ON)
		return code;
	struct enroll e = { .options = &options, .child = { .fd = -1 } };
	ui_open(&e.ui, !options.has_no_input, !options.has_json);
	code = verb->run(&e);
	ui_close(&e.ui);
	int number = ui_signal();
	if (number != 0) {
		signal(number, SIG_DFL);
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, number);
		raise(number);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	bytes_wipe(&e, sizeof e);
	return code;
}
