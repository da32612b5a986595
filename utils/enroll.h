/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_ENROLL_H
#define PAM_TOTP_ENROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "core/otp.h"
#include "core/record.h"
#include "exit_codes.h"
#include "json.h"
#include "protocol.h"
#include "table.h"
#include "ui.h"

/* The parts of totp-enroll. A function that returns `int` and can end the program returns
 * an enum exit_code, or ENROLL_ON to go on. */
#define ENROLL_ON (-1)

enum enroll_qr { ENROLL_QR_AUTO = 0, ENROLL_QR_UTF8, ENROLL_QR_ASCII, ENROLL_QR_NONE };

struct enroll_options {
	const char *name;     /* of the device, or NULL */
	const char *new_name; /* of `rename`, or NULL */
	const char *qr_file;  /* or NULL */
	const char *recovery_file; /* or NULL */
	enum enroll_qr qr;
	struct otp_params params;
	bool has_json;
	bool has_no_input;
	bool has_uri; /* print the URI as well */
};

/* The other end: totp-helper as our child. */
struct child {
	pid_t pid; /* 0: none */
	int fd;	   /* -1: none */
	struct protocol line;
};

struct enroll {
	const struct enroll_options *options;
	struct ui ui;
	struct child child;
	char user[RECORD_USER_CAP];	 /* whom the helper serves */
	char text[PROTOCOL_VALUE_CAP]; /* of its `done` */
};

/* --- enroll_helper.c: starting it, talking with it ------------------------------- */

/* Start HELPER_PATH with an empty environment in a session of its own, so that the keys
 * of the terminal do not reach it. Returns ENROLL_ON, or EXIT_CODE_FAILURE after it told
 * what is wrong with the installation. */
int child_start(struct child *h);

/* Close the line (the helper then ends by itself) and forget it. Safe to call twice. */
void child_end(struct child *h);

/* The next message. Returns ENROLL_ON, or EXIT_CODE_FAILURE after it told why (nothing is
 * told when ui_signal is the reason); *m is wiped then. */
int child_receive(struct enroll *e, struct message *m);

/* Send and wipe *m. Returns as child_receive. A helper that has gone is no error here:
 * what it said before it went is still to be received. */
int child_send(struct enroll *e, struct message *m);

/* --- enroll_session.c: one request from beginning to end ---------------------------- */

/* What a verb does with the messages that are its own. Returns ENROLL_ON, or how to end.
 * *is_known is set to false for a message that is none of its own. */
typedef int enroll_handler(struct enroll *e, const struct message *m, void *context,
    bool *is_known);

/* Start the helper, send request (wiped), relay prompts and remarks, give all else to
 * handle, until `done`. Returns the exit code; e->text is what `done` said. On failures
 * that the helper did not tell the reason has been told; *has_ended says whether `done`
 * was received. */
int session_run(struct enroll *e, struct message *request, enroll_handler *handle, void *context,
    bool *has_ended);

/* Tell how a request ended, as text or as the last JSON line, and return code. is_told:
 * success has been told in other words. */
int session_tell(struct enroll *e, int code, bool has_ended, bool is_told);

/* Whether answers can be had at all: from a person, or by --no-input from standard input.
 * Returns ENROLL_ON, or EXIT_CODE_USAGE after it told. */
int session_check_input(struct enroll *e);

/* What ui_ask ended with, when it was not an answer, as an exit code; tells why. */
int session_tell_unanswered(struct enroll *e, enum ui_answer answer);

/* --- enroll_output.c: the ways out -------------------------------------------------- */

/* Write to standard output, past stdio. Returns false when it was refused. */
bool output_put(const char *text) __attribute__((warn_unused_result));

/* "totp-enroll: TEXT" on standard error, made clean. */
void output_error(const struct enroll *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A JSON object on one line of standard output: begin, add members to ->json, end. The
 * text is wiped. end returns false when it did not fit or was refused. */
struct output_object {
	FILE *stream;
	struct json json;
	char text[8192];
};
bool output_begin(struct output_object *o) __attribute__((warn_unused_result));
bool output_end(struct output_object *o) __attribute__((warn_unused_result));

/* Print what was listed on standard output: with --json as the list `key` beside the user, else as
 * a table, or the sentence `none`. Returns false when memory or the output failed. */
bool output_listing(const struct enroll *e, const struct table *t, bool has_rows, const char *key,
    const char *none) __attribute__((warn_unused_result));

/* --- enroll_recovery.c: recovery codes ---------------------------------------------- */

/* Where they go. */
struct sheet {
	int file;	  /* --recovery-file, made but empty; -1: none */
	bool has_codes;	  /* they came */
	bool is_in_file;  /* and were written there */
};

/* Make the file, before anything is asked for. ENROLL_ON or how to end. */
int sheet_open(struct enroll *e, struct sheet *s);

/* The message `recovery`: write the codes to the file, or show them to the person until he
 * says that he has them, or print them. ENROLL_ON, or EXIT_CODE_FAILURE after it told why. */
int sheet_take(struct enroll *e, struct sheet *s, const struct message *m);

/* Close the file; remove it when no codes came, and say so when is_done: nothing failed. */
void sheet_close(struct enroll *e, struct sheet *s, bool is_done);

/* --- the verbs: each returns the exit code ------------------------------------------- */

int enroll_add(struct enroll *e);    /* enroll_wizard.c */
int enroll_rotate(struct enroll *e); /* enroll_wizard.c */
int enroll_resync(struct enroll *e); /* enroll_devices.c, as all to remove */
int enroll_enable(struct enroll *e);
int enroll_rename(struct enroll *e);
int enroll_disable(struct enroll *e);
int enroll_delete(struct enroll *e);
int enroll_remove(struct enroll *e);
int enroll_recovery(struct enroll *e); /* enroll_recovery.c */
int enroll_list(struct enroll *e);   /* enroll_list.c */
int enroll_status(struct enroll *e); /* enroll_list.c */
int enroll_sessions(struct enroll *e); /* enroll_sessions.c */
int enroll_revoke(struct enroll *e);   /* enroll_sessions.c */
int enroll_verify(struct enroll *e); /* totp-enroll.c */
int enroll_cancel(struct enroll *e); /* totp-enroll.c */

#endif
