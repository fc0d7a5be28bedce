# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# frag-lib.sh - how fragmented the free memory of the largest zone is, and what vmap_frag.ko does to it.

# shellcheck disable=SC2034 # for the scripts that source this file
EXTFRAG=/sys/kernel/debug/extfrag
FRAG=/sys/kernel/debug/vmap_frag

# largest_zone - the node and the zone with the most memory, as the kernel's files name them: "Node 0, zone DMA32".
largest_zone() {
	awk '/^Node/ { sub(/, zone +/, ", zone "); zone = $0 } $1 == "managed" && $2 > most { most = $2; name = zone }
		END { print name }' /proc/zoneinfo
}

# zone_row FILE - the figures of the zone $ZONE in a file that has a line a zone, and a column an order.
zone_row() {
	sed 's/, zone  */, zone /' "$1" | awk -v zone="$ZONE " 'index($0, zone) == 1 { print substr($0, length(zone) + 1) }'
}

# busybox has an awk without powers.

# unusable - of the free pages in the zone, the share in blocks too small for a request, for each order from 0 on:
# what /proc/buddyinfo says.
unusable() {
	zone_row /proc/buddyinfo | awk '{
		for (i = pages = 1; i <= NF; i++) { in_blocks[i] = $i * pages; free += $i * pages; pages *= 2 }
		for (i = 1; i <= NF; i++) {
			printf("%s%.3f", i > 1 ? " " : "", free ? small / free : 1)
			small += in_blocks[i]
		}
	}'
}

# free_pages - those of the zone that are in blocks.
free_pages() {
	zone_row /proc/buddyinfo | awk '{ for (i = pages = 1; i <= NF; i++) { free += $i * pages; pages *= 2 }; print free + 0 }'
}

# probe HOW REQUESTS - how many blocks of 2 MiB could be had, "light" or with "compact"ion.
probe() {
	echo "$1 $2" >"$FRAG/probe" && cat "$FRAG/probe"
}

# state FIELD
state() {
	awk -v field="$1" '$1 == field { print $2 }' "$FRAG/state"
}

# vmstat FIELD
vmstat() {
	awk -v field="$1" '$1 == field { print $2 }' /proc/vmstat
}

# make_cache MB - /cached/file is a hole of a file system, which takes no time to be read; all memory that is free
# is filled with what is read of it.  (What is read of a disk by itself the kernel cannot move.)
make_cache() {
	mkdir -p /disk /cached && mount -t tmpfs tmpfs /disk && truncate -s 32M /disk/image &&
		mke2fs -F /disk/image >/dev/null && mount -t ext2 -o loop /disk/image /cached &&
		truncate -s "$1M" /cached/file && dd if=/cached/file of=/dev/null bs=1M 2>/dev/null
}

drop_cache() {
	umount /cached && umount /disk
}
