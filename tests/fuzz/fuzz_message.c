/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* message_parse: a line of the helper's protocol that is taken prints and reads back equal; one
 * that is refused leaves nothing behind. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct message first, again;
	static char line[PROTOCOL_LINE_MAX + 1];
	size_t len = 0;
	uint64_t n = 7;
	char *exact = fuzz_copy(data, size, false);

	memset(&first, 0xa5, sizeof(first));
	int error = message_parse((struct span){ exact, size }, &first);
	free(exact);
	if (error != 0) {
		fuzz_expect(error == E_INVALID, "what is no message is invalid");
		fuzz_expect(fuzz_is_zero(&first, sizeof(first)), "a refused message is wiped");
		return 0;
	}
	fuzz_expect(first.count <= PROTOCOL_PAIRS_MAX && !first.has_overflowed, "it fits");
	for (unsigned i = 0; i < first.count; i++)
		fuzz_expect(message_get(&first, first.pair[i].key) == first.pair[i].value,
		    "no key twice");
	if (message_get_u64(&first, "n", 3, 1000, &n) == 0)
		fuzz_expect(n >= 3 && n <= 1000, "a number is in its range");
	else
		fuzz_expect(n == 0, "a refused number is 0");
	/* Characters that need not be encoded are shorter when printed, never longer. */
	error = message_print(&first, line, sizeof(line), &len);
	fuzz_expect(error == 0 && len > 0 && len <= size + 1 && line[len - 1] == '\n',
	    "it prints, no longer than it was");
	fuzz_expect(message_parse((struct span){ line, len - 1 }, &again) == 0,
	    "what is printed can be read");
	fuzz_expect(memcmp(&first, &again, sizeof(first)) == 0, "it reads back equal");
	return 0;
}
