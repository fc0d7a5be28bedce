# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a file system for flash, on flash in RAM that is one area of 64 MiB; what they read and write by is vmalloc's
# source: fs/ubifs drivers/mtd/ubi drivers/mtd/devices/mtdram.c
# modules: mtdram ubi ubifs
# needs: lzo deflate zstd
# packages: mtd-utils
# programs: /usr/sbin/ubiattach /usr/sbin/ubidetach /usr/sbin/ubimkvol

load() {
	insmod "/$1.mtdram.ko" total_size=65536 && insmod "/$1.ubi.ko" && insmod "/$1.ubifs.ko"
}

# Where allocations fail, on a kernel with KASAN, the work is begun six times, so it is less.
work() {
	what=/material
	# shellcheck disable=SC2154 # guest/drivers.sh sets it
	[ "$mode" != faults ] || what=/material/text
	/usr/sbin/ubiattach -m 0 >/dev/null && /usr/sbin/ubimkvol /dev/ubi0 -N work -m >/dev/null || return
	for algorithm in lzo zlib zstd none; do
		mount -t ubifs -o "compr=$algorithm" ubi0:work /mnt && cp -r "$what" "/mnt/$algorithm" && umount /mnt &&
			mount -t ubifs -o bulk_read ubi0:work /mnt && manifest /mnt >"$OUT/$algorithm" &&
			rm -rf "/mnt/$algorithm/packed" && umount /mnt || return
	done
	/usr/sbin/ubidetach -m 0 >/dev/null
}

tidy() {
	umount /mnt
	/usr/sbin/ubidetach -m 0
}
