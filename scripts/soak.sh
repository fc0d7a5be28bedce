#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# soak.sh - all stress tests at once, for as long as asked for, with the invariants polled.
#
# usage: scripts/soak.sh [option]...
#
#   --minutes N  how long, 1 to 10000 (10)
#   --kernel K   what vm.sh takes (6.12), debug, or kcsan
#   --cpus N     virtual CPUs, 1 to 64 (4)
#   --threads N  threads that each run all tests in an order of their own, 1 to 64 (8)
#   --help       print this text
#
# The guest runs test_vmalloc.ko on the arena round after round until the time is over, and reads
# "verify" of every arena twice a second.  Figures and the kernel log are kept in build/soak/.  Exit
# status: 0 if every round passed and every verify said ok, 1 if not, 2 for a bad option.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

minutes=10 kernel=6.12 cpus=4 threads=8

parse_options "$@"
case $kernel in
debug | kcsan) "$ROOT/scripts/testkernel.sh" "$kernel" ;;
esac
kernel_use "$kernel"
out=$BUILD/soak
rm -rf "$out"
mkdir -p "$out"
build_modules >"$out/build.log" 2>&1 || die "cannot build: see $out/build.log"
say "$minutes minutes on $KERNEL_RELEASE, $cpus CPUs, $threads threads"
status=0
"$ROOT/scripts/vm.sh" --kernel "$kernel" --cpus "$cpus" --mem 3072 --out "$out" --log "$out/console.log" \
	--module "$MODULES/vmap_arena.ko" --module "$MODULES/test_vmalloc.ko" \
	--script "$ROOT/scripts/guest/soak.sh" --timeout $((minutes * 60 + 900)) \
	-- "$minutes" "$threads" || status=1
[[ ! -e $out/figures ]] || cat "$out/figures"
((status == 0)) || say "failed: see $out/console.log"
exit "$status"
