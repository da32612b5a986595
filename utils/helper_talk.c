/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* What totp-helper says and hears: the protocol seen from the steps of an operation, the
 * text of the last line, and the log.
 *
 *  1. An answer, code or secret stands in a struct message only, which is wiped on every
 *     path except where the caller is handed an answer.
 *  2. No log line holds one: the log takes fixed words, names and numbers.
 *  3. A log line is one line: every byte outside printable ASCII is escaped.
 */
#include "utils/helper.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "core/text.h"
#include "utils/phrases.h"

enum exit_code
helper_end(struct helper *h, enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(h->text, sizeof(h->text), fmt, ap) < 0)
		h->text[0] = '\0';
	va_end(ap);
	return code;
}

enum exit_code
helper_end_mismatch(struct helper *h, uint32_t record_uid)
{
	char text[PHRASE_CAP];

	phrase_mismatch(record_uid, h->uid, text, sizeof(text));
	helper_log_trouble(h, text);
	return helper_end(h, EXIT_CODE_NOT_PERMITTED, "%s", text);
}

enum exit_code
helper_end_error(struct helper *h, int error, const struct diag *d)
{
	enum exit_code code = phrase_error_exit(error);

	switch (code) {
	case EXIT_CODE_USAGE:
	case EXIT_CODE_EXISTS:
	case EXIT_CODE_LIMIT:
	case EXIT_CODE_NO_SUCH:
	case EXIT_CODE_WRONG_CODE:
	case EXIT_CODE_WRONG_STATE:
	case EXIT_CODE_THROTTLED:
	case EXIT_CODE_NOT_PERMITTED:
		return helper_end(h, code, "%s", d->text);
	case EXIT_CODE_BUSY:
		return helper_end(h, code, "another program is changing the devices of %s: "
		    "try again", h->user);
	case EXIT_CODE_OK:
	case EXIT_CODE_FAILURE:
		break;
	}
	helper_log_trouble(h, d->text);
	return helper_end(h, EXIT_CODE_FAILURE, "%s; the system log has the details",
	    diag_code_text(error));
}

enum exit_code
helper_send(struct helper *h, struct message *m)
{
	int r = protocol_send(&h->line, m, HELPER_SEND_MS);

	message_wipe(m);
	if (r == 0)
		return EXIT_CODE_OK;
	if (r == E_LIMIT)
		return helper_end(h, EXIT_CODE_FAILURE, "a message does not fit a line");
	return helper_end(h, EXIT_CODE_FAILURE, "cannot write to the client");
}

enum exit_code
helper_receive(struct helper *h, struct message *m, int timeout_ms)
{
	int r = protocol_receive(&h->line, m, timeout_ms);

	if (r == 0)
		return EXIT_CODE_OK;
	if (r == E_NOENT)
		return helper_end(h, EXIT_CODE_FAILURE, "cancelled: the client has gone");
	if (r == E_INVALID)
		return helper_end(h, EXIT_CODE_USAGE, "the client sent what is not a message");
	return helper_end(h, EXIT_CODE_FAILURE, "no answer in time");
}

enum exit_code
helper_ask(struct helper *h, const char *kind, bool echo, const char *text, struct message *m)
{
	message_init(m, "prompt");
	message_add(m, "echo", echo ? "1" : "0");
	message_add(m, "kind", kind);
	message_add(m, "text", text);
	enum exit_code code = helper_send(h, m);
	if (code == EXIT_CODE_OK)
		code = helper_receive(h, m, HELPER_ANSWER_MS);
	if (code != EXIT_CODE_OK)
		return code;
	if (strcmp(m->verb, "answer") == 0 && m->count == 1 && message_get(m, "text") != NULL)
		return EXIT_CODE_OK;
	bool is_abort = strcmp(m->verb, "abort") == 0 && m->count == 0;
	message_wipe(m);
	if (is_abort)
		return helper_end(h, EXIT_CODE_FAILURE, "cancelled");
	return helper_end(h, EXIT_CODE_USAGE, "the client sent no answer to a prompt");
}

enum exit_code
helper_take_name(struct helper *h, const struct message *request, const char *key,
    char out[RECORD_NAME_CAP])
{
	const char *name = message_get(request, key);

	if (!record_device_name_ok(name))
		return helper_end(h, EXIT_CODE_USAGE,
		    "invalid device name: use 1 to 64 of A-Z a-z 0-9 + = , . @ - _, "
		    "not beginning with -");
	memcpy(out, name, strlen(name) + 1);
	return EXIT_CODE_OK;
}

void
helper_log(const struct helper *h, bool is_accepted, const char *event, const char *reason,
    const char *device)
{
	char line[2048];
	struct bytes_writer w;

	bytes_writer_init(&w, line, sizeof(line));
	bytes_put(&w, "event=");
	bytes_put(&w, event);
	text_put_field(&w, "result", is_accepted ? "ok" : "refused");
	text_put_field(&w, "reason", reason);
	text_put_field(&w, "user", h->user);
	text_put_field(&w, "service", HELPER_SERVICE);
	text_put_field(&w, "tty", h->tty);
	text_put_field(&w, "device", device);
	bytes_put(&w, " actor=");
	bytes_put_u64(&w, h->uid);
	if (h->claimed[0] != '\0')
		text_put_field(&w, "claimed", h->claimed);
	syslog(is_accepted ? LOG_INFO : LOG_NOTICE, "%s", line);
}

void
helper_log_trouble(const struct helper *h, const char *why)
{
	char line[2048];
	struct bytes_writer w;

	bytes_writer_init(&w, line, sizeof(line));
	bytes_put(&w, "event=error");
	text_put_field(&w, "user", h->user);
	text_put_field(&w, "service", HELPER_SERVICE);
	text_put_field(&w, "error", why);
	syslog(LOG_ERR, "%s", line);
}

uint64_t
helper_now_s(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) != 0 || t.tv_sec < 0)
		return 0;
	return (uint64_t)t.tv_sec;
}
