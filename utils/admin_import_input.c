/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The file of another program. It may lie in a home, whose owner could put anything into the
 * way. It promises:
 *  1. No symbolic link is followed anywhere in its path, nothing blocks, and file and folders
 *     are root's or `owner`'s and nobody else's to write; the file is regular, has one link
 *     and no permission for group and others.
 *  2. Every buffer that held a part of it is wiped before it is given back. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/safefile.h"
#include "utils/admin_import.h"

#define PATH_CAP 4096
#define TEXT_MAX ((size_t)64 << 20) /* bytes: a line for each of 500,000 users and more */
#define CHUNK ((size_t)65536)

static bool
grow(char **text, size_t *cap)
{
	size_t bigger = *cap == 0 ? CHUNK : *cap * 2;
	char *grown = malloc(bigger);

	if (grown == NULL)
		return false;
	if (*cap > 0)
		memcpy(grown, *text, *cap);
	bytes_wipe(*text, *cap);
	free(*text);
	*text = grown;
	*cap = bigger;
	return true;
}

/* To its end. On failure *text is NULL. */
static int
read_stream(int fd, char **text, size_t *len, struct diag *d)
{
	size_t cap = 0;
	int r = 0;

	*text = NULL;
	*len = 0;
	for (;;) {
		if (*len > TEXT_MAX) {
			r = diag_set(d, E_INVALID, "longer than %zu bytes", TEXT_MAX);
			break;
		}
		if (*len == cap && !grow(text, &cap)) {
			r = diag_set(d, E_IO, "no memory");
			break;
		}
		ssize_t n = read(fd, *text + *len, cap - *len);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = diag_set(d, E_IO, "cannot read it: %s", strerror(errno));
			break;
		}
		*len += (size_t)n;
	}
	bytes_wipe(*text, cap);
	free(*text);
	*text = NULL;
	*len = 0;
	return r;
}

/* Obligation 1. *fd: the caller closes it. */
static int
open_file(const char *path, uint32_t owner, int *fd, struct diag *d)
{
	const struct safefile_rule rule = { .owner = owner, .forbidden = 0077,
		.max_len = TEXT_MAX };
	char parent[PATH_CAP];
	int dir = -1;

	*fd = -1;
	const char *slash = strrchr(path, '/');
	if (path[0] != '/' || slash[1] == '\0')
		return diag_set(d, E_INVALID, "expected an absolute path");
	struct span head = { .at = path, .len = slash == path ? 1 : (size_t)(slash - path) };
	if (bytes_copy(head, parent, sizeof parent) != 0)
		return diag_set(d, E_INVALID, "too long a path");
	int r = safefile_open_dir(parent, owner, 0, &dir, d);
	if (r == 0)
		r = safefile_open(dir, slash + 1, O_RDONLY, &rule, fd, NULL, d);
	safefile_close(&dir);
	return r;
}

enum exit_code
admin_import_read(const char *path, uint32_t owner, char **text, size_t *len)
{
	struct diag d = { "" };
	int fd = -1;

	*text = NULL;
	*len = 0;
	bool is_stdin = strcmp(path, "-") == 0;
	int r = is_stdin ? 0 : open_file(path, owner, &fd, &d);
	if (r == 0)
		r = read_stream(is_stdin ? STDIN_FILENO : fd, text, len, &d);
	safefile_close(&fd);
	if (r == 0)
		return EXIT_CODE_OK;
	if (r == E_NOENT)
		return admin_fail(EXIT_CODE_FAILURE, "%s: no such file", path);
	return admin_fail(r == E_INVALID ? EXIT_CODE_USAGE : EXIT_CODE_FAILURE, "%s: %s%s",
	    is_stdin ? "standard input" : path, d.text[0] != '\0' ? d.text : diag_code_text(r),
	    r == E_UNSAFE ? " (or, as whoever may read it: totp-admin import ... - < FILE)" : "");
}
