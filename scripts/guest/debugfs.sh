# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# debugfs.sh - the files that are there, who may read them, and what may be written to them.

# shellcheck source=scripts/guest/lib.sh
. /lib.sh

write() {
	printf '%s' "$2" >"$1"
}

# refused FILE TEXT [WORD] - writing the text fails, and the kernel log then has the word.
refused() {
	dmesg -c >/dev/null
	if write "$1" "$2" 2>/dev/null; then
		not_ok "${1##*/} refuses '$2'"
	elif [ $# = 3 ] && ! dmesg | grep -qF -- "$3"; then
		not_ok "${1##*/} refuses '$2' and names $3" "$(dmesg)"
	else
		ok "${1##*/} refuses '$2'"
	fi
}

# stress - run a test in which areas of one size come and go.
stress() {
	write "$STRESS/run" 'target=arena test_loop_count=100 run_test_mask=1' && stress_wait true
}

arena=$ARENAS/default
cached='^cached [^0]'
expect "vmap_arena.ko loads with its cache off" insmod vmap_arena.ko cache=0
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko target=arena test_loop_count=100 run_test_mask=1
stress_wait true
expect_fail "then nothing is cached" grep "$cached" "$arena/stats"
expect "cache says 0" grep -qx 0 "$arena/cache"
expect "cache takes 1" write "$arena/cache" 1
expect "a run with the cache on passes" stress
expect "then something is cached" grep "$cached" "$arena/stats"
expect "cache takes 0" write "$arena/cache" 0
expect_fail "which gives back what was cached" grep "$cached" "$arena/stats"
for text in 2 -1 abc ' '; do
	refused "$arena/cache" "$text"
done
expect "test_vmalloc.ko unloads" rmmod test_vmalloc
expect "vmap_arena.ko unloads" rmmod vmap_arena

expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko test_loop_count=1 run_test_mask=1
stress_wait true
for file in stats areas free spans verify lazy_threshold cache; do
	expect "$file can be read" cat "$arena/$file"
done
for key in spans reserved busy lazy free largest_free cached warm cold hits misses refills drains \
	shrinks areas allocs frees fails fit merges flushes purged throttle_waits deferred imports; do
	expect "stats has $key" grep -qi "^$key" "$arena/stats"
done
for file in "$arena"/* "$STRESS"/*; do
	expect_fail "only root may touch ${file##*/}" \
		expr "$(stat -c %a "$file")" : '.*[1-7].$\|.*[1-7]$'
done
expect "purge takes 1" write "$arena/purge" 1
expect "after a purge nothing is lazy" grep -qE '^lazy[^0-9]*0$' "$arena/stats"
for text in 0 2 abc -1 ' '; do
	refused "$arena/purge" "$text"
done
expect "lazy_threshold takes 1M" write "$arena/lazy_threshold" 1048576
expect "and says so" grep -qx 1048576 "$arena/lazy_threshold"
for text in 0 65535 68719476737 abc -1; do
	refused "$arena/lazy_threshold" "$text"
done
refused "$STRESS/run" nr_threads=9999 nr_threads
refused "$STRESS/run" nonsense=1 nonsense
refused "$STRESS/run" nonsense nonsense
refused "$STRESS/run" 'test_loop_count=5 target=heap' target
refused "$STRESS/run" "$(seq 1000)"
expect "a refused write starts no run" [ "$(stress_state)" = "done" ]
expect "run takes 1" write "$STRESS/run" 1
stress_wait true
expect "run takes pairs" write "$STRESS/run" 'test_loop_count=1000000000 run_test_mask=1 nr_threads=2'
refused "$STRESS/run" 1 stop
expect "a run can be stopped" write "$STRESS/run" stop
expect "it is stopped" [ "$(stress_state)" = stopped ]
expect "arenas verify after a stop" verify_all
expect "test_vmalloc.ko unloads" rmmod test_vmalloc
expect "vmap_arena.ko unloads" rmmod vmap_arena
finish
