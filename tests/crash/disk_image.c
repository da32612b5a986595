/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* What a disk may hold when the power fails, and what it may not. After each operation in turn:
 *
 *  1. What was synced is there: of a file its bytes and length by fsync(2) or fdatasync(2) of
 *     it, of a name by fsync(2) of its folder. Nothing else is promised: a synced file may
 *     have no name, a name that is there may lead to an empty file.
 *  2. What was not synced is there or not, each piece for itself and in any order: each
 *     name, each change of length, each sector of 512 bytes of each write.
 *  3. A sector that was being written may be torn, also within: at each so many bytes, old and
 *     new mixed, zero, or noise. No disk does that to a whole sector, but what is summed has to
 *     survive it.
 *  4. rename(2) is there or not there, never half: file systems that journal or copy keep that.
 *
 * Where the combinations are too many: all with each piece there or not, each one torn among
 * none and among all of the others, and then by chance, the same in each run. */

#include "disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECTOR 512u
#define MIXTURES 16 /* of old and new grains, by chance */
#define PIECES_MAX 64
#define SEEN_SIZE (1u << 20)

/* Part of an operation that reaches the disk by itself. */
struct piece {
	unsigned op;
	bool is_length;
	size_t from; /* of a write: these bytes of it */
	size_t to;
	unsigned choices; /* 0: not there, 1: there, others: torn */
};

struct plan {
	struct disk_loss *loss;
	unsigned point; /* so many operations were made */
	bool is_durable[DISK_OPS_MAX];
	unsigned count;
	struct piece piece[PIECES_MAX];
	unsigned choice[PIECES_MAX];
	unsigned made;
	bool is_on;
	uint64_t random;
};

static uint64_t seen[SEEN_SIZE];

/* Choices of a sector that is torn. */
static unsigned
tears(unsigned grain)
{
	return 3 * (SECTOR / grain - 1) + 2 + MIXTURES;
}

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static bool
is_heard(const struct disk_loss *l, unsigned i)
{
	switch (l->deaf) {
	case DISK_HEARS_ALL:
		return true;
	case DISK_NO_FILE_SYNC:
		return disk_is_sync(l->disk, i, true);
	case DISK_NO_FOLDER_SYNC:
		return disk_is_sync(l->disk, i, false);
	case DISK_NO_SYNC:
		return false;
	case DISK_NOT_ONE:
		return i != l->deaf_to;
	}
	return false;
}

static bool
is_of_names(const struct disk_op *op)
{
	return op->kind == DISK_MAKE || op->kind == DISK_UNLINK || op->kind == DISK_RENAME;
}

/* Obligation 1. */
static bool
is_covered(const struct plan *p, unsigned i)
{
	const struct disk_op *op = &p->loss->disk->op[i];
	int file = is_of_names(op) ? op->folder : op->file;

	for (unsigned k = i + 1; k < p->point; k++) {
		const struct disk_op *sync = &p->loss->disk->op[k];
		if (sync->kind == DISK_SYNC && sync->file == file && is_heard(p->loss, k))
			return true;
	}
	return false;
}

static void
add_piece(struct plan *p, struct piece piece)
{
	assert_true(p->count < PIECES_MAX);
	p->piece[p->count++] = piece;
}

/* Obligation 2. */
static void
cut_into_pieces(struct plan *p)
{
	for (unsigned i = 0; i < p->point; i++) {
		const struct disk_op *op = &p->loss->disk->op[i];
		p->is_durable[i] = op->kind == DISK_SYNC || is_covered(p, i);
		if (p->is_durable[i])
			continue;
		if (op->kind != DISK_WRITE) {
			add_piece(p, (struct piece){ .op = i, .choices = 2 });
			continue;
		}
		add_piece(p, (struct piece){ .op = i, .is_length = true, .choices = 3 });
		for (size_t from = 0, to; from < op->len; from = to) {
			to = from + SECTOR - (op->offset + from) % SECTOR;
			if (to > op->len)
				to = op->len;
			add_piece(p, (struct piece){ .op = i, .from = from, .to = to,
				.choices = 2 + tears(p->loss->grain) });
		}
	}
}

/* Obligation 3. */
static void
tear(uint8_t *old, const uint8_t *new, size_t len, unsigned how, unsigned grain)
{
	unsigned places = SECTOR / grain - 1;
	size_t at = (1 + how % places) * grain;
	uint64_t noise = (how + 1) * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < len; i++) {
		if (i % grain == 0)
			(void)next_random(&noise);
		if (how < places) /* the beginning is new */
			old[i] = i < at ? new[i] : old[i];
		else if (how < 2 * places) /* the end is */
			old[i] = i < at ? old[i] : new[i];
		else if (how < 3 * places) /* the beginning, the rest zero */
			old[i] = i < at ? new[i] : 0;
		else if (how == 3 * places)
			old[i] = 0;
		else if (how == 3 * places + 1)
			old[i] = (uint8_t)next_random(&noise);
		else if ((noise >> 40 & 1) != 0) /* a mixture */
			old[i] = new[i];
	}
}

static void
apply_piece(struct disk_view *v, const struct disk_op *op, const struct piece *piece,
    unsigned choice, unsigned grain)
{
	struct disk_file *f = &v->file[op->file];
	size_t end = op->offset + op->len;

	if (choice == 0)
		return;
	if (op->kind != DISK_WRITE) {
		disk_apply(v, op);
	} else if (piece->is_length) {
		if (choice == 2)
			end -= op->len / 2;
		if (f->len < end)
			f->len = end;
	} else {
		uint8_t *at = f->bytes + op->offset + piece->from;
		size_t len = piece->to - piece->from;
		if (choice == 1)
			memcpy(at, op->bytes + piece->from, len);
		else
			tear(at, op->bytes + piece->from, len, choice - 2, grain);
	}
}

static void
add_to_sum(uint64_t *sum, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++)
		*sum = (*sum ^ b[i]) * UINT64_C(0x100000001b3);
}

/* Whether there was no such image yet. In which order its names were made does not matter
 * much: then it is looked at twice. */
static bool
is_new(const struct disk_view *v, bool is_end)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325) + is_end;

	for (unsigned i = 0; i < v->entry_count; i++) {
		const struct disk_entry *e = &v->entry[i];
		const struct disk_file *f = &v->file[e->file];
		add_to_sum(&sum, &e->folder, sizeof(e->folder));
		add_to_sum(&sum, e->name, strlen(e->name) + 1);
		add_to_sum(&sum, &f->len, sizeof(f->len));
		add_to_sum(&sum, f->bytes, f->len);
	}
	sum |= 1;
	for (unsigned i = (unsigned)sum % SEEN_SIZE, n = 0; n < SEEN_SIZE; n++) {
		if (seen[i] == sum)
			return false;
		if (seen[i] == 0) {
			seen[i] = sum;
			return true;
		}
		i = (i + 1) % SEEN_SIZE;
	}
	return true;
}

static void
make_image(struct plan *p)
{
	static struct disk_view v;
	struct disk_loss *l = p->loss;
	bool is_end = p->point == l->disk->op_count;
	unsigned next = 0;

	if (!p->is_on)
		return;
	v = l->disk->start;
	for (int i = 0; i < l->disk->file_count; i++)
		v.file[i].is_folder = l->disk->now.file[i].is_folder;
	for (unsigned i = 0; i < p->point; i++) {
		const struct disk_op *op = &l->disk->op[i];
		if (p->is_durable[i])
			disk_apply(&v, op);
		for (; next < p->count && p->piece[next].op == i; next++)
			apply_piece(&v, op, &p->piece[next], p->choice[next], l->grain);
	}
	p->made++;
	l->made++;
	if (!is_new(&v, is_end))
		return;
	l->looks++;
	disk_put(l->disk, &v);
	p->is_on = l->look(&v, is_end, l->ctx);
}

/* Every combination of the first `choices` choices of each piece, of which there are few. */
static void
make_all(struct plan *p, unsigned choices_max)
{
	memset(p->choice, 0, sizeof(p->choice));
	for (unsigned i = 0; i < p->count || p->count == 0;) {
		make_image(p);
		for (i = 0; i < p->count; i++) {
			unsigned choices = p->piece[i].choices;
			if (++p->choice[i] < (choices < choices_max ? choices : choices_max))
				break;
			p->choice[i] = 0;
		}
		if (p->count == 0)
			return;
	}
}

static uint64_t
count_all(const struct plan *p, unsigned choices_max)
{
	uint64_t n = 1;

	for (unsigned i = 0; i < p->count && n < UINT32_MAX; i++)
		n *= p->piece[i].choices < choices_max ? p->piece[i].choices : choices_max;
	return n;
}

/* One piece torn, the others all there or all not. */
static void
make_each_torn(struct plan *p)
{
	for (unsigned i = 0; i < p->count; i++)
		for (unsigned others = 0; others < 2; others++)
			for (unsigned c = 0; c < p->piece[i].choices; c++) {
				for (unsigned k = 0; k < p->count; k++)
					p->choice[k] = others;
				p->choice[i] = c;
				make_image(p);
			}
}

static void
make_by_chance(struct plan *p)
{
	while (p->is_on && p->made < p->loss->images_max) {
		for (unsigned k = 0; k < p->count; k++) {
			uint64_t chance = next_random(&p->random) >> 16;
			/* Most pieces are there or not: too much torn is just noise. */
			unsigned choices = chance % 4 != 0 ? 2 : p->piece[k].choices;
			p->choice[k] = (unsigned)(chance / 4 % choices);
		}
		make_image(p);
	}
}

void
disk_lose_power(struct disk_loss *l)
{
	static struct plan p;
	bool is_on = true;

	memset(seen, 0, sizeof(seen));
	l->made = l->looks = 0;
	for (unsigned point = 0; is_on && point <= l->disk->op_count; point++) {
		p = (struct plan){ .loss = l, .point = point, .is_on = true,
			.random = UINT64_C(0x5eed) + point };
		cut_into_pieces(&p);
		if (count_all(&p, UINT32_MAX) <= l->images_max) {
			make_all(&p, UINT32_MAX);
		} else {
			if (count_all(&p, 2) <= l->images_max / 2)
				make_all(&p, 2);
			make_each_torn(&p);
			make_by_chance(&p);
		}
		is_on = p.is_on;
	}
}

bool
disk_is_sync(const struct disk *d, unsigned i, bool of_folder)
{
	return d->op[i].kind == DISK_SYNC && d->now.file[d->op[i].file].is_folder == of_folder;
}

bool
disk_has_new_names(const struct disk *d)
{
	bool has = false;

	for (unsigned i = 0; i < d->op_count; i++)
		has |= is_of_names(&d->op[i]);
	return has;
}
