# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# core.sh - have areas, and wait until the host has a dump of the machine; leaves what debugfs says of each arena in
# /out/ARENA.areas, and the bytes of all its extents in /out/ARENA.reserved.

# told - has the host broken the line of the console?  It does so when it is done.
told() {
	grep -q 'brk:' /proc/tty/driver/serial
}

# describe ARENA
describe() {
	cp "$ARENAS/$1/areas" "/out/$1.areas" && awk '$1 == "reserved" { print $2 }' "$ARENAS/$1/stats" >"/out/$1.reserved"
}

expect "vmap_arena.ko loads" insmod vmap_arena.ko shards=2
expect "memory is held, in the second shard" taskset 2 insmod vmap_holder.ko areas=7 pages=3
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko target=arena run_test_mask=1 test_loop_count=10
stress_wait true
expect "debugfs lists an arena" describe held
expect "debugfs lists the default arena" describe default
echo "# as it is to be dumped"
expect "the host has a dump" within 3600 told
unload test_vmalloc vmap_holder vmap_arena
