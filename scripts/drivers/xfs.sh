# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a file system that is shut down and recovers its log; buffers whose size is no power of two are vmalloc's
# source: fs/xfs
# modules: xfs
# needs: loop
# packages: xfsprogs attr
# programs: /sbin/mkfs.xfs /usr/sbin/xfs_io /sbin/xfs_repair /usr/bin/setfattr /usr/bin/getfattr

# attribute TURN - of 5 to 15 blocks, in a buffer of that size, which newer kernels have of vmalloc().
attribute() {
	/usr/bin/setfattr -n user.large -v "$(head -c $((18000 + $1 * 800)) /dev/zero | tr '\000' x)$1" \
		"/mnt/many/a-file-with-a-long-name-that-fills-the-directory-$1"
}

attributes() {
	(cd /mnt && /usr/bin/getfattr -R -d .)
}

# Directories have blocks of 64 KiB, whose buffers older kernels map.
fill() {
	pour_out /mnt && mkdir /mnt/many || return
	for turn in $(seq 400); do
		echo "$turn" >"/mnt/many/a-file-with-a-long-name-that-fills-the-directory-$turn" || return
	done
	for turn in $(seq 50); do
		attribute "$turn" || return
	done
	# From here on the log has what happens, and what was written before is on the disk.
	sync -f /mnt && mv /mnt/first /mnt/moved && rm -r /mnt/second/text
}

work() {
	rm -f /tmp/disk
	truncate -s 320M /tmp/disk && /sbin/mkfs.xfs -q -n size=65536 /tmp/disk && mount -t xfs -o loop /tmp/disk /mnt &&
		fill && /usr/sbin/xfs_io -x -c "shutdown -f" /mnt && umount /mnt || return
	dmesg -c >/dev/null
	mount -t xfs -o loop /tmp/disk /mnt && manifest /mnt >"$OUT/recovered" &&
		attributes >"$OUT/attributes" && [ "$(grep -c large "$OUT/attributes")" = 50 ] || return
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
