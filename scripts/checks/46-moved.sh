# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: a module written for vmalloc() is moved by vmap_vmalloc.h, also to an arena of its own
# kernels: 6.1 6.12 7.2
# deep: 6.12-arm64 6.1-arm64 7.2-arm64
# any: yes

use_kernel "$1"
in_guest moved.sh --module "$MODULES/vmap_moved.ko" --module "$MODULES/vmap_owner.ko" \
	--module "$MODULES/vmap_unowned.ko"

# left - the calls that the module still makes by the kernel's names, of those that the header renames.
left() {
	nm -u "$MODULES/vmap_moved.ko" | awk '{ print $2 }' |
		grep -xFf <(sed -n 's/^#pragma redefine_extname \([^ ]*\) .*/\1/p' "$ROOT/vmap_vmalloc.h")
}

expect_fail "no call is left that goes to the kernel" left
