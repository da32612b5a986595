/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_FAULTS_H
#define PAM_TOTP_TESTS_FAULTS_H

#include <stdbool.h>

/* Whether the long form was asked for: make check-faults FAULTS=long. */
bool faults_are_long(void);

/* One line of the table that `make check-faults` prints: so many faults of this kind were
 * survived. Said after the last check of a test, as what fails before has no figure.
 * `what`: as printf(3), without a line's end. */
void faults_survived(unsigned long count, const char *what, ...)
    __attribute__((format(printf, 2, 3)));

#endif
