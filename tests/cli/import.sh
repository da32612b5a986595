#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin import as it ships: files of pam_oath and google-authenticator, made by their
# own tools where these are there, and lists of URIs. A code of the phone is accepted
# afterwards; whatever is wrong leaves every byte of the store; what was killed half-way
# is completed by the same command. On accounts of its own, in a private mount namespace.
# Needs root.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${top_builddir:-$PWD}
if [[ ${1-} != --inside && $(id -u) -eq 0 ]]; then
	unshare --mount --propagation private true 2>/dev/null ||
		{ echo '1..0 # SKIP needs a mount namespace'; exit 0; }
	top_srcdir=$src top_builddir=$build \
		exec unshare --mount --propagation private bash "$0" --inside
fi
# shellcheck source=tests/support/admin.sh
. "$src/tests/support/admin.sh"

# --- the host ---------------------------------------------------------------------------

many=1000		# users of the import that is killed
home=$tmp/home
{
	echo 'root:x:0:0::/root:/bin/bash'
	for n in alice:5001 bob:5002 carol:5003; do
		echo "${n%:*}:x:${n#*:}:${n#*:}::$home/${n%:*}:/bin/bash"
	done
	for ((i = 0; i < many; i++)); do
		echo "user$i:x:$((6000 + i)):6000::/nonexistent:/bin/bash"
	done
} >"$tmp/passwd"
printf '%s\n' 'passwd: files' 'shadow: files' 'group: files' >"$tmp/nsswitch.conf"
chmod 644 "$tmp"/{passwd,nsswitch.conf}
for file in passwd nsswitch.conf; do
	[[ -e /etc/$file ]] || tap_skip_all "needs /etc/$file to lay another one over"
	mount --bind "$tmp/$file" "/etc/$file"
done
mkdir -m 755 "$home"
for n in alice bob carol; do
	mkdir -m 700 "$home/$n"
	chown "$n" "$home/$n"
done

hex=$(printf '%s' "$key" | base32 -d | od -An -tx1 | tr -d ' \n')
other_hex=$(printf '%s' "$other_key" | base32 -d | od -An -tx1 | tr -d ' \n')
third_key=KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU
uri='otpauth://totp/Site:x?secret='

import()		# FORMAT [ARGUMENT...]: of standard input
{
	local format=$1
	shift
	settings=narrow run import --from "$format" - "$@"
}
login()			# NAME USER [OPTION of oathtool...]: the next code of $key's phone is accepted
{
	local name=$1 who=$2
	shift 2
	run verify "$who" <<<"$(code_in 30 "$@")"
	expect "$name" 0
}
devices() { (cd "$store/secrets" && grep -H '^name ' -- *) | tr '\n' ' '; }

# --- each format ------------------------------------------------------------------------

fresh none
import uri <<<"# made by hand

alice  $uri$key&digits=8
bob $uri$other_key&period=60"
expect 'a list of URIs is imported' 0 'imported: 2'
login 'and a code of the phone is accepted' alice -d 8
run verify alice <<<"$(code_in 30 -d 8)"
expect 'once' 3 'already used'
is 'the devices are active under the usual name' "$(devices)" 'alice:name imported bob:name imported '
is 'with what the URI says' "$(grep -E '^(uid|state|digits|period|type) ' "$store/secrets/bob" | tr '\n' ' ')" \
	'uid 5002 type virtual state active digits 6 period 60 '
is 'the users are told' "$(grep -c 'text MFA device "imported" was added by an administrator' "$store/secrets/alice")" 1

# As in the manual of pam_oath, with what its module adds after a login.
fresh none
import oath --name token --type hardware <<<"# Option User Prefix Seed
HOTP/T30/6 alice - $hex	0	328482	2009-12-07T00:23:48L
HOTP/T60/8	alice	+	$other_hex"
expect 'a users file of pam_oath is imported' 0 'imported: 2'
login 'and a code of the token is accepted' alice
is 'several tokens of a user are several devices' "$(devices)" 'alice:name token alice:name token-2 '
is 'hardware tokens' "$(grep -c '^type hardware' "$store/secrets/alice")" 2

google=$home/alice/.google_authenticator
if command -v google-authenticator >/dev/null; then
	google-authenticator -t -d -f -w 3 -u -q -s "$google"
else
	printf '%s\n' "$key" '" WINDOW_SIZE 3' '" DISALLOW_REUSE' '" TOTP_AUTH' {1..5}2345678 >"$google"
	chmod 400 "$google"
fi
chown alice "$google"
fresh none
settings=narrow run import --from google-authenticator "$google" --user alice --name phone
expect 'a file of google-authenticator is imported from a home' 0 'Its 5 scratch codes are not taken over: .totp-admin recovery-codes alice. makes'
key=$(head -n 1 "$google") login 'and a code of the phone is accepted' alice
before=$(tree)
import google-authenticator --user alice <"$google"
expect 'again, from standard input: there already' 0 'unchanged: 1'
is 'and nothing is written' "$(tree)" "$before"
import google-authenticator --user bob <"$google"
expect 'of another user it is refused' 4 'already assigned to another device, "phone" of alice'
is 'and nothing is written (bob)' "$(tree)" "$before"

# --- what is refused leaves every byte ----------------------------------------------------

refused()		# NAME CODE PATTERN FORMAT INPUT [ARGUMENT...]
{
	local name=$1 code=$2 pattern=$3 format=$4 input=$5 before
	shift 5
	before=$(tree)
	import "$format" "$@" <<<"$input"
	expect "$name" "$code" "$pattern"
	is "$name: nothing is written" "$(tree)" "$before"
	if grep -qF -e "$key" -e "$other_key" -e "$third_key" -e "$hex" "$tmp/out" "$tmp/err"; then
		tap_fail "$name: shows a secret"
	fi
}
fresh none
import uri <<<"bob $uri$other_key"
expect 'bob has a device' 0
refused 'a malformed line' 2 'standard input: line 2: secret= is not base32' uri \
	"alice $uri$key"$'\n'"carol ${uri}0"
refused 'an event-based token' 2 'line 1: event-based tokens' oath "HOTP alice - $hex"
refused 'a PIN' 2 'line 1: a PIN cannot be taken over' oath "HOTP/T30 alice 1234 $hex"
refused 'HOTP_COUNTER' 2 'line 2: counter-based' google-authenticator \
	"$key"$'\n''" HOTP_COUNTER 1' --user alice
refused 'a weak key' 2 'line 1: the key has only 80 bits' uri "alice ${uri}JBSWY3DPEHPK3PXP"
refused 'no account' 6 'line 2: no account is named ghost' uri \
	"alice $uri$key"$'\n'"ghost $uri$third_key"
refused 'a key twice' 4 'line 1 and line 3 have the same key' uri \
	"alice $uri$key"$'\n'"bob $uri$third_key"$'\n'"carol $uri$key"
refused 'another user'"'"'s key' 4 'line 2 .carol.: this secret is already .* "imported" of bob' uri \
	"alice $uri$key"$'\n'"carol $uri$other_key"
{
	for i in {1..8}; do echo "bob $uri$(head -c 20 /dev/urandom | base32)"; done
} >"$tmp/nine"
refused 'more than max_devices' 5 'bob would have 9 MFA devices: expected at most 8' uri "$(<"$tmp/nine")"
refused 'more than max_devices of a new user' 5 'carol would have 9 MFA devices' uri \
	"$(sed 's/^bob/carol/' "$tmp/nine")"$'\n'"carol $uri$key"
refused 'an empty file' 2 'there is no device in it' uri '# nothing'
refused 'no --user' 2 'expected --user USER' google-authenticator "$key"$'\n''" TOTP_AUTH'
refused '--user with a list' 2 'says itself whose' uri "alice $uri$key" --user alice
refused '--user without an account' 6 'no account is named ghost' google-authenticator \
	"$key"$'\n''" TOTP_AUTH' --user ghost
refused 'another format' 2 'expected --from uri' pskc "alice $uri$key"
refused 'a name that is too long' 2 'use 1 to 61' uri "alice $uri$key" --name "$(printf 'n%.0s' {1..62})"
refused 'a dry run' 0 'imported: 1 .a dry run' uri "alice $uri$key" --dry-run
sed -i 's/^uid .*/uid 4999/' "$store/secrets/bob"
refused 'another account of this name' 10 'bob belongs to another account' uri "bob $uri$key"
sed -i 's/^uid .*/uid 5002/' "$store/secrets/bob"
printf 'x\n' >>"$store/secrets/bob"
refused 'a broken record of a user of the file' 1 'secrets/bob' uri \
	"alice $uri$key"$'\n'"bob $uri$third_key"
import uri <<<"alice $uri$key"
expect 'a broken record of another is told and stops nobody' 0 'not compared with the devices of bob'

# --- files in the reach of users ----------------------------------------------------------

ln -s "$google" "$home/bob/.google_authenticator"
mkdir "$home/bob/real" && ln -s real "$home/bob/link"
printf '%s\n" TOTP_AUTH\n' "$third_key" >"$home/bob/real/ga"
chmod 600 "$home/bob/real/ga"
chown -R bob "$home/bob/real"
unsafe()		# NAME PATTERN PATH
{
	fresh none
	run import --from google-authenticator --user bob "$3"
	expect "$1 is refused" 1 "$2"
	is "$1: nothing is written" "$(ls "$store/secrets")" ''
}
unsafe 'a symbolic link in a home' 'google_authenticator: a symbolic link, not followed' \
	"$home/bob/.google_authenticator"
unsafe 'a link on the way' 'bob/link: not a directory .a symbolic link is not followed' "$home/bob/link/ga"
ln "$home/bob/real/ga" "$home/bob/second"
unsafe 'a second link' '2 links|links' "$home/bob/real/ga"
rm "$home/bob/second"
chmod 644 "$home/bob/real/ga"
unsafe 'a file that others may read' 'mode 0644.*import ... - < FILE' "$home/bob/real/ga"
chmod 600 "$home/bob/real/ga"
chown alice "$home/bob/real/ga"
unsafe 'another user'"'"'s file' 'owned by uid 5001' "$home/bob/real/ga"
chown bob "$home/bob/real/ga"
mkfifo -m 600 "$home/bob/real/fifo"
unsafe 'a FIFO' 'not a regular file' "$home/bob/real/fifo"
fresh none
run import --from google-authenticator --user bob "$home/bob/real/ga"
expect 'bob'"'"'s own file is taken' 0 'imported: 1'
run import --from uri ga
expect 'a relative path is refused' 2 'expected an absolute path'

# --- unknown users, names, again ------------------------------------------------------------

fresh none
import uri --skip-unknown --json <<<"alice $uri$key"$'\n'"ghost $uri$third_key"
expect '--skip-unknown passes over a user without an account' 0 'ghost.*skipped'
is 'and says so in JSON' "$(json 'd["imported"], d["skipped"], [(x["user"], x["device"], x["result"]) for x in d["devices"]]')" \
	"(1, 1, [('alice', 'imported', 'imported'), ('ghost', None, 'skipped')])"
import uri <<<"alice $uri$key"$'\n'"alice $uri$other_key"
expect 'a second file adds what is new' 0 'imported: 1.unchanged: 1'
is 'under a name that is free' "$(devices)" 'alice:name imported alice:name imported-2 '
import uri --weak-ok <<<"bob ${uri}JBSWY3DPEHPK3PXP"
expect 'a key of 80 bits is taken with --weak-ok' 0 'imported: 1'

# --- killed half-way --------------------------------------------------------------------------

for ((i = 0; i < many; i++)); do
	printf 'HOTP/T30 user%d - %040x\n' "$i" $((i + 1))
	printf 'HOTP/T60 user%d - %040x\n' "$i" $((many + i + 1))
done >"$tmp/many"
chmod 600 "$tmp/many"
# In the order of names user150 is one of the first hundred. A host that is so busy that all
# was imported before the signal came gets another chance.
rc=0 part=$many
for ((attempt = 0; attempt < 20 && part == many; attempt++)); do
	fresh none
	"$admin" --store "file:$store" --conf "$tmp/plain.conf" import --from oath - \
		<"$tmp/many" >"$tmp/out" 2>&1 &
	pid=$!
	while [[ ! -e $store/secrets/user150 && -e /proc/$pid ]]; do :; done
	kill -KILL $pid 2>/dev/null || true
	rc=0
	wait $pid 2>/dev/null || rc=$?
	part=$(find "$store/secrets" -type f -name 'user*' | wc -l)
done
is 'an import was killed half-way' "$rc $((part > 1 && part < many))" '137 1'
run list
expect 'and left every record readable' 0
is 'each user has all devices or none' \
	"$(grep -c '^name ' "$store"/secrets/user* | grep -vc ':2$' || true)" 0
import oath <"$tmp/many"
expect 'the same command does the rest' 0
is 'of all users' "$(cat "$store"/secrets/user* | grep -c '^state active')" $((2 * many))
import oath --json <"$tmp/many"
is 'and then nothing' "$(json 'd["imported"], d["unchanged"]')" "(0, $((2 * many)))"

tap_done
