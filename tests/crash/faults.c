/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The figures of the fault campaign: each test of it says in one line, a TAP comment, what it
 * did, and report.sh makes the table of these lines. The short form is part of ./check; what
 * the long one does more is up to each test. */

#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

bool
faults_are_long(void)
{
	const char *form = getenv("FAULTS");

	return form != NULL && strcmp(form, "long") == 0;
}

void
faults_survived(unsigned long count, const char *what, ...)
{
	char text[256];
	va_list args;

	va_start(args, what);
	(void)vsnprintf(text, sizeof(text), what, args);
	va_end(args);
	assert_true(count > 0);
	print_message("# faults: %lu %s\n", count, text);
}
