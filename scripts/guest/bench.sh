# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [locks | holds | sections | timerlat | osnoise | PARAMETER=VALUE] - one measurement of the benchmark module for each line of
# /loads; leaves the lines of JSON in /out/results and what a million instructions take in /out/clock.  A
# PARAMETER is one of vmap_arena.ko.
#
# With "locks" each line also says how often a lock was taken, from the start of the measurement to
# its end, and its bytes are right.  Locks are counted by probes, and no CPU may hoard free pages,
# which would count as used; so the ticks of such a run mean nothing.  With "holds" each line also says
# how long a lock of an arena was held at most, in ns: the most since the modules were loaded, so they are
# loaded anew for each.  With the name of a tracer each line says what a tracer found: tracers-lib.sh.

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

held_longest() {
	cat "$ARENAS"/*/stats | awk '$1 == "lock_held_max" && $2 > max { max = $2 } END { print max + 0 }'
}

# load PARAMETER - both modules.
load() {
	insmod vmap_arena.ko "$1" && insmod vmap_bench.ko && turn_cache_off
}

unload_both() {
	rmmod vmap_bench && rmmod vmap_arena
}

# noted - what the line of the measurement that has just ended is to say besides.
noted() {
	case $note in
	locks) echo "$(($(locks_taken) - before))" ;;
	holds) held_longest ;;
	sections | timerlat | osnoise) "end_$note" ;;
	esac
}

# measure LOAD
measure() {
	sleep 5 # what the last one left to be done is done, and its memory is given back
	[ "$note" != holds ] || { unload_both && load "$parameter"; } || return
	[ "$note" != locks ] || before=$(locks_taken)
	[ ! "$tracer" ] || "begin_$tracer" "$1" || return
	echo "$1" >"$BENCH/run" || return
	if [ "$note" ]; then
		sed "s/}\$/, \"$note\": $(noted)}/" "$BENCH/result" >>/out/results
	else
		cat "$BENCH/result" >>/out/results
	fi
}

note='' tracer='' parameter=catch_vfree=0
case ${1:-} in
locks) note=locks ;;
holds) note=holds parameter=time_lock=1 ;;
sections | timerlat | osnoise) note=$1 tracer=$1 ;;
*=*) parameter=$1 ;;
esac
load "$parameter" || exit
cat "$BENCH/clock" >/out/clock
sleep 10 # likewise for the boot; where the clock counts instructions, sleep takes no time
[ "$note" != locks ] || watch_locks || exit
[ ! "$tracer" ] || start_tracer "$tracer" || exit
status=0
while read -r load; do
	echo "$load"
	measure "$load" || status=1
done </loads
[ "$note" != locks ] || echo 0 >"$TRACING/events/lock/enable"
verify_all || status=1
unload_both || status=1
exit "$status"
