# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the pages that an arena holds are counted: in its stats, and where the kernel lets modules do so in VmallocUsed and memcg
# kernels: 6.12 7.2

use_kernel "$1"
counted=no
! grep -qw lruvec_stat_mod_folio "$KERNEL_HEADERS/Module.symvers" || counted=yes
in_guest counted.sh --mem 1024 --module "$MODULES/vmap_holder.ko" -- "$counted"
