#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh - the stress test on our arena and on the kernel's own vmalloc, side by side, in a stock
# kernel: builds the modules, boots, runs, and prints the table; what the next kernel needs is fetched
# meanwhile.
#
# usage: scripts/run.sh [option]... [-- PARAMETER=VALUE...]
#
#   --kernel K      a stock kernel: 6.1, 6.12, 7.2, 7.3, 6.1-rt, 6.12-rt, 7.2-rt, 6.1-arm64,
#                   6.12-arm64, 7.2-arm64, 6.12-arm64-16k, 7.2-arm64-16k; or the path of the tree
#                   that a kernel of your own was built in, or of a boot image; may be repeated
#                   (without it: 6.12, then 7.2)
#   --threads N     threads that run the tests, 1 to 64 (2); the guest has two CPUs
#   --loops N       loops of each test, 1 to 1000000 (10000)
#   --icount        one CPU whose clock counts instructions: the same build, the same figures
#   --append WORDS  more words for the kernel's command line
#   --results DIR   where each kernel gets a directory for its results (build/results)
#   --timeout S     seconds until a guest that hangs is ended, 1 to 86400 (900)
#   --help          print this text
#
# PARAMETERs go to test_vmalloc.ko as they are; modinfo lists them.  The results are kept in
# DIR/KERNEL/.  Exit status: 0 if every test passed on every kernel, 1 if not, 2 for a bad option or if a
# kernel cannot be had.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

kernel=() threads=2 loops=10000 timeout=900 append='' results=$BUILD/results icount=0 arguments=()

# all_passed FILE - did the run end, with something passed and nothing failed or left out?
all_passed() {
	jq -e '.state == "done" and any(.results[]; .status == "passed") and
		all(.results[]; .status == "passed" or .status == "skipped" or
			.status == "xfailed")' "$1" >/dev/null 2>&1
}

# fetch KERNEL - have it, and what modules are built with for it.
fetch() (
	kernel_use "$1"
	kernel_toolchain
)

# run KERNEL - print its table; sets status to 1 if anything in it failed.
run() {
	local dir clock=(--cpus 2)

	((!icount)) || clock=(--icount)
	kernel_use "$1"
	dir=$results/$KERNEL_NAME
	rm -rf "$dir"
	mkdir -p "$dir"
	say "building for $KERNEL_RELEASE"
	build_modules >"$dir/build.log" 2>&1 || die "cannot build: see $dir/build.log"
	say "booting $KERNEL_RELEASE"
	"$ROOT/scripts/vm.sh" --kernel "$1" "${clock[@]}" --mem 2048 --timeout "$timeout" \
		--append "$append" \
		--module "$MODULES/vmap_arena.ko" --module "$MODULES/test_vmalloc.ko" \
		--script "$ROOT/scripts/guest/run.sh" --out "$dir" --log "$dir/console.log" \
		-- "nr_threads=$threads" "test_loop_count=$loops" "${arguments[@]}" || status=1
	all_passed "$dir/results.json" || status=1
	printf '\nLinux %s: %s\n' "$KERNEL_RELEASE" "$dir"
	jq -r -L "$ROOT/scripts" -f "$ROOT/scripts/results.jq" "$dir/results.json" ||
		echo "no results: see $dir/console.log"
}

parse_options "$@"
((${#kernel[@]})) || kernel=("${SHOWN_KERNELS[@]}")
need_packages jq
status=0
fetch "${kernel[0]}"
for i in "${!kernel[@]}"; do
	next=${kernel[i + 1]-} fetching=''
	if [[ $next ]]; then
		fetch "$next" &
		fetching=$!
	fi
	run "${kernel[i]}"
	[[ ! $fetching ]] || wait "$fetching" || die "cannot have the kernel $next"
done
((status == 0)) || say "failed"
exit "$status"
