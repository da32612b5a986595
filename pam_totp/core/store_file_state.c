/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* One user's state file for the file back end. Obligations:
 *
 *  1. The newest whole slot is never the one that is written; until the new one is whole and
 *     synced the old one stands (DESIGN promises 5, 6).
 *  2. A file that is whole gets one pwrite(2) within its length and one fdatasync(2): no new
 *     block, no rename, no name (DESIGN promise 6: works on a full disk).
 *  3. "Cannot be read" is never "zero": RUIN is told apart from NONE, and a file with a
 *     wrong owner, mode, type or link is an error of its own (STYLE rule 7).
 *  4. A ruin, or half of one, is believed only under the lock: next to a writer a read may
 *     be torn.
 *  5. The lock counts only while the locked file has the name: store_file's removal unlinks
 *     it under that lock.
 *  6. The generation only grows. */

#include "store_file_state.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "safefile.h"

/* A file of another length is a ruin, not unsafe: it can be rebuilt, burnt. */
static struct safefile_rule
rule_for(uid_t owner)
{
	return (struct safefile_rule){
	    .owner = owner, .forbidden = 0077, .max_len = SIZE_MAX, .where = "state"};
}

static void
reset(struct store_file_state *f)
{
	memset(f, 0, sizeof(*f));
	f->fd = -1;
}

/* state_parse, unless these bytes are the last that were parsed. Only what is whole, or half,
 * is kept. */
static int
parse(const uint8_t file[STATE_FILE_LEN], struct store_file_parsed *p, struct diag *d)
{
	if (p->is_there && memcmp(p->file, file, STATE_FILE_LEN) == 0)
		return 0;
	p->is_there = false;
	int r = state_parse(file, &p->state, &p->slot, &p->is_half, d);
	if (r == 0) {
		memcpy(p->file, file, STATE_FILE_LEN);
		p->is_there = true;
	}
	return r;
}

/* Obligation 3. Leaves f->fd alone. */
static int
read_slots(int fd, struct store_file_parsed *parsed, struct store_file_state *f, struct diag *d)
{
	uint8_t file[STATE_FILE_LEN];
	size_t len = 0;

	f->kind = STORE_FILE_NONE;
	int r = safefile_read(fd, file, sizeof(file), &len, d);
	if (r == 0 && len == 0)
		return 0;
	if (r == 0 && len == sizeof(file))
		r = parse(file, parsed, d);
	else if (r == 0 || r == E_UNSAFE) /* shorter, or longer than a state file is */
		r = E_CORRUPT;
	if (r == E_CORRUPT) {
		f->kind = STORE_FILE_RUIN;
		return 0;
	}
	if (r != 0)
		return r;
	f->kind = parsed->is_half ? STORE_FILE_HALF : STORE_FILE_WHOLE;
	f->state = parsed->state;
	f->slot = parsed->slot;
	memcpy(f->sum, file + (f->slot + 1) * STATE_SLOT_LEN - STATE_SUM_LEN, sizeof(f->sum));
	return 0;
}

/* Open, lock when asked to, read, close. */
static int
read_once(int dir, const char *name, uid_t owner, bool is_locked,
    struct store_file_parsed *parsed, struct store_file_state *f, struct diag *d)
{
	const struct safefile_rule rule = rule_for(owner);
	int fd = -1;

	reset(f);
	int r = safefile_open(dir, name, is_locked ? O_RDWR : O_RDONLY, &rule, &fd, NULL, d);
	if (r == E_NOENT)
		return 0;
	if (r == 0 && is_locked)
		r = safefile_lock(fd, d);
	if (r == 0)
		r = read_slots(fd, parsed, f, d);
	safefile_close(&fd);
	if (r != 0)
		reset(f);
	return r;
}

int
store_file_state_read(int dir, const char *name, uid_t owner, bool may_lock,
    struct store_file_parsed *parsed, struct store_file_state *f, struct diag *d)
{
	int r = read_once(dir, name, owner, false, parsed, f, d);
	if (r == 0 && may_lock && (f->kind == STORE_FILE_RUIN || f->kind == STORE_FILE_HALF))
		r = read_once(dir, name, owner, true, parsed, f, d); /* obligation 4 */
	return r;
}

int
store_file_state_hold(int dir, const char *name, uid_t owner, bool may_create,
    struct store_file_parsed *parsed, struct store_file_state *f, struct diag *d)
{
	const struct safefile_rule rule = rule_for(owner);
	bool is_it = false;

	reset(f);
	int r = may_create ? safefile_open_or_create(dir, name, &rule, &f->fd, NULL, d)
			   : safefile_open(dir, name, O_RDWR, &rule, &f->fd, NULL, d);
	if (r == E_NOENT)
		return diag_set(d, E_CONFLICT, "state/%s: was removed meanwhile", name);
	if (r == 0)
		r = safefile_lock(f->fd, d);
	if (r == 0)
		r = safefile_is_at(f->fd, dir, name, &is_it, d);
	if (r == 0 && !is_it) /* obligation 5 */
		r = diag_set(d, E_CONFLICT, "state/%s: was removed meanwhile", name);
	if (r == 0)
		r = read_slots(f->fd, parsed, f, d);
	if (r != 0) {
		safefile_close(&f->fd);
		reset(f);
	}
	return r;
}

/* Obligations 1 and 2: slot goes beside the newest one. */
static int
write_beside(int fd, unsigned slot, const uint8_t bytes[STATE_SLOT_LEN], struct diag *d)
{
	int r = safefile_write_at(fd, bytes, STATE_SLOT_LEN, (uint64_t)slot * STATE_SLOT_LEN, d);
	if (r == 0 && fdatasync(fd) != 0)
		r = diag_set(d, E_IO, "a state file: fdatasync: %m");
	return r;
}

/* The first writing, or that of a ruin: the state in slot 0, zero in slot 1, both given their
 * blocks here so that no later commit needs one. What a ruin holds is put out of the way
 * first and for good: two whole slots that contradict each other are a ruin as well, and
 * half of one must not become the newest again by a crash in between. */
static int
write_anew(int fd, int dir, bool is_ruin, const uint8_t bytes[STATE_SLOT_LEN], struct diag *d)
{
	uint8_t file[STATE_FILE_LEN] = {0};
	int r = 0;

	if (is_ruin) {
		r = safefile_write_at(fd, file, sizeof(file), 0, d);
		if (r == 0 && ftruncate(fd, STATE_FILE_LEN) != 0)
			r = diag_set(d, E_IO, "a state file: ftruncate: %m");
		if (r == 0 && fsync(fd) != 0)
			r = diag_set(d, E_IO, "a state file: fsync: %m");
	}
	memcpy(file, bytes, STATE_SLOT_LEN);
	if (r == 0)
		r = safefile_write_at(fd, file, sizeof(file), 0, d);
	if (r == 0 && (fsync(fd) != 0 || fsync(dir) != 0))
		r = diag_set(d, E_IO, "a state file: fsync: %m");
	return r;
}

int
store_file_state_write(
    struct store_file_state *f, int dir, const struct state *state, struct diag *d)
{
	uint8_t bytes[STATE_SLOT_LEN] = {0};
	bool is_whole = f->kind == STORE_FILE_WHOLE || f->kind == STORE_FILE_HALF;
	unsigned slot = is_whole ? 1 - f->slot : 0;
	struct state next = *state;

	if (is_whole && f->state.generation == UINT64_MAX) /* obligation 6 */
		return diag_set(d, E_CORRUPT, "a state file: its generation cannot grow");
	next.generation = (is_whole ? f->state.generation : 0) + 1;

	int r = state_print(&next, bytes);
	if (r != 0)
		return diag_set(d, r, "a state that cannot be written: %s", diag_code_text(r));
	if (is_whole)
		r = write_beside(f->fd, slot, bytes, d);
	else
		r = write_anew(f->fd, dir, f->kind == STORE_FILE_RUIN, bytes, d);
	if (r != 0)
		return r;

	f->kind = STORE_FILE_WHOLE;
	f->state = next;
	f->slot = slot;
	memcpy(f->sum, bytes + STATE_SLOT_LEN - STATE_SUM_LEN, sizeof(f->sum));
	return 0;
}

void
store_file_state_close(struct store_file_state *f)
{
	safefile_close(&f->fd);
}
