# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# kunit-lib.sh - what the scripts that run in a test kernel share, on top of lib.sh.

# shellcheck disable=SC2034 # for the scripts that source this file
KUNIT=/sys/kernel/debug/kunit

# allow_faults - injected faults may hit allocations that can sleep, and single pages; tests say when.
allow_faults() {
	for fault in failslab fail_page_alloc; do
		fault=/sys/kernel/debug/$fault
		[ -d "$fault" ] || return 0
		echo 0 >"$fault/verbose"
		echo N >"$fault/ignore-gfp-wait"
	done
	echo N >"$fault/ignore-gfp-highmem"
	echo 0 >"$fault/min-order"
}

# no_leaks - prints what kmemleak finds, and fails if there is any.  It needs two looks: what is being
# moved in the first is there in the second; and it lets pass what is younger than five seconds.
no_leaks() {
	leaks=/sys/kernel/debug/kmemleak
	[ -e "$leaks" ] || return 0
	for _ in 1 2; do
		sleep 6
		echo scan >"$leaks"
	done
	! grep '' "$leaks" || {
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
