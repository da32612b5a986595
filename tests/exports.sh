#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# What the built files are to the process that loads or starts them:
#   1 each module shows its entry points of pam(3) and no other name
#   2 they call nothing that belongs to their host (STYLE.md rule 9)
#   3 they and each program link exactly the libraries of their budget; the login
#     module stays where it was loaded once
#   4 everything is bound at load time, relocations read-only after that, no
#     text relocations, no executable stack, and the programs can move (PIE);
#     stacks and the sizes of buffers are guarded
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
build=${top_builddir:-$PWD}
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

[[ -z ${SANITIZERS-} ]] || tap_skip_all 'a sanitizer adds names and libraries'
for tool in nm readelf; do
	command -v "$tool" >/dev/null || tap_skip_all "$tool is not here"
done

modules=(pam_totp pam_totp_enroll)
folder=$build/pam_totp/.libs
programs=(utils/totp-enroll utils/totp-helper utils/totp-admin)

# --- 1 and 2: names ---------------------------------------------------------------

# Weak names of the compiler's start-up code are no export of ours; there are none
# either, as the version script hides them.
expected='pam_sm_acct_mgmt
pam_sm_authenticate
pam_sm_chauthtok
pam_sm_close_session
pam_sm_open_session
pam_sm_setcred'
# shellcheck source=tests/support/forbidden.sh
. "$src/tests/support/forbidden.sh"

for module in "${modules[@]}"; do
	found=$(nm -D --defined-only "$folder/$module.so" | awk '{ print $NF }' | sort)
	tap_empty "$module.so exports the six entry points only" \
		"$(diff <(echo "$expected") <(echo "$found") || true)"
	tap_empty "$module.so calls nothing that belongs to its host" \
		"$(nm -D --undefined-only "$folder/$module.so" |
			awk '{ sub(/@.*/, "", $NF); print $NF }' |
			sort -u | grep -Ex "$(forbidden_symbols)" |
			grep -Fxv -e '' "${forbidden_but[@]/#/-e}" || true)"
done

# --- 3: libraries -----------------------------------------------------------------

# Every one of the list must be there, except those after '?', which may be.
check_libraries()
{
	local name=$1 file=$2
	shift 2
	local needed required='' allowed='' library optional=0
	needed=$(readelf -dW "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort)
	for library in "$@"; do
		if [[ $library == '?' ]]; then
			optional=1
			continue
		fi
		allowed+=$library$'\n'
		((optional)) || required+=$library$'\n'
	done
	tap_empty "$name links its own libraries only" "$(
		comm -23 <(echo "$needed") <(sort <<<"$allowed") | sed '/./s/^/not allowed: /'
		comm -13 <(echo "$needed") <(sort <<<"$required") |
			sed -n '/./s/^/missing: /p')"
}

check_libraries pam_totp.so "$folder/pam_totp.so" libpam.so.0 libcrypto.so.3 libc.so.6
check_libraries pam_totp_enroll.so "$folder/pam_totp_enroll.so" \
	libpam.so.0 libcrypto.so.3 libqrencode.so.4 libc.so.6
check_libraries totp-helper "$build/utils/totp-helper" \
	libpam.so.0 libcrypto.so.3 libc.so.6
check_libraries totp-enroll "$build/utils/totp-enroll" \
	libqrencode.so.4 libc.so.6 '?' libpng16.so.16 libsmartcols.so.1 libcrypto.so.3
check_libraries totp-admin "$build/utils/totp-admin" \
	libsmartcols.so.1 libcrypto.so.3 libc.so.6

tap_empty 'pam_totp.so stays in a host that logs in many' "$(
	readelf -dW "$folder/pam_totp.so" | grep -q 'FLAGS_1.*NODELETE' || echo 'no NODELETE')"

# --- 4: hardening -----------------------------------------------------------------

check_hardening()
{
	local name=$1 file=$2 dynamic segments called
	dynamic=$(readelf -dW "$file")
	segments=$(readelf -lW "$file")
	called=$(nm -D --undefined-only "$file" | awk '{ sub(/@.*/, "", $NF); print $NF }')
	tap_empty "$name is hardened" "$(
		grep -Eq 'BIND_NOW|FLAGS_1.*NOW' <<<"$dynamic" || echo 'not bound at load time'
		! grep -q TEXTREL <<<"$dynamic" || echo 'has text relocations'
		! grep -Eq 'RPATH|RUNPATH' <<<"$dynamic" || echo 'has a library search path'
		grep -q GNU_RELRO <<<"$segments" || echo 'no RELRO'
		grep -Eq 'GNU_STACK .* RW +0x' <<<"$segments" || echo 'the stack is executable'
		! grep -Eq 'LOAD .* RWE ' <<<"$segments" || echo 'a segment is writable and executable'
		grep -qx __stack_chk_fail <<<"$called" || echo 'no stack protector'
		grep -Eqx '__[a-z]+_chk' <<<"$called" || echo 'no _FORTIFY_SOURCE'
	)"
}

is_pie()
{
	readelf -hW "$1" | grep -q 'Type:.*DYN' && readelf -dW "$1" | grep -q 'FLAGS_1.*PIE'
}

for module in "${modules[@]}"; do
	check_hardening "$module.so" "$folder/$module.so"
done
for program in "${programs[@]}"; do
	check_hardening "${program#*/}" "$build/$program"
	if is_pie "$build/$program"; then
		tap_ok "${program#*/} is position-independent"
	else
		tap_fail "${program#*/} is position-independent"
	fi
done

tap_done
