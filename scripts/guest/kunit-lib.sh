# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# kunit-lib.sh - what the scripts that run in a test kernel share, on top of lib.sh.

# shellcheck disable=SC2034 # for the scripts that source this file
KUNIT=/sys/kernel/debug/kunit

# allow_faults - injected faults may hit allocations that can sleep, and single pages; tests say when,
# or that all are to fail for them.
allow_faults() {
	for fault in failslab fail_page_alloc; do
		fault=/sys/kernel/debug/$fault
		[ -d "$fault" ] || return 0
		echo 0 >"$fault/verbose"
		echo N >"$fault/ignore-gfp-wait"
		echo Y >"$fault/task-filter"
		echo -1 >"$fault/times"
		echo 100 >"$fault/probability"
	done
	echo N >"$fault/ignore-gfp-highmem"
	echo 0 >"$fault/min-order"
}

# make_group - a control group to which memory can be charged; where that cannot be, tests say so.
make_group() {
	grep -qw cgroup2 /proc/filesystems || return 0
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/vmap_kunit
}

# no_leaks - prints what kmemleak finds, and fails if there is any; what was allocated by way of the
# function SPARED_LEAKS does not count.  kmemleak lets pass what is younger than five seconds, and what
# changed since it looked last, so it has to look twice.
no_leaks() {
	leaks=/sys/kernel/debug/kmemleak
	[ -e "$leaks" ] || return 0
	sleep 6
	echo scan >"$leaks"
	echo scan >"$leaks"
	awk -v spared="${SPARED_LEAKS:-no function}" '
		function tell() { if (leak != "" && leak !~ spared) { printf "%s", leak; bad = 1 } }
		/^unreferenced/ { tell(); leak = "" }
		{ leak = leak $0 "\n" }
		END { tell(); exit bad }' "$leaks" || {
		echo clear >"$leaks"
		return 1
	}
}

# run_suites GLOB [PARAMETER=VALUE]... - load vmap_kunit.ko, which runs those of its suites.
run_suites() {
	printf %s "$1" >/sys/module/kunit/parameters/filter_glob
	shift
	insmod vmap_kunit.ko "$@"
}
