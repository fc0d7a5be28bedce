# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# reload.sh CYCLES - load and unload vmap_arena.ko again and again while every debugfs file of it is
# read without a pause by processes that open them at any moment, and one that keeps one open.

read_all() {
	while [ ! -e /tmp/over ]; do
		for file in stats areas free spans verify; do
			cat "$ARENAS/default/$file" >/dev/null 2>&1
		done
	done
}

# A slow reader: a byte at a time, so that the file is open when the module wants to go.
read_slowly() {
	while [ ! -e /tmp/over ]; do
		dd if="$ARENAS/default/areas" of=/dev/null bs=1 count=2000 2>/dev/null
		dd if="$ARENAS/default/spans" of=/dev/null bs=1 count=2000 2>/dev/null
	done
}

# reload TIMES - an open file may hold the module for a moment.
reload() {
	for _ in $(seq "$1"); do
		insmod vmap_arena.ko span_size=2M && verify_all && within 120 rmmod vmap_arena || return 1
	done
}

reserved=$(reservations)
read_all &
read_all &
read_slowly &
expect "$1 times loaded and unloaded while being read" reload "$1"
touch /tmp/over
wait
expect_fail "nothing of it is left" ls -d "$ARENAS"
expect "no address space is left reserved" [ "$(reservations)" = "$reserved" ]
