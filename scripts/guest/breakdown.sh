# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# breakdown.sh - make the calls of the line in /load while QEMU traces, and leave in /out/symbols.gz which
# function, and which variable, lies where.

insmod vmap_arena.ko && insmod vmap_bench.ko || exit
# The tree path is what is left when nothing is kept for reuse.
[ ! -e "$ARENAS/bench-tree/cache" ] || echo 0 >"$ARENAS/bench-tree/cache" || exit
grep -i ' [tdb] ' /proc/kallsyms | gzip >/out/symbols.gz
sleep 10 # what the boot left to be done is done; where the clock counts instructions, sleep takes no time
echo "# measuring"
cat /load >/sys/kernel/debug/vmap_bench/run
rmmod vmap_bench && rmmod vmap_arena
