/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* record_parse: what is taken is lawful, prints, and reads back equal; what is refused leaves
 * nothing behind and is explained. */
#include <stdlib.h>
#include <string.h>

#include "core/record.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[2][RECORD_TEXT_MAX + 1];
	static struct record first, again;
	size_t len[2] = { 0, 0 };
	struct diag d = { "" };
	char *exact = fuzz_copy(data, size, false);

	memset(&first, 0xa5, sizeof(first));
	int error = record_parse(exact, size, "alice", &first, &d);
	free(exact);
	if (error != 0) {
		fuzz_expect(error == E_CORRUPT, "a refused record is corrupt");
		fuzz_expect(d.text[0] != '\0', "a refusal is explained");
		fuzz_expect(fuzz_is_zero(&first, sizeof(first)), "a refused record is wiped");
		return 0;
	}
	fuzz_expect(record_fault(&first) == NULL, "what is read breaks no rule");
	fuzz_expect(record_print(&first, text[0], sizeof(text[0]), &len[0]) == 0,
	    "what is read can be written");
	fuzz_expect(strlen(text[0]) == len[0], "the text has no NUL");
	fuzz_expect(record_parse(text[0], len[0], "alice", &again, &d) == 0,
	    "what is written can be read");
	fuzz_expect(memcmp(&first, &again, sizeof(first)) == 0, "it reads back equal");
	fuzz_expect(record_print(&again, text[1], sizeof(text[1]), &len[1]) == 0 &&
	    len[0] == len[1] && memcmp(text[0], text[1], len[0]) == 0, "one text a record");
	return 0;
}
