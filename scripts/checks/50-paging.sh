# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the arena works with 4 and 5 levels of page tables, isolated from user space or not
# kernels: 6.12 6.12-arm64
# deep: 6.1 7.2
# any: yes

use_kernel "$1"
if [[ $KERNEL_ARCH == arm64 ]]; then
	in_guest paging.sh -- lpa2
	in_guest paging.sh --cpu cortex-a57
else
	in_guest paging.sh --cpu max --append pti=on -- la57 pti
	in_guest paging.sh --cpu max --append "no5lvl pti=off"
fi
