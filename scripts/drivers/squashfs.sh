# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a compressed file system; what its decompressors work in is vmalloc's
# source: fs/squashfs
# modules: squashfs
# needs: loop
# packages: squashfs-tools

# files_for MATERIAL DIR - an image for each algorithm.
files_for() {
	for algorithm in zstd xz gzip lz4; do
		mksquashfs "$1" "$2/image.$algorithm" -comp "$algorithm" -b 1M -noappend -quiet -no-progress || return
	done
}

# Mounted and unmounted again and again, and all of it is read.
work() {
	for image in /image.*; do
		for turn in 1 2 3; do
			mount -t squashfs -o loop,ro "$image" /mnt && manifest /mnt >"$OUT/${image#/image.}-$turn" &&
				umount /mnt || return
		done
		diff "$OUT/${image#/image.}-1" /material.list || return
	done
}

measured() {
	losetup /dev/loop1 /image.zstd && /latency 1000 mount squashfs /dev/loop1 /mnt && losetup -d /dev/loop1
}
