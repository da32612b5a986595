/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* `totp-enroll list` and `totp-enroll status`: what the user has, never a secret. Both show
 * what the helper sent and nothing that was worked out here; a message whose numbers are
 * out of range is refused as a whole, so that no half-true table is shown. */
#include "enroll.h"

#include <string.h>

#include "text.h"

enum column { NAME, TYPE, STATE, CREATED, LAST_USED, DRIFT, ID, ALGORITHM, DIGITS, PERIOD,
	EXPIRES };

static const struct table_column columns[] = {
	[NAME] = { "NAME", "name", false },
	[TYPE] = { "TYPE", "type", false },
	[STATE] = { "STATE", "state", false },
	[CREATED] = { "CREATED", "created", false },
	[LAST_USED] = { "LAST USED", "last_used", false },
	[DRIFT] = { "DRIFT", "drift", true },
	[ID] = { NULL, "id", false },
	[ALGORITHM] = { NULL, "algorithm", false },
	[DIGITS] = { NULL, "digits", false },
	[PERIOD] = { NULL, "period", false },
	[EXPIRES] = { NULL, "expires", false },
};

/* The number of steps that a device runs ahead or behind. */
static int
parse_drift(const char *text, int64_t *drift)
{
	uint64_t n = 0;
	*drift = 0;
	if (text == NULL)
		return E_INVALID;
	bool is_negative = *text == '-';
	struct span s = { text + is_negative, strlen(text) - is_negative };
	int r = bytes_parse_u64(s, 0, INT32_MAX, &n);
	*drift = is_negative ? -(int64_t)n : (int64_t)n;
	return r;
}

static int
refuse(const struct enroll *e)
{
	output_error(e, "%s sent numbers that make no sense", HELPER_PATH);
	return EXIT_CODE_FAILURE;
}

static void
set_clean(struct table *t, enum column column, const struct message *m, const char *key)
{
	char clean[PROTOCOL_VALUE_CAP];
	const char *value = message_get(m, key);
	if (value != NULL)
		table_set_text(t, column, text_clean(value, true, clean, sizeof clean));
}

static int
on_device(struct enroll *e, const struct message *m, void *context, bool *is_known)
{
	struct table *t = context;
	uint64_t id = 0;
	uint64_t digits = 0;
	uint64_t period_s = 0;
	uint64_t created = 0;
	uint64_t expires = 0;
	uint64_t last_used = 0;
	int64_t drift = 0;
	*is_known = strcmp(m->verb, "device") == 0;
	if (!*is_known)
		return ENROLL_ON;
	if (message_get_u64(m, "id", 1, UINT32_MAX, &id) != E_OK ||
	    message_get_u64(m, "digits", OTP_DIGITS_MIN, OTP_DIGITS_MAX, &digits) != E_OK ||
	    message_get_u64(m, "period", OTP_PERIOD_MIN, OTP_PERIOD_MAX, &period_s) != E_OK ||
	    message_get_u64(m, "created", 0, INT64_MAX, &created) != E_OK ||
	    message_get_u64(m, "expires", 0, INT64_MAX, &expires) != E_OK ||
	    message_get_u64(m, "last-used", 0, INT64_MAX, &last_used) != E_OK ||
	    parse_drift(message_get(m, "drift"), &drift) != E_OK)
		return refuse(e);
	table_add_row(t);
	set_clean(t, NAME, m, "name");
	set_clean(t, TYPE, m, "type");
	set_clean(t, STATE, m, "state");
	set_clean(t, ALGORITHM, m, "algorithm");
	table_set_time(t, CREATED, created);
	table_set_time(t, LAST_USED, last_used);
	table_set_time(t, EXPIRES, expires);
	table_set_number(t, DRIFT, drift);
	table_set_number(t, ID, (int64_t)id);
	table_set_number(t, DIGITS, (int64_t)digits);
	table_set_number(t, PERIOD, (int64_t)period_s);
	return ENROLL_ON;
}

struct listing {
	struct table *table;
	bool has_device;
};

static int
on_list(struct enroll *e, const struct message *m, void *context, bool *is_known)
{
	struct listing *l = context;
	int r = on_device(e, m, l->table, is_known);
	l->has_device = l->has_device || *is_known;
	return r;
}

/* Returns false when memory or the output failed. */
static bool
print_listing(const struct enroll *e, const struct listing *l)
{
	char clean[RECORD_USER_CAP], none[RECORD_USER_CAP + 64];

	(void)snprintf(none, sizeof none, "No MFA device is assigned to %s.",
	    text_clean(e->user, e->ui.has_utf8, clean, sizeof clean));
	return output_listing(e, l->table, l->has_device, "devices", none);
}

int
enroll_list(struct enroll *e)
{
	struct message request;
	struct listing l = { .table = table_new(columns, sizeof columns / sizeof columns[0]) };
	bool has_ended = false;
	message_init(&request, "request");
	message_add(&request, "op", "list");
	int code = session_run(e, &request, on_list, &l, &has_ended);
	if (code != EXIT_CODE_OK) {
		code = session_tell(e, code, has_ended, true);
	} else if (!print_listing(e, &l)) {
		output_error(e, "cannot print the list");
		code = EXIT_CODE_FAILURE;
	}
	table_free(l.table);
	return code;
}

struct facts {
	bool is_known;
	uint64_t uid;
	uint64_t enrolled;
	uint64_t active;
	uint64_t pending;
	uint64_t disabled;
	uint64_t locked;
	uint64_t wait_s;
	uint64_t recovery_left;
	uint64_t max_devices;
};

static int
on_status(struct enroll *e, const struct message *m, void *context, bool *is_known)
{
	struct facts *f = context;
	*is_known = strcmp(m->verb, "status") == 0;
	if (!*is_known)
		return ENROLL_ON;
	if (message_get_u64(m, "uid", 0, UINT32_MAX, &f->uid) != E_OK ||
	    message_get_u64(m, "enrolled", 0, 1, &f->enrolled) != E_OK ||
	    message_get_u64(m, "active", 0, RECORD_DEVICES_MAX, &f->active) != E_OK ||
	    message_get_u64(m, "pending", 0, RECORD_DEVICES_MAX, &f->pending) != E_OK ||
	    message_get_u64(m, "disabled", 0, RECORD_DEVICES_MAX, &f->disabled) != E_OK ||
	    message_get_u64(m, "locked", 0, 1, &f->locked) != E_OK ||
	    message_get_u64(m, "wait", 0, UINT32_MAX, &f->wait_s) != E_OK ||
	    message_get_u64(m, "recovery-left", 0, UINT32_MAX, &f->recovery_left) != E_OK ||
	    message_get_u64(m, "max-devices", 1, RECORD_ACTIVE_MAX, &f->max_devices) != E_OK)
		return refuse(e);
	f->is_known = true;
	return ENROLL_ON;
}

static void
print_status_json(const struct enroll *e, const struct facts *f)
{
	struct json j;
	json_begin(&j, stdout);
	json_open(&j, NULL, '{');
	json_text(&j, "user", e->user);
	json_number(&j, "uid", (int64_t)f->uid);
	json_bool(&j, "enrolled", f->enrolled != 0);
	json_number(&j, "active", (int64_t)f->active);
	json_number(&j, "pending", (int64_t)f->pending);
	json_number(&j, "disabled", (int64_t)f->disabled);
	json_number(&j, "max_devices", (int64_t)f->max_devices);
	json_bool(&j, "locked", f->locked != 0);
	json_number(&j, "wait_s", (int64_t)f->wait_s);
	json_number(&j, "recovery_codes_left", (int64_t)f->recovery_left);
	json_close(&j, '{');
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void
print_status(const struct enroll *e, const struct facts *f)
{
	char user[RECORD_USER_CAP];
	text_clean(e->user, e->ui.has_utf8, user, sizeof user);
	if (f->enrolled == 0)
		printf("No MFA device is assigned to %s.\nAssign one: run totp-enroll\n", user);
	else
		printf("%s has %u active MFA device%s (of at most %u).\n", user,
		    (unsigned)f->active, plural(f->active), (unsigned)f->max_devices);
	if (f->pending > 0)
		printf("%u device waits for its two codes; it protects nothing yet.\n",
		    (unsigned)f->pending);
	if (f->disabled > 0)
		printf("%u device%s disabled.\n", (unsigned)f->disabled,
		    f->disabled == 1 ? " is" : "s are");
	if (f->recovery_left > 0)
		printf("%u recovery code%s left.\n", (unsigned)f->recovery_left,
		    f->recovery_left == 1 ? " is" : "s are");
	else if (f->enrolled != 0)
		printf("No recovery code is left: make new ones with totp-enroll recovery-codes\n");
	if (f->locked != 0)
		printf("Locked after too many wrong codes. An administrator can unlock it.\n");
	else if (f->wait_s > 0)
		printf("After wrong codes, wait %u s before you try again.\n", (unsigned)f->wait_s);
}

int
enroll_status(struct enroll *e)
{
	struct message request;
	struct facts f = { .is_known = false };
	bool has_ended = false;
	message_init(&request, "request");
	message_add(&request, "op", "status");
	int code = session_run(e, &request, on_status, &f, &has_ended);
	if (code != EXIT_CODE_OK)
		return session_tell(e, code, has_ended, true);
	if (!f.is_known)
		return refuse(e);
	if (e->options->has_json)
		print_status_json(e, &f);
	else
		print_status(e, &f);
	if (fflush(stdout) != 0) {
		output_error(e, "cannot print the status");
		return EXIT_CODE_FAILURE;
	}
	return f.enrolled != 0 ? EXIT_CODE_OK : EXIT_CODE_NO_SUCH;
}
