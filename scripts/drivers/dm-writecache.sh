# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a cache of writes before a slow disk; the table of its blocks is vmalloc's
# source: drivers/md/dm-writecache.c drivers/md/dm-io-tracker.h
# modules: dm-writecache
# needs: loop
# packages: dmsetup
# programs: /sbin/dmsetup

# The cache is made twice: anew, and from what the first left on its disk.
work() {
	truncate -s 64M /tmp/slow && truncate -s 32M /tmp/fast && losetup /dev/loop1 /tmp/slow &&
		losetup /dev/loop2 /tmp/fast && head -c 24m "$PATTERN" >/tmp/data || return
	for turn in 1 2; do
		/sbin/dmsetup create cached --noudevsync --table "0 131072 writecache s /dev/loop1 /dev/loop2 4096 0" ||
			return
		cached=/dev/dm-$(/sbin/dmsetup info -c --noheadings -o minor cached)
		dd if=/tmp/data of="$cached" bs=1M seek="$((turn * 8))" conv=fsync 2>/dev/null &&
			sha256sum <"$cached" >"$OUT/cached-$turn" || return
		[ "$turn" = 1 ] || /sbin/dmsetup message cached 0 flush || return
		/sbin/dmsetup remove --noudevsync cached || return
	done
	sha256sum </tmp/slow >"$OUT/slow"
	losetup -d /dev/loop1 && losetup -d /dev/loop2 && rm /tmp/slow /tmp/fast
}

tidy() {
	/sbin/dmsetup remove --noudevsync --force cached
}
