# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: a compressed file system; the pages that it decompresses to and from are mapped by vm_map_ram()
# source: fs/erofs
# modules: erofs
# needs: loop
# packages: erofs-utils

# files_for MATERIAL DIR - an image for each algorithm.
files_for() {
	for algorithm in lz4 lz4hc; do
		mkfs.erofs -z"$algorithm" -C65536 --quiet "$2/image.$algorithm" "$1" || return
	done
}

work() {
	read_images erofs
}
