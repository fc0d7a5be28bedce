# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: drivers of the kernel's own tree do on an arena's memory what they do on vmalloc's, also when it is short
# kernels: 7.2
# deep: 6.12 drivers

# Of each kind one that takes little: one whose memory user space maps, in a guest whose clock counts instructions; one
# whose memory others free by vfree(), which is caught; a file system; a disk.
FEW=(vivid x_tables squashfs dm-writecache)

# Shows a fault of the kernel's own when allocations fail: dev_coredumpm() frees a dump twice.
UNFIT=hci_vhci

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

# shellcheck source=scripts/guest/drivers-lib.sh
. "$ROOT/scripts/guest/drivers-lib.sh"

# brings NAME CONTENT - a driver's result has such a file beside a good one; is that something?
brings() {
	mkdir -p "$CHECK_DIR/$1"
	echo good >"$CHECK_DIR/$1/good"
	printf %s "$2" >"$CHECK_DIR/$1/other"
	is_something "$CHECK_DIR/$1"
}

# shellcheck source=scripts/drivers-lib.sh
. "$ROOT/scripts/drivers-lib.sh"

# unpacks - are the sources of all drivers found in a package that has them?
unpacks() {
	local path

	for path in $(source_paths); do
		mkdir -p "$CHECK_DIR/package/linux/$path"
	done
	tar -C "$CHECK_DIR/package" -cJf "$CHECK_DIR/package.tar.xz" linux &&
		unpack_drivers "$CHECK_DIR/package.tar.xz" "$CHECK_DIR/unpacked" &&
		diff -r "$CHECK_DIR/package/linux" "$CHECK_DIR/unpacked"
}

expect "the sources of all drivers are unpacked" unpacks
mkdir "$CHECK_DIR/no-file"
expect "files are something" brings two good
expect_fail "no file is nothing" is_something "$CHECK_DIR/no-file"
expect_fail "an empty file is nothing" brings empty ''
expect_fail "the checksum of an empty file is nothing" brings sum "$(sha256sum </dev/null)"

# all_drivers - their names.
all_drivers() {
	"$ROOT/scripts/drivers.sh" --list | cut -d ' ' -f 1
}

# faults - all of them but the unfit one in the kernel drivers.
faults() {
	"$ROOT/scripts/testkernel.sh" drivers
	kernel_use drivers
	for name in $(all_drivers | grep -vxF "$UNFIT"); do
		with_driver "$name" --faults
	done
}

if [[ $1 == drivers ]]; then
	faults
	finish
fi
names=("${FEW[@]}") large=()
if [[ ${DEEP-0} == 1 ]]; then
	mapfile -t names < <(all_drivers)
	large=(--large)
fi
use_kernel "$1"
expect "the example is built" build_example
in_guest example.sh --module "$CHECK_DIR/example/vmap_driver.ko"
for name in "${names[@]}"; do
	[[ ${DEEP-0} != 1 ]] || with_driver "$name" --kernel "$1" --large --hog
	with_driver "$name" --kernel "$1" "${large[@]}"
done
