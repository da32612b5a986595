#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# The table of the fault campaign, from the logs that its tests left.
#
#   report.sh TEST...           in the build directory
#
# A test says in its log, in a line of its own, what it survived:
#   # faults: 178 kills in a login (127 before the change, ...)
# A test that failed, was skipped, or has no results is a row as well. Exit status 1 when
# anything is broken.
set -euo pipefail

printf '%9s %8s  %s\n' FAULTS BROKEN 'WHAT, AND THE TEST THAT DID IT'
for test in "$@"; do
	test=${test%.sh} test=${test%.py} log=$test.log
	if [[ ! -s $log ]]; then
		printf '%9s %8s  %s\n' - 1 "no results ($test)"
		continue
	fi
	awk -v test="${test#tests/}" '
		/^# faults: [0-9]+ / {
			count = $3
			sub(/^# faults: [0-9]+ /, "")
			printf "%9d %8d  %s (%s)\n", count, 0, $0, test
			next
		}
		/^(not )?ok .*# SKIP/ {
			printf "%9s %8d  skipped: %s (%s)\n", "-", 0, $0, test
			next
		}
		/^not ok / || /^ERROR: / {
			printf "%9s %8d  %s (%s)\n", "-", 1, $0, test
		}' "$log"
done | awk '
	{ print; faults += $1; broken += $2 }
	END { printf "%9d %8d  in total\n", faults, broken; exit broken > 0 }'
