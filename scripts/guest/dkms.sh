# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# dkms.sh - the modules as DKMS built them, and one built against them, load, work and unload.

STRESS=/sys/kernel/debug/vmap_stress

expect "vmap_arena.ko, built by DKMS, loads" insmod vmap_arena.ko
expect "a module built against it loads" insmod vmap_example.ko
expect "and has memory of it" sh -c 'dmesg | grep "vmap_example: an area begins with .vmap_arena [0-9]"'
expect "vmap_stress.ko, built by DKMS, loads" insmod vmap_stress.ko test_loop_count=20 nr_threads=2
expect "its run ends, and arenas verify meanwhile" stress_wait verify_all
expect_fail "no test failed" grep -E '_test +(arena|kernel) +(failed|not-run) ' "$STRESS/results"
expect_fail "vmap_arena.ko cannot be unloaded while a module uses it" rmmod vmap_arena
expect "all unload" rmmod vmap_stress vmap_example vmap_arena
