/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Runs one target over its corpus, without libFuzzer: a regression test for `make check`.
 * The corpus is tests/fuzz/corpus/NAME beneath the environment's top_srcdir, for the target
 * fuzz_NAME. A broken promise ends the process, and so the plan is not kept. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX 65536

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Run the input of that file; whether it could be read. */
static bool
run(const char *directory, const char *name)
{
	static uint8_t data[INPUT_MAX];
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
		return false;
	FILE *in = fopen(path, "rbe");
	if (in == NULL)
		return false;
	size_t len = fread(data, 1, sizeof(data), in);
	bool is_read = ferror(in) == 0 && len < sizeof(data);
	fclose(in);
	char *exact = fuzz_copy(data, len, false);
	if (is_read)
		LLVMFuzzerTestOneInput((const uint8_t *)exact, len);
	free(exact);
	return is_read;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	const char *name = argc > 0 ? strstr(argv[0], "fuzz_") : NULL;
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	struct dirent **entry = NULL;
	char directory[4096];
	bool has_failed = false;

	if (slash != NULL)
		name = strstr(slash, "fuzz_");
	if (name == NULL)
		return 2;
	snprintf(directory, sizeof(directory), "%s/tests/fuzz/corpus/%s",
	    top == NULL ? "." : top, name + strlen("fuzz_"));
	int count = scandir(directory, &entry, is_input, alphasort);
	if (count <= 0) {
		printf("1..1\nnot ok 1 - there is a corpus in %s\n", directory);
		return 1;
	}
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		/* Said first, so that the last line names the input of a crash. */
		printf("# %s\n", entry[i]->d_name);
		fflush(stdout);
		bool is_read = run(directory, entry[i]->d_name);
		has_failed |= !is_read;
		printf("%sok %d - %s\n", is_read ? "" : "not ", i + 1, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	return has_failed;
}
