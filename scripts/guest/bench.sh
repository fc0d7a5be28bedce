# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [locks | caught] - one measurement of the benchmark module for each line of /loads; leaves the
# lines of JSON in /out/results and what a million instructions take in /out/clock.
#
# With "locks" each line also says how often a lock was taken, from the start of the measurement to
# its end, and its bytes are right.  Locks are counted by probes, and no CPU may hoard free pages,
# which would count as used; so the ticks of such a run mean nothing.  With "caught" the kernel's own
# frees are probed for addresses of ours (catch_vfree).

BENCH=/sys/kernel/debug/vmap_bench
TRACING=/sys/kernel/debug/tracing
LOCKS="_raw_spin_lock _raw_spin_lock_irqsave _raw_spin_lock_irq _raw_spin_lock_bh _raw_spin_trylock
_raw_read_lock _raw_write_lock mutex_lock"

# The tree path is what is left when nothing is kept for reuse.
turn_cache_off() {
	[ ! -e "$ARENAS/bench-tree/cache" ] || echo 0 >"$ARENAS/bench-tree/cache"
}

watch_locks() {
	echo 10000 >/proc/sys/vm/percpu_pagelist_high_fraction || return
	echo 0 >"$TRACING/tracing_on"
	for lock in $LOCKS; do
		echo "p:lock/$lock $lock" >>"$TRACING/kprobe_events" || return
	done
	echo 1 >"$TRACING/events/lock/enable"
}

locks_taken() {
	awk '{ sum += $2 + $3 } END { print sum + 0 }' "$TRACING/kprobe_profile"
}

# measure LOAD
measure() {
	sleep 5 # what the last one left to be done is done, and its memory is given back
	[ ! "$counting" ] || before=$(locks_taken)
	echo "$1" >"$BENCH/run" || return
	if [ "$counting" ]; then
		taken=$(($(locks_taken) - before))
		sed "s/}\$/, \"locks\": $taken}/" "$BENCH/result" >>/out/results
	else
		cat "$BENCH/result" >>/out/results
	fi
}

counting='' catch=0
case ${1:-} in
locks) counting=1 ;;
caught) catch=1 ;;
esac
insmod vmap_arena.ko "catch_vfree=$catch" && insmod vmap_bench.ko && turn_cache_off || exit
cat "$BENCH/clock" >/out/clock
sleep 10 # likewise for the boot; where the clock counts instructions, sleep takes no time
[ ! "$counting" ] || watch_locks || exit
status=0
while read -r load; do
	echo "$load"
	measure "$load" || status=1
done </loads
[ ! "$counting" ] || echo 0 >"$TRACING/events/lock/enable"
verify_all || status=1
rmmod vmap_bench && rmmod vmap_arena || status=1
exit "$status"
