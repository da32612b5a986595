/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The place of a login, for MFA sessions:
 *
 *  1. A place is a terminal that this process is controlled by, on this host. A login from
 *     afar has none, and so is always asked: an address is no proof of who is there.
 *  2. What tells two places apart is the kernel's word: the session of the terminal with the
 *     process that leads it and that one's start, the audit session, the boot. What the
 *     application says (tty, caller, service) narrows it further.
 *  3. A fact that cannot be had makes the bond incomplete, and such a bond matches nothing.
 *     Only the audit session may be absent, as many kernels have none. */

#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/safefile.h"
#include "core/text.h"

#define STAT_CAP 2048 /* a line of /proc/PID/stat is some 350 bytes */
#define OWNER 0	      /* SESSION_DIR is root's, whoever the process is */

/* The fields of proc_pid_stat(5) that follow the command's name, from 0 = its state. */
#define STAT_SESSION 3
#define STAT_TTY 4
#define STAT_START 19

/* Read a small file of the kernel's, and drop its last newline. */
static int
read_fact(const char *path, char *out, size_t cap)
{
	size_t len = 0;
	ssize_t n = -1;

	out[0] = '\0';
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0)
		return E_IO;
	do {
		n = read(fd, out + len, cap - 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < cap - 1) || (n < 0 && errno == EINTR));
	safefile_close(&fd);
	if (len > 0 && out[len - 1] == '\n')
		len--;
	out[len] = '\0';
	return n == 0 ? 0 : E_IO; /* not to its end: too long, or refused */
}

/* One number out of /proc/PID/stat. The command's name may hold blanks and parentheses, but no
 * later field does. */
static int
take_stat(const char *text, unsigned field, uint64_t max, uint64_t *out)
{
	const char *name_end = strrchr(text, ')');

	*out = 0;
	if (name_end == NULL)
		return E_INVALID;
	struct span rest = { name_end + 1, strlen(name_end + 1) };
	for (unsigned i = 0; i < field; i++)
		(void)bytes_next_word(&rest);
	return bytes_parse_u64(bytes_next_word(&rest), 1, max, out);
}

/* Obligation 2: the leader of our terminal's session. 0 on failure in the fields. */
static void
find_leader(struct session_bond *b)
{
	char text[STAT_CAP], path[64];
	struct bytes_writer w;
	uint64_t tty = 0, leader = 0, start = 0;

	/* A number of a terminal: any but 0, which is none. */
	if (read_fact("/proc/self/stat", text, sizeof(text)) != 0 ||
	    take_stat(text, STAT_TTY, UINT32_MAX, &tty) != 0 ||
	    take_stat(text, STAT_SESSION, INT32_MAX, &leader) != 0)
		return;
	bytes_writer_init(&w, path, sizeof(path));
	bytes_put(&w, "/proc/");
	bytes_put_u64(&w, leader);
	bytes_put(&w, "/stat");
	if (read_fact(path, text, sizeof(text)) != 0 ||
	    take_stat(text, STAT_START, UINT64_MAX, &start) != 0)
		return;
	b->leader = (uint32_t)leader; /* at most INT32_MAX */
	b->leader_start = start;
}

static int
copy_text(const char *from, char *to, size_t cap)
{
	return bytes_copy((struct span){ from, strlen(from) }, to, cap);
}

/* Obligations 1 to 3. Returns whether there is a whole bond. */
static bool
find_bond(const struct host *h, struct session_bond *b)
{
	char text[64];
	uint64_t audit = UINT32_MAX;

	*b = (struct session_bond){ .uid = h->uid };
	if (!h->is_account || !h->is_local)
		return false;
	if (copy_text(h->ruser, b->caller, sizeof(b->caller)) != 0 ||
	    copy_text(h->service, b->service, sizeof(b->service)) != 0 ||
	    copy_text(h->tty, b->tty, sizeof(b->tty)) != 0 ||
	    read_fact("/proc/sys/kernel/random/boot_id", text, sizeof(text)) != 0 ||
	    copy_text(text, b->boot, sizeof(b->boot)) != 0)
		return false;
	if (read_fact("/proc/self/sessionid", text, sizeof(text)) == 0 &&
	    bytes_parse_u64((struct span){ text, strlen(text) }, 0, UINT32_MAX, &audit) != 0)
		return false;
	b->audit_session = (uint32_t)audit;
	find_leader(b);
	return session_bond_ok(b);
}

/* Seconds since the boot, those asleep too; false: unknown. */
static bool
read_boottime(uint64_t *boottime_s)
{
	struct timespec ts;

	*boottime_s = 0;
	if (clock_gettime(CLOCK_BOOTTIME, &ts) != 0 || ts.tv_sec < 0)
		return false;
	*boottime_s = (uint64_t)ts.tv_sec;
	return true;
}

static void
log_trouble(const struct host *h, const char *what, int error, const struct diag *d)
{
	char line[2 * HOST_TEXT_CAP + 4 * DIAG_TEXT_MAX + 4 * HOST_TEXT_CAP];
	struct bytes_writer w;

	bytes_writer_init(&w, line, sizeof(line));
	bytes_put(&w, "event=");
	bytes_put(&w, what);
	text_put_field(&w, "user", h->user);
	text_put_field(&w, "service", h->service);
	text_put_field(&w, "error", d->text[0] != '\0' ? d->text : diag_code_text(error));
	host_log(h, LOG_WARNING, line);
}

bool
place_has_session(const struct host *h, const struct settings *s, struct store_entry *e,
    uint64_t now_s, char device[RECORD_NAME_CAP])
{
	struct session_bond bond;
	struct session_list list;
	struct diag d = { "" };
	uint64_t boottime_s = 0;
	int dir = -1;

	if (s->max_age_s == 0 || !e->has_record || e->health != STATE_WHOLE ||
	    e->state.is_locked || !find_bond(h, &bond) || !read_boottime(&boottime_s))
		return false;
	int r = session_open_dir(SESSION_DIR, OWNER, false, &dir, &d);
	if (r == 0)
		r = session_load(dir, OWNER, h->user, &list, &d);
	safefile_close(&dir);
	if (r != 0) {
		if (r != E_NOENT)
			log_trouble(h, "session-unreadable", r, &d);
		return false;
	}
	const struct session *found = session_find(&list, &bond, &e->record, now_s, boottime_s,
	    s->max_age_s);
	if (found == NULL)
		return false;
	const struct record_device *dev = record_find_id(&e->record, found->device_id);
	if (dev == NULL)
		return false;
	memcpy(device, dev->name, RECORD_NAME_CAP); /* it may have another name by now */
	return true;
}

/* Which device that was. The state of the device is looked at whenever the session is. */
static int
name_device(const struct host *h, struct store *store, const char *device, struct session *n,
    struct diag *d)
{
	struct store_entry e;

	int r = store_load(store, h->user, &e, d);
	const struct record_device *dev =
	    r == 0 && e.has_record ? record_find_name(&e.record, device) : NULL;
	if (dev != NULL) {
		n->device_id = dev->id;
		n->device_created = dev->created;
		memcpy(n->device, dev->name, sizeof(n->device));
	} else if (r == 0)
		r = diag_set(d, E_NOENT, "the device is gone");
	store_entry_wipe(&e);
	return r;
}

void
place_add_session(const struct host *h, struct store *store, const char *device)
{
	struct session n = { .wall_s = host_now() };
	struct diag d = { "" };
	int dir = -1;

	if (device[0] == '\0' || !find_bond(h, &n.bond) || !read_boottime(&n.boottime_s))
		return;
	int r = name_device(h, store, device, &n, &d);
	if (r == 0)
		r = session_open_dir(SESSION_DIR, OWNER, true, &dir, &d);
	if (r == 0)
		r = session_add(dir, OWNER, h->user, &n, &d);
	safefile_close(&dir);
	if (r != 0)
		log_trouble(h, "session-unwritten", r, &d);
}
