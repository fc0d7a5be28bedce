#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh - what an allocation and a free cost, ours and those of the kernel's other allocators, in
# guest instructions: boots a stock kernel whose clock counts them, measures, and prints tables.
#
# usage: scripts/bench.sh [option]...
#
#   --quick        a few loads, on 6.12 only: for the inner loop
#   --kernel K     6.1 or 6.12; may be repeated (without it: both)
#   --load WORDS   only this load, for example 'peer=tree sizes=random order=random live=1000';
#                  may be repeated; see bench/bench.c
#   --mem MB       the guest's memory, 512 to 65536
#   --append WORDS more words for the kernel's command line
#   --timeout S    seconds until a guest that hangs is ended, 1 to 86400 (7200)
#   --help         print this text
#
# The same build gives the same figures every time, on any machine.  The cost of the timer, which is
# measured too, is taken off.  What is measured is kept in build/bench/KERNEL/.
#
# Exit status: 0 if all was measured, 1 if something failed, 2 for a bad option.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/kernels.sh
. "$ROOT/scripts/kernels.sh"

kernels=() quick=0 loads=() mem='' append='' timeout=7200

parse() {
	while (($#)); do
		case $1 in
		--help)
			usage
			exit 0
			;;
		--quick)
			quick=1
			shift
			continue
			;;
		esac
		need_argument "$1" $#
		case $1 in
		--kernel) kernels+=("$2") ;;
		--load) loads+=("$2") ;;
		--mem) need_number "$1" "$2" 512 65536 && mem=$2 ;;
		--append) append=$2 ;;
		--timeout) need_number "$1" "$2" 1 86400 && timeout=$2 ;;
		*) die "unknown option '$1': see --help" ;;
		esac
		shift 2
	done
}

# load PEER SIZES ORDER LIVE - one line of a plan, warmed up until as good as every area was replaced.
load() {
	local warm=$(($4 > 10000 ? $4 : 10000))

	echo "peer=$1 sizes=$2 order=$3 live=$4 warm=$warm ops=20000 budget=20000000000"
}

# quick_plan - what shows at once whether a change was a good one.
quick_plan() {
	local live peer

	load none random random 100
	load none one random 100
	for live in 100 10000 100000 1000000; do
		load tree random random "$live"
	done
	for peer in range iova-fast drm-mm-lowest; do
		for live in 100 10000 100000; do
			load "$peer" random random "$live"
		done
	done
	for peer in arena arena-nocache vmalloc; do
		for live in 100 10000; do
			load "$peer" one random "$live"
		done
	done
	for peer in arena-map vmap; do
		load "$peer" random random 10000
	done
}

# plan - the loads to measure, one a line.
plan() {
	if ((${#loads[@]})); then
		load none random random 100
		printf '%s\n' "${loads[@]}"
	else
		quick_plan
	fi
}

# gather DIR - one JSON document of what the guest left there.
gather() {
	jq -s --arg kernel "$KERNEL_RELEASE" --arg append "$append" --argjson clock "$(<"$1/clock")" \
		'{kernel: $kernel, append: $append, ticks_per_million_instructions: $clock,
		  results: .}' "$1/results" >"$1/bench.json"
}

# run KERNEL - sets status to 1 if anything in it failed.
run() {
	local dir

	kernel_use "$1"
	dir=$BUILD/bench/$KERNEL_NAME
	rm -rf "$dir"
	mkdir -p "$dir"
	say "building for $KERNEL_RELEASE"
	build_modules >"$dir/build.log" 2>&1 || die "cannot build: see $dir/build.log"
	plan >"$dir/loads"
	say "measuring $(wc -l <"$dir/loads") loads in $KERNEL_RELEASE"
	"$ROOT/scripts/vm.sh" --kernel "$1" --icount --mem "$mem" --timeout "$timeout" \
		--append "init_on_alloc=0 $append" --kernel-module drm --file "$dir/loads" \
		--module "$MODULES/vmap_arena.ko" --module "$MODULES/bench/vmap_bench.ko" \
		--script "$ROOT/scripts/guest/bench.sh" --out "$dir" >"$dir/console.log" || status=1
	gather "$dir" || {
		say "no results: see $dir/console.log"
		status=1
		return
	}
	printf '\nLinux %s: %s\n' "$KERNEL_RELEASE" "$dir/bench.json"
	jq -r -f "$ROOT/scripts/bench.jq" "$dir/bench.json"
}

parse "$@"
((${#kernels[@]} || !quick)) || kernels=(6.12)
((${#kernels[@]})) || kernels=("${STOCK_KERNELS[@]}")
mem=${mem:-3072}
need_packages jq
status=0
for kernel in "${kernels[@]}"; do
	run "$kernel"
done
((status == 0)) || say "failed"
exit "$status"
