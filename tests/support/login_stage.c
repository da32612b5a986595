/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A stage for one login: the shipped module, driven by libpam, over a store in a folder of
 * its own. The user's phone is otp_code, which test_otp proves against the RFCs. After each
 * test all that was logged and shown is searched for what must never be told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "core/encode.h"
#include "core/enrolment.h"
#include "login_stage.h"

#define MODULE "/pam_totp/.libs/pam_totp.so"
#define ENROLL_MODULE "/pam_totp/.libs/pam_totp_enroll.so"
#define TOKEN_MODULE "/tests/module/.libs/pam_test_token.so"
#define OURS "pam_totp(" APP_SERVICE ":auth): "
#define STEPS_AROUND 40 /* whose codes must not be told */

static const char *
built(void)
{
	const char *dir = getenv("top_builddir");

	if (dir == NULL)
		fail_msg("top_builddir is not set");
	return dir;
}

void
stage_write(const char *path, const char *text, mode_t mode)
{
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

void
stage_settings(struct stage *s, const char *lines)
{
	char text[4096];

	(void)snprintf(text, sizeof(text), "store = file:%s\n%s", s->store, lines);
	stage_write(s->conf, text, 0644);
}

void
stage_stack(struct stage *s, const char *text)
{
	char path[128];
	char out[8192] = "";
	char *end = out;

	for (const char *p = text; *p != '\0';) {
		size_t room = sizeof(out) - (size_t)(end - out);
		int n = 1;

		assert_true(room > 1024);
		if (strncmp(p, "{totp}", 6) == 0) {
			n = snprintf(end, room, "%s" MODULE " conf=%s", built(), s->conf);
			p += 6;
		} else if (strncmp(p, "{enroll}", 8) == 0) {
			n = snprintf(end, room, "%s" ENROLL_MODULE " conf=%s", built(), s->conf);
			p += 8;
		} else if (strncmp(p, "{bare}", 6) == 0) {
			n = snprintf(end, room, "%s" MODULE, built());
			p += 6;
		} else if (strncmp(p, "{token}", 7) == 0) {
			n = snprintf(end, room, "%s" TOKEN_MODULE, built());
			p += 7;
		} else {
			*end = *p++;
			end[1] = '\0';
		}
		end += n;
	}
	(void)snprintf(path, sizeof(path), "%s/" APP_SERVICE, s->confdir);
	stage_write(path, out, 0644);
}

void
stage_arguments(struct stage *s, const char *arguments)
{
	char text[2048];

	(void)snprintf(text, sizeof(text), "auth required {totp} %s\n", arguments);
	stage_stack(s, text);
}

const char *
stage_path(const struct stage *s, const char *name)
{
	static char path[2][192];
	static unsigned turn;
	char *out = path[turn++ & 1];

	(void)snprintf(out, sizeof(path[0]), "%s/%s", s->store, name);
	return out;
}

static struct store *
open_store(const struct stage *s)
{
	char setting[128];
	struct store *store = NULL;
	struct diag d = { "" };

	(void)snprintf(setting, sizeof(setting), "file:%s", s->store);
	if (store_open(setting, NULL, &store, &d) != 0)
		fail_msg("store: %s", d.text);
	return store;
}

struct store_entry
stage_look(const struct stage *s, const char *user)
{
	struct store *store = open_store(s);
	struct store_entry e;
	struct diag d = { "" };

	if (store_load(store, user, &e, &d) != 0)
		fail_msg("load: %s", d.text);
	store_close(store);
	return e;
}

void
stage_put(const struct stage *s, const char *user, struct store_entry *e)
{
	struct store *store = open_store(s);
	struct diag d = { "" };

	if (store_replace(store, user, &e->record, &e->state, &e->version, &d) != 0)
		fail_msg("replace: %s", d.text);
	store_close(store);
}

void
stage_enrol(struct stage *s, const char *user, uint32_t uid, const char *device)
{
	struct store_entry e = stage_look(s, user);
	struct otp_params params = OTP_PARAMS_DEFAULT;
	struct otp_secret secret;
	char text[STAGE_FORBIDDEN_CAP];
	uint32_t id = 0;
	uint64_t before = world_clock() - 3600;

	if (!e.has_record)
		assert_int_equal(record_init(&e.record, user, uid), 0);
	e.has_record = true;
	assert_int_equal(otp_secret_generate(params.algorithm, &secret), 0);
	assert_int_equal(enrolment_import(&e, device, DEVICE_VIRTUAL, &params, &secret, 8, 1,
	    before, &id, NULL), 0);
	e.state.uid = uid;
	e.state.saved_at = before;
	stage_put(s, user, &e);

	assert_int_equal(encode_base32_print(secret.bytes, secret.len, text, sizeof(text)), 0);
	stage_forbid(s, text);
	assert_int_equal(encode_hex_print(secret.bytes, secret.len, text, sizeof(text)), 0);
	stage_forbid(s, text);
}

/* The code of a device so many steps from now. */
static void
print_code(const struct record_device *d, int offset, char *out, size_t cap)
{
	uint64_t step = otp_step(&d->params, world_clock());
	uint32_t code = 0;

	step = offset < 0 ? step - (uint64_t)-offset : step + (uint64_t)offset;
	assert_int_equal(otp_code(&d->params, &d->secret, step, &code), 0);
	(void)snprintf(out, cap, "%0*u", (int)d->params.digits, code);
}

const char *
stage_code(const struct stage *s, const char *user, int offset)
{
	static char text[2][16];
	static unsigned turn;
	char *out = text[turn++ & 1];
	struct store_entry e = stage_look(s, user);

	print_code(&e.record.device[0], offset, out, sizeof(text[0]));
	return out;
}

/* Not of any step around now, on any device of alice: it cannot become right by luck. */
const char *
stage_wrong_code(const struct stage *s)
{
	static char text[16];
	struct store_entry e = stage_look(s, "alice");

	for (uint32_t code = 777777;; code++) {
		bool fits = false;
		for (unsigned i = 0; i < e.record.device_count; i++) {
			const struct record_device *d = &e.record.device[i];
			uint64_t mask = 0;
			assert_int_equal(otp_match(&d->params, &d->secret,
			    otp_step(&d->params, world_clock()) - 30, 61,
			    (struct otp_typed){ code, 6 }, &mask), 0);
			fits |= mask != 0;
		}
		if (fits)
			continue;
		(void)snprintf(text, sizeof(text), "%06u", code);
		return text;
	}
}

void
stage_forbid(struct stage *s, const char *text)
{
	for (unsigned i = 0; i < s->forbidden_count; i++)
		if (strcmp(s->forbidden[i], text) == 0)
			return;
	assert_true(s->forbidden_count < STAGE_FORBIDDEN_MAX);
	assert_true(strlen(text) < STAGE_FORBIDDEN_CAP);
	(void)snprintf(s->forbidden[s->forbidden_count++], STAGE_FORBIDDEN_CAP, "%s", text);
}

/* What is typed must not be told; shorter answers would be found in any text. */
static void
forbid_answers(struct stage *s)
{
	char text[APP_TEXT_CAP];

	for (unsigned i = 0; i < s->app.answer_count; i++) {
		const struct app_answer *a = &s->app.answer[i];
		if (a->kind != APP_TEXT || a->len < 4)
			continue;
		for (size_t k = 0; k < a->len; k++)
			text[k] = (char)~a->turned[k];
		text[a->len < 64 ? a->len : 64] = '\0';
		stage_forbid(s, text);
	}
}

/* Reads the record as it lies there, which a test may have made unsafe to load. */
static void
forbid_codes(struct stage *s)
{
	struct store *store = NULL;
	struct store_entry e;
	char setting[128];
	char code[16];

	(void)snprintf(setting, sizeof(setting), "file:%s", s->store);
	if (store_open(setting, NULL, &store, NULL) != 0)
		return;
	if (store_load(store, "alice", &e, NULL) == 0 && e.has_record)
		for (int i = -STEPS_AROUND; i <= STEPS_AROUND; i++) {
			print_code(&e.record.device[0], i, code, sizeof(code));
			stage_forbid(s, code);
		}
	store_close(store);
}

static void
check_text(const struct stage *s, const char *where, const char *text)
{
	for (unsigned i = 0; i < s->forbidden_count; i++)
		if (strcasestr(text, s->forbidden[i]) != NULL)
			fail_msg("%s tells \"%s\": %s", where, s->forbidden[i], text);
}

static void
check_all(const struct stage *s)
{
	for (size_t i = 0; i < world_log_count() && i < WORLD_LINES_MAX; i++)
		check_text(s, "the log", world_log_line(i)->text);
	for (unsigned i = 0; i < s->app.shown_count && i < APP_SHOWN_MAX; i++)
		check_text(s, "the screen", app_shown(&s->app, i));
}

void
stage_check_secrets(struct stage *s)
{
	forbid_answers(s);
	forbid_codes(s);
	check_all(s);
}

void
stage_forget(struct stage *s)
{
	stage_check_secrets(s);
	app_end(&s->app);
	app_forget(&s->app);
	world_log_clear();
}

int
stage_login(struct stage *s, const char *answer)
{
	stage_forget(s);
	app_will_answer(&s->app, answer);
	return app_login(&s->app);
}

/* The module's line i, or NULL. */
static const struct world_line *
line_at(size_t i)
{
	size_t seen = 0;

	for (size_t k = 0; k < world_log_count() && k < WORLD_LINES_MAX; k++) {
		const struct world_line *line = world_log_line(k);
		if (strncmp(line->text, OURS, sizeof(OURS) - 1) != 0)
			continue;
		if (seen == i)
			return line;
		seen++;
	}
	return NULL;
}

size_t
stage_line_count(void)
{
	size_t count = 0;

	while (line_at(count) != NULL)
		count++;
	return count;
}

void
stage_expect_line(size_t i, int level, const char *text)
{
	const struct world_line *line = line_at(i);

	if (line == NULL)
		fail_msg("no line %zu in the log, expected %s", i, text);
	assert_string_equal(line->text + sizeof(OURS) - 1, text);
	assert_int_equal(line->priority, LOG_AUTHPRIV | level);
}

void
stage_expect_one(int level, const char *beginning, const char *part)
{
	assert_int_equal(stage_line_count(), 1);
	const struct world_line *line = line_at(0);
	const char *text = line->text + sizeof(OURS) - 1;
	if (strncmp(text, beginning, strlen(beginning)) != 0 || strstr(text, part) == NULL)
		fail_msg("expected \"%s ... %s\", the log has: %s", beginning, part, text);
	assert_int_equal(line->priority, LOG_AUTHPRIV | level);
}

void
stage_expect_shown(const struct stage *s, unsigned i, int style, const char *text)
{
	assert_string_equal(app_shown(&s->app, i), text);
	assert_true(i < s->app.shown_count);
	assert_int_equal(s->app.shown[i].style, style);
}

int
stage_setup(void **state)
{
	return stage_setup_below(state, "/tmp");
}

int
stage_setup_below(void **state, const char *parent)
{
	struct stage *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	*state = s;
	(void)snprintf(s->dir, sizeof(s->dir), "%s/test_module.XXXXXX", parent);
	if (mkdtemp(s->dir) == NULL)
		return -1;
	(void)snprintf(s->store, sizeof(s->store), "%s/store", s->dir);
	(void)snprintf(s->conf, sizeof(s->conf), "%s/pam_totp.conf", s->dir);
	(void)snprintf(s->confdir, sizeof(s->confdir), "%s/pam.d", s->dir);
	if (mkdir(s->store, 0700) != 0 || mkdir(stage_path(s, "secrets"), 0700) != 0 ||
	    mkdir(stage_path(s, "state"), 0700) != 0 || mkdir(s->confdir, 0755) != 0)
		return -1;
	world_reset(STAGE_NOW);
	world_add_account("alice", "alice", STAGE_UID);
	world_add_account("bob", "bob", STAGE_UID + 1);
	stage_settings(s, "");
	stage_arguments(s, "");
	stage_enrol(s, "alice", STAGE_UID, "phone");
	s->app.confdir = s->confdir;
	s->app.user = "alice";
	return 0;
}

/* The folder and all below; it is ours, made by mkdtemp. */
static int
remove_all(const char *dir)
{
	pid_t child = fork();

	if (child == 0) {
		(void)execl("/bin/rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(127);
	}
	int status = -1;
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

int
stage_teardown(void **state)
{
	struct stage *s = *state;

	app_end(&s->app);
	forbid_answers(s);
	forbid_codes(s);
	int r = remove_all(s->dir); /* also when what follows fails the test */
	check_all(s);
	assert_int_equal(s->app.unscripted_count, 0);
	assert_true(world_log_count() <= WORLD_LINES_MAX);
	free(s);
	return r;
}
