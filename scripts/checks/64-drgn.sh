# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: areas.py, run by drgn in a guest, lists the areas that debugfs lists
# deep: 6.12

# The machine's own drgn is too old.
use_kernel "$1"
suite_tree trixie python3-drgn || skip_all "drgn cannot be had"
in_guest drgn.sh --cpus 2 --mem 2048 --share / --module "$MODULES/vmap_holder.ko" --kernel-module virtio_pci \
	--kernel-module 9pnet_virtio --kernel-module 9p --kernel-module overlay -- "$(realpath "$SUITES/trixie/tree")" \
	"$(realpath "$MODULES/vmap_arena.ko")" "$ROOT/scripts/drgn/areas.py"
