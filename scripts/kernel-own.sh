# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel-own.sh - kernels that the user built: a tree, or an image.  Sourced by kernels.sh.
# shellcheck disable=SC2034 # for the scripts that source kernels.sh

# image_release FILE - the release that an x86 boot image carries (boot protocol, offset 0x20e).
image_release() {
	local offset

	[[ $(dd if="$1" bs=1 skip=514 count=4 status=none | tr -d '\0') == HdrS ]] || return
	offset=$(od -An -tu2 -j 526 -N 2 "$1")
	dd if="$1" bs=1 skip=$((offset + 512)) count=64 status=none | tr '\0' ' ' |
		cut -d ' ' -f 1
}

# kernel_use_image FILE - an image of the user's own, with the installed headers of its release.
kernel_use_image() {
	KERNEL_IMAGE=$(realpath "$1")
	KERNEL_RELEASE=$(image_release "$1") || die "--kernel: '$1' is not an x86 Linux boot image"
	KERNEL_NAME=$KERNEL_RELEASE
	KERNEL_ARCH=amd64
	KERNEL_ROOT=
	KERNEL_SUITE=
	KERNEL_HEADERS=$(realpath -e "/lib/modules/$KERNEL_RELEASE/build" 2>/dev/null) || true
}

# What a kernel must have compiled in to run in our guests.
TREE_OPTIONS=(MODULES MODULE_UNLOAD BLK_DEV_INITRD BINFMT_ELF BINFMT_SCRIPT PRINTK TTY DEVTMPFS TMPFS PROC_FS SYSFS
	DEBUG_FS)
TREE_OPTIONS_amd64=(SERIAL_8250_CONSOLE)
TREE_OPTIONS_arm64=(SERIAL_AMBA_PL011_CONSOLE PCI_HOST_GENERIC SERIAL_8250_PCI)

# tree_check DIR - can its kernel run in a guest, and modules be built for it?
tree_check() {
	local -n options=TREE_OPTIONS_$KERNEL_ARCH
	local option missing=''

	for option in "${TREE_OPTIONS[@]}" "${options[@]}"; do
		grep -qx "CONFIG_$option=y" "$1/.config" || missing+=" CONFIG_$option"
	done
	[[ ! $missing ]] || die "--kernel: no guest can run the kernel of '$1': it lacks$missing"
	[[ -s $1/Module.symvers ]] || die "--kernel: '$1' has no Module.symvers: say make modules there first"
}

# kernel_use_tree DIR - a kernel that was built there.
kernel_use_tree() {
	local image

	KERNEL_HEADERS=$(realpath "$1")
	[[ -s $1/include/config/kernel.release && -s $1/.config ]] ||
		die "--kernel: '$1' is no tree that a kernel was built in: it has no include/config/kernel.release"
	KERNEL_RELEASE=$(<"$1/include/config/kernel.release")
	KERNEL_NAME=$KERNEL_RELEASE
	KERNEL_ROOT=
	KERNEL_SUITE=
	KERNEL_ARCH=amd64 image=arch/x86/boot/bzImage
	if grep -qx CONFIG_ARM64=y "$1/.config"; then
		KERNEL_ARCH=arm64 image=arch/arm64/boot/Image
		KERNEL_ROOT=$BUILD/kernels/arm64
		foreign_busybox "$KERNEL_ROOT"
	fi
	KERNEL_IMAGE=$KERNEL_HEADERS/$image
	[[ -s $KERNEL_IMAGE ]] || die "--kernel: '$1' has no $image: say make there first"
	tree_check "$1"
}

# foreign_busybox DIR - what a guest for arm64 is to run, where no package of its kernel's came with it.
foreign_busybox() (
	[[ ! -e $1/bin/busybox && ! -e $1/usr/bin/busybox ]] || exit 0
	mkdir -p "$1"
	own_apt "$BUILD/kernels/apt"
	cd "$1" || exit
	apt_run download busybox-static:arm64 || {
		apt_run update --error-on=any
		apt_run download busybox-static:arm64
	}
	dpkg-deb -x ./busybox-static_*.deb .
	rm ./busybox-static_*.deb
)
