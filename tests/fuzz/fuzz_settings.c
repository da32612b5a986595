/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Settings as a file and as module arguments: what is taken is in range, what is refused leaves
 * nothing in force. The input: groups of the user (first byte), then the text; its lines are
 * tried as arguments as well. */
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/text.h"
#include "fuzz.h"

/* A host with groups named after what the byte allows: even letters are members, 'z' breaks. */
static int
find_member(void *ctx, const char *group, bool *is_member)
{
	const uint8_t *flags = ctx;

	if (group[0] == 'z' && (*flags & 2) != 0)
		return E_IO;
	if (group[0] == 'y' && (*flags & 2) != 0)
		return E_NOENT;
	*is_member = (group[0] & 1) == (*flags & 1);
	return 0;
}

static void
expect_lawful(const struct settings *s)
{
	fuzz_expect(s->window <= 3 && s->tries >= 1 && s->tries <= 5, "window and tries");
	fuzz_expect(s->throttle_after >= 1 && s->throttle_after <= 1000, "throttle_after");
	fuzz_expect(s->throttle_delay_s <= 3600 && s->fail_delay_ms <= 10000, "delays");
	fuzz_expect(s->lock_after >= 1 && s->lock_after <= 1000, "lock_after");
	fuzz_expect(s->max_devices >= 1 && s->max_devices <= 8, "max_devices");
	fuzz_expect(s->grace_days >= 1 && s->grace_days <= 365, "grace_days");
	fuzz_expect(s->max_age_s == 0 || (s->max_age_s >= 900 && s->max_age_s <= 129600),
	    "max_age");
	fuzz_expect(s->feedback >= FEEDBACK_FULL && s->feedback <= FEEDBACK_NONE, "feedback");
	fuzz_expect(s->first_pass >= FIRST_PASS_NO && s->first_pass <= FIRST_PASS_APPEND,
	    "first_pass");
	fuzz_expect(s->unenrolled >= UNENROLLED_DENY && s->unenrolled <= UNENROLLED_GRACE,
	    "unenrolled");
	fuzz_expect(strncmp(s->store, "file:/", 6) == 0, "the store is absolute");
	const char *const texts[] = { s->store, s->prompt, s->issuer, s->groups, s->notify };
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t len = strnlen(texts[i], CONFIG_TEXT_CAP);
		fuzz_expect(len < CONFIG_TEXT_CAP, "a text is terminated");
		fuzz_expect(text_is_plain((struct span){ texts[i], len }), "a text is plain");
	}
}

static void
try_argument(const char *argument)
{
	struct settings s;
	struct diag d = { "" };
	const char *path = NULL;
	bool is_explicit = false;

	config_defaults(&s);
	if (config_parse_argument(argument, &s, &d) == 0)
		expect_lawful(&s);
	else
		fuzz_expect(fuzz_is_zero(&s, sizeof(s)) && d.text[0] != '\0', "refused and said");
	if (config_find_conf(1, &argument, "/f", &path, &is_explicit, &d) == 0)
		fuzz_expect(path[0] == '/', "conf is absolute");
	else
		fuzz_expect(path == NULL, "a refused conf is none");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s;
	struct diag d = { "" };
	bool is_in = false;
	uint8_t flags = size > 0 ? data[0] : 0;
	const struct config_who who = {
		.service = (flags & 4) != 0 ? NULL : "sshd",
		.find_member = (flags & 8) != 0 ? NULL : find_member,
		.ctx = &flags,
	};

	if (size == 0)
		return 0;
	char *text = fuzz_copy(data + 1, size - 1, false);
	config_defaults(&s);
	int error = config_parse_file(text, size - 1, "f", &who, &s, &d);
	if (error == 0) {
		expect_lawful(&s);
		error = config_in_groups(&s, &who, &is_in, &d);
		fuzz_expect(error == 0 || is_in, "who cannot be looked up must show a code");
	} else
		fuzz_expect(fuzz_is_zero(&s, sizeof(s)) && d.text[0] != '\0', "refused and said");
	free(text);

	char *lines = fuzz_copy(data + 1, size - 1, true);
	char *rest = lines;
	for (unsigned i = 0; i < 8 && rest != NULL; i++)
		try_argument(strsep(&rest, "\n"));
	free(lines);
	return 0;
}
