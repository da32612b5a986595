/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The doctor's reader and judge of PAM stacks: ends for every input, keeps within its places,
 * and never calls a stack safe that it could not read whole. Lines "=NAME" begin a file
 * of that name; those before are the service. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "utils/doctor_pam.h"

/* Give the part of the input after the line "=NAME". */
static int
give(const char *name, void *ctx, char **text, size_t *len)
{
	const struct span *input = ctx;
	struct bytes_reader r;
	struct span line;
	bool is_inside = strcmp(name, "service") == 0;
	const char *begin = input->at;
	const char *end = input->at + input->len;

	bytes_reader_init(&r, input->at, input->len);
	while (bytes_next_line(&r, &line)) {
		if (line.len == 0 || line.at[0] != '=')
			continue;
		if (is_inside) {
			end = line.at;
			break;
		}
		is_inside = bytes_is((struct span){ line.at + 1, line.len - 1 }, name);
		begin = r.at;
	}
	if (!is_inside || begin > end)
		return -1;
	*len = (size_t)(end - begin);
	*text = fuzz_copy(begin, *len, false);
	return 0;
}

static void
judge(const struct pam_stack *s, bool is_root)
{
	struct pam_verdict v;

	memset(&v, 0xa5, sizeof(v));
	pam_stack_judge(s, is_root, &v);
	fuzz_expect(v.bypass_count <= PAM_BYPASSES_MAX, "bypasses are counted");
	for (unsigned i = 0; i < v.bypass_count; i++)
		fuzz_expect(v.bypass[i].line < s->count, "a bypass is a line");
	fuzz_expect(!v.is_reached || v.is_unknown || pam_stack_find(s, PAM_KIND_TOTP) >= 0,
	    "what is reached is there");
	fuzz_expect(!s->is_refused || (!v.can_pass && !v.can_pass_without),
	    "libpam lets nobody in through what it refuses");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "auth", "account" };
	struct span input = { (const char *)data, size };

	for (unsigned t = 0; t < 2; t++) {
		struct pam_stack s;

		fuzz_expect(pam_stack_read(&s, "service", types[t], give, &input), "memory");
		fuzz_expect(s.count <= PAM_STACK_LINES_MAX, "lines are counted");
		fuzz_expect(strnlen(s.fault, sizeof(s.fault)) < sizeof(s.fault), "terminated");
		for (unsigned i = 0; i < s.count; i++) {
			const struct pam_line *l = &s.line[i];
			fuzz_expect(l->argc >= 0 && l->argc <= PAM_STACK_ARGS_MAX, "arguments");
			for (int k = 0; k < l->argc; k++)
				fuzz_expect(strlen(l->argv[k]) < sizeof(l->text), "terminated");
			fuzz_expect(strlen(l->module) < sizeof(l->text), "a module has a name");
		}
		judge(&s, false);
		judge(&s, true);
		pam_stack_free(&s);
	}
	return 0;
}
