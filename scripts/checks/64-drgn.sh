# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: areas.py, run by drgn, lists the areas that debugfs lists, of the kernel that runs and of a dump (tracers)
# deep: 6.12 tracers

AREAS=$ROOT/scripts/drgn/areas.py

# dump - once the guest says so, write its memory to a file, and tell it that this is done.
dump() {
	until grep -q '^# as it is to be dumped' "$CHECK_DIR/console"; do
		sleep 0.2
	done
	printf '%s\n' "dump-guest-memory $CHECK_DIR/core" "chardev-send-break console" >"$CHECK_DIR/monitor.in"
}

# take_core - leaves $CHECK_DIR/core.
take_core() {
	mkfifo "$CHECK_DIR/monitor.in" "$CHECK_DIR/monitor.out"
	: >"$CHECK_DIR/console"
	cat "$CHECK_DIR/monitor.out" >"$CHECK_DIR/monitor" &
	dump &
	in_guest core.sh --cpus 2 --mem 512 --module "$MODULES/vmap_holder.ko" --monitor "$CHECK_DIR/monitor" > >(tee "$CHECK_DIR/console")
	kill %% 2>/dev/null || true
}

# list NAME [ARGUMENT]... - what the program finds in the core, in $CHECK_DIR/NAME.
list() {
	"$SUITE_ENTER" drgn -q -c "$CHECK_DIR/core" -s "$KERNEL_HEADERS/vmlinux" -s "$MODULES/vmap_arena.ko" \
		-s "$MODULES/vmap_holder.ko" "$AREAS" "${@:2}" >"$CHECK_DIR/$1" 2>&1
}

# same_areas ARENA - the start of each area, as debugfs said.
same_areas() {
	starts "$GUEST_OUT/$1.areas" >"$CHECK_DIR/expected"
	[[ -s $CHECK_DIR/expected ]] && diff "$CHECK_DIR/expected" <(starts "$CHECK_DIR/$1")
}

starts() {
	sed -n 's/^\(0x[0-9a-f]*\)-.*/\1/p' "$1"
}

# of_a_core - what was areas.py's of the kernel that runs, of one that runs no more.
of_a_core() {
	take_core
	expect "drgn lists an arena of a dump" list held held
	expect "these are seven areas of four pages, the guard included" grep -qx "7 areas, 114688 bytes" "$CHECK_DIR/held"
	expect "each with who allocated it" [ "$(grep -c ' 16384 busy hold+0x' "$CHECK_DIR/held")" = 7 ]
	expect "debugfs had the same" same_areas held
	expect "drgn lists the default arena of a dump" list default default
	expect "drgn lists all of an arena" list all --all held
	expect "they are as many bytes as the arena had" \
		[ "$(sed -n 's/^[0-9]* extents, \([0-9]*\) bytes$/\1/p' "$CHECK_DIR/all")" = "$(<"$GUEST_OUT/held.reserved")" ]
	rm -f "$CHECK_DIR/core"
}

# The machine's own drgn is too old.
[[ $1 != tracers ]] || "$ROOT/scripts/testkernel.sh" "$1"
use_kernel "$1"
suite_tree trixie python3-drgn || skip_all "drgn cannot be had"
if [[ $1 == tracers ]]; then
	of_a_core
else
	in_guest drgn.sh --cpus 2 --mem 2048 --share / --module "$MODULES/vmap_holder.ko" --kernel-module virtio_pci \
		--kernel-module 9pnet_virtio --kernel-module 9p --kernel-module overlay -- "$(realpath "$SUITES/trixie/tree")" \
		"$(realpath "$MODULES/vmap_arena.ko")" "$AREAS"
fi
