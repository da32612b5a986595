/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_STORE_FILE_H
#define PAM_TOTP_STORE_FILE_H

#include "store.h"

/* Open the file back end in dir (absolute): secrets/<user>, state/<user>, all owned by
 * the effective user (root in real use), 0700 and 0600. The two folders are made by the
 * first store_replace, never by reading.
 * E_NOENT: dir does not exist. E_UNSAFE, E_IO as safefile_open_dir; E_INVALID: not absolute. */
int store_file_open(const char *dir, struct store **s, struct diag *d) MUST_USE;

#endif
