/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What totp-enroll writes besides its dialogue. It promises:
 *  1. Standard output is data: a program that reads JSON reads one object a line and
 *     nothing else there; every remark and error goes to standard error.
 *  2. What is written at once can be read at once: a program that waits for the secret
 *     gets its line before the codes are asked for.
 *  3. No buffer of stdio keeps a secret: the stream below writes through to text[],
 *     which is wiped. */
#include "enroll.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static bool
put_all(int fd, const char *text, size_t left)
{
	while (left > 0) {
		ssize_t n = write(fd, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		left -= (size_t)n;
	}
	return true;
}

bool
output_put(const char *text)
{
	return put_all(STDOUT_FILENO, text, strlen(text));
}

void
output_error(const struct enroll *e, const char *fmt, ...)
{
	static const char name[] = "totp-enroll: ";
	char text[1024];
	char clean[sizeof name + sizeof text];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	memcpy(clean, name, sizeof name);
	text_clean(text, e->ui.has_utf8, clean + sizeof name - 1, sizeof clean - sizeof name);
	size_t len = strlen(clean);
	clean[len] = '\n';
	put_all(STDERR_FILENO, clean, len + 1);
}

bool
output_begin(struct output_object *o)
{
	memset(o, 0, sizeof *o);
	o->stream = fmemopen(o->text, sizeof o->text, "w");
	if (o->stream == NULL)
		return false;
	setvbuf(o->stream, NULL, _IONBF, 0);
	json_begin(&o->json, o->stream);
	json_open(&o->json, NULL, '{');
	return true;
}

/* Take the line ends and the indentation out. Inside a JSON string a line end is always
 * written as an escape, so each one here stands between values. */
static size_t
flatten(char *text)
{
	size_t len = 0;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c != '\n') {
			text[len++] = *c;
			continue;
		}
		while (c[1] == ' ')
			c++;
	}
	return len;
}

bool
output_end(struct output_object *o)
{
	json_close(&o->json, '{');
	bool is_whole = ferror(o->stream) == 0;
	is_whole = fclose(o->stream) == 0 && is_whole;
	/* The stream leaves no room for a NUL when it is full: full is too long. */
	is_whole = is_whole && memchr(o->text, '\0', sizeof o->text) != NULL;
	if (is_whole) {
		size_t len = flatten(o->text);
		o->text[len] = '\n';
		is_whole = put_all(STDOUT_FILENO, o->text, len + 1);
	}
	bytes_wipe(o, sizeof *o);
	return is_whole;
}

bool
output_listing(const struct enroll *e, const struct table *t, bool has_rows, const char *key,
    const char *none)
{
	bool is_whole = true;

	if (e->options->has_json) {
		struct json j;
		json_begin(&j, stdout);
		json_open(&j, NULL, '{');
		json_text(&j, "user", e->user);
		is_whole = table_print_json(t, &j, key);
		json_close(&j, '{');
	} else if (has_rows) {
		is_whole = table_print(t, stdout, table_width(stdout));
	} else {
		printf("%s\n", none);
	}
	return fflush(stdout) == 0 && is_whole;
}
