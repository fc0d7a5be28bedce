# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the kernel's helpers do on an arena's addresses what Documentation/vmalloc.rst says
# kernels: 6.1 6.12 7.2 7.2-arm64
# any: yes

use_kernel "$1"
in_guest helpers.sh --module "$MODULES/vmap_helpers.ko"
# The kernel's own area: hardened usercopy stops the task that copies from beyond its guard.
"$ROOT/scripts/vm.sh" --kernel "$KERNEL" --script "$ROOT/scripts/guest/helpers.sh" \
	--module "$MODULES/vmap_arena.ko" --module "$MODULES/vmap_helpers.ko" \
	--log "$CHECK_DIR/die.log" -- die || true
expect "a copy from beyond an area of the kernel's is stopped" \
	grep 'usercopy: Kernel memory exposure attempt detected from vmalloc' "$CHECK_DIR/die.log"
