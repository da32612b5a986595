/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Error codes as text, and the one explanation that goes with a failure.
 *
 * Promises:
 *  1. diag_set gives its code back whatever else happens, so that a failing function
 *     stays failing: a broken format or a full buffer never turns into E_OK.
 *  2. What is kept is printable ASCII and terminated: a hostile file name or value can
 *     neither break a log line nor drive a terminal.
 *  3. An argument may point into the text that is replaced ("%s: %s" around itself). */

#include "diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *
diag_code_text(int code)
{
	switch ((enum error)code) {
	case E_OK:
		return "ok";
	case E_INVALID:
		return "invalid input";
	case E_NOENT:
		return "not found";
	case E_UNSAFE:
		return "store is not safe";
	case E_CORRUPT:
		return "stored data is corrupt";
	case E_IO:
		return "input or output failed";
	case E_CONFLICT:
		return "changed by somebody else meanwhile";
	case E_EXISTS:
		return "exists already";
	case E_LIMIT:
		return "limit reached";
	case E_CRYPTO:
		return "cryptographic library failed";
	case E_MISMATCH:
		return "belongs to another account";
	case E_STATE:
		return "wrong state";
	case E_PROTECTED:
		return "last active device";
	}
	return "unknown error";
}

int
diag_set(struct diag *d, int code, const char *fmt, ...)
{
	if (d == NULL)
		return code;
	int saved = errno;

	/* Promise 3: printed aside first. */
	char text[DIAG_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		(void)snprintf(text, sizeof(text), "%s", diag_code_text(code));

	size_t i = 0;
	for (; i < sizeof(text) - 1 && text[i] != '\0'; i++) {
		unsigned char c = (unsigned char)text[i];
		d->text[i] = c >= 0x20 && c <= 0x7e ? text[i] : '?';
	}
	/* To the end, so that no piece of an older text is left behind. */
	memset(d->text + i, 0, sizeof(d->text) - i);
	errno = saved;
	return code;
}
