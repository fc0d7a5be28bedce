# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a file system for flash, on flash in RAM that is one area of 32 MiB; its table of blocks is vmalloc's
# source: fs/jffs2 drivers/mtd/devices/mtdram.c
# modules: mtdram jffs2

load() {
	insmod "/$1.mtdram.ko" total_size=32768 && insmod "/$1.jffs2.ko"
}

# What is written again and again has the blocks collected that nothing is left in.  Where allocations fail, on a kernel
# with KASAN, the work is begun six times, so it is less.
work() {
	turns='1 2 3' what=/material
	# shellcheck disable=SC2154 # guest/drivers.sh sets it
	[ "$mode" != faults ] || turns=1 what=/material/text
	mount -t jffs2 mtd0 /mnt || return
	for turn in $turns; do
		rm -rf /mnt/work
		cp -r "$what" /mnt/work && echo "$turn" >/mnt/turn || return
	done
	umount /mnt && mount -t jffs2 mtd0 /mnt && manifest /mnt >"$OUT/all" && umount /mnt
}
