# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# paging.sh [la57] [pti] [lpa2] - a run on the arena.  The words say how the kernel should have set up
# its page tables: with five levels (on arm64: lpa2), and isolated from those of user space; without the
# word it should not.

# in_use FLAG - arm64 kernels say in the log alone what becomes of kernel addresses.
in_use() {
	grep -qw "$1" /proc/cpuinfo || dmesg | grep -qi "detected: .* Addressing ($1)"
}

for flag in la57 pti lpa2; do
	case " $* " in
	*" $flag "*) expect "$flag is in use" in_use "$flag" ;;
	*) expect_fail "$flag is not in use" in_use "$flag" ;;
	esac
done
mode=${*:-none of la57, pti, lpa2}
expect "vmap_arena.ko loads with $mode" insmod vmap_arena.ko
expect "test_vmalloc.ko loads with $mode" insmod test_vmalloc.ko target=arena test_loop_count=50
expect "the run ends, and arenas verify, with $mode" stress_wait verify_all
expect "tests pass with $mode" grep -q '_test  *arena  *passed ' "$STRESS/results"
expect_fail "no test fails with $mode" grep -E '_test +arena +(failed|not run) ' "$STRESS/results"
expect "test_vmalloc.ko unloads with $mode" rmmod test_vmalloc
expect "vmap_arena.ko unloads with $mode" rmmod vmap_arena
# Isolated pages are not global, so that a CPU without PCIDs forgets them when it loads CR3.
if grep -qw pti /proc/cpuinfo && ! grep -qw pcid /proc/cpuinfo; then
	expect "vmap_arena.ko loads with flush=cr3 and $mode" insmod vmap_arena.ko flush=cr3
	expect "it flushes in that way" grep -qx cr3 /sys/module/vmap_arena/parameters/flush
	expect "vmap_arena.ko unloads after flush=cr3" rmmod vmap_arena
fi
