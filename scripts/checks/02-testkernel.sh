# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the kernels that watch can be built with all that they are to have; early, for others wait for them
# kernels: debug
# deep: kcsan 7.2-debug rt-debug arm64-debug cfi drivers tracers rt-tracers

"$ROOT/scripts/testkernel.sh" "$1"
ok "testkernel.sh builds $1"
