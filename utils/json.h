/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_JSON_H
#define PAM_TOTP_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A JSON text being written (RFC 8259), one value a line, indented by two spaces. Whether
 * the stream took it all is for the caller to ask of the stream, once, at the end. */
struct json {
	FILE *out;
	unsigned depth;
	bool has_member; /* the open object or array has one already */
};

/* Begin a text on out (borrowed). */
void json_begin(struct json *j, FILE *out);

/* Open and close an object ('{') or array ('['). key: the member's name, or NULL in an
 * array and for the outermost value; so in all that follow. The last close ends the line. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);

/* One value. text: UTF-8; a byte that is not becomes U+FFFD; NULL is written as null.
 * at_s: seconds since 1970 UTC, written as "2001-02-03T04:05:06Z"; 0 is written as null. */
void json_text(struct json *j, const char *key, const char *text);
void json_number(struct json *j, const char *key, int64_t number);
void json_bool(struct json *j, const char *key, bool is_true);
void json_time(struct json *j, const char *key, uint64_t at_s);
void json_null(struct json *j, const char *key);

#endif
