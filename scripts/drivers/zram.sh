# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a compressed disk in RAM, under ext4 and as swap; its table of slots and its streams are vmalloc's
# source: drivers/block/zram
# modules: zram
# needs: ext4
# packages: e2fsprogs util-linux
# programs: /sbin/mkfs.ext4 /sbin/mkswap

DISK=/sys/block/zram0

# new_disk ALGORITHM
new_disk() {
	echo "$1" >"$DISK/comp_algorithm" && echo 128M >"$DISK/disksize"
}

reset_disk() {
	echo 1 >"$DISK/reset"
}

# A file system's worth of data goes there and comes back.
file_system() {
	new_disk "$1" && /sbin/mkfs.ext4 -q -F /dev/zram0 && mount -t ext4 /dev/zram0 /mnt && pour_out /mnt &&
		umount /mnt && mount -t ext4 /dev/zram0 /mnt && manifest /mnt >"$OUT/$1" && umount /mnt && reset_disk
}

# swapped_out - pages that the disk has at the moment.
swapped_out() {
	awk '{ print int($1 / 4096) }' "$DISK/mm_stat"
}

# More than a control group may have in memory goes to a tmpfs, so most of it is swapped out, and in again.
swap() {
	new_disk lz4 && /sbin/mkswap /dev/zram0 >/dev/null && swapon /dev/zram0 && mkdir -p /full /groups || return
	mount -t tmpfs tmpfs /full
	mount -t cgroup2 cgroup2 /groups && echo +memory >/groups/cgroup.subtree_control && mkdir /groups/small &&
		echo 8M >/groups/small/memory.max || return
	sh -c 'echo $$ >/groups/small/cgroup.procs && cat >/full/data && sha256sum </full/data' <"$PATTERN" >"$OUT/swap"
	[ "$(swapped_out)" -gt 1000 ] || {
		echo "hardly anything was swapped out: $(swapped_out) pages"
		return 1
	}
	umount /full && swapoff /dev/zram0 && reset_disk && rmdir /groups/small && umount /groups
}

work() {
	file_system lz4 && file_system zstd && swap
}

tidy() {
	umount /full
	swapoff /dev/zram0
	rmdir /groups/small
	umount /groups
	umount /mnt
	reset_disk
}
