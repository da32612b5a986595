#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin add, list and show as they ship, on stores of their own below a temporary
# directory: what is taken and refused, what is written and what is not, what is
# printed and what never is. Needs root, as the tool does.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=tests/support/admin.sh
. "$src/tests/support/admin.sh"

weak_key=JBSWY3DPEHPK3PXP

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

tap_done
