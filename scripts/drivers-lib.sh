# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# drivers-lib.sh - drivers of the kernel's own tree, built out of the tree.
# Sourced by drivers.sh, after lib.sh; a kernel is in use, and MODULES are ours for that kernel.
#
# A driver is a file in scripts/drivers/.  The comment at its top names, each in a line of its own:
#   about     what the driver is and which of its memory is vmalloc's
#   source    directories of the kernel's sources that are built whole, or single files: of one that is not called
#             as its module is, the module's name follows after a colon
#   modules   what is built there, in the order in which it is loaded; it has to hold all that exchange vmalloc
#             memory with each other
#   stock     of them those that are the kernel's own in either case
#   set       words for make: what of a directory is left out
#   packages  Debian packages of the programs that the work takes
#   programs  those programs, and files that they read
#   needs     modules of the kernel's own that the work takes; what the driver depends on needs no mention
#   own-needs what the kernel must export for the module as it is; where it does not, only ours is run
#   options   words for vm.sh
# Below are functions: work, which guest/drivers.sh calls; perhaps tidy, which ends what a work began that failed; and
# perhaps files_for, which is called on the host.
#
#   build/drivers/source-VERSION/      of the kernel's sources what the drivers are built from
#   build/drivers/KERNEL/NAME/ours/    the driver, its Makefiles with one line more
#   build/drivers/KERNEL/NAME/own/     the same unchanged, where the kernel has no such module

WORK=$BUILD/drivers
# shellcheck disable=SC2153 # lib.sh sets it
DRIVERS=$ROOT/scripts/drivers

# driver_header NAME KEY - the words of a line in the comment at the top of a driver's file.
driver_header() {
	sed -n "/^$/q; s/^# $2: *//p" "$DRIVERS/$1.sh" | paste -s -d ' '
}

driver_names() {
	basename -s .sh "$DRIVERS"/*.sh
}

# source_paths - what of the kernel's sources the drivers are built from, once each.
source_paths() {
	local name

	for name in $(driver_names); do
		driver_header "$name" source
	done | tr ' ' '\n' | sed 's/:.*//' | sort -u
}

# unpack_drivers ARCHIVE DIR - the sources of all drivers.  tar fails if one of them is not there, or is asked for twice.
unpack_drivers() {
	local wanted

	mapfile -t wanted < <(source_paths)
	mkdir -p "$2"
	tar -C "$2" --strip-components=1 -I 'xz -T0' -xf "$1" --wildcards "${wanted[@]/#/*\/}"
}

# driver_sources SERIES - sets SOURCE to a directory that has the sources of all drivers, as the kernel in use was built
# from them; fails if they cannot be had.
driver_sources() {
	local version archive

	version=$(source_version "$1") || return
	SOURCE=$BUILD/testkernel/source-$version
	[[ ! -d $SOURCE ]] || return 0
	SOURCE=$WORK/source-$version
	[[ ! -d $SOURCE ]] || return 0
	say "unpacking the drivers' sources of linux-source-$1 $version"
	source_archive "$1" "$WORK/package" || return
	rm -rf "$SOURCE.new"
	unpack_drivers "$archive" "$SOURCE.new" || die "cannot unpack $archive"
	rm -rf "$WORK/package"
	mv "$SOURCE.new" "$SOURCE"
}

# place_source DIR PATH - a directory of the kernel's, or one file with a Makefile, below DIR.
place_source() {
	local path=${2%:*} module dir=$1/${2%/*}

	module=$(basename "${2#*:}" .c)
	if [[ -d $SOURCE/$2 ]]; then
		mkdir -p "$dir"
		cp -r "$SOURCE/$2" "$dir/"
		dir=$1/$2
	else
		mkdir -p "$dir"
		cp "$SOURCE/$path" "$dir/"
		[[ $path == *.h ]] || echo "obj-m += $module.o" >>"$dir/Makefile"
		[[ $2 == "$path" ]] || echo "$module-y := $(basename "$path" .c).o" >>"$dir/Makefile"
	fi
	echo "$dir"
}

# lay_out DIR NAME SIDE - the sources of a driver, and a Kbuild that goes into their directories.  All that makes
# ours differ are the lines that this adds.
lay_out() {
	local path dir dirs=()

	rm -rf "$1"
	mkdir -p "$1"
	for path in $(driver_header "$2" source); do
		dir=$(place_source "$1" "$path")
		[[ " ${dirs[*]} " == *" $dir "* ]] || dirs+=("$dir")
	done
	for dir in "${dirs[@]}"; do
		echo "obj-m += ${dir#"$1"/}/" >>"$1/Kbuild"
		[[ $3 != ours ]] || cat >>"$dir/Makefile" <<-EOF
			include $MODULES/vmap-arena.mk
			ccflags-y += -include vmap_vmalloc.h -DVMAP_ARENA=KBUILD_MODNAME
		EOF
	done
	[[ $3 != ours ]] || echo "include $MODULES/vmap-arena.mk" >>"$1/Kbuild"
}

# build_stamp NAME - changes with all that the modules of a driver are made of.
build_stamp() {
	echo "$SOURCE $KERNEL_RELEASE $(driver_header "$1" source) $(driver_header "$1" set)"
	{
		cat "$ROOT/scripts/drivers-lib.sh" "$ROOT/vmap-arena.mk" "$ROOT/vmap_vmalloc.h"
		grep -w 'vmap_vmalloc_[a-z_]*' "$MODULES/Module.symvers"
	} | sha256sum
}

# build_side NAME SIDE - its modules, in build/drivers/KERNEL/NAME/SIDE/; anew if what they are made of has changed.
build_side() {
	local dir=$WORK/$KERNEL_NAME/$1/$2 toolchain=() set stamp

	stamp=$(build_stamp "$1")
	[[ $(cat "$dir.stamp" 2>/dev/null) != "$stamp" ]] || return 0
	rm -f "$dir.stamp"
	kernel_toolchain
	lay_out "$dir" "$1" "$2"
	read -ra set <<<"$(driver_header "$1" set)"
	make -C "$KERNEL_HEADERS" M="$dir" "${toolchain[@]}" "${set[@]}" -j "$(nproc)" modules >"$dir.log" 2>&1 || {
		tail -n 20 "$dir.log" >&2
		say "cannot build $1: see $dir.log"
		return 1
	}
	echo "$stamp" >"$dir.stamp"
}

# stock_module NAME - the file of a module of the kernel's own; nothing if it has none.
stock_module() {
	find "$KERNEL_ROOT/lib/modules/$KERNEL_RELEASE/kernel" -name "$1.ko*" 2>/dev/null | head -n 1
}

# has_own NAME - can the driver be had as it is?
has_own() {
	local symbol

	for symbol in $(driver_header "$1" own-needs); do
		grep -q "[[:space:]]${symbol}[[:space:]]" "$KERNEL_HEADERS/Module.symvers" || return
	done
}

# side_modules NAME SIDE DIR - the modules of one side, as files in DIR, from what was built or is the kernel's.
side_modules() {
	local module file stock built=$WORK/$KERNEL_NAME/$1/$2

	stock=$(driver_header "$1" stock)
	mkdir -p "$3"
	for module in $(driver_header "$1" modules); do
		file=''
		if [[ -d $built && " $stock " != *" $module "* ]]; then
			file=$(find "$built" -name "$module.ko")
		fi
		[[ $file || ($2 == ours && " $stock " != *" $module "*) ]] || file=$(stock_module "$module")
		[[ $file ]] || {
			say "$1: there is no $module.ko: is it off in the kernel's configuration?"
			return 1
		}
		xz -dcf "$file" >"$3/$2.$module.ko"
	done
}

# changed_exports NAME - of the symbols that the rebuilt modules export, those with another version than the
# kernel's own have: who uses them must be rebuilt, too.
changed_exports() {
	awk -F '\t' 'FNR == NR { version[$2] = $1; next }
		$2 in version { all++; if (version[$2] != $1) changed = changed " " $2 }
		END { n = split(changed, names, " "); printf "%d of %d%s\n", n, all, changed ? ":" changed : "" }' \
		"$KERNEL_HEADERS/Module.symvers" "$WORK/$KERNEL_NAME/$1/ours/Module.symvers"
}

# with_driver NAME OPTION... - a driver is run by drivers.sh; its results become ours.
with_driver() {
	local name=$1 status=0 results=$BUILD/drivers/$KERNEL_NAME/$1/out/ktap

	shift
	"$ROOT/scripts/drivers.sh" "$@" "$name" || status=$?
	if ((status == 77)); then
		skip "$name does the same work" "its source cannot be had"
		return
	fi
	[[ ! -e $results ]] || cat "$results" >>"$KTAP"
	((status == 0)) || grep -sq '^not ok' "$results" ||
		not_ok "$name: all of it is done, and the kernel does not complain" "drivers.sh ended with $status"
}
