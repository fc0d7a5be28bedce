# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# host-lib.sh - a guest with the user programs of the host, below /machine: the host's files come by 9p,
# read-only, with the share / and the modules 9p, virtio_pci, 9pnet_virtio and overlay.

# What is written goes to memory; of the host, nothing but reads.
enter_host() {
	mkdir /host /memory /machine
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro share /host &&
		mount -t tmpfs tmpfs /memory &&
		mkdir /memory/upper /memory/work /memory/out &&
		mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work \
			overlay /machine || return
	mkdir -p /machine/mnt/out /machine/mnt/modules
	for directory in proc sys dev; do
		mount --bind "/$directory" "/machine/$directory"
	done
	mount --bind /out /machine/mnt/out
	mount --bind /kernel-modules /machine/mnt/modules
}
