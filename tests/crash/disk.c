/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Notes what the shipped code does to a folder: every call of a traced child that makes, fills,
 * cuts, renames, removes or syncs something below it, in order.
 *
 *  1. Files are known by device and inode, as the child's descriptors lead to them, so it
 *     does not matter by which path or copy of a descriptor they were reached.
 *  2. Calls that change files in a way that is not modelled are not passed over: disk_check
 *     compares what the notes lead to with what is there. */

#include "disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static struct disk_entry *
entry_of(struct disk_view *v, int folder, const char *name)
{
	for (unsigned i = 0; i < v->entry_count; i++)
		if (v->entry[i].folder == folder && strcmp(v->entry[i].name, name) == 0)
			return &v->entry[i];
	return NULL;
}

static void
put_entry(struct disk_view *v, int folder, const char *name, int file)
{
	struct disk_entry *e = entry_of(v, folder, name);

	if (e == NULL) {
		assert_true(v->entry_count < DISK_ENTRIES_MAX);
		e = &v->entry[v->entry_count++];
	}
	e->folder = folder;
	e->file = file;
	(void)snprintf(e->name, sizeof(e->name), "%s", name);
}

static void
drop_entry(struct disk_view *v, int folder, const char *name)
{
	struct disk_entry *e = entry_of(v, folder, name);

	if (e != NULL)
		*e = v->entry[--v->entry_count];
}

void
disk_apply(struct disk_view *v, const struct disk_op *op)
{
	struct disk_file *f = &v->file[op->file];

	switch (op->kind) {
	case DISK_MAKE:
		put_entry(v, op->folder, op->name, op->file);
		break;
	case DISK_UNLINK:
		drop_entry(v, op->folder, op->name);
		break;
	case DISK_RENAME:
		drop_entry(v, op->folder, op->from);
		put_entry(v, op->folder, op->name, op->file);
		break;
	case DISK_WRITE:
		memcpy(f->bytes + op->offset, op->bytes, op->len);
		if (f->len < op->offset + op->len)
			f->len = op->offset + op->len;
		break;
	case DISK_CUT:
		if (op->offset < f->len)
			memset(f->bytes + op->offset, 0, f->len - op->offset);
		f->len = op->offset;
		break;
	case DISK_SYNC:
		break;
	}
}

const struct disk_file *
disk_find(const struct disk_view *v, const char *dir, const char *name)
{
	int folder = DISK_ROOT;

	for (unsigned pass = 0; pass < 2; pass++) {
		const char *wanted = pass == 0 ? dir : name;
		int found = -1;
		if (*wanted == '\0')
			continue;
		for (unsigned i = 0; i < v->entry_count; i++)
			if (v->entry[i].folder == folder && strcmp(v->entry[i].name, wanted) == 0)
				found = v->entry[i].file;
		if (found < 0)
			return NULL;
		folder = found;
	}
	return &v->file[folder];
}

/* --- what is there ---------------------------------------------------------------- */

static int
new_file(struct disk *d, const struct stat *st)
{
	assert_true(d->file_count < DISK_FILES_MAX);
	int file = d->file_count++;
	d->real[file].device = st->st_dev;
	d->real[file].inode = st->st_ino;
	d->now.file[file].is_folder = S_ISDIR(st->st_mode);
	return file;
}

static void
read_folder(struct disk *d, const char *path, int folder)
{
	DIR *dir = opendir(path);
	char below[1024];

	assert_non_null(dir);
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
		assert_int_equal(lstat(below, &st), 0);
		int file = new_file(d, &st);
		put_entry(&d->now, folder, e->d_name, file);
		if (S_ISDIR(st.st_mode)) {
			read_folder(d, below, file);
			continue;
		}
		struct disk_file *f = &d->now.file[file];
		int fd = open(below, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		assert_true(fd >= 0 && st.st_size <= DISK_FILE_MAX);
		f->len = (size_t)st.st_size;
		assert_int_equal(read(fd, f->bytes, f->len), st.st_size);
		(void)close(fd);
	}
	(void)closedir(dir);
}

struct disk *
disk_new(const char *root)
{
	struct disk *d = calloc(1, sizeof(*d));
	struct stat st;

	assert_non_null(d);
	(void)snprintf(d->root, sizeof(d->root), "%s", root);
	assert_int_equal(stat(root, &st), 0);
	assert_int_equal(new_file(d, &st), DISK_ROOT);
	read_folder(d, root, DISK_ROOT);
	d->start = d->now;
	return d;
}

void
disk_check(const struct disk *d)
{
	struct disk *seen = disk_new(d->root);

	assert_int_equal(seen->now.entry_count, d->now.entry_count);
	for (unsigned i = 0; i < d->now.entry_count; i++) {
		const struct disk_entry *e = &d->now.entry[i];
		bool is_there = false;
		for (unsigned k = 0; k < seen->now.entry_count; k++) {
			const struct disk_entry *other = &seen->now.entry[k];
			const struct disk_file *a = &d->now.file[e->file];
			const struct disk_file *b = &seen->now.file[other->file];
			is_there |= strcmp(e->name, other->name) == 0 &&
			    d->real[e->folder].inode == seen->real[other->folder].inode &&
			    d->real[e->file].inode == seen->real[other->file].inode &&
			    a->is_folder == b->is_folder && a->len == b->len &&
			    memcmp(a->bytes, b->bytes, a->len) == 0;
		}
		if (!is_there)
			fail_msg("%s: %s is not what was noted of it", d->root, e->name);
	}
	free(seen);
}

static void
put_folder(const struct disk_view *v, const char *path, int folder)
{
	char below[1024];

	for (unsigned i = 0; i < v->entry_count; i++) {
		const struct disk_entry *e = &v->entry[i];
		const struct disk_file *f = &v->file[e->file];
		if (e->folder != folder)
			continue;
		(void)snprintf(below, sizeof(below), "%s/%s", path, e->name);
		if (f->is_folder) {
			assert_int_equal(mkdir(below, 0700), 0);
			put_folder(v, below, e->file);
			continue;
		}
		int fd = open(below, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, f->bytes, f->len), (ssize_t)f->len);
		assert_int_equal(close(fd), 0);
	}
}

/* Below the root, which is the test's own. */
static void
remove_below(const char *path)
{
	DIR *dir = opendir(path);
	char below[1024];

	assert_non_null(dir);
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
		if (unlink(below) != 0) {
			remove_below(below);
			assert_int_equal(rmdir(below), 0);
		}
	}
	(void)closedir(dir);
}

void
disk_put(const struct disk *d, const struct disk_view *v)
{
	remove_below(d->root);
	put_folder(v, d->root, DISK_ROOT);
}

/* --- what is done to it ------------------------------------------------------------- */

/* Obligation 1; -1: nothing of ours. */
static int
file_at(const struct disk *d, long child, unsigned long fd)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%ld/fd/%d", child, (int)fd);
	if ((int)fd < 0 || stat(path, &st) != 0)
		return -1;
	/* The latest first: an inode that was given back may serve again. */
	for (int i = d->file_count - 1; i >= 0; i--)
		if (d->real[i].device == st.st_dev && d->real[i].inode == st.st_ino)
			return i;
	return -1;
}

static size_t
peek(long child, unsigned long at, void *buf, size_t len)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%ld/mem", child);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = pread(fd, buf, len, (off_t)at);
	assert_true(n > 0);
	(void)close(fd);
	return (size_t)n;
}

static void
peek_name(long child, unsigned long at, char name[DISK_NAME_CAP])
{
	char text[256] = "";

	(void)peek(child, at, text, sizeof(text) - 1);
	size_t len = strlen(text);
	if (len < DISK_NAME_CAP && strchr(text, '/') == NULL)
		memcpy(name, text, len + 1);
	else
		fail_msg("a name below the store: %s", text);
}

static void
keep(struct disk *d, const struct disk_op *op)
{
	assert_true(d->op_count < DISK_OPS_MAX);
	d->op[d->op_count++] = *op;
	disk_apply(&d->now, op);
}

/* A file or folder that may be new. */
static void
note_make(struct disk *d, long child, int folder, unsigned long name)
{
	struct disk_op op = { .kind = DISK_MAKE, .folder = folder };
	char path[512];
	struct stat st;

	peek_name(child, name, op.name);
	if (folder < 0 || entry_of(&d->now, folder, op.name) != NULL)
		return;
	const char *between = "";
	for (unsigned i = 0; folder != DISK_ROOT && i < d->now.entry_count; i++)
		if (d->now.entry[i].file == folder)
			between = d->now.entry[i].name;
	(void)snprintf(path, sizeof(path), "%s/%s/%s", d->root, between, op.name);
	assert_int_equal(lstat(path, &st), 0);
	op.file = new_file(d, &st);
	keep(d, &op);
}

static void
note_name(struct disk *d, long child, const struct strike_call *c)
{
	struct disk_op op = { .kind = DISK_UNLINK, .folder = file_at(d, child, c->arg[0]) };
	bool is_rename = c->number == SYS_renameat || c->number == SYS_renameat2;

	if (op.folder < 0)
		return;
	peek_name(child, c->arg[1], op.name);
	const struct disk_entry *e = entry_of(&d->now, op.folder, op.name);
	assert_non_null(e);
	op.file = e->file;
	if (is_rename) {
		assert_int_equal(file_at(d, child, c->arg[2]), op.folder);
		op.kind = DISK_RENAME;
		memcpy(op.from, op.name, sizeof(op.from));
		peek_name(child, c->arg[3], op.name);
	}
	keep(d, &op);
}

static void
note_bytes(struct disk *d, long child, const struct strike_call *c)
{
	struct disk_op op = { .kind = DISK_WRITE, .file = file_at(d, child, c->arg[0]) };

	if (op.file < 0)
		return;
	assert_int_equal(c->number, SYS_pwrite64); /* write(2) has a position of its own */
	op.offset = c->arg[3];
	op.len = (size_t)c->result;
	assert_true(op.len > 0 && op.offset + op.len <= DISK_FILE_MAX);
	assert_int_equal(peek(child, c->arg[1], op.bytes, op.len), op.len);
	keep(d, &op);
}

bool
disk_concerns(const struct disk *d, long child, const struct strike_call *c)
{
	return c->number != SYS_openat ? file_at(d, child, c->arg[0]) >= 0 :
	    c->result >= 0 && file_at(d, child, (unsigned long)c->result) >= 0;
}

void
disk_watch(long child, const struct strike_call *c, void *ctx)
{
	struct disk *d = ctx;
	struct disk_op op = { .kind = DISK_SYNC };

	if (c->result < 0)
		return;
	switch (c->number) {
	case SYS_openat:
		if ((c->arg[2] & O_CREAT) != 0 && file_at(d, child, c->arg[0]) >= 0)
			note_make(d, child, file_at(d, child, c->arg[0]), c->arg[1]);
		break;
	case SYS_mkdirat:
		if (file_at(d, child, c->arg[0]) >= 0)
			note_make(d, child, file_at(d, child, c->arg[0]), c->arg[1]);
		break;
	case SYS_unlinkat:
	case SYS_renameat:
	case SYS_renameat2:
		note_name(d, child, c);
		break;
	case SYS_write:
	case SYS_pwrite64:
		note_bytes(d, child, c);
		break;
	case SYS_ftruncate:
		op.kind = DISK_CUT;
		op.offset = c->arg[1];
		op.file = file_at(d, child, c->arg[0]);
		if (op.file >= 0)
			keep(d, &op);
		break;
	case SYS_fsync:
	case SYS_fdatasync:
		op.file = file_at(d, child, c->arg[0]);
		if (op.file >= 0)
			keep(d, &op);
		break;
	default: /* obligation 2 */
		break;
	}
}
