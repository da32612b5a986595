/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* Print the table of settings, one key a line: name, range and default, separated by
 * tabs. tests/unit/man_keys.sh compares it with the manual page and the example. */
#include "core/config.h"

#include <stdio.h>

int
main(void)
{
	for (size_t i = 0; config_key_at(i) != NULL; i++) {
		const struct config_key *key = config_key_at(i);
		if (printf("%s\t%s\t%s\n", key->name, key->range, key->default_value) < 0)
			return 1;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
