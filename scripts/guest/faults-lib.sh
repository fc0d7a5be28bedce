# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # guest/drivers.sh sets name
#
# faults-lib.sh - allocations fail that vmap_arena makes: of pages, of page tables, of extents, of whole spans; and of
# nobody else.  The kernel tells by the call stack, on which an address of vmap_arena's code has to be.

FAULTS='/sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc'
FAULTS_MOST=1000000000

# our_code - sets code_start and code_end: where the code of vmap_arena.ko is.
our_code() {
	awk '$4 == "[vmap_arena]" && $2 ~ /[tT]/ { print $1 }' /proc/kallsyms | sort >/tmp/code
	code_start=0x$(head -n 1 /tmp/code)
	code_end=$(printf '0x%x' $(((0x$(tail -n 1 /tmp/code) | 4095) + 1)))
}

# faults_begin N - from now on one in N of these allocations fails.
faults_begin() {
	our_code
	for fault in $FAULTS; do
		echo 0 >"$fault/verbose"
		echo N >"$fault/ignore-gfp-wait"
		echo N >"$fault/task-filter"
		echo 32 >"$fault/stacktrace-depth"
		echo "$code_start" >"$fault/require-start"
		echo "$code_end" >"$fault/require-end"
		echo "$1" >"$fault/interval"
		echo "$FAULTS_MOST" >"$fault/times"
		echo 100 >"$fault/probability"
	done
	echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
}

# faults_end - sets faults to how many allocations failed.
faults_end() {
	faults=0
	for fault in $FAULTS; do
		echo 0 >"$fault/probability"
		faults=$((faults + FAULTS_MOST - $(cat "$fault/times")))
	done
}

# release_all - what a work leaves behind that ended before its time: on /mnt, of loop devices, of files.
release_all() {
	# Whoever has not ended yet may have a file open.
	wait
	! command -v tidy >/dev/null || tidy
	while grep -q ' /mnt ' /proc/mounts; do
		within 20 umount /mnt || return
	done
	for loop in $(losetup -a | sed 's/:.*//'); do
		losetup -d "$loop"
	done
	rm -rf /tmp/disk /tmp/slow /tmp/fast "$OUT"
}

# count_faults WHAT - ends them, and says what became of what was done meanwhile.
count_faults() {
	faults_end
	faulted=$((faulted + faults))
	echo "# $name: one allocation in $nth failed, $faults of them; $1: $became"
}

# work_with_faults SIDE MODULE... - the work either succeeds, and the same comes out as of the kernel's own driver, or
# somebody is told that it failed; the driver is loaded before, and goes afterwards.
work_with_faults() {
	# shellcheck disable=SC2034 # for work
	side=$1
	OUT=/tmp/faulty
	mkdir -p "$OUT"
	expect "$name: it loads" load "$@"
	: >/tmp/working
	keep_looking &
	faults_begin "$nth"
	if work >/tmp/said 2>&1; then became="done"; else became=refused; fi
	count_faults work
	rm -f /tmp/working
	if [ "$became" = "done" ]; then
		expect "$name: one allocation in $nth fails: the same came out" diff -r /tmp/own "$OUT"
	else
		refusals=$((refusals + 1))
		tail -n 3 /tmp/said | sed 's/^/# /'
	fi
	expect "$name: one allocation in $nth fails: nothing holds the driver" release_all
	shift
	expect "$name: one allocation in $nth fails: it unloads" take_out "$@"
	expect "$name: one allocation in $nth fails: nothing is left" nothing_left
}

# load_with_faults SIDE MODULE... - the driver loads, or is refused and leaves nothing.
load_with_faults() {
	faults_begin "$nth"
	if load "$@" 2>/dev/null; then became="done"; else became=refused; fi
	count_faults loading
	shift
	loaded=''
	for module; do
		! grep -q "^$(echo "$module" | tr - _) " /proc/modules || loaded="$loaded $module"
	done
	# shellcheck disable=SC2086 # these are words
	expect "$name: loaded while one allocation in $nth failed: it unloads" take_out $loaded
	expect "$name: loaded while one allocation in $nth failed: nothing is left" nothing_left
}

# faults_of SIDE MODULE... - from many to few of the allocations fail.
faults_of() {
	faulted=0 refusals=0
	for nth in 2 7; do
		load_with_faults "$@"
	done
	for nth in 1 3 30 300; do
		work_with_faults "$@"
	done
	expect "$name: $faulted allocations failed, and the work was refused $refusals times" [ "$faulted" -gt 0 ]
}
