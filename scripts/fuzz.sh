#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh - look for operations on the free tree after which it differs from its model.
#
# usage: scripts/fuzz.sh [--seconds N] [--help] [libfuzzer | afl | random]...
#
#   libfuzzer    mutate streams of operations, guided by coverage (the default)
#   afl          the same with AFL++
#   random       the long random test with one seed after the other
#   --seconds N  stop after N seconds, 1 to 31536000; without it, when interrupted or when something is found
#   --help       print this text
#
# Engines that are named together run side by side, each on one CPU.  The two fuzzers are built with
# ASan and UBSan and start from user/corpus/ and from what they found before, which is kept, as are
# the logs, in build/fuzz/ENGINE/.  What fails is named with the command that repeats it.
#
# Exit status: 0 if nothing was found, 1 if something was, 2 for a bad option or a build that fails.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

WORK=$BUILD/fuzz
LONGEST=2048
seconds=0 words=()

# build VARIANT TARGET
build() {
	mkdir -p "$WORK"
	make_user VARIANT="$1" "$2" >"$WORK/build-$1.log" 2>&1 ||
		die "cannot build the $1 variant: see $WORK/build-$1.log"
}

# found FILE... - show the first stream that failed, what it does, and how to repeat it.
found() {
	local file=${1#"$ROOT/"}

	build sanitize replay
	echo "FOUND: $("$BUILD/user/sanitize/replay" "$1" 2>&1 | head -n 1)"
	echo "  repeat: build/user/sanitize/replay '$file'"
}

fuzz_libfuzzer() {
	local dir=$WORK/libfuzzer status=0 files

	mkdir -p "$dir/corpus"
	rm -f "$dir"/crash-* "$dir"/timeout-* "$dir"/leak-* "$dir"/oom-*
	"$BUILD/user/libfuzzer/fuzz_free_tree" -max_total_time="$seconds" -max_len="$LONGEST" \
		-timeout=20 -print_final_stats=1 -artifact_prefix="$dir/" \
		"$dir/corpus" "$ROOT/user/corpus" >"$dir/log" 2>&1 || status=$?
	echo "libfuzzer: $(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log") streams"
	mapfile -t files < <(find "$dir" -maxdepth 1 -name '*-*')
	if ((${#files[@]})); then
		found "${files[@]}"
	elif ((status)); then
		tail -n 20 "$dir/log"
	fi
	return "$status"
}

fuzz_afl() {
	local dir=$WORK/afl bad=0 files limit=()

	mkdir -p "$dir"
	rm -rf "$dir"/out/default/{crashes,hangs}
	((seconds == 0)) || limit=(-V "$seconds")
	AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 AFL_AUTORESUME=1 AFL_FAST_CAL=1 \
		AFL_BENCH_UNTIL_CRASH=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
		afl-fuzz "${limit[@]}" -m none -t 20000 -G "$LONGEST" -i "$ROOT/user/corpus" \
		-o "$dir/out" -- "$BUILD/user/afl/fuzz_free_tree" >"$dir/log" 2>&1 || bad=1
	echo "afl: $(sed -n 's/^execs_done *: *//p' "$dir/out/default/fuzzer_stats") streams"
	mapfile -t files < <(find "$dir"/out/default/{crashes,hangs} -name 'id*' | sort)
	if ((${#files[@]})); then
		found "${files[@]}"
		bad=1
	elif ((bad)); then
		tail -n 20 "$dir/log"
	fi
	return "$bad"
}

fuzz_random() {
	local dir=$WORK/random seed=$((RANDOM << 30 | RANDOM << 15 | RANDOM)) runs=0

	mkdir -p "$dir"
	while ((seconds == 0 || SECONDS < seconds)); do
		if ! "$BUILD/user/gcc/test_free_tree" --seed "$seed" --steps 200000 >"$dir/log"; then
			grep -A 1 '^not ok' "$dir/log"
			echo "  repeat: build/user/gcc/test_free_tree --seed $seed --steps 200000"
			return 1
		fi
		seed=$((seed + 1)) runs=$((runs + 1))
	done
	echo "random: $runs streams of 200000"
}

parse_options "$@"
((${#words[@]})) || words=(libfuzzer)
for engine in "${words[@]}"; do
	need_one_of '' "$engine" libfuzzer afl random
done
need_packages gcc libc6-dev make xz-utils linux-source-6.12
for engine in "${words[@]}"; do
	case $engine in
	libfuzzer)
		need_packages clang libclang-rt-14-dev
		build libfuzzer fuzz
		;;
	afl)
		need_packages clang libclang-rt-14-dev afl++
		build afl fuzz
		;;
	random) build gcc build ;;
	esac
done
jobs=() bad=0 SECONDS=0
for engine in "${words[@]}"; do
	"fuzz_$engine" &
	jobs+=($!)
done
for job in "${jobs[@]}"; do
	wait "$job" || bad=1
done
exit "$bad"
