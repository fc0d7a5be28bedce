# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# misuse.sh - an address of an arena's is given to calls of the kernel's: caught and done right with
# catch_vfree=1; without it the span is lost, which is noticed, and nothing else is.

said() {
	dmesg | grep -qE "$1"
}

# caught CALL - it does no harm, and the log names the module that called.
caught() {
	dmesg -c >/dev/null
	expect "catch_vfree=1: $1 takes no other area with it" insmod vmap_misuse.ko "call=$1"
	expect "catch_vfree=1: $1 is reported with its caller" said 'an address of ours, by misuse.*vmap_misuse'
	rmmod vmap_misuse
}

# lost CALL - the span goes, but what comes after is right.
lost() {
	insmod vmap_arena.ko
	dmesg -c >/dev/null
	expect_fail "$1 takes the other areas with it" insmod vmap_misuse.ko "call=$1"
	expect "$1: nothing is allocated in areas of others" said ' 0 new ones in areas of others'
	expect "$1: the loss is reported" said 'a span of arena default, .* is lost'
	MAY_LOSE_SPANS=1 expect "$1: nothing else is wrong" verify_all
	expect "$1: verify says so" grep -q ' spans were lost' "$ARENAS/default/verify"
	expect "$1: the arena goes on" insmod test_vmalloc.ko target=arena test_loop_count=20
	stress_wait true
	rmmod test_vmalloc
	expect "$1: vmap_arena.ko unloads" rmmod vmap_arena
	expect "$1: the kernel has no complaint" no_complaint
}

no_complaint() {
	! dmesg | grep -E 'BUG: |WARNING: |Oops|Trying to v'
}

insmod vmap_arena.ko catch_vfree=1 || not_ok "vmap_arena.ko loads with catch_vfree=1" "$(dmesg | tail -n 3)"
for call in vfree kvfree kvfree_rcu vunmap; do
	caught "$call"
done
expect "catch_vfree=1: verify is content" verify_all
expect "catch_vfree=1: vmap_arena.ko unloads" rmmod vmap_arena
lost vfree
lost kvfree
