/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What totp-admin says, to the person and to the log. It promises:
 *  1. A line of output or of the log cannot be forged or split by a name: control characters
 *     never pass, and values in the log are escaped.
 *  2. No function here is ever given a secret or a code. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "utils/admin.h"
#include "utils/json.h"
#include "utils/phrases.h"
#include "utils/table.h"
#include "utils/text.h"

#define LINE_CAP 1024	   /* a message, bytes with NUL; longer ones are cut */
#define LOG_VALUE_CAP 1040 /* an escaped value: 4 bytes for each of a user name's 255 */

/* --- messages -------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 0)))
print_line(FILE *out, const char *lead, const char *fmt, va_list ap)
{
	char text[LINE_CAP];
	char clean[LINE_CAP];

	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	fprintf(out, "%s%s\n", lead, text_clean(text, MB_CUR_MAX > 1, clean, sizeof clean));
}

void
admin_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(stderr, "totp-admin: ", fmt, ap);
	va_end(ap);
}

enum exit_code
admin_fail(enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(stderr, "totp-admin: ", fmt, ap);
	va_end(ap);
	return code;
}

void
admin_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(stdout, "", fmt, ap);
	va_end(ap);
}

enum exit_code
admin_fail_core(int error, const struct diag *d)
{
	const char *why = d->text[0] != '\0' ? d->text : diag_code_text(error);
	enum exit_code code = phrase_error_exit(error);

	if (error == E_CONFLICT)
		return admin_fail(code, "the record is being changed by others: try again");
	return admin_fail(code, "%s", why);
}

bool
admin_print(const struct admin *a, const struct table *t, const char *key)
{
	struct json j;

	if (a->option[OPTION_JSON] == NULL)
		return table_print(t, stdout, table_width(stdout));
	json_begin(&j, stdout);
	json_open(&j, NULL, '{');
	bool is_whole = table_print_json(t, &j, key);
	json_close(&j, '{');
	return is_whole;
}

/* --- log -------------------------------------------------------------------- */

/* A value for key=value lines: what could end it or forge another pair becomes \xHH. */
static const char *
escaped(const char *value, char out[LOG_VALUE_CAP])
{
	size_t len = 0;

	for (const unsigned char *s = (const unsigned char *)value; *s != '\0'; s++) {
		if (len + 5 > LOG_VALUE_CAP)
			break;
		if (*s <= 0x20 || *s >= 0x7f || strchr("\\\"'=", *s) != NULL)
			len += (size_t)snprintf(out + len, LOG_VALUE_CAP - len, "\\x%02x", *s);
		else
			out[len++] = (char)*s;
	}
	out[len] = '\0';
	return out;
}

/* Who is at work: the login uid, which sudo and su do not change; else the real uid. */
static uint32_t
actor(void)
{
	char text[16];
	uint64_t uid = 0;
	ssize_t len = -1;

	int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd >= 0) {
		len = read(fd, text, sizeof text);
		close(fd);
	}
	/* (uid_t)-1 means that nobody logged in: started at boot, or in a container. */
	if (len > 0 &&
	    bytes_parse_u64((struct span){ .at = text, .len = (size_t)len }, 0, UINT32_MAX - 1,
		&uid) == 0)
		return (uint32_t)uid;
	return getuid();
}

static void
write_log(int level, const char *action, const char *user, const char *device,
    const char *result)
{
	char user_text[LOG_VALUE_CAP];
	char device_text[LOG_VALUE_CAP];

	syslog(level, "event=admin action=%s actor=%u user=%s device=%s result=%s", action,
	    actor(), escaped(user, user_text),
	    escaped(device == NULL ? "" : device, device_text), result);
}

void
admin_log(const char *action, const char *user, const char *device, const char *result)
{
	write_log(LOG_NOTICE, action, user, device, result);
}

void
admin_log_alert(const char *action, const char *user, const char *device, const char *result)
{
	write_log(LOG_WARNING, action, user, device, result);
}
