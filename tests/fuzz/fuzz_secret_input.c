/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* secret_input_read from standard input, which is a file in memory here: one line of text, or
 * nothing at all. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "utils/secret_input.h"

/* Put the bytes onto standard input. */
static void
feed(const uint8_t *data, size_t size)
{
	static bool is_ready;

	if (!is_ready) {
		int fd = memfd_create("stdin", MFD_CLOEXEC);
		fuzz_expect(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO, "a file in memory");
		is_ready = true;
	}
	fuzz_expect(ftruncate(STDIN_FILENO, 0) == 0 &&
	    pwrite(STDIN_FILENO, data, size, 0) == (ssize_t)size &&
	    lseek(STDIN_FILENO, 0, SEEK_SET) == 0, "it can be written");
}

static void
expect_line(int error, const char *text, const struct diag *d)
{
	size_t len = strnlen(text, SECRET_INPUT_CAP);

	fuzz_expect(len < SECRET_INPUT_CAP, "the text is terminated");
	fuzz_expect((error == 0) == (len > 0), "a text, or an error");
	fuzz_expect(error == 0 || (error == E_INVALID && d->text[0] != '\0'), "invalid, and why");
	fuzz_expect(strchr(text, '\n') == NULL, "one line");
	fuzz_expect(len == 0 || (strchr(" \t\r", text[0]) == NULL &&
	    strchr(" \t\r", text[len - 1]) == NULL), "no blanks around it");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const prompt[2] = { "1: ", "2: " };
	static char text[2][SECRET_INPUT_CAP];
	struct diag d = { "" };

	feed(data, size);
	memset(text, 0xa5, sizeof(text));
	expect_line(secret_input_read("-", "key: ", text[0], &d), text[0], &d);
	feed(data, size);
	memset(text, 0xa5, sizeof(text));
	int error = secret_input_read_pair(prompt, text, &d);
	expect_line(error, text[0], &d);
	expect_line(error, text[1], &d);
	return 0;
}
