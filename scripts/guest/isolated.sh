# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# isolated.sh - what of vmap_arena.ko runs on CPU 2, which is isolated, while others use its arenas.
#
# Every function of the module that runs there is recorded by the function tracer, so no interrupt
# that others send can be taken for one of ours.  What flushes is an inline function, which the kernel
# has not traced.  Where the kernel can tell what is asked of a CPU (since 6.5: csd:csd_queue_cpu), that
# is recorded as well.  That what runs there is seen is tried first, and that an interrupt is, last.

TRACING=/sys/kernel/tracing
ASKED=$TRACING/instances/asked

# Some ticks of the cache, which come every two seconds, are in this time.
SECONDS_OF_LOAD=7

# record - begin anew.
record() {
	echo >"$TRACING/trace"
	[ ! -d "$ASKED" ] || echo >"$ASKED/trace"
}

# ours_ran - the functions of ours that ran on CPU 2, which alone is traced, with their number.
ours_ran() {
	sed -n 's/.* \[002\] .*: \([^ ]*\) <-.*/\1/p' "$TRACING/trace" | sort | uniq -c
}

# ours_asked - what CPU 2 was asked for of ours.
ours_asked() {
	[ ! -d "$ASKED" ] ||
		sed -n 's/.* cpu=2 .* func=\([^ ]*\) \[vmap_arena\].*/\1/p' "$ASKED/trace" | sort | uniq -c
}

# left_alone WHAT - since record() nothing of ours but flushes ran there.
left_alone() {
	{
		ours_ran
		ours_asked
	} >/tmp/seen
	expect_fail "$1, an isolated CPU runs nothing of ours but flushes" grep -v flush /tmp/seen
}

# use_arena - for some ticks; what is kept for reuse then is left to those who come after.
use_arena() {
	insmod test_vmalloc.ko target=arena test_loop_count=1000000000 run_test_mask=1 nr_threads=2 &&
		sleep "$SECONDS_OF_LOAD" && rmmod test_vmalloc
}

# use_arena_on_2 - have the isolated CPU do so, too, and keep something.
use_arena_on_2() {
	insmod test_vmalloc.ko target=arena test_loop_count=1000000000 run_test_mask=1 nr_threads=1 &&
		taskset -p 4 "$(pidof test_vmalloc/0)" && sleep 2 && rmmod test_vmalloc
}

# nothing_cached - does the default arena keep nothing?
nothing_cached() {
	awk '$1 == "cached" && $2 > 0 { bad = 1 } END { exit bad }' "$ARENAS/default/stats"
}

# trace_ours - record each function of ours that runs on CPU 2, and what others ask it for.
trace_ours() {
	mount -t tracefs tracefs "$TRACING" && echo 4 >"$TRACING/tracing_cpumask" &&
		echo ':mod:vmap_arena' >"$TRACING/set_ftrace_filter" &&
		echo function >"$TRACING/current_tracer" || return
	[ -d "$TRACING/events/csd" ] || return 0
	mkdir "$ASKED" && echo 1 >"$ASKED/events/csd/csd_queue_cpu/enable"
}

expect "CPU 2 is isolated" grep -qx 2 /sys/devices/system/cpu/isolated
expect "CPU 2 has no tick when busy" grep -qx 2 /sys/devices/system/cpu/nohz_full
expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "its functions can be traced" trace_ours
taskset 4 cat "$ARENAS/default/stats" >/dev/null
ours_ran >/tmp/seen
expect "what runs on the isolated CPU is seen" grep vmap_arena_stats /tmp/seen

record
expect "other CPUs use the arena" use_arena
expect_fail "and leave something cached" nothing_cached
left_alone "while others use the arena"
record
expect "what is not used goes back" within 60 nothing_cached
left_alone "while what others left goes back"
record
use_arena
echo 2 >/proc/sys/vm/drop_caches
use_arena
echo 0 >"$ARENAS/default/cache"
echo 1 >"$ARENAS/default/cache"
use_arena
echo 1 >"$ARENAS/default/purge"
left_alone "while all is given back at once"
record
expect "the isolated CPU uses the arena" use_arena_on_2
taskset 1 sh -c "echo 1 >$ARENAS/default/purge"
ours_ran >/tmp/seen
expect "then it is interrupted for what it has, and that is seen" grep detach /tmp/seen
unload vmap_arena
