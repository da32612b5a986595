/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The doctor's reader and judge of PAM stacks, on texts: what libpam 1.5 makes of a file,
 * and whether somebody gets past pam_totp. No file and no privilege is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "utils/doctor_pam.h"
#include "utils/doctor_sshd.h"

enum { SUCCESS = 0, AUTH_ERR = 7, IGNORE = 25 }; /* libpam's numbers */

#define COMMON_AUTH                                      \
	"auth [success=1 default=ignore] pam_unix.so\n"  \
	"auth requisite pam_deny.so\n"                   \
	"auth required pam_permit.so\n"                  \
	"auth optional pam_cap.so\n"
#define TOTP "auth required pam_totp.so\n"

struct file {
	const char *name;
	const char *text;
};

/* The files that there are, besides the service itself. */
static const struct file files[] = {
	{ "common-auth", COMMON_AUTH },
	{ "with-code", "@include common-auth\n" TOTP },
	{ "sufficient", "auth sufficient pam_unix.so\nauth requisite pam_deny.so\n" },
	{ "loop", "auth include loop\n" },
	{ "mixed", "account required pam_deny.so\nauth required pam_unix.so\n" },
	{ "/etc/elsewhere", "auth requisite pam_unix.so\n" },
	{ "other", "auth required pam_deny.so\n" },
};

static int
give(const char *name, void *ctx, char **text, size_t *len)
{
	const char *found = strcmp(name, "service") == 0 ? ctx : NULL;

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strcmp(name, files[i].name) == 0)
			found = files[i].text;
	if (found == NULL)
		return -1;
	*text = strdup(found);
	assert_non_null(*text);
	*len = strlen(found);
	return 0;
}

static void
read_text(struct pam_stack *s, const char *text)
{
	char *copy = text == NULL ? NULL : strdup(text);

	assert_true(pam_stack_read(s, "service", "auth", give, copy));
	free(copy);
}

/* --- reading ---------------------------------------------------------------------------- */

static void
test_words_of_a_line(void **state)
{
	struct pam_stack s;

	(void)state;
	read_text(&s, "# comment\n\n  AUTH\tRequired  /lib/x/pam_totp.so  conf=/a "
		      "[prompt=a b \\] c] window=2 # more\n"
		      "session required pam_deny.so\n-auth optional pam_none.so\n"
		      "auth requisite \\\n   pam_unix.so \\\n nullok\n");
	assert_string_equal(s.fault, "");
	assert_int_equal(s.count, 3);
	assert_int_equal(s.line[0].kind, PAM_KIND_TOTP);
	assert_string_equal(s.line[0].place, "service:3");
	assert_int_equal(s.line[0].argc, 3);
	assert_string_equal(s.line[0].argv[0], "conf=/a");
	assert_string_equal(s.line[0].argv[1], "prompt=a b ] c");
	assert_string_equal(s.line[0].argv[2], "window=2");
	assert_true(s.line[1].is_silent);
	assert_string_equal(s.line[2].place, "service:6");
	assert_string_equal(s.line[2].module, "pam_unix.so");
	assert_string_equal(s.line[2].argv[0], "nullok");
	pam_stack_free(&s);
}

static void
test_controls(void **state)
{
	static const struct {
		const char *control;
		int success, auth_err, ignore;
		bool is_fault;
	} rows[] = {
		{ "required", PAM_DO_OK, PAM_DO_BAD, PAM_DO_IGNORE, false },
		{ "REQUISITE", PAM_DO_OK, PAM_DO_DIE, PAM_DO_IGNORE, false },
		{ "optional", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_IGNORE, false },
		{ "sufficient", PAM_DO_DONE, PAM_DO_IGNORE, PAM_DO_IGNORE, false },
		{ "[success=1 default=ignore]", 1, PAM_DO_IGNORE, PAM_DO_IGNORE, false },
		{ "[success=ok ignore=reset default=die]", PAM_DO_OK, PAM_DO_DIE, PAM_DO_RESET,
		    false },
		{ "[ success = done ]", PAM_DO_DONE, PAM_DO_BAD, PAM_DO_BAD, false },
		{ "[default=bad success=12]", 12, PAM_DO_BAD, PAM_DO_BAD,
		    false },
		{ "[success=0]", PAM_DO_BAD, PAM_DO_BAD, PAM_DO_BAD, true },
		{ "[success]", PAM_DO_BAD, PAM_DO_BAD, PAM_DO_BAD, true },
		{ "[succes=ok]", PAM_DO_BAD, PAM_DO_BAD, PAM_DO_BAD, true },
		{ "needed", PAM_DO_BAD, PAM_DO_BAD, PAM_DO_BAD, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pam_stack s;
		char text[128];
		snprintf(text, sizeof text, "auth %s pam_x.so\n", rows[i].control);
		read_text(&s, text);
		assert_int_equal(s.count, 1);
		assert_int_equal(s.line[0].action[SUCCESS], rows[i].success);
		assert_int_equal(s.line[0].action[AUTH_ERR], rows[i].auth_err);
		assert_int_equal(s.line[0].action[IGNORE], rows[i].ignore);
		assert_int_equal(s.fault[0] != '\0', rows[i].is_fault);
		pam_stack_free(&s);
	}
}

static void
test_includes(void **state)
{
	struct pam_stack s;

	(void)state;
	read_text(&s, "@include common-auth\nauth substack common-auth\nauth include mixed\n"
		      "auth include /etc/elsewhere\n");
	assert_string_equal(s.fault, "");
	assert_int_equal(s.count, 4 + 1 + 4 + 1 + 1);
	assert_int_equal(s.line[3].level, 0);
	assert_true(s.line[4].is_substack);
	assert_int_equal(s.line[5].level, 1);
	assert_string_equal(s.line[5].place, "common-auth:1");
	assert_int_equal(s.line[10].kind, PAM_KIND_PASSWORD);
	pam_stack_free(&s);
}

static void
test_what_libpam_refuses(void **state)
{
	static const struct {
		const char *text;
		bool is_refused;
		unsigned count;
	} rows[] = {
		{ "auth\n", false, 1 },
		{ "auth required\n", false, 1 },
		{ "auht required pam_unix.so\n", false, 1 },
		{ "auth include nowhere\n", false, 1 },
		{ "auth substack nowhere\n", false, 2 },
		{ "auth include\n", false, 1 },
		{ "auth include loop\n", false, 1 },
		{ "@include nowhere\n" TOTP, true, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pam_stack s;
		struct pam_verdict v;
		read_text(&s, rows[i].text);
		assert_string_not_equal(s.fault, "");
		assert_int_equal(s.is_refused, rows[i].is_refused);
		assert_int_equal(s.count, rows[i].count);
		pam_stack_judge(&s, false, &v);
		assert_false(v.can_pass_without);
		pam_stack_free(&s);
	}
}

static void
test_what_does_not_fit_is_told(void **state)
{
	struct pam_stack s;
	char *text = calloc(1, 200000);

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i <= PAM_STACK_LINES_MAX; i++)
		strcat(text, "auth required pam_permit.so\n");
	read_text(&s, text);
	assert_string_not_equal(s.fault, "");
	assert_true(s.is_refused);
	pam_stack_free(&s);
	memset(text, 'a', 3000);
	memcpy(text, "auth required ", 14);
	text[3000] = '\0';
	read_text(&s, text);
	assert_string_not_equal(s.fault, "");
	assert_true(s.is_refused);
	pam_stack_free(&s);
	free(text);
}

/* The account lines of the same file, without the auth lines. */
static void
test_another_type(void **state)
{
	struct pam_stack s;
	char text[] = "@include common-auth\nauth bad\naccount include mixed\n"
		      "account required pam_totp.so\nacount required pam_x.so\n";

	(void)state;
	assert_true(pam_stack_read(&s, "service", "account", give, text));
	assert_string_equal(s.fault, "");
	assert_int_equal(s.count, 2);
	assert_int_equal(s.line[0].kind, PAM_KIND_DENY);
	assert_int_equal(s.line[1].kind, PAM_KIND_TOTP);
	pam_stack_free(&s);
}

static void
test_other_stands_in(void **state)
{
	static const char *const texts[] = { NULL, "", "session required pam_permit.so\n" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct pam_stack s;
		read_text(&s, texts[i]);
		assert_true(s.is_other);
		assert_int_equal(s.count, 1);
		assert_int_equal(s.line[0].kind, PAM_KIND_DENY);
		pam_stack_free(&s);
	}
}

/* --- judging ----------------------------------------------------------------------------- */

/* Whether the verdict has this bypass at this line, or (how 0) none at all. */
static bool
has_bypass(const struct pam_verdict *v, int how, unsigned line)
{
	if (how == 0)
		return v->bypass_count == 0;
	for (unsigned i = 0; i < v->bypass_count; i++)
		if ((int)v->bypass[i].how == how && v->bypass[i].line == line)
			return true;
	return false;
}

static void
test_stacks(void **state)
{
	static const struct {
		const char *text;
		int how; /* 0: nobody gets past */
		unsigned line;
		bool can_pass;
		bool is_open_to_strangers;
	} rows[] = {
		/* What is shipped. */
		{ "@include common-auth\n" TOTP, 0, 0, true, false },
		/* A substack's "die" ends the substack alone: pam_totp is asked after it. */
		{ "auth substack common-auth\n" TOTP, 0, 0, true, true },
		{ "auth include with-code\n", 0, 0, true, false },
		{ "auth requisite pam_unix.so\n" TOTP, 0, 0, true, false },
		{ "auth sufficient pam_rootok.so\n@include common-auth\n" TOTP, 0, 0, true, false },
		{ "auth requisite pam_unix.so\nauth requisite pam_totp.so\n", 0, 0, true, false },
		{ "auth requisite pam_unix.so\n"
		  "auth [success=ok ignore=ignore default=die] pam_totp.so\n", 0, 0, true, false },
		{ "auth required pam_faillock.so preauth\n"
		  "auth [success=1 default=bad] pam_unix.so\n"
		  "auth [default=die] pam_faillock.so authfail\n"
		  "auth sufficient pam_faillock.so authsucc\n" TOTP, PAM_BYPASS_OVER, 3, true,
		    false },
		/* The password is not known to be right. */
		{ "auth required pam_unix.so\n" TOTP, 0, 0, true, true },
		{ TOTP "@include common-auth\n", 0, 0, true, true },
		/* Past it. */
		{ "auth sufficient pam_unix.so\n" TOTP, PAM_BYPASS_OVER, 0, false, true },
		{ "auth [success=done default=die] pam_unix.so\n" TOTP, PAM_BYPASS_OVER, 0, false,
		    false },
		{ "auth required pam_env.so\nauth [success=2 default=ignore] pam_unix.so\n"
		  "auth requisite pam_deny.so\n" TOTP "auth required pam_permit.so\n",
		    PAM_BYPASS_OVER, 1, false, false },
		{ "auth required pam_unix.so\nauth sufficient pam_corp.so\n" TOTP, PAM_BYPASS_OVER,
		    1, true, true },
		{ "auth [success=1 default=ignore] pam_succeed_if.so user ingroup x\n" TOTP
		  "auth required pam_unix.so\n", PAM_BYPASS_OVER, 0, true, true },
		/* A substack's decision ends only the substack. */
		{ "auth substack sufficient\n" TOTP, 0, 0, true, true },
		/* Its refusal does not count. */
		{ "@include common-auth\nauth optional pam_totp.so\n", PAM_BYPASS_REFUSED, 4, true,
		    false },
		{ "@include common-auth\nauth sufficient pam_totp.so\n", PAM_BYPASS_REFUSED, 4,
		    true, false },
		{ "auth required pam_unix.so\n"
		  "auth [success=ok authinfo_unavail=ignore default=die] pam_totp.so\n",
		    PAM_BYPASS_REFUSED, 1, true, true },
		{ "auth required pam_unix.so\n" TOTP
		  "auth [success=reset default=ignore] pam_x.so\n"
		  "auth required pam_permit.so\n", PAM_BYPASS_REFUSED, 1, true, true },
		{ "auth sufficient pam_totp.so\nauth required pam_unix.so\n", PAM_BYPASS_REFUSED, 0,
		    false, true },
		/* The code in the place of the password. */
		{ "auth sufficient pam_totp.so\nauth required pam_unix.so\n", PAM_BYPASS_CODE_ONLY,
		    0, false, true },
		{ "auth [success=done default=die] pam_totp.so\nauth required pam_unix.so\n",
		    PAM_BYPASS_CODE_ONLY, 0, false, true },
		{ "auth optional pam_unix.so\n" TOTP, PAM_BYPASS_CODE_ONLY, 1, true, true },
		/* Nobody gets in. */
		{ "auth required pam_unix.so\nauth include nowhere\n" TOTP, 0, 0, false, true },
		{ "auth required pam_deny.so\n@include common-auth\n" TOTP, 0, 0, false, false },
		{ "auth requisite pam_unix.so\nauth [success=3 default=die] pam_totp.so\n", 0, 0,
		    false, false },
		/* Two factors, either of which is enough after the password. */
		{ "auth requisite pam_unix.so\nauth sufficient pam_u2f.so\n" TOTP, PAM_BYPASS_OVER,
		    1, true, false },
	};

	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pam_stack s;
		struct pam_verdict v;
		read_text(&s, rows[i].text);
		pam_stack_judge(&s, false, &v);
		if (!has_bypass(&v, rows[i].how, rows[i].line) || v.is_unknown ||
		    v.can_pass != rows[i].can_pass ||
		    v.is_open_to_strangers != rows[i].is_open_to_strangers) {
			print_error("row %zu: %u bypasses, first %d at %u, pass %d, "
			    "strangers %d\n%s", i, v.bypass_count,
			    v.bypass_count > 0 ? (int)v.bypass[0].how : 0,
			    v.bypass[0].line, v.can_pass, v.is_open_to_strangers, rows[i].text);
			wrong++;
		}
		pam_stack_free(&s);
	}
	assert_int_equal(wrong, 0);
}

static void
test_a_substack_keeps_its_decision(void **state)
{
	struct pam_stack s;
	struct pam_verdict v;

	(void)state;
	/* Jumps count a substack as one module, and end with it. */
	read_text(&s, "auth [success=1 default=ignore] pam_unix.so\n"
		      "auth substack common-auth\n" TOTP);
	pam_stack_judge(&s, false, &v);
	assert_true(has_bypass(&v, 0, 0));
	assert_true(v.is_reached);
	pam_stack_free(&s);
	read_text(&s, "auth [success=2 default=die] pam_unix.so\nauth substack common-auth\n" TOTP
		      "auth required pam_permit.so\n");
	pam_stack_judge(&s, false, &v);
	assert_true(has_bypass(&v, PAM_BYPASS_OVER, 0));
	pam_stack_free(&s);
}

static void
test_root_and_missing_modules(void **state)
{
	struct pam_stack s;
	struct pam_verdict v;

	(void)state;
	read_text(&s, "auth sufficient pam_rootok.so\n@include common-auth\n" TOTP);
	pam_stack_judge(&s, true, &v);
	assert_false(v.is_reached);
	s.line[5].is_missing = true; /* pam_totp itself: refuses, and so does the stack */
	pam_stack_judge(&s, false, &v);
	assert_false(v.can_pass);
	assert_true(has_bypass(&v, 0, 0));
	pam_stack_free(&s);
	read_text(&s, "@include common-auth\nauth [success=ok module_unknown=ignore default=die] "
		      "pam_totp.so\n");
	s.line[4].is_missing = true;
	pam_stack_judge(&s, false, &v);
	assert_true(has_bypass(&v, PAM_BYPASS_REFUSED, 4));
	pam_stack_free(&s);
	/* A line of no known type says perm_denied, and its control is obeyed. */
	read_text(&s, "auth required pam_permit.so\n"
		      "auht [perm_denied=1 default=bad] pam_x.so\n" TOTP
		      "auth required pam_permit.so\n");
	pam_stack_judge(&s, false, &v);
	assert_true(has_bypass(&v, PAM_BYPASS_OVER, 1));
	pam_stack_free(&s);
}

static void
test_enrolment_and_skipping(void **state)
{
	struct pam_stack s;
	struct pam_verdict v;

	(void)state;
	read_text(&s, "@include common-auth\nauth required pam_totp_enroll.so\n" TOTP);
	pam_stack_judge(&s, false, &v);
	assert_true(has_bypass(&v, 0, 0));
	assert_true(v.can_pass);
	assert_true(v.can_skip);
	assert_int_equal(pam_stack_find(&s, PAM_KIND_ENROL), 4);
	pam_stack_free(&s);
	/* Alone, a module that ignores itself lets nobody in. */
	read_text(&s, TOTP);
	pam_stack_judge(&s, false, &v);
	assert_false(v.can_skip);
	assert_false(v.has_password);
	assert_true(v.can_pass);
	pam_stack_free(&s);
}

/* Who has no password must not come to pam_totp_enroll, whatever stands after it. */
static void
test_enrolment_of_strangers(void **state)
{
	static const struct {
		const char *text;
		bool is_open;
	} rows[] = {
		{ "@include common-auth\n", false },
		{ "auth requisite pam_unix.so\n", false },
		{ "auth required pam_unix.so\n", true },
		{ "auth optional pam_unix.so\n", true },
		{ "auth [default=ignore success=ok] pam_unix.so\n", true },
		{ "auth required pam_sss.so\nauth requisite pam_unix.so\n", false },
		/* A requisite line of a substack ends but the substack. */
		{ "auth substack sufficient\n", true },
		/* No password at all: another door, as sshd's keys, stands before. */
		{ "auth required pam_env.so\n", false },
	};
	char text[512];
	struct pam_stack s;
	struct pam_verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(text, sizeof text, "%sauth requisite pam_totp_enroll.so\n" TOTP,
		    rows[i].text);
		read_text(&s, text);
		pam_stack_judge(&s, false, &v);
		if (v.is_enrolling_strangers != rows[i].is_open)
			fail_msg("%d of: %s", v.is_enrolling_strangers, text);
		pam_stack_free(&s);
	}
	/* The password comes too late. */
	read_text(&s, "auth requisite pam_totp_enroll.so\n@include common-auth\n" TOTP);
	pam_stack_judge(&s, false, &v);
	assert_true(v.is_enrolling_strangers);
	pam_stack_free(&s);
	/* Of pam_totp alone it is not said. */
	read_text(&s, "auth required pam_unix.so\n" TOTP);
	pam_stack_judge(&s, false, &v);
	assert_true(v.is_open_to_strangers);
	assert_false(v.is_enrolling_strangers);
	pam_stack_free(&s);
}

/* A deep stack of modules that may say anything is still judged, or said to be unknown. */
static void
test_many_modules(void **state)
{
	struct pam_stack s;
	struct pam_verdict v;
	char text[8192] = "auth required pam_permit.so\n";

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		strcat(text, "auth [success=2 new_authtok_reqd=1 ignore=reset default=ignore] "
			     "pam_x.so\n");
	strcat(text, TOTP);
	read_text(&s, text);
	pam_stack_judge(&s, false, &v);
	assert_true(v.is_unknown || has_bypass(&v, PAM_BYPASS_OVER, 39));
	pam_stack_free(&s);
}

/* --- sshd -T ------------------------------------------------------------------------------- */

#define SSHD_REST "permitemptypasswords no\npermitrootlogin without-password\n" \
	"hostbasedauthentication no\ngssapiauthentication no\n"

static void
test_sshd_ways(void **state)
{
	static const struct {
		const char *way;
		enum sshd_way is;
	} rows[] = {
		{ "publickey", SSHD_WAY_PAST },
		{ "hostbased", SSHD_WAY_PAST },
		{ "publickey,hostbased", SSHD_WAY_PAST },
		{ "keyboard-interactive:bsdauth", SSHD_WAY_PAST },
		{ "none", SSHD_WAY_PAST },
		{ "", SSHD_WAY_PAST },
		{ "password", SSHD_WAY_PASSWORD },
		{ "publickey,password", SSHD_WAY_PASSWORD },
		{ "keyboard-interactive", SSHD_WAY_ASKS },
		{ "keyboard-interactive:pam", SSHD_WAY_ASKS },
		{ "password,keyboard-interactive", SSHD_WAY_ASKS },
		{ "publickey,keyboard-interactive", SSHD_WAY_ASKS_AFTER },
		{ "publickey,keyboard-interactive:pam", SSHD_WAY_ASKS_AFTER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (doctor_sshd_way(rows[i].way) != rows[i].is)
			fail_msg("%s: %d", rows[i].way, (int)doctor_sshd_way(rows[i].way));
}

static void
test_sshd_output(void **state)
{
	struct sshd_facts f;

	(void)state;
	doctor_sshd_parse("usepam yes\npubkeyauthentication yes\npasswordauthentication no\n"
	    "kbdinteractiveauthentication yes\nauthenticationmethods any\n" SSHD_REST, &f);
	assert_true(f.is_whole);
	assert_true(f.use_pam);
	assert_false(f.permit_empty);
	assert_string_equal(f.root_login, "without-password");
	assert_int_equal(f.way_count, 2);
	assert_string_equal(f.way[0], "publickey");
	assert_string_equal(f.way[1], "keyboard-interactive");
	doctor_sshd_parse("usepam no\nauthenticationmethods publickey,password hostbased\n"
	    SSHD_REST, &f);
	assert_true(f.is_whole);
	assert_false(f.use_pam);
	assert_int_equal(f.way_count, 2);
	assert_string_equal(f.way[1], "hostbased");
	doctor_sshd_parse("Missing privilege separation directory: /run/sshd\n", &f);
	assert_false(f.is_whole);
	doctor_sshd_parse("usepam yes\nauthenticationmethods any\n" SSHD_REST, &f);
	assert_false(f.is_whole);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_of_a_line),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_includes),
		cmocka_unit_test(test_what_libpam_refuses),
		cmocka_unit_test(test_what_does_not_fit_is_told),
		cmocka_unit_test(test_another_type),
		cmocka_unit_test(test_other_stands_in),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_a_substack_keeps_its_decision),
		cmocka_unit_test(test_root_and_missing_modules),
		cmocka_unit_test(test_enrolment_and_skipping),
		cmocka_unit_test(test_enrolment_of_strangers),
		cmocka_unit_test(test_many_modules),
		cmocka_unit_test(test_sshd_ways),
		cmocka_unit_test(test_sshd_output),
	};

	return cmocka_run_group_tests_name("doctor_pam", tests, NULL, NULL);
}
