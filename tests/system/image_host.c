/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* A program that logs users in by PAM and keeps nothing of what they type, for
 * core_image.py, which searches its memory: what is found there is not this program's.
 *
 *  1. An answer is read into the response that libpam gets, and into nothing else.
 *  2. A prompt is written from where libpam has it, without stdio.
 *
 * usage: image_host SERVICE. Standard input: a line "USER" begins a login; an answer is a
 * line; after the login one more line ends it with pam_end. Standard output: "STYLE LENGTH",
 * a line end and the text for each message, "0 RESULT" after the login, "0 0" after pam_end. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <security/pam_appl.h>
#include <unistd.h>

#define LINE_CAP 512

/* One line without its end; the test writes a line at once and then waits. */
static size_t
read_line(char *line)
{
	ssize_t n = read(STDIN_FILENO, line, LINE_CAP - 1);

	if (n <= 0)
		return 0;
	line[n - 1] = '\0';
	return (size_t)n;
}

static void
write_all(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, text, len);
		if (n <= 0)
			_exit(2);
		text += n;
		len -= (size_t)n;
	}
}

static void
write_head(int style, size_t number)
{
	char head[64];

	(void)snprintf(head, sizeof(head), "%d %zu\n", style, number);
	write_all(head, strlen(head));
}

static int
converse(int count, const struct pam_message **message, struct pam_response **response,
    void *data)
{
	(void)data;
	struct pam_response *r = calloc((size_t)count, sizeof(*r));
	if (r == NULL)
		return PAM_CONV_ERR;
	*response = r;
	for (int i = 0; i < count; i++) {
		const struct pam_message *m = message[i];

		write_head(m->msg_style, strlen(m->msg));
		write_all(m->msg, strlen(m->msg));
		if (m->msg_style != PAM_PROMPT_ECHO_ON && m->msg_style != PAM_PROMPT_ECHO_OFF)
			continue;
		r[i].resp = calloc(1, LINE_CAP);
		if (r[i].resp == NULL || read_line(r[i].resp) == 0)
			_exit(2);
	}
	return PAM_SUCCESS;
}

static void
no_delay(int status, unsigned delay_us, void *data)
{
	(void)status, (void)delay_us, (void)data;
}

int
main(int argc, char **argv)
{
	const struct pam_conv conversation = { converse, NULL };
	void (*delay)(int, unsigned, void *) = no_delay;
	char line[LINE_CAP];

	while (argc == 2 && read_line(line) > 0) {
		pam_handle_t *pamh = NULL;
		if (pam_start(argv[1], line, &conversation, &pamh) != PAM_SUCCESS)
			return 2;
		const void *item = NULL;
		memcpy(&item, &delay, sizeof(item));
		int r = pam_set_item(pamh, PAM_FAIL_DELAY, item);
		if (r == PAM_SUCCESS)
			r = pam_authenticate(pamh, 0);
		write_head(0, (size_t)r);
		if (read_line(line) == 0)
			return 2;
		(void)pam_end(pamh, r);
		write_head(0, 0);
	}
	return 0;
}
