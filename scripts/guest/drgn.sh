# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# drgn.sh TREE MODULE PROGRAM - the program, run by drgn on the kernel that runs, beside what debugfs
# says.  TREE is a Debian tree of the host that has drgn; the others are files of the host.

# enter_tree - let a chroot to $tree see the host's files below /mnt.
enter_tree() {
	enter_host && mount --bind /machine "$tree/mnt" || return
	for directory in proc sys dev; do
		mount --bind "/$directory" "$tree/$directory" || return
	done
}

# list NAME [ARGUMENT]... - what the program prints, in /out/NAME.
list() {
	name=$1
	shift
	chroot "$tree" /usr/bin/drgn -q --no-default-symbols "/mnt$program" --module "/mnt$module" "$@" >"/out/$name" 2>&1
}

# same_areas ARENA - the start of each area, and who allocated it, as debugfs says.
same_areas() {
	awk '/^0x/ { split($1, range, "-"); print range[1] }' "$ARENAS/$1/areas" >/tmp/expected
	awk '/^0x/ { split($1, range, "-"); print range[1] }' "/out/$1" >/tmp/listed
	[ -s /tmp/listed ] && cmp /tmp/expected /tmp/listed
}

tree=/machine$1 module=$2 program=$3
expect "the guest has the host's programs" enter_tree
expect "vmap_arena.ko loads" insmod vmap_arena.ko shards=2
expect "memory is held, in the second shard" taskset 2 insmod vmap_holder.ko areas=7 pages=3
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko target=arena run_test_mask=1 test_loop_count=10
stress_wait true
expect "drgn lists an arena" list held held
expect "these are seven areas of four pages, the guard included" grep -qx "7 areas, 114688 bytes" /out/held
expect "each with who allocated it" [ "$(grep -c ' 16384 busy hold+0x' /out/held)" = 7 ]
expect "debugfs has the same" same_areas held
expect "drgn lists all of an arena" list all --all held
expect "there are free extents, too" grep -q ' free -$' /out/all
expect "they are as many bytes as the arena has" \
	[ "$(sed -n 's/^[0-9]* extents, \([0-9]*\) bytes$/\1/p' /out/all)" = "$(awk '$1 == "reserved" { print $2 }' "$ARENAS/held/stats")" ]
expect "drgn lists the default arena" list default default
expect "it lists every arena" list every
expect "and each is named" grep -q '^arena held:$' /out/every
expect_fail "there is no arena of another name" list none nobody
expect "and it says so" grep -q "there is no arena nobody" /out/none
unload test_vmalloc vmap_holder vmap_arena
