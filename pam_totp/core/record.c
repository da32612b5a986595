/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A record in memory: names, look-ups, a device that leaves, a notice that comes.
 * Which records are lawful is record_rules.c, how they are written is
 * record_text.c.
 *
 * Obligations:
 *  1. One function decides which user names may become file names, one which
 *     device names and which texts are legal.
 *  2. Names are compared by ASCII case only, whatever the host's locale is.
 *  3. A device that leaves takes its secret with it: no copy stays behind.
 *  4. No look-up trusts a count above its maximum. */

#include "record.h"

#include <string.h>

void
record_wipe(struct record *r)
{
	bytes_wipe(r, sizeof(*r));
}

int
record_init(struct record *r, const char *user, uint32_t uid)
{
	bytes_wipe(r, sizeof(*r));
	if (!record_user_ok(user))
		return E_INVALID;
	memcpy(r->user, user, strlen(user) + 1);
	r->uid = uid;
	r->next_id = 1;
	return E_OK;
}

bool
record_user_ok(const char *name)
{
	if (name == NULL || name[0] == '\0' || name[0] == '.')
		return false;
	for (size_t i = 0; name[i] != '\0'; i++) {
		unsigned char c = (unsigned char)name[i];

		if (i + 1 >= RECORD_USER_CAP || c < 0x21 || c == 0x7f || c == '/')
			return false;
	}
	return true;
}

static bool
is_name_byte(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || (c != '\0' && strchr("+=,.@-_", c) != NULL);
}

bool
record_device_name_ok(const char *name)
{
	if (name == NULL || name[0] == '\0' || name[0] == '-' ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; name[i] != '\0'; i++)
		if (i + 1 >= RECORD_NAME_CAP || !is_name_byte(name[i]))
			return false;
	return true;
}

bool
record_text_ok(const char *text)
{
	if (text == NULL || text[0] == '\0' || text[0] == ' ')
		return false;
	size_t i = 0;
	for (; text[i] != '\0'; i++)
		if (i + 1 >= RECORD_REASON_CAP || text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return text[i - 1] != ' ';
}

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Obligation 2: strcasecmp(3) follows the locale, in which I may not be i. */
bool
record_is_same_name(const char *a, const char *b)
{
	while (*a != '\0' && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

static unsigned
at_most(unsigned n, unsigned max)
{
	return n < max ? n : max;
}

struct record_device *
record_find_name(struct record *r, const char *name)
{
	unsigned count = at_most(r->device_count, RECORD_DEVICES_MAX);

	for (unsigned i = 0; name != NULL && i < count; i++)
		if (record_is_same_name(r->device[i].name, name))
			return &r->device[i];
	return NULL;
}

struct record_device *
record_find_id(struct record *r, uint32_t id)
{
	unsigned count = at_most(r->device_count, RECORD_DEVICES_MAX);

	for (unsigned i = 0; id != 0 && i < count; i++)
		if (r->device[i].id == id)
			return &r->device[i];
	return NULL;
}

static bool
is_over(const struct record_device *d, uint64_t now_s)
{
	return d->expires != 0 && now_s >= d->expires;
}

unsigned
record_count(const struct record *r, enum device_state state, uint64_t now_s)
{
	unsigned count = at_most(r->device_count, RECORD_DEVICES_MAX);
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct record_device *d = &r->device[i];

		if (d->state == state &&
		    (state == DEVICE_DISABLED || !is_over(d, now_s)))
			n++;
	}
	return n;
}

bool
record_device_is_usable(const struct record_device *d, uint64_t now_s)
{
	return d->state == DEVICE_ACTIVE && !is_over(d, now_s);
}

unsigned
record_code_digits(const struct record *r, uint64_t now_s)
{
	unsigned count = at_most(r->device_count, RECORD_DEVICES_MAX);

	for (unsigned i = 0; i < count; i++)
		if (record_device_is_usable(&r->device[i], now_s))
			return r->device[i].params.digits;
	return OTP_DIGITS_MIN;
}

static void
add_former(struct record *r, const struct record_device *d, uint64_t now_s)
{
	unsigned count = at_most(r->former_count, RECORD_FORMER_MAX);

	if (count == RECORD_FORMER_MAX) {
		count--;
		memmove(&r->former[0], &r->former[1], count * sizeof(r->former[0]));
	}
	struct record_former *f = &r->former[count];
	memset(f, 0, sizeof(*f));
	f->id = d->id;
	memcpy(f->name, d->name, sizeof(f->name));
	f->type = d->type;
	f->created = d->created;
	f->ended = now_s < RECORD_TIME_MAX ? now_s : RECORD_TIME_MAX;
	r->former_count = count + 1;
}

void
record_remove_device(struct record *r, struct record_device *d, uint64_t now_s)
{
	unsigned count = at_most(r->device_count, RECORD_DEVICES_MAX);
	unsigned i = 0;

	while (i < count && &r->device[i] != d)
		i++;
	if (i == count)
		return;
	if (d->state != DEVICE_PENDING)
		add_former(r, d, now_s);
	count--;
	/* Obligation 3: the last place keeps a copy of what moved down, or
	 * is the one that leaves. */
	memmove(d, d + 1, (count - i) * sizeof(*d));
	bytes_wipe(&r->device[count], sizeof(r->device[count]));
	r->device_count = count;
}

/* text as a notice may have it; "" when nothing is left of it. */
static void
clean_text(const char *text, char out[RECORD_REASON_CAP])
{
	size_t len = 0;

	while (*text == ' ')
		text++;
	for (; len < RECORD_REASON_CAP - 1 && text[len] != '\0'; len++)
		out[len] = text[len] >= 0x20 && text[len] <= 0x7e ? text[len] : '?';
	while (len > 0 && out[len - 1] == ' ')
		len--;
	memset(out + len, 0, RECORD_REASON_CAP - len);
}

void
record_add_notice(struct record *r, uint32_t told, uint64_t now_s, const char *text)
{
	struct record_notice fresh = {
		.id = told,
		.at = now_s < RECORD_TIME_MAX ? now_s : RECORD_TIME_MAX,
	};
	unsigned count = at_most(r->notice_count, RECORD_NOTICES_MAX);

	if (count > 0 && r->notice[count - 1].id > fresh.id)
		fresh.id = r->notice[count - 1].id;
	clean_text(text, fresh.text);
	if (fresh.id == UINT32_MAX || fresh.text[0] == '\0')
		return;
	fresh.id++;
	if (count == RECORD_NOTICES_MAX) {
		count--;
		memmove(&r->notice[0], &r->notice[1], count * sizeof(r->notice[0]));
	}
	r->notice[count] = fresh;
	r->notice_count = count + 1;
}

const char *
record_type_name(enum device_type t)
{
	switch (t) {
	case DEVICE_VIRTUAL:
		return "virtual";
	case DEVICE_HARDWARE:
		return "hardware";
	}
	return "?";
}

const char *
record_state_name(enum device_state s)
{
	switch (s) {
	case DEVICE_PENDING:
		return "pending";
	case DEVICE_ACTIVE:
		return "active";
	case DEVICE_DISABLED:
		return "disabled";
	}
	return "?";
}
