# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# debugfs.sh - the files that are there, who may read them, and what may be written to them.

write() {
	printf '%s' "$2" >"$1"
}

# write_bytes FILE FORMAT - write what printf makes of it, in one piece.
write_bytes() {
	# shellcheck disable=SC2059 # it is a format, for the bytes that no shell variable can hold
	printf "$2" >"$1"
}

# refuses FILE TEXT WORD - writing the text fails, and the kernel log then has the word.
refuses() {
	refused "${1##*/} refuses '$2'" "$3" write "$1" "$2"
}

# refuses_bytes FILE FORMAT WORD - likewise, but what is written may have bytes 0 in it; the line with the word is
# about the file.
refuses_bytes() {
	refused "${1##*/} refuses the bytes '$2' and says why" "$3" write_bytes "$1" "$2"
	expect "and names ${1##*/}" sh -c "dmesg | grep -F ' ${1##*/}: ' | grep -qF -- '$3'"
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
	refuses "$arena/cache" "$text" cache
done
refuses_bytes "$arena/cache" '1\0x' '1\0x'
unload test_vmalloc vmap_arena

expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko test_loop_count=1 run_test_mask=1
stress_wait true
for file in stats areas owners free spans verify lazy_threshold cache latency; do
	expect "$file can be read" cat "$arena/$file"
done
for key in spans reserved busy lazy free largest_free cached warm cold hits misses refills drains \
	shrinks areas allocs frees fails fit merges flushes purged throttle_waits deferred imports pending kept reserve reserve_low reserve_areas reserve_areas_low pages stock stock_most stock_hits stock_blocks stock_given compactions compactions_deferred moved moved_units moves_refused compactions_background moved_background; do
	expect "stats has $key" grep -qi "^$key" "$arena/stats"
done
for file in "$arena"/* "$STRESS"/*; do
	expect_fail "only root may touch ${file##*/}" \
		expr "$(stat -c %a "$file")" : '.*[1-7].$\|.*[1-7]$'
done
expect "purge takes 1" write "$arena/purge" 1
expect "after a purge nothing is lazy" grep -qE '^lazy[^0-9]*0$' "$arena/stats"
for text in 0 2 abc -1 ' '; do
	refuses "$arena/purge" "$text" purge
done
long=00000000000000000000000000000001
for file in purge cache; do
	expect "$file takes a 1 with 31 zeros before it" write "$arena/$file" "$long"
	refuses "$arena/$file" "${long}0" "$file: 33 bytes"
	refuses "$arena/$file" "$(printf '%023d' 1)x" '1x" is not a whole number'
	refuses "$arena/$file" '1 1' '1 1" is not a whole number'
	refuses_bytes "$arena/$file" '1\0' '1\0" is not a whole number'
	refuses_bytes "$arena/$file" '1\0junk' '1\0junk" is not a whole number'
	refuses_bytes "$arena/$file" '\0' '"\0" is not a whole number'
done
expect "lazy_threshold takes 1M" write "$arena/lazy_threshold" 1048576
expect "and says so" grep -qx 1048576 "$arena/lazy_threshold"
for text in 0 65535 68719476737 abc -1; do
	refuses "$arena/lazy_threshold" "$text" lazy_threshold
done
refuses_bytes "$arena/lazy_threshold" '1048576\0x' '1048576\0x'
expect "and still says what it took" grep -qx 1048576 "$arena/lazy_threshold"
for text in 2 -1 abc ' '; do
	refuses "$arena/latency" "$text" latency
done
expect "latency is off" grep -qx off "$arena/latency"
expect "latency takes 1" write "$arena/latency" 1
expect "a run passes that is watched" write "$STRESS/run" 1
stress_wait true
expect "latency says that it is on" grep -qx on "$arena/latency"
# shellcheck disable=SC2016 # the fields are awk's
expect "and counts allocations and frees" awk '$1 ~ /^[0-9]/ { a += $2; f += $3 } END { exit !(a && f) }' "$arena/latency"
expect "latency takes 0" write "$arena/latency" 0
expect "arena-top.sh shows each arena" sh /arena-top.sh --interval 1 --count 2
expect "with what it holds" sh -c 'sh /arena-top.sh --interval 1 --count 1 | grep -E "^default +[0-9]+ +[0-9]+ "'
expect_fail "arena-top.sh refuses --interval 0" sh /arena-top.sh --interval 0
expect_fail "arena-top.sh refuses what is no option" sh /arena-top.sh --sort
refuses "$STRESS/run" nr_threads=9999 nr_threads
refuses "$STRESS/run" nonsense=1 nonsense
refuses "$STRESS/run" nonsense nonsense
refuses "$STRESS/run" 'test_loop_count=5 target=heap' target
refuses "$STRESS/run" "$(seq 1000)" 'run: 3892 bytes'
refuses "$STRESS/run" '1 stop' 'is not 1, stop'
refuses "$STRESS/run" 'touch=0junk' 'touch: "0junk"'
for bytes in '1\0' '1\0stop' '\0' 'test_loop_count=1\0nonsense' 'test_loop_count=1 \0'; do
	refuses_bytes "$STRESS/run" "$bytes" 'byte 0'
done
expect "a refused write starts no run" [ "$(stress_state)" = "done" ]
expect "run takes 1" write "$STRESS/run" 1
stress_wait true
expect "run takes pairs" write "$STRESS/run" 'test_loop_count=1000000000 run_test_mask=1 nr_threads=2'
refuses "$STRESS/run" 1 stop
expect "arena-top.sh names the biggest owner" within 60 sh -c 'sh /arena-top.sh --interval 1 --count 1 --owners 1 | grep -qE "^ +[0-9]+ +[0-9]+ +[0-9]+ .*\[test_vmalloc\]"'
expect "a run can be stopped" write "$STRESS/run" stop
expect "it is stopped" [ "$(stress_state)" = stopped ]
expect "arenas verify after a stop" verify_all
unload test_vmalloc vmap_arena
