/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Reads tests/vectors/. Whatever is wrong with a file fails the test that reads it: a
 * vector that is passed over is a test that cannot fail. Written with libc alone, so that
 * an error of core's readers does not hide itself. */

#include "vectors.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#ifndef VECTORS_DIR
#define VECTORS_DIR "" /* the environment tells */
#endif

#define BLANKS " \t\r\n"

void
vectors_open(struct vectors *v, const char *name)
{
	const char *dir = getenv("VECTORS_DIR");
	if (dir == NULL)
		dir = VECTORS_DIR;
	if (dir[0] == '\0')
		fail_msg("VECTORS_DIR names no folder");
	char path[4096];
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		fail_msg("path too long: %s/%s", dir, name);
	v->file = fopen(path, "re");
	if (v->file == NULL)
		fail_msg("%s: %s", path, strerror(errno));
}

bool
vectors_next(struct vectors *v, size_t fields)
{
	while (fgets(v->line, sizeof(v->line), v->file) != NULL) {
		assert_non_null(strchr(v->line, '\n')); /* no line cut, none unended */
		size_t n = 0;
		char *rest = NULL;
		for (char *f = strtok_r(v->line, BLANKS, &rest); f != NULL && f[0] != '#';
		     f = strtok_r(NULL, BLANKS, &rest)) {
			assert_true(n < VECTORS_FIELDS_MAX);
			v->field[n++] = f;
		}
		if (n == 0)
			continue;
		assert_int_equal(n, fields);
		return true;
	}
	assert_false(ferror(v->file));
	(void)fclose(v->file);
	v->file = NULL;
	return false;
}

size_t
vectors_hex(const char *field, uint8_t *out, size_t cap)
{
	if (strcmp(field, "-") == 0)
		return 0;
	size_t len = strlen(field);
	assert_true(len % 2 == 0 && len / 2 <= cap);
	for (size_t i = 0; i < len; i += 2) {
		char pair[3] = { field[i], field[i + 1], '\0' };
		assert_true(isxdigit((unsigned char)pair[0]) && isxdigit((unsigned char)pair[1]));
		out[i / 2] = (uint8_t)strtoul(pair, NULL, 16); /* two digits: 0..255 */
	}
	return len / 2;
}

uint64_t
vectors_number(const char *field, int base)
{
	char *end = NULL;
	errno = 0;
	unsigned long long n = strtoull(field, &end, base);
	assert_true(errno == 0 && end != field && *end == '\0');
	return n;
}
