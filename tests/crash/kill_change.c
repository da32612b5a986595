/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Rotations, new recovery codes, repairs of a lost state and the verbs of totp-admin that are
 * killed: SIGKILL before and after each system call in turn, one kill a run. So are enrolments
 * and replacements inside a login. What trial.c demands of the store is true after each. The
 * short form leaves out the calls before the store is touched, at which nothing can have
 * changed, and kills after those only that write: after any other is before the next one, but
 * for what is told between them. Logins and other enrolments: kill_anywhere.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "faults.h"
#include "trial.h"

/* Returns whether there was anything to kill. */
static bool
kill_once(struct trial *t, struct strike *k, const char *what, unsigned counts[2])
{
	bool is_told = trial_strike(t, k);

	if (k->has_struck)
		assert_true(WIFSIGNALED(k->status) && WTERMSIG(k->status) == SIGKILL);
	struct disk *d = disk_new(t->stage->store);
	bool is_new = trial_has_changed(t, &d->now);
	bool is_well = trial_look(&d->now, is_told, t);
	free(d);
	if (!is_well)
		fail_msg("%s, killed %s call %u: %s", what,
		    k->kind == STRIKE_KILL_BEFORE ? "before" : "after", k->at, t->broken);
	counts[is_new] += k->has_struck;
	return k->has_struck;
}

static void
kill_at_each_call(struct trial *t, const char *what)
{
	static struct strike k;
	unsigned counts[2] = { 0 }; /* nothing had changed; something had */
	bool is_on = true;

	if (!strike_is_possible())
		skip();
	trial_record(t);
	k = (struct strike){ .at = faults_are_long() ? 1 : t->first_call };
	for (; is_on; k.at++) {
		k.kind = STRIKE_KILL_BEFORE;
		is_on = kill_once(t, &k, what, counts);
		k.kind = STRIKE_KILL_AFTER;
		/* What comes before the next call is that one's; nothing comes after the end. */
		long call = k.call[k.at - 1];
		if (is_on && (faults_are_long() ? !strike_is_the_end(call) :
						  strike_is_of_durability(call)))
			is_on = kill_once(t, &k, what, counts);
	}
	assert_true(counts[0] > 0 && counts[1] > 0);
	trial_end(t);
	faults_survived(counts[0] + counts[1], "kills in %s: %u before a change, %u after one",
	    what, counts[0], counts[1]);
}

int
main(void)
{
	return trial_main(kill_at_each_call, false);
}
