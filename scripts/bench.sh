#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh - what an allocation and a free cost, ours and those of the kernel's other allocators, in
# guest instructions: boots a stock kernel whose clock counts them, measures, prints tables, and
# draws plots.
#
# usage: scripts/bench.sh [option]...
#
#   --quick        a few loads: for the inner loop
#   --kernel K     as for scripts/run.sh; may be repeated (without it: 6.12)
#   --part NAME    only this part; may be repeated.  What was measured of the others stays:
#                  ranges    address ranges: our range arena, iova, drm_mm, gen_pool, maple tree
#                  memory    memory: our memory arena, vmalloc, vmap
#                  huge      buffers of 2 to 512 MiB: vmap_alloc_huge(), vmalloc_huge(), and by 4 KiB pages
#                  cleared   memory, with init_on_alloc=1
#                  caught    vmalloc and vmap, with catch_vfree=1: what others pay for it
#                  latency   how the cost of single calls is distributed, with 100,000 live areas
#                  wake      how late a real-time thread runs while others allocate and free
#                  lazy      likewise with the preemption that the kernel has by default, spans of 64 MiB
#                  lazy-2m   likewise, spans of 2 MiB
#                  holds     how long a lock of an arena is held at most, under the same loads
#                  sections  the longest section with interrupts or preemption off, of all, of those in which an
#                            arena or vmalloc is at work, and of their own, under like loads: only in the
#                            kernels tracers and rt-tracers (scripts/testkernel.sh), whose tracer tells it
#                  timerlat  how late the kernel's tracer timerlat finds an interrupt, and a real-time
#                            thread, under like loads: only in real-time kernels from 6.12 on
#                  osnoise   what takes the CPU from a real-time thread that never sleeps, by the kernel's
#                            tracer osnoise, likewise
#                  locks     how often an allocation or a free takes a lock
#                  native    our free tree, and two threads that share a range arena, as user
#                            programs, in nanoseconds (make -C user bench)
#                  lists     our index against the busy list of Linux 4.18 (lab/)
#                  stress    the stress suite, arena and kernel (scripts/run.sh): on 7.2, 6.12 and
#                            6.1, with init_on_alloc=0 and 1
#   --report       measure nothing, show what was measured before
#   --load WORDS   only this load, for example 'peer=tree sizes=random order=random live=1000';
#                  may be repeated; see bench/bench.c
#   --append WORDS more words for the kernel's command line; may be repeated
#   --calls N      frees, and allocations, of each latency, 100000 to 4000000 (1000000)
#   --loops N      loops of each test of the stress suite, 1 to 1000000 (10000)
#   --timeout S    seconds until a guest that hangs is ended, 1 to 86400 (7200)
#   --help         print this text
#
# The same build gives the same figures every time, on any machine.  The cost of the timer, which is
# measured too, is taken off.  A quiet call is one that neither an interrupt nor another task's turn
# fell into.  What is measured is kept in build/bench/KERNEL/, with bench.json and the plots; the
# stress suite in build/bench/stress/.
#
# Exit status: 0 if all was measured, whatever the figures; 1 if something failed; 2 for a bad
# option.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/bench-plan.sh
. "$ROOT/scripts/bench-plan.sh"
# shellcheck source=scripts/lab-lib.sh
. "$ROOT/scripts/lab-lib.sh"
# shellcheck source=scripts/bench-measure.sh
. "$ROOT/scripts/bench-measure.sh"

STRESS_KERNELS=(7.2 6.12 6.1)
TRACED=(sections timerlat osnoise)
PARTS=(ranges memory huge cleared caught latency wake lazy lazy-2m holds locks native lists stress)
OUT=$BUILD/bench
kernel=() part=() load=() append=() quick=0 report=0 calls=1000000 loops=10000 timeout=7200

check_options() {
	local each

	for each in "${part[@]}"; do
		need_one_of --part "$each" "${PARTS[@]}" "${TRACED[@]}"
	done
	((quick + report + (${#load[@]} > 0) + (${#part[@]} > 0) <= 1)) ||
		die "--quick, --part, --report and --load exclude each other"
}

# suite - all results of the stress suite that there are, as one JSON document.
suite() {
	local name init file

	for name in "${STRESS_KERNELS[@]}"; do
		for init in 0 1; do
			file=$OUT/stress/init-$init/$name/results.json
			[[ ! -e $file ]] || jq --arg kernel "$name" --argjson init "$init" \
				'{kernel: $kernel, init_on_alloc: $init, state, results}' "$file"
		done
	done | jq -s '.'
}

# merge - bench.json: all that was measured in this kernel, and the stress suite.
merge() {
	local part files=()

	for part in ranges memory huge cleared caught latency wake lazy{,-2m} holds sections timerlat osnoise locks quick loads; do
		[[ ! -e $dir/$part.json ]] || files+=("$dir/$part.json")
	done
	[[ -e $dir/lists.json ]] || echo '[]' >"$dir/lists.json"
	[[ -e $dir/native.json ]] || echo '{}' >"$dir/native.json"
	jq -s --arg kernel "$KERNEL_RELEASE" --slurpfile lists "$dir/lists.json" \
		--slurpfile native "$dir/native.json" --slurpfile stress <(suite) \
		'{kernel: $kernel, results: (add // []), lists: $lists[0], native: $native[0], stress: $stress[0]}' \
		"${files[@]}" >"$dir/bench.json" </dev/null
}

filter() {
	jq -r -L "$ROOT/scripts" -f "$ROOT/scripts/$1" "$dir/bench.json"
}

# draw - the plots of bench.json, as far as there is something to draw.
draw() {
	rm -rf "$dir/plot" "$dir"/*.svg
	mkdir -p "$dir/plot"
	filter bench-plot.jq |
		while IFS=$'\t' read -r name x y; do
			echo "$x $y" >>"$dir/plot/$name"
		done
	gnuplot -e "dir='$dir'" "$ROOT/scripts/bench.gp" || die "gnuplot failed: see its message above"
}

report() {
	printf '\nLinux %s: %s\n' "$KERNEL_RELEASE" "$dir/bench.json"
	filter bench.jq
	[[ ! -s $dir/native ]] || {
		printf '\nas user programs, in nanoseconds: our free tree; a range arena\n'
		grep -v '^/' "$dir/native"
	}
	[[ $mode != all ]] || filter bench-targets.jq
}

# run KERNEL - sets status to 1 if anything in it failed.
run() {
	local each

	[[ $1 != *tracers ]] || "$ROOT/scripts/testkernel.sh" "$1" >/dev/null
	kernel_use "$1"
	dir=$OUT/$KERNEL_NAME
	[[ $mode == all ]] || dir+=-$mode
	((${#part[@]})) || rm -rf "$dir"
	mkdir -p "$dir"
	say "building for $KERNEL_RELEASE"
	build_modules >"$dir/build.log" 2>&1 || die "cannot build: see $dir/build.log"
	for each in "${wanted[@]}"; do
		case $each in
		lists | native) "measure_$each" ;;
		stress) ;;
		*) measure "$each" ;;
		esac
	done
}

# finish KERNEL
finish() {
	kernel_use "$1"
	dir=$OUT/$KERNEL_NAME
	[[ $mode == all ]] || dir+=-$mode
	[[ -d $dir ]] || die "nothing was measured in $KERNEL_RELEASE"
	merge
	[[ $mode != all ]] || draw
	report
}

parse_options "$@"
check_options
((${#kernel[@]})) || kernel=(6.12)
mode=all wanted=("${part[@]}")
((${#wanted[@]})) || wanted=("${PARTS[@]}")
((!report)) || wanted=()
((!quick)) || mode=quick wanted=(quick)
((${#load[@]} == 0)) || mode=loads wanted=(loads)
need_packages jq gnuplot-nox
status=0
for name in "${kernel[@]}"; do
	((report)) || run "$name"
done
[[ " ${wanted[*]} " != *" stress "* ]] || stress
for name in "${kernel[@]}"; do
	finish "$name"
done
((status == 0)) || say "failed"
exit "$status"
