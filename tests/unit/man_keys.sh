#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# The settings page and the example say what the table in core/config.c says: the same
# keys in the same order with the same ranges and defaults. The page is compared as its
# reader sees it (rendered), not as it is written.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${top_builddir:-$PWD}
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

page=$src/pam_totp/pam_totp.conf.5
module_page=$src/pam_totp/pam_totp.8
example=$src/examples/pam_totp.conf
# Page and example name the usual store, whatever this build was configured for.
table=$("$build/tests/unit/print_keys" |
	sed 's|^\(store\t.*\)file:/[^\t]*$|\1file:/var/lib/pam_totp|')

# "KEY<tab>RANGE<tab>DEFAULT" of each entry in the page's list of settings: a tag stands
# five blanks in, the text of an entry deeper; literals stand between ` and '.
page_table()
{
	mandoc -T ascii -O width=200 "$page" | sed 's/.\x08//g' | awk '
		/^[A-Z]/ { is_list = $0 == "SETTINGS"; next }
		!is_list { next }
		/^     [a-z]/ { key = $1 }
		match($0, /Range `.*\047, default `.*\047\.$/) {
			text = substr($0, RSTART + 7, RLENGTH - 9)
			split(text, part, /\047, default `/)
			print key "\t" part[1] "\t" part[2]
			key = "(a second range)"
			next
		}
		/^     [a-z_]+ +[^ ]/ { print key "\t(no range)" }'
}

if command -v mandoc >/dev/null; then
	tap_empty 'the settings page agrees with the table' \
		"$(diff <(echo "$table") <(page_table) || true)"
	for file in "$page" "$module_page"; do
		tap_empty "mandoc finds nothing wrong in ${file##*/}" \
			"$(mandoc -T lint -W warning "$file" 2>&1 || true)"
	done
else
	tap_skip 'the settings page agrees with the table' 'mandoc is not here'
	tap_skip 'mandoc finds nothing wrong' 'mandoc is not here'
fi

# Ranges are in the page; here the keys and defaults.
tap_empty 'the example lists each key with its default' \
	"$(diff <(cut -f 1,3 <<<"$table") \
		<(sed -n 's/^#\([a-z_]*\) = \(.*\)$/\1\t\2/p' "$example") || true)"

# A page about a key that the table lost would pass a comparison of empty lists.
if [[ $(wc -l <<<"$table") -ge 14 ]]; then
	tap_ok 'the table has its keys'
else
	tap_fail 'the table has its keys' "$table"
fi

tap_done
