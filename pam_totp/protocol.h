/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_PROTOCOL_H
#define PAM_TOTP_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

/* The line protocol between totp-helper and its clients: totp-enroll, and pam_totp.so in a
 * host that is not root.
 *
 * A message is one line, `verb key=value key=value\n`, of at most PROTOCOL_LINE_MAX bytes
 * with the '\n'. verb and key: 1..15 of a-z, 0-9 and '-'. value: bytes, percent-encoded but for
 * A-Z a-z 0-9 and "-._~:/@+,"; may be empty; no NUL. No key twice.
 *
 *   helper                                     client
 *   hello version=1 user=NAME
 *                                              request op=OP, and with
 *                                                add: name= [type=virtual|hardware]
 *                                                  [algorithm=] [digits=] [period=]
 *                                                rename: name= new-name=
 *                                                rotate|resync|enable|disable|delete|
 *                                                  remove: name=
 *                                                revoke: number=   (0: all)
 *                                                list|status|verify|cancel|sessions|
 *                                                  recovery-codes: nothing
 *   any number of times, a PAM conversation or a code asked for by the helper itself:
 *   prompt echo=0|1 kind=pam|code|ticket text=T   answer text=T  |  abort
 *   info text=T
 *   error text=T
 *   op=list:   device id= name= type= state= algorithm= digits= period= created=
 *                expires= last-used= drift=   (a line a device)
 *   op=sessions: session number= kind= class= service= tty= source= caller= device= at=
 *                boottime= uid=   (a line a session)
 *   op=status: status user= uid= enrolled=0|1 active= pending= disabled= locked=0|1
 *                wait= recovery-left= max-devices=
 *   op=add, rotate:
 *              secret base32= name= issuer= account= algorithm= digits= period= expires=
 *   op=resync, enable:
 *              device name= type= digits= period=
 *   these four, then:
 *              ask-codes left=N                codes first=C second=C  |  abort
 *              refused verdict=WORD off=S left=N text=T     (then ask-codes again)
 *   op=recovery-codes, and op=add of a first device:
 *              recovery code0=C .. code9=C     (they are stored; older ones are void)
 *   op=policy, login (service=NAME tell=0|1, and any of the settings that by_helper.c names as
 *   argument0= argument1= ..., of the module's line in the PAM file):
 *   op=policy: decision action= reason= until= days= exemption= digits=
 *   op=login:  prompt kind=code                answer text=
 *              notice at= text=                (at most ATTEMPT_NOTICES_MAX)
 *              verdict word= device= fails= wait= behind= recovery= recovery-left=
 *                bypass= rebuilt= locked= elsewhere= rotate-by= must-rotate=
 *   op=notify (program= done=added|rotated user= name= uid= from=), from root only: nothing
 *   done exit=N text=T        always last; N is an exit code of DESIGN section 7
 *
 * Verdict words: those of enum enrolment_verdict in lower case with '-'. */
#define PROTOCOL_LINE_MAX 2048
#define PROTOCOL_PAIRS_MAX 20
#define PROTOCOL_WORD_CAP 16
#define PROTOCOL_VALUE_CAP 513
#define PROTOCOL_VERSION 1

struct message {
	char verb[PROTOCOL_WORD_CAP];
	unsigned count;
	struct {
		char key[PROTOCOL_WORD_CAP];
		char value[PROTOCOL_VALUE_CAP];
	} pair[PROTOCOL_PAIRS_MAX];
	bool has_overflowed; /* a message_add did not fit; message_print refuses it */
};

/* One end of a conversation; buffers what was read past a line. */
struct protocol {
	int in;		/* read from here */
	int out;	/* write to here */
	size_t have;	/* bytes in buf */
	char buf[PROTOCOL_LINE_MAX];
};

/* Overwrite (messages carry passwords, codes and secrets). */
void message_wipe(struct message *m);
void protocol_wipe(struct protocol *p);

/* Begin a message, add pairs; texts are copied. A value that is too long sets has_overflowed. */
void message_init(struct message *m, const char *verb);
void message_add(struct message *m, const char *key, const char *value);
void message_add_u64(struct message *m, const char *key, uint64_t value);

/* The value of key, or NULL when it is absent. */
const char *message_get(const struct message *m, const char *key);

/* The value of key as a number min..max. E_INVALID: absent or not that; *out is 0 then. */
int message_get_u64(const struct message *m, const char *key, uint64_t min, uint64_t max,
    uint64_t *out) MUST_USE;

/* Read one line without its '\n'. Strict: unknown bytes, bad percent codes, a key twice, too
 * many pairs, too long words are errors. E_INVALID: *m is wiped then. */
int message_parse(struct span line, struct message *m) MUST_USE;

/* Write the line with its '\n'; message_parse reads it back equal. E_LIMIT: does not fit. */
int message_print(const struct message *m, char *out, size_t cap, size_t *len) MUST_USE;

/* Begin a conversation on two descriptors (borrowed). */
void protocol_init(struct protocol *p, int in, int out);

/* Send one message; waits for the reader at most timeout_ms (poll(2)). The line is wiped.
 * E_LIMIT: too long. E_IO: closed, timed out or write(2) refused. Raises SIGPIPE
 * only where `out` is no socket and the caller does not ignore it. */
int protocol_send(struct protocol *p, const struct message *m, int timeout_ms) MUST_USE;

/* Receive one message, waiting at most timeout_ms for the whole line (a slow sender that
 * drips bytes does not prolong it).
 * E_NOENT: orderly end of input. E_IO: read(2) or time-out. E_INVALID: not a message, or
 * longer than PROTOCOL_LINE_MAX. *m is wiped on every error. */
int protocol_receive(struct protocol *p, struct message *m, int timeout_ms) MUST_USE;

#endif
