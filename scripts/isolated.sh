#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# isolated.sh - by what, and how often, an isolated CPU is interrupted while other CPUs use an arena, or
# vmalloc: prints a table.
#
# usage: scripts/isolated.sh [option]...
#
#   --kernel K   what vm.sh takes, from 6.12 on (6.12); may be repeated
#   --seconds N  how long each load runs, 1 to 3600 (60)
#   --timeout S  seconds until a guest that hangs is ended, 1 to 86400 (7200)
#   --help       print this text
#
# CPU 2 of a guest with three CPUs is isolated (isolcpus, nohz_full, rcu_nocbs) and runs a loop in user
# space, no system call in it.  The others run the loads, one after the other:
#
#   nothing          what the kernel itself does
#   idle cache       two threads have used an arena and stopped: what they left goes back
#   busy cache       two threads allocate and free 4 pages
#   busy arena       likewise 1 to 100 pages
#   purge            likewise, and all that is free is given back once a second
#   vmalloc, 4       as busy cache, by the kernel's vmalloc
#   vmalloc, 1-100   as busy arena, by the kernel's vmalloc
#
# Columns: allocations meanwhile; interrupts of the isolated CPU: its timer, to reschedule, to run a
# function (TLB flushes are such, and have a line in /proc/interrupts on amd64), and all others; then
# which functions the others asked that CPU for, and how often.  What is asked while CPU 2 is still to be
# interrupted for an earlier one takes no second interrupt.
#
# Figures are kept in build/isolated/.  Exit status: 0 if all was measured, 1 if not, 2 for a bad option.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

kernel=() seconds=60 timeout=7200

# run KERNEL
run() {
	local out

	kernel_use "$1"
	out=$BUILD/isolated/$KERNEL_NAME
	rm -rf "$out"
	mkdir -p "$out"
	build_modules >"$out/build.log" 2>&1 || die "cannot build: see $out/build.log"
	say "7 loads of $seconds seconds each in $KERNEL_RELEASE"
	"$ROOT/scripts/vm.sh" --kernel "$1" --script "$ROOT/scripts/guest/quiet.sh" --cpus 3 --timeout "$timeout" \
		--append "isolcpus=2 nohz_full=2 rcu_nocbs=2" --module "$MODULES/vmap_arena.ko" \
		--module "$MODULES/test_vmalloc.ko" --out "$out" -- "$seconds" >"$out/vm.log" 2>&1 || {
		say "failed: see $out/vm.log"
		return 1
	}
	printf '\nLinux %s: interrupts of an isolated CPU in %d seconds\n' "$KERNEL_RELEASE" "$seconds"
	cat "$out/table"
}

parse_options "$@"
((${#kernel[@]})) || kernel=(6.12)
status=0
for name in "${kernel[@]}"; do
	run "$name" || status=1
done
exit "$status"
