# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# breakdown.sh - make the calls of the line in /load while QEMU traces, and leave in /out/symbols.gz which
# function lies where.

insmod vmap_arena.ko && insmod vmap_bench.ko || exit
grep -i ' t ' /proc/kallsyms | gzip >/out/symbols.gz
sleep 10 # what the boot left to be done is done; where the clock counts instructions, sleep takes no time
echo "# measuring"
cat /load >/sys/kernel/debug/vmap_bench/run
rmmod vmap_bench && rmmod vmap_arena
