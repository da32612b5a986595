/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The power fails during logins, enrolments and administration. Each runs once as it ships,
 * under the eye of disk.c; then every disk that a failure at each moment may leave behind is
 * made (disk_image.c) and looked at with the code that ships. On each:
 *
 *  1. The record is the old one or the new one, byte for byte, and the new one only beside a
 *     state that is as new; what success was told of is there (DESIGN promises 5, 6).
 *  2. A state that is whole is the old or the new one. One that is not, or not for certain,
 *     is burnt: no step that could have been used opens anything (section 4).
 *  3. A code that was accepted before gets nobody in, nor one of an activation, nor a recovery
 *     code that was spent; the code of this login gets in once in total (promise 2).
 *  4. A fresh code gets in, at the latest the one after the burning; the next enrolment works,
 *     and leaves nothing behind but files of the store.
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
#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/attempt.h"
#include "core/devices.h"
#include "crash_scene.h"
#include "disk.h"
#include "faults.h"

#define ADMIN "/utils/totp-admin"
#define IMAGES_MAX 400 /* of one moment */
#define IMAGES_MAX_LONG 4000
#define GRAIN 64 /* a sector may be torn there */
#define GRAIN_LONG 8
#define LOGINS_LONG 20
#define LATER_S 600
#define CODES_MAX 4
#define VERB_WORDS 5
#define WORDS(...) ((const char *const[VERB_WORDS]){ __VA_ARGS__ })

/* One piece of work, what it starts from and where it leads. */
struct trial {
	struct stage *stage;
	struct scene *scene;
	struct disk *disk;
	void (*prepare)(void *ctx);
	void (*work)(void *ctx);
	const char *device; /* whose next code has to get in; NULL: there is none */
	bool is_removal;
	unsigned dead_count; /* what must not get in */
	char dead[CODES_MAX][64];
	char own[64]; /* the answer of this login, which may get in once; "" for none */
	uint64_t now_s;

	struct store_entry before;
	struct store_entry after;
	unsigned attempts;
	char broken[1024];
};

static bool
say(struct trial *t, const char *what, const char *detail)
{
	(void)snprintf(t->broken, sizeof(t->broken), "%s: %s", what, detail);
	return false;
}

static struct store *
open_store(const struct trial *t, struct diag *d)
{
	char setting[128];
	struct store *store = NULL;

	(void)snprintf(setting, sizeof(setting), "file:%s", t->stage->store);
	return store_open(setting, &store, d) == 0 ? store : NULL;
}

static bool
is_same_file(const struct disk_file *a, const struct disk_file *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool
is_same_state(const struct state *a, const struct state *b)
{
	struct state one = *a, two = *b;
	uint8_t bytes[2][STATE_SLOT_LEN];

	one.generation = two.generation = 0;
	assert_int_equal(state_print(&one, bytes[0]), 0);
	assert_int_equal(state_print(&two, bytes[1]), 0);
	return memcmp(bytes[0], bytes[1], STATE_SLOT_LEN) == 0;
}

/* Obligation 2. */
static bool
is_burnt(const struct trial *t, struct store_entry *e)
{
	(void)store_entry_complete(e, t->now_s);
	for (unsigned i = 0; i < e->record.device_count; i++) {
		const struct record_device *d = &e->record.device[i];
		const struct state_device *sd = state_find(&e->state, d->id);
		if (d->state == DEVICE_ACTIVE &&
		    (sd == NULL || sd->last_step < otp_step(&d->params, t->now_s) + STATE_WINDOW_MAX))
			return false;
	}
	return true;
}

/* Obligations 1 and 2. */
static bool
look_at_files(struct trial *t, const struct disk_view *v, struct store_entry *e, bool is_told)
{
	const char *user = t->scene->user;
	const struct disk_file *record = disk_find(v, "secrets", user);
	bool is_new = is_same_file(record, disk_find(&t->disk->now, "secrets", user));
	bool is_old = is_same_file(record, disk_find(&t->disk->start, "secrets", user));
	bool is_whole = e->health == STATE_WHOLE || e->health == STATE_FRESH;

	if (!is_old && !is_new)
		return say(t, "the record", "neither old nor new");
	if (is_told && !is_new)
		return say(t, "the record", "success was told, but it is the old one");
	if (e->has_record != (record != NULL))
		return say(t, "the record", "there and not there");
	bool has_new_state = is_whole && is_same_state(&e->state, &t->after.state);
	bool has_old_state = is_whole && is_same_state(&e->state, &t->before.state);
	if (is_told && !has_new_state)
		return say(t, "the state", "success was told, but it is not the new one");
	if (is_whole && !has_new_state && !has_old_state)
		return say(t, "the state", "whole, but neither old nor new");
	if (is_new && !is_old && is_whole && !has_new_state)
		return say(t, "the state", "older than its record");
	if (e->has_record && e->health == STATE_FRESH)
		return say(t, "the state", "zero beside a record");
	if (!is_whole && !is_burnt(t, e))
		return say(t, "the state", "lost, but not burnt");
	return true;
}

static enum attempt_verdict
attempt(struct trial *t, struct store *store, const char *answer, uint64_t now_s,
    struct diag *d)
{
	char source[32];
	struct settings settings;
	struct attempt_result result;

	config_defaults(&settings);
	/* Each from elsewhere, so that none waits for the failures of another. */
	(void)snprintf(source, sizeof(source), "198.51.100.%u", ++t->attempts);
	struct attempt_request q = { .user = t->scene->user, .uid = t->before.has_record ?
	    t->before.record.uid : t->after.record.uid,
		.answer = { answer, strlen(answer) },
		.source = source, .now_s = now_s };
	return attempt_run(&q, &settings, store, &result, d);
}

static bool
try_codes(struct trial *t, struct store *store, const struct store_entry *e, bool is_told)
{
	struct diag d = { "" };
	bool is_used = is_told || (e->health == STATE_WHOLE &&
	    is_same_state(&e->state, &t->after.state));

	t->attempts = 0;
	for (unsigned i = 0; i < t->dead_count; i++)
		if (attempt(t, store, t->dead[i], t->now_s, &d) == ATTEMPT_ACCEPTED)
			return say(t, "a code that was used gets in", t->dead[i]);
	for (unsigned i = 0; t->own[0] != '\0' && i < 2; i++) {
		bool got_in = attempt(t, store, t->own, t->now_s, &d) == ATTEMPT_ACCEPTED;
		if (got_in && is_used)
			return say(t, "the code of this login gets in twice", t->own);
		is_used |= got_in;
	}
	return true;
}

static bool
try_next_login(struct trial *t, struct store *store, const struct store_entry *e)
{
	struct diag d = { "" };
	enum attempt_verdict verdict = ATTEMPT_FAILED;
	const struct record_device *dev = NULL;

	for (unsigned i = 0; e->has_record && i < e->record.device_count; i++)
		if (e->record.device[i].state == DEVICE_ACTIVE && t->device != NULL &&
		    strcmp(e->record.device[i].name, t->device) == 0)
			dev = &e->record.device[i];
	if (dev == NULL)
		return true;
	for (unsigned i = 1; i <= 2 && verdict != ATTEMPT_ACCEPTED; i++) {
		uint64_t then = t->now_s + i * LATER_S;
		uint32_t code = 0;
		char text[16];
		assert_int_equal(otp_code(&dev->params, &dev->secret, otp_step(&dev->params, then),
		    &code), 0);
		(void)snprintf(text, sizeof(text), "%06u", code);
		verdict = attempt(t, store, text, then, &d);
		if (verdict == ATTEMPT_FAILED)
			return say(t, "the next login", d.text);
	}
	return verdict == ATTEMPT_ACCEPTED || say(t, "the next login", "a fresh code is refused");
}

static bool
has_left_over(struct trial *t, const char *name)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s", stage_path(t->stage, name));
	DIR *dir = opendir(path);
	bool is_clean = true;
	if (dir == NULL)
		return false;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		if (e->d_name[0] == '.' && strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 && !store_is_decoy(e->d_name))
			is_clean = say(t, "left over", e->d_name);
	(void)closedir(dir);
	return !is_clean;
}

static int
add_after(struct store_entry *e, void *ctx, struct diag *d)
{
	const struct trial *t = ctx;
	struct otp_params params = OTP_PARAMS_DEFAULT;
	uint32_t id = 0;

	if (!e->has_record) {
		int r = record_init(&e->record, t->scene->user, STAGE_UID);
		if (r != 0)
			return r;
		e->has_record = true;
	}
	return enrolment_begin(e, "after", DEVICE_VIRTUAL, &params, NULL, 8, t->now_s + LATER_S,
	    &id, d);
}

/* A removal that was cut short is done again, and then nothing is left of the user. */
static bool
remove_again(struct trial *t)
{
	static struct strike again;
	struct diag d = { "" };
	struct store_entry e;

	again = (struct strike){ .prepare = t->prepare, .work = t->work, .ctx = t->scene };
	strike_run(&again);
	if (!strike_has_exited(&again, 0))
		return say(t, "the removal", "cannot be done again");
	struct store *store = open_store(t, &d);
	int r = store == NULL ? E_IO : store_load(store, t->scene->user, &e, &d);
	store_close(store);
	return (r == 0 && !e.has_record && e.health == STATE_FRESH) ||
	    say(t, "after the second removal", d.text);
}

static bool
look(const struct disk_view *v, bool is_told, void *ctx)
{
	struct trial *t = ctx;
	struct diag d = { "" };
	struct store_entry e;
	struct store *store = open_store(t, &d);

	if (store == NULL)
		return say(t, "the store", d.text);
	int r = store_load(store, t->scene->user, &e, &d);
	/* Between record and state: refused, not "never enrolled", until it is done again. */
	if (r == E_CORRUPT && t->is_removal && !is_told &&
	    disk_find(v, "secrets", t->scene->user) == NULL) {
		store_close(store);
		return remove_again(t);
	}
	bool is_well = r == 0 ? look_at_files(t, v, &e, is_told) : say(t, "load", d.text);
	is_well = is_well && try_codes(t, store, &e, is_told) && try_next_login(t, store, &e);
	if (is_well && store_update(store, t->scene->user, t->now_s + LATER_S, add_after, t,
		&d) != 0)
		is_well = say(t, "the next enrolment", d.text);
	is_well = is_well && !has_left_over(t, "secrets") && !has_left_over(t, "state");
	store_close(store);
	return is_well;
}

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
	static struct strike k;
	struct disk_loss l = { .images_max = faults_are_long() ? IMAGES_MAX_LONG : IMAGES_MAX,
		.grain = faults_are_long() ? GRAIN_LONG : GRAIN, .look = look, .ctx = t };

	if (!strike_is_possible())
		skip();
	t->before = stage_look(t->stage, t->scene->user);
	t->disk = l.disk = disk_new(t->stage->store);
	k = (struct strike){ .prepare = t->prepare, .work = t->work, .ctx = t->scene,
		.watch = disk_watch, .watch_ctx = t->disk };
	strike_run(&k);
	assert_true(strike_has_exited(&k, 0));
	disk_check(t->disk);
	t->after = stage_look(t->stage, t->scene->user);
	if (t->work != scene_login && t->work != scene_update)
		t->now_s = (uint64_t)k.ended_s; /* totp-admin's clock */
	assert_true(t->disk->op_count > 0);

	disk_lose_power(&l);
	if (t->broken[0] != '\0')
		fail_msg("%s: %s", what, t->broken);
	unsigned long made = l.made, looks = l.looks;
	unsigned needed = expect_broken(t, &l, what);
	unsigned syncs = 0;
	for (unsigned i = 0; i < t->disk->op_count; i++)
		syncs += t->disk->op[i].kind == DISK_SYNC;
	disk_put(t->disk, &t->disk->now);
	faults_survived(looks, "disks after a loss of power in %s (of %lu images; %u of its %u "
	    "syncs break it alone when they are left out)", what, made, needed, syncs);
	free(t->disk);
}

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
lose_in_login(struct trial *t, const char *answer, const char *what)
{
	scene_reset(t->scene, "alice", answer);
	t->prepare = scene_prepare_login;
	t->work = scene_login;
	t->now_s = world_clock();
	lose_power(t, what);
}

/* From either slot to the other. */
static void
test_login(void **state)
{
	for (unsigned i = 0; i < (faults_are_long() ? LOGINS_LONG : 2); i++) {
		struct trial t = begin_trial(state, "alice");
		scene_advance(1);
		scene_code(t.stage, "alice", "phone", 0, t.own);
		lose_in_login(&t, t.own, "a login");
		assert_int_equal(t.scene->told, PAM_SUCCESS);
	}
}

static void
test_wrong_code(void **state)
{
	struct trial t = begin_trial(state, "alice");

	lose_in_login(&t, stage_wrong_code(t.stage), "a login with a wrong code");
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
	lose_in_login(&t, t.own, "a login with a recovery code");
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
		lose_in_login(&t, code, is_ruin == 1 ? "a login that finds a ruin of a state" :
						       "a login that finds no state");
		assert_int_equal(t.scene->told, PAM_AUTH_ERR);
	}
}

static void
lose_in_change(struct trial *t, scene_change_fn *change, const char *what)
{
	t->scene->change[0] = NULL;
	t->scene->change[1] = change;
	t->scene->told = SCENE_NOTHING;
	t->prepare = NULL;
	t->work = scene_update;
	lose_power(t, what);
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
	lose_in_change(&t, scene_begin, "the very first enrolment");
	t.device = "tablet";
	bury_own_codes(&t, "tablet");
	lose_in_change(&t, scene_confirm, "the activation of a first device");
}

static void
test_second_device(void **state)
{
	struct trial t = begin_trial(state, "alice");

	lose_in_change(&t, scene_begin, "the enrolment of a second device");
	bury_own_codes(&t, "tablet");
	lose_in_change(&t, scene_confirm, "the activation of a second device");
}

static void
test_rotation(void **state)
{
	struct trial t = begin_trial(state, "alice");

	lose_in_change(&t, scene_rotate, "the beginning of a rotation");
	bury_own_codes(&t, "phone+new");
	lose_in_change(&t, scene_confirm, "the end of a rotation");
}

static void
test_new_recovery_codes(void **state)
{
	struct trial t = begin_trial(state, "alice");

	give_recovery(&t);
	lose_in_change(&t, give_sheet, "the making of new recovery codes");
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
lose_in_admin(struct trial *t, const char *what, const char *const words[VERB_WORDS])
{
	memcpy(verb, words, sizeof(verb));
	t->prepare = be_quiet;
	t->work = run_admin;
	lose_power(t, what);
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
	lose_in_admin(&t, "totp-admin disable", WORDS("disable", "alice", "phone", "--force"));
	lose_in_admin(&t, "totp-admin delete", WORDS("delete", "alice", "phone"));
	stage_enrol(t.stage, "alice", STAGE_UID, "phone");
	lose_in_admin(&t, "totp-admin recovery-codes", WORDS("recovery-codes", "alice"));
	lose_in_admin(&t, "totp-admin reset", WORDS("reset", "alice", "--yes", "--uid=4001"));
	stage_enrol(t.stage, "alice", STAGE_UID, "phone");
	t.is_removal = true;
	lose_in_admin(&t, "totp-admin reset --forget",
	    WORDS("reset", "alice", "--yes", "--forget"));
}

static void
test_admin_add(void **state)
{
	struct trial t = begin_trial(state, "carol");

	find_admin(t.stage);
	t.device = "tablet";
	lose_in_admin(&t, "totp-admin add",
	    WORDS("add", "--uid=4100", key_file, "carol", "tablet"));
}

/* --------------------------------------------------------------------------------------- */

/* Where a disk is made in no time, if there is such a place. */
static int
setup(void **state)
{
	return stage_setup_below(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_login, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_code, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_recovery_code, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_lost_state, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_first_device, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_second_device, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_rotation, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_new_recovery_codes, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_admin, setup, stage_teardown),
		cmocka_unit_test_setup_teardown(test_admin_add, setup, stage_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
