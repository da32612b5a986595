/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The power fails during logins, enrolments and administration. Each runs once as it ships,
 * under the eye of disk.c; then every disk that a failure at each moment may leave behind is
 * made (disk_image.c) and looked at with the code that ships (trial.c).
 *
 * That these tests can fail is part of each: with syncs of files, or of folders, taken for
 * not made the same work has to leave broken disks. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "trial.h"

#define IMAGES_MAX 400 /* of one moment */
#define IMAGES_MAX_LONG 4000
#define GRAIN 64 /* a sector may be torn there */
#define GRAIN_LONG 8

static bool
breaks(struct trial *t, struct disk_loss *l)
{
	t->broken[0] = '\0';
	disk_lose_power(l);
	return t->broken[0] != '\0';
}

/* Without its syncs the work has to break, else this test is blind. Returns how many of them
 * break it alone. */
static unsigned
expect_broken(struct trial *t, struct disk_loss *l, const char *what)
{
	unsigned count = 0;

	l->deaf = DISK_NO_SYNC;
	assert_true(breaks(t, l));
	l->deaf = DISK_NO_FILE_SYNC;
	if (!t->is_removal && !breaks(t, l)) /* a removal writes nothing */
		fail_msg("%s: nothing breaks without the syncs of files", what);
	l->deaf = DISK_NO_FOLDER_SYNC;
	if (disk_has_new_names(t->disk) && !breaks(t, l))
		fail_msg("%s: nothing breaks without the syncs of folders", what);
	l->deaf = DISK_NOT_ONE;
	for (l->deaf_to = 0; l->deaf_to < t->disk->op_count; l->deaf_to++)
		if (t->disk->op[l->deaf_to].kind == DISK_SYNC)
			count += breaks(t, l);
	assert_true(count > 0);
	t->broken[0] = '\0';
	return count;
}

/* Do the work once, then look at what any loss of power may make of it. */
static void
lose_power(struct trial *t, const char *what)
{
	struct disk_loss l = { .images_max = faults_are_long() ? IMAGES_MAX_LONG : IMAGES_MAX,
		.grain = faults_are_long() ? GRAIN_LONG : GRAIN, .look = trial_look, .ctx = t };

	if (!strike_is_possible())
		skip();
	trial_record(t);
	l.disk = t->disk;

	disk_lose_power(&l);
	if (t->broken[0] != '\0')
		fail_msg("%s: %s", what, t->broken);
	unsigned long made = l.made, looks = l.looks;
	unsigned needed = expect_broken(t, &l, what);
	unsigned syncs = 0;
	for (unsigned i = 0; i < t->disk->op_count; i++)
		syncs += t->disk->op[i].kind == DISK_SYNC;
	faults_survived(looks, "disks after a loss of power in %s (of %lu images; %u of its %u "
	    "syncs break it alone when they are left out)", what, made, needed, syncs);
	trial_end(t);
}

int
main(void)
{
	return trial_main(lose_power, true);
}
