/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The pieces of work that change what is stored, each from where it starts in earnest: a code was
 * just used and is still within the window, folders are missing, a state is lost. Logins run
 * in the shipped module, administration in the shipped totp-admin, enrolment in the functions
 * that totp-helper calls. */

#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/devices.h"
#include "faults.h"

#define ADMIN "/utils/totp-admin"
#define LOGINS_LONG 20
#define GUESSES 3
#define VERB_WORDS 5
#define WORDS(...) ((const char *const[VERB_WORDS]){ __VA_ARGS__ })

static trial_siege_fn *besiege;

/* --- the pieces of work ------------------------------------------------------------ */

/* A code of alice's phone was just used, and is still within the window. */
static struct trial
begin_trial(void **state, const char *user)
{
	struct trial t = { .stage = *state, .scene = scene_make(*state), .device = "phone" };
	char code[16];

	if (strcmp(user, "alice") == 0) {
		scene_advance(4);
		scene_code(t.stage, "alice", "phone", 0, code);
		assert_int_equal(scene_login_unharmed(t.scene, "alice", code), PAM_SUCCESS);
		(void)snprintf(t.dead[t.dead_count++], sizeof(t.dead[0]), "%s", code);
	}
	scene_reset(t.scene, user, "");
	t.now_s = world_clock();
	return t;
}

static void
siege_login(struct trial *t, const char *answer, const char *what)
{
	scene_reset(t->scene, "alice", answer);
	t->prepare = scene_prepare_login;
	t->work = scene_login;
	t->now_s = world_clock();
	besiege(t, what);
}

/* From either slot to the other. */
static void
test_login(void **state)
{
	for (unsigned i = 0; i < (faults_are_long() ? LOGINS_LONG : 2); i++) {
		struct trial t = begin_trial(state, "alice");
		scene_advance(1);
		scene_code(t.stage, "alice", "phone", 0, t.own);
		siege_login(&t, t.own, "a login");
		assert_int_equal(t.scene->told, PAM_SUCCESS);
	}
}

static void
test_wrong_code(void **state)
{
	struct trial t = begin_trial(state, "alice");

	siege_login(&t, stage_wrong_code(t.stage), "a login with a wrong code");
	assert_int_equal(t.after.state.fails, 1);
}

static struct recovery_sheet sheet;

static int
give_sheet(struct store_entry *e, void *ctx, struct diag *d)
{
	(void)ctx;
	return devices_new_recovery(e, &sheet, d);
}

/* Recovery codes for alice, of which the first is spent. */
static void
give_recovery(struct trial *t)
{
	scene_reset(t->scene, "alice", "");
	t->scene->change[1] = give_sheet;
	scene_update(t->scene);
	assert_int_equal(t->scene->told, 0);
	assert_int_equal(scene_login_unharmed(t->scene, "alice", sheet.text[0]), PAM_SUCCESS);
	(void)snprintf(t->dead[t->dead_count++], sizeof(t->dead[0]), "%s", sheet.text[0]);
	scene_reset(t->scene, "alice", "");
}

static void
test_recovery_code(void **state)
{
	struct trial t = begin_trial(state, "alice");

	give_recovery(&t);
	(void)snprintf(t.own, sizeof(t.own), "%s", sheet.text[1]);
	siege_login(&t, t.own, "a login with a recovery code");
	assert_int_equal(t.scene->told, PAM_SUCCESS);
}

/* The state is lost, or a ruin, and this login makes it anew. */
static void
test_lost_state(void **state)
{
	for (unsigned is_ruin = 0; is_ruin < 2; is_ruin++) {
		struct trial t = begin_trial(state, "alice");
		char code[16];
		assert_int_equal(unlink(stage_path(t.stage, "state/alice")), 0);
		if (is_ruin == 1)
			stage_write(stage_path(t.stage, "state/alice"), "TOTPSTA1 and then nothing",
			    0600);
		scene_code(t.stage, "alice", "phone", 1, code);
		siege_login(&t, code, is_ruin == 1 ? "a login that finds a ruin of a state" :
						       "a login that finds no state");
		assert_int_equal(t.scene->told, PAM_AUTH_ERR);
	}
}

static void
siege_change(struct trial *t, scene_change_fn *change, const char *what)
{
	t->scene->change[0] = NULL;
	t->scene->change[1] = change;
	t->scene->told = SCENE_NOTHING;
	t->prepare = NULL;
	t->work = scene_update;
	besiege(t, what);
	assert_int_equal(t->scene->told, 0);
}

/* The codes by which the pending device will be confirmed get nobody in, never. */
static void
bury_own_codes(struct trial *t, const char *device)
{
	for (int i = -1; i <= 0; i++)
		scene_code(t->stage, t->scene->user, device, i, t->dead[t->dead_count++]);
}

/* On a host where nobody was enrolled: not even the folders are there. */
static void
test_first_device(void **state)
{
	struct trial t = begin_trial(state, "bob");

	scene_empty_store(t.stage);
	siege_change(&t, scene_begin, "the very first enrolment");
	t.device = "tablet";
	bury_own_codes(&t, "tablet");
	siege_change(&t, scene_confirm, "the activation of a first device");
}

static void
test_enrolment_at_login(void **state)
{
	struct trial t = begin_trial(state, "bob");

	scene_allow_enrolment(t.stage);
	t.prepare = scene_prepare_enrolment;
	t.work = scene_login;
	besiege(&t, "an enrolment inside the login");
}

/* He shows a code of the old secret, which is consumed before he is shown the new one. */
static void
test_rotation_at_login(void **state)
{
	struct trial t = begin_trial(state, "alice");
	struct store_entry e = stage_look(t.stage, "alice");

	e.record.device[0].rotate_by = world_clock();
	stage_put(t.stage, "alice", &e);
	scene_allow_enrolment(t.stage);
	scene_code(t.stage, "alice", "phone", 1, t.own);
	scene_reset(t.scene, "alice", t.own);
	t.has_proof = true;
	t.prepare = scene_prepare_enrolment;
	t.work = scene_login;
	besiege(&t, "the replacement of an overdue device inside the login");
}

static void
test_second_device(void **state)
{
	struct trial t = begin_trial(state, "alice");

	siege_change(&t, scene_begin, "the enrolment of a second device");
	bury_own_codes(&t, "tablet");
	siege_change(&t, scene_confirm, "the activation of a second device");
}

static void
test_rotation(void **state)
{
	struct trial t = begin_trial(state, "alice");

	siege_change(&t, scene_rotate, "the beginning of a rotation");
	bury_own_codes(&t, "phone+new");
	siege_change(&t, scene_confirm, "the end of a rotation");
}

static void
test_recovery_codes(void **state)
{
	struct trial t = begin_trial(state, "alice");

	give_recovery(&t);
	siege_change(&t, give_sheet, "the making of new recovery codes");
}

/* --- totp-admin ---------------------------------------------------------------------- */

static char admin[512];
static char key_file[128];
static const char *verb[VERB_WORDS]; /* and its operands and options, NULL after the last */

static void
be_quiet(void *ctx)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)ctx;
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(112);
}

static void
run_admin(void *ctx)
{
	const struct scene *c = ctx;
	char store[128];

	(void)snprintf(store, sizeof(store), "file:%s", c->stage->store);
	(void)execl(admin, admin, "--store", store, "--conf", c->stage->conf, verb[0], verb[1],
	    verb[2], verb[3], verb[4], (char *)NULL);
	_exit(113);
}

static void
siege_admin(struct trial *t, const char *what, const char *const words[VERB_WORDS])
{
	memcpy(verb, words, sizeof(verb));
	t->prepare = be_quiet;
	t->work = run_admin;
	besiege(t, what);
}

static void
find_admin(const struct stage *s)
{
	const char *built = getenv("top_builddir");

	if (geteuid() != 0) /* totp-admin is root's */
		skip();
	assert_non_null(built);
	(void)snprintf(admin, sizeof(admin), "%s" ADMIN, built);
	(void)snprintf(key_file, sizeof(key_file), "--secret-file=%s/key", s->dir);
	stage_write(strchr(key_file, '=') + 1, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n", 0600);
}

static void
test_admin(void **state)
{
	struct trial t = begin_trial(state, "alice");

	find_admin(t.stage);
	siege_admin(&t, "totp-admin disable", WORDS("disable", "alice", "phone", "--force"));
	siege_admin(&t, "totp-admin delete", WORDS("delete", "alice", "phone"));
	stage_enrol(t.stage, "alice", STAGE_UID, "phone");
	siege_admin(&t, "totp-admin recovery-codes", WORDS("recovery-codes", "alice"));
	siege_admin(&t, "totp-admin reset", WORDS("reset", "alice", "--yes", "--uid=4001"));
	stage_enrol(t.stage, "alice", STAGE_UID, "phone");
	t.is_removal = true;
	siege_admin(&t, "totp-admin reset --forget",
	    WORDS("reset", "alice", "--yes", "--forget"));
}

static void
test_admin_add(void **state)
{
	struct trial t = begin_trial(state, "carol");

	find_admin(t.stage);
	t.device = "tablet";
	siege_admin(&t, "totp-admin add",
	    WORDS("add", "--uid=4100", key_file, "carol", "tablet"));
}

/* Guesses were counted. */
static void
test_admin_unlock(void **state)
{
	struct trial t = begin_trial(state, "alice");

	find_admin(t.stage);
	for (unsigned i = 0; i < GUESSES; i++)
		(void)scene_login_unharmed(t.scene, "alice", stage_wrong_code(t.stage));
	scene_reset(t.scene, "alice", "");
	siege_admin(&t, "totp-admin unlock", WORDS("unlock", "alice"));
	assert_true(t.before.state.fails >= GUESSES);
	assert_int_equal(t.after.state.fails, 0);
}

/* Accounts that every host has: an import looks for those whose devices it makes. */
static const char *const imported[] = { "bin", "daemon" };

/* Each has the device of the file, once. */
static const char *
look_at_import(struct trial *t)
{
	if (!trial_repeat(t))
		return "refused";
	for (unsigned u = 0; u < 2; u++) {
		struct store_entry e = stage_look(t->stage, imported[u]);
		unsigned count = 0;
		for (unsigned i = 0; e.has_record && i < e.record.device_count; i++)
			count += strncmp(e.record.device[i].name, "imported", 8) == 0 &&
			    e.record.device[i].state == DEVICE_ACTIVE;
		if (count != 1)
			return imported[u];
	}
	return NULL;
}

/* Two users, one with a device already and one without; each is looked at closely once. */
static void
test_admin_import(void **state)
{
	struct trial t = begin_trial(state, "daemon");
	char first[128], both[128];

	find_admin(t.stage);
	(void)snprintf(first, sizeof(first), "%s/first", t.stage->dir);
	(void)snprintf(both, sizeof(both), "%s/both", t.stage->dir);
	stage_write(first, "HOTP/T30 daemon - 3132333435363738393031323334353637383930\n", 0600);
	stage_write(both, "HOTP/T30 daemon - 4142434445464748494a4142434445464748494a\n"
			  "HOTP/T30 bin - 5152535455565758595a5152535455565758595a\n", 0600);
	t.prepare = be_quiet;
	t.work = run_admin;
	memcpy(verb, WORDS("import", "--from=oath", "--name=phone", first), sizeof(verb));
	if (!trial_repeat(&t))
		fail_msg("cannot import for the account daemon");
	t.look_again = look_at_import;
	siege_admin(&t, "totp-admin import, seen by who has a device",
	    WORDS("import", "--from=oath", both));
	assert_int_equal(t.before.record.device_count, 1);

	scene_empty_store(t.stage);
	memcpy(verb, WORDS("import", "--from=oath", "--name=phone", first), sizeof(verb));
	if (!trial_repeat(&t))
		fail_msg("cannot import for the account daemon");
	scene_reset(t.scene, "bin", "");
	t.device = "imported";
	siege_admin(&t, "totp-admin import, seen by who has none",
	    WORDS("import", "--from=oath", both));
	assert_false(t.before.has_record);
}

/* ------------------------------------------------------------------------------------- */

int
trial_main(trial_siege_fn *siege, bool is_all)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_setup_teardown(test_login, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_code, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_recovery_code, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_lost_state, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_first_device, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_second_device, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_enrolment_at_login, scene_setup,
		    stage_teardown),
		cmocka_unit_test_setup_teardown(test_rotation_at_login, scene_setup,
		    stage_teardown),
		cmocka_unit_test_setup_teardown(test_rotation, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_recovery_codes, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_admin, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_admin_add, scene_setup, stage_teardown),
	};
	const struct CMUnitTest rest[] = {
		cmocka_unit_test_setup_teardown(test_enrolment_at_login, scene_setup,
		    stage_teardown),
		cmocka_unit_test_setup_teardown(test_rotation_at_login, scene_setup,
		    stage_teardown),
		cmocka_unit_test_setup_teardown(test_lost_state, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_rotation, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_recovery_codes, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_admin, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_admin_add, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_admin_unlock, scene_setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_admin_import, scene_setup, stage_teardown),
	};

	besiege = siege;
	return is_all ? cmocka_run_group_tests(all, NULL, NULL) :
			     cmocka_run_group_tests(rest, NULL, NULL);
}
