# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# raw.sh - the tests of vmap_raw.ko, which runs them when it is loaded; and reserve_alloc_test while something
# else has nearly all memory.

available() {
	awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo
}

# hog - fill a tmpfs until 48 MiB are left: enough for the guest's own programs to begin and end.
hog() {
	mkdir -p /hog
	mount -t tmpfs -o size=100% tmpfs /hog
	while [ "$(available)" -gt 48 ]; do
		head -c 4194304 /dev/zero >>/hog/all || return
	done
}

expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "vmap_raw.ko loads" insmod vmap_raw.ko
dmesg | sed -n 's/.*vmap_raw: //p' >/tmp/said
while read -r line; do
	case $line in
	"ok "*) ok "${line#ok }" ;;
	"not ok "*) not_ok "${line#not ok }" ;;
	esac
done </tmp/said
expect "all of the tests ran" [ "$(grep -c 'ok ' /tmp/said)" -ge 21 ]
expect "arenas verify afterwards" verify_all
unload vmap_raw

expect "a hog takes the memory" hog
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko target=arena run_test_mask=524288 test_loop_count=20000 \
	nr_threads=2 nr_pages=4
stress_wait true
expect "in hard interrupts, under a raw spinlock, allocations within the reserve succeed, and ask for no page" \
	grep -E '^reserve_alloc_test +arena .* passed ' "$STRESS/results"
umount /hog
expect "arenas verify after that" verify_all
unload test_vmalloc vmap_arena
