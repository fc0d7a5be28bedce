# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# initramfs.sh - what a guest has for files.  Sourced by vm.sh.
# shellcheck disable=SC2154 # the options of vm.sh

# copy_kernel_modules DIR - the kernel's own modules that were asked for, with a list in load order.
copy_kernel_modules() {
	local name file

	mkdir "$1"
	: >"$1/order"
	((${#kernel_module[@]})) || return 0
	[[ -s $KERNEL_ROOT/lib/modules/$KERNEL_RELEASE/modules.dep ]] ||
		depmod -b "$KERNEL_ROOT/" "$KERNEL_RELEASE"
	for name in "${kernel_module[@]}"; do
		modprobe -d "$KERNEL_ROOT/" -S "$KERNEL_RELEASE" --show-depends "$name" ||
			die "--kernel-module: $KERNEL_RELEASE has no module '$name'"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/wanted"
	while read -r file; do
		name=$(basename "${file%.xz}")
		if [[ $file == *.xz ]]; then xz -dc "$file"; else cat "$file"; fi >"$1/$name"
		echo "$name" >>"$1/order"
	done <"$work/wanted"
}

# make_initramfs DIR - DIR.cpio: busybox, init, and all that was asked for.
make_initramfs() {
	local busybox=/bin/busybox

	[[ $KERNEL_ARCH == amd64 ]] || busybox=$KERNEL_ROOT/usr/bin/busybox
	# Before Debian 13 its package had it outside /usr.
	[[ -e $busybox ]] || busybox=$KERNEL_ROOT/bin/busybox
	mkdir -p "$1/bin" "$1/modules"
	cp "$busybox" "$1/bin/"
	cp "$ROOT"/scripts/guest/{init,*lib.sh} "$1/"
	cp "$script" "$1/script"
	((${#module[@]} == 0)) || cp "${module[@]}" "$1/modules/"
	((${#file[@]} == 0)) || cp "${file[@]}" "$1/"
	: >"$1/arguments"
	((${#arguments[@]} == 0)) || printf '%s\n' "${arguments[@]}" >"$1/arguments"
	copy_kernel_modules "$1/kernel-modules"
	(cd "$1" && find . | cpio -o -H newc --quiet) >"$1.cpio"
}
