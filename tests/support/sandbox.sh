#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# Run a command in a host that is not there: a private mount and process namespace in
# which /etc, /run, /var/lib, /var/log, /var/mail and /usr/local are throw-away copies
# or empty, with pam_totp installed under /usr/local. Accounts made (their homes are
# below /var/lib/home), services configured and files written inside are gone at the
# end, daemons left behind are killed, and the real host never sees any of it.
#
#   sandbox.sh STAGE COMMAND [ARGUMENT...]
#
# STAGE: what `make install DESTDIR=STAGE` wrote with --prefix=/usr/local (its
# STAGE/usr/local is laid over /usr/local, its STAGE/etc over /etc).
# Exit: that of COMMAND; 77 (skip) when not root or without mount namespaces.
set -euo pipefail

die() {
	printf 'sandbox: %s\n' "$1" >&2
	exit "${2:-1}"
}

# Show a directory again that one of the mounts has hidden. $1: its descriptor.
uncover() {
	local fd=$1 path=$2
	[ ! -d "$path" ] || return 0
	mkdir -p "$path"
	mount --no-canonicalize --bind "/proc/self/fd/$fd" "$path"
}

# Inside the namespace: lay the file systems, then become the command.
enter() {
	local stage=$1
	shift
	local tree
	tree=$(cd "$(dirname "$0")/../.." && pwd)
	exec 8<"$tree" 9<"$PWD"
	# Only this namespace sees what is mounted here.
	local keep=/media
	mount -t tmpfs -o mode=0755 sandbox "$keep"
	# -a keeps owners, modes and times: /etc/shadow stays 0640 root:shadow.
	cp -a /etc "$keep/etc"
	mkdir -p "$keep"/{run,lib,log,mail,local}
	cp -a "$stage/usr/local/." "$keep/local/"
	if [ -d "$stage/etc" ]; then
		cp -a "$stage/etc/." "$keep/etc/"
	fi
	chown -R root:root "$keep/local"
	# chown takes the set-uid bit away.
	chmod 4755 "$keep/local/libexec/pam_totp/totp-helper"
	mkdir -m 0755 "$keep/run/sshd" "$keep/lib/home"
	mkdir -m 0711 "$keep/lib/sudo"
	mkdir -m 0700 "$keep/lib/pam_totp" "$keep/lib/pam_totp/secrets" \
		"$keep/lib/pam_totp/state" "$keep/lib/home/root"
	printf 'HOME=/var/lib/home\nSHELL=/bin/bash\n' >"$keep/etc/default/useradd"
	local pair
	for pair in etc:/etc run:/run lib:/var/lib log:/var/log mail:/var/mail \
		local:/usr/local; do
		mount --bind "$keep/${pair%%:*}" "${pair#*:}"
	done
	uncover 8 "$tree"
	uncover 9 "$PWD"
	cd "$PWD"
	exec 8<&- 9<&-
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export HOME=/var/lib/home/root
	exec "$@"
}

if [ "${1:-}" = --inside ]; then
	shift
	enter "$@"
fi
[ $# -ge 2 ] || die "usage: sandbox.sh STAGE COMMAND [ARGUMENT...]" 2
[ "$(id -u)" -eq 0 ] || die "needs root" 77
[ -x "$1/usr/local/libexec/pam_totp/totp-helper" ] ||
	die "$1 holds no installed pam_totp (make install DESTDIR=$1)" 2
unshare --mount --propagation private true 2>/dev/null ||
	die "needs mount namespaces" 77
stage=$(cd "$1" && pwd)
shift
# A pid namespace with --kill-child: a daemon left over by a killed test dies too.
exec unshare --mount --propagation private --pid --fork --kill-child \
	--mount-proc -- "$0" --inside "$stage" "$@"
