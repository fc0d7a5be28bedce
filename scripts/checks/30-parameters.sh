# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: bad module parameters and debugfs writes are refused, and the log says why; good ones do what they say
# kernels: 6.12 6.12-arm64-16k
# deep: 6.1 7.2 6.1-rt 6.12-rt 7.2-rt 6.1-arm64 6.12-arm64 7.2-arm64
# quick: 6.12
# any: yes

use_kernel "$1"
in_guest parameters.sh
in_guest debugfs.sh --file "$ROOT/scripts/arena-top.sh"
in_guest once.sh
