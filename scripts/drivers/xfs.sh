# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a file system that is shut down and recovers its log; buffers, log items and the recovery use vmalloc's memory
# source: fs/xfs
# modules: xfs
# needs: loop
# packages: xfsprogs
# programs: /sbin/mkfs.xfs /usr/sbin/xfs_io /sbin/xfs_repair

# Directories have blocks of 64 KiB, whose buffers are mapped.
fill() {
	pour_out /mnt && mkdir /mnt/many || return
	for turn in $(seq 400); do
		echo "$turn" >"/mnt/many/a-file-with-a-long-name-that-fills-the-directory-$turn" || return
	done
	mv /mnt/first /mnt/moved && rm -r /mnt/second/text
}

work() {
	rm -f /tmp/disk
	truncate -s 320M /tmp/disk && /sbin/mkfs.xfs -q -n size=65536 /tmp/disk && mount -t xfs -o loop /tmp/disk /mnt &&
		fill && /usr/sbin/xfs_io -x -c "shutdown -f" /mnt && umount /mnt || return
	dmesg -c >/dev/null
	mount -t xfs -o loop /tmp/disk /mnt && manifest /mnt >"$OUT/recovered" || return
	dmesg | grep 'XFS (loop[0-9]*): Starting recovery' >/dev/null || {
		echo "there was nothing to recover"
		return 1
	}
	umount /mnt || return
	/sbin/xfs_repair -n /tmp/disk >/tmp/repair 2>&1 || {
		cat /tmp/repair
		return 1
	}
	rm /tmp/disk
}
