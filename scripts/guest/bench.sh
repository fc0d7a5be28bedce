# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh - one measurement of the benchmark module for each line of /loads; leaves the lines of
# JSON in /out/results and what a million instructions take in /out/clock.

# shellcheck source=scripts/guest/lib.sh
. /lib.sh

BENCH=/sys/kernel/debug/vmap_bench

# The tree path is what is left when nothing is kept for reuse.
turn_cache_off() {
	[ ! -e "$ARENAS/bench-tree/cache" ] || echo 0 >"$ARENAS/bench-tree/cache"
}

insmod vmap_arena.ko && insmod vmap_bench.ko && turn_cache_off || exit
cat "$BENCH/clock" >/out/clock
sleep 10 # what the boot left to be done is done; where the clock counts instructions, at once
status=0
while read -r load; do
	echo "$load"
	if echo "$load" >"$BENCH/run"; then
		cat "$BENCH/result" >>/out/results
	else
		status=1
	fi
done </loads
verify_all || status=1
rmmod vmap_bench && rmmod vmap_arena || status=1
exit "$status"
