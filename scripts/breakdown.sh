#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# breakdown.sh - where the instructions of a call go: address, pages, page tables, accounts and so on, for
# vmalloc and for an arena, from a trace of each instruction that an emulated CPU executes.
#
# usage: scripts/breakdown.sh [option]...
#
#   --kernel K     as for scripts/run.sh; may be repeated (without it: 6.12)
#   --peer NAME    whose calls, as in bench/bench.c; may be repeated (without it: vmalloc, arena-nocache, arena,
#                  vmap and arena-map)
#   --load WORDS   which calls (sizes=one order=random live=1000); see bench/bench.c
#   --size MB      how much trace is taken of each, 10 to 10000 (200, which are some 600 pairs of vmalloc's)
#   --timeout S    seconds until a guest that hangs is ended, 1 to 86400 (1200)
#   --help         print this text
#
# Nothing is added to the kernel: QEMU logs the address of each instruction, and the guest's kallsyms say which
# function it lies in.  scripts/breakdown.rows says which part of a call a function is.  What that leaves
# unnamed is counted in build/breakdown/KERNEL/PEER/unnamed.
#
# Exit status: 0 if all was measured; 1 if something failed; 2 for a bad option.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/kernels.sh
. "$ROOT/scripts/kernels.sh"

# The guest runs on while it is traced: long enough for a trace, short enough to wait for.
BUDGET=4000000000
PARTS='call address pages entries checks flush objects accounts clearing later'
kernel=() peer=() load='sizes=one order=random live=1000' size=200 timeout=1200

# tell DIR COMMAND... - to QEMU's monitor.
tell() {
	printf '%s\n' "${@:2}" >"$1/monitor.in"
}

# trace DIR - once the guest in DIR measures, have the instructions that follow logged, up to the size.
trace() {
	until grep -q '^# measuring' "$1/vm.log"; do
		sleep 0.2
	done
	sleep 1 # until all areas are live
	# QEMU 8.1 calls "singlestep" by another name; a command that QEMU does not know does nothing.
	tell "$1" "singlestep on" "one-insn-per-tb on" "log exec,nochain"
	until (($(stat -c %s "$1/trace" 2>/dev/null || echo 0) >= size << 20)); do
		sleep 0.2
	done
	tell "$1" "log none" "singlestep off" "one-insn-per-tb off"
}

# measure DIR PEER - leaves the table in DIR/parts.
measure() {
	local dir=$1 guest tracer

	rm -rf "$dir"
	mkdir -p "$dir"
	mkfifo "$dir/monitor.in" "$dir/monitor.out"
	: >"$dir/vm.log"
	echo "peer=$2 $load warm=20000 ops=4000000 budget=$BUDGET" >"$dir/load"
	"$ROOT/scripts/vm.sh" --kernel "$KERNEL" --icount --mem 1024 --timeout "$timeout" --monitor "$dir/monitor" \
		--trace "$dir/trace" --append init_on_alloc=0 --kernel-module drm --file "$dir/load" \
		--module "$MODULES/vmap_arena.ko" --module "$MODULES/bench/vmap_bench.ko" \
		--script "$ROOT/scripts/guest/breakdown.sh" --out "$dir" >"$dir/vm.log" 2>&1 &
	guest=$!
	trace "$dir" &
	tracer=$!
	wait "$guest" || {
		kill "$tracer" 2>/dev/null || true
		return 1
	}
	kill "$tracer" 2>/dev/null && say "$2: the guest was done before the trace was full"
	gzip -dc "$dir/symbols.gz" | LC_ALL=C sort >"$dir/symbols"
	LC_ALL=C awk -v unnamed="$dir/unnamed" -f "$ROOT/scripts/breakdown.awk" "$ROOT/scripts/breakdown.rows" \
		"$dir/symbols" "$dir/trace" >"$dir/parts" 2>>"$dir/vm.log" || return
	rm -f "$dir/trace" "$dir/monitor.in" "$dir/monitor.out"
}

# table DIR PEER... - a column for an allocation and one for a free of each peer.
table() {
	local dir=$1 each part

	printf '\nLinux %s: instructions of an allocation and of a free, %s\n\n%-10s' "$KERNEL_RELEASE" "$load" ''
	printf '%16s' "${@:2}"
	echo
	for part in $PARTS; do
		printf '%-10s' "$part"
		for each in "${@:2}"; do
			awk -F '\t' -v part="$part" '$1 == part { printf "%9d %6d", $2, $3 }' "$dir/$each/parts"
		done
		echo
	done
	printf '%-10s' all
	for each in "${@:2}"; do
		awk -F '\t' '$1 != "calls" { alloc += $2; free += $3 } END { printf "%9d %6d", alloc, free }' \
			"$dir/$each/parts"
	done
	echo
}

parse_options "$@"
((${#kernel[@]})) || kernel=(6.12)
((${#peer[@]})) || peer=(vmalloc arena-nocache arena vmap arena-map)
status=0
for name in "${kernel[@]}"; do
	kernel_use "$name"
	dir=$BUILD/breakdown/$KERNEL_NAME
	mkdir -p "$dir"
	build_modules >"$dir/build.log" 2>&1 || die "cannot build: see $dir/build.log"
	measured=()
	for each in "${peer[@]}"; do
		say "tracing $each in $KERNEL_RELEASE"
		if measure "$dir/$each" "$each"; then
			measured+=("$each")
		else
			say "failed: see $dir/$each/vm.log"
			status=1
		fi
	done
	((${#measured[@]} == 0)) || table "$dir" "${measured[@]}"
done
exit "$status"
