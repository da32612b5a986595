/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What the tests of settings as text share. */
#include "tests/support/config_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

bool
config_text_is_zero(const struct settings *s)
{
	static const struct settings zero;
	return memcmp(s, &zero, sizeof zero) == 0;
}

int
config_text_parse(const char *text, const char *service, struct settings *s, struct diag *d)
{
	const struct config_who who = {.service = service};

	config_defaults(s);
	d->text[0] = '\0';
	return config_parse_file(text, strlen(text), "f", &who, s, d);
}

/* The text must be refused with exactly this message, and leave nothing in force. */
void
config_text_refused(const char *text, const char *message)
{
	struct settings s;
	struct diag d;

	assert_int_equal(config_text_parse(text, "sshd", &s, &d), E_INVALID);
	assert_string_equal(d.text, message);
	assert_true(config_text_is_zero(&s));
}

void
config_text_accepted(const char *text, struct settings *s)
{
	struct diag d;

	if (config_text_parse(text, "sshd", s, &d) != 0)
		fail_msg("refused: %s", d.text);
}
