# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh - the kernels we run on, and our modules built for each.  Sourced, after lib.sh.
#
# A kernel has a name (6.1) or is the path of an image.  A named one is a stock Debian kernel: its
# image and its headers are downloaded together, so that they are of one version, and unpacked in
# build/kernels/NAME/.  Neither is installed, because the 6.12 headers would pull in an image and
# touch the host's /boot.  A cached kernel is fetched anew when apt knows of another version of it.
#
# Packages of another architecture, or of another suite than the machine's, are looked up with an apt
# of our own, so that the machine's dpkg is told of none.  The build tools beside foreign headers are
# native ones.  Those of another suite run, with that suite's compiler, in a tree of it (suites.sh): the
# Makefile of such headers goes there by itself, whoever calls it.
#
# kernel_use sets, for the kernel it is given:
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
KERNEL_MISSING=2

# shellcheck source=scripts/suites.sh
. "$ROOT/scripts/suites.sh"

KERNEL_NAMES=(6.1 6.12 7.2 7.3 6.1-rt 6.12-rt 7.2-rt 6.1-arm64 6.12-arm64 7.2-arm64 6.12-arm64-16k
	7.2-arm64-16k)

# kernel_packages NAME - the meta packages of its image and headers, and the suite that has them if that
# is not the machine's.
kernel_packages() {
	case $1 in
	6.1) echo linux-image-amd64 linux-headers-amd64 ;;
	6.12) echo linux-image-6.12-amd64 linux-headers-6.12-amd64 ;;
	7.2) echo linux-image-amd64 linux-headers-amd64 sid ;;
	7.3) echo linux-image-amd64 linux-headers-amd64 experimental ;;
	6.1-rt) echo linux-image-rt-amd64 linux-headers-rt-amd64 ;;
	6.12-rt) echo linux-image-6.12-rt-amd64 linux-headers-6.12-rt-amd64 ;;
	7.2-rt) echo linux-image-rt-amd64 linux-headers-rt-amd64 sid ;;
	6.1-arm64) echo linux-image-arm64:arm64 linux-headers-arm64:arm64 ;;
	6.12-arm64) echo linux-image-6.12-arm64:arm64 linux-headers-6.12-arm64:arm64 ;;
	7.2-arm64) echo linux-image-arm64:arm64 linux-headers-arm64:arm64 sid ;;
	6.12-arm64-16k) echo linux-image-arm64-16k:arm64 linux-headers-arm64-16k:arm64 trixie ;;
	7.2-arm64-16k) echo linux-image-arm64-16k:arm64 linux-headers-arm64-16k:arm64 sid ;;
	*) return 1 ;;
	esac
}

# kernel_suite NAME - the suite it comes from; nothing if that is the machine's.
kernel_suite() {
	local suite

	read -r _ _ suite < <(kernel_packages "$1") || return
	echo "$suite"
}

# kernel_use_apt NAME - let apt be the one that knows the packages of a kernel.
kernel_use_apt() {
	local suite

	suite=$(kernel_suite "$1")
	if [[ $suite ]]; then
		use_suite_apt "$suite" || {
			say "cannot have the package lists of $suite: see $BUILD/apt-$$.log"
			exit "$KERNEL_MISSING"
		}
	elif [[ $1 == *-arm64* ]]; then
		own_apt "$BUILD/kernels/apt"
	fi
}

# kernel_depends PACKAGE KIND - those of its dependencies that are called linux-KIND-*.
kernel_depends() {
	apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n 's/^Depends: //p' | tr ',|' '\n' |
		awk -v kind="^linux-($2)-" '$1 ~ kind { print $1 }' | sort -u
}

kernel_candidate() {
	apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n 's/^Version: //p'
}

# kernel_image NAME - the package of the image that apt would give for it.  A suite goes on to the next
# version some day; then what it has is not this kernel.
kernel_image() {
	local meta image

	read -r meta _ <<<"$(kernel_packages "$1")"
	image=$(kernel_depends "$meta" image)
	if [[ $image != linux-image-"${1%%-*}"[.-]* ]]; then
		say "apt knows no $1: ${meta%:*} is ${image:-nothing}"
		return 1
	fi
	echo "$image"
}

# kernel_download NAME DIR - the packages of image, modules, headers and build tools, as files in DIR.
kernel_download() {
	local meta image headers arch='' parts

	read -ra meta <<<"$(kernel_packages "$1")"
	image=$(kernel_image "$1") || return
	headers=$(kernel_depends "${meta[1]}" headers)
	[[ ${image#linux-image-} == "${headers#linux-headers-}" ]] || {
		say "apt knows no image and headers of one version for $1"
		return 1
	}
	[[ $1 != *-arm64* ]] || arch=:arm64
	mapfile -t parts < <(kernel_depends "$headers$arch" 'headers|kbuild' &&
		kernel_depends "$image$arch" 'base|binary|modules' | sed "s/$/$arch/")
	[[ ! $arch ]] || parts+=("busybox-static$arch")
	cd "$2" && apt_run -o APT::Sandbox::User=root download "$image$arch" "$headers$arch" "${parts[@]}"
}

# kernel_enters DIRECTORY SUITE - let headers be built against in a tree of their suite.  Called outside,
# their Makefile goes into the tree and calls itself, with all that it was told.
kernel_enters() {
	local makefile

	makefile=$(sed "s|^KBUILD_OUTPUT *=.*|KBUILD_OUTPUT = \$(here)|" "$1/Makefile")
	cat >"$1/Makefile" <<-END
		here := \$(patsubst %/,%,\$(dir \$(realpath \$(lastword \$(MAKEFILE_LIST)))))
		ifdef SUITE_ENTERED
		$makefile
		else
		.DEFAULT_GOAL := modules
		FORCE Makefile: ;
		%: FORCE; +@\$(here)/../../../../../suites/$2/enter make -C \$(here) \$@
		.PHONY: FORCE
		endif
	END
}

# kernel_unpack DIR [SUITE] - what was downloaded there becomes DIR/root; its paths no longer name
# /usr/src.
kernel_unpack() {
	local package release image

	for package in "$1"/*.deb; do
		dpkg-deb -x "$package" "$1/root"
	done
	[[ -e $1/root/lib ]] || ln -s usr/lib "$1/root/lib"
	release=$(ls "$1/root/lib/modules")
	image=root/boot/vmlinuz-$release
	[[ -e $1/$image ]] || image=root/lib/modules/$release/vmlinuz
	sed -i "s|^include /usr/src/|include \$(dir \$(lastword \$(MAKEFILE_LIST)))../|" \
		"$1/root/usr/src/linux-headers-$release/Makefile"
	[[ ! ${2-} ]] || kernel_enters "$1/root/usr/src/linux-headers-$release" "$2"
	find "$1/root/lib/modules/$release" -maxdepth 1 -type l -delete
	ln -s "$image" "$1/image"
	ln -s "root/usr/src/linux-headers-$release" "$1/headers"
	echo "$release" >"$1/release"
	rm -f "$1"/*.deb
}

# toolchain_suite SUITE - where the compiler for its kernels is: experimental is no whole suite.
toolchain_suite() {
	echo "${1/experimental/sid}"
}

kernel_fetch() {
	local dir=$BUILD/kernels/$1 new=$BUILD/kernels/.$1.new meta suite

	read -r meta _ suite <<<"$(kernel_packages "$1")"
	say "fetching the Debian kernel $1"
	rm -rf "$new"
	mkdir -p "$new"
	if ! (kernel_download "$1" "$new"); then
		say "fetching the package lists"
		apt_run update --error-on=any || true
		(kernel_download "$1" "$new") || {
			say "cannot download the kernel $1: see $BUILD/apt-$$.log"
			exit "$KERNEL_MISSING"
		}
	fi
	kernel_candidate "$meta" >"$new/version"
	kernel_unpack "$new" "$(toolchain_suite "$suite")"
	rm -rf "$dir"
	mv "$new" "$dir"
}

# kernel_cached NAME - is it here, and of the version that apt would give, as far as its lists say?
kernel_cached() {
	local version=$BUILD/kernels/$1/version meta candidate

	[[ -s $version ]] || return
	kernel_image "$1" >/dev/null 2>&1 || return 0
	read -r meta _ <<<"$(kernel_packages "$1")"
	candidate=$(kernel_candidate "$meta")
	[[ -z $candidate || $candidate == "$(<"$version")" ]]
}

# kernel_settled NAME - is it here, and have the lists of its suite not changed since it was looked for in
# them?  To ask apt takes seconds.
kernel_settled() {
	local suite lists

	suite=$(kernel_suite "$1")
	lists=$BUILD/kernels/suites/$suite/lists
	[[ $suite && -d $lists && $BUILD/kernels/$1/version -nt $lists ]]
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
	[[ $1 != *-arm64* ]] || KERNEL_ARCH=arm64
	KERNEL_SUITE=$(toolchain_suite "$(kernel_suite "$1" || true)")
}

# image_release FILE - the release that an x86 boot image carries (boot protocol, offset 0x20e).
image_release() {
	local offset

	[[ $(dd if="$1" bs=1 skip=514 count=4 status=none | tr -d '\0') == HdrS ]] || return
	offset=$(od -An -tu2 -j 526 -N 2 "$1")
	dd if="$1" bs=1 skip=$((offset + 512)) count=64 status=none | tr '\0' ' ' |
		cut -d ' ' -f 1
}

# kernel_use_image FILE - an image of the user's own, with the build tree it came from or the
# installed headers of its release.
kernel_use_image() {
	local tree=${1%/arch/*/boot/*}

	KERNEL_IMAGE=$(realpath "$1")
	KERNEL_RELEASE=$(image_release "$1") || die "--kernel: '$1' is not an x86 Linux boot image"
	KERNEL_NAME=$KERNEL_RELEASE
	KERNEL_ARCH=amd64
	KERNEL_ROOT=
	KERNEL_SUITE=
	[[ $tree != "$1" ]] || tree=/lib/modules/$KERNEL_RELEASE/build
	KERNEL_HEADERS=$(realpath -e "$tree" 2>/dev/null) || true
}

# kernel_use NAME|FILE - make a kernel the one that the variables above speak of.
kernel_use() {
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
	elif [[ -f $1 ]]; then
		kernel_use_image "$1"
	else
		die "--kernel: '$1' is none of ${KERNEL_NAMES[*]}, nor the path of an image"
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

# kernel_toolchain - see to it that modules can be built for the kernel in use; sets cross.  What is to be
# entered but cannot is as good as no kernel.
kernel_toolchain() {
	local compiler=gcc-12

	cross=()
	[[ ! $KERNEL_SUITE ]] ||
		compiler=$(grep -o 'gcc-[0-9]*$' "$KERNEL_HEADERS/.kernelvariables" | head -n 1)
	if [[ $KERNEL_ARCH == arm64 ]]; then
		cross=(CROSS_COMPILE=aarch64-linux-gnu-)
		compiler+=-aarch64-linux-gnu
	fi
	if [[ $KERNEL_SUITE ]]; then
		suite_tree "$KERNEL_SUITE" make "$compiler" libc6-dev libelf1t64 libssl3t64 pahole perl kmod ||
			exit "$KERNEL_MISSING"
	else
		need_packages make gcc-12 "$compiler" perl libelf1 libssl3 pahole kmod
	fi
}

# build_in DIR - build our modules, with all warnings, for the kernel in use.
build_in() {
	local cross

	[[ $KERNEL_HEADERS ]] || die "no headers for $KERNEL_RELEASE: install linux-headers-$KERNEL_RELEASE"
	kernel_toolchain
	mkdir -p "$1"
	{
		flock 9
		link_sources "$1"
		make -C "$KERNEL_HEADERS" M="$1" W=1 "${cross[@]}" -j "$(nproc)" modules
	} 9>"$1.lock"
}

# build_modules - in the directory that all who build for the kernel share; sets MODULES to it.
build_modules() {
	MODULES=$BUILD/modules/$KERNEL_NAME
	build_in "$MODULES"
}
