/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_DIAG_H
#define PAM_TOTP_DIAG_H

#include <stdbool.h>
#include <stddef.h>

/* Every fallible function of core returns one of these: 0 or a negative code.
 * A new code is a compile error in each switch over it (-Wswitch-enum). */
enum error {
	E_OK = 0,
	E_INVALID = -1,	 /* an argument, a text or a file breaks its grammar */
	E_NOENT = -2,	 /* there is none; the only code that means "no record" */
	E_UNSAFE = -3,	 /* owner, mode, type or links of a file are refused */
	E_CORRUPT = -4,	 /* a stored file fails its checksum or its grammar */
	E_IO = -5,	 /* the system refused: EIO, ENOSPC, EROFS, EMFILE ... */
	E_CONFLICT = -6, /* somebody else committed since the load */
	E_EXISTS = -7,	 /* the name or the secret is taken */
	E_LIMIT = -8,	 /* one more than the stated maximum */
	E_CRYPTO = -9,	 /* libcrypto or the kernel's random source refused */
	E_MISMATCH = -10, /* the record belongs to another account of this name */
	E_STATE = -11,	  /* the device is in a state that does not allow it: disable first */
	E_PROTECTED = -12 /* the last active device, which the policy demands */
};

/* Largest explanation kept, bytes with the terminating NUL. */
#define DIAG_TEXT_MAX 320

/* Why something failed, in the administrator's words: which file, line and
 * key, and what was expected there. Never holds a secret or a code. */
struct diag {
	char text[DIAG_TEXT_MAX];
};

#define MUST_USE __attribute__((warn_unused_result))

/* Store an explanation and give its code back, so that a failing function ends
 * with `return diag_set(d, E_CORRUPT, ...)`.
 * d: may be NULL, then only the code is returned. fmt: as printf(3); the result
 * is cut at DIAG_TEXT_MAX - 1 bytes, and bytes outside 0x20..0x7e become '?'.
 * The previous text is replaced. Returns code unchanged; keeps errno. Thread-safe. */
int diag_set(struct diag *d, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The fixed English phrase of a code ("not found", "store is not safe", ...);
 * never NULL, static storage. Thread-safe. */
const char *diag_code_text(int code);

#endif
