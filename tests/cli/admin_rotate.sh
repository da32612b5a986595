#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# Time and totp-admin, as it ships: rotation that is demanded by a day, and a state that is
# ahead of the host's clock. Needs root; the second group needs faketime.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=tests/support/admin.sh
. "$src/tests/support/admin.sh"

aged()			# USER DAYS: make the user's devices that old
{
	sed -i -E "s/^created .*/created $(($(date +%s) - $2 * 86400))/" "$store/secrets/$1"
}
marks() { grep -h '^rotate_by' "$store"/secrets/*; }
end_of() { echo $(($(date -u -d "$1" +%s) + 86399)); }

# --- rotate -----------------------------------------------------------------------------

fresh active
run add --uid 7 bob token --secret-file - <<<"$other_key"
aged bob 400
run rotate --by 9998-01-01 $user
expect 'a user is to rotate' 0 'tess +phone'
is 'is told the day' "$(grep -c '^text .* must be replaced by 9998-01-01' "$store/secrets/$user")" 1
is 'by the end of that day' "$(grep '^rotate_by' "$store/secrets/$user")" "rotate_by $(end_of 9998-01-01)"
is 'and nobody else' "$(grep '^rotate_by' "$store/secrets/bob")" 'rotate_by 0'
run verify $user <<<"$(code_in 30)"
expect 'the old secret works on' 0
run show --json $user
is 'show tells the day' "$(json 'd["devices"][0]["rotate_by"]')" 9998-01-01T23:59:59Z
run rotate --end $user
expect 'it is taken back' 0
is 'whole' "$(grep '^rotate_by' "$store/secrets/$user")" 'rotate_by 0'
run rotate --by now $user
is 'at once' "$rc $(($(date +%s) - $(sed -n 's/^rotate_by //p' "$store/secrets/$user") < 60))" '0 1'
run rotate --end $user

soon=$(date -u -d '10 days' +%F) late=$(date -u -d '30 days' +%F)
run rotate --older-than 401 --by "$late"
is 'nobody is that old' "$rc $(marks | sort -u)" '0 rotate_by 0'
run rotate --json --older-than 400 --by "$late"
is 'old devices of all users' "$rc $(json '[(x["user"], x["name"]) for x in d["devices"]]')" "0 [('bob', 'token')]"
is 'and only old ones' "$(marks)" "rotate_by $(end_of "$late")
rotate_by 0"
before=$(tree)
run rotate --older-than 400 --by "$(date -u -d '31 days' +%F)"
is 'the next night puts nothing off' "$rc $(tree)" "0 $before"
run rotate --older-than 400 --by "$soon"
is 'a sooner day counts' "$(marks | head -1)" "rotate_by $(end_of "$soon")"
run rotate --older-than 400 --by "$soon" $user
expect 'a user without such a device is no failure' 0
printf 'x\n' >>"$store/secrets/$user"
aged bob 500
run rotate --older-than 400 --by now
expect 'a record that cannot be read is told' 1 "bob +token.*$user: .*secrets/$user"
is 'and stops no other' "$(($(grep '^rotate_by' "$store/secrets/bob" | cut -c 11-) <= $(date +%s)))" 1
for day in "$(date -u -d yesterday +%F)" 2027-02-30 never ''; do
	run rotate "--by=$day" $user
	expect "--by \"$day\" is refused" 2 'by: '
done
run rotate --by "$soon"
expect 'everybody is nobody' 2 'expected a user'
run rotate $user
expect 'a day is needed' 2 'either --by'
run rotate --by "$soon" --end $user
expect 'or --end alone' 2 'either --by'
run rotate --older-than 36501 --by "$soon"
expect 'an age has an end' 2 'number from 0'

# --- a state from the future ---------------------------------------------------------------

if ! command -v faketime >/dev/null || [[ -n ${SANITIZERS-} ]]; then
	tap_skip 'a clock that was ahead' 'no faketime here'
	tap_done
fi
fresh active
# Files keep their own times: the store takes a change of those for one of the record.
at_clock()		# OFFSET ARGUMENT...: totp-admin on a host whose clock is off
{
	local offset=$1
	shift
	rc=0
	out=$(NO_FAKE_STAT=1 faketime -f "$offset" "$admin" --store "file:$store" "$@" 2>&1) || rc=$?
	err=
}
at_clock +40d verify $user <<<"$(code_in $((40 * 86400)))"
expect 'a login of a clock that is ahead' 0
run show $user
expect 'a state is ahead of the clock' 0 'later than the clock'
run verify $user <<<"$(code_in 30)"
expect 'which denies' 1
run unlock $user
expect 'a plain unlock' 0
run verify $user <<<"$(code_in 30)"
expect 'does not help' 1
now_code=$(code_in 0)
run unlock --clock $user
expect 'unlock --clock does' 0 'warning'
run verify $user <<<"$now_code"
expect 'the code of now is used up' 3 'already used'
run verify $user <<<"$(code_in 60)"
expect 'and a further one not yet within the window' 3
run show --json $user
is 'the state is of today' "$(json 'd["saved"][:10]')" "$(date -u +%F)"
run unlock --clock $user
expect 'it is done once' 7 'not ahead'
at_clock +130s verify $user <<<"$(code_in 130)"
expect 'and a code after that works' 0

fresh active
at_clock +40d verify $user <<<"$(code_in $((40 * 86400)))"
run reset --yes --uid $uid $user
run add --uid $uid $user phone --secret-file - <<<"$key"
at_clock +130s verify $user <<<"$(code_in 130)"
expect 'after a reset the clock of then counts no more' 0

tap_done
