/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Preloaded into totp-admin by cli/admin.sh: whenever a lock is taken, the file named by
 * TOUCH_ON_LOCK changes first. So each commit finds that somebody was faster, and what the
 * tool says when it never gets through can be tested without luck. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

__attribute__((visibility("default"))) int fcntl64(int fd, int command, ...);
__attribute__((visibility("default"))) int fcntl(int fd, int command, ...);

static int
touch_then(const char *name, int fd, int command, void *argument)
{
	int (*real)(int, int, ...) = NULL;
	const char *path = getenv("TOUCH_ON_LOCK");

	*(void **)&real = dlsym(RTLD_NEXT, name);
	if (command == F_OFD_SETLK && path != NULL)
		(void)utimensat(AT_FDCWD, path, NULL, 0);
	return real == NULL ? -1 : real(fd, command, argument);
}

int
fcntl64(int fd, int command, ...)
{
	va_list ap;

	va_start(ap, command);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	return touch_then("fcntl64", fd, command, argument);
}

int
fcntl(int fd, int command, ...)
{
	va_list ap;

	va_start(ap, command);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	return touch_then("fcntl", fd, command, argument);
}
