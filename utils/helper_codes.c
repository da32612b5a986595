/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* Pairs of codes and sheets of recovery codes on the line. Both are wiped where they were
 * used; a sheet goes out once, and only what is on disk may be sent. */
#include <string.h>

#include "utils/helper_change.h"
#include "utils/phrases.h"

enum exit_code
codes_ask(struct helper *h, unsigned left, int timeout_ms, struct otp_typed code[2],
    bool *is_code)
{
	struct message m;

	*is_code = false;
	message_init(&m, "ask-codes");
	message_add_u64(&m, "left", left);
	enum exit_code end = helper_send(h, &m);
	if (end == EXIT_CODE_OK)
		end = helper_receive(h, &m, timeout_ms);
	if (end != EXIT_CODE_OK)
		return end;
	const char *first = message_get(&m, "first");
	const char *second = message_get(&m, "second");
	if (strcmp(m.verb, "codes") == 0 && m.count == 2 && first != NULL && second != NULL) {
		*is_code = otp_parse_typed((struct span){first, strlen(first)}, &code[0]) == 0 &&
		    otp_parse_typed((struct span){second, strlen(second)}, &code[1]) == 0;
		message_wipe(&m);
		return EXIT_CODE_OK;
	}
	bool is_abort = strcmp(m.verb, "abort") == 0 && m.count == 0;
	message_wipe(&m);
	if (is_abort)
		return helper_end(h, EXIT_CODE_FAILURE, "cancelled: nothing was changed");
	return helper_end(h, EXIT_CODE_USAGE, "the client sent no codes");
}

enum exit_code
codes_refuse(struct helper *h, enum enrolment_verdict verdict, uint32_t off_s, unsigned left,
    const char *text)
{
	struct message m;

	message_init(&m, "refused");
	message_add(&m, "verdict", phrase_enrolment_word(verdict));
	message_add_u64(&m, "off", off_s);
	message_add_u64(&m, "left", left);
	message_add(&m, "text", text);
	return helper_send(h, &m);
}

enum exit_code
codes_show(struct helper *h, struct recovery_sheet *sheet)
{
	struct message m;

	message_init(&m, "recovery");
	for (unsigned i = 0; i < RECOVERY_CODES_MAX; i++) {
		char key[] = "code0";

		key[sizeof(key) - 2] = (char)('0' + i);
		message_add(&m, key, sheet->text[i]);
	}
	recovery_sheet_wipe(sheet);
	return helper_send(h, &m);
}
