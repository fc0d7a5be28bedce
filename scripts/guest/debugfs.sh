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

expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko test_loop_count=1 run_test_mask=1
stress_wait true
arena=$ARENAS/default
for file in stats areas free spans verify; do
	expect "$file can be read" cat "$arena/$file"
done
for key in spans reserved busy lazy free largest_free allocs frees fails fit merges flushes purged \
	throttle_waits; do
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
