/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The doctor's reader of systemd units, on texts: what the service can do with a directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "utils/doctor_unit.h"

#define STORE "/var/lib/pam_totp"

static void
read_text(struct unit *u, const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 1); /* not terminated for the reader: valgrind sees it */

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(u, 0, sizeof *u);
	unit_apply(u, copy, len);
	free(copy);
}

static void
test_access(void **state)
{
	static const struct {
		const char *text;
		enum unit_access access;
	} rows[] = {
		{ "", UNIT_WRITABLE },
		{ "[Service]\nExecStart=/usr/sbin/sshd\n", UNIT_WRITABLE },
		{ "[Service]\nProtectSystem=strict\n", UNIT_READ_ONLY },
		{ "[Service]\nProtectSystem=strict", UNIT_READ_ONLY },
		{ "[Service]\nProtectSystem=full\n", UNIT_WRITABLE },
		{ "[Service]\nProtectSystem=yes\n", UNIT_WRITABLE },
		{ "[Service]\nProtectSystem=strict\nProtectSystem=full\n", UNIT_WRITABLE },
		{ "[Service]\nProtectSystem=strict\nReadWritePaths=" STORE "\n", UNIT_WRITABLE },
		{ "[Service]\nProtectSystem=strict\nReadWritePaths=/run -/var/lib\n",
		    UNIT_WRITABLE },
		{ "[Service]\nProtectSystem=strict\nReadWritePaths=\"/var/lib/pam_totp/\"\n",
		    UNIT_WRITABLE },
		{ "[Service]\nProtectSystem=strict\nReadWritePaths=/var/lib/pam\n",
		    UNIT_READ_ONLY },
		{ "[Service]\nReadWritePaths=/var\nProtectSystem=strict\nReadWritePaths=\n",
		    UNIT_READ_ONLY },
		{ "[Service]\nProtectSystem=strict\nStateDirectory=ssh pam_totp\n", UNIT_WRITABLE },
		{ "[Service]\nProtectSystem=strict\nStateDirectory=pam_totp:other\n",
		    UNIT_WRITABLE },
		{ "[Service]\nReadOnlyPaths=/etc /var\n", UNIT_READ_ONLY },
		{ "[Service]\nReadOnlyPaths=/etc \\\n # a comment\n /var\n", UNIT_READ_ONLY },
		{ "[Service]\nReadOnlyDirectories = /var/lib\n", UNIT_READ_ONLY },
		{ "[Service]\nReadOnlyPaths=" STORE "\nReadWritePaths=" STORE "\n",
		    UNIT_READ_ONLY },
		{ "[Service]\nReadOnlyPaths=/var\nReadWritePaths=/var/lib\n", UNIT_WRITABLE },
		{ "[Service]\nInaccessiblePaths=/var\nReadWritePaths=" STORE "\n", UNIT_HIDDEN },
		{ "[Service]\nTemporaryFileSystem=/var:ro\n", UNIT_HIDDEN },
		{ "[Service]\nTemporaryFileSystem=/var\nBindPaths=" STORE "\n", UNIT_WRITABLE },
		{ "[Service]\nTemporaryFileSystem=/var\nBindReadOnlyPaths=" STORE "\n",
		    UNIT_READ_ONLY },
		{ "[Service]\nPrivateTmp=yes\n", UNIT_WRITABLE },
		/* Not of the section, not a setting, a comment. */
		{ "[Unit]\nProtectSystem=strict\n[Service]\n", UNIT_WRITABLE },
		{ "[Service]\n#ProtectSystem=strict\n ; ProtectSystem=strict\n", UNIT_WRITABLE },
		{ "[Service]\nProtectSystem\nprotectsystem=strict\n", UNIT_WRITABLE },
		{ "ProtectSystem=strict\n", UNIT_WRITABLE },
		{ "[Service]\nExecStart=/bin/x \\\nProtectSystem=strict\n", UNIT_WRITABLE },
		{ "[Service]\r\nProtectSystem=strict\r\n", UNIT_READ_ONLY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct unit u;
		read_text(&u, rows[i].text);
		if (unit_access(&u, STORE) != rows[i].access)
			fail_msg("%d, not %d, of: %s", unit_access(&u, STORE), rows[i].access,
			    rows[i].text);
		assert_false(u.is_too_long);
	}
}

static void
test_other_directories(void **state)
{
	struct unit u;

	(void)state;
	read_text(&u, "[Service]\nProtectSystem=full\nPrivateTmp=true\n");
	assert_int_equal(unit_access(&u, "/etc/pam_totp"), UNIT_READ_ONLY);
	assert_int_equal(unit_access(&u, "/usr/share/x"), UNIT_READ_ONLY);
	assert_int_equal(unit_access(&u, "/tmp/store"), UNIT_HIDDEN);
	assert_int_equal(unit_access(&u, "/var/tmp/store"), UNIT_HIDDEN);
	assert_int_equal(unit_access(&u, "/var/tmpfs"), UNIT_WRITABLE);
	read_text(&u, "[Service]\nProtectSystem=yes\n");
	assert_int_equal(unit_access(&u, "/etc/pam_totp"), UNIT_WRITABLE);
}

/* A drop-in is read after what it changes. */
static void
test_drop_ins(void **state)
{
	static const char strict[] = "[Service]\nProtectSystem=strict\nNoNewPrivileges=yes\n";
	static const char loose[] = "[Service]\nNoNewPrivileges=no\nReadWritePaths=" STORE "\n";
	struct unit u;

	(void)state;
	read_text(&u, strict);
	assert_true(u.is_without_new_privileges);
	unit_apply(&u, loose, sizeof loose - 1);
	assert_false(u.is_without_new_privileges);
	assert_int_equal(unit_access(&u, STORE), UNIT_WRITABLE);
}

static void
test_who(void **state)
{
	struct unit u;

	(void)state;
	read_text(&u, "[Service]\nUser=polkitd\n");
	assert_true(unit_is_without_root(&u));
	assert_string_equal(u.user, "polkitd");
	read_text(&u, "[Service]\nUser=polkitd\nUser=\n");
	assert_false(unit_is_without_root(&u));
	read_text(&u, "[Service]\nUser=root\n");
	assert_false(unit_is_without_root(&u));
	read_text(&u, "[Service]\nDynamicUser=1\n");
	assert_true(unit_is_without_root(&u));
	read_text(&u, "[Service]\nRootDirectory=/srv/jail\n");
	assert_true(u.has_own_root);
	read_text(&u, "[Service]\nRootDirectory=/\n");
	assert_false(u.has_own_root);
}

static void
test_what_does_not_fit_is_told(void **state)
{
	char text[UNIT_PATHS_MAX * 16 + 64] = "[Service]\nReadOnlyPaths=";
	struct unit u;

	(void)state;
	for (unsigned i = 0; i <= UNIT_PATHS_MAX; i++)
		strcat(text, "/a ");
	read_text(&u, text);
	assert_true(u.is_too_long);
	assert_int_equal(u.count, UNIT_PATHS_MAX);
	char path[400] = "[Service]\nReadOnlyPaths=/";
	memset(path + strlen(path), 'x', 300);
	read_text(&u, path);
	assert_true(u.is_too_long);
	char *line = malloc(5000);
	assert_non_null(line);
	memset(line, 'x', 4999);
	line[4999] = '\0';
	memcpy(line, "[Service]\n", 10);
	read_text(&u, line);
	assert_true(u.is_too_long);
	/* Also where it goes on; what follows is read again. */
	memcpy(line + 4950, "\\\n\nProtectSystem=strict\n", 25); /* with its end */
	read_text(&u, line);
	assert_true(u.is_too_long);
	assert_int_equal(unit_access(&u, STORE), UNIT_READ_ONLY);
	free(line);
	memset(path, 'u', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	memcpy(path, "[Service]\nUser=", 15);
	read_text(&u, path);
	assert_true(u.is_too_long);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_other_directories),
		cmocka_unit_test(test_drop_ins),
		cmocka_unit_test(test_who),
		cmocka_unit_test(test_what_does_not_fit_is_told),
	};

	return cmocka_run_group_tests_name("doctor_unit", tests, NULL, NULL);
}
