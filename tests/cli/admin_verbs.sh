#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin as it ships: every verb in every state of a user, every exit code, and
# what the verbs do that change a device. Needs root.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=tests/support/admin.sh
. "$src/tests/support/admin.sh"

# --- every verb in every state ------------------------------------------------------

#                         none pend act dis exp lock thr lost corr unsafe
matrix add "$other_key"  '0    0    0   0   0   0    0   0    1    1' --uid $uid --secret-file - $user tablet
matrix add "$other_key"  '0    0    4   4   4   4    4   4    1    1' --uid $uid --secret-file - $user PHONE
matrix add "$key"        '0    4    4   4   4   4    4   4    1    1' --uid $uid --secret-file - $user tablet
matrix list ''           '0    0    0   0   0   0    0   0    1    1'
matrix list ''           '6    0    0   0   0   0    0   0    1    1' --json $user
matrix show ''           '6    0    0   0   0   0    0   0    1    1' $user
matrix show ''           '6    0    0   0   0   0    0   0    1    1' --json $user
matrix verify 000000     '6    6    3   6   6   9    3   3    1    1' $user
matrix unlock ''         '6    0    0   0   0   0    0   0    1    1' $user
matrix disable ''        '6    7    10  7   0   10   10  10   1    1' $user phone
matrix disable ''        '6    7    0   7   0   0    0   0    1    1' --force $user phone
matrix disable ''        '6    6    6   6   6   6    6   6    1    1' --force $user watch
matrix delete ''         '6    0    7   0   7   7    7   7    1    1' $user phone
matrix delete ''         '6    6    6   6   6   6    6   6    1    1' $user watch
matrix remove ''         '6    0    10  0   0   10   10  10   1    1' $user phone
matrix remove ''         '6    0    0   0   0   0    0   0    1    1' --force $user PHONE
matrix remove ''         '6    6    6   6   6   6    6   6    1    1' --force $user watch
matrix rename ''         '6    0    0   0   0   0    0   0    1    1' $user phone watch
matrix rename ''         '6    0    0   0   0   0    0   0    1    1' $user phone PHONE
matrix rename ''         '6    2    2   2   2   2    2   2    1    1' $user phone ..
matrix rename ''         '6    6    6   6   6   6    6   6    1    1' $user watch phone
matrix cancel ''         '6    0    6   6   6   6    6   6    1    1' $user
matrix unlock ''         '6    7    7   7   7   7    7   7    1    1' --clock $user
matrix rotate ''         '6    7    0   7   7   0    0   0    1    1' --by 9998-01-01 $user
matrix rotate ''         '6    7    7   7   7   7    7   7    1    1' --end $user
matrix recovery-codes '' '6    7    0   7   7   0    0   0    1    1' $user
matrix bypass ''         '6    7    0   7   7   0    0   0    1    1' $user
matrix bypass ''         '6    7    7   7   7   7    7   7    1    1' --end $user
matrix ticket ''         '0    0    7   0   0   7    7   7    1    1' --uid $uid $user
matrix ticket ''         '6    0    7   0   0   7    7   7    1    1' $user
matrix ticket ''         '6    7    7   7   7   7    7   7    1    1' --end $user
matrix ticket ''         '0    10   10  10  10  10   10  10   1    1' --uid 7 $user
matrix exempt ''         '0    0    0   0   0   0    0   0    1    1' --uid $uid --until 9998-01-01 --reason away $user
matrix exempt ''         '6    7    7   7   7   7    7   7    1    1' --end $user
matrix reset ''          '6    0    0   0   0   0    0   0    0    1' --yes --uid $uid $user
matrix reset ''          '6    0    0   0   0   0    0   0    6    1' --yes $user
matrix reset ''          '6    2    2   2   2   2    2   2    2    1' --uid $uid $user
matrix reset ''          '6    0    0   0   0   0    0   0    0    1' --yes --forget $user
matrix enable ''         '6    7    7   0   7   7    7   7    1    1' --force $user phone
matrix resync codes      '6    7    0   7   7   9    0   3    1    1' $user phone
matrix resync codes      '6    6    6   6   6   6    6   6    1    1' $user watch
matrix resync ''         '6    7    2   7   7   9    2   2    1    1' $user phone
matrix resync '123456'   '6    7    2   7   7   9    2   2    1    1' $user phone
matrix_settings=wide
matrix enable codes      '6    7    7   0   7   7    7   7    1    1' $user phone
matrix enable codes      '6    6    6   6   6   6    6   6    1    1' $user watch
matrix_settings=throttle
matrix verify 000000     '6    6    3   6   6   9    9   3    1    1' $user
unset matrix_settings

# --- disable, delete, unlock, reset, verify: what they do ------------------------------------

fresh active
run add --uid $uid $user tablet --secret-file - <<<"$other_key"
run disable $user phone
expect 'one of two devices is disabled without --force' 0
run disable $user tablet
expect 'the last one is not: unenrolled=deny' 10 'locks the user out'
with skip disable $user tablet
expect 'the last one is not: unenrolled=skip' 10 'without a code'
with skip disable --force $user tablet
expect '--force does, and warns' 0 'warning: .*without a code'
run delete $user phone
is 'a deleted device leaves a tombstone without its secret' \
	"$(grep -c "$key" "$store/secrets/$user" || true) $(grep -Ec '^(name|former.*) ?phone' "$store/secrets/$user")" '0 1'

fresh active
run disable $user PHONE
expect 'device names have no case' 10 'last active'

fresh active
run rename $user phone watch
is 'a renamed device keeps its number and its key' \
	"$(grep -cE "^(\[device 1\]|name watch|secret $key)$" "$store/secrets/$user")" 3
run add --uid $uid $user tablet --secret-file - <<<"$other_key"
run rename $user tablet WATCH
expect 'a name that is taken is refused' 4 'already exists'
run remove $user tablet
run remove --force $user watch
expect 'the last device goes with --force, and a warning' 0 'warning: .*locks the user out'
is 'the user is told each change' "$(sed -En 's/^text (MFA device )?//p' "$store/secrets/$user")" \
	'"phone" was added by an administrator
an administrator renamed phone to watch
"tablet" was added by an administrator
"tablet" was removed by an administrator
"watch" was removed by an administrator'

fresh active
long=$(printf 'x%.0s' {1..64})
run rename $user phone "$long"
run rename $user "$long" "y${long:1}"
is 'also a notice of two long names is whole' \
	"$(sed -n 's/^text //p' "$store/secrets/$user" | tail -n 1)" \
	"an administrator renamed $long to y${long:1}"

fresh disabled
run enable --force $user phone
expect 'enable --force takes no code' 0 'used up'
run verify $user <<<"$(code_in 0)"
expect 'and leaves none of before' 3 'already used'
fresh disabled
with wide enable $user phone <<<"$(code_in 30)"$'\n'"$(code_in 60)"
expect 'enable by two codes' 0 'active again'
with wide verify $user <<<"$(code_in 60)"
expect 'uses both up' 3 'already used'
fresh disabled
with wide enable $user phone <<<"$(code_in 60)"$'\n'"$(code_in 30)"
expect 'swapped codes enable nothing' 3 'wrong order'
with wide enable $user phone <<<"$(code_in 30)"$'\n'123456
expect 'one right code enables nothing, and is not told from none' 3
run show --json $user
is 'both tries are counted' "$(json 'd["failures"], d["devices"][0]["state"]')" "(2, 'disabled')"
with throttle enable $user phone <<<"$(code_in 30)"$'\n'"$(code_in 60)"
expect 'further codes are not looked at' 9 'try again in'
with one add --uid $uid $user tablet --secret-file - <<<"$other_key"
run add --uid $uid $user tablet --secret-file - <<<"$other_key"
with one enable --force $user phone
expect 'no device more than max_devices is enabled' 5 'delete one first'

fresh active
run resync $user phone <<<"$(code_in 300)"$'\n'"$(code_in 330)"
expect 'resync finds a fast clock' 0 'its clock is 3[03]0 s ahead'
run verify $user <<<"$(code_in 330)"
expect 'and uses both codes up' 3 'already used'
run verify $user <<<"$(code_in 360)"
expect 'the next one of that device works' 0
run resync $user phone <<<"$(code_in 330)"$'\n'"$(code_in 360)"
expect 'used codes resync nothing' 3 'already used'
fresh active
run resync $user phone <<<"$(code_in 3000)"$'\n'"$(code_in 3030)"
expect 'an hour is beyond the usual search' 3
run resync --steps 120 $user phone <<<"$(code_in 3000)"$'\n'"$(code_in 3030)"
expect 'and within --steps 120' 0 'ahead'
run show --json $user
is 'a wrong pair is counted' "$(json 'd["failures"]')" 1
for steps in 0 2881 x -1; do
	run resync --steps=$steps $user phone </dev/null
	expect "--steps $steps is refused" 2 'number from 1 to 2880'
done
is 'no code is in the record' "$(grep -cE "$(code_in 3000)|$(code_in 3030)" "$store/secrets/$user" || true)" 0

fresh locked
run unlock $user
expect 'unlock unlocks' 0 'unlocked'
run verify $user <<<"$(code_in 30)"
expect 'and the next code works' 0
fresh throttled
with throttle verify $user <<<"$(code_in 30)"
expect 'a source that waits is not looked at' 9 'Try again later'
run unlock $user
with throttle verify $user <<<"$(code_in 30)"
expect 'unlock ends the wait' 0
fresh active
with lock verify $user <<<000000
expect 'the failure that locks says so' 3 'totp-admin unlock tess'

fresh none
run add root phone --secret-file - <<<"$key"
sed 's/^uid 0/uid 7/' "$store/secrets/root" >"$tmp/record"
cat "$tmp/record" >"$store/secrets/root"
run verify root <<<"$(code_in 60)"
expect 'the record of another account of that name lets nobody in' 10 'another account'
run show root
expect 'show says so' 0 'uid 0: the record belongs to another account.*Enrolled +no'
run show --json root
is 'in JSON too' "$(json 'd["uid"], d["account_uid"], d["enrolled"]')" '(7, 0, False)'
run reset --yes root
expect 'reset binds it to the account' 0
is 'of today' "$(grep '^uid' "$store/secrets/root") $(grep -c '^name' "$store/secrets/root" || true)" 'uid 0 0'
run add root phone --secret-file - <<<"$key"
expect 'who can enrol again' 0

fresh active
run reset --yes $user
expect 'reset tells what comes next' 0 'enrol again.*denied .*passwd tess'
run show --json $user
is 'reset leaves a record without devices and a time to enrol' \
	"$(json 'd["devices"], d["enrolled"], 604000 < __import__("datetime").datetime.fromisoformat(d["enrol_by"].replace("Z", "+00:00")).timestamp() - __import__("time").time() <= 604800')" \
	'([], False, True)'
is 'it keeps no secret' "$(grep -c "$key" "$store/secrets/$user" || true)" 0
run add --uid $uid $user phone --secret-file - <<<"$other_key"
is 'and no number is given twice' "$(grep '^\[device' "$store/secrets/$user")" '[device 2]'
for within in 59m 1 h -1h 366d 1h30m 18446744073709551615d; do
	run reset --yes "--within=$within" $user
	expect "reset refuses --within $within" 2 'expected a time as 30m'
done
run reset --yes --forget --within 2h $user
expect 'reset refuses --forget beside --within' 2 'of no use'
run reset --yes --forget $user
is '--forget leaves no file' "$(find "$store" -type f)" ''
fresh active
with skip reset --yes --within 36h $user
expect 'reset says until when no code is needed under skip' 0 'Until 20.* needs no code'
with skip reset --yes --forget $user
expect 'and --forget that none is needed at all' 0 'needs no code from now on'

fresh corrupt
run reset --yes --uid $uid $user
expect 'a corrupt record is reset' 0 'revoked.*expected nothing after'
run show --json $user
is 'and is whole' "$(json 'd["record_file"], d["state_file"], d["devices"], d["grace_start"] is None')" \
	"('whole', 'whole', [], False)"
run add --uid $uid $user phone --secret-file - <<<"$other_key"
run verify $user <<<000000
expect 'and works on' 3
fresh unsafe
run reset --yes $user
expect 'an unsafe file is left to a person' 1 'by hand'

answer_reset()		# TEXT: answer the question at a terminal
{
	rc=0
	out=$(/usr/bin/python3 - "$1" "$admin" --store "file:$store" reset $user <<-'PYTHON'
		import sys, pexpect
		child = pexpect.spawn(sys.argv[2], sys.argv[3:], timeout=20)
		child.expect("Type yes to go on: ")
		child.send(sys.argv[1].encode().decode("unicode_escape"))
		child.expect(pexpect.EOF)
		child.close()
		print(child.before.decode())
		sys.exit(child.exitstatus if child.signalstatus is None else 100)
	PYTHON
	) || rc=$?
	err=
}
for answer in 'no\n' 'y\n' '\n' 'yes please\n' '\x04'; do
	fresh active
	before=$(tree)
	answer_reset "$answer"
	expect "the answer \"$answer\" resets nothing" 1 'nothing was changed'
	is "the answer \"$answer\" leaves the store" "$(tree)" "$before"
done
fresh active
answer_reset 'yes\n'
expect 'the answer yes resets' 0 'enrol again'

fresh active
for text in '' ' ' ; do
	run verify $user <<<"$text"
	expect "verify refuses the input \"$text\"" 2 'no code'
done
run verify $user <<<'12345a'
expect 'verify refuses what is no code' 3 'not a code'
run show --json $user
is 'which is not counted' "$(json 'd["failures"]')" 0
rc=0
out=$(/usr/bin/python3 - "$(code_in 30)" "$admin" --store "file:$store" verify $user <<-'PYTHON'
	import sys, pexpect
	child = pexpect.spawn(sys.argv[2], sys.argv[3:], timeout=20)
	child.expect("Code: ")
	child.sendline(sys.argv[1])
	child.expect(pexpect.EOF)
	child.close()
	print(child.before.decode())
	if sys.argv[1] in child.before.decode():
	    sys.exit(99)
	sys.exit(child.exitstatus)
PYTHON
) || rc=$?
err=
expect 'a code typed at a terminal is not shown' 0 'accepted'

rc=0
before=$(tree)
out=$(/usr/bin/python3 - "$admin" --store "file:$store" verify $user <<-'PYTHON'
	import signal, sys, pexpect
	child = pexpect.spawn(sys.argv[1], sys.argv[2:], timeout=20)
	child.expect("Code: ")
	child.send("123\x03")
	child.expect(pexpect.EOF)
	child.close()
	print(child.signalstatus == signal.SIGINT)
PYTHON
) || rc=$?
is '^C at the question ends it as a signal does' "$out" True
is 'and has changed nothing' "$(tree)" "$before"

tap_done
