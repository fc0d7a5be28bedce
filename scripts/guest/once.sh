# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# once.sh - the stress module as the kernel's own is: insmod runs the tests, fails with EAGAIN, and leaves
# nothing.

# once PARAMETER... - does insmod fail, with EAGAIN, and leave nothing?
once() {
	dmesg -c >/dev/null
	! said=$(insmod test_vmalloc.ko once=1 "$@" 2>&1) || return
	echo "$said"
	[ "${said%Resource temporarily unavailable}" != "$said" ] && ! grep '^test_vmalloc' /proc/modules &&
		[ ! -e "$STRESS" ]
}

# summary TARGET TEST COUNTS
summary() {
	dmesg | grep -F "test_vmalloc: $1: Summary: $2_test $3 "
}

# tested - of how many tests and targets there is a summary.  Busybox has two ways to load a module, and where
# the first fails tries the second, so there may be two.
tested() {
	dmesg | sed -n 's/.* test_vmalloc: \([a-z]*: Summary: [a-z_0-9]*\) .*/\1/p' | sort -u | wc -l
}

expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "insmod runs all tests once, and fails" once nr_threads=2 test_loop_count=30
expect "the summary came first" summary arena fix_size_alloc "passed: 2 failed: 0 xfailed: 0 repeat: 1 loops: 30"
expect "of all tests on each target" [ "$(tested)" = 34 ]
expect_fail "and none failed" sh -c 'dmesg | grep "failed: [1-9]" | grep -v " failed: 0 "'
expect "insmod runs fix_size_alloc_test with huge pages" once use_huge=1 nr_pages=512 nr_threads=1 \
	run_test_mask=1 test_loop_count=10
expect "the kernel has them" summary kernel fix_size_alloc "passed: 1 failed: 0 xfailed: 0"
expect "so has the arena" summary arena fix_size_alloc "passed: 1 failed: 0 xfailed: 0"
expect "insmod runs pcpu_alloc_test with few objects at a time" once nr_pcpu_objects=7 run_test_mask=128 \
	test_loop_count=100 nr_threads=1
expect "it passes" summary kernel pcpu_alloc "passed: 1 failed: 0 xfailed: 0 repeat: 1 loops: 100"

# In the place of a shell, so that the process that is killed is insmod.
sh -c 'exec insmod test_vmalloc.ko once=1 test_loop_count=1000000000 run_test_mask=1' 2>/dev/null &
while ! grep -q '^test_vmalloc' /proc/modules; do
	sleep 0.1
done
kill -9 $!
wait $! 2>/dev/null
expect_fail "an insmod that is killed ends its run and leaves nothing" grep '^test_vmalloc' /proc/modules
expect "arenas verify" verify_all
unload vmap_arena
