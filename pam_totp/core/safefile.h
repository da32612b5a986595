/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_SAFEFILE_H
#define PAM_TOTP_SAFEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "diag.h"

/* Which file, when was it last changed: equal identities mean an unchanged file. */
struct safefile_id {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	uint64_t changed_s;  /* ctime */
	uint64_t changed_ns;
};

/* What a file must be to be read or written. */
struct safefile_rule {
	uid_t owner;	  /* the only owner accepted, besides root */
	mode_t forbidden; /* permission bits that must not be set, e.g. 0077, 0022 */
	size_t max_len;	  /* bytes; more is E_UNSAFE */
	const char *where; /* what messages call the directory; NULL: only the name is told */
};

/* Open a directory by absolute path, one component at a time from "/", following no
 * symbolic link. Every component must be owned by root or `owner` and writable by nobody
 * else; a root-owned sticky directory (as /tmp) is allowed on the way but not at the end.
 * forbidden: permission bits refused on the last component (0022 is always refused).
 * *fd: the caller closes it; -1 on error.
 * E_NOENT: a component does not exist. E_UNSAFE: which component and why in d.
 * E_IO: open(2) refused. E_INVALID: not absolute, or has "." or "..". */
int safefile_open_dir(const char *path, uid_t owner, mode_t forbidden, int *fd,
    struct diag *d) MUST_USE;

/* Open one directory beneath a directory descriptor that safefile_open_dir gave, by the rules
 * of its last component. name: no '/', not "." or "..". *fd: the caller closes it; -1 on
 * error. Codes as safefile_open_dir. */
int safefile_open_folder(int dir, const char *name, uid_t owner, mode_t forbidden, int *fd,
    struct diag *d) MUST_USE;

/* Make a directory (0700) beneath dir and sync dir; one that is there already is left as it
 * is, whatever it is: open it with safefile_open_folder. E_IO. */
int safefile_make_folder(int dir, const char *name, struct diag *d) MUST_USE;

/* Open one name beneath a directory descriptor that safefile_open_dir gave, then check the
 * descriptor: regular file, no second link, owner, bits, size. Never creates. (A file
 * that was renamed over or unlinked meanwhile has no link left and is still given.)
 * access: O_RDONLY or O_RDWR. name: no '/'. *fd: the caller closes it; -1 on error.
 * *id: may be NULL. E_NOENT, E_UNSAFE (with the reason), E_IO. */
int safefile_open(int dir, const char *name, int access, const struct safefile_rule *rule,
    int *fd, struct safefile_id *id, struct diag *d) MUST_USE;

/* Open a file that may not exist yet for reading and writing: as safefile_open, and when
 * there is none it is made empty with mode 0600. Reached only by writers that hold, or are
 * about to take, the user's lock. *created may be NULL. */
int safefile_open_or_create(int dir, const char *name, const struct safefile_rule *rule,
    int *fd, bool *created, struct diag *d) MUST_USE;

/* The identity of whatever has that name now; opens nothing, follows no link.
 * E_NOENT: there is nothing. E_IO. *id is zero then. */
int safefile_identify(int dir, const char *name, struct safefile_id *id,
    struct diag *d) MUST_USE;

/* Whether name still names the open file. E_IO; *is_it is false then. */
int safefile_is_at(int fd, int dir, const char *name, bool *is_it, struct diag *d) MUST_USE;

/* Read a whole open file of at most cap bytes into buf; *len: bytes read.
 * E_IO: read(2) refused. E_UNSAFE: it is longer than cap. *len is 0 and buf is wiped then. */
int safefile_read(int fd, void *buf, size_t cap, size_t *len, struct diag *d) MUST_USE;

/* safefile_open + safefile_read + close for a small file. */
int safefile_slurp(int dir, const char *name, const struct safefile_rule *rule, void *buf,
    size_t cap, size_t *len, struct safefile_id *id, struct diag *d) MUST_USE;

/* Write exactly len bytes at offset. E_IO: with errno's text. */
int safefile_write_at(int fd, const void *buf, size_t len, uint64_t offset,
    struct diag *d) MUST_USE;

/* Replace (or make) name with len bytes, mode 0600, owned by the effective user: a left-over
 * of temp is unlinked, temp is made with O_EXCL, written, synced, renamed, the directory
 * synced. Until the rename the old file is whole; when anything fails temp is unlinked and
 * name is untouched. The caller holds the user's lock, so temp is nobody else's.
 * E_IO with the failing call in d. After the rename a failing sync of the directory
 * is E_IO too: the new file is in place but may not survive a power loss. */
int safefile_replace(int dir, const char *name, const char *temp, const void *buf, size_t len,
    struct diag *d) MUST_USE;

/* Unlink name and sync the directory. E_NOENT: there was none. E_IO. */
int safefile_remove(int dir, const char *name, struct diag *d) MUST_USE;

/* Take the exclusive open-file-description lock of fd (F_OFD_SETLK), one call when it is free;
 * it is given up when fd is closed. A process that was stopped or frozen may hold it for ever,
 * so it is waited for by short sleeps (F_OFD_SETLKW would need a signal to be ended), and not
 * longer than SAFEFILE_LOCK_WAIT_NS of them.
 * E_IO: refused, or not given in that time. Source: fcntl(2), "Open file description locks". */
#define SAFEFILE_LOCK_WAIT_NS INT64_C(5000000000)
int safefile_lock(int fd, struct diag *d) MUST_USE;

/* Close a descriptor and set it to -1; keeps errno; -1 is passed over. */
void safefile_close(int *fd);

#endif
