#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin as a program: its command line, other people, many at once, the default
# store and the log. Needs root; the last groups need a private mount namespace and
# are skipped where there is none.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=tests/support/admin.sh
. "$src/tests/support/admin.sh"

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
verbs=(add list show verify unlock disable delete remove enable resync rename cancel
	rotate recovery-codes bypass ticket exempt reset)
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
	usage 2 "expected" "$verb" a b c d
	[[ $verb == list || $verb == rotate ]] || usage 2 "expected" "$verb"
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
mkdir -m 700 "$tmp/own" "$tmp/own/secrets"
chown 65534:65534 "$tmp/own" "$tmp/own/secrets"
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
	admin recovery-codes root 2>/dev/null
	admin bypass root 2>/dev/null
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
event=admin action=recovery-codes actor=$actor user=root device= result=ok
event=admin action=bypass actor=$actor user=root device= result=ok
event=admin action=unlock actor=$actor user=root device= result=ok
event=admin action=add actor=$actor user=x\\x3dy\\x22z device=a\\x3db result=ok
event=admin action=disable actor=$actor user=root device=phone result=last
event=admin action=delete actor=$actor user=root device=phone result=ok
event=admin action=reset actor=$actor user=root device= result=ok
event=admin action=add actor=$actor user=root device=END result=ok"
is 'no secret and no code is in the log' "$(grep -cE "$key|$other_key|000000" "$tmp/log" || true)" 0
is 'eleven codes were shown, and none is there' "$(
	grep -oE '[b-z]{5}(-[b-z]{5}){3}' "$tmp/out" | tee "$tmp/codes" | wc -l
	grep -cFf "$tmp/codes" "$tmp/log" || true)" '11
0'
is 'the log is LOG_AUTHPRIV' "$(grep -vc '^<85>' "$tmp/log" || true)" 0

tap_done
