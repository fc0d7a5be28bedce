# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: a CPU that is isolated and never used an arena is interrupted for TLB flushes only
# kernels: 6.12
# deep: 6.1

use_kernel "$1"
in_guest isolated.sh --cpus 3 --append "isolcpus=2 nohz_full=2 rcu_nocbs=2"
