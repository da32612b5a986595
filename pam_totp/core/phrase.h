/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_CORE_PHRASE_H
#define PAM_TOTP_CORE_PHRASE_H

#include <stddef.h>
#include <stdint.h>

#include "attempt.h"
#include "enrolment.h"

/* Bytes that hold every sentence of this file and of utils/phrases.h, with NUL. */
#define PHRASE_CAP 384

/* The word of an attempt's verdict, as in logs, in the protocol and in JSON ("wrong",
 * "reused"); "?" for a value outside the enum. Static storage. */
const char *phrase_attempt_word(enum attempt_verdict v);

/* The word of an enrolment verdict, as in the protocol and in JSON ("same-code", "stale");
 * "?" for a value outside the enum. Static storage. */
const char *phrase_enrolment_word(enum enrolment_verdict v);

/* The sentence that tells a person how two codes fared, and what to do about it.
 * params: of the device. off_s: as enrolment_confirm gave it. out: cap bytes, terminated. */
void phrase_enrolment(enum enrolment_verdict v, const struct otp_params *params, uint32_t off_s,
    char *out, size_t cap);

/* What becomes of a device whose secret was replaced. old_name: what the old one is called now,
 * "" when it is deleted. old_used: when it last logged in; 0 = never. out: cap bytes. */
void phrase_rotated(const char *name, const char *old_name, uint64_t old_used, char *out,
    size_t cap);

/* "4 min 30 s", "45 s", "2 h 5 min": a duration for people. out: cap bytes. */
void phrase_duration(uint64_t seconds, char *out, size_t cap);

#endif
