/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Tables of the tools. The only file that knows libsmartcols, which lays out the text: it
 * measures by terminal columns, not bytes, and shows control characters as \x.. so that no
 * stored name can drive the administrator's terminal. The cells are kept here, so that the
 * same rows become text or JSON. A row too wide for the terminal is never cut off:
 * it becomes a block of lines. */
#include "utils/table.h"

#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "utils/text.h"

#define CELL_TEXT_CAP 1024 /* bytes of a cell shown in a block, with NUL */

enum cell_kind { CELL_UNSET = 0, CELL_TEXT, CELL_NUMBER, CELL_BOOL, CELL_TIME };

struct cell {
	enum cell_kind kind;
	char *text;
	int64_t number;
	uint64_t at_s;
};

struct table {
	const struct table_column *column;
	size_t column_count;
	struct cell *cell; /* row_count * column_count */
	size_t row_count;
	size_t row_cap;
	bool has_failed;
};

struct table *
table_new(const struct table_column *columns, size_t count)
{
	if (count == 0 || count > TABLE_COLUMNS_MAX)
		return NULL;
	struct table *t = calloc(1, sizeof *t);
	if (t != NULL) {
		t->column = columns;
		t->column_count = count;
	}
	return t;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->row_count * t->column_count; i++)
		free(t->cell[i].text);
	free(t->cell);
	free(t);
}

void
table_add_row(struct table *t)
{
	if (t == NULL || t->has_failed)
		return;
	if (t->row_count == t->row_cap) {
		size_t cap = t->row_cap == 0 ? 16 : t->row_cap * 2;
		size_t cells;
		struct cell *grown = NULL;
		if (!__builtin_mul_overflow(cap, t->column_count, &cells))
			grown = reallocarray(t->cell, cells, sizeof *grown);
		if (grown == NULL) {
			t->has_failed = true;
			return;
		}
		t->cell = grown;
		t->row_cap = cap;
	}
	memset(&t->cell[t->row_count * t->column_count], 0, t->column_count * sizeof *t->cell);
	t->row_count++;
}

/* A cell of the last row, emptied; NULL when there is none. */
static struct cell *
fresh_cell(struct table *t, size_t column, enum cell_kind kind)
{
	if (t == NULL || t->has_failed || t->row_count == 0 || column >= t->column_count)
		return NULL;
	struct cell *c = &t->cell[(t->row_count - 1) * t->column_count + column];
	free(c->text);
	*c = (struct cell){ .kind = kind };
	return c;
}

void
table_set_text(struct table *t, size_t column, const char *text)
{
	struct cell *c = fresh_cell(t, column, text == NULL ? CELL_UNSET : CELL_TEXT);
	if (c == NULL || text == NULL)
		return;
	c->text = strdup(text);
	if (c->text == NULL)
		t->has_failed = true;
}

void
table_set_number(struct table *t, size_t column, int64_t number)
{
	struct cell *c = fresh_cell(t, column, CELL_NUMBER);
	if (c != NULL)
		c->number = number;
}

void
table_set_bool(struct table *t, size_t column, bool is_true)
{
	struct cell *c = fresh_cell(t, column, CELL_BOOL);
	if (c != NULL)
		c->number = is_true;
}

void
table_set_time(struct table *t, size_t column, uint64_t at_s)
{
	struct cell *c = fresh_cell(t, column, at_s == 0 ? CELL_UNSET : CELL_TIME);
	if (c != NULL)
		c->at_s = at_s;
}

const char *
table_time_text(uint64_t at_s, bool is_short, char out[TABLE_TIME_CAP])
{
	struct tm tm;
	time_t at = at_s > INT64_MAX ? -1 : (time_t)at_s;
	size_t len = 0;
	if (at > 0 && localtime_r(&at, &tm) != NULL)
		len = is_short ? strftime(out, TABLE_TIME_CAP, "%Y-%m-%dT%H:%M", &tm)
			       : strftime(out, TABLE_TIME_CAP, "%Y-%m-%dT%H:%M:%S%z", &tm);
	if (len == 0)
		memcpy(out, "-", 2);
	return out;
}

/* The text of a cell: in place, or in buf. */
static const char *
cell_text(const struct cell *c, char buf[TABLE_TIME_CAP])
{
	switch (c->kind) {
	case CELL_TEXT:
		return c->text;
	case CELL_NUMBER:
		snprintf(buf, TABLE_TIME_CAP, "%lld", (long long)c->number);
		return buf;
	case CELL_BOOL:
		return c->number != 0 ? "yes" : "no";
	case CELL_TIME:
		return table_time_text(c->at_s, true, buf);
	case CELL_UNSET:
		break;
	}
	return "-";
}

static void
print_blocks(const struct table *t, FILE *out)
{
	int widest = 0;
	for (size_t i = 0; i < t->column_count; i++)
		if (t->column[i].title != NULL && (int)strlen(t->column[i].title) > widest)
			widest = (int)strlen(t->column[i].title);
	for (size_t row = 0; row < t->row_count; row++) {
		if (row > 0)
			fputc('\n', out);
		for (size_t i = 0; i < t->column_count; i++) {
			char buf[TABLE_TIME_CAP], clean[CELL_TEXT_CAP];
			if (t->column[i].title == NULL)
				continue;
			const struct cell *c = &t->cell[row * t->column_count + i];
			fprintf(out, "%-*s  %s\n", widest, t->column[i].title,
			    text_clean(cell_text(c, buf), MB_CUR_MAX > 1, clean, sizeof clean));
		}
	}
}

/* Lay the shown cells out with libsmartcols. Returns its table, or NULL. */
static struct libscols_table *
lay_out(const struct table *t)
{
	struct libscols_table *tb = scols_new_table();
	if (tb == NULL)
		return NULL;
	scols_table_enable_noencoding(tb, 0);
	for (size_t i = 0; i < t->column_count; i++)
		if (t->column[i].title != NULL &&
		    scols_table_new_column(tb, t->column[i].title, 0,
			t->column[i].is_right ? SCOLS_FL_RIGHT : 0) == NULL)
			goto fail;
	for (size_t row = 0; row < t->row_count; row++) {
		struct libscols_line *line = scols_table_new_line(tb, NULL);
		if (line == NULL)
			goto fail;
		size_t shown = 0;
		for (size_t i = 0; i < t->column_count; i++) {
			char buf[TABLE_TIME_CAP];
			const struct cell *c = &t->cell[row * t->column_count + i];
			if (t->column[i].title != NULL &&
			    scols_line_set_data(line, shown++, cell_text(c, buf)) != 0)
				goto fail;
		}
	}
	return tb;
fail:
	scols_unref_table(tb);
	return NULL;
}

/* The columns that tb takes, once it was laid out. */
static size_t
laid_out_width(struct libscols_table *tb)
{
	size_t width = 0;
	size_t count = scols_table_get_ncols(tb);
	for (size_t i = 0; i < count; i++)
		width += scols_column_get_width(scols_table_get_column(tb, i)) + (i > 0);
	return width;
}

bool
table_print(const struct table *t, FILE *out, unsigned width)
{
	if (t == NULL || t->has_failed)
		return false;
	if (t->row_count == 0)
		return true;
	struct libscols_table *tb = lay_out(t);
	if (tb == NULL)
		return false;
	/* Measured without a limit: libsmartcols itself would cut columns off. */
	scols_table_set_termforce(tb, SCOLS_TERMFORCE_NEVER);
	char *text = NULL;
	bool is_done = scols_print_table_to_string(tb, &text) == 0 && text != NULL;
	if (is_done && width != 0 && laid_out_width(tb) > width)
		print_blocks(t, out);
	else if (is_done)
		fprintf(out, "%s\n", text);
	free(text);
	scols_unref_table(tb);
	return is_done;
}

bool
table_print_json(const struct table *t, struct json *j, const char *key)
{
	bool is_whole = t != NULL && !t->has_failed;
	json_open(j, key, '[');
	for (size_t row = 0; is_whole && row < t->row_count; row++) {
		json_open(j, NULL, '{');
		for (size_t i = 0; i < t->column_count; i++) {
			const char *name = t->column[i].key;
			const struct cell *c = &t->cell[row * t->column_count + i];
			if (name == NULL)
				continue;
			switch (c->kind) {
			case CELL_TEXT:
				json_text(j, name, c->text);
				break;
			case CELL_NUMBER:
				json_number(j, name, c->number);
				break;
			case CELL_BOOL:
				json_bool(j, name, c->number != 0);
				break;
			case CELL_TIME:
				json_time(j, name, c->at_s);
				break;
			case CELL_UNSET:
				json_null(j, name);
				break;
			}
		}
		json_close(j, '{');
	}
	json_close(j, '[');
	return is_whole;
}

unsigned
table_width(FILE *out)
{
	struct winsize size = { 0 };
	int fd = fileno(out);
	if (fd < 0 || !isatty(fd))
		return 0;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}
