/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_FAKE_CRYPTO_H
#define PAM_TOTP_TESTS_FAKE_CRYPTO_H

/* Make the nth call of libcrypto from now on refuse (1 = the next); 0 = none does. */
void fake_crypto_fail(unsigned nth);

#endif
