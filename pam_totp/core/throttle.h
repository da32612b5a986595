/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_THROTTLE_H
#define PAM_TOTP_THROTTLE_H

#include <stdint.h>

#include "config.h"
#include "state.h"

#define THROTTLE_DELAY_MAX_S 3600

/* The tag of a source: the first 8 bytes of the SHA-256 of its normal form, never 0. An IPv6
 * address counts as its /64 network (its owner has all of it), but a link-local one as
 * itself; an IPv4-mapped one as IPv4; other text as itself; NULL and "" as local.
 * user: NULL, or a name that is mixed in (decoys are shared by many names).
 * E_CRYPTO: libcrypto refused; *tag is 0 then. Thread-safe. */
int throttle_tag(const char *source, const char *user, uint64_t *tag) MUST_USE;

/* Seconds that the source must still wait at now_s: throttle_delay_s after throttle_after
 * consecutive failures, doubling with each further one up to an hour. 0 = may try. Pure.
 * A last failure that lies in the future (clock set back a little) waits its whole delay. */
uint32_t throttle_wait(const struct state *st, uint64_t tag, uint64_t now_s,
    const struct settings *s);

/* Count a failure of the source and of the user; a new source takes the place of the one that
 * failed longest ago. Returns the source's consecutive failures. Counters saturate. */
uint32_t throttle_count(struct state *st, uint64_t tag, uint64_t now_s);

/* How many of the user's consecutive failures came from other sources, or, after this one's own
 * were forgotten by crowding, may have. Pure. */
uint32_t throttle_elsewhere(const struct state *st, uint64_t tag);

/* A success: forget the source's failures and the user's consecutive count. Other sources
 * keep theirs. */
void throttle_clear(struct state *st, uint64_t tag);

#endif
