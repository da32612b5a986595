/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_PHRASES_H
#define PAM_TOTP_PHRASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attempt.h"
#include "core/phrase.h"
#include "utils/exit_codes.h"

/* The sentence that tells a person how a code fared. is_brief (`feedback = none`): only
 * whether it was accepted. FAILED is told by its code, without the administrator's diag. */
void phrase_attempt(const struct attempt_result *r, bool is_brief, char *out, size_t cap);

/* The sentence of FLOW row 19: the record is bound to another account of this name. */
void phrase_mismatch(uint32_t record_uid, uint32_t uid, char *out, size_t cap);

/* What a program ends with after a verdict or an error of core (0 or E_*). */
enum exit_code phrase_attempt_exit(const struct attempt_result *r);
enum exit_code phrase_error_exit(int error);

#endif
