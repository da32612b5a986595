#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# totp-admin status and report as they ship, on accounts of their own: a private mount
# namespace has other files passwd, shadow, group and login.defs. Needs root, and is
# skipped where there are no namespaces.
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

# Hash, day of the last change, days that it may be kept.
# shellcheck disable=SC2016 # $6$ is of a hash
accounts='root:0:/bin/bash:$6$x$y:20000:90
daemon:1:/usr/sbin/nologin:*:20000:99999
low:500:/bin/bash:$6$x$y:20000:99999
alice:1000:/bin/bash:$6$x$y:20001:99999
bob:1001:/bin/bash:!:20000:99999
carol:1002:/bin/sh::20000:99999
dave:1003:/bin/sh:$6$x$y:0:99999
eve:1005::-:-:-
=cmd|x:1006:/bin/sh:!$6$x$y:20000:30
svc:1007:/usr/sbin/nologin:$6$x$y:20000:99999
off:1008:/bin/false:$6$x$y:20000:99999'
while IFS=: read -r name number shell hash changed max; do
	echo "$name:x:$number:$number::/nonexistent:$shell" >>"$tmp/passwd"
	[[ $hash == - ]] || echo "$name:$hash:$changed:0:$max:7:::" >>"$tmp/shadow"
done <<<"$accounts"
printf '%s\n' 'root:x:0:' 'sudo:x:27:alice,bob,ghost' 'admin:x:1006:' 'staff:x:50:alice,dave' >"$tmp/group"
printf '# UID_MIN 5\nUID_MAX 60000\nUID_MIN\t\t\t 1000\n' >"$tmp/login.defs"
printf '%s\n' 'passwd: files' 'shadow: files' 'group: files' >"$tmp/nsswitch.conf"
chmod 644 "$tmp"/{passwd,group,login.defs,nsswitch.conf}
chmod 600 "$tmp/shadow"
for file in passwd shadow group login.defs nsswitch.conf; do
	[[ -e /etc/$file ]] || tap_skip_all "needs /etc/$file to lay another one over"
	mount --bind "$tmp/$file" "/etc/$file"
done

csv()			# USER: the row, without the quotes that every field must have
{
	/usr/bin/python3 -c 'import csv, sys
for line in open(sys.argv[1], encoding="utf-8"):
    assert line[0] == "\"" and line.rstrip("\n")[-1] == "\""
    row, = csv.reader([line])
    assert "\"" + "\",\"".join(f.replace("\"", "\"\"") for f in row) + "\"\n" == line
    if row[0] == sys.argv[2]:
        print(" ".join(f or "-" for f in row[1:]))' "$tmp/out" "$1"
}
users() { /usr/bin/python3 -c 'import csv, sys
print(" ".join(row[0] for row in csv.reader(open(sys.argv[1]))))' "$tmp/out"; }
add()			# USER [OPTION...]
{
	local name=$1
	shift
	run add "$name" phone "$@" --secret-file - < <(head -c 20 /dev/urandom | base32)
	[[ $rc -eq 0 ]] || { echo "cannot add $name: $err" >&2; exit 1; }
}
finding()		# CHECK: level and users, of the JSON in $tmp/out
{
	json "[(f['level'], *f['users']) for f in d['findings'] if f['check'] == '$1'][0]"
}

# --- report: whom, and what is said of them -------------------------------------------------

fresh none
run report --format csv
expect 'a report of nobody enrolled' 0
is 'the columns' "$(head -n 1 "$tmp/out")" '"user","uid","password_enabled","password_last_changed","password_next_rotation","mfa_active","mfa_required","devices","mfa_last_used","recovery_codes_left","locked","locked_until","grace_until","exempt_until","mfa_rotate_by","problem"'
is 'all accounts that may log in, in order; a formula is none' "$(users)" \
	"user '=cmd|x alice bob carol dave eve root"
is 'a password that must be changed' "$(csv root)" \
	'0 true 2024-10-04T00:00:00Z 2025-01-02T00:00:00Z false true 0 N/A N/A false N/A N/A N/A N/A N/A'
is 'one that need not be' "$(csv alice)" \
	'1000 true 2024-10-05T00:00:00Z N/A false true 0 N/A N/A false N/A N/A N/A N/A N/A'
is 'a disabled one' "$(csv bob)" \
	'1001 false 2024-10-04T00:00:00Z N/A false true 0 N/A N/A false N/A N/A N/A N/A N/A'
is 'a disabled one is not due' "$(csv "'=cmd|x")" \
	'1006 false 2024-10-04T00:00:00Z N/A false true 0 N/A N/A false N/A N/A N/A N/A N/A'
is 'an empty one is told' "$(csv carol)" \
	'1002 true 2024-10-04T00:00:00Z N/A false true 0 N/A N/A false N/A N/A N/A N/A the account needs no password'
is 'one that is due at once' "$(csv dave | sed -E "s/$(date -u +%Y)[-0-9T:]+Z/NOW/")" \
	'1003 true N/A NOW false true 0 N/A N/A false N/A N/A N/A N/A N/A'
is 'one that is not kept here' "$(csv eve)" \
	'1005 not_supported not_supported not_supported false true 0 N/A N/A false N/A N/A N/A N/A N/A'

add root
add alice
add svc
add ghost --uid 7777
run report --format csv
is 'records of others are rows too' "$(users)" "user '=cmd|x alice bob carol dave eve ghost root svc"
is 'an enrolled user' "$(csv alice)" \
	'1000 true 2024-10-05T00:00:00Z N/A true true 1 N/A N/A false N/A N/A N/A N/A N/A'
is 'a record without an account' "$(csv ghost)" \
	'7777 not_supported not_supported not_supported true not_supported 1 N/A N/A false N/A not_supported N/A N/A no account of this host'
run recovery-codes alice
run rotate alice --by 2099-01-01
add bob
run reset --yes --within 7d bob
run exempt dave --until 2099-01-01 --reason holiday
add carol
sed -i "s/^secret .*/secret $key/" "$store/secrets/carol"
for name in alice carol; do with wide verify $name <<<"$(code_in 60)"; done
expect 'a code that was right' 0
run report --format csv
is 'recovery codes and a rotation' "$(csv alice | cut -d' ' -f9,14)" '10 2099-01-01T23:59:59Z'
is 'the last use' "$(csv carol | cut -d' ' -f8 | cut -c1-11)" "$(date -u +%Y-%m-%dT)"
is 'an exemption' "$(csv dave | cut -d' ' -f6,13)" 'false 2099-01-01T23:59:59Z'
with skip report --format csv
is 'a time to enrol again' "$(csv bob | cut -d' ' -f5,6,12 | cut -c1-22)" \
	"false false $(date -u -d '7 days' +%Y-%m-%d)"
run reset --yes --forget carol
with lock verify alice <<<000000
run report --format csv
is 'a locked user' "$(csv alice | cut -d' ' -f10,11)" 'true N/A'
run unlock alice
with throttle verify alice <<<000000
with throttle report --format csv
is 'a source that waits' "$(csv alice | cut -d' ' -f10,11 | sed -E 's/ 20.*Z$/ time/')" 'false time'
run unlock alice
rm "$store/state/svc"
run report --format csv
is 'a lost state is not "never used" and not "not locked"' "$(csv svc | cut -d' ' -f5-11)" \
	'true true 1 no_information N/A no_information no_information'
expect 'and ends well, as the next login mends it' 0
sed -i 's/^uid .*/uid 9/' "$store/secrets/ghost" "$store/secrets/svc"
run report --format csv
expect 'the record of another account is an error' 1 'svc: the record belongs to uid 9'
is 'and protects nobody' "$(csv svc | cut -d' ' -f5-7)" 'false true 1'
printf 'x\n' >>"$store/secrets/alice"
run report --format csv
expect 'a corrupt record is told, and no end of the report' 1 'alice: .*secrets/alice'
is 'of it nothing is known' "$(csv alice | cut -d' ' -f5-14 | tr ' ' '\n' | sort -u)" no_information
is 'others are listed' "$(csv root | cut -d' ' -f5)" true
run report --json
is 'in JSON too' "$(json 'd["users"][1]["user"], d["users"][1]["mfa_active"], "mfa_active" in d["users"][1]["no_information"]')" \
	"('alice', None, True)"
is 'JSON has types' "$(json '[(u["uid"], u["mfa_active"], u["password_last_changed"]) for u in d["users"] if u["user"] == "root"]')" \
	"[(0, True, '2024-10-04T00:00:00Z')]"
is 'JSON has names as they are' "$(json 'd["users"][0]["user"]')" '=cmd|x'
before=$(tree)
run report
expect 'a table' 1 'USER +UID PASSWORD +MFA +REQUIRED +DEVICES LAST-USED +CODES NOTE'
is 'its words' "$(grep -E '^(alice|root|carol) ' "$tmp/out" | tr -s ' ')" \
'alice 1000 2024-10-05 no_information no_information no_information no_information no_information broken
carol 1002 2024-10-04 false true 0 N/A N/A no password
root 0 2024-10-04 true true 1 N/A N/A -'
run status
is 'neither writes anything' "$(tree)" "$before"
for format in '' CSV 'csv ' xml; do
	run report --format "$format"
	expect "--format \"$format\" is refused" 2 'expected table, csv or json'
done
run report --json --format csv
expect 'two formats are refused' 2 'json alone'
run report --json --format json
is '--json is --format json' "$(json 'len(d["users"])')" 9
for verb in report status; do
	run $verb tess
	expect "$verb takes no user" 2 "usage: totp-admin $verb"
	run $verb --help
	expect "$verb --help" 0 "usage: totp-admin $verb .*--json"
done

# --- who must show a code ------------------------------------------------------------------

required() { for name in alice bob root; do printf '%s ' "$(csv $name | cut -d' ' -f6)"; done; }
conf staff 'groups = staff'
conf section '[group staff]' 'unenrolled = skip'
conf nogroup 'groups = nobody-has-this'
conf grace 'unenrolled = grace'
conf later "enforce_after = 2999-01-01"
fresh none
with skip report --format csv
is 'unenrolled=skip requires nobody' "$(required)" 'false false false '
with staff report --format csv
is 'groups requires its members' "$(required)" 'true false false '
with section report --format csv
is 'a section of a group holds for its members' "$(required)" 'false true true '
with later report --format csv
is 'before enforce_after nobody' "$(required)$(csv bob | cut -d' ' -f12)" \
	'false false false 2999-01-01T00:00:00Z'
with grace report --format csv
is 'a grace time that has not begun has no end' "$(required)$(csv bob | cut -d' ' -f12)" \
	'false false false N/A'
with nogroup report --format csv
expect 'a group that does not exist is an error' 1 'who must show a code is not known'
is 'and nobody is said to need none' "$(required)" 'no_information no_information no_information '

# --- not root ----------------------------------------------------------------------------------

if command -v setpriv >/dev/null; then
	fresh none
	chown 1000 "$store"
	chmod 755 "$tmp"
	rc=0
	setpriv --reuid 1000 --regid 1000 --clear-groups "$admin" --store "file:$store" \
		--conf "$tmp/plain.conf" report --format csv >"$tmp/out" 2>"$tmp/err" || rc=$?
	out=$(<"$tmp/out") err=$(<"$tmp/err")
	if [[ $err == *'Permission denied'* ]]; then
		tap_skip 'a report by somebody else' 'cannot run the program as another user'
	else
		expect 'a report by somebody else' 0
		is 'knows no passwords, and does not say that there are none' \
			"$(csv root | cut -d' ' -f2-4)" 'no_information no_information no_information'
	fi
fi

# --- status ----------------------------------------------------------------------------------------

fresh none
run status
expect 'nobody enrolled needs attention' 1 'FAIL +1 user of uid 0 without MFA: root.*FAIL +3 users in sudo, admin without MFA: =cmd\|x, alice, bob'
is 'one line a matter' "$(wc -l <"$tmp/out")" 15
add root
for name in alice bob '=cmd|x'; do add $name; done
run status
expect 'administrators who are enrolled do not' 0 'root has MFA.*every member of sudo, admin has MFA'
run status --json
is 'numbers' "$(json 'd["users"], d["users_with_mfa"], d["devices"], d["devices_in_use"]')" '(7, 4, 4, 4)'
is 'who has none' "$(finding without)" "('WARN', 'carol', 'dave', 'eve')"
is 'who has no spare' "$(finding spare)" "('WARN', '=cmd|x', 'alice', 'bob', 'root')"
is 'nobody is stale' "$(finding stale)" "('OK',)"
is 'an empty password' "$(finding password)" "('WARN', 'carol')"
with lock verify alice <<<000000
sed -i "s/^created .*/created $(($(date +%s) - 91 * 86400))/" "$store/secrets/bob"
sed -i "s/^created .*/created $(($(date +%s) - 89 * 86400))/" "$store/secrets/alice"
add carol
sed -i -e 's/^state active/state pending/' -e "s/^expires 0/expires $(($(date +%s) + 600))/" \
	"$store/secrets/carol"
add dave
sed -i -e 's/^created .*/created 1000/' -e 's/^expires 0/expires 2000/' "$store/secrets/dave"
run exempt eve --until 2099-01-01 --reason holiday
run rotate alice --by 2099-01-01
run recovery-codes alice
rm "$store/state/root"
run status --json
is 'who is locked' "$(finding locked)" "('WARN', 'alice')"
is 'whose device nobody used for 90 days' "$(finding stale)" "('WARN', 'bob')"
is 'who did not finish, and what expired' "$(finding pending)" "('WARN', 'carol', 'dave')"
is 'who must rotate' "$(finding rotate)" "('WARN', 'alice')"
is 'who has recovery codes has a spare' "$(finding spare)" "('WARN', '=cmd|x', 'bob', 'root')"
is 'who is exempt' "$(finding exempt)" "('WARN', 'eve')"
is 'an exempt user need not enrol' "$(finding without)" "('WARN', 'carol', 'dave')"
is 'whose state is lost' "$(finding state)" "('WARN', 'root')"
expect 'warnings alone end well' 0
chmod 644 "$store/secrets/carol"
run status --json
expect 'a record that cannot be read does not' 1
is 'whose it is' "$(finding broken)" "('FAIL', 'carol')"
run disable --force bob phone
run status --json
is 'a disabled device protects no administrator' "$(finding admins)" "('FAIL', 'bob')"
sed 's/^root:[^:]*/root:!/' "$tmp/shadow" >"$tmp/shadow.new"
cat "$tmp/shadow.new" >"$tmp/shadow"
run disable --force root phone
run status --json
is 'root without a password is a warning' "$(finding root)" "('WARN', 'root')"
with nogroup status
expect 'settings that cannot be understood fail' 1 'FAIL +who must show a code is not known'

# --- many --------------------------------------------------------------------------------------------

maker=$build/tests/bench/bench_users
count=20000
measure()		# LIMIT ARGUMENT...: lines, and whether memory stayed below LIMIT KiB
{
	/usr/bin/python3 - "$@" <<-'PYTHON'
		import resource, subprocess, sys, time
		begin = time.monotonic()
		with open(sys.argv[2], "wb") as out:
		    code = subprocess.run(sys.argv[3:], stdout=out).returncode
		used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
		took = time.monotonic() - begin
		print(f"# {used} KiB, {took:.1f} s", file=sys.stderr)
		print(code, used < int(sys.argv[1]), took < 60, sum(1 for line in open(sys.argv[2])))
	PYTHON
}
if [[ -n ${SANITIZERS-} || ! -x $maker ]]; then
	tap_skip "$count users" 'a sanitizer, or bench_users is not built'
else
	rm -rf "$store"
	new_store
	"$maker" totp "$store" $count
	many=("$admin" --store "file:$store" --conf "$tmp/plain.conf")
	is "CSV of $count users holds none of them" \
		"$(measure 24576 "$tmp/out" "${many[@]}" report --format csv)" "0 True True $((count + 8))"
	is 'nor does JSON' "$(measure 24576 "$tmp/out" "${many[@]}" report --json | cut -d' ' -f1-3)" '0 True True'
	is 'which is whole' "$(json 'len(d["users"])')" $((count + 7))
	is 'status still is one screen' \
		"$(measure 24576 "$tmp/out" "${many[@]}" status)" '1 True True 15'
fi

tap_done
