# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: load, run, unload ten times leaves nothing behind; an unload with a live user is refused
# kernels: 6.1 6.12 6.1-rt 6.12-rt 6.1-arm64 6.12-arm64
# quick: 6.12

# shellcheck source=scripts/check-lib.sh
. "$(dirname "$0")/../check-lib.sh"

use_kernel "$1"
cycles=10
((QUICK == 0)) || cycles=3
in_guest unload.sh --append slab_nomerge -- "$cycles"
finish
