/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* One user's ~/.google_authenticator, as the program google-authenticator writes it and its
 * module rewrites it:
 *
 *   BASE32 KEY
 *   " NAME [VALUE...]          TOTP_AUTH, STEP_SIZE and others
 *   12345678                   scratch codes
 *
 * It promises:
 *  1. What changes the codes is understood or refused: TOTP_AUTH must be there, HOTP_COUNTER
 *     must not, STEP_SIZE is the period. All other options are that module's own policy, for
 *     which pam_totp has its settings.
 *  2. Scratch codes are counted, not taken: each is 27 bits in plain text. */
#include "import.h"

#include <string.h>

#include "key_text.h"

#define SCRATCH_DIGITS 8

struct google {
	struct import_device device;
	bool is_totp;
	bool has_step;
	unsigned scratch_codes;
};

/* A line that begins with '"'. Returns NULL, or what was expected instead. */
static const char *
parse_option(struct span line, struct google *g)
{
	uint64_t period = 0;

	if (line.len < 2 || line.at[1] != ' ')
		return "expected a blank and an option's name after \"";
	line.at++;
	line.len--;
	struct span name = bytes_next_word(&line);
	if (bytes_is(name, "TOTP_AUTH"))
		g->is_totp = true;
	else if (bytes_is(name, "HOTP_COUNTER"))
		return "counter-based codes (HOTP_COUNTER) are not supported: expected TOTP_AUTH";
	else if (bytes_is(name, "STEP_SIZE")) {
		if (g->has_step)
			return "STEP_SIZE is given twice";
		if (bytes_parse_u64(line, OTP_PERIOD_MIN, OTP_PERIOD_MAX, &period) != 0)
			return "expected 15 to 120 seconds as STEP_SIZE";
		g->device.params.period_s = (unsigned)period;
		g->has_step = true;
	} else if (name.len == 0)
		return "expected an option's name";
	return NULL;
}

static bool
is_scratch_code(struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.at[i] < '0' || line.at[i] > '9')
			return false;
	return line.len == SCRATCH_DIGITS;
}

static int
parse_lines(struct span text, struct google *g, struct diag *d)
{
	struct bytes_reader in;
	struct span line = { .at = "", .len = 0 };
	struct diag why = { "" };

	bytes_reader_init(&in, text.at, text.len);
	if (!import_next_line(&in, &line) || line.len == 0)
		return diag_set(d, E_INVALID, "line 1: expected a key in base32");
	if (key_text_parse(line, &g->device.secret, &why) != 0)
		return diag_set(d, E_INVALID, "line 1: %s", why.text);
	while (import_next_line(&in, &line)) {
		const char *fault = NULL;
		if (line.len > 0 && line.at[0] == '"')
			fault = parse_option(line, g);
		else if (is_scratch_code(line))
			g->scratch_codes++;
		else
			fault = "expected \" and an option, or a scratch code of 8 digits";
		if (fault != NULL)
			return diag_set(d, E_INVALID, "line %u: %s", in.line, fault);
	}
	if (!g->is_totp)
		return diag_set(d, E_INVALID, "line %u: expected a line \" TOTP_AUTH before the "
		    "end", in.line);
	return 0;
}

int
import_google(struct span text, const struct import_rules *rules, struct import_list *list,
    struct diag *d)
{
	struct google g = { .device = { .line = 1, .params = OTP_PARAMS_DEFAULT } };
	struct span user = { .at = rules->user, .len = strlen(rules->user) };

	int r = bytes_copy(user, g.device.user, sizeof g.device.user);
	if (r != 0)
		r = diag_set(d, r, "the user name is too long");
	else
		r = parse_lines(text, &g, d);
	if (r == 0)
		r = import_put(list, rules, &g.device, d);
	if (r == 0)
		list->scratch_codes = g.scratch_codes;
	bytes_wipe(&g, sizeof g);
	return r;
}
