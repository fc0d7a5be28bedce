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

work() {
	read_images squashfs
}

measured() {
	losetup /dev/loop1 /image.zstd && /latency 1000 mount squashfs /dev/loop1 /mnt && losetup -d /dev/loop1
}
