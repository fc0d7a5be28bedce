# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: with preemption off, a real-time kernel's slab and page allocator are left alone; the reserve serves while a hog has the memory
# kernels: 6.12-rt
# deep: 6.1-rt

use_kernel "$1"
in_guest raw.sh --mem 384 --module "$MODULES/vmap_raw.ko"
