/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The parsers of `totp-admin import`; the first byte says which and by what rules. What is
 * taken is a lawful device with the line that it stands in; a refusal names a line. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "utils/import.h"

static void
check(const struct import_device *item, const struct import_rules *rules, size_t lines)
{
	fuzz_expect(record_user_ok(item->user), "the user may have a record");
	fuzz_expect(otp_params_ok(&item->params), "parameters are in range");
	fuzz_expect(item->secret.len <= OTP_SECRET_MAX && item->secret.len >=
	    (rules->takes_weak ? OTP_SECRET_MIN : OTP_SECRET_STRONG), "the key is long enough");
	fuzz_expect(fuzz_is_zero(item->secret.bytes + item->secret.len,
	    OTP_SECRET_MAX - item->secret.len), "nothing lies behind the key");
	fuzz_expect(item->line >= 1 && item->line <= lines, "the line is one of the file");
	fuzz_expect(item->fate == IMPORT_NEW && item->name[0] == '\0', "nothing else is set");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static import_parse_fn *const formats[] = { import_uri, import_oath, import_google };
	struct import_list list = { .item = NULL };
	struct diag d = { "" };

	if (size == 0)
		return 0;
	const struct import_rules rules = { .user = "alice", .takes_weak = (data[0] & 4) != 0 };
	import_parse_fn *format = formats[(data[0] & 3) % 3];
	char *exact = fuzz_copy(data + 1, size - 1, false);
	size_t lines = 1;
	for (size_t i = 0; i + 1 < size; i++)
		lines += exact[i] == '\n';
	int error = format((struct span){ exact, size - 1 }, &rules, &list, &d);
	free(exact);
	for (size_t i = 0; i < list.count; i++)
		check(&list.item[i], &rules, lines);
	if (error != 0)
		fuzz_expect(error == E_INVALID && strncmp(d.text, "line ", 5) == 0,
		    "invalid, and in which line");
	else if (format == import_google)
		fuzz_expect(list.count == 1, "one user's file is one device");
	import_list_wipe(&list);
	fuzz_expect(list.item == NULL && list.count == 0, "the list is empty");
	return 0;
}
