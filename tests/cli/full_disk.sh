#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin on a store whose file system is full to the last block and the last
# inode, and on one that is read-only: a code is still checked and counted on the
# full one, nothing can be enrolled or changed, nothing is lost, and all goes on
# as soon as there is room. On a tmpfs, and on ext4 where there are loop devices.
# Mounts stay in a namespace of their own.
set -euo pipefail

src=$(cd "$(dirname "$0")/../.." && pwd)
if [[ ${FULL_DISK_INSIDE-} != yes ]]; then
	if [[ $(id -u) -eq 0 ]] && unshare --mount --propagation private true 2>/dev/null; then
		FULL_DISK_INSIDE=yes exec unshare --mount --propagation private bash "$0"
	fi
	. "$src/tests/support/tap.sh"
	tap_skip_all 'needs root and mount namespaces'
fi
# shellcheck source=tests/support/admin.sh
. "$src/tests/support/admin.sh"
trap 'umount -q "$store" || true; rm -rf "$tmp"' EXIT

full='No space left on device'
records() { (cd "$store/secrets" && sha256sum -- *; ls -A); }
# Every block, then every inode.
fill()
{
	dd if=/dev/zero of="$store/filler" bs=1k status=none 2>/dev/null || true
	dd if=/dev/zero of="$store/filler2" bs=1 status=none 2>/dev/null || true
	local i=0
	while : 2>/dev/null >"$store/filler.$i"; do
		i=$((i + 1))
	done 2>/dev/null
}
# NAME ARGUMENT...: cannot be done now, and says why; the records are what they were.
refused()
{
	local name=$1 before
	shift
	before=$(records)
	run "$@" <<<"$other_key"
	expect "$disk: $name is refused" 1 "$full"
	is "$disk: and no record changed" "$(records)" "$before"
}

campaign()
{
	settings=plain
	mkdir -m 700 "$store/secrets" "$store/state"
	# By a narrow window, so that a wide one has codes that are good at once.
	with narrow add --uid $uid $user phone --secret-file - <<<"$key"
	expect "$disk: a device" 0
	fill
	local code
	code=$(code_in 60)
	with wide verify $user <<<"$code"
	expect "$disk: a code is accepted on a full disk" 0
	with wide verify $user <<<"$code"
	expect "$disk: and not again" 3 'already used'
	with wide verify $user <<<000000
	expect "$disk: a wrong one is refused" 3
	run show --json $user
	is "$disk: both were counted" "$(json 'd["failures"]')" 2
	refused 'a second device' add --uid $uid $user tablet --secret-file -
	refused 'the first of another user' add --uid 4243 tim phone --secret-file -
	refused 'a new name' rename $user phone watch
	refused 'to disable it' disable --force $user phone
	refused 'a reset' reset --yes $user
	run list $user
	expect "$disk: the device is listed as before" 0 'tess +phone'
	rm "$store"/filler*
	run add --uid $uid $user tablet --secret-file - <<<"$other_key"
	expect "$disk: with room again a second device is added" 0
	with wide verify $user <<<"$code"
	expect "$disk: and the used code is still used" 3 'already used'
	mount -o remount,ro "$store"
	with wide verify $user <<<"$(code_in 90)"
	expect "$disk: read-only: a code is refused, with the reason" 1 'Read-only file system'
	run rename $user phone watch
	expect "$disk: read-only: and so is a change" 1 'Read-only file system'
	mount -o remount,rw "$store"
	with wide verify $user <<<"$(code_in 90)"
	expect "$disk: the same code is good when it can be written" 0
	umount "$store"
}

mkdir -m 700 "$store"
disk=tmpfs
mount -t tmpfs -o mode=0700,size=64k,nr_inodes=32 none "$store"
campaign
disk=ext4
if truncate -s 2M "$tmp/image" && mkfs.ext4 -q -m 0 -N 64 "$tmp/image" 2>/dev/null &&
	mount -o loop "$tmp/image" "$store" 2>/dev/null; then
	chmod 700 "$store"
	campaign
else
	tap_skip 'ext4' 'needs mkfs.ext4 and a loop device'
fi
tap_done
