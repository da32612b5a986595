#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# Runs the fuzzing targets under libFuzzer with AddressSanitizer and
# UndefinedBehaviorSanitizer; `make fuzz` calls it.
#
#   run.sh --build DIR [--seconds N] [--target NAME]... [--keep] SOURCE...
#     --build    of the configured tree, for build.h; all is written to DIR/fuzz
#     --seconds  for each target, 60 if not given; 0 builds only
#     --target   only this one (record, state ...); default: all, one by one
#     --keep     then make tests/fuzz/corpus the smallest set of inputs that
#                covers the same code, each of at most 2048 bytes
#     SOURCE     of the product, beneath the source folder
#   CLANG, CPPFLAGS  the compiler (clang) and the project's own flags
#
# What was found stays in DIR/fuzz/found and is where the next run begins, with
# tests/fuzz/corpus and what seeds.py writes. An input that breaks something
# lies in DIR/fuzz/crashes: mend the code, then `git add` it to the corpus.
# Exit status 1 when there was one.
set -euo pipefail

src=$(cd "$(dirname "$0")/../.." && pwd)
keep_size=2048 # bytes, of an input in the corpus
build='' seconds=60 keep=0
targets=() sources=()
while (($#)); do
	case $1 in
	--build) build=$2 && shift ;;
	--seconds) seconds=$2 && shift ;;
	--target) targets+=("$2") && shift ;;
	--keep) keep=1 ;;
	*) sources+=("$1") ;;
	esac
	shift
done
[[ -n $build && $seconds =~ ^[0-9]+$ ]] || {
	sed -n '/^#   run.sh/,/^#   CLANG/s/^# *//p' "$0" >&2
	exit 2
}
if ((${#targets[@]} == 0)); then
	for file in "$src"/tests/fuzz/fuzz_*.c; do
		file=${file##*/fuzz_}
		targets+=("${file%.c}")
	done
fi
clang=${CLANG:-clang}
command -v "$clang" >/dev/null || {
	echo 'make fuzz needs clang with libFuzzer (Debian: clang)' >&2
	exit 1
}
read -r -a flags <<<"${CPPFLAGS-}"
flags+=(-std=gnu11 -g -O2 -fno-omit-frame-pointer -D_GNU_SOURCE
	-fno-sanitize-recover=all
	-I"$src/pam_totp" -I"$src" -I"$src/tests" -I"$src/tests/support")
sanitizers=address,undefined
work=$build/fuzz
mkdir -p "$work"/{objects,seeds,found,crashes,logs}

# Compile the product and what targets share, two files at a time; all of it
# again when a header has changed.
header=$(find "$src"/{pam_totp,utils,tests} -name '*.h' -printf '%T@ %p\n' |
	sort -n | tail -n 1 | cut -d ' ' -f 2-)
find "$work/objects" -name '*.o' ! -newer "$header" -delete
export clang sanitizers
# shellcheck disable=SC2016 # the inner shell's own variables
printf '%s\n' "${sources[@]}" tests/fuzz/fuzz.c tests/support/store_memory.c |
	xargs -P 2 -n 1 bash -c 'set -e
		work=$1 source=$2/${!#} name=${!#}
		shift 2
		object=$work/objects/${name//\//_}.o
		if [[ $object -ot $source ]]; then
			"$clang" "${@:1:$#-1}" -fsanitize=fuzzer-no-link,$sanitizers \
				-c "$source" -o "$object"
		fi' compile "$work" "$src" "${flags[@]}"
rm -f "$work/product.a"
ar rc "$work/product.a" "$work"/objects/*.o
for name in "${targets[@]}"; do
	files=("$src/tests/fuzz/fuzz_$name.c")
	! grep -q '"fake_crypto.h"' "${files[0]}" || files+=("$src/tests/fuzz/fake_crypto.c")
	# shellcheck disable=SC2086 # a list of words
	"$clang" "${flags[@]}" -fsanitize=fuzzer,$sanitizers "${files[@]}" "$work/product.a" \
		${FUZZ_LIBS--lcrypto} -o "$work/fuzz_$name"
done
((seconds > 0 || keep)) || exit 0

/usr/bin/python3 -B "$src/tests/fuzz/seeds.py" "$work/seeds"
export ASAN_OPTIONS=${ASAN_OPTIONS-strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}

run()
{
	local name=$1 corpus=$src/tests/fuzz/corpus/$1
	local -a options=(-max_total_time="$seconds" -print_final_stats=1 -timeout=10
		-rss_limit_mb=1024
		-artifact_prefix="$work/crashes/$name-")
	[[ ! -s $work/seeds/$name.dict ]] || options+=(-dict="$work/seeds/$name.dict")
	mkdir -p "$work/found/$name" "$work/seeds/$name"
	[[ -d $corpus ]] || corpus=$work/seeds/$name
	nice -n 10 "$work/fuzz_$name" "${options[@]}" "$work/found/$name" "$corpus" \
		"$work/seeds/$name" >"$work/logs/$name" 2>&1
}

# A line of the table. Coverage is counted in edges of the control flow.
report()
{
	awk -v name="$1" -v crashes="$2" '
		/^#[0-9]+\t.* cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
		/^stat::number_of_executed_units/ { units = $2 }
		/^stat::average_exec_per_sec/ { rate = $2 }
		/^#[0-9]+/ { seen = substr($1, 2) }
		END { printf "%-14s %12d %10d %10d %8d\n", name, units ? units : seen, rate, cov, crashes }
	' "$work/logs/$1"
}

bad=0
if ((seconds > 0)); then
	printf '%-14s %12s %10s %10s %8s\n' target executions exec/s coverage crashes
	for name in "${targets[@]}"; do
		r=0
		run "$name" || r=$?
		crashes=$(find "$work/crashes" -name "$name-*" | wc -l)
		report "$name" "$crashes"
		if ((crashes > 0 || r != 0)); then
			bad=1
			grep -E 'broken promise|ERROR: |runtime error' "$work/logs/$name" || true
		fi
	done
fi

if ((keep)); then
	for name in "${targets[@]}"; do
		corpus=$src/tests/fuzz/corpus/$name
		rm -rf "$work/kept"
		mkdir -p "$work/kept" "$corpus" "$work/found/$name"
		"$work/fuzz_$name" -set_cover_merge=1 -use_counters=0 \
			-max_len=$keep_size "$work/kept" "$corpus" \
			"$work/seeds/$name" "$work/found/$name" >"$work/logs/$name.keep" 2>&1
		# An input that once broke something stays, whatever else covers its code.
		find "$corpus" -type f ! -name 'crash-*' -delete
		cp "$work/kept"/* "$corpus/"
	done
fi
exit $bad
