# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the scripts are clean under shellcheck and shfmt
# kernels: -
# quick: -

need_packages shellcheck shfmt
cd "$ROOT" || exit
mapfile -t scripts < <(find scripts .ci -type f \( -name '*.sh' -o -name init -o -name run \))
scripts+=(dkms.conf packaging/postinst packaging/prerm)
expect "shellcheck finds nothing in ${#scripts[@]} scripts" shellcheck -x "${scripts[@]}"
expect "shfmt would change nothing" shfmt -d "${scripts[@]}"
