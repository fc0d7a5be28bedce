# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# unload.sh CYCLES [watched] - load, run and unload again and again; what is looked for afterwards is
# first seen to be there while the modules are loaded.  With "watched", in a kernel that knows whose
# each page is and what nothing leads to any more, it is asked, too.

cycle() {
	insmod vmap_arena.ko && insmod test_vmalloc.ko target=arena test_loop_count=20 || return 1
	note_code vmap_arena test_vmalloc
	stress_wait verify_all && rmmod test_vmalloc && rmmod vmap_arena &&
		no_traces "$reserved" && no_pages
}

# seen WHAT COMMAND... - while the modules are loaded the command prints a line with this.
seen() {
	seen_what=$1
	shift
	"$@" | grep -q "$seen_what"
}

reserved=$(reservations)
: >/tmp/code
watch_percpu
expect "nothing is there before the first load" no_traces "$reserved"
insmod vmap_arena.ko
note_code vmap_arena
for what in '\[vmap_arena\]' '^vmap_extent' '/vmap_arena$' 'mm/vmap_arena' '^percpu_alloc'; do
	expect "with the modules loaded, $what is seen" seen "$what" traces
done
insmod test_vmalloc.ko test_loop_count=1000000000 run_test_mask=1 nr_threads=2
note_code test_vmalloc
expect "with a run going on, its threads are seen" seen '/comm$' traces
[ -z "$2" ] || expect "pages of theirs are seen" has_pages
expect_fail "vmap_arena.ko cannot be unloaded while a module uses it" rmmod vmap_arena
expect "and works on" verify_all
expect "test_vmalloc.ko can be unloaded in the middle of a run" rmmod test_vmalloc
expect "vmap_arena.ko can then be unloaded" rmmod vmap_arena
expect "nothing is left after that" no_traces "$reserved"
for i in $(seq "$1"); do
	expect "load, run and unload, round $i of $1: nothing is left" cycle
done
if [ "$2" ]; then
	expect "page owner knows of no page that is left" no_pages
	expect "kmemleak is at work" [ -e /sys/kernel/debug/kmemleak ]
	expect "kmemleak finds nothing" no_leaks
fi
