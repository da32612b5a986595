#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# Two tests of test_guest again, with tools that see more than it does itself:
#   1 its threads, each with a handle and a user of its own, under ThreadSanitizer: the
#     module and all of core are compiled for it; libpam, libcrypto and libaudit are not,
#     and left out as whole libraries
#   2 its long life, a shorter one, under valgrind: no memory is lost or read before it
#     was written
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=$(cd "${top_builddir:-$PWD}" && pwd)
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

[[ -z ${SANITIZERS-} ]] || tap_skip_all 'one tool at a time'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$src"
mkdir -p "$work/pam_totp/.libs"

# --- 1: threads -------------------------------------------------------------------

flags=(-std=gnu11 -g -O1 -fPIC -fsanitize=thread -D_GNU_SOURCE '-DHELPER_PATH="/h"'
	-include "$build/build.h" -I"$src/pam_totp" -I"$src" -I"$src/tests")
if ! gcc -fsanitize=thread -x c -o "$work/probe" - <<<'int main(void) { return 0; }' 2>/dev/null ||
	! "$work/probe"; then
	tap_skip 'threads under ThreadSanitizer' 'gcc has no ThreadSanitizer here'
else
	mkdir "$work"/{core,module,host}
	# All of pam_totp/ is the module but what is of the other one.
	# shellcheck disable=SC2016 # the inner shell's own words
	for file in pam_totp/core/*.c pam_totp/*.c tests/module/test_guest.c \
		tests/crash/faults.c tests/support/{login_stage,pam_app,pam_world}.c; do
		case $file in
		*/enroll_* | */qr_* | */pam_totp_enroll.c) ;;
		pam_totp/core/*) echo "core $file" ;;
		pam_totp/*) echo "module $file" ;;
		*) echo "host $file" ;;
		esac
	done | xargs -P 2 -L 1 bash -c \
		'gcc "${@:1:$#-2}" -c "${*: -1}" -o "$0/${*: -2:1}/$(basename "${*: -1}" .c).o"' \
		"$work" "${flags[@]}"
	gcc -fsanitize=thread -shared -Wl,--version-script=pam_totp/pam_totp.map \
		-o "$work/pam_totp/.libs/pam_totp.so" "$work"/{module,core}/*.o -lpam -lcrypto
	read -r -a cmocka < <(pkg-config --libs cmocka)
	gcc -fsanitize=thread -rdynamic -o "$work/test_guest" "$work"/{host,core}/*.o \
		"${cmocka[@]}" -lpam -lcrypto -lpthread -ldl
	printf 'called_from_lib:%s\n' libpam.so.0 libcrypto.so.3 libaudit.so.1 >"$work/suppressions"
	r=0
	for test in test_threads test_one_code_in_threads; do
		top_builddir=$work TSAN_OPTIONS="suppressions=$work/suppressions exitcode=66" \
			"$work/test_guest" "$test" >"$work/$test.log" 2>&1 || r=$?
	done
	if ((r == 0)); then
		tap_ok 'sixteen threads, as many users, under ThreadSanitizer'
	else
		tap_fail 'sixteen threads, as many users, under ThreadSanitizer' \
			"$(grep -v '^ok' "$work"/test_*.log | head -n 60)"
	fi
fi

# --- 2: memory --------------------------------------------------------------------

if ! command -v valgrind >/dev/null; then
	tap_skip 'a long life under valgrind' 'valgrind is not here'
elif GUEST_IS_SLOW=1 top_builddir=$build valgrind -q --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite --suppressions="$src/tests/support/valgrind.supp" \
	"$build/tests/module/test_guest" test_long_life >"$work/valgrind.log" 2>&1; then
	tap_ok 'a long life under valgrind'
else
	tap_fail 'a long life under valgrind' "$(head -n 60 "$work/valgrind.log")"
fi
tap_done
