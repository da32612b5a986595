/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */
#ifndef PAM_TOTP_TESTS_DISK_H
#define PAM_TOTP_TESTS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "strike.h"

#define DISK_NAME_CAP 64
#define DISK_ENTRIES_MAX 16
#define DISK_FILES_MAX 16
#define DISK_FILE_MAX 8192
#define DISK_OPS_MAX 128
#define DISK_ROOT 0 /* the file that is the folder itself */

/* What a folder and all below it hold, or held, or could hold. */
struct disk_view {
	unsigned entry_count;
	struct disk_entry {
		int folder;
		int file;
		char name[DISK_NAME_CAP];
	} entry[DISK_ENTRIES_MAX];
	struct disk_file {
		bool is_folder;
		size_t len;
		uint8_t bytes[DISK_FILE_MAX];
	} file[DISK_FILES_MAX];
};

enum disk_kind {
	DISK_MAKE = 1, /* name in folder: a new file or folder */
	DISK_UNLINK,
	DISK_RENAME, /* from, in the same folder, becomes name */
	DISK_WRITE,
	DISK_CUT,   /* the length becomes `offset` */
	DISK_SYNC   /* of a file's bytes and length, or of a folder's names */
};

struct disk_op {
	enum disk_kind kind;
	int file;
	int folder;
	char name[DISK_NAME_CAP];
	char from[DISK_NAME_CAP];
	size_t offset;
	size_t len;
	uint8_t bytes[DISK_FILE_MAX];
};

/* A folder, and what one piece of work did to it. */
struct disk {
	char root[128];
	int file_count;
	struct {
		dev_t device;
		ino_t inode;
	} real[DISK_FILES_MAX];
	struct disk_view start;
	struct disk_view now;
	unsigned op_count;
	struct disk_op op[DISK_OPS_MAX];
};

/* Begin with what lies in root now, all of it durable. */
struct disk *disk_new(const char *root);

/* For strike_run: note what a call does to the folder; ctx: the disk. A change that is not
 * understood fails the test, at once or in disk_check. */
void disk_watch(long child, const struct strike_call *call, void *ctx);

/* Whether the call has to do with the folder or with something below it. */
bool disk_concerns(const struct disk *d, long child, const struct strike_call *call);

/* Fail unless what was noted leads to what lies in the folder now. */
void disk_check(const struct disk *d);

/* Do all of an operation to a view. */
void disk_apply(struct disk_view *v, const struct disk_op *op);

/* The file of that name in the folder `dir` ("" for root), or NULL. */
const struct disk_file *disk_find(const struct disk_view *v, const char *dir, const char *name);

/* Make the folder be that view, and nothing else. */
void disk_put(const struct disk *d, const struct disk_view *v);

/* Which syncs are taken for not made. */
enum disk_deaf {
	DISK_HEARS_ALL = 0,
	DISK_NO_FILE_SYNC,
	DISK_NO_FOLDER_SYNC,
	DISK_NO_SYNC,
	DISK_NOT_ONE /* the one that is operation deaf_to */
};

/* The power fails after each operation in turn. */
struct disk_loss {
	struct disk *disk;
	enum disk_deaf deaf;
	unsigned deaf_to;
	unsigned images_max; /* of one moment */
	unsigned grain; /* bytes, at whose multiples a sector may be torn; 8 to 256 */
	/* Look at one image, which lies in the folder. is_end: all operations were made, and
	 * success may have been told. Returns whether to go on. */
	bool (*look)(const struct disk_view *v, bool is_end, void *ctx);
	void *ctx;

	unsigned long made;  /* images, of which */
	unsigned long looks; /* were unlike all others */
};

void disk_lose_power(struct disk_loss *l);

/* Whether operation i is a sync, and of a folder or a file. */
bool disk_is_sync(const struct disk *d, unsigned i, bool of_folder);

/* Whether a name was made, changed or removed. */
bool disk_has_new_names(const struct disk *d);

#endif
