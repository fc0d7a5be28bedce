# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: an address of an arena's given to vfree() and its like: caught with catch_vfree=1, else noticed
# kernels: 6.12 7.2 6.12-rt 6.12-arm64
# deep: 6.1 6.1-arm64
# quick: 6.12
# any: yes

use_kernel "$1"
in_guest misuse.sh --module "$MODULES/vmap_misuse.ko"
