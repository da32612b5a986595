/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Who is in which group, for the programs; the module asks through libpam instead. What cannot
 * be looked up is an error and never "not a member", as settings could then be looser
 * than they are for members. */
#include "utils/member.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

int
member_find(void *user, const char *group, bool *is_member)
{
	int count = GROUPS_MAX;

	*is_member = false;
	errno = 0;
	const struct group *gr = getgrnam(group);
	if (gr == NULL)
		return errno == 0 || errno == ENOENT ? E_NOENT : E_IO;
	gid_t wanted = gr->gr_gid;

	if (user == NULL)
		return E_OK;
	/* getgrouplist(3) cannot say that a directory did not answer, so the group's own list of
	 * members counts as well. */
	for (char *const *member = gr->gr_mem; member != NULL && *member != NULL; member++)
		if (strcmp(*member, user) == 0)
			*is_member = true;
	errno = 0;
	const struct passwd *pw = getpwnam(user);
	if (pw == NULL)
		return errno == 0 || errno == ENOENT ? E_OK : E_IO;

	gid_t *list = calloc(GROUPS_MAX, sizeof *list);
	if (list == NULL)
		return E_IO;
	int r = getgrouplist(user, pw->pw_gid, list, &count) < 0 ? E_IO : E_OK;
	for (int i = 0; r == 0 && i < count; i++)
		if (list[i] == wanted)
			*is_member = true;
	free(list);
	return r;
}
