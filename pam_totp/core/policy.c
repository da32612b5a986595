/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Who must show a code. A pure function of facts, what is stored and the settings,
 * so that it can be tested as a table.
 *
 *  1. The answer starts as DENY and one line for each other answer changes it.
 *  2. SKIP needs all of: an account of this host, a store that was read without error
 *     (the caller has an entry, or the name can have no record), no usable device in
 *     it, and the administrator's `unenrolled=skip`. (CVE-2025-23013: an error must
 *     never look like "not enrolled".)
 *  3. A device that is pending, disabled or expired protects nothing and so counts
 *     for nothing. */

#include "policy.h"

enum policy_action
policy_decide(const struct policy_facts *f, const struct store_entry *e, const struct settings *s)
{
	if (!f->is_account)
		return POLICY_DENY;

	bool is_enrolled = false;
	if (e != NULL && e->has_record)
		is_enrolled = record_count(&e->record, DEVICE_ACTIVE, f->now_s) > 0;
	if (is_enrolled)
		return POLICY_ASK;

	switch (s->unenrolled) {
	case UNENROLLED_SKIP:
		return POLICY_SKIP;
	case UNENROLLED_DENY:
		return POLICY_DENY;
	}
	return POLICY_DENY;
}
