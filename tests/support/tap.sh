# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
# shellcheck shell=bash
#
# TAP for shell tests; sourced. The plan comes last, from tap_done, so a script
# that dies on the way has none and counts as failed.
#   tap_ok NAME              tap_fail NAME [LINES]     tap_skip NAME WHY
#   tap_empty NAME LINES     passes when LINES is empty, else shows them
#   tap_skip_all WHY         ends the script as skipped
#   tap_done                 prints the plan; exit status 1 when a test failed

tap_count=0
tap_failed=0

tap_ok()
{
	printf 'ok %d - %s\n' $((++tap_count)) "$1"
}

tap_fail()
{
	printf 'not ok %d - %s\n' $((++tap_count)) "$1"
	tap_failed=1
	[[ -z ${2-} ]] || printf '#   %s\n' "${2//$'\n'/$'\n#   '}"
}

tap_skip()
{
	printf 'ok %d - %s # SKIP %s\n' $((++tap_count)) "$1" "$2"
}

tap_empty()
{
	if [[ -z $2 ]]; then tap_ok "$1"; else tap_fail "$1" "$2"; fi
}

tap_skip_all()
{
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

tap_done()
{
	printf '1..%d\n' "$tap_count"
	exit "$tap_failed"
}
