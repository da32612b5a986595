/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What the session that follows is told of its login, by the PAM environment (export_env):
 *
 *     MFA_PRESENT=true|false   whether a code counted (aws:MultiFactorAuthPresent)
 *     MFA_DEVICE=NAME          of which device; not of a recovery code
 *     MFA_TIME=2026-01-31T12:00:00Z   when it was typed
 *
 *  1. It is said to people and programs, and read by no decision of this project: users
 *     change their environment as they like.
 *  2. Whoever is not let in is told nothing. */

#include "login.h"

#include "core/date.h"

static void
export_text(const struct host *h, const char *name, const char *value)
{
	char text[32 + RECORD_NAME_CAP];
	struct bytes_writer w;

	bytes_writer_init(&w, text, sizeof(text));
	bytes_put(&w, name);
	if (value[0] != '\0') { /* else it is taken out */
		bytes_put(&w, "=");
		bytes_put(&w, value);
	}
	host_export(h, text);
}

void
export_login(const struct login *l, uint64_t code_at_s)
{
	char time[DATE_TIME_CAP] = "";
	bool has_code = code_at_s != 0;

	if (!l->settings.export_env)
		return;
	if (has_code)
		date_print_time(code_at_s, time);
	export_text(&l->host, "MFA_PRESENT", has_code ? "true" : "false");
	export_text(&l->host, "MFA_DEVICE", has_code ? l->result.device : "");
	export_text(&l->host, "MFA_TIME", time);
}
