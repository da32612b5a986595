#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# The checkers that Debian has for what is not compiled: shellcheck over every
# script, mandoc over every manual page, Python's own parser, and cppcheck over
# the C. A checker that is not installed is skipped and says so.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"
cd "$src"

have() { command -v "$1" >/dev/null; }

# A script is what says so in its first line, or is sourced by one.
mapfile -t scripts < <({
	grep -rlE --exclude-dir=.git --exclude-dir=build '^#!.*(bash|/sh)\b' \
		check quickstart .ci tests examples 2>/dev/null
	find tests -name '*.sh'
} | sort -u)
mapfile -t pages < <(find pam_totp utils -name '*.[1-9]' | sort)
mapfile -t pythons < <(find tests -name '*.py' | sort)

if ! have shellcheck; then
	tap_skip 'shellcheck' 'shellcheck is not here'
else
	tap_empty "shellcheck has nothing to say about ${#scripts[@]} scripts" \
		"$(shellcheck -x "${scripts[@]}" || true)"
fi

if ! have mandoc; then
	tap_skip 'manual pages' 'mandoc is not here'
elif ((${#pages[@]} < 5)); then
	tap_fail 'five manual pages' "only ${pages[*]}"
else
	# Another system's page is no error of ours: -Tlint looks for all it names.
	tap_empty "mandoc has nothing to say about ${#pages[@]} pages" "$(
		for page in "${pages[@]}"; do
			mandoc -Tlint -Wstyle "$page" 2>&1 |
				grep -Ev 'referenced manual not found|operating system explicitly|outdated mandoc.db' ||
				true
		done)"
fi

tap_empty "${#pythons[@]} Python files parse" "$(
	for file in "${pythons[@]}"; do
		/usr/bin/python3 -c 'import ast, sys
ast.parse(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1])' "$file" 2>&1 || true
	done)"

if ! have cppcheck; then
	tap_skip 'cppcheck' 'cppcheck is not here'
else
	# The libraries' own headers are not read, hence missingInclude.
	tap_empty 'cppcheck has nothing to say' "$(
		cppcheck --quiet --std=c11 --language=c --platform=unix64 -j 2 \
			--enable=warning,performance,portability \
			--inline-suppr --suppress=missingInclude \
			-D__x86_64__ -D_GNU_SOURCE -D'PACKAGE_VERSION="0"' \
			-D'DEFAULT_STORE="file:/s"' -D'DEFAULT_CONF="/c"' -D'HELPER_PATH="/h"' \
			-I pam_totp -I . pam_totp utils 2>&1 || true)"
fi

tap_done
