# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
# shellcheck shell=bash
#
# What the tests of totp-admin share; sourced. Stores below a temporary directory,
# a user in any state, and a table of a verb in all of them.
#   run ARGUMENT...            totp-admin on $store: $rc, $out, $err
#   with SETTINGS ARGUMENT...  the same with the settings file of `conf`
#   expect NAME CODE [PATTERN] what it ended with and said
#   is NAME FOUND EXPECTED
#   fresh STATE                a new store with $user in a state, see `states`
#   matrix VERB INPUT "CODE..." ARGUMENT...   a verb in every state; INPUT "codes": the
#                              two codes after the last one that is used up
#   json EXPRESSION            of d, the JSON in $out

build=${top_builddir:-$PWD}
# shellcheck source=tests/support/tap.sh
. "${src:?}/tests/support/tap.sh"
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

conf()			# NAME [LINE...]: a settings file
{
	local name=$1
	shift
	printf '%s\n' "$@" >"$tmp/$name.conf"
	chmod 644 "$tmp/$name.conf"
}
conf plain ''
conf narrow 'window = 0'
conf wide 'window = 3'
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

new_store()		# an empty one, where none is
{
	mkdir -m 700 "$store" "$store/secrets" "$store/state"
}

# A store with $user in a state.
fresh()
{
	rm -rf "$store"
	new_store
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
	expired) sed -i -e 's/^created .*/created 1000/' -e 's/^expires 0/expires 2000/' "$record" ;;
	disabled) run disable --force $user phone ;;
	locked) with lock verify $user <<<000000 ;;
	throttled) with throttle verify $user <<<000000 ;;
	lost) rm "$store/state/$user" ;;
	corrupt) printf 'x\n' >>"$record" ;;
	unsafe) chmod 644 "$record" ;;
	esac
}

json()			# FILTER in Python over d
{
	/usr/bin/python3 -c 'import json, sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
print(eval(sys.argv[2]))' "$tmp/out" "$1"
}

# Columns: the arguments, then the exit codes by state. A refusal must leave every
# byte, but for exit 3, which counted a guess; list and show must whatever they say.
states=(none pending active disabled expired locked throttled lost corrupt unsafe)
matrix()
{
	local verb=$1 input=$2 with_codes="" i before after state
	local -a codes
	read -ra codes <<<"$3"
	shift 3
	for i in "${!states[@]}"; do
		state=${states[i]}
		fresh "$state"
		before=$(tree)
		[[ $input != codes ]] || with_codes=$(code_in 30)$'\n'$(code_in 60)
		with "${matrix_settings:-plain}" "$verb" "$@" <<<"${with_codes:-$input}"
		after=$(tree)
		expect "$verb $* of a user who is $state: exit ${codes[i]}" "${codes[i]}"
		if [[ $verb == list || $verb == show || ($rc -ne 0 && $rc -ne 3 && $verb != verify) ]]; then
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
