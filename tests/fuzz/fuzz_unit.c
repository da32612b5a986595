/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The doctor's reader of systemd units: paths are counted, absolute and terminated, and the
 * answers do not change by asking. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "utils/doctor_unit.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unit u = { .count = 0 };
	char *text = fuzz_copy(data, size, false);

	unit_apply(&u, text, size);
	fuzz_expect(u.count <= UNIT_PATHS_MAX, "paths are counted");
	fuzz_expect(strnlen(u.user, UNIT_USER_CAP) < UNIT_USER_CAP, "terminated");
	for (unsigned i = 0; i < u.count; i++) {
		fuzz_expect(strnlen(u.path[i].path, UNIT_PATH_CAP) < UNIT_PATH_CAP, "terminated");
		fuzz_expect(u.path[i].path[0] == '/', "absolute");
		/* What is inaccessible stays so, whatever else is said. */
		if (u.path[i].list == UNIT_INACCESSIBLE_PATHS)
			fuzz_expect(unit_access(&u, u.path[i].path) == UNIT_HIDDEN, "hidden");
	}
	enum unit_access access = unit_access(&u, "/var/lib/pam_totp");
	unit_apply(&u, "\n", 1);
	fuzz_expect(unit_access(&u, "/var/lib/pam_totp") == access, "an empty line is nothing");
	free(text);
	return 0;
}
