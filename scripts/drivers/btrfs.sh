# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a file system that compresses, scrubs, sends and receives; sending and the free space use vmalloc's memory
# source: fs/btrfs
# modules: btrfs
# needs: loop
# packages: btrfs-progs
# programs: /bin/btrfs /sbin/mkfs.btrfs

btrfs() {
	/bin/btrfs "$@" >/tmp/btrfs.said 2>&1 || {
		cat /tmp/btrfs.said
		return 1
	}
}

work() {
	rm -f /tmp/disk
	truncate -s 256M /tmp/disk && /sbin/mkfs.btrfs -q /tmp/disk &&
		mount -t btrfs -o loop,compress-force=zstd /tmp/disk /mnt && btrfs subvolume create /mnt/work &&
		cp -r /material/text /material/binary /mnt/work && btrfs subvolume snapshot -r /mnt/work /mnt/before && rm -r /mnt/work/text/erofs &&
		btrfs subvolume snapshot -r /mnt/work /mnt/after && sync -f /mnt || return
	btrfs send -q -f /tmp/stream /mnt/before && btrfs send -q -p /mnt/before -f /tmp/more /mnt/after &&
		mkdir /mnt/received && btrfs receive -q -f /tmp/stream /mnt/received &&
		btrfs receive -q -f /tmp/more /mnt/received && btrfs scrub start -B /mnt || return
	umount /mnt && mount -t btrfs -o loop /tmp/disk /mnt && manifest /mnt >"$OUT/all" && umount /mnt || return
	btrfs check /tmp/disk && rm /tmp/disk /tmp/stream /tmp/more
}
