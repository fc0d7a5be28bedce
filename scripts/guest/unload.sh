# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# unload.sh CYCLES - load, run and unload again and again; what is looked for afterwards is first
# seen to be there while the modules are loaded.  Needs slab_nomerge, or the slab cache hides.

# shellcheck source=scripts/guest/lib.sh
. /lib.sh

# traces - the modules' caches and folders, as far as there are any; fails if there are none.
traces() {
	grep -E '^(vmap_|test_vmalloc)' /proc/slabinfo | grep -v '^vmap_area '
	ls -d "$ARENAS" "$STRESS" 2>/dev/null
	grep -E '(vmap_arena|test_vmalloc)' /proc/modules
}

no_traces() {
	traces >/tmp/traces
	if [ -s /tmp/traces ] || [ "$(reservations)" -gt "$reserved" ]; then
		cat /tmp/traces
		echo "$(reservations) reservations in the vmalloc area, $reserved before"
		return 1
	fi
}

# free_kib - free memory, with that on the CPUs' own lists of free pages, which MemFree leaves out.
free_kib() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk '$1 == "nr_free_pages" || $1 == "count:" { n += $2 } END { print n * 4 }' /proc/zoneinfo
}

cycle() {
	insmod vmap_arena.ko && insmod test_vmalloc.ko target=arena test_loop_count=20 || return 1
	stress_wait verify_all && rmmod test_vmalloc && rmmod vmap_arena && no_traces
}

reserved=$(reservations)
expect "nothing is there before the first load" no_traces
insmod vmap_arena.ko
expect "with the modules loaded, a span is in /proc/vmallocinfo" \
	grep -q '\[vmap_arena\]' /proc/vmallocinfo
expect "with the modules loaded, the extents are in /proc/slabinfo" \
	grep -q '^vmap_extent' /proc/slabinfo
insmod test_vmalloc.ko test_loop_count=1000000000 run_test_mask=1 nr_threads=2
expect_fail "vmap_arena.ko cannot be unloaded while a module uses it" rmmod vmap_arena
expect "and works on" verify_all
expect "test_vmalloc.ko can be unloaded in the middle of a run" rmmod test_vmalloc
expect "vmap_arena.ko can then be unloaded" rmmod vmap_arena
expect "nothing is left after that" no_traces

# The kernel keeps the page tables of all vmalloc addresses that were ever used, so a round that goes
# where none was before costs memory, and on a busy host, where purges come late, most rounds do.  A
# leak costs some in every round, so the thrifty rounds tell.
i=1
while [ "$i" -le "$1" ]; do
	expect "load, run and unload, round $i of $1" cycle
	after=$(free_kib)
	[ "$i" = 1 ] || losses="$losses $((before - after))"
	before=$after
	i=$((i + 1))
done
# shellcheck disable=SC2086 # these are words
expect "no memory is lost in a quarter of the rounds from the second on: KiB$losses" \
	[ "$(printf '%s\n' $losses | sort -n | sed -n "$((($1 + 2) / 4))p")" -lt 64 ]
finish
