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
# shellcheck source=scripts/trace-lib.sh
. "$ROOT/scripts/trace-lib.sh"

PARTS='call address pages entries checks flush objects accounts clearing later'
kernel=() peer=() load='sizes=one order=random live=1000' size=200 timeout=1200

# measure DIR PEER - leaves the table in DIR/parts.
measure() {
	traced "$1" "$2" "$load" 0 && parts "$1" || return
	rm -f "$1/trace"
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
