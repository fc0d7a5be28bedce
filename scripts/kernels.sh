# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh - the kernels we run on, and our modules built for each.  Sourced by lib.sh.
#
# A kernel has a name (6.1) or is a path: of the tree that a developer built it in (the sources', or what
# make O= named), or of an image.  A named one is a stock Debian kernel, in build/kernels/NAME/: see
# kernel-fetch.sh; for the others kernel-own.sh.
#
# kernel_use sets, for the kernel it is given:
#   KERNEL          the name or the path it was given
#   KERNEL_NAME     what its build directories are called
#   KERNEL_RELEASE  what uname -r says there
#   KERNEL_IMAGE    the image to boot
#   KERNEL_HEADERS  the directory to build modules against; empty if there is none
#   KERNEL_ROOT     the directory that holds lib/modules/RELEASE; for a foreign kernel bin/busybox, too
#   KERNEL_ARCH     amd64 or arm64
#   KERNEL_SUITE    the Debian suite whose compiler its modules want; empty: the machine's will do
# Where a named kernel cannot be had it exits with KERNEL_MISSING.

# shellcheck disable=SC2034 # for the scripts that source this file
STOCK_KERNELS=(6.1 6.12)
SHOWN_KERNELS=(6.12 7.2)
KERNEL_MISSING=2

# shellcheck source=scripts/suites.sh
. "$ROOT/scripts/suites.sh"
# shellcheck source=scripts/kernel-fetch.sh
. "$ROOT/scripts/kernel-fetch.sh"
# shellcheck source=scripts/kernel-own.sh
. "$ROOT/scripts/kernel-own.sh"

# Of each: its name, the meta packages of its image and headers, and the suite that has them if that is not the
# machine's.
KERNEL_TABLE='6.1 linux-image-amd64 linux-headers-amd64
6.12 linux-image-6.12-amd64 linux-headers-6.12-amd64
7.2 linux-image-amd64 linux-headers-amd64 sid
7.3 linux-image-amd64 linux-headers-amd64 experimental
6.1-rt linux-image-rt-amd64 linux-headers-rt-amd64
6.12-rt linux-image-6.12-rt-amd64 linux-headers-6.12-rt-amd64
7.2-rt linux-image-rt-amd64 linux-headers-rt-amd64 sid
6.1-arm64 linux-image-arm64:arm64 linux-headers-arm64:arm64
6.12-arm64 linux-image-6.12-arm64:arm64 linux-headers-6.12-arm64:arm64
7.2-arm64 linux-image-arm64:arm64 linux-headers-arm64:arm64 sid
6.12-arm64-16k linux-image-arm64-16k:arm64 linux-headers-arm64-16k:arm64 trixie
7.2-arm64-16k linux-image-arm64-16k:arm64 linux-headers-arm64-16k:arm64 sid'
KERNEL_NAMES=$(cut -d ' ' -f 1 <<<"$KERNEL_TABLE" | paste -s -d ' ')

# kernel_packages NAME - its meta packages and suite.
kernel_packages() {
	awk -v name="$1" '$1 == name { $1 = ""; print; found = 1 } END { exit !found }' <<<"$KERNEL_TABLE"
}

# kernel_suite NAME - the suite it comes from; nothing if that is the machine's.
kernel_suite() {
	local suite

	read -r _ _ suite < <(kernel_packages "$1") || return
	echo "$suite"
}

# toolchain_suite SUITE - where the compiler for its kernels is: experimental is no whole suite.
toolchain_suite() {
	echo "${1/experimental/sid}"
}

# kernel_use_made NAME - a kernel that stands in build/kernels/NAME/, however it came there.
kernel_use_made() {
	local dir=$BUILD/kernels/$1

	KERNEL_NAME=$1
	KERNEL_RELEASE=$(<"$dir/release")
	KERNEL_IMAGE=$dir/image
	KERNEL_HEADERS=$(realpath "$dir/headers")
	KERNEL_ROOT=$dir/root
	KERNEL_ARCH=amd64
	[[ $1 != *arm64* ]] || KERNEL_ARCH=arm64
	KERNEL_SUITE=$(toolchain_suite "$(kernel_suite "$1" || true)")
}

# kernel_use NAME|PATH - make a kernel the one that the variables above speak of.
kernel_use() {
	KERNEL=$1
	if kernel_packages "$1" >/dev/null; then
		mkdir -p "$BUILD/kernels"
		(
			flock 9
			! kernel_settled "$1" || exit 0
			kernel_use_apt "$1"
			kernel_cached "$1" || kernel_fetch "$1"
			touch "$BUILD/kernels/$1/version"
		) 9>"$BUILD/kernels/$1.lock"
		kernel_use_made "$1"
	elif [[ -s $BUILD/kernels/$1/release ]]; then
		kernel_use_made "$1"
	elif [[ -f $1 && -s ${1%/arch/*/boot/*}/include/config/kernel.release ]]; then
		kernel_use_tree "${1%/arch/*/boot/*}"
	elif [[ -f $1 ]]; then
		kernel_use_image "$1"
	elif [[ -d $1 ]]; then
		kernel_use_tree "$1"
	else
		die "--kernel: '$1' is none of $KERNEL_NAMES, nor a path of a build tree or an image"
	fi
}

# link_sources DIR - make DIR mirror the sources with links, so that kernels do not share objects.
link_sources() {
	local file

	find "$1" -xtype l -delete
	while read -r file; do
		mkdir -p "$1/$(dirname "$file")"
		ln -sfn "$ROOT/$file" "$1/$file"
	done < <(find "$ROOT" \( -path "$BUILD" -o -name '.*' -o -name '*.mod.c' \) -prune -o \
		\( -name '*.[chS]' -o -name Kbuild \) -printf '%P\n')
}

# kernel_toolchain - see to it that modules can be built for the kernel in use, by the compiler it was built
# with; sets toolchain to what make has to be told.  What is to be entered but cannot is as good as no kernel.
kernel_toolchain() {
	local compiler=gcc-12

	toolchain=()
	[[ ! $KERNEL_SUITE ]] ||
		compiler=$(grep -o 'gcc-[0-9]*$' "$KERNEL_HEADERS/.kernelvariables" | head -n 1)
	if [[ $KERNEL_ARCH == arm64 ]]; then
		toolchain=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
		[[ -e $KERNEL_HEADERS/.kernelvariables ]] || toolchain+=(CC=aarch64-linux-gnu-gcc-12)
		compiler+=-aarch64-linux-gnu
	fi
	if grep -sqx CONFIG_LD_IS_LLD=y "$KERNEL_HEADERS/.config"; then
		toolchain+=(LLVM=1)
		compiler="clang lld llvm"
	elif grep -sqx CONFIG_CC_IS_CLANG=y "$KERNEL_HEADERS/.config"; then
		compiler=clang-$(sed -n 's/^CONFIG_CLANG_VERSION=\(.*\)....$/\1/p' "$KERNEL_HEADERS/.config")
		toolchain=(CC="$compiler")
	fi
	if [[ $KERNEL_SUITE ]]; then
		suite_tree "$KERNEL_SUITE" make "$compiler" libc6-dev libelf1t64 libssl3t64 pahole perl kmod ||
			exit "$KERNEL_MISSING"
	else
		# shellcheck disable=SC2086 # these are words
		need_packages make gcc-12 $compiler perl libelf1 libssl3 pahole kmod
	fi
}

# build_in DIR - build our modules, with all warnings, for the kernel in use.
build_in() {
	local toolchain

	[[ $KERNEL_HEADERS ]] || die "no headers for $KERNEL_RELEASE: install linux-headers-$KERNEL_RELEASE"
	kernel_toolchain
	mkdir -p "$1"
	{
		flock 9
		link_sources "$1"
		make -C "$KERNEL_HEADERS" M="$1" W=1 "${toolchain[@]}" -j "$(nproc)" modules
	} 9>"$1.lock"
}

# build_modules - in the directory that all who build for the kernel share; sets MODULES to it.
build_modules() {
	MODULES=$BUILD/modules/$KERNEL_NAME
	build_in "$MODULES"
}
