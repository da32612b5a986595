#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# What compilers can prove about the product's C without running it:
#   1 gcc -fanalyzer
#   2 clang-tidy with the checks of .clang-tidy, and in them clang-analyzer, which is
#     what scan-build runs
#   3 both see a defect that is there
# Every file of both folders is read, whether or not it is built. A finding that is
# wrong is left out by name here, with the reason, when the code would not become
# clearer by avoiding it.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
build=$(cd "${top_builddir:-$PWD}" && pwd)
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

# One file, for xargs below. $1: analyzer, $2: file, rest: flags.
exception=
case ${1-} in
gcc)
	# gcc 12 takes a pointer that is put into an array which has just grown for leaked (not
	# each time), as the programs do, and what was set to zero through a pointer for unset.
	case $2 in
	utils/account_facts.c)
		exception=-Wno-analyzer-use-of-uninitialized-value
		;;
	utils/*)
		exception=-Wno-analyzer-malloc-leak
		;;
	esac
	gcc "${@:3}" -O2 -fanalyzer -fdiagnostics-path-format=none \
		${exception:+"$exception"} -c "$2" -o /dev/null 2>&1 || true
	exit 0
	;;
clang-tidy)
	# On the standard error stream it only counts what it does not show.
	clang-tidy --quiet --header-filter="^$PWD/(pam_totp|utils)/" "$2" -- "${@:3}" 2>/dev/null || echo "clang-tidy: $2: exit status $?"
	exit 0
	;;
esac

[[ -z ${SANITIZERS-} ]] || tap_skip_all 'once is enough'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
self=$(realpath "$0")

read -r -a flags < <(pkg-config --cflags libcrypto libqrencode libpng smartcols)
flags+=(-std=gnu11 -D_GNU_SOURCE '-DHELPER_PATH="/h"'
	-include "$build/build.h" -I"$src/pam_totp" -I"$src")
cd "$src"
mapfile -t sources < <(find pam_totp utils -name '*.c' | sort)

# Two files at a time. $1: the analyzer, rest: files.
analyse()
{
	printf '%s\n' "${@:2}" |
		xargs -P 2 -I '{}' bash "$self" "$1" '{}' "${flags[@]}" | head -n 100
}

# What each of them has to see.
cat >"$work/defect.c" <<'END'
#include <stdlib.h>
char defect(void);
char
defect(void)
{
	char *byte = calloc(1, 1);
	if (byte == NULL)
		return 0;
	free(byte);
	return *byte;
}
END

check_with()
{
	local found
	if ! command -v "$1" >/dev/null; then
		tap_skip "$1" "$1 is not here"
		return
	fi
	tap_empty "$1 has nothing to say about ${#sources[@]} files" "$(analyse "$1" "${sources[@]}")"
	found=$(analyse "$1" "$work/defect.c")
	if grep -Eqi 'use.after|after it is freed' <<<"$found"; then
		tap_ok "$1 sees a use after free"
	else
		tap_fail "$1 sees a use after free" "$found"
	fi
}

check_with gcc
check_with clang-tidy
tap_done
