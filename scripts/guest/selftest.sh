# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# selftest.sh - the kernel's own test_vmalloc.sh, unchanged, on our module: in a root of its own (/root.tar)
# that has bash and modprobe.

# selftest ARGUMENT... - what it says is in /tmp/said; prints it if it fails.
selftest() {
	dmesg -c >/dev/null
	chroot /own /test_vmalloc.sh "$@" >/tmp/said 2>&1 || {
		cat /tmp/said
		return 1
	}
}

said() {
	grep "$1" /tmp/said || {
		cat /tmp/said
		return 1
	}
}

# summary TEXT
summary() {
	dmesg | grep -F "vmap_stress: $1"
}

gone() {
	! grep '^vmap_stress' /proc/modules
}

export PATH=/bin:/sbin:/usr/bin
mkdir /own
tar -xf /root.tar -C /own
mount -t proc proc /own/proc
mount -t sysfs sysfs /own/sys
mount -t devtmpfs devtmpfs /own/dev

expect "test_vmalloc.sh without arguments says how it is used" selftest
for parameter in nr_threads sequential_test_order test_repeat_count test_loop_count nr_pages use_huge \
	nr_pcpu_objects run_test_mask; do
	expect "it names $parameter" said "parm: *$parameter:"
done
expect_fail "it refuses a parameter that there is not" selftest nr_processes=1
expect "it runs with parameters" selftest nr_threads=2 run_test_mask=2049 test_repeat_count=2 test_loop_count=50
expect "and says so" said '^Done'
expect "the summary is in the log before it ends" summary \
	"arena: Summary: fix_size_alloc_test passed: 4 failed: 0 xfailed: 0 repeat: 2 loops: 50 "
expect "of each test" summary "arena: Summary: no_block_alloc_test passed: 4 failed: 0 "
expect "the module has gone by itself" gone
expect "it runs again, all tests: performance" selftest performance
expect "the summary is of all tests" summary "kernel: Summary: random_size_alloc_test passed: "
expect_fail "none failed" sh -c 'dmesg | grep "failed: [1-9]" | grep -v " failed: 0 "'
expect "the module has gone" gone
expect "by its own name it stays" chroot /own modprobe vmap_stress test_loop_count=10 run_test_mask=1
expect "until it is taken out" chroot /own modprobe -r vmap_stress
