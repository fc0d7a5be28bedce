# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the free tree, the throttle and two threads' magazines as user programs: model, sanitizers, fuzzers
# kernels: -
# quick: -

USER_BUILD=$BUILD/user

# build VARIANT TARGET... - a build that fails is a failed test, and there is nothing more to do.
build() {
	make_user -j "$(nproc)" VARIANT="$1" "${@:2}" >"$CHECK_DIR/build-$1.log" 2>&1 ||
		{
			not_ok "the $1 variant builds" "$(grep -m 5 -E 'error|\*\*\*' "$CHECK_DIR/build-$1.log")"
			finish
		}
}

# results VARIANT PROGRAM [ARGUMENT]... - run a test program; its results become ours.
results() {
	local out=$CHECK_DIR/$1-$2.tap status=0 line

	timeout "$PATIENCE" "$USER_BUILD/$1/$2" "${@:3}" >"$out" 2>&1 || status=$?
	while IFS= read -r line; do
		case $line in
		'ok '*) ok "$1: ${line#ok * - }" ;;
		'not ok '*) not_ok "$1: ${line#not ok * - }" "repeat: build/user/$1/$2 ${*:3}" ;;
		'# '*) echo "$line" | tee -a "$KTAP" ;;
		esac
	done <"$out"
	if ! grep -q '^1\.\.' "$out" || { ((status)) && ! grep -q '^not ok' "$out"; }; then
		not_ok "$1: $2 ends well" "it ended with $status" "$(tail -n 20 "$out")"
	fi
}

# The seed is fixed, so that the figures are the same each time.  What is not taken:
#   extent.h, vext_pool_pop()  the empty pool: free_tree.c takes only what free_tree_cut() was
#                              promised; the tests themselves do empty pools
coverage() {
	local dir=$USER_BUILD/coverage

	find "$dir" -name '*.gcda' -delete
	"$dir/test_exhaustive" --length 4 && "$dir/test_throttle" &&
		"$dir/test_free_tree" --seed 1 --steps 2000 && "$dir/test_free_tree_summary" --seed 1 --steps 2000 &&
		"$dir/test_exhaustive_summary" --length 3 && "$dir/replay" "$ROOT"/user/corpus/* || return
	(cd "$ROOT/user" && gcov -b -j -t -o "$dir" free_tree.c free_summary.c test_throttle.c) |
		jq -rsf "$ROOT/user/coverage.jq" >"$CHECK_DIR/coverage"
}

# all_taken FILE - each of its lines and branches was.
all_taken() {
	grep -E "^$1: lines ([0-9]+) of \1, branches (none|([0-9]+) of \3)$" "$CHECK_DIR/coverage"
}

# threads VARIANT - two of them allocate and free, through the magazines and past them; then up to six.
threads() {
	timeout "$PATIENCE" "$USER_BUILD/$1/bench_magazines" --check --operations "$operations" &&
		timeout "$PATIENCE" "$USER_BUILD/$1/bench_magazines" --check --operations 640 --threads 6
}

# compactions VARIANT - in arenas of many kinds; each move is checked.
compactions() {
	timeout "$PATIENCE" "$USER_BUILD/$1/bench_compact" --check --operations "$operations" &&
		timeout "$PATIENCE" "$USER_BUILD/$1/bench_compact" --check --trace "$ROOT/lab/traces/mixed.trace.gz"
}

# fuzz SECONDS ENGINE... - nothing may be found, and each must have tried something.
fuzz() {
	local out=$CHECK_DIR/fuzz engine

	if ! "$ROOT/scripts/fuzz.sh" --seconds "$1" "${@:2}" >"$out"; then
		cat "$out"
		return 1
	fi
	for engine in "${@:2}"; do
		grep -E "^$engine: [1-9][0-9]* streams$" "$out" || return
	done
}

need_packages gcc libc6-dev zlib1g-dev make xz-utils linux-source-6.12 clang libclang-rt-14-dev afl++ jq
steps=20000 length=5 limit=8 operations=10000
((QUICK == 0)) || steps=5000 length=4 limit=4 operations=2000

build gcc build
for program in test_free_tree test_free_tree_low test_free_tree_summary test_free_tree_summary_low test_tree_steps test_steps test_throttle test_raw test_lookup; do
	results gcc "$program"
done
results gcc test_exhaustive --length "$length"
results gcc test_exhaustive_low --length 4
results gcc test_exhaustive_summary --length 4

build clang build
results clang test_free_tree --steps 2000
results clang test_tree_steps
results clang test_steps

build sanitize build replay magazines compact
results sanitize test_free_tree --steps $((steps / 10))
results sanitize test_free_tree_low --steps $((steps / 10))
results sanitize test_free_tree_summary --steps $((steps / 10))
results sanitize test_free_tree_summary_low --steps $((steps / 10))
results sanitize test_exhaustive --length 3
results sanitize test_raw
results sanitize test_lookup
expect "sanitize: two threads share magazines, up to six an arena" threads sanitize
expect "sanitize: extents move" compactions sanitize
expect "sanitize: the corpus" "$USER_BUILD/sanitize/replay" "$ROOT"/user/corpus/*

build thread magazines
expect "thread: two threads share magazines, up to six an arena, and ThreadSanitizer finds no race" threads thread

build coverage build replay
expect "coverage is measured" coverage
sed 's/^/# /' "$CHECK_DIR/coverage"
for file in free_tree.c free_summary.c throttle.h; do
	expect "all of $file is run" all_taken "$file"
done

expect "libFuzzer and AFL++ find nothing in $limit seconds" fuzz "$limit" libfuzzer afl
sed 's/^/# /' "$CHECK_DIR/fuzz"
