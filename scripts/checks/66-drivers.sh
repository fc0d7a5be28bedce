# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: drivers of the kernel's own tree do the same work on an arena's memory as on vmalloc's; so does an example
# kernels: 7.2
# deep: 6.12

# What takes least: its clock counts instructions, and user space maps what it has.
FEW=(vivid)

# build_example - in $CHECK_DIR, with what was built here instead of what a package installs.
build_example() {
	local toolchain

	kernel_toolchain
	cp -r "$ROOT/examples/vmap_driver" "$CHECK_DIR/example"
	ln -sfn "$ROOT/vmap-arena.mk" "$MODULES/vmap-arena.mk"
	sed -i "s|^include /usr/share/vmap-arena|include $MODULES|" "$CHECK_DIR/example/Kbuild"
	make -C "$KERNEL_HEADERS" M="$CHECK_DIR/example" W=1 "${toolchain[@]}" modules >"$CHECK_DIR/example.log" 2>&1
	cat "$CHECK_DIR/example.log"
	[[ -s $CHECK_DIR/example/vmap_driver.ko ]] && ! grep -iE 'warning|error' "$CHECK_DIR/example.log"
}

# with_drivers OPTION... - each driver is run by drivers.sh; its results become ours.
with_drivers() {
	local name status results

	for name in "${names[@]}"; do
		status=0
		"$ROOT/scripts/drivers.sh" --kernel "$KERNEL" "$@" "$name" || status=$?
		if ((status == 77)); then
			skip "$name does the same work" "linux-source-$KERNEL cannot be had"
			continue
		fi
		results=$BUILD/drivers/$KERNEL_NAME/$name/out/ktap
		[[ ! -e $results ]] || cat "$results" >>"$KTAP"
		((status == 0)) || grep -sq '^not ok' "$results" ||
			not_ok "$name: all of it is done, and the kernel does not complain" "drivers.sh ended with $status"
	done
}

use_kernel "$1"
expect "the example is built" build_example
in_guest example.sh --module "$CHECK_DIR/example/vmap_driver.ko"
names=("${FEW[@]}")
if [[ ${DEEP-0} == 1 ]]; then
	mapfile -t names < <("$ROOT/scripts/drivers.sh" --list | cut -d ' ' -f 1)
	with_drivers --hog
fi
with_drivers
