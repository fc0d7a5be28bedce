#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# fragmentation.sh - what large blocks first, single pages, and memory that is kept warm do to the fragmentation
# of physical memory: replays a load with real pages in a guest, prints a table and draws plots.
#
# usage: scripts/fragmentation.sh [option]... [TRACE]
#
#   --kernel K     what vm.sh takes, amd64 (6.12 and 7.2); may be repeated
#   --way W        how areas get memory, one of none, single, large, vmalloc, arena; may be repeated (all of them)
#   --workload W   instead of a TRACE, what replay.sh takes (heavy)
#   --n N          areas live at once in a workload, 1 to 1000000 (4000)
#   --ops N        allocations of a workload, 1 to 1000000 (100000)
#   --seeds N      boots of each way, each with a seed of its own, 1 to 100 (1)
#   --samples N    how often the guest looks, 1 to 10000 (30)
#   --step N       operations between two looks, 1 to 1000000 (1000)
#   --read N       KiB that the page cache gets with each operation, 0 to 1024 (16)
#   --mem MB       the guest's memory, 256 to 65536 (512)
#   --out DIR      where tables, figures and plots go (build/fragmentation)
#   --timeout S    seconds until a guest that hangs is ended, 1 to 86400 (3600)
#   --help         print this text
#
# Each way has a boot of its own, with one CPU whose clock counts instructions.  First all free memory is filled
# with the page cache of a file twice as large as memory, on ext4; then operations of the load take turns with
# reads from random places of the file.  A trace that ends begins anew.  The ways: lab/pages/ways.c; none is the page cache
# alone.
#
# Columns, of the zone with the most memory, over the second half of all looks: MiB that areas have; MiB free; the
# share of the free pages in blocks too small for 64 KiB, 512 KiB and 2 MiB (the kernel's unusable index, as it
# has one for each order); in how many per cent of the looks the kernel's fragmentation index said that 2 MiB fail
# for want of a block rather than of memory (above 0.5; below 0 a block is there); and how many of 64 requests for
# 2 MiB, as for a huge page, were served at once.  Then, in the end, how many of them compaction served, and how many
# pages it moved; and both, at once and with compaction, when all areas had been freed.  With several seeds a figure
# is the median of all boots, and two lines below it say the least and the most.
#
# DIR gets a folder for each kernel, in it WAY.SEED/samples (scripts/guest/fragmentation.sh), table and the plots
# as SVG: unusable (over time), orders (the share for each order), requests (over time).  Exit status: 0; 1 if a
# guest failed; 2 for bad input.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

WAYS=(none single large vmalloc arena)
REQUESTS=64

kernel=() way=() workload=heavy n=4000 ops=100000 seeds=1 samples=30 step=1000 read=16 mem=512
out=$BUILD/fragmentation timeout=3600 words=()

check_options() {
	((${#words[@]} <= 1)) || die "one trace at a time: '${words[0]}' or '${words[1]}'?"
	[[ ! $trace || -r $trace ]] || die "cannot read '$trace'"
	[[ $out != *\'* ]] || die "--out: no quotation mark may be in it"
	((${#kernel[@]})) || kernel=(6.12 7.2)
	((${#way[@]})) || way=("${WAYS[@]}")
}

# boot DIR WAY SEED
boot() {
	local load=("workload=$workload" "n=$n" "ops=$ops") file=()

	rm -rf "$1"
	mkdir -p "$1"
	if [[ $trace ]]; then
		load=(trace=/trace)
		zcat -f "$trace" >"$1/trace"
		file=(--file "$1/trace")
	fi
	"$ROOT/scripts/vm.sh" --kernel "$KERNEL" --icount --mem "$mem" --timeout "$timeout" --append init_on_alloc=0 \
		--kernel-module loop --kernel-module ext4 --module "$MODULES/vmap_arena.ko" --module "$MODULES/lab/pages/vmap_frag.ko" \
		"${file[@]}" --script "$ROOT/scripts/guest/fragmentation.sh" --out "$1" --log "$1/console.log" -- \
		$((2 * mem)) "$samples" "$step" "$REQUESTS" "way=$2" "seed=$3" "read=$read" "${load[@]}" >"$1/vm.log" 2>&1
}

# row DIR WAY - lines of the table: medians over all seeds and, if there are several, the least and the most.
row() {
	local files=() seed

	for ((seed = 1; seed <= seeds; seed++)); do
		files+=("$1/$2.$seed/samples" "$1/$2.$seed/end")
	done
	awk -v way="$2" -f "$ROOT/scripts/fragmentation.awk" "${files[@]}"
}

# table DIR
table() {
	local name

	printf 'Linux %s, %s: means of the second half of %d looks, median of %d boot(s)\n' "$KERNEL_RELEASE" "$label" "$samples" "$seeds"
	printf '%-8s %6s %6s %20s %6s %23s %15s\n' '' '' '' 'unusable for' index '2 MiB of 64' 'when all is freed'
	printf '%-8s %6s %6s %6s %6s %6s %6s %7s %7s %7s %7s %7s\n' way live free 64K 512K 2M '> 0.5' 'at once' \
		compact moved 'at once' compact
	for name in "${way[@]}"; do
		row "$1" "$name"
	done
}

# run KERNEL - all boots; the table, and the plots.
run() {
	local dir name seed

	kernel_use "$1"
	[[ $KERNEL_ARCH == amd64 ]] || die "--kernel: '$1' is not for amd64"
	dir=$out/$KERNEL_NAME
	mkdir -p "$dir"
	build_modules >"$dir/build.log" 2>&1 || die "cannot build for $1: see $dir/build.log"
	for name in "${way[@]}"; do
		for ((seed = 1; seed <= seeds; seed++)); do
			say "Linux $KERNEL_RELEASE: $name, seed $seed"
			boot "$dir/$name.$seed" "$name" "$seed" || {
				say "failed: see $dir/$name.$seed/vm.log"
				return 1
			}
		done
	done
	table "$dir" | tee "$dir/table"
	gnuplot -e "dir='$dir'; names='${way[*]}'; load='Linux $KERNEL_RELEASE, $label'; requests=$REQUESTS" \
		"$ROOT/scripts/fragmentation.gp" || die "gnuplot failed: see its message above"
}

parse_options "$@"
trace=${words[0]-}
check_options
need_packages gnuplot-nox
label=$(basename "${trace:-$workload-$n}" .gz)
# It goes through gnuplot's command line.
label=${label//[^[:alnum:]._-]/_}
status=0
for name in "${kernel[@]}"; do
	run "$name" || status=1
done
say "figures and plots: $out"
exit "$status"
