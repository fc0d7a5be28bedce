# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a Bluetooth device that a program plays; its dumps are vmalloc's, and the kernel's own code frees them
# source: net/bluetooth drivers/bluetooth/hci_vhci.c
# modules: bluetooth hci_vhci
# set: CONFIG_BT_RFCOMM= CONFIG_BT_BNEP= CONFIG_BT_HIDP= CONFIG_BT_6LOWPAN=

STATE=/sys/kernel/debug/bluetooth/hci0/force_devcoredump

# heard TEXT - is there a dump of this state?  It goes to /tmp/dump; each that there is is freed, by a write.  If there
# is none, the device says so once more: until the kernel has opened the device, it forgets what it said.
heard() {
	heard_it=1
	for dump in /sys/class/devcoredump/devcd*/data; do
		[ -e "$dump" ] || continue
		if grep -aq "$1\$" "$dump"; then
			cat "$dump" >/tmp/dump
			heard_it=0
		fi
		echo >"$dump"
	done
	[ "$heard_it" = 0 ] || printf '\002\000\000\000\000\000\000\000%s' "$1" >"$STATE"
	return "$heard_it"
}

# no_dumps - is none left?  Each that there is is freed.
no_dumps() {
	for dump in /sys/class/devcoredump/devcd*/data; do
		[ ! -e "$dump" ] || echo >"$dump"
	done
	! ls /sys/class/devcoredump/devcd* >/dev/null 2>&1
}

# say_all - a raw device, of which nobody asks anything, says how it is.
say_all() {
	printf '\377\200' >&5 && within 20 [ -e "$STATE" ] || return
	for turn in 1 2 3 4 5 6; do
		within 20 heard "all is well, says turn $turn" || return
		mv /tmp/dump "$OUT/dump-$turn"
	done
}

work() {
	exec 5<>/dev/vhci
	say_all
	said_all=$?
	exec 5>&-
	within 20 no_dumps && return "$said_all"
}
