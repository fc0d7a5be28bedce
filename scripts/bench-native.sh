#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench-native.sh - what an allocation and a free cost as a user program, with 100 to 1,000,000 areas live:
# our free tree, a plain tree, the lab's structures, and the maple tree and drm_mm of Linux 6.12 and 7.2.
#
# usage: scripts/bench-native.sh [option]...
#
#   --largest N    the most live areas of a time, 100 to 100000000 (1000000)
#   --counted N    the most live areas of a count of misses and instructions; 0: count nothing (100000)
#   --rounds N     rounds of each time, 6 to 1000 (15)
#   --threads N    for a machine with many CPUs: threads that share an arena, 2 to 256 (2)
#   --help         print this text
#
# Times are in nanoseconds, with huge pages behind all that is large; from and to are the 95 % interval of
# the pair (user/bench_free_tree.c).  They are of this machine, and of what else it does meanwhile.
# Instructions, and data misses of a first level of 32 KiB and of a last one of 8 MiB, are counted by
# cachegrind: the same build gives the same counts on any machine.  What the benchmark itself takes is off.
#
# Last, what two threads do to each other that share a range arena of one shard, and one of two; and with
# --threads, what 1, 2, 4 and so on do, with one shard and with as many as threads (user/bench_magazines.c).
#
# The kernel's own structures are compiled as they are from the packages linux-source-6.12 and 7.2; where
# one cannot be had the tables say SKIP.  All that was printed stands in build/bench/native/.
#
# Exit status: 0 if all was measured; 1 if something failed; 2 for a bad option.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/native-lib.sh
. "$ROOT/scripts/native-lib.sh"

OUT=$BUILD/bench/native
largest=1000000 counted=100000 rounds=15 threads=2

# indexes - the names of all structures that the benchmark has, but of none.
indexes() {
	"$BENCH" --index '?' 2>&1 | sed -n "s/.* is none of none //p"
}

# times - of areas of 1 to 16 units, and of 4 units each.
times() {
	printf '\nnanoseconds, %s rounds, %s\n' "$rounds" "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
	"$BENCH" --largest "$largest" --rounds "$rounds" && "$BENCH" --largest "$largest" --rounds "$rounds" --one-size
}

counts() {
	local n index pair

	printf '\na pair of areas of 1 to 16 units, counted\n%9s %-12s %12s %12s %12s\n' live index \
		instructions 'first level' 'last level'
	for ((n = 100; n <= counted; n *= 10)); do
		for index in $(indexes); do
			pair=$(count_pair "$OUT" "$index" "$n") || return
			read -ra pair <<<"$pair"
			printf '%9d %-12s %12s %12s %12s\n' "$n" "$index" "${pair[@]}"
		done
	done
}

# several_threads - each on a CPU of its own.
several_threads() {
	make_user -s magazines && "$BUILD/user/gcc/bench_magazines" --threads "$threads"
}

parse_options "$@"
((counted == 0)) || need_number --counted "$counted" 100 100000000
((counted == 0)) || need_packages valgrind
build_bench 6.12 7.2
mkdir -p "$OUT"
times | tee "$OUT/times" || die "the benchmark failed"
((counted == 0)) || counts | tee "$OUT/counts" || die "cachegrind failed: see $OUT"
several_threads | tee "$OUT/threads" || die "the benchmark of several threads failed"
