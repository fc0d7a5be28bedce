# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# coexist.sh - the kernel's own test_vmalloc.ko (/own.ko) beside ours by either name.

FEW='run_test_mask=1 test_loop_count=10 nr_threads=1'

# run_own - the kernel's own runs: its insmod fails with EAGAIN.
run_own() {
	dmesg -c >/dev/null
	# shellcheck disable=SC2086 # these are words
	! said=$(insmod /own.ko $FEW once=1 2>&1) || return
	echo "$said"
	[ "${said%Resource temporarily unavailable}" != "$said" ] &&
		dmesg | grep 'Summary: fix_size_alloc_test passed: 1 failed: 0'
}

# refused_own - it is refused, because a module of its name is there.
refused_own() {
	! said=$(insmod /own.ko 2>&1) || return
	echo "$said"
	[ "${said%File exists}" != "$said" ]
}

expect "vmap_arena.ko loads" insmod vmap_arena.ko
# shellcheck disable=SC2086
expect "vmap_stress.ko loads" insmod vmap_stress.ko $FEW
expect "the kernel's own test_vmalloc.ko runs beside vmap_stress.ko" run_own
STRESS=/sys/kernel/debug/vmap_stress
expect "vmap_stress.ko runs on" sh -c "echo 1 >$STRESS/run"
expect "to its end" stress_wait true
STRESS=/sys/kernel/debug/test_vmalloc
# shellcheck disable=SC2086
expect "test_vmalloc.ko of the tree loads beside it" insmod test_vmalloc.ko $FEW
expect "and runs" stress_wait true
expect "the kernel refuses its own then" refused_own
unload test_vmalloc
expect "the kernel takes its own then" run_own
expect "all unload" rmmod vmap_stress vmap_arena
