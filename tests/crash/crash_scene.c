/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What is killed and refused its system calls: a login by libpam and the shipped module, and an
 * enrolment by the functions that totp-helper calls. What they are told goes into memory that
 * the test shares, without a system call in between, so that the test knows at each of
 * them whether an answer was given already. */

#include "crash_scene.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/devices.h"
#include "core/encode.h"

#define OURS "pam_totp("
#define OURS_TOO "pam_totp_enroll("
#define STEP_S UINT64_C(30)

int
scene_setup(void **state)
{
	return stage_setup_below(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

struct scene *
scene_make(const struct stage *s)
{
	struct scene *c = strike_share(sizeof(*c));

	c->stage = s;
	return c;
}

void
scene_reset(struct scene *c, const char *user, const char *answer)
{
	const struct stage *s = c->stage;

	*c = (struct scene){ .stage = s, .told = SCENE_NOTHING, .told_first = SCENE_NOTHING };
	(void)snprintf(c->user, sizeof(c->user), "%s", user);
	(void)snprintf(c->answer, sizeof(c->answer), "%s", answer);
}

void
scene_prepare_login(void *ctx)
{
	struct scene *c = ctx;

	world_log_clear();
	c->app = (struct app){ .confdir = c->stage->confdir, .user = c->user,
		.rhost = "192.0.2.7", .tty = "ssh" };
	app_will_answer(&c->app, c->answer);
	if (app_start(&c->app) != PAM_SUCCESS)
		_exit(112);
}

/* The key of a prompt, in groups on the line above "Code 1: ", into the phone. */
static void
take_key(const char *text, struct otp_secret *secret)
{
	const char *at = strstr(text, "\nCode 1: ");
	char key[80];
	size_t len = 0;

	while (at != NULL && at > text && at[-1] != '\n')
		at--;
	for (; at != NULL && *at != '\n'; at++)
		if (*at != ' ' && len < sizeof(key))
			key[len++] = *at;
	if (encode_base32_parse((struct span){ key, len }, secret->bytes, sizeof(secret->bytes),
		&secret->len) != 0)
		_exit(114);
}

static void
type_enrolment(struct app *a)
{
	static struct otp_secret secret;
	const struct otp_params params = OTP_PARAMS_DEFAULT;
	struct scene *c = (struct scene *)(void *)((char *)a - offsetof(struct scene, app));
	const char *text = app_shown(a, a->shown_count - 1);
	const char *answer = strcmp(text, "MFA code: ") == 0 ? c->answer : "";
	uint32_t code = 0;

	c->has_seen_key |= strstr(text, "Code 1: ") != NULL;
	c->has_seen_end |= strstr(text, "Written down?") != NULL;
	bool is_second = strstr(text, "Code 2: ") != NULL;
	if (is_second)
		world_set_clock(world_clock() + STEP_S);
	else if (strstr(text, "Code 1: ") != NULL)
		take_key(text, &secret);
	if (is_second || strstr(text, "Code 1: ") != NULL) {
		if (otp_code(&params, &secret, otp_step(&params, world_clock()), &code) != 0)
			_exit(114);
		char *typed = c->typed[is_second];
		(void)snprintf(typed, sizeof(c->typed[0]), "%06u", code);
		answer = typed;
	}
	app_will_answer(a, answer);
}

void
scene_allow_enrolment(struct stage *s)
{
	stage_settings(s, "unenrolled = enroll\nqr = none\n");
	stage_stack(s, "auth requisite {enroll}\nauth required {totp}\n");
}

void
scene_prepare_enrolment(void *ctx)
{
	struct scene *c = ctx;

	world_log_clear();
	c->app = (struct app){ .confdir = c->stage->confdir, .user = c->user,
		.rhost = "192.0.2.7", .tty = "ssh", .hook = type_enrolment };
	if (app_start(&c->app) != PAM_SUCCESS)
		_exit(112);
}

static void
copy_log(struct scene *c)
{
	for (size_t i = 0; i < world_log_count() && i < WORLD_LINES_MAX; i++) {
		const char *text = world_log_line(i)->text;
		if (strncmp(text, OURS, sizeof(OURS) - 1) != 0 &&
		    strncmp(text, OURS_TOO, sizeof(OURS_TOO) - 1) != 0) {
			(void)snprintf(c->line_after, sizeof(c->line_after), "%s", text);
			continue;
		}
		c->line_after[0] = '\0';
		c->line_count++;
		(void)snprintf(c->line, sizeof(c->line), "%s", text);
	}
}

void
scene_login(void *ctx)
{
	struct scene *c = ctx;

	c->told = app_authenticate(&c->app);
	copy_log(c);
	app_end(&c->app);
}

static struct store *
open_store(const struct stage *s, struct diag *d)
{
	char setting[128];
	struct store *store = NULL;

	(void)snprintf(setting, sizeof(setting), "file:%s", s->store);
	return store_open(setting, NULL, &store, d) == 0 ? store : NULL;
}

static uint32_t
uid_of(const char *user)
{
	return strcmp(user, "alice") == 0 ? STAGE_UID : STAGE_UID + 1;
}

int
scene_begin(struct store_entry *e, void *ctx, struct diag *d)
{
	const struct scene *c = ctx;
	struct otp_params params = OTP_PARAMS_DEFAULT;
	uint32_t id = 0;

	if (!e->has_record) {
		int r = record_init(&e->record, c->user, uid_of(c->user));
		if (r != 0)
			return r;
		e->has_record = true;
		e->state.uid = uid_of(c->user);
	}
	return enrolment_begin(e, "tablet", DEVICE_VIRTUAL, &params, NULL, 8, world_clock(), &id,
	    d);
}

int
scene_rotate(struct store_entry *e, void *ctx, struct diag *d)
{
	uint32_t id = 0;

	(void)ctx;
	return devices_rotate_begin(e, "phone", NULL, NULL, world_clock(), &id, d);
}

int
scene_confirm(struct store_entry *e, void *ctx, struct diag *d)
{
	struct otp_typed typed[2] = { { 0, 6 }, { 0, 6 } };
	uint32_t off_s = 0;

	(void)ctx;
	for (unsigned i = 0; i < e->record.device_count; i++) {
		const struct record_device *dev = &e->record.device[i];
		if (dev->state != DEVICE_PENDING)
			continue;
		for (unsigned k = 0; k < 2; k++) {
			int r = otp_code(&dev->params, &dev->secret,
			    otp_step(&dev->params, world_clock()) - 1 + k, &typed[k].code);
			if (r != 0)
				return r;
		}
		return enrolment_confirm(e, dev->id, typed[0], typed[1], 1, 8, world_clock(),
			   &off_s, d) == ENROLMENT_CONFIRMED ? 0 : E_STATE;
	}
	return E_NOENT;
}

void
scene_update(void *ctx)
{
	struct scene *c = ctx;
	struct diag d = { "" };
	struct store *store = open_store(c->stage, &d);
	int first = store == NULL ? E_IO : 0;

	if (first == 0 && c->change[0] != NULL)
		first = store_update(store, c->user, world_clock(), c->change[0], c, &d);
	c->told_first = first;
	if (first == 0)
		c->told = store_update(store, c->user, world_clock(), c->change[1], c, &d);
	(void)snprintf(c->diag, sizeof(c->diag), "%s", d.text);
	store_close(store);
}

void
scene_enrol(void *ctx)
{
	struct scene *c = ctx;

	c->change[0] = scene_begin;
	c->change[1] = scene_confirm;
	scene_update(c);
}

/* Run in a process of its own: what libpam leaves behind at a fault is gone with it. */
static void
run_unharmed(struct scene *c)
{
	(void)fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)alarm(30);
		scene_prepare_login(c);
		scene_login(c);
		_exit(0);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int
scene_login_unharmed(struct scene *c, const char *user, const char *answer)
{
	scene_reset(c, user, answer);
	run_unharmed(c);
	return c->told;
}

int
scene_enrol_unharmed(struct scene *c, const char *user)
{
	scene_reset(c, user, "");
	(void)alarm(30);
	scene_enrol(c);
	(void)alarm(0);
	return c->told_first != 0 ? c->told_first : c->told;
}

static void
expect_names(const char *path, const char *user, const char *other)
{
	DIR *dir = opendir(path);

	if (dir == NULL)
		return;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, user) != 0 && strcmp(e->d_name, other) != 0 &&
		    !store_is_decoy(e->d_name))
			fail_msg("%s: left over: %s", path, e->d_name);
	(void)closedir(dir);
}

void
scene_expect_no_leftover(const struct stage *s, const char *user, const char *other)
{
	expect_names(stage_path(s, "secrets"), user, other);
	expect_names(stage_path(s, "state"), user, other);
	expect_names(s->store, "secrets", "state");
}

static void
empty(const char *path)
{
	DIR *dir = opendir(path);

	if (dir == NULL)
		return;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			assert_int_equal(unlinkat(dirfd(dir), e->d_name, 0), 0);
	(void)closedir(dir);
}

void
scene_empty_store(const struct stage *s)
{
	empty(stage_path(s, "secrets"));
	empty(stage_path(s, "state"));
	(void)rmdir(stage_path(s, "state"));
}

void
scene_code(const struct stage *s, const char *user, const char *device, int offset, char out[16])
{
	struct store_entry e = stage_look(s, user);
	const struct record_device *d = record_find_name(&e.record, device);
	uint32_t code = 0;

	assert_non_null(d);
	uint64_t step = otp_step(&d->params, world_clock());
	step = offset < 0 ? step - (uint64_t)-offset : step + (uint64_t)offset;
	assert_int_equal(otp_code(&d->params, &d->secret, step, &code), 0);
	(void)snprintf(out, 16, "%06u", code);
}

void
scene_advance(unsigned steps)
{
	world_set_clock(world_clock() + steps * STEP_S);
}
