# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a file system for flash disks; what it compresses is mapped by vm_map_ram(), its tables are vmalloc's
# source: fs/f2fs
# modules: f2fs
# needs: loop
# packages: f2fs-tools
# programs: /usr/sbin/mkfs.f2fs /usr/sbin/fsck.f2fs

work() {
	for algorithm in lz4 zstd lzo; do
		rm -f /tmp/disk
		truncate -s 128M /tmp/disk && /usr/sbin/mkfs.f2fs -q -O extra_attr,compression /tmp/disk >/dev/null &&
			mount -t f2fs -o "loop,compress_algorithm=$algorithm,compress_extension=*" /tmp/disk /mnt &&
			pour_out /mnt && rm -r /mnt/second/text && umount /mnt &&
			mount -t f2fs -o loop /tmp/disk /mnt && manifest /mnt >"$OUT/$algorithm" && umount /mnt || return
		/usr/sbin/fsck.f2fs --dry-run /tmp/disk >/tmp/checked 2>&1 || {
			cat /tmp/checked
			return 1
		}
	done
	rm /tmp/disk
}
