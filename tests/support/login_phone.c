/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What the tests of both conversations at login share: the phone reads the key off the text
 * that the person sees, and computes codes by itself. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "login_phone.h"

#include "core/encode.h"
#include "pam_app.h"
#include "pam_world.h"

bool
phone_ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

void
phone_take_key(struct phone *p, const char *prompt)
{
	const char *at = strstr(prompt, "\nCode 1: ");
	size_t len = 0;

	if (strstr(prompt, "only once") == NULL)
		return;
	assert_non_null(at);
	while (at > prompt && at[-1] != '\n')
		at--;
	for (; *at != '\n'; at++)
		if (*at != ' ' && len < sizeof(p->key) - 1)
			p->key[len++] = *at;
	p->key[len] = '\0';
	assert_int_equal(len, 32);
	assert_int_equal(encode_base32_parse((struct span){ p->key, len }, p->secret.bytes,
	    sizeof(p->secret.bytes), &p->secret.len), 0);
}

void
phone_read(const struct phone *p, int offset, char code[16])
{
	const struct otp_params params = OTP_PARAMS_DEFAULT;
	uint64_t step = otp_step(&params, world_clock());
	uint32_t number = 0;

	step = offset < 0 ? step - (uint64_t)-offset : step + (uint64_t)offset;
	assert_int_equal(otp_code(&params, &p->secret, step, &number), 0);
	(void)snprintf(code, 16, "%06u", number);
}

const char *
enroll_line(unsigned i)
{
	static const char ours[] = "pam_totp_enroll(" APP_SERVICE ":auth): ";

	for (size_t k = 0; k < world_log_count(); k++) {
		const char *line = world_log_line(k)->text;

		if (strncmp(line, ours, sizeof(ours) - 1) == 0 &&
		    strncmp(line + sizeof(ours) - 1, "event=", 6) == 0 && i-- == 0)
			return line + sizeof(ours) - 1;
	}
	return NULL;
}

unsigned
enroll_line_count(void)
{
	unsigned count = 0;

	while (enroll_line(count) != NULL)
		count++;
	return count;
}

void
enroll_expect_line(unsigned i, const char *text)
{
	const char *line = enroll_line(i);

	if (line == NULL || strncmp(line, text, strlen(text)) != 0)
		fail_msg("line %u: expected %s, got %s", i, text, line == NULL ? "none" : line);
}
