# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# hog-lib.sh - memory is short for as long as there is a file /tmp/working: what is free was read from a disk, and has
# to be taken from there by all who want memory; of the rest something takes more and more, and gives it back.

available() {
	awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo
}

# hog - fill a tmpfs until hardly any memory is left, empty it, and so on.
hog() {
	mkdir -p /hog
	mount -t tmpfs -o size=100%,noswap tmpfs /hog
	while [ -e /tmp/working ]; do
		if [ "$(available)" -gt 64 ]; then
			dd if=/dev/zero bs=1M count=8 2>/dev/null >>/hog/all
		else
			sleep 1
			: >/hog/all
		fi
	done
	umount /hog
}

# read_zeros - a disk of holes, which has no memory of its own, is read again and again.  What was read of it is kept
# for as long as anybody has it open.
read_zeros() {
	zeros_at=0
	truncate -s 2G /tmp/holes && losetup /dev/loop7 /tmp/holes
	exec 7</dev/loop7
	while [ -e /tmp/working ]; do
		dd if=/dev/loop7 of=/dev/null bs=1M count=16 skip="$zeros_at" 2>/dev/null || break
		zeros_at=$(((zeros_at + 16) % 2048))
	done
	exec 7<&-
	losetup -d /dev/loop7
	rm /tmp/holes
}

# reclaimed - how many pages were taken from somebody so far because others wanted memory.
reclaimed() {
	awk '/^pgsteal_(kswapd|direct) / { n += $2 } END { print n + 0 }' /proc/vmstat
}

# is_short PAGES - have more than these been taken?
is_short() {
	[ "$(reclaimed)" -gt "$1" ]
}

# make_short NAME - a test; it takes until the first pages are taken.
make_short() {
	short=$(reclaimed)
	hog &
	read_zeros &
	expect "$1: memory is short" within 600 is_short "$short"
	short=$(reclaimed)
}

# was_short NAME - a test: has more been taken since?
was_short() {
	expect "$1: it was short meanwhile" is_short "$short"
}
