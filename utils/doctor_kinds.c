/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What PAM modules are to the doctor, by their names. It promises:
 *  1. A module that is not here is OTHER, which may say anything.
 *  2. What is here is so in every release of that module: a doubtful one stays out. */
#include <string.h>

#include "utils/doctor_pam.h"

static const struct {
	const char *name; /* of the file, without ".so" */
	enum pam_kind kind;
} kinds[] = {
	{ "pam_totp", PAM_KIND_TOTP }, { "pam_totp_enroll", PAM_KIND_ENROL },
	{ "pam_unix", PAM_KIND_PASSWORD }, { "pam_unix_auth", PAM_KIND_PASSWORD },
	{ "pam_unix2", PAM_KIND_PASSWORD }, { "pam_sss", PAM_KIND_PASSWORD },
	{ "pam_ldap", PAM_KIND_PASSWORD }, { "pam_krb5", PAM_KIND_PASSWORD },
	{ "pam_winbind", PAM_KIND_PASSWORD }, { "pam_userdb", PAM_KIND_PASSWORD },
	{ "pam_tcb", PAM_KIND_PASSWORD }, { "pam_pwdb", PAM_KIND_PASSWORD },
	{ "pam_systemd_home", PAM_KIND_PASSWORD }, { "pam_himmelblau", PAM_KIND_PASSWORD },
	{ "pam_u2f", PAM_KIND_FACTOR }, { "pam_yubico", PAM_KIND_FACTOR },
	{ "pam_fprintd", PAM_KIND_FACTOR }, { "pam_pkcs11", PAM_KIND_FACTOR },
	{ "pam_p11", PAM_KIND_FACTOR }, { "pam_ssh_agent_auth", PAM_KIND_FACTOR },
	{ "pam_oath", PAM_KIND_FACTOR }, { "pam_google_authenticator", PAM_KIND_FACTOR },
	{ "pam_duo", PAM_KIND_FACTOR }, { "pam_radius_auth", PAM_KIND_FACTOR },
	{ "pam_succeed_if", PAM_KIND_CONDITION }, { "pam_access", PAM_KIND_CONDITION },
	{ "pam_listfile", PAM_KIND_CONDITION }, { "pam_localuser", PAM_KIND_CONDITION },
	{ "pam_usertype", PAM_KIND_CONDITION }, { "pam_wheel", PAM_KIND_CONDITION },
	{ "pam_time", PAM_KIND_CONDITION },
	{ "pam_rootok", PAM_KIND_ROOT },
	{ "pam_env", PAM_KIND_QUIET }, { "pam_faildelay", PAM_KIND_QUIET },
	{ "pam_group", PAM_KIND_QUIET }, { "pam_echo", PAM_KIND_QUIET },
	{ "pam_warn", PAM_KIND_QUIET }, { "pam_keyinit", PAM_KIND_QUIET },
	{ "pam_gnome_keyring", PAM_KIND_QUIET }, { "pam_kwallet5", PAM_KIND_QUIET },
	{ "pam_permit", PAM_KIND_PERMIT }, { "pam_deny", PAM_KIND_DENY },
};

enum pam_kind
pam_kind_of(const char *module)
{
	const char *slash = strrchr(module, '/');
	const char *name = slash == NULL ? module : slash + 1;
	size_t len = strlen(name);

	if (len > 3 && strcmp(name + len - 3, ".so") == 0)
		len -= 3;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strlen(kinds[i].name) == len && strncmp(name, kinds[i].name, len) == 0)
			return kinds[i].kind;
	return PAM_KIND_OTHER;
}
