# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the bpftrace programs, run by Debian's bpftrace in a guest, tell what areas did there
# kernels: 6.12

# One CPU: where an emulated guest patches its code while other CPUs run it, the kernel may die of that.
use_kernel "$1"
(need_packages bpftrace) || skip_all "bpftrace cannot be had"
in_guest bpftrace.sh --cpus 1 --mem 3072 --module "$MODULES/vmap_holder.ko" --share / --kernel-module virtio_pci \
	--kernel-module 9pnet_virtio --kernel-module 9p --kernel-module overlay -- "$ROOT"
