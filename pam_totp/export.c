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

#define MINUTE_S 60
#define HOUR_S 3600
#define TIME_CAP (DATE_CAP + sizeof("T00:00:00Z"))

static void
put_pair(struct bytes_writer *w, const char *before, uint64_t n)
{
	bytes_put(w, before);
	if (n < 10)
		bytes_put(w, "0");
	bytes_put_u64(w, n);
}

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
	char day[DATE_CAP], time[TIME_CAP] = "";
	struct bytes_writer w;
	bool has_code = code_at_s != 0;

	if (!l->settings.export_env)
		return;
	if (has_code) {
		uint64_t of_day_s = code_at_s % DATE_DAY_S;
		date_print(code_at_s, day);
		bytes_writer_init(&w, time, sizeof(time));
		bytes_put(&w, day);
		put_pair(&w, "T", of_day_s / HOUR_S);
		put_pair(&w, ":", of_day_s % HOUR_S / MINUTE_S);
		put_pair(&w, ":", of_day_s % MINUTE_S);
		bytes_put(&w, "Z");
	}
	export_text(&l->host, "MFA_PRESENT", has_code ? "true" : "false");
	export_text(&l->host, "MFA_DEVICE", has_code ? l->result.device : "");
	export_text(&l->host, "MFA_TIME", time);
}
