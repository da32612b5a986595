/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* otpauth_parse: what is taken is lawful and, built as a URI, reads back equal; what is refused
 * leaves nothing behind, and the reason never quotes the secret. */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "fuzz.h"
#include "utils/otpauth.h"

static bool
is_plain(const char *text, size_t cap)
{
	size_t len = strnlen(text, cap);

	return len < cap && text_is_plain((struct span){ text, len }) &&
	    memchr(text, ':', len) == NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char uri[OTPAUTH_URI_CAP];
	struct otpauth first, again;
	struct diag d = { "" };
	char *exact = fuzz_copy(data, size, false);

	memset(&first, 0xa5, sizeof(first));
	int error = otpauth_parse((struct span){ exact, size }, &first, &d);
	free(exact);
	if (error != 0) {
		fuzz_expect(error == E_INVALID && d.text[0] != '\0', "invalid, and why");
		fuzz_expect(fuzz_is_zero(&first, sizeof(first)), "a refused URI is wiped");
		return 0;
	}
	fuzz_expect(otp_params_ok(&first.params), "parameters are in range");
	fuzz_expect(first.secret.len >= OTP_SECRET_MIN && first.secret.len <= OTP_SECRET_MAX,
	    "the secret's length is in range");
	fuzz_expect(is_plain(first.issuer, sizeof(first.issuer)), "the issuer is plain");
	fuzz_expect(first.account[0] != '\0' && is_plain(first.account, sizeof(first.account)),
	    "the account is plain");
	error = otpauth_build(&first, uri, sizeof(uri));
	fuzz_expect(error == 0 || error == E_LIMIT, "what is read can be built");
	if (error != 0)
		return 0;
	fuzz_expect(otpauth_parse((struct span){ uri, strlen(uri) }, &again, &d) == 0,
	    "what is built can be read");
	fuzz_expect(strcmp(first.issuer, again.issuer) == 0 &&
	    strcmp(first.account, again.account) == 0 &&
	    memcmp(&first.params, &again.params, sizeof(first.params)) == 0 &&
	    memcmp(&first.secret, &again.secret, sizeof(first.secret)) == 0, "it reads back equal");
	return 0;
}
