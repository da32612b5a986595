/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A list of users and otpauth URIs, one a line: what any other system can be made to write.
 * The URI's own account name decides nothing: whose device it is, the first word says. */
#include "import.h"
#include "otpauth.h"

static int
parse_line(struct span line, unsigned number, const struct import_rules *rules,
    struct import_list *list, struct diag *d)
{
	struct import_device device = { .line = number };
	struct otpauth u = { .account = "" };
	struct diag why = { "" };
	struct span user = bytes_next_word(&line);

	int r = line.len == 0 || bytes_copy(user, device.user, sizeof device.user) != 0 ?
	    diag_set(d, E_INVALID, "line %u: expected USER, a blank and an otpauth URI", number) :
	    0;
	if (r == 0 && otpauth_parse(line, &u, &why) != 0)
		r = diag_set(d, E_INVALID, "line %u: %s", number, why.text);
	if (r == 0) {
		device.params = u.params;
		device.secret = u.secret;
		r = import_put(list, rules, &device, d);
	}
	otpauth_wipe(&u);
	otp_secret_wipe(&device.secret);
	return r;
}

int
import_uri(struct span text, const struct import_rules *rules, struct import_list *list,
    struct diag *d)
{
	struct bytes_reader in;
	struct span line;
	int r = 0;

	bytes_reader_init(&in, text.at, text.len);
	while (r == 0 && import_next_line(&in, &line))
		if (line.len > 0 && line.at[0] != '#')
			r = parse_line(line, in.line, rules, list, d);
	return r;
}
