# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the modules compile against the headers that apt offers beside those of the kernels that are run
# kernels: -

# Without --deep only the newest of each series and flavour; a flavour is what follows the version.
UNPACKED=$BUILD/kernels/headers

# offered - the packages of headers for this machine.
offered() {
	local arch

	arch=$(dpkg --print-architecture)
	apt-cache pkgnames linux-headers- | grep -E "^linux-headers-[0-9]+\.[0-9]+\.[0-9].*-$arch\$" | sort -V
}

# newest - of each series and flavour.
newest() {
	sed -E 's/^linux-headers-([0-9]+\.[0-9]+)\.[^-]*(-[0-9]+)?(-.*)/\1\3 &/' |
		awk '{ last[$1] = $2 } END { for (kind in last) print last[kind] }' | sort -V
}

# not_run - those whose kernels are not run.
not_run() {
	grep -vxFf <(cat "$BUILD"/kernels/*/release 2>/dev/null | sed 's/^/linux-headers-/') || true
}

# unpack PACKAGE - into a directory that is kept.
unpack() {
	local new=$UNPACKED/.$1.new parts

	[[ ! -d $UNPACKED/$1 ]] || return 0
	rm -rf "$new"
	mkdir -p "$new"
	mapfile -t parts < <(kernel_depends "$1" 'headers|kbuild')
	(cd "$new" && apt_run -o APT::Sandbox::User=root download "$1" "${parts[@]}") || return
	kernel_unpack "$new"
	mv "$new" "$UNPACKED/$1"
}

# compile PACKAGE
compile() {
	local log=$CHECK_DIR/$1.log

	KERNEL_RELEASE=${1#linux-headers-}
	# shellcheck disable=SC2034 # for build_in
	KERNEL_HEADERS=$(realpath "$UNPACKED/$1/headers")
	expect "the modules compile for $KERNEL_RELEASE" build_logged "$log"
	expect_fail "with W=1 and no warning" grep -iE 'warning|error:' "$log"
	rm -rf "$CHECK_DIR/modules"
}

build_logged() {
	build_in "$CHECK_DIR/modules" >"$1" 2>&1 || {
		tail -n 20 "$1"
		return 1
	}
}

# shellcheck disable=SC2034 # for build_in
KERNEL_ARCH=amd64 KERNEL_SUITE=''
mapfile -t packages < <(offered | if ((DEEP)); then cat; else newest; fi | not_run)
((${#packages[@]})) || skip "compile" "apt offers no other headers"
for package in "${packages[@]}"; do
	if unpack "$package" >"$CHECK_DIR/unpack.log" 2>&1; then
		compile "$package"
	else
		skip "the modules compile for ${package#linux-headers-}" "apt cannot get its headers"
	fi
done
