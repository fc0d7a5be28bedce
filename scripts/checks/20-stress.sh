# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: every stress test passes on both targets, and every arena verifies before, during and after
# kernels: 6.1 6.12 7.2 6.12-rt 7.2-arm64-16k
# deep: 7.3 6.1-rt 7.2-rt 6.1-arm64 7.2-arm64 6.12-arm64 6.12-arm64-16k
# quick: 6.12
# any: yes

use_kernel "$1"
loops=300
[[ " ${STOCK_KERNELS[*]} " == *" $1 "* ]] || loops=100
((QUICK == 0)) || loops=50
in_guest stress.sh --mem 2048 -- nr_threads=2 "test_loop_count=$loops"
