#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin on a store that is read-only and has a directory for its states: codes
# are counted there, nothing else is done there, and all of it is in the store
# again as soon as that can be written. What a code does is in test_store_fallback
# and race_read_only, which set the clock. Mounts stay in a namespace of their own.
set -euo pipefail

src=$(cd "$(dirname "$0")/../.." && pwd)
if [[ ${READ_ONLY_INSIDE-} != yes ]]; then
	if [[ $(id -u) -eq 0 ]] && unshare --mount --propagation private true 2>/dev/null; then
		READ_ONLY_INSIDE=yes exec unshare --mount --propagation private bash "$0"
	fi
	. "$src/tests/support/tap.sh"
	tap_skip_all 'needs root and mount namespaces'
fi
# shellcheck source=tests/support/admin.sh
. "$src/tests/support/admin.sh"
trap 'umount -q "$store" || true; rm -rf "$tmp"' EXIT

aside=$tmp/aside
# By the settings alone: with --store the directory of the settings is left alone.
conf without "store = file:$store" 'window = 3' 'throttle_after = 3'
conf aside "store = file:$store" 'window = 3' 'throttle_after = 3' "state_fallback = $aside"
configured()		# SETTINGS ARGUMENT...
{
	local name=$1
	shift
	rc=0
	"$admin" --conf "$tmp/$name.conf" "$@" >"$tmp/out" 2>"$tmp/err" || rc=$?
	out=$(<"$tmp/out") err=$(<"$tmp/err")
}
failures() { configured aside show --json $user && json 'd["failures"]'; }

# One code, sixteen at once: the number of those that were accepted.
crowd()
{
	local i code=$1
	for i in {1..16}; do
		"$admin" --conf "$tmp/aside.conf" verify $user <<<"$code" >/dev/null 2>&1 &&
			echo "$i" &
	done | wc -l
}

mkdir -m 700 "$store"
mount -t tmpfs -o mode=0700 none "$store"
mkdir -m 700 "$store/secrets" "$store/state"
with narrow add --uid $uid $user phone --secret-file - <<<"$key"
expect 'a device' 0
used=$(code_in 30)
configured aside verify $user <<<"$used"
expect 'a code on a store that can be written' 0
is 'makes no directory' "$(ls -d "$aside" 2>&1)" "ls: cannot access '$aside': No such file or directory"

mount -o remount,ro "$store"
before=$(tree)
configured without verify $user <<<"$(code_in 60)"
expect 'without the setting a code is refused, with the reason' 1 'Read-only file system'
is 'and nothing is kept elsewhere' "$(find "$tmp" -name $user -not -path "$store/*")" ''
mkdir -m 755 "$aside"
configured aside verify $user <<<"$(code_in 60)"
expect 'a directory that is open to others is refused' 1 'lets others in'
rmdir "$aside"
code=$(code_in 60)
configured aside verify $user <<<"$code"
expect 'with it the first code is burnt, with the wait' 3 'Wait for the next code'
is 'the directory is for root alone' "$(stat -c %a:%u "$aside" "$aside/$user")" $'700:0\n600:0'
is 'sixteen at once with it: accepted' "$(crowd "$code")" 0
configured aside verify $user <<<"$(code_in 90)"
expect 'they were counted, and have to wait' 9
is 'the number of failures' "$(failures)" 3
configured aside show $user
expect 'show reads the state there' 0
configured aside rename $user phone watch
expect 'a change is refused, with the reason' 1 'Read-only file system'
configured aside add --uid $uid $user tablet --secret-file - <<<"$other_key"
expect 'an enrolment is refused, with the reason' 1 'Read-only file system'
configured aside unlock $user
expect 'unlocking is refused, with the reason' 1 'Read-only file system'
run verify $user <<<"$(code_in 90)"
expect 'a store that was named is another one' 1 'Read-only file system'
is 'the store is what it was' "$(tree)" "$before"

mount -o remount,rw "$store"
is 'the number of failures when it can be written' "$(failures)" 3
configured aside verify $user <<<"$(code_in 90)"
expect 'who has to wait still has to' 9
is 'a look brings nothing back' "$(ls "$aside")" $user
configured aside rename $user phone watch
expect 'a change is made' 0
is 'and with it the state is back' "$(ls -A "$aside")" ''
configured without verify $user <<<"$(code_in 60)"
expect 'which is in the store now' 9
configured without unlock $user
configured without verify $user <<<"$code"
expect 'a code of the time before is still used' 3 'already used'
tap_done
