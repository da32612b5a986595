/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* QR codes as files; qr_encode.c makes them, qr_text.c draws them with characters. It promises:
 *  1. The only file that knows libpng.
 *  2. The file that holds a secret is new, mode 0600 from its first moment, and was
 *     reached through no symbolic link in its last component; what was there is never
 *     opened, replaced or removed.
 *  3. Our own buffers are overwritten. The libraries' copies of the picture are not ours
 *     to wipe: callers are short-lived processes that leave no core dump. */
#include "qr.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"

#define PIXELS 8U /* a module in a file */

int
qr_file_format(const char *path, enum qr_format *format, struct diag *d)
{
	size_t len = strlen(path);
	const char *end = len > 4 ? path + len - 4 : "";
	if (strcasecmp(end, ".svg") == 0)
		*format = QR_SVG;
	else if (strcasecmp(end, ".png") == 0)
		*format = QR_PNG;
	else
		return diag_set(d, E_INVALID, "%s: the name must end in .svg or .png", path);
	return E_OK;
}

int
qr_file_create(const char *path, int *fd, struct diag *d)
{
	*fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (*fd >= 0)
		return E_OK;
	if (errno == EEXIST)
		return diag_set(d, E_EXISTS, "%s exists already and is not overwritten", path);
	return diag_set(d, E_IO, "cannot create %s: %s", path, strerror(errno));
}

static int
write_all(int fd, const void *buf, size_t len, struct diag *d)
{
	const char *at = buf;
	while (len > 0) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return diag_set(d, E_IO, "cannot write the QR code: %s", strerror(errno));
		at += n;
		len -= (size_t)n;
	}
	return E_OK;
}

/* A white square, and on it one path: a rectangle for each run of dark modules. */
static int
write_svg(const struct qr *q, int fd, struct diag *d)
{
	char line[64 + 24 * (QR_SIDE_MAX + 1)];
	unsigned side = q->side + 2 * QR_QUIET;
	int len = snprintf(line, sizeof line,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%u\" height=\"%u\" "
	    "viewBox=\"0 0 %u %u\" shape-rendering=\"crispEdges\">\n"
	    "<rect width=\"%u\" height=\"%u\" fill=\"#ffffff\"/>\n<path fill=\"#000000\" d=\"\n",
	    side * PIXELS, side * PIXELS, side, side, side, side);
	int r = write_all(fd, line, (size_t)len, d);
	for (unsigned y = QR_QUIET; r == E_OK && y < side - QR_QUIET; y++) {
		struct bytes_writer w;
		bytes_writer_init(&w, line, sizeof line);
		for (unsigned x = QR_QUIET; x < side - QR_QUIET; x++) {
			unsigned run = 0;
			while (qr_is_dark(q, QR_QUIET, x + run, y))
				run++;
			if (run == 0)
				continue;
			bytes_put(&w, "M");
			bytes_put_u64(&w, x);
			bytes_put(&w, ",");
			bytes_put_u64(&w, y);
			bytes_put(&w, "h");
			bytes_put_u64(&w, run);
			bytes_put(&w, "v1h-");
			bytes_put_u64(&w, run);
			bytes_put(&w, "z");
			x += run;
		}
		bytes_put(&w, "\n");
		r = w.has_overflowed ? diag_set(d, E_LIMIT, "the QR code is too large")
				     : write_all(fd, line, w.len, d);
	}
	static const char tail[] = "\"/>\n</svg>\n";
	if (r == E_OK)
		r = write_all(fd, tail, sizeof tail - 1, d);
	bytes_wipe(line, sizeof line);
	return r;
}

static int
write_png(const struct qr *q, int fd, struct diag *d)
{
	int r = E_IO;
	unsigned side = (q->side + 2 * QR_QUIET) * PIXELS;
	size_t pixel_len = (size_t)side * side;
	png_image image;
	memset(&image, 0, sizeof image);
	image.version = PNG_IMAGE_VERSION;
	image.width = side;
	image.height = side;
	image.format = PNG_FORMAT_GRAY;
	/* What libpng says that the largest file can take. */
	size_t png_cap = PNG_IMAGE_PNG_SIZE_MAX(image);
	png_alloc_size_t png_len = png_cap;
	uint8_t *pixels = malloc(pixel_len);
	uint8_t *png = malloc(png_cap);
	if (pixels == NULL || png == NULL) {
		diag_set(d, r, "cannot draw the QR code: %s", strerror(errno));
		goto out;
	}
	for (size_t i = 0; i < pixel_len; i++) {
		unsigned x = (unsigned)(i % side) / PIXELS;
		unsigned y = (unsigned)(i / side) / PIXELS;
		pixels[i] = qr_is_dark(q, QR_QUIET, x, y) ? 0 : 255;
	}
	if (png_image_write_to_memory(&image, png, &png_len, 0, pixels, 0, NULL) == 0)
		diag_set(d, r, "cannot draw the QR code: %s", image.message);
	else
		r = write_all(fd, png, png_len, d);
	png_image_free(&image);
out:
	if (pixels != NULL)
		bytes_wipe(pixels, pixel_len);
	if (png != NULL)
		bytes_wipe(png, png_cap);
	free(pixels);
	free(png);
	return r;
}

int
qr_file_write(const struct qr *q, enum qr_format format, int fd, struct diag *d)
{
	/* The umask may have taken bits away; owner's reading and writing is what is meant. */
	if (fchmod(fd, 0600) != 0)
		return diag_set(d, E_IO, "cannot set the mode: %s", strerror(errno));
	int r = format == QR_SVG ? write_svg(q, fd, d) : write_png(q, fd, d);
	if (r == E_OK && fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
		r = diag_set(d, E_IO, "cannot write the QR code: %s", strerror(errno));
	return r;
}
