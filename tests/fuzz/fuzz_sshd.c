/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The doctor's reader of `sshd -T`: ways are counted, terminated, and each has a kind. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "utils/doctor_sshd.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sshd_facts f;
	char *text = fuzz_copy(data, size, true);

	memset(&f, 0xa5, sizeof(f));
	doctor_sshd_parse(text, &f);
	fuzz_expect(f.way_count <= SSHD_WAYS_MAX, "ways are counted");
	fuzz_expect(strnlen(f.root_login, sizeof(f.root_login)) < sizeof(f.root_login),
	    "terminated");
	for (unsigned i = 0; i < f.way_count; i++) {
		fuzz_expect(strnlen(f.way[i], SSHD_WAY_CAP) < SSHD_WAY_CAP, "terminated");
		fuzz_expect(doctor_sshd_way(f.way[i]) <= SSHD_WAY_ASKS_AFTER, "a kind");
	}
	free(text);
	return 0;
}
