# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# record.sh WORKLOAD [COMMAND...] - record vmalloc's tracepoints while a workload runs.  In a guest,
# or with OUT set on the running machine; root only.  OUT/raw is what tracefs printed.
#
#   boot        nothing: events were turned on by the kernel's command line
#   fork-storm  waves of 60 processes, some of which live for a while: kernel stacks come and go
#   modules     the kernel modules in /kernel-modules, unloaded and loaded again
#   mount       the images /ext4.img and /squashfs.img, mounted, read and unmounted in turn
#   mixed       the three before at once, beside disks in compressed memory that are made, filled and given up
#   command     the COMMAND

OUT=${OUT:-/out}
TRACING=/sys/kernel/tracing
INSTANCE=$TRACING/instances/vmap-record
EVENTS="alloc_vmap_area free_vmap_area_noflush purge_vmap_area_lazy"
BUFFER_KB=16384

fail() {
	echo "record.sh: $*" >&2
	exit 2
}

# On a running machine nothing is left behind, however it ends.
clean_up() {
	[ "$buffer" = "$TRACING" ] || rmdir "$buffer"
	[ -z "$mounted" ] || umount "$TRACING"
}

mount_tracefs() {
	[ ! -e "$TRACING/trace" ] || return 0
	mount -t tracefs tracefs "$TRACING" 2>/dev/null ||
		fail "no tracefs at $TRACING: needs root, and a kernel with tracing"
	mounted=yes
}

find_events() {
	for event in $EVENTS; do
		[ -d "$TRACING/events/vmalloc/$event" ] ||
			fail "this kernel has no tracepoint vmalloc:$event: it needs Linux 6.2 or later"
	done
}

switch_events() {
	for event in $EVENTS; do
		echo "$1" >"$buffer/events/vmalloc/$event/enable" || fail "cannot write to $buffer"
	done
}

# A buffer of our own, so that whoever else traces on this machine is not disturbed.
start() {
	mkdir "$INSTANCE" || fail "cannot make $INSTANCE: is there another recording?"
	buffer=$INSTANCE
	echo "$BUFFER_KB" >"$buffer/buffer_size_kb" || fail "no memory for $BUFFER_KB KiB a CPU"
	switch_events 1
}

fork_storm() {
	for wave in $(seq 140); do
		for process in $(seq 60); do
			case $((process % 4)) in
			0) sleep $((process % 3 + 1)) & ;;
			*) /bin/true & ;;
			esac
		done
		[ $((wave % 10)) != 0 ] || wait
	done
	wait
}

modules() {
	sed '1!G;h;$!d' /kernel-modules/order >/tmp/reverse
	for round in 1 2 3; do
		while read -r file; do
			rmmod "${file%.ko}" 2>/dev/null
		done </tmp/reverse
		while read -r file; do
			insmod "/kernel-modules/$file" 2>/dev/null
		done </kernel-modules/order
	done
}

use_mounted() {
	find /mnt -type f | head -n 200 | xargs cat >/dev/null
	[ "$1" = squashfs ] || cp -r /bin/busybox "/mnt/copy-$2"
	umount /mnt
}

mounts() {
	mkdir -p /mnt
	for round in $(seq 40); do
		for type in ext4 squashfs; do
			mount -t "$type" -o loop "/$type.img" /mnt || fail "cannot mount $type"
			use_mounted "$type" "$round"
		done
	done
}

zram_disks() {
	disk=/sys/block/zram$(cat /sys/class/zram-control/hot_add)
	for round in $(seq 60); do
		echo "$((round % 8 * 16 + 16))M" >"$disk/disksize" || fail "cannot make a disk in memory"
		dd if=/dev/urandom of="/dev/${disk##*/}" bs=64k count=32 2>/dev/null
		echo 1 >"$disk/reset"
	done
}

# What the mounts and the disks need is in use all the time, so it is not unloaded.
mixed() {
	mkdir /hold-ext4 /hold-squashfs
	for type in ext4 squashfs; do
		cp "/$type.img" "/held-$type.img"
		mount -t "$type" -o loop "/held-$type.img" "/hold-$type" || fail "cannot mount $type"
	done
	exec 8</dev/zram0
	fork_storm &
	modules &
	mounts &
	zram_disks &
	wait
}

workload=$1
shift
buffer=$TRACING mounted=
trap clean_up EXIT
trap 'exit 2' INT TERM
mount_tracefs
find_events
[ "$workload" = boot ] || start
status=0
case $workload in
boot) ;;
fork-storm) fork_storm ;;
modules) modules ;;
mount) mounts ;;
mixed) mixed ;;
command) "$@" || status=$? ;;
*) fail "'$workload' is not one of boot, fork-storm, modules, mount, mixed, command" ;;
esac
switch_events 0
cat "$buffer/trace" >"$OUT/raw"
[ "$status" = 0 ] || fail "the command failed with status $status"
