# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# example.sh - examples/vmap_driver, which was written for vmalloc(), has its memory of an arena of its own.

BOARD=/dev/vmap_driver
# shellcheck disable=SC2153 # lib.sh sets it
AREAS=$ARENAS/vmap_driver/areas

# written BYTES - what is written so is what is read.
written() {
	head -c "$1" /lib.sh >/tmp/text
	dd if=/tmp/text of="$BOARD" bs="$1" 2>/dev/null && cmp /tmp/text "$BOARD"
}

insmod vmap_arena.ko || not_ok "vmap_arena.ko loads"
expect "the example loads" insmod vmap_driver.ko
expect_fail "it has nothing yet" grep -q . "$AREAS"
expect "a little is written and read" written 10
expect "more is written and read" written 4000
expect "that is one area of its arena" [ "$(wc -l <"$AREAS")" = 1 ]
expect "which says who asked for it" grep -q 'board_write.*\[vmap_driver\]' "$AREAS"
expect "all arenas verify" verify_all
expect "the example unloads" rmmod vmap_driver
expect_fail "its arena goes with it" [ -e "$AREAS" ]
expect_fail "nothing is left behind" sh -c 'dmesg | grep "vmap_arena: .*behind"'
unload vmap_arena
