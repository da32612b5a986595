/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The doctor's reader and judge against libpam itself: random stacks of pam_permit.so,
 * pam_deny.so and a module that is not there, with every kind of control, broken lines,
 * includes and substacks. Such a stack has one outcome only, and both must name the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <security/pam_appl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/pam_world.h"
#include "tests/support/random.h"
#include "utils/doctor_pam.h"

#define STACKS 400
#define PATH_CAP 64
#define TEXT_CAP 8192

static const char *const controls[] = { "required", "requisite", "optional", "sufficient",
	"[success=1 default=ignore]", "[success=2 default=bad]", "[success=ok default=die]",
	"[default=reset]", "[success=reset default=ok]", "[success=done default=ignore]",
	"[default=1]", "[success=3 auth_err=2 default=die]", "[success=ignore default=done]",
	"[module_unknown=ignore perm_denied=1 default=bad]", "[success=x]", "needed" };
static const char *const modules[] = { "pam_permit.so", "pam_permit.so", "pam_permit.so",
	"pam_deny.so", "pam_deny.so", "pam_gone.so" };

/* LeakSanitizer asks for this: libpam keeps what it read when pam_start(3) fails. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libpam.so";
}

static char folder[] = "/tmp/test_doctor_libpam.XXXXXX";

static const char *
any(const char *const *words, size_t count)
{
	return words[random_below(count)];
}
#define ANY(words) any(words, sizeof(words) / sizeof(words)[0])

static void
write_file(const char *name, const char *text)
{
	char path[PATH_CAP];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A file of up to six lines; depth: how far it may still include. Its name says its depth, so
 * that no file includes itself. */
static void
write_stack(const char *name, unsigned depth)
{
	static const char *const types[] = { "auth", "AUTH", "-auth", "auth", "auth", "auth",
		"auth", "auth", "auth", "account", "auht" };
	static const char *const ways[] = { "auth substack", "auth include", "@include",
		"account include" };
	static const char *const ends[] = { "\n", "\n", "\n", " # more \\\n", "\\\n\n", " x y\n" };
	char text[TEXT_CAP];
	size_t len = 0;

	for (uint64_t i = random_between(1, 6); i > 0; i--) {
		size_t room = sizeof text - len;
		if (depth > 0 && random_below(5) == 0) {
			char inner[16];
			snprintf(inner, sizeof inner, "s%u-%u", depth, (unsigned)random_below(3));
			/* libpam 1.5.2 looks for a relative name in /etc/pam.d whatever the
			 * directory of the service is; an absolute one is that. */
			len += (size_t)snprintf(text + len, room, "%s %s/%s\n", ANY(ways), folder,
			    inner);
			write_stack(inner, depth - 1);
		} else
			len += (size_t)snprintf(text + len, room, "%s %s %s%s", ANY(types),
			    ANY(controls), ANY(modules), ANY(ends));
	}
	write_file(name, text);
}

static int
give(const char *name, void *ctx, char **text, size_t *len)
{
	char path[PATH_CAP];

	(void)ctx;
	snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : folder,
	    name[0] == '/' ? "" : "/", name);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return -1;
	*text = calloc(1, TEXT_CAP);
	assert_non_null(*text);
	*len = fread(*text, 1, TEXT_CAP - 1, f);
	assert_int_equal(fclose(f), 0);
	return 0;
}

static int
answer_nothing(int count, const struct pam_message **message, struct pam_response **response,
    void *ctx)
{
	(void)count, (void)message, (void)response, (void)ctx;
	return PAM_CONV_ERR;
}

static bool
libpam_lets_in(void)
{
	const struct pam_conv conv = { answer_nothing, NULL };
	pam_handle_t *pamh = NULL;

	/* A file that it cannot make sense of ends it here already. */
	if (pam_start_confdir("service", "alice", &conv, folder, &pamh) != PAM_SUCCESS)
		return false;
	int r = pam_authenticate(pamh, PAM_SILENT);
	assert_int_equal(pam_end(pamh, r), PAM_SUCCESS);
	return r == PAM_SUCCESS;
}

static bool
judge_lets_in(void)
{
	struct pam_stack s;
	struct pam_verdict v;

	assert_true(pam_stack_read(&s, "service", "auth", give, NULL));
	for (unsigned i = 0; i < s.count; i++)
		s.line[i].is_missing = strcmp(s.line[i].module, "pam_gone.so") == 0;
	pam_stack_judge(&s, false, &v);
	pam_stack_free(&s);
	assert_false(v.is_unknown);
	return v.can_pass_without;
}

static void
show_stack(void)
{
	char path[PATH_CAP];

	snprintf(path, sizeof path, "%s/service", folder);
	FILE *f = fopen(path, "r");
	for (int c = f == NULL ? EOF : getc(f); c != EOF; c = getc(f))
		fputc(c, stderr);
	if (f != NULL)
		fclose(f);
}

static void
test_random_stacks(void **state)
{
	unsigned let_in = 0;

	(void)state;
	world_reset(1700000000); /* libpam's complaints go there, not to the host's log */
	write_file("other", "auth required pam_deny.so\n");
	for (unsigned i = 0; i < STACKS; i++) {
		write_stack("service", 2);
		bool expected = libpam_lets_in();
		if (judge_lets_in() != expected) {
			show_stack();
			fail_msg("stack %u: libpam lets in: %d", i, expected);
		}
		let_in += expected ? 1 : 0;
	}
	/* Both outcomes were seen often enough to mean something. */
	assert_in_range(let_in, STACKS / 20, STACKS - STACKS / 20);
}

static int
make_folder(void **state)
{
	return random_setup(state) != 0 || mkdtemp(folder) == NULL ? -1 : 0;
}

static int
remove_folder(void **state)
{
	static const char *const names[] = { "service", "other", "s1-0", "s1-1", "s1-2", "s2-0",
		"s2-1", "s2-2" };
	char path[PATH_CAP];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_stacks),
	};

	return cmocka_run_group_tests_name("doctor_libpam", tests, make_folder, remove_folder);
}
