/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Rotations, new recovery codes, repairs of a lost state, enrolments and replacements inside a
 * login and the verbs of totp-admin whose system calls are refused, each in turn once with
 * EIO, or cut short; in the long form with all errors that disks, quotas and limits give, also
 * from then on. What trial.c demands of the store is true after each. Success is told only
 * when it is on the disk and none of the calls that put it there had failed; whoever is
 * refused is told why, and no process comes to harm. The short form, and that of totp-admin,
 * leave out the calls before the store is touched. Logins and enrolments: refuse_calls.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "faults.h"
#include "trial.h"

static const int one_error[] = { EIO, 0 };
static const int all_errors[] = { EIO, ENOSPC, EROFS, EDQUOT, EMFILE, ENOMEM, EINTR, 0 };

struct tally {
	unsigned strikes;
	unsigned succeeded; /* all the same */
};

/* A write(2) is a warning's on standard error: the store is written by pwrite(2) alone, which
 * disk.c sees to. */
static bool
has_lost_something(const struct strike *k)
{
	long call = k->call[k->at - 1];

	return k->kind != STRIKE_SHORT && call != SYS_write && strike_is_of_durability(call) &&
	    !(strike_has_bytes(call) && k->error == EINTR);
}

static void
refuse_once(struct trial *t, struct strike *k, const char *what, struct tally *tally)
{
	bool is_admin = t->work != scene_login && t->work != scene_update;
	bool is_told = trial_strike(t, k);
	const char *wrong = NULL;

	if (!WIFEXITED(k->status) || (!is_admin && WEXITSTATUS(k->status) != 0))
		wrong = "came to harm";
	else if (is_told && has_lost_something(k))
		wrong = "success was told, though a write or sync failed";
	else if (t->work == scene_update && !is_told && t->scene->diag[0] == '\0')
		wrong = "refused without words";
	else if (t->work == scene_login &&
	    (t->scene->told == PAM_IGNORE || t->scene->told == SCENE_NOTHING ||
		t->scene->line_count == 0))
		wrong = "a login ended without a decision in the log";
	struct disk *d = disk_new(t->stage->store);
	if (wrong == NULL && !trial_look(&d->now, is_told, t))
		wrong = t->broken;
	free(d);
	if (wrong != NULL)
		fail_msg("%s, strike %d at call %u (number %ld), error %d: %s", what, (int)k->kind,
		    k->at, k->call[k->at - 1], k->error, wrong);
	assert_true(k->has_struck);
	tally->strikes++;
	tally->succeeded += is_told;
}

static void
refuse_each_call(struct trial *t, const char *what)
{
	static struct strike k;
	const int *errors = faults_are_long() ? all_errors : one_error;
	struct tally refused = { 0 }, cut = { 0 };
	static long call[STRIKE_CALLS_MAX];

	if (!strike_is_possible())
		skip();
	trial_record(t);
	k = (struct strike){ .kind = STRIKE_NOTHING };
	(void)trial_strike(t, &k);
	unsigned count = k.call_count;
	memcpy(call, k.call, sizeof(call));
	/* What comes before it in totp-admin is the loader's, which ends in its own ways. */
	bool is_admin = t->work != scene_login && t->work != scene_update;
	for (k.at = faults_are_long() && !is_admin ? 1 : t->first_call;
	     k.at <= count && !strike_is_the_end(call[k.at - 1]); k.at++) {
		if (!strike_can_fail(call[k.at - 1]))
			continue;
		k.kind = STRIKE_FAIL;
		for (unsigned i = 0; errors[i] != 0; i++) {
			k.error = errors[i];
			refuse_once(t, &k, what, &refused);
		}
		k.kind = STRIKE_FAIL_ON;
		k.error = EIO;
		if (faults_are_long())
			refuse_once(t, &k, what, &refused);
		k.kind = STRIKE_SHORT;
		if (strike_has_bytes(call[k.at - 1]))
			refuse_once(t, &k, what, &cut);
	}
	trial_end(t);
	faults_survived(refused.strikes + cut.strikes,
	    "refused calls in %s: %u runs succeeded all the same", what,
	    refused.succeeded + cut.succeeded);
}

int
main(void)
{
	return trial_main(refuse_each_call, false);
}
