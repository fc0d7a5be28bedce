# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a file system that compresses, scrubs and sends; what it sends from is vmalloc's, and so is a large answer
# source: fs/btrfs
# modules: btrfs
# needs: loop
# packages: btrfs-progs e2fsprogs
# programs: /bin/btrfs /sbin/mkfs.btrfs /usr/sbin/filefrag

btrfs() {
	/bin/btrfs "$@" >/tmp/btrfs.said 2>&1 || {
		cat /tmp/btrfs.said
		return 1
	}
}

# holders FILE - whose the first extent of a file is, from an answer of 16 MiB: more than kmalloc ever gives.
holders() {
	extent=$(/usr/sbin/filefrag -v "$1" | awk '$1 == "0:" { print int($4) * 4096 }')
	/bin/btrfs inspect-internal logical-resolve -P -s 16777216 "$extent" /mnt | sort
}

work() {
	rm -f /tmp/disk
	truncate -s 256M /tmp/disk && /sbin/mkfs.btrfs -q /tmp/disk &&
		mount -t btrfs -o loop,compress-force=zstd /tmp/disk /mnt && btrfs subvolume create /mnt/work &&
		cp -r /material/text /material/binary /mnt/work && btrfs subvolume snapshot -r /mnt/work /mnt/before &&
		rm -r /mnt/work/text/erofs && btrfs subvolume snapshot -r /mnt/work /mnt/after && sync -f /mnt || return
	btrfs send -q --proto 2 -f /tmp/stream /mnt/before &&
		btrfs send -q --proto 2 -p /mnt/before -f /tmp/more /mnt/after &&
		mkdir /mnt/received && btrfs receive -q -f /tmp/stream /mnt/received &&
		btrfs receive -q -f /tmp/more /mnt/received && btrfs scrub start -B /mnt || return
	holders /mnt/work/binary/vmap_arena.ko >"$OUT/holders" && [ "$(wc -l <"$OUT/holders")" = 3 ] || return
	umount /mnt && mount -t btrfs -o loop /tmp/disk /mnt && manifest /mnt >"$OUT/all" && umount /mnt || return
	btrfs check /tmp/disk && rm /tmp/disk /tmp/stream /tmp/more
}
