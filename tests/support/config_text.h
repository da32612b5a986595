/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_CONFIG_TEXT_H
#define PAM_TOTP_TESTS_CONFIG_TEXT_H

#include "core/config.h"

/* Whether nothing is in force. */
bool config_text_is_zero(const struct settings *s);

/* Defaults, then this text as file "f" for that service; what config_parse_file says. */
int config_text_parse(const char *text, const char *service, struct settings *s, struct diag *d);

/* The test fails unless the text is refused for sshd with exactly this message, and nothing
 * is in force then. */
void config_text_refused(const char *text, const char *message);

/* The test fails unless the text is taken, for sshd. */
void config_text_accepted(const char *text, struct settings *s);

#endif
