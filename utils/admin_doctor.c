/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* totp-admin doctor: whether the second factor is really asked for, and whether somebody is
 * about to be locked out. It changes nothing and needs root, because it reads what only root
 * may. It promises:
 *  1. Broken settings or a broken store end no examination: they are findings.
 *  2. It ends with 0 only when nothing was found to FAIL, and with 1 otherwise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utils/admin.h"
#include "utils/doctor_parts.h"

/* A service name is a file name, and libpam makes it lower case. */
static bool
is_service_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < DOCTOR_SERVICE_CAP && name[0] != '.' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

static enum exit_code
check_options(const struct admin *a, struct doctor_paths *p)
{
	static const struct {
		enum admin_option option;
		const char *name;
	} paths[] = {
		{ OPTION_CONF, "--conf" }, { OPTION_PAM_DIR, "--pam-dir" },
		{ OPTION_SSHD_CONFIG, "--sshd-config" }, { OPTION_SUDOERS, "--sudoers" },
	};
	const char *user = a->option[OPTION_USER];
	const char *service = a->option[OPTION_SERVICE];
	struct diag why = { "" };

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		const char *path = a->option[paths[i].option];
		if (path != NULL && path[0] != '/')
			return admin_fail(EXIT_CODE_USAGE, "%s: expected an absolute path",
			    paths[i].name);
	}
	if ((user == NULL) != (service == NULL))
		return admin_fail(EXIT_CODE_USAGE, "--user and --service go together");
	if (service != NULL && !is_service_name(service))
		return admin_fail(EXIT_CODE_USAGE, "--service: expected the name of a PAM service "
		    "in lower case");
	if (user != NULL && admin_check_user(user) != EXIT_CODE_OK)
		return EXIT_CODE_USAGE;
	if (p->store != NULL) {
		char store[CONFIG_TEXT_CAP + 8];
		struct settings scratch;
		int len = snprintf(store, sizeof store, "store=%s", p->store);
		config_defaults(&scratch);
		if (len < 0 || (size_t)len >= sizeof store ||
		    config_parse_argument(store, &scratch, &why) != 0)
			return admin_fail(EXIT_CODE_USAGE, "--store: %s", why.text);
	}
	if (geteuid() != 0)
		return admin_fail(EXIT_CODE_NOT_PERMITTED,
		    "needs root: it reads what only root may");
	return EXIT_CODE_OK;
}

static void
examine_all(struct doctor *d, const struct doctor_paths *p, struct doctor_guards *g)
{
	doctor_check_settings(d, p, g);
	doctor_check_store(d, p, g);
	doctor_check_confinement(d, p, g);
	doctor_check_helper(d);
	doctor_check_sshd(d, p, g, NULL);
	doctor_check_sudo(d, p, g);
	doctor_check_clock(d);
	doctor_check_root(d, p, g);
}

enum exit_code
admin_doctor(struct admin *a, char *const *operand)
{
	struct doctor_paths p = {
		.pam_dir = a->option[OPTION_PAM_DIR],
		.sshd_config = a->option[OPTION_SSHD_CONFIG],
		.sudoers = a->option[OPTION_SUDOERS],
		.conf = a->option[OPTION_CONF],
		.store = a->option[OPTION_STORE],
	};
	struct doctor d = { .finding = NULL };
	struct doctor_guards *g = NULL;

	(void)operand;
	enum exit_code code = check_options(a, &p);
	if (code != EXIT_CODE_OK)
		return code;
	if (p.conf == NULL)
		p.conf = DEFAULT_CONF;
	if (p.sudoers == NULL)
		p.sudoers = "/etc/sudoers";
	g = calloc(1, sizeof *g);
	if (g == NULL)
		return admin_fail(EXIT_CODE_FAILURE, "out of memory");
	const char *service = a->option[OPTION_SERVICE];
	if (service == NULL) {
		doctor_check_services(&d, &p, g);
		examine_all(&d, &p, g);
	} else {
		struct doctor aside = { .finding = NULL };
		doctor_explain(&d, &p, a->option[OPTION_USER], service);
		/* Which services are guarded is asked, but not told again. */
		doctor_check_services(&aside, &p, g);
		if (strcmp(service, "sshd") == 0)
			doctor_check_sshd(&d, &p, g, a->option[OPTION_USER]);
		d.is_out_of_memory |= aside.is_out_of_memory;
		doctor_free(&aside);
	}
	doctor_print(&d, a->option[OPTION_JSON] != NULL);
	if (d.is_out_of_memory)
		code = admin_fail(EXIT_CODE_FAILURE, "out of memory: not everything was looked at");
	else if (doctor_worst(&d, NULL) == DOCTOR_FAIL)
		code = EXIT_CODE_FAILURE;
	free(g);
	doctor_free(&d);
	return code;
}
