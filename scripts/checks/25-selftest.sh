# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the kernel's own test_vmalloc.sh, unchanged, runs our stress module, which hides nobody else's
# kernels: 6.12 7.2
# deep: 6.1 debug

OWN=$CHECK_DIR/root # what the script gets for a root
SCRIPT=tools/testing/selftests/mm/test_vmalloc.sh

# find_script SERIES - the script of that series: from its source where that is unpacked, else from the package.
find_script() {
	local source archive package=$CHECK_DIR/package

	need_packages xz-utils
	source=$(find "$BUILD/testkernel/" -maxdepth 1 -name "source-$1.*" ! -name '*.new' 2>/dev/null)
	if [[ -s $source/$SCRIPT ]]; then
		cp "$source/$SCRIPT" "$OWN/"
	elif source_archive "$1" "$package"; then
		tar -C "$OWN" -I 'xz -T0' --strip-components=5 --wildcards -xf "$archive" "*/$SCRIPT"
		rm -rf "$package"
	else
		say "linux-source-$1 cannot be had"
		exit 77
	fi
}

# add_program FILE - with the libraries that it is linked with.
add_program() {
	local file

	for file in "$1" $(ldd "$1" | grep -oE '/[^ ]+'); do
		install -D "$file" "$OWN$file"
	done
}

add_modules() {
	local dir=$OWN/lib/modules/$KERNEL_RELEASE

	mkdir -p "$dir/updates" "$OWN/lib/modprobe.d"
	cp "$MODULES/vmap_arena.ko" "$MODULES/vmap_stress.ko" "$dir/updates/"
	cp "$ROOT/packaging/modprobe.conf" "$OWN/lib/modprobe.d/vmap-arena.conf"
	: >"$dir/modules.order"
	: >"$dir/modules.builtin"
	depmod -b "$OWN" "$KERNEL_RELEASE"
}

# make_own SERIES
make_own() {
	local applet

	mkdir -p "$OWN"/{bin,sbin,proc,sys,dev}
	add_program /bin/bash
	add_program "$(realpath /sbin/modprobe)"
	add_program /bin/busybox
	add_program /usr/bin/getconf
	for applet in awk cat grep id sed which; do
		ln -s busybox "$OWN/bin/$applet"
	done
	for applet in modinfo modprobe; do
		ln -s "$(realpath /sbin/modprobe)" "$OWN/sbin/$applet"
	done
	find_script "$1"
	add_modules
	tar -C "$OWN" -cf "$CHECK_DIR/root.tar" .
}

# found - which file modprobe test_vmalloc would load last.
found() {
	modprobe -C "$OWN/lib/modprobe.d" -d "$OWN" -S "$KERNEL_RELEASE" --show-depends test_vmalloc |
		sed -n '$s|.*/lib/modules/[^/]*/\([^ ]*\).*|\1|p'
}

# build_packaged - what is installed, in $MODULES.
build_packaged() {
	MODULES=$CHECK_DIR/modules
	VMAP_PACKAGED=y build_in "$MODULES" >"$CHECK_DIR/build.log" 2>&1 && return
	cat "$CHECK_DIR/build.log"
	die "cannot build for $KERNEL_NAME"
}

# beside_own - in the kernel that has a test_vmalloc of its own.
beside_own() {
	local ours

	use_test_kernel debug
	ours=$MODULES/test_vmalloc.ko
	build_packaged
	cp "$ours" "$MODULES/"
	cp "$KERNEL_HEADERS/lib/test_vmalloc.ko" "$CHECK_DIR/own.ko"
	in_guest coexist.sh --file "$CHECK_DIR/own.ko"
	finish
}

need_packages bash busybox-static kmod
[[ $1 != debug ]] || beside_own
find_kernel "$1"
build_packaged
expect_fail "only two modules are built to be installed" \
	grep -vxE '(.*/)?(vmap_arena|vmap_stress)\.k?o' "$MODULES/modules.order"
series=6.12
[[ $1 != 7.* ]] || series=7.2
make_own "$series"
in_guest selftest.sh --file "$CHECK_DIR/root.tar" --timeout 900
expect "modprobe test_vmalloc loads ours" [ "$(found)" = updates/vmap_stress.ko ]
install -D "$MODULES/vmap_arena.ko" "$OWN/lib/modules/$KERNEL_RELEASE/kernel/lib/test_vmalloc.ko"
depmod -b "$OWN" "$KERNEL_RELEASE"
expect "but the kernel's own where there is one" [ "$(found)" = kernel/lib/test_vmalloc.ko ]
