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

TESTS=(le_fit b_fit ne_fit long_busy_list random)
GROWTH=(1000 3000 10000 30000 100000)

# The live areas of a test; the RFC's suite keeps 15,000 in its long busy list.
declare -A LIVE=([le_fit]=1 [b_fit]=1 [ne_fit]=1 [long_busy_list]=15000 [random]=5000)

# all_loads - the parameters of each, a line each: the runs of each test, then the growth.
all_loads() {
	local test seed live

	for test in "${TESTS[@]}"; do
		for ((seed = 1; seed <= runs; seed++)); do
			echo "index=busy_list,tree workload=$test n=${LIVE[$test]} ops=$ops seed=$seed"
		done
	done
	for test in long_busy_list random; do
		for live in "${GROWTH[@]}"; do
			echo "index=busy_list,tree workload=$test n=$live ops=400 seed=1"
		done
	done
}

# measure_native - as lab_in_guest, by the user program.
measure_native() {
	local load words number=0

	while read -r load; do
		read -ra words <<<"$load"
		number=$((number + 1))
		mkdir -p "$OUT/native/$number"
		"$LAB" "${words[@]/#/--}" --json >"$OUT/native/$number/results.json"
	done
}

# report DIR UNIT
report() {
	local files

	mapfile -t files < <(printf "$1/%d/results.json\n" $(seq "$(all_loads | wc -l)"))
	jq -rs -L "$ROOT/scripts" -f "$ROOT/scripts/rfc.jq" --arg unit "$2" --rawfile loads <(all_loads) "${files[@]}"
}

parse_options "$@"
((!native || !guest)) || die "--native and --guest exclude each other"
need_packages jq
build_lab
rm -rf "$OUT"
if ((!guest)); then
	all_loads | measure_native
	report "$OUT/native" nanoseconds
fi
if ((!native)); then
	kernel_use "$kernel"
	all_loads | lab_in_guest "$OUT/guest"
	report "$OUT/guest" instructions
fi
