#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# What totp-admin hands out or grants, as it ships: recovery codes, bypass codes,
# tickets and exemptions: shown once, good once, for their time. Needs root.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=tests/support/admin.sh
. "$src/tests/support/admin.sh"

code_shape='[b-df-hj-np-tv-xz]{5}(-[b-df-hj-np-tv-xz]{5}){3}'
hashes() { grep -E '^(salt|hash|code)' "$store/secrets/$user" | sha256sum; }
secret_free()		# NAME: nothing that was shown is in the store or on standard error
{
	local shown
	shown=$(grep -oE "$code_shape" "$tmp/out" | head -1)
	is "$1 is in no file and no message" \
		"${shown:+shown} $(grep -rlF -e "${shown:-none}" -e "${shown//-/}" "$store" "$tmp/err" || true)" 'shown '
}
# The clock of a record, set back: what was made SECONDS ago.
age()			# KEY SECONDS
{
	sed -i -E "s/^$1 [1-9][0-9]*/$1 $(($(date +%s) - $2))/" "$store/secrets/$user"
}

# --- recovery codes --------------------------------------------------------------------

fresh active
run recovery-codes $user
expect 'recovery codes are shown' 0 'works once, the old ones are void'
is 'ten of them' "$(grep -oE "$code_shape" "$tmp/out" | sort -u | wc -l)" 10
secret_free 'a recovery code'
first=$(grep -oE "$code_shape" "$tmp/out" | head -1)
second=$(grep -oE "$code_shape" "$tmp/out" | sed -n 2p)
run verify $user <<<"$first"
expect 'one works' 0
run verify $user <<<"$first"
expect 'once' 3
run recovery-codes --json $user
is 'JSON has ten' "$(json 'd["user"], len(set(d["recovery_codes"]))')" "('$user', 10)"
third=$(json 'd["recovery_codes"][9]')
run verify $user <<<"$second"
expect 'a new set voids the old one' 3
run verify $user <<<"$third"
expect 'and works itself' 0
run show --json $user
is 'nine are left' "$(json 'd["recovery"]')" "{'codes': 10, 'left': 9}"

mkdir -m 700 /run/totp-admin-test.$$
private=/run/totp-admin-test.$$
trap 'rm -rf "$tmp" "$private"' EXIT
run recovery-codes --file "$private/codes" $user
expect 'into a file' 0 "in $private/codes"
is 'that is root'"'"'s alone' "$(stat -c '%U %a' "$private/codes") $(grep -cE "^$code_shape\$" "$private/codes")" 'root 600 10'
is 'and not on the screen' "$(grep -cE "$code_shape" "$tmp/out" "$tmp/err")" "$tmp/out:0
$tmp/err:0"
run verify $user <<<"$(tail -1 "$private/codes")"
expect 'works from the file' 0
before=$(hashes)
run recovery-codes --file "$private/codes" $user
expect 'a file that is there is not written over' 4 'File exists'
ln -s target "$private/link"
run recovery-codes --file "$private/link" $user
expect 'nor is a link followed' 4
run recovery-codes --file relative $user
expect 'the path is absolute' 2 'absolute'
run recovery-codes --file "$private/" $user
expect 'and names a file' 2
run recovery-codes --file "$private/no/codes" $user
expect 'in a directory that is there' 1
chmod 777 "$private"
run recovery-codes --file "$private/more" $user
expect 'and that nobody else can write' 1 'more|lets others in|mode'
chmod 700 "$private"
run recovery-codes --json --file "$private/more" $user
expect '--file and --json exclude each other' 2
is 'a refusal leaves the codes' "$(hashes)" "$before"
is 'and no file' "$(cd "$private" && echo *)" 'codes link'
run recovery-codes --file "$private/more" nobody-of-this-name
expect 'a user without a record' 6
is 'leaves no file either' "$(cd "$private" && echo *)" 'codes link'

# --- bypass codes ------------------------------------------------------------------------

fresh active
run bypass $user
expect 'a bypass code is shown' 0 'once, until'
secret_free 'a bypass code'
code=$out
run show --json $user
is 'for an hour' "$(json 'd["bypass"]["state"], 3500 < __import__("datetime").datetime.fromisoformat(d["bypass"]["expires"].replace("Z", "+00:00")).timestamp() - __import__("time").time() <= 3600')" \
	"('outstanding', True)"
run verify $user <<<"$code"
expect 'it works' 0
run verify $user <<<"$code"
expect 'once' 3
run bypass --json --for 7d $user
old=$(json 'd["code"]')
run bypass $user
code=$out
run verify $user <<<"$old"
expect 'a newer one voids it' 3
run bypass --end $user
expect 'one is taken back' 0 'void'
run verify $user <<<"$code"
expect 'and works no more' 3
run bypass --end $user
expect 'it is taken back once' 7 'no bypass code outstanding'
run bypass --for 1m $user
code=$out
age expires 1
run verify $user <<<"$code"
expect 'one that is too old does not work' 3
fresh active
for i in 1 2 3 4 5 6 7 8; do
	"$admin" --store "file:$store" bypass $user >"$tmp/many.$i" 2>/dev/null &
done
wait
worked=0
for i in 1 2 3 4 5 6 7 8; do
	run verify $user <"$tmp/many.$i"
	[[ $rc -ne 0 ]] || worked=$((worked + 1))
	run unlock $user
done
is 'of eight made at once one works' "$(cat "$tmp"/many.* | sort -u | wc -l) $worked" '8 1'
fresh locked
run bypass $user
run verify $user <<<"$out"
expect 'it is a proof that ends a lock' 0
for time in 59s 8d 169h 0m m 1 1w -1h 1.5h; do
	run bypass "--for=$time" $user
	expect "--for $time is refused" 2 'as 30m'
done
run bypass --end --for 1h $user
expect '--end takes no time' 2

# --- tickets -------------------------------------------------------------------------------

fresh none
run ticket --uid $uid $user
expect 'a ticket for a user without a record' 0 'first device'
secret_free 'a ticket'
run show --json $user
is 'makes a record without devices' "$(json 'd["uid"], d["ticket"]["state"], d["devices"], d["enrolled"], d["grace_start"]')" \
	"($uid, 'outstanding', [], False, None)"
run ticket --uid $uid --for 30m $user
expect 'a second one' 0
is 'has a new number' "$(grep '^\[ticket' "$store/secrets/$user")" '[ticket 2]'
run ticket --end $user
expect 'is taken back' 0
run ticket root
is 'the uid is that of the account' "$rc $(grep '^uid' "$store/secrets/root")" '0 uid 0'

# --- exemptions --------------------------------------------------------------------------------

fresh none
run exempt --uid $uid --until "$(date -u +%F)" --reason 'phone in repair' $user
expect 'an exemption of a day' 0 'until the end of'
run show --json $user
is 'lasts to its end' "$(json 'd["exempt_until"], d["exempt_reason"]')" \
	"('$(date -u +%F)T23:59:59Z', 'phone in repair')"
run exempt --end $user
expect 'it is ended' 0
run show --json $user
is 'and nothing of it stays' "$(json 'd["exempt_until"], d["exempt_reason"]')" '(None, None)'
tomorrow=$(date -u -d tomorrow +%F)
for day in "$(date -u -d yesterday +%F)" tomorrow 2027-02-30 2027-1-1 01/01/2027 10000-01-01 ''; do
	run exempt "--until=$day" --reason away $user
	expect "--until \"$day\" is refused" 2 'until'
done
for reason in '' ' x' 'x ' $'a\nb' $'\x1b[31m' ä "$(printf 'x%.0s' {1..161})"; do
	run exempt --until "$tomorrow" "--reason=$reason" $user
	expect "a reason of ${#reason} bytes that is no plain text is refused" 2 'printable'
done
run exempt --until "$tomorrow" $user
expect 'no exemption without a reason' 2
run exempt --reason away $user
expect 'nor without an end' 2
run exempt --end --reason away $user
expect '--end stands alone' 2

tap_done
