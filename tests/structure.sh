#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# The rules of DESIGN.md section 3 and STYLE.md that a compiler does not keep:
#   1 who may include what: dependencies point down, one file a library
#   2 what the module and the core never call, and that they keep no state
#   3 a login is let through in one table only
#   4 the form of files: licence, length, nothing unfinished, nothing unbuilt
# The rules about calls are checked again on the built module by exports.sh.
set -euo pipefail

src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
build=${top_builddir:-$PWD}
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"
# shellcheck source=tests/support/forbidden.sh
. "$src/tests/support/forbidden.sh"

cd "$src"
# Lines "file:line:function:code" of all C files, comments and strings blanked.
code=$(mktemp)
trap 'rm -f "$code"' EXIT
find pam_totp utils tests -name '*.[ch]' -print0 | sort -z |
	xargs -0 /usr/bin/python3 tests/support/c_code.py >"$code"

# Lines of the files that match a pattern on their path. $1: of paths, ERE.
code_of() { grep -E "^($1):" "$code" || true; }
# Only the include lines, as "file:line:name", with <> or "" kept. $1: of paths.
includes_of()
{
	code_of "$1" | sed -En 's/^([^:]+:[0-9]+):[^:]*:# *include *([<"][^>"]+[>"]).*/\1:\2/p'
}
# Calls of the functions named, as code. $1: of paths, rest: names, ERE.
calls_of()
{
	local paths=$1
	shift
	code_of "$paths" | grep -P "(?<![\w.>])($(forbidden_words "$@"))\s*\(" |
		grep -Pv '^[^:]+:\d+:[^:]*:(static )?[\w *]*\b__attribute__' || true
}

module='pam_totp/[^/]+\.[ch]'
core='pam_totp/core/[^/]+\.[ch]'

# --- 1 includes -------------------------------------------------------------------

# time.h in one place, for nanosleep(2); what asks a clock is looked for below.
tap_empty 'core includes its own headers and plain C only' "$(
	includes_of "$core" | grep -E ':"[^"]*/|:<(security/|syslog|time\.|sys/time|pwd\.|grp\.|shadow|locale|signal|assert|setjmp|sys/wait|pthread|libsmartcols|qrencode|png)' |
		grep -Ev '/safefile_write\.c:[0-9]+:<time\.h>$' || true)"

# From the bottom up; a file may include what stands before it, or on its own line, and
# its own header. store.c names the back ends behind the seam, so it alone looks up to
# store_file.
layers=(diag bytes 'date encode text' 'otp recovery' 'safefile otpauth' record state config store
	store_file throttle policy grace session verify attempt 'enrolment devices'
	phrase)

# The number of a file's layer, -1 for none. record_text belongs to record: what counts is
# the longest name that it begins with.
layer_of()
{
	local i name best=-1 length=0
	for i in "${!layers[@]}"; do
		for name in ${layers[i]}; do
			if [[ $1 == "$name" || $1 == "$name"_* ]] && ((${#name} > length)); then
				best=$i length=${#name}
			fi
		done
	done
	echo "$best"
}

check_layers()
{
	local line file name from to
	while read -r line; do
		file=${line%%:*} name=${line##*:\"}
		file=${file##*/} name=${name%\"}
		from=$(layer_of "${file%.*}") to=$(layer_of "${name%.*}")
		if ((from < 0 || to < 0)); then
			echo "$line: not in the list of layers of this test"
		elif ((to > from)) && [[ $file:$name != store.c:store_file.h ]]; then
			echo "$line: looks up"
		fi
	done < <(includes_of "$core" | grep ':"')
}
tap_empty 'dependencies in core point down' "$(check_layers)"

tap_empty 'the module includes host and core only' "$(
	includes_of "$module" | grep ':"' | grep -Ev ':"(core/)?[a-z_]+\.h"' || true)"
tap_empty 'host.c reaches neither records nor the store' "$(
	includes_of 'pam_totp/host\.[ch]' |
		grep -E '"core/(record|state|store|store_file|safefile|enrolment|otp|recovery)\.h"' || true)"
tap_empty 'the programs include utils and core only' "$(
	includes_of 'utils/.*' | grep ':"' |
		grep -Ev ':"((core|utils)/)?[a-z_]+\.h"|"host\.h"' || true
	includes_of 'utils/.*' | grep '"host\.h"' || true)"
tap_empty 'only table.c includes libsmartcols' "$(
	includes_of '.*' | grep 'smartcols' | grep -v '^utils/table\.c:' || true)"
tap_empty 'only qr_encode.c includes libqrencode, only qr.c libpng' "$(
	includes_of '(pam_totp|utils)/.*' | grep -E '<(qrencode|png)' |
		grep -Ev '^(utils/qr\.c:.*<png|pam_totp/qr_encode\.c:.*<qrencode)' || true)"
tap_empty 'only the module and totp-helper speak PAM' "$(
	includes_of '(pam_totp|utils)/.*' | grep '<security/' |
		grep -Ev '^(pam_totp/(pam_totp|host)\.[ch]|utils/(totp-helper|helper_[a-z_]+)\.[ch]):' || true)"
tap_empty 'totp-enroll never touches the store' "$(
	includes_of 'utils/(totp-enroll|enroll_[a-z_]+|ui|qr|otpauth|protocol)\.[ch]' |
		grep -E '"core/(store|store_file|safefile|attempt)\.h"' || true)"

# --- 2 calls and state ------------------------------------------------------------

tap_empty 'core and module call nothing that belongs to their host' \
	"$(calls_of "$module|$core" "${forbidden_calls[@]}" |
		grep -Ev "^$forbidden_but_to_spawn:.*\\b($(forbidden_words "${forbidden_but[@]}"))\(" ||
		true)"
tap_empty 'no decision reads an environment' \
	"$(calls_of "$module|$core" '(secure_)?getenv' pam_getenv pam_getenvlist)"
tap_empty 'only host.c sets the PAM environment' "$(
	calls_of "$module|$core" pam_putenv | grep -v '^pam_totp/host\.c:' || true)"
tap_empty 'core has no clock, accounts or PAM' \
	"$(calls_of "$core" "${forbidden_in_core[@]}")"
tap_empty 'the standard streams are not named in core and module' "$(
	code_of "$module|$core" | grep -Pw 'stdin|stdout|stderr|FILE|environ|errno_location' || true)"
tap_empty 'no program reads numbers loosely or writes without a bound' "$(
	calls_of 'utils/.*' 'ato[ifl]l?' 'strto[a-z]+' '(v?[fs]|v)?scanf' gets strcpy strcat \
		stpcpy sprintf vsprintf tmpnam tempnam mktemp system popen alloca)"

# Data that can change lies in .data, .bss or thread-local sections; tables that only
# hold addresses are relocated once and then read-only (.data.rel.ro).
mutable_data()
{
	local object
	for object in "$build"/pam_totp/.libs/*.o "$build"/pam_totp/core/.libs/*.o; do
		objdump -t "$object" | awk -v file="${object##*/}" '
			/ [.](data|bss|tdata|tbss)/ && !/ [.]data[.]rel[.]ro/ || /[*]COM[*]/ {
				if ($0 !~ / d  [.]/ && $0 !~ / l    d /)
					print file ": " $NF
			}'
	done
}
if [[ -n ${SANITIZERS-} ]]; then
	tap_skip 'core and module keep no state' 'a sanitizer adds its own'
elif ! compgen -G "$build/pam_totp/core/.libs/*.o" >/dev/null; then
	tap_fail 'core and module keep no state' "no object files in $build"
else
	tap_empty 'core and module keep no state' "$(mutable_data)"
fi

# --- 3 letting a login through ----------------------------------------------------

# The lines that may give one of the two codes: those of the one table from outcome to
# code, and what the other management groups answer. A new line has to be added here.
lets_through='-:[OUTCOME_ACCEPTED] = PAM_SUCCESS,
-:[OUTCOME_SESSION] = PAM_SUCCESS,
-:[OUTCOME_ENROLLED] = PAM_SUCCESS,
-:[OUTCOME_SKIPPED] = PAM_IGNORE,
-:[OUTCOME_EXEMPT] = PAM_IGNORE,
-:[OUTCOME_NOT_REQUIRED] = PAM_IGNORE,
-:[OUTCOME_NOT_YET] = PAM_IGNORE,
-:[OUTCOME_GRACE] = PAM_IGNORE,
-:[OUTCOME_ENROL_BY] = PAM_IGNORE,
-:static const int code_of_setcred = PAM_SUCCESS;
-:static const int code_of_others = PAM_IGNORE;
-:[ENROL_DONE] = PAM_SUCCESS,
-:[ENROL_NOT_ASKED] = PAM_IGNORE,'
tap_empty 'PAM_SUCCESS and PAM_IGNORE are given in the one table of each module only' "$(
	code_of "$module" | sed -E 's/[!=]= *PAM_(SUCCESS|IGNORE)\b//g' |
		grep -Pw 'PAM_SUCCESS|PAM_IGNORE' |
		sed -E 's|^pam_totp/pam_totp(_enroll)?\.c:[0-9]+:||' |
		grep -Fxv -e "$lets_through" || true)"
tap_empty 'no entry point answers a number' "$(
	code_of 'pam_totp/pam_totp(_enroll)?\.c' | grep -E ':pam_sm_[a-z_]+:.*return *\(?-?[0-9]' || true)"

# --- 4 form -----------------------------------------------------------------------

mapfile -t files < <(find check quickstart .ci/run pam_totp utils tests \
	-type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.mk' \
	-o -name '*.map' -o -name check -o -name quickstart -o -name run \) 2>/dev/null | sort)

tap_empty 'every file begins with its licence' "$(
	for file in "${files[@]}"; do
		[[ $(head -n 3 "$file") == *'SPDX-License-Identifier: BSD-2-Clause'*'Copyright the pam_totp authors'* ]] ||
			echo "$file"
	done)"
# A table of test cases may be twice as long.
tap_empty 'no file is longer than 500 lines' "$(
	wc -l "${files[@]}" | awk '$2 != "total" && $1 > ($2 ~ /^tests/ ? 1000 : 500) {
		print $2 ": " $1 }')"
tap_empty 'no function is longer than 100 lines' "$(
	# shellcheck disable=SC2016 # awk's own variables
	find pam_totp utils tests -name '*.c' -print0 | xargs -0 awk '
		FNR == 1 { start = 0 }
		/^[a-z_]+\(/ { name = $0; sub(/\(.*/, "", name) }
		/^{/ { start = FNR }
		/^}/ && start { if (FNR - start - 1 > 100)
			print FILENAME ": " name ": " FNR - start - 1
			start = 0 }')"
tap_empty 'no line of C is wider than 100 columns' "$(
	find pam_totp utils tests -name '*.[ch]' | sort | while read -r file; do
		expand -t 8 "$file" | awk -v file="$file" 'length > 100 { print file ":" NR }'
	done)"
tap_empty 'nothing is marked as unfinished' "$(
	grep -nEw 'TODO|FIXME' "${files[@]}" | grep -v '^tests/structure.sh:' || true)"
tap_empty 'types are named only for functions' "$(
	code_of '(pam_totp|utils)/.*' | grep -E ':typedef ' | grep -v '(' || true)"

# A source that no rule names is never compiled; a test that none names never runs.
tap_empty 'every file is named in its local.mk' "$(
	for folder in pam_totp utils tests; do
		find "$folder" -type f \( -name '*.[ch1-9]' -o -name '*.sh' -o -name '*.py' \
			-o -name '*.map' \) | sort | while read -r file; do
			name=${file#"$folder"/}
			# Test binaries are named without the .c.
			[[ $folder != tests ]] || name=${name%.c}
			grep -Eq "(^|[[:space:]]|%D%/)${name//./\\.}(\\.c)?([[:space:]]|$)" \
				"$folder/local.mk" || echo "$file"
		done
	done)"

tap_done
