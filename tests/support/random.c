/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Random numbers of property tests: the same again for the same TEST_SEED. */
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t seed;

int
random_setup(void **state)
{
	const char *given = getenv("TEST_SEED");

	(void)state;
	seed = given != NULL ? strtoull(given, NULL, 0) : 20240229;
	print_message("# TEST_SEED=%llu\n", (unsigned long long)seed);
	return 0;
}

/* splitmix64 */
static uint64_t
next(void)
{
	uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t
random_below(uint64_t below)
{
	return next() % below;
}

uint64_t
random_between(uint64_t min, uint64_t max)
{
	switch (random_below(4)) {
	case 0:
		return min;
	case 1:
		return max;
	default:
		return max - min == UINT64_MAX ? next() : min + next() % (max - min + 1);
	}
}

void
random_bytes(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)random_below(256);
}

bool
random_is_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i] != 0)
			return false;
	return true;
}
