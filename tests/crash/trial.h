/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_TRIAL_H
#define PAM_TOTP_TESTS_TRIAL_H

#include "crash_scene.h"
#include "disk.h"

#define TRIAL_CODES_MAX 4

/* One piece of work, what it starts from and where it leads. */
struct trial {
	struct stage *stage;
	struct scene *scene;
	void (*prepare)(void *ctx);
	void (*work)(void *ctx);
	const char *device; /* whose next code has to get in; NULL: there is none */
	bool is_removal;
	/* Does the work again, after the next enrolment, and returns what is wrong then; NULL:
	 * nothing. Left-overs of other users are gone after it. May be NULL. */
	const char *(*look_again)(struct trial *t);
	unsigned dead_count; /* what must not get in */
	char dead[TRIAL_CODES_MAX][64];
	char own[64]; /* the answer of this login, which may get in once; "" for none */
	bool has_proof; /* it is consumed by a write of its own, before the change */
	uint64_t now_s;

	/* Set by trial_record. */
	struct disk *disk;
	struct store_entry before;
	struct store_entry after;
	unsigned first_call; /* the first that concerned the store */
	unsigned call_count;

	/* The work ran a second time, so what is new need not be the same bytes: its secrets are
	 * random, its clock went on. */
	bool is_repeated;
	unsigned attempts;
	char broken[1024]; /* what trial_look found */
};

/* Do the work once as it ships and note what it did; the store is what came of it. */
void trial_record(struct trial *t);
void trial_end(struct trial *t);

/* Do it again from the start, with that strike. Returns whether success was told. */
bool trial_strike(struct trial *t, struct strike *k);

/* Do it once more on what is there, with no strike. Returns whether it succeeded. */
bool trial_repeat(struct trial *t);

/* Whether record or state of the user are other than they were at the start. */
bool trial_has_changed(const struct trial *t, const struct disk_view *v);

/* Look at a store as some fault left it; see the head of trial.c. Returns false with the reason
 * in t->broken. For disk_lose_power; ctx: the trial. */
bool trial_look(const struct disk_view *v, bool is_told, void *ctx);

/* Run a test for each piece of work of power_loss.c, or for those that kill_anywhere.c and
 * refuse_calls.c leave out; siege gets each ready to be recorded. Only among the second are
 * an unlocking, whose record no loss of power can harm as it stays the same, and an import. */
typedef void trial_siege_fn(struct trial *t, const char *what);
int trial_main(trial_siege_fn *siege, bool is_all);

#endif
