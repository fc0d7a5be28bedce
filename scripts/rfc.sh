#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# rfc.sh - the tables of the 2018 RFC, made again: the 4.18 algorithm (busy_list) against the free
# tree (tree), five runs of each test, and how the gap grows with the number of areas.
#
# usage: scripts/rfc.sh [option]...
#
#   --native      only as a user program: nanoseconds
#   --guest       only in a guest: instructions
#   --kernel K    the guest's kernel: 6.1, 6.12 (the default), ...
#   --ops N       allocations measured in each run, 100 to 100000 (2000)
#   --runs N      runs of each test, 1 to 20 (5)
#   --timeout S   seconds until a guest that hangs is ended, 1 to 86400 (1800)
#   --help        print this text
#
# Each run has a seed of its own.  The time of a run is that of its allocations and frees, in the
# index alone.  The RFC timed whole vmalloc() and vfree() calls, with the pages they get, clear and
# map, which cost the same before and after; so its percentages are smaller wherever the search is
# short, and comparable where it is long.  Results are kept in build/lab/rfc/.  Exit status: 0; 2
# for bad input.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lab-lib.sh
. "$ROOT/scripts/lab-lib.sh"

native=0 guest=0 kernel=6.12 ops=2000 runs=5 timeout=1800
OUT=$BUILD/lab/rfc
INDEXES=busy_list,tree

TESTS=(le_fit b_fit ne_fit long_busy_list random)
GROWTH=(1000 3000 10000 30000 100000)

# The live areas of a test; the RFC's suite keeps 15,000 in its long busy list.
declare -A LIVE=([le_fit]=1 [b_fit]=1 [ne_fit]=1 [long_busy_list]=15000 [random]=5000)

# What the RFC gives, per run: percent saved on an i5-3320M and on a HiKey960.
declare -A RFC_X86=([le_fit]="5 6 6 7 7" [b_fit]="-3.74 1.94 0.87 0.77 3.04"
	[ne_fit]="0.64 0.06 0.11 0.12 0.02" [long_busy_list]="73 74 72 69 73")
declare -A RFC_ARM=([le_fit]="11.19 23.73 23.79 23.78 23.48" [b_fit]="27.33 30.52 23.35 30.17 23.15"
	[ne_fit]="2.57 -2.62 -2.56 -2.66 3.86" [long_busy_list]="86 95 84 92 93")

# all_loads - TEST:N:OPS:SEED, a line each: the runs of each test, then the growth.
all_loads() {
	local test seed n

	for test in "${TESTS[@]}"; do
		for ((seed = 1; seed <= runs; seed++)); do
			echo "$test:${LIVE[$test]}:$ops:$seed"
		done
	done
	for test in long_busy_list random; do
		for n in "${GROWTH[@]}"; do
			echo "$test:$n:400:1"
		done
	done
}

measure_native() {
	local load number=0 test n count seed

	mkdir -p "$OUT/native"
	for load in "${loads[@]}"; do
		IFS=: read -r test n count seed <<<"$load"
		number=$((number + 1))
		"$LAB" --index "$INDEXES" --workload "$test" --n "$n" --ops "$count" --seed "$seed" \
			--json >"$OUT/native/$number.json"
	done
}

measure_guest() {
	kernel_use "$kernel"
	say "replaying ${#loads[@]} loads in Linux $KERNEL_RELEASE"
	build_modules >"$BUILD/lab/modules.log" 2>&1 ||
		die "cannot build vmap_lab.ko: see $BUILD/lab/modules.log"
	mkdir -p "$OUT/guest"
	"$ROOT/scripts/vm.sh" --kernel "$kernel" --icount --mem 2048 --timeout "$timeout" \
		--kernel-module drm --module "$MODULES/lab/vmap_lab.ko" \
		--script "$ROOT/scripts/guest/rfc.sh" --out "$OUT/guest" \
		--log "$OUT/guest/console.log" -- "$INDEXES" "${loads[@]}" >"$OUT/guest/vm.log" 2>&1 ||
		die "the guest failed: see $OUT/guest/vm.log"
}

# totals FILE - what busy_list and tree took for all measured operations of a run.
totals() {
	jq -r '[.results[] | .alloc.mean * (.alloc.count + .alloc.disturbed) +
		.free.mean * (.free.count + .free.disturbed)] | @tsv' "$1"
}

saved() {
	awk -v old="$1" -v new="$2" 'BEGIN { printf "%.2f%%", old ? 100 * (old - new) / old : 0 }'
}

# run_line TEST RUN FILE
run_line() {
	local old new x86 arm

	read -r old new <<<"$(totals "$3")"
	read -ra x86 <<<"${RFC_X86[$1]:-}"
	read -ra arm <<<"${RFC_ARM[$1]:-}"
	printf '%-16s %12s vs %12s  diff %8s   RFC: i5 %6s  HiKey %6s\n' "$1" "$old" "$new" \
		"$(saved "$old" "$new")" "${x86[$2]:--}" "${arm[$2]:--}"
}

report() {
	local number=0 test run n old new

	printf '\n%s: busy_list vs tree, the sum of a run\n' "$2"
	for test in "${TESTS[@]}"; do
		for ((run = 0; run < runs; run++)); do
			number=$((number + 1))
			run_line "$test" "$run" "$1/$number.json"
		done
	done
	printf '\ngrowth with the number of live areas: %s an operation\n' "$2"
	printf '%-16s %8s %12s %12s %10s\n' test areas busy_list tree ratio
	for test in long_busy_list random; do
		for n in "${GROWTH[@]}"; do
			number=$((number + 1))
			read -r old new <<<"$(totals "$1/$number.json")"
			awk -v test="$test" -v n="$n" -v old="$old" -v new="$new" -v ops=800 'BEGIN {
				printf "%-16s %8d %12.0f %12.0f %9.1fx\n", test, n, old / ops,
					new / ops, new ? old / new : 0 }'
		done
	done
}

parse_options "$@"
((!native || !guest)) || die "--native and --guest exclude each other"
need_packages jq
build_lab
mapfile -t loads < <(all_loads)
rm -rf "$OUT"
if ((!guest)); then
	measure_native
	report "$OUT/native" nanoseconds
fi
if ((!native)); then
	measure_guest
	report "$OUT/guest" instructions
fi
