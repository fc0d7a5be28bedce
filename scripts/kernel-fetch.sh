# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel-fetch.sh - the stock kernels of KERNEL_TABLE, downloaded and unpacked, and kernel sources.  Sourced by
# kernels.sh.
#
# Image and headers are downloaded together, so that they are of one version, and unpacked in
# build/kernels/NAME/.  Neither is installed, because the 6.12 headers would pull in an image and
# touch the host's /boot.  A cached kernel is fetched anew when apt knows of another version of it.
#
# Packages of another architecture, or of another suite than the machine's, are looked up with an apt
# of our own, so that the machine's dpkg is told of none.  The build tools beside foreign headers are
# native ones.  Those of another suite run, with that suite's compiler, in a tree of it (suites.sh): the
# Makefile of such headers goes there by itself, whoever calls it.

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

# source_version SERIES - of the package with the sources, linux-source-SERIES, that can be had: the machine's, or
# what sid has.
source_version() {
	if [[ $1 == 6.12 ]]; then
		need_packages "linux-source-$1"
		dpkg-query -W -f '${Version}' "linux-source-$1"
	else
		use_suite_apt sid && kernel_candidate "linux-source-$1" | grep .
	fi
}

# source_archive SERIES DIR - sets archive to the file with the sources; what must be downloaded goes to DIR.
source_archive() {
	archive=/usr/src/linux-source-$1.tar.xz
	if [[ $1 == 6.12 ]]; then
		need_packages "linux-source-$1"
		return
	fi
	archive=$2$archive
	rm -rf "$2"
	mkdir -p "$2"
	(use_suite_apt sid && cd "$2" && apt_run download "linux-source-$1" && dpkg-deb -x ./*.deb . && rm ./*.deb)
}
