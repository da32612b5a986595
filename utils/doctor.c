/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The list of findings and its two forms. It promises:
 *  1. A finding that found no memory is remembered as lost: such a report never ends with
 *     "all is well".
 *  2. One finding is one line, whatever a file name or a value in it holds (admin_say). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utils/admin.h"
#include "utils/doctor.h"
#include "utils/json.h"

static const char *const words[] = {
	[DOCTOR_OK] = "OK",
	[DOCTOR_WARN] = "WARN",
	[DOCTOR_FAIL] = "FAIL",
};

void
doctor_add(struct doctor *d, enum doctor_level level, const char *check, const char *fix,
    const char *fmt, ...)
{
	va_list ap;

	if (d->count == d->cap) {
		size_t cap = d->cap == 0 ? 32 : d->cap * 2;
		struct doctor_finding *grown = reallocarray(d->finding, cap, sizeof *grown);
		if (grown == NULL) {
			d->is_out_of_memory = true;
			return;
		}
		d->finding = grown;
		d->cap = cap;
	}
	struct doctor_finding *f = &d->finding[d->count++];
	*f = (struct doctor_finding){ .level = level, .check = check };
	va_start(ap, fmt);
	if (vsnprintf(f->text, sizeof f->text, fmt, ap) < 0)
		f->text[0] = '\0';
	va_end(ap);
	snprintf(f->fix, sizeof f->fix, "%s", fix == NULL ? "" : fix);
}

enum doctor_level
doctor_worst(const struct doctor *d, const char *check)
{
	enum doctor_level worst = DOCTOR_OK;

	for (size_t i = 0; i < d->count; i++) {
		const struct doctor_finding *f = &d->finding[i];
		if ((check == NULL || strcmp(f->check, check) == 0) && f->level > worst)
			worst = f->level;
	}
	return worst;
}

void
doctor_print(const struct doctor *d, bool is_json)
{
	struct json j;

	if (!is_json) {
		for (size_t i = 0; i < d->count; i++) {
			const struct doctor_finding *f = &d->finding[i];
			admin_say("%-4s  %s%s%s", words[f->level], f->text,
			    f->fix[0] == '\0' ? "" : "  -- ", f->fix);
		}
		return;
	}
	json_begin(&j, stdout);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < d->count; i++) {
		const struct doctor_finding *f = &d->finding[i];
		json_open(&j, NULL, '{');
		json_text(&j, "check", f->check);
		json_text(&j, "level", words[f->level]);
		json_text(&j, "text", f->text);
		json_text(&j, "fix", f->fix[0] == '\0' ? NULL : f->fix);
		json_close(&j, '{');
	}
	json_close(&j, '[');
}

void
doctor_free(struct doctor *d)
{
	free(d->finding);
	*d = (struct doctor){ .finding = NULL };
}
