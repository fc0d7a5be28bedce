# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# bench-plan.sh - the loads that bench.sh measures, one a line, as bench/bench.c reads them.
# Sourced, after lib.sh.
#
# Loads that add nothing are left out: those that search linearly stop where they get slow, most
# others before the largest n, and each other size and order is measured at one n only.

BUDGET=4000000000

# load PEER SIZES ORDER LIVE [WORD]... - warmed up until as good as every area was replaced.
load() {
	local warm=$(($4 > 10000 ? $4 : 10000))

	echo "peer=$1 sizes=$2 order=$3 live=$4 warm=$warm ops=20000 budget=$BUDGET ${*:5}"
}

# loads 'PEER...' 'SIZES...' 'ORDER...' 'LIVE...' [WORD]... - all combinations.
loads() {
	local peer sizes order live

	for sizes in $2; do
		for order in $3; do
			for live in $4; do
				for peer in $1; do
					load "$peer" "$sizes" "$order" "$live" "${@:5}"
				done
			done
		done
	done
}

plan_nothing() {
	loads none 'random one heavy' random 100
}

# plan_quick - what shows at once whether a change was a good one.
plan_quick() {
	plan_nothing
	loads tree random random '100 10000 100000 1000000'
	loads 'range iova-fast drm-mm-lowest' random random '100 10000 100000'
	loads range one random 10000
	loads 'arena arena-nocache vmalloc' one random '100 10000'
	loads 'arena-map vmap' random random 10000
}

plan_ranges() {
	local ours='tree range' quick='iova-fast drm-mm-lowest drm-mm-best'

	plan_nothing
	loads "$ours $quick" random random '100 1000 10000 100000'
	loads 'tree drm-mm-lowest' random random 1000000
	loads maple random random '100 1000 10000 100000'
	loads gen-pool random random '100 1000 10000'
	loads iova random random '100 1000'
	loads "$ours $quick maple" random 'fifo lifo' 10000
	loads "$ours $quick maple" 'one heavy' random 10000
	loads "$ours drm-mm-lowest drm-mm-best" random random 1000 align=16
}

plan_memory() {
	local memory='arena arena-nocache vmalloc'

	plan_nothing
	loads "$memory" one random '100 10000 100000'
	loads "$memory" 'random heavy' random 10000
	loads "$memory" random 'fifo lifo' 1000
	loads "$memory" random hold 10000
	loads 'arena arena-nocache' random random 1000 align=16
	loads 'arena-map vmap' random random '100 10000 100000'
}

# huge SIZES N - buffers that are allocated and freed in turn, N times after all spans were imported: what that takes;
# and, fewer times, what it does to page tables.
huge() {
	local peer load="sizes=$1 order=random live=1 warm=$2 budget=$BUDGET"

	for peer in none arena-huge vmalloc-huge arena vmalloc; do
		echo "peer=$peer $load ops=$2"
	done
	for peer in arena-huge vmalloc-huge arena vmalloc; do
		echo "peer=$peer $load ops=5 entries=1"
	done
}

# plan_huge - fewer buffers where one takes longer.
plan_huge() {
	huge 2m 500
	huge 32m 50
	huge 512m 10
}

# plan_cleared - with init_on_alloc=1: who hands out fresh pages clears them.
plan_cleared() {
	plan_nothing
	loads 'arena arena-nocache vmalloc' one random '100 10000'
	loads 'arena arena-nocache vmalloc' random random 10000
}

# plan_caught - with catch_vfree=1: a probe at each of the kernel's frees.
plan_caught() {
	plan_nothing
	loads 'vmalloc vmap' one random 10000
}

# plan_latency CALLS - so many frees and allocations, with 100,000 live areas.
plan_latency() {
	local peer

	for peer in none tree range arena arena-nocache arena-map vmap vmalloc; do
		echo "peer=$peer sizes=random order=random live=100000 warm=100000 ops=$1"
	done
}

# wakes PEER... - loads that a real-time thread wakes up beside, among $live areas.
wakes() {
	local peer

	for peer; do
		echo "peer=$peer sizes=random order=random live=$live wakeups=10000 period=200 purge=50"
	done
}

# plan_wake - vmalloc comes last: it leaves the page allocator's lists full, which drains them a second later, whoever
# is measured then.
plan_wake() {
	live=1000 wakes none
	live=10000 wakes none
	live=1000 wakes arena
	live=10000 wakes arena arena-nocache arena-map arena-reserved
	live=100000 wakes arena arena-nocache arena-map
	live=1000 wakes vmalloc
	live=10000 wakes vmalloc vmap
	live=100000 wakes vmalloc
}

# plan_lazy - what imports do to a thread that only a task's own offer lets run.
plan_lazy() {
	live=10000 wakes none vmalloc arena arena-nocache arena-reserved
}

plan_holds() {
	for live in 1000 10000 100000; do
		wakes arena arena-nocache arena-map
	done
}

# plan_sections - a shell that looks on takes its turns, so less is replaced meanwhile.
plan_sections() {
	live=10000 wakes none vmalloc arena arena-nocache arena-map |
		sed 's/wakeups=10000/wakeups=5000/'
}

# plan_timerlat - the thread that is woken is that of the tracer: ours sleeps for a second.
plan_timerlat() {
	{
		live=10000 wakes none vmalloc vmap arena arena-nocache arena-map arena-reserved
		live=100000 wakes vmalloc arena
	} | sed 's/wakeups=10000 period=200/wakeups=5 period=1000000/'
}

# plan_osnoise - likewise.
plan_osnoise() {
	plan_timerlat
}

# plan_locks - each load twice, so that what comes before and after the calls can be taken off; and
# many live areas, for the memory that they take.
plan_locks() {
	local peer sizes ops

	for sizes in one random; do
		for peer in range tree iova-fast iova drm-mm-lowest gen-pool maple arena arena-nocache \
			vmalloc arena-map vmap; do
			for ops in 1 10001; do
				echo "peer=$peer sizes=$sizes order=random live=100 warm=10000 ops=$ops"
			done
		done
	done
	for peer in tree range iova-fast maple arena arena-nocache vmalloc; do
		echo "peer=$peer sizes=one order=random live=100000 warm=0 ops=1"
	done
}
