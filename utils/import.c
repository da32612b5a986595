/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* The list that the parsers of other programs' files fill. It promises:
 *  1. A device in it has a user name that can have a record, and a key and parameters that
 *     the store takes: nothing has to be refused for its form later.
 *  2. No copy of a key is left behind when the list grows or goes. */
#include "import.h"

#include <stdlib.h>
#include <string.h>

#include "key_text.h"

bool
import_next_line(struct bytes_reader *r, struct span *line)
{
	if (!bytes_next_line(r, line))
		return false;
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	*line = bytes_trim(*line);
	return true;
}

/* Not realloc(3), which may leave the old keys in freed memory. */
static bool
grow(struct import_list *list)
{
	size_t cap = list->cap == 0 ? 16 : list->cap * 2;
	struct import_device *item = calloc(cap, sizeof *item);

	if (item == NULL)
		return false;
	if (list->count > 0)
		memcpy(item, list->item, list->count * sizeof *item);
	bytes_wipe(list->item, list->count * sizeof *item);
	free(list->item);
	list->item = item;
	list->cap = cap;
	return true;
}

int
import_put(struct import_list *list, const struct import_rules *rules,
    const struct import_device *device, struct diag *d)
{
	struct diag why = { "" };

	if (!record_user_ok(device->user))
		return diag_set(d, E_INVALID, "line %u: expected a user name of 1 to %d bytes "
		    "without '/', not beginning with '.'", device->line, RECORD_USER_CAP - 1);
	if (key_text_check(&device->secret, rules->takes_weak, &why) != 0)
		return diag_set(d, E_INVALID, "line %u: %s", device->line, why.text);
	if (!otp_params_ok(&device->params))
		return diag_set(d, E_INVALID, "line %u: expected %d to %d digits and a period of "
		    "%d to %d s", device->line, OTP_DIGITS_MIN, OTP_DIGITS_MAX, OTP_PERIOD_MIN,
		    OTP_PERIOD_MAX);
	if (list->count == list->cap && !grow(list))
		return diag_set(d, E_IO, "no memory");
	list->item[list->count++] = *device;
	return 0;
}

void
import_list_wipe(struct import_list *list)
{
	bytes_wipe(list->item, list->count * sizeof *list->item);
	free(list->item);
	*list = (struct import_list){ .item = NULL };
}
