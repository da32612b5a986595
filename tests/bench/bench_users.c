/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Makes the stores that `make bench` measures, and plays the phones of all users.
 *
 *   bench_users totp DIR COUNT         DIR/secrets/u0000000 ..., DIR/state/u0000000 ...
 *   bench_users google DIR COUNT       DIR/u0000000 ..., files of pam_google_authenticator
 *   bench_users oath FILE COUNT        one users file of pam_oath
 *   bench_users codes FIRST COUNT USER...   lines "USER STEP CODE"; USER: its number
 *
 * A user's secret is made of the user's number, so it is the same for all three modules and
 * nothing has to be remembered. Records and states are written as a store_replace leaves
 * them, but without its syncs: all is synced once at the end. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/encode.h"
#include "core/record.h"
#include "core/state.h"

#define FIRST_UID 100000
#define CREATED UINT64_C(1600000000) /* before any clock of a plan */
#define PATH_CAP 4096
#define LINE_CAP 256

static void
fail(const char *what)
{
	fprintf(stderr, "bench_users: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned
number(const char *text)
{
	uint64_t n = 0;

	if (bytes_parse_u64((struct span){ text, strlen(text) }, 0, UINT32_MAX, &n) != 0) {
		errno = EINVAL;
		fail(text);
	}
	return (unsigned)n;
}

static void
name_user(unsigned user, char out[16])
{
	(void)snprintf(out, 16, "u%07u", user);
}

static struct otp_secret
secret_of(unsigned user)
{
	struct otp_secret s = { .len = OTP_SECRET_DEFAULT };
	uint8_t hash[32];
	char text[16];

	name_user(user, text);
	if (otp_sha256(text, strlen(text), hash) != 0)
		fail("SHA-256");
	memcpy(s.bytes, hash, s.len);
	return s;
}

static void
write_file(int dir, const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || close(fd) != 0)
		fail(name);
}

static int
make_folder(const char *path, const char *below)
{
	char whole[PATH_CAP];

	(void)snprintf(whole, sizeof(whole), "%s%s", path, below);
	if (mkdir(whole, 0700) != 0 && errno != EEXIST)
		fail(whole);
	int dir = open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		fail(whole);
	return dir;
}

static void
finish(int fd)
{
	if (syncfs(fd) != 0 || close(fd) != 0)
		fail("syncfs");
}

static void
write_user(int secrets, int state, unsigned user)
{
	static struct record r;
	static struct state s;
	static char text[RECORD_TEXT_MAX + 1];
	uint8_t file[STATE_FILE_LEN] = { 0 };
	char name[16];
	size_t len = 0;

	name_user(user, name);
	errno = EINVAL;
	if (record_init(&r, name, FIRST_UID + user) != 0)
		fail(name);
	r.device[0] = (struct record_device){ .id = r.next_id++,
		.name = "phone",
		.type = DEVICE_VIRTUAL,
		.state = DEVICE_ACTIVE,
		.params = OTP_PARAMS_DEFAULT,
		.secret = secret_of(user),
		.created = CREATED };
	r.device_count = 1;
	memset(&s, 0, sizeof(s));
	s.generation = 1;
	s.saved_at = CREATED;
	s.uid = r.uid;
	if (state_ensure(&s, &r, r.device[0].id) == NULL || state_print(&s, file) != 0 ||
	    record_print(&r, text, sizeof(text), &len) != 0)
		fail(name);
	write_file(secrets, name, text, len);
	write_file(state, name, file, sizeof(file));
}

static void
make_totp(const char *path, unsigned count)
{
	int dir = make_folder(path, "");
	int secrets = make_folder(path, "/secrets");
	int state = make_folder(path, "/state");

	for (unsigned i = 0; i < count; i++)
		write_user(secrets, state, i);
	close(secrets);
	close(state);
	finish(dir);
}

/* As `google-authenticator --time-based --disallow-reuse --window-size=3` writes it. */
static void
make_google(const char *path, unsigned count)
{
	int dir = make_folder(path, "");

	for (unsigned i = 0; i < count; i++) {
		struct otp_secret s = secret_of(i);
		char key[ENCODE_BASE32_CAP(OTP_SECRET_MAX)];
		char name[16];
		char text[LINE_CAP];
		name_user(i, name);
		if (encode_base32_print(s.bytes, s.len, key, sizeof(key)) != 0)
			fail(name);
		int len = snprintf(text, sizeof(text),
		    "%s\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n", key);
		write_file(dir, name, text, (size_t)len);
	}
	finish(dir);
}

static void
make_oath(const char *path, unsigned count)
{
	FILE *file = fopen(path, "wx");

	if (file == NULL)
		fail(path);
	for (unsigned i = 0; i < count; i++) {
		struct otp_secret s = secret_of(i);
		char key[ENCODE_HEX_CAP(OTP_SECRET_MAX)];
		char name[16];
		name_user(i, name);
		if (encode_hex_print(s.bytes, s.len, key, sizeof(key)) != 0 ||
		    fprintf(file, "HOTP/T30/6\t%s\t-\t%s\n", name, key) < 0)
			fail(path);
	}
	if (fflush(file) != 0 || fchmod(fileno(file), 0600) != 0 || fsync(fileno(file)) != 0 ||
	    fclose(file) != 0)
		fail(path);
}

static void
print_codes(unsigned first, unsigned count, int users, char **user)
{
	const struct otp_params p = OTP_PARAMS_DEFAULT;

	for (int i = 0; i < users; i++) {
		struct otp_secret s = secret_of(number(user[i]));
		for (unsigned step = first; step < first + count; step++) {
			uint32_t code = 0;
			if (otp_code(&p, &s, step, &code) != 0)
				fail("a code");
			printf("%s %u %06u\n", user[i], step, code);
		}
	}
	if (fflush(stdout) != 0)
		fail("standard output");
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "totp") == 0) {
		make_totp(argv[2], number(argv[3]));
	} else if (argc == 4 && strcmp(argv[1], "google") == 0) {
		make_google(argv[2], number(argv[3]));
	} else if (argc == 4 && strcmp(argv[1], "oath") == 0) {
		make_oath(argv[2], number(argv[3]));
	} else if (argc > 4 && strcmp(argv[1], "codes") == 0) {
		print_codes(number(argv[2]), number(argv[3]), argc - 4, argv + 4);
	} else {
		fprintf(stderr, "usage: bench_users totp|google|oath PATH COUNT\n"
				"       bench_users codes FIRST COUNT USER...\n");
		return 2;
	}
	return 0;
}
