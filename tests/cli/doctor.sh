#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin doctor on a host that is not there: the real files of /etc in the sandbox, the
# real sshd -T, and one thing broken at a time. A sound host has no FAIL; each fault is
# found by its words, with the level that it deserves, and is gone when it is mended.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

if [[ ${1-} != --inside ]]; then
	stage=${STAGE:-${top_builddir:-$PWD}/stage}
	[[ $(id -u) -eq 0 ]] || tap_skip_all 'needs root'
	[[ -d $stage ]] || { echo "no $stage" >&2; exit 1; }
	if ! command -v sshd >/dev/null || ! command -v sudo >/dev/null; then
		tap_skip_all 'needs sshd and sudo'
	fi
	unshare --mount --propagation private true 2>/dev/null ||
		tap_skip_all 'needs mount namespaces'
	exec "$src/tests/support/sandbox.sh" "$stage" "$0" --inside
fi

module=/usr/local/lib/security/pam_totp.so
helper=/usr/local/libexec/pam_totp/totp-helper
store=/var/lib/pam_totp
conf=/etc/security/pam_totp.conf
sshd_conf=/etc/ssh/sshd_config.d/50-totp.conf
key=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP

doctor()		# [OPTION...]: output in $out, exit code in $rc
{
	rc=0
	out=$(totp-admin doctor "$@" 2>&1) || rc=$?
}
tell()			# NAME LEVEL PATTERN: a line of that level says so
{
	if grep -Eq "^$2 +.*($3)" <<<"$out"; then
		tap_ok "$1"
	else
		tap_fail "$1" "expected $2 ... $3 in:"$'\n'"$out"
	fi
}
tell_not()		# NAME LEVEL PATTERN
{
	tap_empty "$1" "$(grep -E "^$2 +.*($3)" <<<"$out" || true)"
}
is() { if [[ $2 == "$3" ]]; then tap_ok "$1"; else tap_fail "$1" "expected: $3"$'\n'"found:    $2"$'\n'"$out"; fi; }

# The sound host: sshd, sudo and su with the code, root and tess enrolled.
guard()			# SERVICE [TEXT]: the service, from the examples or from a text
{
	if [[ $# -gt 1 ]]; then
		printf '%s\n' "$2"
	else
		cat "$src/examples/pam.d/$1-totp"
	fi | sed "s|pam_totp.so|$module|" >"/etc/pam.d/$1"
}
sound()
{
	rm -rf /etc/pam.d /etc/sudoers.d /etc/sudoers "$store" "$conf"
	cp -a /run/sound/. /etc/
	mkdir -m 700 "$store" "$store/secrets" "$store/state"
	guard sshd
	guard sudo
	guard su
	cp "$src/examples/sshd_config.d/50-totp-password.conf" "$sshd_conf"
	echo 'PermitRootLogin yes' >>"$sshd_conf"
	totp-admin add root phone --secret-file - <<<"$key" >/dev/null
	totp-admin add tess phone --secret-file - <<<"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" >/dev/null
}
mkdir /run/sound
cp -a /etc/pam.d /etc/sudoers /etc/sudoers.d /run/sound/
useradd -m tess
[[ -e /etc/ssh/ssh_host_ed25519_key ]] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key

# --- nothing is wrong ------------------------------------------------------------------

sound
doctor
is 'a sound host has no FAIL' "$rc" 0
tell_not 'and none is printed' FAIL .
tell 'sshd is guarded' OK 'sshd: nobody gets past pam_totp \(sshd:[0-9]+\)'
tell 'su is guarded, root apart' OK 'su: nobody gets past'
tell 'and what includes it' OK 'su-l: nobody gets past'
tell 'the module loads' OK "$module loads"
tell 'the store' OK '2 records, all whole'
tell 'the helper' OK "$helper is set-uid root"
tell 'sshd lets PAM ask' OK 'keyboard-interactive: PAM asks'
tell 'sudo' OK 'no rule in /etc/sudoers'
tell 'root has a device' OK 'root is not locked out'
tell 'a login without a code is told' WARN 'login: no code is asked'
tell 'and the services that matter less in one line' WARN 'further services .*chsh'
tell_not 'not what only root may do' '[A-Z]+' 'runuser|common-auth'
unsynchronised=$(/usr/bin/python3 -c 'import ctypes
b = ctypes.create_string_buffer(512)
r = ctypes.CDLL(None).adjtimex(b)
print(r == 5 or int.from_bytes(b[40:44], "little") & 64 != 0)')
if [[ $unsynchronised == True ]]; then
	tell 'the clock is not synchronised' WARN 'clock is not synchronised'
else
	tell 'the clock is synchronised' OK 'clock is synchronised'
fi
before=$(find /etc /var/lib/pam_totp -printf '%p %m %s %T@\n' | sort)
doctor
is 'nothing is changed' "$(find /etc /var/lib/pam_totp -printf '%p %m %s %T@\n' | sort)" "$before"
doctor --json
is 'JSON: the same findings' "$(/usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin)
assert all(list(f) == ["check", "level", "text", "fix"] for f in d)
assert all((f["level"] == "OK") == (f["fix"] is None) for f in d), d
print(sorted({f["level"] for f in d}))' <<<"$out")" "['OK', 'WARN']"

# --- PAM --------------------------------------------------------------------------------

code='auth required pam_totp.so'
stack()			# NAME LEVEL PATTERN TEXT: what is said of this auth stack of sshd
{
	guard sshd "$4"
	doctor
	tell "$1" "$2" "sshd: .*($3)"
}
stack 'sufficient before it' FAIL 'sshd:1.*ends before pam_totp' \
	"auth sufficient pam_unix.so"$'\n'"$code"
is 'a FAIL ends with 1' "$rc" 1
stack 'a jump over it' FAIL 'success=2 default=ignore.*ends before' \
	"auth [success=2 default=ignore] pam_unix.so
auth requisite pam_deny.so
$code
auth required pam_permit.so"
stack 'a condition that goes past it' WARN 'pam_succeed_if.*goes past' \
	"@include common-auth
auth sufficient pam_succeed_if.so user ingroup staff
$code"
stack 'sufficient itself' FAIL 'sufficient.*does not refuse' \
	"@include common-auth
auth sufficient pam_totp.so"
stack 'optional itself' FAIL 'optional.*make up' \
	"@include common-auth
auth optional pam_totp.so"
stack 'the code in the place of the password' FAIL 'without the password' \
	"auth sufficient pam_totp.so
@include common-auth"
stack 'an error that is ignored' FAIL 'authinfo_unavail=ignore.*does not refuse' \
	"@include common-auth
auth [success=ok authinfo_unavail=ignore default=die] pam_totp.so"
stack 'enrolment alone' FAIL 'pam_totp_enroll without pam_totp after it' \
	"@include common-auth
auth required pam_totp_enroll.so"
stack 'enrolment behind a required password' FAIL 'although the password was wrong' \
	"auth required pam_unix.so
auth requisite /usr/local/lib/security/pam_totp_enroll.so
$code"
stack 'the code before the password' WARN 'strangers' "$code"$'\n@include common-auth'
is 'which alone is no failure' "$rc" 0
stack 'a required password before it' WARN 'strangers' "auth required pam_unix.so"$'\n'"$code"
stack 'a file that is not there' FAIL '"common-auht": there is no such file' \
	"@include common-auht
$code"
stack 'a control that is misspelt' FAIL 'not understood' \
	"@include common-auth
auth requierd pam_totp.so"
stack 'a module that is not there' FAIL 'there is no module .*/pam_totq|nobody can log in' \
	"@include common-auth
auth required pam_totq.so
$code"
guard sshd "@include common-auth"$'\n'"auth required /usr/local/lib/security/gone/pam_totp.so"
doctor
tell 'the module itself is not there' FAIL 'there is no module /usr/local/lib/security/gone'
guard sshd
cp "$module" /run/module
head -c 4096 /run/module >"$module"
doctor
tell 'a module that does not load' FAIL 'cannot be loaded'
cat /run/module >"$module"
chmod 666 "$module"
doctor
tell 'a module that others can change' FAIL 'others can change it'
chmod 644 "$module"
chmod 666 /etc/pam.d/sshd
doctor
tell 'a service file that others can change' FAIL '/etc/pam.d/sshd can be changed'
sound
mkdir /run/pam
cp /etc/pam.d/common-* /run/pam/
doctor --pam-dir /run/pam
tell 'a directory of no service' WARN 'no service has pam_totp'
printf '%s\n' "$code" >>/etc/pam.d/totp-enroll
doctor
tell 'the module in the service of the helper' FAIL 'nobody can enrol'

# --- sshd --------------------------------------------------------------------------------

sound
daemon()		# NAME LEVEL PATTERN LINE...: with these settings first
{
	local name=$1 level=$2 pattern=$3
	shift 3
	printf '%s\n' "$@" >"$sshd_conf"
	doctor
	tell "$name" "$level" "$pattern"
}
good=('UsePAM yes' 'KbdInteractiveAuthentication yes' 'PasswordAuthentication no')
daemon 'a key alone' FAIL 'publickey alone opens the door' "${good[@]}"
daemon 'a key alone among others' FAIL ' publickey alone' "${good[@]}" \
	'AuthenticationMethods keyboard-interactive publickey'
daemon 'keyboard-interactive off' FAIL 'keyboard-interactive is off' 'UsePAM yes' \
	'KbdInteractiveAuthentication no' 'PubkeyAuthentication no'
daemon 'UsePAM no' FAIL 'UsePAM no' 'UsePAM no' 'KbdInteractiveAuthentication yes'
daemon 'the password method' WARN 'password: .*as the answer' 'UsePAM yes' \
	'KbdInteractiveAuthentication yes' 'PasswordAuthentication yes'
daemon 'key and code' OK 'publickey,keyboard-interactive: PAM asks' "${good[@]}" \
	'AuthenticationMethods publickey,keyboard-interactive'
tell 'but not for root' WARN 'root cannot log in by ssh: PermitRootLogin'
daemon 'empty passwords' WARN 'PermitEmptyPasswords' "${good[@]}" 'PermitEmptyPasswords yes'
daemon 'settings that sshd refuses' WARN 'nothing is known of it' 'Nonsense yes'
daemon 'Match blocks' WARN 'Match blocks' "${good[@]}" \
	'AuthenticationMethods keyboard-interactive' 'Match User tess' \
	'AuthenticationMethods publickey'
doctor --user tess --service sshd
tell 'which are applied to a user' FAIL 'for tess: publickey alone'
doctor --user root --service sshd
tell_not 'and not to another' FAIL 'publickey alone'
printf '%s\n' 'UsePAM no' >/run/sshd_config
doctor --sshd-config /run/sshd_config
tell 'another file' FAIL 'UsePAM no'
guard sshd "$code"
daemon 'the code alone' FAIL 'code alone opens the door' "${good[@]}" \
	'AuthenticationMethods keyboard-interactive'
daemon 'not after a key' OK 'publickey,keyboard-interactive: PAM asks' "${good[@]}" \
	'AuthenticationMethods publickey,keyboard-interactive'

# --- sudo --------------------------------------------------------------------------------

sound
rule()			# NAME LEVEL PATTERN LINE
{
	printf '%s\n' "$4" >/etc/sudoers.d/rule
	doctor
	tell "$1" "$2" "/etc/sudoers.d/rule:[0-9]+: .*($3)"
}
rule 'NOPASSWD for all' FAIL 'NOPASSWD for all' 'tess ALL=(ALL) NOPASSWD: ALL'
rule 'on a line that goes on' FAIL 'NOPASSWD for all' 'tess ALL=(ALL) \
	NOPASSWD: /bin/true, ALL'
rule 'NOPASSWD for a command' WARN 'NOPASSWD for some' '%adm ALL=(ALL) NOPASSWD: /bin/true'
rule '!authenticate' FAIL '!authenticate' 'Defaults:tess !authenticate'
rule 'another account is asked' WARN 'targetpw' 'Defaults targetpw'
rule 'never asked again' WARN 'never asks again' 'Defaults timestamp_timeout = -1'
rule 'another service' WARN '"login".*no code' 'Defaults pam_service=login'
rule 'another service with a code' OK '"su".*asks for a code' 'Defaults pam_service=su'
echo '# tess ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/rule
mv /etc/sudoers.d/rule /etc/sudoers.d/rule.off
echo 'tess ALL=(ALL) NOPASSWD: ALL' >>/etc/sudoers.d/rule.off
doctor
tell_not 'a comment, and a file that sudo passes over' '(FAIL|WARN)' 'NOPASSWD'
echo 'tess ALL=(ALL) NOPASSWD: ALL' >/run/sudoers
doctor --sudoers /run/sudoers
tell 'another file' FAIL '/run/sudoers:1: NOPASSWD'
guard sudo '@include common-auth'
doctor --sudoers /run/sudoers
tell 'without a code there it is no bypass' WARN '/run/sudoers:1: NOPASSWD'

# --- settings, store, helper ----------------------------------------------------------------

sound
printf 'window = 1\nwindwo = 2\n' >"$conf"
doctor
tell 'broken settings: file, line and key' FAIL "$conf:2.*windwo"
rm "$conf"
guard sshd "@include common-auth"$'\n'"$code window=9"
doctor
tell 'a broken argument' FAIL 'sshd: every login is refused: .*window'
sound
echo 'max_age = 900' >"$conf"
doctor
tell 'an age that what sudo remembers may outlive' WARN 'sudo: max_age is set'
tell_not 'sshd remembers nothing, and needs no such line' WARN 'sshd: max_age'
echo "account required $module" >>/etc/pam.d/sudo
doctor
tell_not 'unless the account phase looks at it' WARN 'sudo: max_age'
printf '%s\n' 'max_age = 900' '[service sshd]' 'session_class = login' >"$conf"
doctor
tell_not 'the example hands the codes of sshd on' WARN 'session stack'
sed -i '/^session.*pam_totp/d' /etc/pam.d/sshd
doctor
tell 'a class of sessions that sshd does not hand on' WARN 'sshd: session_class = login is set'
echo "session optional $module" >>/etc/pam.d/common-session
doctor
tell 'in a file that others include it is told' WARN 'sshd: common-session:.*of a file that'
sound
hurt()			# NAME LEVEL PATTERN COMMAND...
{
	local name=$1 level=$2 pattern=$3
	shift 3
	"$@"
	doctor
	tell "$name" "$level" "$pattern"
	sound
}
hurt 'a store that others can read' FAIL 'cannot be used' chmod 755 "$store"
hurt 'a folder that others can read' FAIL 'refused' chmod 755 "$store/secrets"
hurt 'a record that others can read' FAIL 'tess: every login is refused' \
	chmod 644 "$store/secrets/tess"
hurt 'a record of another owner' FAIL 'tess: every login is refused' \
	chown tess "$store/secrets/tess"
hurt 'no store' FAIL 'does not exist' rm -r "$store"
hurt 'an empty store: not mounted, or wiped' FAIL \
	'every login with a code is refused: .*has no directory secrets.*mount its file system' \
	rm -r "$store/secrets"
hurt 'a damaged record' FAIL 'tess: every login is refused: .*tess' \
	sed -i 's/^uid.*/uid x/' "$store/secrets/tess"
hurt 'a lost state' WARN 'tess: the state is missing' rm "$store/state/tess"
# shellcheck disable=SC2317 # called by hurt
add_gone()
{
	totp-admin add --uid 4711 gone phone --secret-file - >/dev/null \
		<<<MZXW6YTBOJRGC6TNMZXW6YTBOJRGC6TN
}
hurt 'an account that is gone' WARN 'gone: has a record but no account' \
	add_gone
hurt 'an account with another uid' FAIL 'tess: the record belongs to uid 1' \
	sed -i 's/^uid .*/uid 1/' "$store/secrets/tess"
# shellcheck disable=SC2317 # called by hurt
pending()		# the device of tess as an enrolment of an hour ago
{
	sed -i -e 's/^state active/state pending/' \
		-e "s/^expires 0/expires $(($(date +%s) - 3000))/" "$store/secrets/tess"
}
overdue() { sed -i 's/^rotate_by 0/rotate_by 1000000000/' "$store/secrets/tess"; }
hurt 'a rotation that is overdue, where a login cannot do it' WARN \
	'tess: "phone" was to be rotated by 2001-09-09.*sshd cannot do it' overdue
hurt 'an enrolment never finished' WARN 'tess: .*never finished' pending
hurt 'a helper that is not set-uid' FAIL 'not set-uid' chmod 755 "$helper"
chmod 4755 "$helper"
hurt 'a helper that others can change' FAIL 'others can change it' chmod 4777 "$helper"
chmod 4755 "$helper"
mv "$helper" "$helper.gone"
hurt 'no helper' FAIL 'users cannot enrol' true
mv "$helper.gone" "$helper"

sed "s|pam_totp_enroll.so|${module%.so}_enroll.so|; s| pam_totp.so| $module|" \
	"$src/examples/pam.d/sshd-totp-enroll" >/etc/pam.d/sshd
overdue
doctor
tell_not 'not where it can' WARN 'was to be rotated'
doctor --user tess --service sshd
tell 'of the user it is told' OK 'tess at sshd: led through the replacement of phone'
doctor --user tess --service su
tell 'and where only a reminder comes' WARN 'tess at su: only reminded that phone'
sound

# --- what keeps the programs from the store -------------------------------------------------

units=/etc/systemd/system
mkdir -p "$units" /run/systemd/system
printf '[Service]\nExecStart=/usr/sbin/sshd -D\n' >"$units/ssh.service"
doctor
tell 'no unit is in the way' OK 'no unit keeps these services from the store'
unit()			# NAME LEVEL PATTERN LINE...: of a drop-in of ssh.service
{
	local name=$1 level=$2 pattern=$3
	shift 3
	mkdir -p "$units/ssh.service.d"
	printf '%s\n' '[Service]' "$@" >"$units/ssh.service.d/50-test.conf"
	doctor
	tell "$name" "$level" "sshd: ssh.service .*($pattern)"
}
unit 'a store that sshd may not write' FAIL "may not write below $store" 'ProtectSystem=strict'
is 'which is a failure' "$rc" 1
unit 'a part that is read-only' FAIL 'may not write' 'ReadOnlyPaths=/var/lib'
unit 'a store that is hidden' FAIL 'hides' 'InaccessiblePaths=/var'
unit 'no new privileges' WARN 'NoNewPrivileges' 'NoNewPrivileges=yes'
unit 'a user that is not root' WARN 'not root \(User=daemon\)' 'User=daemon'
unit 'a root of its own' WARN 'root directory of its own' 'RootDirectory=/srv'
mkdir -p /run/systemd/system/ssh.service.d
printf '[Service]\nProtectSystem=strict\n' >/run/systemd/system/ssh.service.d/50-test.conf
printf '[Service]\n' >"$units/ssh.service.d/50-test.conf"
doctor
tell_not 'a drop-in of /etc stands for that of the same name in /run' FAIL 'ssh.service'
mv /run/systemd/system/ssh.service.d/50-test.conf /run/systemd/system/ssh.service.d/40-test.conf
doctor
tell 'one of another name counts' FAIL 'ssh.service may not write'
printf '[Service]\nReadWritePaths=%s\n' "$store" >"$units/ssh.service.d/50-test.conf"
doctor
tell_not 'the later one mends it' FAIL 'ssh.service'
rm -r "$units/ssh.service.d"
mkdir "$units/service.d"
printf '[Service]\nProtectSystem=strict\n' >"$units/service.d/all.conf"
doctor
tell 'a drop-in of all services' FAIL 'ssh.service may not write'
rm "$units/ssh.service"
ln -s /dev/null "$units/ssh.service"
doctor
tell_not 'a unit that is masked says nothing' FAIL 'ssh.service'
rm -r "$units/service.d" "$units/ssh.service" /run/systemd/system/ssh.service.d
locker()		# NAME LEVEL PATTERN [ARGUMENT]
{
	guard swaylock "@include common-auth"$'\n'"$code ${4-}"
	doctor
	tell "$1" "$2" "swaylock: .*($3)"
}
locker 'a locker whose users have no device' WARN 'cannot unlock their own screens'
printf '[service swaylock]\nunenrolled = skip\n' >"$conf"
locker 'a locker that runs as its user' OK 'totp-helper looks at its'
locker 'an argument that it does not take' FAIL '"window=2" is not taken' window=2
guard vlock "@include common-auth"$'\n'"$code window=2"
doctor
tell 'of one that may be set-uid root it is a warning' WARN 'vlock: unless it is .*"window=2"'
rm /etc/pam.d/vlock
chmod 600 "$conf"
locker 'settings that it cannot read' FAIL "cannot read $conf"
chmod 644 "$conf"
chmod 755 "$helper"
locker 'a helper that is not set-uid' FAIL 'nobody can unlock'
chmod 4755 "$helper"
guard vsftpd "@include common-auth"$'\n'"$code"
doctor
tell 'a service in clear' WARN 'vsftpd: such a service sends password and code'
sound
if mount -t tmpfs sys /sys/fs 2>/dev/null; then
	mkdir /sys/fs/selinux
	printf 1 >/sys/fs/selinux/enforce
	doctor
	tell 'SELinux enforces and the store has no label' WARN "SELinux enforces, and $store"
	printf 0 >/sys/fs/selinux/enforce
	doctor
	tell_not 'but not when it only looks on' WARN 'SELinux'
	umount /sys/fs
else
	tap_skip 'SELinux enforces and the store has no label' 'cannot mount below /sys'
fi

# --- root and one user ------------------------------------------------------------------------

totp-admin reset --yes root >/dev/null
doctor
tell 'root without a device is told' FAIL \
	'root has no device and unenrolled=deny: root cannot log in through sshd'
tell 'where root is asked' FAIL 'cannot log in through su$|cannot log in through su '
tell_not 'not at sudo' FAIL 'through sudo'
echo 'PermitRootLogin no' >"$sshd_conf"
cat "$src/examples/sshd_config.d/50-totp-password.conf" >>"$sshd_conf"
doctor
tell_not 'nor where sshd lets no root in' FAIL 'through sshd'
echo 'unenrolled = skip' >"$conf"
doctor
tell_not 'nor where it is let in' FAIL 'root cannot log in'
sound

explain()		# NAME LEVEL PATTERN USER SERVICE
{
	doctor --user "$4" --service "$5"
	tell "$1" "$2" "$4 at $5: .*($3)"
}
explain 'who is enrolled is asked' OK 'asked for a code of phone' tess sshd
is 'and that is no failure' "$rc" 0
explain 'at su too' OK 'asked for a code' tess su
tell 'where root is not' OK 'caller who is root is not asked'
explain 'who is not is denied' FAIL 'not enrolled, and unenrolled=deny' nobody sudo
explain 'who is nobody' FAIL 'no such account' nobodyatall sshd
explain 'no module there' WARN 'not in this stack' tess login
explain 'root at sudo' OK 'does not authenticate root' root sudo
doctor --user tess --service quux
tell 'a service without a file' WARN 'those of "other" count'
printf '%s\n' 'unenrolled = skip' '[service sudo]' 'unenrolled = deny' >"$conf"
explain 'let in without' WARN 'without a code.*unenrolled=skip' nobody sshd
explain 'a section of the service' FAIL 'unenrolled=deny' nobody sudo
printf '%s\n' 'unenrolled = enroll' >"$conf"
explain 'enrolment without its module' FAIL 'no pam_totp_enroll' nobody sshd
printf '%s\n' 'unenrolled = grace' 'grace_days = 5' >"$conf"
explain 'days of grace' WARN '5 days of grace left' nobody sshd
printf '%s\n' 'groups = tess' >"$conf"
explain 'in no group that must' WARN 'in none of the groups' nobody sshd
printf '%s\n' '[group tess]' 'window = 9' >"$conf"
explain 'broken settings' FAIL 'settings are broken' tess sshd
rm "$conf"
totp-admin disable --force tess phone >/dev/null
explain 'a disabled device' FAIL 'not enrolled' tess sshd
sound
rm "$store/state/tess"
explain 'a lost state' WARN 'state is lost' tess sshd
sound
sed -i 's/^uid .*/uid 1/' "$store/secrets/tess"
explain 'the record of another' FAIL "another account's" tess sshd
sound
before=$(find "$store" -type f -exec sha256sum {} + | sort)
explain 'asking leaves no trace' OK 'asked' tess sshd
is 'in the store' "$(find "$store" -type f -exec sha256sum {} + | sort)" "$before"

# --- the command line ---------------------------------------------------------------------------

refuse()		# NAME CODE OPTION...
{
	local name=$1 code=$2
	shift 2
	doctor "$@"
	is "$name" "$rc" "$code"
}
refuse 'a user without a service' 2 --user tess
refuse 'a service without a user' 2 --service sshd
refuse 'a path as service' 2 --user tess --service ../sshd
refuse 'a capital in a service' 2 --user tess --service SSHD
refuse 'a relative directory' 2 --pam-dir pam.d
refuse 'an operand' 2 sshd
refuse 'a directory that is not there' 1 --pam-dir /nowhere
rc=0
out=$(setpriv --reuid=65534 --regid=65534 --clear-groups totp-admin doctor 2>&1) || rc=$?
is 'it needs root' "$rc" 10

tap_done
