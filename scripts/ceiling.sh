#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# ceiling.sh - how many allocations and frees 1 to 256 CPUs could do at once: how long each lock is held, which bound
# that sets, and what a queueing model makes of it, for vmalloc and for an arena of 1 to 64 shards.
#
# usage: scripts/ceiling.sh [option]...
#
#   --kernel K     as for scripts/run.sh; may be repeated (without it: 6.12 and 7.2)
#   --load WORDS   which calls (sizes=random order=random live=1000); see bench/bench.c
#   --size MB      how much trace is taken of each, 100 to 10000 (1200, which are some 1,300 pairs of vmalloc's)
#   --report       measure nothing, show what was measured before
#   --timeout S    seconds until a guest that hangs is ended, 1 to 86400 (1800)
#   --help         print this text
#
# Measured: instructions between the taking of a lock and its giving back, from a trace of each instruction of a guest
# that runs on one CPU of 4, so the kernel has the data structures of several (scripts/holds.awk).
# Measured, too: what two threads on two CPUs of this machine do to each other, natively (user/bench_magazines.c).
#
# The model: each CPU works, then needs a lock, and so on (scripts/mva.awk).  One CPU is as measured.  What a lock costs
# that another CPU had last is set so that two threads with one lock are as slow as natively; two threads of another
# load, and two with two locks, say how good the model is.  For more than two CPUs nothing is checked.
#
# All that was measured stands in build/ceiling/, with a plot for each kernel.
#
# Exit status: 0 if all was measured; 1 if something failed; 2 for a bad option.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/trace-lib.sh
. "$ROOT/scripts/trace-lib.sh"
# shellcheck source=scripts/ceiling-lib.sh
. "$ROOT/scripts/ceiling-lib.sh"

OUT=$BUILD/ceiling
CPUS='1 2 4 8 16 32 64 128 256'
POSSIBLE=4
# What each curve is: a peer, and its shards.
CURVES='vmalloc:1 arena-nocache:1 arena-nocache:4 arena-nocache:16 arena-nocache:64 arena:1 arena:16'
# Enough for the trace, and for the second before it begins.
BUDGET=1500000000
# Megabytes of the trace in which the registers are logged, too, so that variables name locks.
REGISTERS=150
kernel=() load='sizes=random order=random live=1000' size=1200 report=0 timeout=1800

# measure DIR PEER LOAD - leaves what the calls take in DIR/parts, and the locks in DIR/holds.
measure() {
	say "tracing $2, $3, in $KERNEL_RELEASE"
	traced "$1" "$2" "$3" "$REGISTERS" --possible-cpus "$POSSIBLE" && parts "$1" || return
	LC_ALL=C awk -v unnamed="$1/unnamed-locks" -f "$ROOT/scripts/trace.awk" -f "$ROOT/scripts/holds.awk" \
		"$ROOT/scripts/holds.rows" "$1/symbols" "$1/trace" >"$1/holds" 2>>"$1/vm.log" || return
	rm -f "$1/trace"
}

# measure_all - of the kernel in use, three peers.
measure_all() {
	local peer

	rm -rf "$dir"
	mkdir -p "$dir"
	build_modules >"$dir/build.log" 2>&1 || die "cannot build: see $dir/build.log"
	for peer in vmalloc arena-nocache arena; do
		measure "$dir/$peer" "$peer" "$load" || die "failed: see $dir/$peer/vm.log"
	done
}

# threads - of this machine; again, if a thread lost its CPU in all rounds of a load.
threads() {
	local try

	make_user -s magazines || die "cannot build the benchmark of two threads"
	for ((try = 0; try < 10; try++)); do
		"$BUILD/user/gcc/bench_magazines" >"$OUT/native" || die "the benchmark of two threads failed"
		grep -q 'tree.*(disturbed)' "$OUT/native" || return 0
	done
	say "this machine is too busy: what it says of two threads may be wrong"
}

# measure_native - threads, and the locks of the same loads, in the last kernel: calls that are all alike.
measure_native() {
	local sizes

	threads
	for sizes in one random; do
		size=300 measure "$OUT/native-$sizes" tree "sizes=$sizes order=random live=1000" ||
			die "failed: see $OUT/native-$sizes/vm.log"
	done
}

parse_options "$@"
((${#kernel[@]})) || kernel=(6.12 7.2)
need_packages make gcc libc6-dev linux-source-6.12 xz-utils gnuplot-nox
mkdir -p "$OUT"
for name in "${kernel[@]}"; do
	kernel_use "$name"
	dir=$OUT/$KERNEL_NAME
	((report)) || measure_all
done
((report)) || measure_native
calibrate
for name in "${kernel[@]}"; do
	kernel_use "$name"
	dir=$OUT/$KERNEL_NAME
	report
done
