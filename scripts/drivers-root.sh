# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# drivers-root.sh - what a guest wants to run a driver's work.  Sourced by drivers.sh, after drivers-lib.sh.

# dependencies NAME - of the modules of a driver those of the kernel's own that are not rebuilt.
dependencies() {
	local module set

	set=" $(driver_header "$1" modules | tr - _) "
	[[ -s $KERNEL_ROOT/lib/modules/$KERNEL_RELEASE/modules.dep ]] || depmod -b "$KERNEL_ROOT/" "$KERNEL_RELEASE"
	for module in $(driver_header "$1" modules); do
		[[ ! $(stock_module "$module") ]] ||
			modprobe -d "$KERNEL_ROOT/" -S "$KERNEL_RELEASE" --show-depends "$module"
	done | sed -nE 's|^insmod .*/([^/]*)\.ko.*|\1|p' | awk -v set="$set" '
		{ name = $0; gsub(/-/, "_", name) }
		!index(set, " " name " ") && !seen[name]++'
	driver_header "$1" needs | grep -o '[^ ]*' || true
	# shellcheck disable=SC2154 # drivers.sh sets it
	((!hog)) || echo loop
}

# add_to_root ROOT FILE - a file or directory; a program with the libraries that it is linked with.
add_to_root() {
	local file

	if [[ -d $2 ]]; then
		mkdir -p "$1$2"
		cp -rT "$2" "$1$2"
		return
	fi
	for file in "$2" $(ldd "$2" 2>/dev/null | grep -oE '/[^ ]+'); do
		install -D "$file" "$1$file"
	done
}

# make_root NAME TAR - what a driver's work takes.
make_root() {
	local packages root=$WORK/$KERNEL_NAME/$1/root file

	read -ra packages <<<"$(driver_header "$1" packages)"
	need_packages "${packages[@]}"
	rm -rf "$root"
	mkdir -p "$root"
	# Without being linked with it threads need it to end.
	add_to_root "$root" /lib/x86_64-linux-gnu/libgcc_s.so.1
	for file in $(driver_header "$1" programs); do
		add_to_root "$root" "$file"
	done
	tar -C "$root" -cf "$2" .
	rm -r "$root"
}

# driver_files NAME DIR - what the driver's own file makes of the material, to be put into DIR.
driver_files() (
	# shellcheck source=/dev/null
	. "$DRIVERS/$1.sh"
	! declare -F files_for >/dev/null || files_for "$WORK/$KERNEL_NAME/material" "$2"
)
