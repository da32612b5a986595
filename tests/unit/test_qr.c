/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* qr.c: every drawing, read back as a phone would see it, has the modules of the code and
 * the border around them; files are new, private, and never replace anything. That a real
 * reader takes them is for tests/cli/enroll.py. */
#include "utils/qr.h"

#include <fcntl.h>
#include <png.h>
#include <qrencode.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define URI "otpauth://totp/web1:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=web1"

static struct qr code;
static char drawing[QR_TEXT_CAP];
static char folder[] = "/tmp/test_qr.XXXXXX";

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL || qr_encode(URI, &code, NULL) != E_OK;
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *
path_of(const char *name)
{
	static char path[64];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

/* What must be seen at column x, line y of the code with its border. */
static bool
is_dark(unsigned quiet, unsigned x, unsigned y)
{
	if (x < quiet || y < quiet || x >= quiet + code.side || y >= quiet + code.side)
		return false;
	return code.module[(y - quiet) * code.side + x - quiet] == 1;
}

static void
test_encode(void **state)
{
	(void)state;
	struct qr q;
	struct diag d = { "" };
	char text[2000];
	/* Version 4, so that it fits into 80x24 with the key below it. */
	assert_int_equal(code.side, 33);
	/* A finder pattern in each of three corners. */
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(code.module[i], 1);
		assert_int_equal(code.module[code.side - 1 - i], 1);
		assert_int_equal(code.module[(code.side - 1) * code.side + i], 1);
	}
	assert_int_equal(qr_encode("", &q, &d), E_INVALID);
	memset(text, 'a', sizeof text);
	text[520] = '\0';
	assert_int_equal(qr_encode(text, &q, &d), E_OK);
	assert_int_equal(q.side, QR_SIDE_MAX);
	text[520] = 'a';
	text[521] = '\0';
	assert_int_equal(qr_encode(text, &q, &d), E_LIMIT);
	assert_int_equal(q.side, 0);
	text[521] = 'a';
	text[sizeof text - 1] = '\0';
	assert_int_equal(qr_encode(text, &q, &d), E_LIMIT);
}

/* Whether mask m turns over the module at column x, line y; ISO/IEC 18004 table 10. */
static unsigned
mask_at(unsigned m, unsigned x, unsigned y)
{
	switch (m) {
	case 0:
		return (x + y) % 2 == 0;
	case 1:
		return y % 2 == 0;
	case 2:
		return x % 3 == 0;
	case 3:
		return (x + y) % 3 == 0;
	case 4:
		return (x / 3 + y / 2) % 2 == 0;
	case 5:
		return x * y % 2 + x * y % 3 == 0;
	case 6:
		return (x * y % 2 + x * y % 3) % 2 == 0;
	default:
		return ((x + y) % 2 + x * y % 3) % 2 == 0;
	}
}

/* The mask that a symbol names in its format information. */
static unsigned
mask_of(const uint8_t *module, unsigned side)
{
	const uint8_t *bit = module + 8 * (size_t)side + 2;
	return ((bit[0] & 1U) << 2 | (bit[1] & 1U) << 1 | (bit[2] & 1U)) ^ 5;
}

/* Of every length that there is a code for, in all versions: what the library makes of the same
 * text, but for the mask. */
static void
test_encode_is_the_library(void **state)
{
	(void)state;
	static struct qr q;
	char text[521];

	for (unsigned len = 1; len < sizeof text; len++) {
		for (unsigned i = 0; i < len; i++)
			text[i] = (char)(1 + (i * i + 31 * i + 7 * len) % 255);
		text[len] = '\0';
		assert_int_equal(qr_encode(text, &q, NULL), E_OK);
		QRcode *own = QRcode_encodeData((int)len, (unsigned char *)text, 0, QR_ECLEVEL_L);
		assert_non_null(own);
		assert_int_equal(own->width, q.side);
		unsigned mask = mask_of(q.module, q.side), other = mask_of(own->data, q.side);
		for (unsigned i = 0; i < q.side * q.side; i++) {
			unsigned x = i % q.side, y = i / q.side;
			bool is_format = (own->data[i] & 4) != 0, is_word = own->data[i] < 0x80;
			if (is_word && (q.module[i] ^ mask_at(mask, x, y)) !=
			    ((own->data[i] & 1U) ^ mask_at(other, x, y)))
				fail_msg("length %u: module %u,%u", len, x, y);
			if (!is_word && (!is_format || mask == other))
				assert_int_equal(q.module[i], own->data[i] & 1);
		}
		QRcode_free(own);
	}
}

/* Take one character of the half blocks. Returns 1 for upper ink, 2 for lower, 3 for both. */
static unsigned
take_block(const char **at)
{
	static const char *const block[] = { " ", "\xe2\x96\x80", "\xe2\x96\x84",
		"\xe2\x96\x88" };
	for (unsigned i = 0; i < 4; i++) {
		if (strncmp(*at, block[i], strlen(block[i])) == 0) {
			*at += strlen(block[i]);
			return i;
		}
	}
	fail_msg("unexpected character");
	return 0;
}

static void
take(const char **at, const char *text)
{
	assert_int_equal(strncmp(*at, text, strlen(text)), 0);
	*at += strlen(text);
}

static void
check_halves(bool has_colour, unsigned quiet)
{
	unsigned columns = 0;
	unsigned rows = 0;
	unsigned side = code.side + 2 * quiet;
	qr_measure(&code, QR_UTF8, quiet, &columns, &rows);
	assert_int_equal(columns, side);
	assert_int_equal(rows, (side + 1) / 2);
	assert_int_equal(qr_draw(&code, QR_UTF8, has_colour, quiet, drawing, sizeof drawing), E_OK);
	const char *at = drawing;
	for (unsigned y = 0; y < side; y += 2) {
		if (has_colour)
			take(&at, "\033[30;47m");
		for (unsigned x = 0; x < side; x++) {
			unsigned ink = take_block(&at);
			/* Ink is dark on the white of has_colour, else light on a dark screen. */
			assert_int_equal((ink & 1) != 0, is_dark(quiet, x, y) == has_colour);
			if (y + 1 < side)
				assert_int_equal((ink & 2) != 0,
				    is_dark(quiet, x, y + 1) == has_colour);
			else
				assert_int_equal(ink & 2, 0);
		}
		take(&at, has_colour ? "\033[0m\n" : "\n");
	}
	assert_int_equal(*at, '\0');
}

static void
test_halves(void **state)
{
	(void)state;
	for (unsigned quiet = 0; quiet <= QR_QUIET; quiet++) {
		check_halves(true, quiet);
		check_halves(false, quiet);
	}
}

static void
test_pairs(void **state)
{
	(void)state;
	const unsigned quiet = 2;
	unsigned columns = 0;
	unsigned rows = 0;
	unsigned side = code.side + 2 * quiet;
	qr_measure(&code, QR_ASCII, quiet, &columns, &rows);
	assert_int_equal(columns, 2 * side);
	assert_int_equal(rows, side);
	assert_int_equal(qr_draw(&code, QR_ASCII, false, quiet, drawing, sizeof drawing), E_OK);
	const char *at = drawing;
	for (unsigned y = 0; y < side; y++) {
		for (unsigned x = 0; x < side; x++)
			take(&at, is_dark(quiet, x, y) ? "  " : "##");
		take(&at, "\n");
	}
	assert_int_equal(*at, '\0');
	/* With colour the cells are painted: blanks only, and the colour says which. */
	assert_int_equal(qr_draw(&code, QR_ASCII, true, quiet, drawing, sizeof drawing), E_OK);
	at = drawing;
	for (unsigned y = 0; y < side; y++) {
		bool dark = false;
		for (unsigned x = 0; x < side; x++) {
			if (strncmp(at, "\033[30;47m", 8) == 0 ||
			    strncmp(at, "\033[37;40m", 8) == 0) {
				dark = at[2] == '3' && at[3] == '7';
				at += 8;
			}
			take(&at, "  ");
			assert_int_equal(dark, is_dark(quiet, x, y));
		}
		take(&at, "\033[0m\n");
	}
	assert_int_equal(*at, '\0');
}

static void
test_small_buffer(void **state)
{
	(void)state;
	char small[200];
	memset(small, 'x', sizeof small);
	assert_int_equal(qr_draw(&code, QR_UTF8, true, 2, small, sizeof small), E_LIMIT);
	for (size_t i = 0; i < sizeof small; i++)
		assert_int_equal(small[i], 0);
}

static void
test_format(void **state)
{
	(void)state;
	enum qr_format format = QR_PNG;
	struct diag d = { "" };
	assert_int_equal(qr_file_format("a.svg", &format, &d), E_OK);
	assert_int_equal(format, QR_SVG);
	assert_int_equal(qr_file_format("dir.x/a.PNG", &format, &d), E_OK);
	assert_int_equal(format, QR_PNG);
	assert_int_equal(qr_file_format("a.jpg", &format, &d), E_INVALID);
	assert_int_equal(qr_file_format("png", &format, &d), E_INVALID);
	assert_int_equal(qr_file_format(".svg", &format, &d), E_INVALID);
	assert_int_equal(qr_file_format("", &format, &d), E_INVALID);
}

static void
test_create(void **state)
{
	(void)state;
	struct diag d = { "" };
	struct stat st;
	int fd = -1;
	mode_t mask = umask(0);
	assert_int_equal(qr_file_create(path_of("a.svg"), &fd, &d), E_OK);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fd);
	umask(mask);
	/* There already. */
	assert_int_equal(qr_file_create(path_of("a.svg"), &fd, &d), E_EXISTS);
	assert_int_equal(fd, -1);
	assert_int_equal(unlink(path_of("a.svg")), 0);
	/* A symbolic link, to something and to nothing. */
	assert_int_equal(symlink("target", path_of("a.svg")), 0);
	assert_int_equal(qr_file_create(path_of("a.svg"), &fd, &d), E_EXISTS);
	assert_int_equal(fd, -1);
	assert_int_equal(access(path_of("target"), F_OK), -1);
	assert_int_equal(unlink(path_of("a.svg")), 0);
	assert_int_equal(qr_file_create(path_of("none/a.svg"), &fd, &d), E_IO);
	assert_int_equal(fd, -1);
}

static void
test_png(void **state)
{
	(void)state;
	struct diag d = { "" };
	int fd = -1;
	assert_int_equal(qr_file_create(path_of("a.png"), &fd, &d), E_OK);
	assert_int_equal(qr_file_write(&code, QR_PNG, fd, &d), E_OK);
	close(fd);
	png_image image;
	memset(&image, 0, sizeof image);
	image.version = PNG_IMAGE_VERSION;
	assert_int_not_equal(png_image_begin_read_from_file(&image, path_of("a.png")), 0);
	image.format = PNG_FORMAT_GRAY;
	unsigned side = (code.side + 2 * QR_QUIET) * 8;
	assert_int_equal(image.width, side);
	assert_int_equal(image.height, side);
	uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
	assert_non_null(pixels);
	assert_int_not_equal(png_image_finish_read(&image, NULL, pixels, 0, NULL), 0);
	for (unsigned y = 0; y < side; y++)
		for (unsigned x = 0; x < side; x++)
			assert_int_equal(pixels[y * side + x],
			    is_dark(QR_QUIET, x / 8, y / 8) ? 0 : 255);
	free(pixels);
	assert_int_equal(unlink(path_of("a.png")), 0);
}

/* Paint the rectangles of the path and compare. */
static void
test_svg(void **state)
{
	(void)state;
	static char text[65536];
	static uint8_t painted[QR_SIDE_MAX + 2 * QR_QUIET][QR_SIDE_MAX + 2 * QR_QUIET];
	struct diag d = { "" };
	int fd = -1;
	unsigned side = code.side + 2 * QR_QUIET;
	char box[64];
	assert_int_equal(qr_file_create(path_of("a.svg"), &fd, &d), E_OK);
	assert_int_equal(qr_file_write(&code, QR_SVG, fd, &d), E_OK);
	close(fd);
	FILE *f = fopen(path_of("a.svg"), "r");
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	assert_true(len > 0 && len < sizeof text - 1);
	snprintf(box, sizeof box, "viewBox=\"0 0 %u %u\"", side, side);
	assert_non_null(strstr(text, box));
	assert_non_null(strstr(text, "</svg>\n"));
	memset(painted, 0, sizeof painted);
	const char *at = strstr(text, " d=\"");
	assert_non_null(at);
	unsigned x = 0;
	unsigned y = 0;
	unsigned run = 0;
	while ((at = strchr(at, 'M')) != NULL) {
		assert_int_equal(sscanf(at, "M%u,%uh%uv1", &x, &y, &run), 3);
		assert_true(y < side && run > 0 && x + run <= side);
		for (unsigned i = 0; i < run; i++)
			painted[y][x + i]++;
		at++;
	}
	for (y = 0; y < side; y++)
		for (x = 0; x < side; x++)
			assert_int_equal(painted[y][x], is_dark(QR_QUIET, x, y) ? 1 : 0);
	assert_int_equal(unlink(path_of("a.svg")), 0);
}

/* A disk that is full is told. */
static void
test_write_fails(void **state)
{
	(void)state;
	struct diag d = { "" };
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || geteuid() == 0) {
		/* root would change the mode of the device. */
		if (fd >= 0)
			close(fd);
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		close(ends[1]);
		assert_int_equal(qr_file_write(&code, QR_PNG, ends[0], &d), E_IO);
		close(ends[0]);
		return;
	}
	assert_int_equal(qr_file_write(&code, QR_PNG, fd, &d), E_IO);
	assert_true(d.text[0] != '\0');
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_encode_is_the_library),
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_png),
		cmocka_unit_test(test_svg),
		cmocka_unit_test(test_write_fails),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
