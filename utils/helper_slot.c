/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
/* How many of this program one user may have at once. While it waits it runs as root, so that
 * it counts for root and RLIMIT_NPROC does not bound its caller; this does:
 *
 *  1. A place is a byte of one file in a directory of root's, locked with the open file and so
 *     given back by whatever ends the process. Places of two users never meet.
 *  2. Nobody waits for a place: without one there is a refusal, and the caller's own other
 *     processes are the reason.
 *  3. The name of the file can be no user's, whose sessions lie beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/safefile.h"
#include "core/session.h"
#include "utils/helper.h"

#define SLOT_FILE ".helpers"
#define SLOTS_MAX 16 /* of one user */

/* Open the file; it stays open to the end of the process. -1: refused, with d set. */
static int
open_slots(struct diag *d)
{
	const struct safefile_rule rule = {.owner = 0, .forbidden = 0077, .max_len = 1,
	    .where = SESSION_DIR};
	int dir = -1;
	int fd = -1;

	if (session_open_dir(SESSION_DIR, 0, true, &dir, d) == 0 &&
	    safefile_open_or_create(dir, SLOT_FILE, &rule, &fd, NULL, d) != 0)
		fd = -1;
	safefile_close(&dir);
	return fd;
}

enum exit_code
slot_take(struct helper *h)
{
	struct diag d = {""};

	int fd = open_slots(&d);
	for (unsigned i = 0; fd >= 0 && i < SLOTS_MAX; i++) {
		struct flock place = {.l_type = F_WRLCK, .l_whence = SEEK_SET,
		    .l_start = (off_t)h->uid * SLOTS_MAX + i, .l_len = 1};

		if (fcntl(fd, F_OFD_SETLK, &place) == 0)
			return EXIT_CODE_OK;
		if (errno == EAGAIN || errno == EACCES)
			continue;
		(void)diag_set(&d, E_IO, "%s/%s: lock: %m", SESSION_DIR, SLOT_FILE);
		safefile_close(&fd);
	}
	if (fd < 0) {
		helper_log_trouble(h, d.text);
		return helper_end(h, EXIT_CODE_FAILURE,
		    "no place in " SESSION_DIR "; the system log has the details");
	}
	safefile_close(&fd);
	helper_log(h, false, "start", "too-many", "");
	return helper_end(h, EXIT_CODE_BUSY, "%u programs of yours are waiting here already: end "
	    "one, or try again", SLOTS_MAX);
}
