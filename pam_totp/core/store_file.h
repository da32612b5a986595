/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_STORE_FILE_H
#define PAM_TOTP_STORE_FILE_H

#include "store.h"

/* Open the file back end in dir (absolute): secrets/<user>, state/<user>, all owned by
 * the effective user (root in real use), 0700 and 0600. secrets/ is made with the store and
 * never here; state/ is made by the first commit or replace that finds none.
 * E_NOENT: dir does not exist. E_UNSAFE: also when it has no secrets/. E_IO as
 * safefile_open_dir; E_INVALID: not absolute. */
int store_file_open(const char *dir, struct store **s, struct diag *d) MUST_USE;

/* The same, with an absolute directory that takes the states of users while the file system of
 * dir is read-only: see store_file_fallback.h. NULL or "": none. It need not exist.
 * E_INVALID: also when it is not absolute or too long. */
int store_file_open_with(const char *dir, const char *fallback, struct store **s,
    struct diag *d) MUST_USE;

#endif
