#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin as it ships, on stores of its own below a temporary directory: every
# verb in every state of a user, every exit code, what is written and what is
# not, what is printed and what never is. Needs root, as the tool does. Nothing
# outside the temporary directory is touched; two groups at the end need a
# private mount namespace and are skipped where there is none.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${top_builddir:-$PWD}
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"
admin=${TOTP_ADMIN:-$build/utils/totp-admin}
[[ $(id -u) -eq 0 ]] || tap_skip_all 'needs root'
[[ -x $admin ]] || { echo "no $admin" >&2; exit 1; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
store=$tmp/store
user=tess		# no account of this host
uid=4242
key=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP
other_key=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
weak_key=JBSWY3DPEHPK3PXP

conf()			# NAME [LINE...]: a settings file
{
	local name=$1
	shift
	printf '%s\n' "$@" >"$tmp/$name.conf"
	chmod 644 "$tmp/$name.conf"
}
conf plain ''
conf narrow 'window = 0'
conf lock 'lock_after = 1' 'throttle_delay = 0'
conf throttle 'throttle_after = 1' 'throttle_delay = 60'
conf one 'max_devices = 1'
conf skip 'unenrolled = skip'
conf broken 'window = wide'

# Run totp-admin on the store; output in $out and $err, exit code in $rc.
settings=plain
run()
{
	rc=0
	"$admin" --store "file:$store" --conf "$tmp/$settings.conf" "$@" \
		>"$tmp/out" 2>"$tmp/err" || rc=$?
	out=$(<"$tmp/out") err=$(<"$tmp/err")
}
with()			# SETTINGS ARGUMENT...: run with other settings
{
	settings=$1
	shift
	run "$@"
	settings=plain
}
tree() { find "$store" -printf '%P %m %s %T@\n' | sort; find "$store" -type f -exec sha256sum {} + | sort; }

expect()		# NAME CODE [PATTERN of err or out]
{
	if [[ $rc -ne $2 ]]; then
		tap_fail "$1" "exit $rc, expected $2: $err$out"
	elif [[ -n ${3-} && ! "$out$err" =~ $3 ]]; then
		tap_fail "$1" "expected \"$3\" in: $out$err"
	else
		tap_ok "$1"
	fi
}
is() { if [[ $2 == "$3" ]]; then tap_ok "$1"; else tap_fail "$1" "expected: $3"$'\n'"found:    $2"; fi; }
code_in()		# SECONDS [OPTION...]: the code that the phone shows then
{
	local at=$1
	shift
	oathtool --totp -b -N "@$(($(date +%s) + at))" "$@" "$key"
}

# A store with $user in a state.
fresh()
{
	rm -rf "$store"
	mkdir -m 700 "$store"
	[[ $1 != none ]] || return 0
	settings=narrow run add --uid $uid $user phone --secret-file - <<<"$key"
	[[ $rc -eq 0 ]] || { echo "cannot make the store: $err" >&2; exit 1; }
	local record=$store/secrets/$user
	case $1 in
	active) ;;
	pending)
		sed -e 's/^state active/state pending/' \
			-e "s/^expires 0/expires $(($(date +%s) + 600))/" "$record" >"$tmp/record"
		cat "$tmp/record" >"$record"
		;;
	disabled) run disable --force $user phone ;;
	locked) with lock verify $user <<<000000 ;;
	throttled) with throttle verify $user <<<000000 ;;
	lost) rm "$store/state/$user" ;;
	corrupt) printf 'x\n' >>"$record" ;;
	unsafe) chmod 644 "$record" ;;
	esac
}

# --- every verb in every state ------------------------------------------------------

# Columns: the arguments, then the exit codes by state. A refusal must leave every
# byte; so must list and show, whatever they say. verify writes: a guess is counted.
states=(none pending active disabled locked throttled lost corrupt unsafe)
matrix()
{
	local verb=$1 input=$2 i before after state
	local -a codes
	read -ra codes <<<"$3"
	shift 3
	for i in "${!states[@]}"; do
		state=${states[i]}
		fresh "$state"
		before=$(tree)
		with "${matrix_settings:-plain}" "$verb" "$@" <<<"$input"
		after=$(tree)
		expect "$verb $* of a user who is $state: exit ${codes[i]}" "${codes[i]}"
		if [[ $verb == list || $verb == show || ($rc -ne 0 && $verb != verify) ]]; then
			is "$verb $* ($state) leaves the store as it was" "$after" "$before"
		elif [[ $verb != verify ]]; then
			[[ $before != "$after" ]] ||
				tap_fail "$verb $* ($state) has written nothing"
		fi
		if [[ $rc -eq 0 ]]; then
			run list
			[[ $rc -eq 0 ]] || tap_fail "the store is whole after $verb ($state)" "$err"
		elif [[ -z $err ]]; then
			tap_fail "$verb $* ($state) says why it refuses"
		fi
		if grep -qF -e "$key" -e "$other_key" "$tmp/out" "$tmp/err"; then
			tap_fail "$verb $* ($state) shows a secret"
		fi
	done
}
#                         none pend act dis lock thr lost corr unsafe
matrix add "$other_key"  '0    0    0   0   0    0   0    1    1' --uid $uid --secret-file - $user tablet
matrix add "$other_key"  '0    0    4   4   4    4   4    1    1' --uid $uid --secret-file - $user PHONE
matrix add "$key"        '0    4    4   4   4    4   4    1    1' --uid $uid --secret-file - $user tablet
matrix list ''           '0    0    0   0   0    0   0    1    1'
matrix list ''           '6    0    0   0   0    0   0    1    1' --json $user
matrix show ''           '6    0    0   0   0    0   0    1    1' $user
matrix show ''           '6    0    0   0   0    0   0    1    1' --json $user
matrix verify 000000     '6    6    3   6   9    3   3    1    1' $user
matrix unlock ''         '6    0    0   0   0    0   0    1    1' $user
matrix disable ''        '6    7    7   7   7    7   7    1    1' $user phone
matrix disable ''        '6    7    0   7   0    0   0    1    1' --force $user phone
matrix disable ''        '6    6    6   6   6    6   6    1    1' --force $user watch
matrix delete ''         '6    0    7   0   7    7   7    1    1' $user phone
matrix delete ''         '6    6    6   6   6    6   6    1    1' $user watch
matrix reset ''          '6    0    0   0   0    0   0    1    1' --yes $user
matrix reset ''          '6    2    2   2   2    2   2    1    1' $user
matrix_settings=throttle
matrix verify 000000     '6    6    3   6   9    9   3    1    1' $user
unset matrix_settings

# --- add ------------------------------------------------------------------------------

fresh none
settings=narrow run add --uid $uid $user phone --secret-file - <<<"jbsw y3dp-ehpk 3pxp jbswy3dpehpk3pxp="
expect 'padding in the wrong amount is refused' 2 'not base32'
settings=narrow run add --uid $uid $user phone --secret-file - <<<"  jbsw y3dp-ehpk 3pxp jbswy3dpehpk3pxp "
expect 'a key in groups, in small letters, is taken' 0 'first one that works appears in [0-9]+ s'
settings=plain
is 'folders and files are root'"'"'s alone' \
	"$(find "$store" -mindepth 1 -printf '%u:%g %m %P\n' | sort -k3)" \
	"root:root 700 secrets
root:root 600 secrets/$user
root:root 700 state
root:root 600 state/$user"
run verify $user <<<"$(code_in 0)"
expect 'a code of before the import is used up' 3 'already used'
run verify $user <<<"$(code_in 30)"
expect 'the first code after it works' 0 'phone'
run verify $user <<<"$(code_in 30)"
expect 'and works once' 3 'already used'

run add --uid $((uid + 1)) $user tablet --secret-file - <<<"$other_key"
expect 'another uid than the record'"'"'s is refused' 10 "belongs to another account"
run add --uid 7000 tom phone --secret-file - <<<"$key"
expect 'the secret of another user'"'"'s device is refused' 4 'already assigned to another device'
is 'and nothing of it stays' "$(ls "$store/secrets")" "$user"
with one add --uid $uid $user tablet --secret-file - <<<"$other_key"
expect 'one device more than max_devices is refused' 5 'already has 1 MFA devices'
run add nobody-of-this-name phone --secret-file - <<<"$other_key"
expect 'a name without an account needs --uid' 6 'no account'
run add --uid 1 root phone --secret-file - <<<"$other_key"
expect '--uid must not contradict the account' 2 'has uid 0'
run add root phone --secret-file - <<<"$other_key"
expect 'an account needs no --uid' 0
is 'its uid is in the record' "$(grep '^uid' "$store/secrets/root")" 'uid 0'

printf 'x\n' >>"$store/secrets/root"
run add --uid 7000 tom phone --type hardware --algorithm sha256 --digits 8 --period 60 \
	--secret-file - <<<MZXW6YTBOJRGC6TNMZXW6YTBOJRGC6TNMZXW6YTBOJRGC6TNMZXQ
expect 'a broken record of another is told and stops nobody' 0 'not compared with the devices of root: secrets/root'
is 'parameters are kept' "$(grep -E '^(type|algorithm|digits|period) ' "$store/secrets/tom" | tr '\n' ' ')" \
	'type hardware algorithm SHA256 digits 8 period 60 '

fresh none
uri="otpauth://totp/Site:tess?secret=$key&issuer=Site&digits=8&period=60&algorithm=SHA512"
run add --uid $uid $user phone --uri-file - <<<"$uri"
expect 'a URI is taken' 0 'SHA512, 8 digits, 60 s'
fresh none
run add --uid $uid $user phone --secret-file - <<<$weak_key
expect 'a key of 80 bits is refused' 2 '80 bits'
run add --uid $uid $user phone --weak-ok --secret-file - <<<$weak_key
expect 'a key of 80 bits is taken with --weak-ok' 0
run add --uid $uid $user tablet --weak-ok --secret-file - <<<JBSWY3DP
expect 'a key of 40 bits is not' 2

bad()			# NAME CODE INPUT ARGUMENT...
{
	local name=$1 code=$2 input=$3 before
	shift 3
	fresh none
	before=$(tree)
	rc=0
	printf '%b' "$input" >"$tmp/in"
	run add --uid $uid "$@" <"$tmp/in"
	expect "add refuses $name" "$code"
	is "add refuses $name and writes nothing" "$(tree)" "$before"
	if [[ ${#input} -gt 8 ]] && grep -qF -- "${input:0:8}" "$tmp/err" "$tmp/out"; then
		tap_fail "add does not repeat $name" "$err"
	fi
}
bad 'an empty input' 2 '' $user phone --secret-file -
bad 'blanks only' 2 ' \n\n' $user phone --secret-file -
bad 'two lines' 2 "$key\n$key\n" $user phone --secret-file -
bad 'a NUL' 2 "$key\0002\n" $user phone --secret-file -
bad 'letters that are not base32' 2 'JBSWY3DP0189PK3PXPJBSWY3DPEHPK3PXP' $user phone --secret-file -
bad 'a key of 65 bytes' 2 "$(printf 'A%.0s' {1..104})" $user phone --secret-file -
bad 'four kilobytes' 2 "$(printf 'A%.0s' {1..4096})" $user phone --secret-file -
bad 'a key where a URI is expected' 2 "$key" $user phone --uri-file -
bad 'hotp' 2 "otpauth://hotp/x?secret=$key&counter=1" $user phone --uri-file -
bad 'a URI with another period than 15 to 120' 2 "otpauth://totp/x?secret=$key&period=121" $user phone --uri-file -
bad '--digits beside a URI' 2 "$uri" $user phone --uri-file - --digits 8
bad 'no source' 2 "$key" $user phone
bad 'two sources' 2 "$key" $user phone --uri-file - --secret-file -
bad '--digits 9' 2 "$key" $user phone --secret-file - --digits 9
bad '--digits 6x' 2 "$key" $user phone --secret-file - --digits 6x
bad '--period 14' 2 "$key" $user phone --secret-file - --period 14
bad '--period 121' 2 "$key" $user phone --secret-file - --period 121
bad '--algorithm MD5' 2 "$key" $user phone --secret-file - --algorithm MD5
bad '--type paper' 2 "$key" $user phone --secret-file - --type paper
bad '--uid -1' 2 "$key" --uid=-1 $user phone --secret-file -
for name in '' . .. a/b 'a b' -x ä "$(printf 'x%.0s' {1..65})"; do
	bad "the device name \"$name\"" 2 "$key" --secret-file - -- $user "$name"
done
for name in '' . .. .hidden a/b ../x 'a b' $'a\nb' "$(printf 'x%.0s' {1..256})"; do
	bad "the user name \"${name//$'\n'/ LF }\"" 2 "$key" --secret-file - -- "$name" phone
done
fresh none
run add --uid 4294967295 $user phone --secret-file - <<<"$key"
expect '(uid_t)-1 is no uid' 2

# --- where a secret comes from ----------------------------------------------------------

from_file()		# NAME CODE FILE [PATTERN]
{
	fresh none
	run add --uid $uid $user phone --secret-file "$3"
	expect "a key from $1" "$2" "${4-}"
}
printf '%s\n' "$key" >"$tmp/key"
chmod 600 "$tmp/key"
from_file 'a 0600 file of root' 0 "$tmp/key"
chmod 400 "$tmp/key"
from_file 'a 0400 file of root' 0 "$tmp/key"
for mode in 640 620 610 604 602 601; do
	chmod $mode "$tmp/key"
	from_file "a file of mode $mode" 1 "$tmp/key" 'group or others'
done
chmod 600 "$tmp/key"
chown 65534 "$tmp/key"
from_file 'a file of somebody else' 1 "$tmp/key" 'somebody else'
chown 0 "$tmp/key"
ln "$tmp/key" "$tmp/link"
from_file 'a file with two links' 1 "$tmp/key" 'more than one link'
rm "$tmp/link"
ln -s key "$tmp/link"
from_file 'a symbolic link' 1 "$tmp/link" 'symbolic link'
mkfifo -m 600 "$tmp/fifo"
from_file 'a FIFO without a writer' 1 "$tmp/fifo" 'not a regular file'
from_file 'a directory' 1 "$tmp" 'not a regular file'
from_file 'a device' 1 /dev/null 'not a regular file'
from_file 'a file that is not there' 1 "$tmp/nothing" 'no such file'
head -c 4096 /dev/zero >"$tmp/large"
chmod 600 "$tmp/large"
from_file 'a large file' 1 "$tmp/large" 'too long'

# --- list and show ------------------------------------------------------------------------

fresh active
run add root 'tablet+1' --secret-file - <<<"$other_key"
run list
is 'the table has a row a device, sorted by user' "$(cut -c 1-39 "$tmp/out" | sed 's/ *$//')" \
	'USER NAME     TYPE    STATE  CREATED
root tablet+1 virtual active 20'"$(date +%y-%m-%d)"'
tess phone    virtual active 20'"$(date +%y-%m-%d)"
is 'times in the table are local' "$(TZ=ABC-14 "$admin" --store "file:$store" list tess | grep -c "$(TZ=ABC-14 date +%FT%H:)")" 1
json()			# FILTER in Python over d
{
	/usr/bin/python3 -c 'import json, sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
print(eval(sys.argv[2]))' "$tmp/out" "$1"
}
run list --json
is 'JSON has an object a device' "$(json '[(x["user"], x["uid"], x["name"], x["state"], x["error"]) for x in d["devices"]]')" \
	"[('root', 0, 'tablet+1', 'active', None), ('tess', $uid, 'phone', 'active', None)]"
is 'JSON has the documented keys' "$(json '" ".join(d["devices"][0])')" \
	'user uid name id type state locked algorithm digits period created expires last_used drift error'
is 'times in JSON are UTC' "$(json '__import__("re").fullmatch("[0-9-]{10}T[0-9:]{8}Z", d["devices"][0]["created"]) is not None')" True

printf 'x\n' >>"$store/secrets/root"
run list
expect 'a corrupt record does not hide the others' 1 'root .*corrupt.*tess phone .*secrets/root'
run list --json
is 'in JSON it is an object with its error' "$(json '[(x["user"], x["error"] is None) for x in d["devices"]]')" \
	"[('root', False), ('tess', True)]"
run show --json root
is 'show says in JSON what is wrong' "$(json 'd["record_file"], "secrets/root" in d["error"]')" "('corrupt', True)"
rm "$store/secrets/root" "$store/state/root"

run show --json $user
is 'show has the documented keys' "$(json '" ".join(d)')" \
	'user uid account_uid enrolled record_file state_file saved locked failures sources recovery exempt_until exempt_reason enrol_by grace_start bypass ticket devices'
with throttle verify $user <<<000000
with throttle show --json $user
is 'show counts by source' "$(json '[(x["source"], x["failures"], 50 < x["wait"] <= 60) for x in d["sources"]], d["failures"]')" \
	"([('totp-admin', 1, True)], 1)"
with throttle show $user
expect 'and so does its text' 0 'totp-admin +1 '
fresh locked
run show --json $user
is 'show knows the lock' "$(json 'd["locked"]')" True
run list
expect 'and so does list' 0 'locked'
fresh lost
run show --json $user
is 'a lost state is lost, not zero' "$(json 'd["state_file"], d["locked"], d["failures"], d["devices"][0]["last_used"]')" \
	"('lost', None, None, None)"
fresh disabled
run show --json $user
is 'without an active device nobody is enrolled' "$(json 'd["enrolled"]')" False
run delete $user phone
run list
expect 'a record without devices is a row' 0 'tess .*no device'
fresh active
run list root
expect 'nobody else is listed when one user is asked for' 6 'root has no MFA record'
is 'and standard output stays empty' "$out" ''

in_terminal()		# COLUMNS ARGUMENT...: what a terminal of that width gets
{
	local columns=$1
	shift
	script -qec "stty cols $columns; '$admin' --store file:$store $*" /dev/null </dev/null | tr -d '\r'
}
is 'at 40 columns nothing is cut off' "$(in_terminal 40 list | cut -c 1-16 | sed 's/ *$//')" \
	"USER       tess
NAME       phone
TYPE       virtu
STATE      activ
CREATED    $(date +%Y-)
LAST-USED  -
DRIFT      0"
is 'and no line is longer' "$(in_terminal 40 list | awk 'length > 40')" ''
is 'at 80 columns there is a table' "$(in_terminal 80 list | head -c 9)" 'USER NAME'

# A user name may hold any byte above the blank; a terminal and JSON get no raw one.
fresh none
run add --uid $uid $'evil\x9b31m\xc2\x9bx' phone --secret-file - <<<"$key"
expect 'an odd user name is taken' 0
run list --json
is 'JSON stays UTF-8' "$(json 'd["devices"][0]["user"] == "evil\ufffd31m\x9bx"')" True
run list
is 'and the table shows no control character' "$(LC_ALL=C grep -c $'\x9b' "$tmp/out" || true)" 0

# --- disable, delete, unlock, reset, verify: what they do ------------------------------------

fresh active
run add --uid $uid $user tablet --secret-file - <<<"$other_key"
run disable $user phone
expect 'one of two devices is disabled without --force' 0
run disable $user tablet
expect 'the last one is not: unenrolled=deny' 7 'locks the user out'
with skip disable $user tablet
expect 'the last one is not: unenrolled=skip' 7 'without a code'
with skip disable --force $user tablet
expect '--force does, and warns' 0 'warning: .*without a code'
run delete $user phone
is 'a deleted device leaves a tombstone without its secret' \
	"$(grep -c "$key" "$store/secrets/$user" || true) $(grep -Ec '^(name|former.*) ?phone' "$store/secrets/$user")" '0 1'

fresh active
run disable $user PHONE
expect 'device names have no case' 7 'last active'

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
expect 'reset removes it' 0

fresh active
run reset --yes $user
expect 'reset tells what comes next' 0 'enrol again.*passwd tess'
is 'reset leaves no file' "$(find "$store" -type f)" ''
fresh active
with skip reset --yes $user
expect 'and that no code is needed under skip' 0 'needs no code'
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

# --- the command line ------------------------------------------------------------------------

usage()			# CODE PATTERN ARGUMENT...
{
	local code=$1 pattern=$2
	shift 2
	rc=0
	"$admin" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || rc=$?
	out=$(<"$tmp/out") err=$(<"$tmp/err")
	expect "totp-admin $*" "$code" "$pattern"
	if [[ $code -eq 0 ]]; then
		is "totp-admin $*: on standard output" "$err" ''
	else
		is "totp-admin $*: on standard error" "$out" ''
	fi
}
verbs=(add list show verify unlock disable delete reset)
usage 2 'usage: '
usage 2 'unknown verb' frobnicate
usage 2 'unknown verb' LIST
usage 2 'unknown option' list --frobnicate
usage 2 'unknown option' list -x
usage 2 'unknown option' list --stor file:/x
usage 2 'given twice' list --json --json
usage 2 'expected a value' list --store
usage 2 'not an option of list' list --force
usage 2 'not an option of verify' verify --json tess
usage 2 'expected file|file:' list --store "$store"
usage 2 'file:' list --store file:relative
usage 2 'absolute' list --conf relative
usage 1 'settings|conf' list --store "file:$store" --conf "$tmp/no.conf"
usage 1 'window' list --store "file:$store" --conf "$tmp/broken.conf"
usage 1 'does not exist' list --store "file:$tmp/no-store"
usage 0 'Verbs:' --help
usage 0 'pam_totp' --version
for verb in "${verbs[@]}"; do
	usage 0 "usage: totp-admin $verb" "$verb" --help
	usage 2 "expected" "$verb" a b c
	[[ $verb == list ]] || usage 2 "expected" "$verb"
done
usage 2 'unknown option' add tess phone --secret=HUSHHUSH
is 'a secret on the command line is at least not repeated' "$(grep -c HUSH "$tmp/err" || true)" 0
is 'add makes no store but the default one' "$(
	"$admin" add --uid 1 --store "file:$tmp/no-store" tess phone --secret-file - 2>/dev/null <<<"$key"
	echo $?; ls -d "$tmp/no-store" 2>/dev/null)" 1

is 'the manual page has every verb and option' "$(
	page=$src/utils/totp-admin.8
	for verb in "${verbs[@]}"; do
		grep -q "^\.It Cm $verb " "$page" || echo "$verb"
		"$admin" "$verb" --help | sed -En 's/^  --([a-z-]+).*/\1/p'
	done | sort -u | while read -r option; do
		grep -q "^\.It Fl -$option\b\|^\.Fl -$option\b" "$page" || echo "$option"
	done)" ''

mkdir -m 755 "$tmp/open"
chmod 777 "$tmp/open"
usage 1 'cannot be used' list --store "file:$tmp/open"
ln -s "$store" "$tmp/store-link"
usage 1 'cannot be used' list --store "file:$tmp/store-link"

rc=0
fresh active
"$admin" --store "file:$store" list >/dev/full 2>"$tmp/err" || rc=$?
out='' err=$(<"$tmp/err")
expect 'output that cannot be written is a failure' 1 'cannot write'
rc=0
before=$(tree)
"$admin" --store "file:$store" list >&- 2>&- <&- || rc=$?
is 'closed descriptors do no harm' "$(tree)" "$before"

# --- other people ------------------------------------------------------------------------------

cp "$admin" "$tmp/totp-admin"
chmod 755 "$tmp/totp-admin"
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/totp-admin" "$@"; }
for verb in list 'show root' 'reset --yes root' 'unlock root' 'verify root'; do
	rc=0
	# shellcheck disable=SC2086 # words
	out=$(as_nobody $verb 2>&1 </dev/null) || rc=$?
	err=
	expect "totp-admin $verb needs root" 10 'needs root'
done
mkdir -m 700 "$tmp/own"
chown 65534:65534 "$tmp/own"
rc=0
out=$(as_nobody --store "file:$tmp/own" add --uid 7 tim phone --secret-file - <<<"$key" 2>&1 &&
	as_nobody --store "file:$tmp/own" list 2>&1) || rc=$?
expect 'anybody may keep a store of his own' 0 'tim +phone'
rc=0
out=$(as_nobody --store "file:$store" list 2>&1) || rc=$?
expect 'but not read that of root' 1 'cannot be used'

# --- at the same time ----------------------------------------------------------------------------

fresh none
for i in 1 2 3 4 5 6 7 8; do
	printf 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ%s\n' "${i/1/Q}" | tr 8 A |
		"$admin" --store "file:$store" add --uid $uid $user "d$i" --secret-file - \
			>/dev/null 2>>"$tmp/parallel" &
done
wait
is 'eight at once add eight devices' "$("$admin" --store "file:$store" list | grep -c active)" 8
run add --uid $uid $user d9 --secret-file - <<<"$key"
expect 'and the ninth is refused' 5

if [[ -n ${SANITIZERS-} ]] ||
	! "${CC:-cc}" -shared -fPIC -D_GNU_SOURCE -o "$tmp/touch.so" \
		"$src/tests/support/touch_on_lock.c" -ldl 2>"$tmp/err"; then
	tap_skip 'a change that never gets through: exit 8' 'no preloaded library here'
else
	fresh active
	rc=0
	out=$(TOUCH_ON_LOCK=$store/secrets/$user LD_PRELOAD=$tmp/touch.so \
		"$admin" --store "file:$store" unlock $user 2>&1) || rc=$?
	err=
	expect 'a change that never gets through: exit 8' 8 'try again'
fi

# --- what cannot be seen ---------------------------------------------------------------------------

if [[ -z ${SANITIZERS-} ]] && command -v strace >/dev/null; then
	fresh active
	strace -f -o "$tmp/trace" -e trace=prlimit64,prctl,umask,openat,mkdirat,linkat,renameat,renameat2,unlinkat \
		"$admin" --store "file:$store" show $user >/dev/null
	is 'no core dump, not dumpable, files for root only' \
		"$(grep -c -e 'RLIMIT_CORE, {rlim_cur=0, rlim_max=0}' -e 'PR_SET_DUMPABLE, SUID_DUMP_DISABLE' -e 'umask(077)' "$tmp/trace")" 3
	is 'reading creates nothing' "$(grep -E 'O_CREAT|mkdirat|linkat|rename|unlink' "$tmp/trace" || true)" ''
else
	tap_skip 'hardening' 'no strace, or a sanitizer that it disturbs'
fi

if ! unshare --mount --propagation private true 2>/dev/null; then
	tap_skip 'the default store and the log' 'needs a mount namespace'
	tap_done
fi

# In a namespace with an empty /var/lib and a /dev/log that we listen at.
mkdir "$tmp/dev"
cat >"$tmp/inside" <<-INSIDE
	set -eu
	mount -t tmpfs -o mode=0755 none /var/lib
	mount -t tmpfs -o mode=0755 none "$tmp/dev"
	for node in null zero urandom tty full; do
		touch "$tmp/dev/\$node"
		mount --bind "/dev/\$node" "$tmp/dev/\$node"
	done
	mount --rbind "$tmp/dev" /dev
	/usr/bin/python3 - "$tmp/log" <<-'PYTHON' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("/dev/log")
		with open(sys.argv[1], "wb", buffering=0) as f:
		    while True:
		        data = s.recv(4096)
		        f.write(data.rstrip(b"\0\n") + b"\n")
		        if b"device=END" in data: break
	PYTHON
	for i in \$(seq 50); do [ ! -S /dev/log ] || break; sleep 0.1; done
	admin() { "$admin" --conf "$tmp/plain.conf" "\$@"; echo "exit \$?"; }
	set +e
	admin list 2>&1; ls -A /var/lib
	echo $key | admin add root phone --secret-file - 2>&1
	stat -c '%a %U %n' /var/lib/pam_totp
	admin list
	echo 000000 | admin verify root 2>/dev/null
	admin unlock root
	echo $other_key | admin add --uid 5 'x=y"z' 'a=b' --secret-file - 2>/dev/null
	admin disable root phone 2>/dev/null
	admin disable --force root phone 2>/dev/null
	admin delete root phone
	admin reset --yes root
	echo MZXW6YTBOJRGC6TNMZXW6YTBOJRGC6TN | admin add root END --secret-file -
	wait
INSIDE
unshare --mount --propagation private bash "$tmp/inside" >"$tmp/out" 2>"$tmp/err" || true
out=$(<"$tmp/out")
# shellcheck disable=SC2016 # what is expected holds backquotes
is 'a default store that is not there is not made by reading' "$(head -2 "$tmp/out" | tr '\n' '|')" \
	'totp-admin: the store file:/var/lib/pam_totp does not exist: the first `totp-admin add` makes it|exit 1|'
is 'add makes it for root only, and says so' "$(grep -E -c 'made the store|^700 root /var/lib/pam_totp$' "$tmp/out")" 2
log=$(sed 's/.*event=/event=/' "$tmp/log" 2>/dev/null || true)
actor=$(</proc/self/loginuid)
[[ $actor != 4294967295 ]] || actor=0
is 'each change is one line in the log' "$log" \
"event=admin action=add actor=$actor user=root device=phone result=ok
event=admin action=verify actor=$actor user=root device= result=wrong
event=admin action=unlock actor=$actor user=root device= result=ok
event=admin action=add actor=$actor user=x\\x3dy\\x22z device=a\\x3db result=ok
event=admin action=disable actor=$actor user=root device=phone result=last
event=admin action=delete actor=$actor user=root device=phone result=ok
event=admin action=reset actor=$actor user=root device= result=ok
event=admin action=add actor=$actor user=root device=END result=ok"
is 'no secret and no code is in the log' "$(grep -cE "$key|$other_key|000000" "$tmp/log" || true)" 0
is 'the log is LOG_AUTHPRIV' "$(grep -vc '^<85>' "$tmp/log" || true)" 0

tap_done
