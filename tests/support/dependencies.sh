# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
# shellcheck shell=bash
# shellcheck disable=SC2034 # the lists are passed by name
#
# The one list of what the project needs, for ./quickstart and ./check; it is
# sourced, not run. A line is "package probe": the Debian package, and how to
# see on any distribution that what it brings is there:
#   cmd:NAME   a command       pc:NAME  a pkg-config module
#   file:PATH  a file          hdr:PATH a C header
#   py:NAME    a module of /usr/bin/python3    pam:NAME   a PAM module
#
# dependencies_missing LIST...   prints the packages of the lists that are missing
# dependencies_install LIST...   as root on Debian installs them, elsewhere says
#                                what is missing; 0 when everything is there
#
# What is there already is not asked of apt again. A freshly installed
# openssh-server is neither started nor enabled: only its program is wanted; a
# freshly installed libpam-pwquality is taken out of common-password again.

build_deps=(
	'autoconf          cmd:autoconf'
	'automake          cmd:automake'
	'libtool           cmd:libtoolize'
	'autoconf-archive  file:/usr/share/aclocal/ax_append_compile_flags.m4'
	'make              cmd:make'
	'gcc               cmd:gcc'
	'libc6-dev         hdr:stdlib.h'
	'pkg-config        cmd:pkg-config'
	'libpam0g-dev      hdr:security/pam_modules.h'
	'libssl-dev        pc:libcrypto'
	'libqrencode-dev   pc:libqrencode'
	'libpng-dev        pc:libpng'
	'libsmartcols-dev  pc:smartcols'
)

demo_deps=(
	'openssh-server    cmd:sshd'
	'openssh-client    cmd:ssh'
	'sudo              cmd:sudo'
	'passwd            cmd:useradd'
	'util-linux        cmd:unshare'
	'oathtool          cmd:oathtool'
	'zbar-tools        cmd:zbarimg'
	'python3           cmd:python3'
	'python3-pexpect   py:pexpect'
)

test_deps=(
	'libcmocka-dev     pc:cmocka'
	'clang             cmd:clang'
	'clang-tidy        cmd:clang-tidy'
	'binutils          cmd:readelf'
	'shellcheck        cmd:shellcheck'
	'mandoc            cmd:mandoc'
	'cppcheck          cmd:cppcheck'
	'faketime          cmd:faketime'
	'strace            cmd:strace'
	'valgrind          cmd:valgrind'
	'python3-pyte      py:pyte'
	'vlock             cmd:vlock'
	'libpam-u2f        pam:pam_u2f'
	'libpam-pwquality  pam:pam_pwquality'
	'cracklib-runtime  file:/var/cache/cracklib/cracklib_dict.pwd'
)

# What `make bench` measures against, and counts with.
bench_deps=(
	'libpam-google-authenticator  pam:pam_google_authenticator'
	'libpam-oath       pam:pam_oath'
	'python3           cmd:python3'
	'strace            cmd:strace'
	'valgrind          cmd:valgrind'
)

dependencies_have()
{
	case $1 in
	cmd:*) PATH=$PATH:/usr/sbin:/sbin command -v "${1#cmd:}" >/dev/null ;;
	pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
	file:*) [[ -e ${1#file:} ]] ;;
	hdr:*) [[ -e /usr/include/${1#hdr:} ]] ;;
	pam:*) compgen -G "/lib*/security/${1#pam:}.so" >/dev/null ||
		compgen -G "/lib*/*/security/${1#pam:}.so" >/dev/null ;;
	py:*) /usr/bin/python3 -c "import ${1#py:}" 2>/dev/null ;;
	*) return 1 ;;
	esac
}

dependencies_missing()
{
	local list line package probe
	for list in "$@"; do
		local -n lines=$list
		for line in "${lines[@]}"; do
			read -r package probe <<<"$line"
			dependencies_have "$probe" || printf '%s\n' "$package"
		done
	done
}

dependencies_is_debian()
{
	command -v apt-get >/dev/null && command -v dpkg >/dev/null &&
		grep -Eqs '^ID(_LIKE)?=.*debian' /etc/os-release
}

# Another apt (unattended upgrades on a new machine) may hold either lock:
# wait for it, five minutes at most.
dependencies_apt()
{
	local log tries r
	log=$(mktemp)
	for ((tries = 0; tries < 60; tries++)); do
		r=0
		DEBIAN_FRONTEND=noninteractive apt-get -q -y \
			-o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null || r=$?
		if ((r == 0)) || ! grep -q 'Could not get lock' "$log"; then
			break
		fi
		sleep 5
	done
	((r == 0)) || cat "$log" >&2
	rm -f "$log"
	return "$r"
}

# In a subshell, so that the caller's traps stay its own.
dependencies_apt_install()
(
	policy=/usr/sbin/policy-rc.d
	brings_sshd=0 brings_pwquality=0
	for package in "$@"; do
		[[ $package != openssh-server ]] || brings_sshd=1
		[[ $package != libpam-pwquality ]] || brings_pwquality=1
	done
	if ((brings_sshd)) && [[ ! -e $policy && ! -L $policy ]]; then
		trap 'rm -f "$policy"' EXIT
		trap 'exit 130' INT TERM HUP
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 0755 "$policy"
	fi
	dependencies_apt update ||
		echo 'apt-get update failed; trying with the lists at hand' >&2
	dependencies_apt install --no-install-recommends "$@" || exit 1
	if ((brings_sshd)) && command -v systemctl >/dev/null; then
		systemctl disable ssh.service >/dev/null 2>&1 || true
		echo 'openssh-server was installed for its program; its service is off'
	fi
	if ((brings_pwquality)); then
		DEBIAN_FRONTEND=noninteractive pam-auth-update --package \
			--remove pwquality || exit 1
		echo 'libpam-pwquality was installed for its module; no PAM service uses it'
	fi
)

dependencies_install()
{
	local -a missing
	mapfile -t missing < <(dependencies_missing "$@" | sort -u)
	((${#missing[@]})) || return 0
	if ! dependencies_is_debian; then
		echo 'This command installs what it needs on Debian 12 only. Missing here' \
			'(by their Debian names):' >&2
		printf '  %s\n' "${missing[@]}" >&2
		return 1
	fi
	if ((EUID != 0)); then
		echo 'Missing, and only root can install them:' >&2
		echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
		return 1
	fi
	echo "Installing: ${missing[*]}"
	dependencies_apt_install "${missing[@]}" || return 1
	mapfile -t missing < <(dependencies_missing "$@" | sort -u)
	((${#missing[@]})) || return 0
	echo "Still missing after the installation: ${missing[*]}" >&2
	return 1
}
