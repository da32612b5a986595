/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DOCTOR_UNIT_H
#define PAM_TOTP_DOCTOR_UNIT_H

#include <stdbool.h>
#include <stddef.h>

/* What a systemd unit takes away from the service that it starts, as far as pam_totp needs
 * it (systemd.exec(5)). Nothing here opens a file: texts come in, fragment first, then the
 * drop-ins in their order. */

#define UNIT_PATHS_MAX 64 /* further ones are counted as lost */
#define UNIT_PATH_CAP 256
#define UNIT_USER_CAP 64

enum unit_access { UNIT_WRITABLE = 0, UNIT_READ_ONLY, UNIT_HIDDEN };

/* The list that a path came from: an empty assignment takes that list back. */
enum unit_list {
	UNIT_READ_WRITE_PATHS = 0,
	UNIT_READ_ONLY_PATHS,
	UNIT_INACCESSIBLE_PATHS,
	UNIT_TEMPORARY,
	UNIT_STATE_DIRECTORY,
	UNIT_BIND_PATHS,
	UNIT_BIND_READ_ONLY_PATHS
};

struct unit_path {
	enum unit_list list;
	char path[UNIT_PATH_CAP];
};

enum unit_protect {
	UNIT_PROTECT_NO = 0,
	UNIT_PROTECT_YES,
	UNIT_PROTECT_FULL,
	UNIT_PROTECT_STRICT
};

struct unit {
	enum unit_protect protect_system;
	bool is_without_new_privileges;
	bool has_private_tmp;
	bool has_own_root;	  /* RootDirectory= or RootImage= */
	bool is_dynamic_user;
	char user[UNIT_USER_CAP]; /* User=; "" is root */
	bool is_too_long;	  /* something did not fit: nothing is known for certain */
	unsigned count;
	struct unit_path path[UNIT_PATHS_MAX];
};

/* Apply a text to what was read before. u starts as all zero. */
void unit_apply(struct unit *u, const char *text, size_t len);

/* What the service can do below an absolute path. */
enum unit_access unit_access(const struct unit *u, const char *path);

/* Whether it runs as somebody who is not root. */
bool unit_is_without_root(const struct unit *u);

#endif
