#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# testkernel.sh - build the kernels that watch: Debian's linux-source-6.12 with its checkers on.
#
# usage: scripts/testkernel.sh [--force] [--help] [debug | kcsan | clang]...
#
#   debug    KASAN, kmemleak (the default)
#   kcsan    KCSAN, which excludes KASAN
#   clang    nothing to boot: only what is needed to compile modules with clang
#   --force  build from nothing, even if the cached kernel is up to date
#
# All have KUnit, lockdep, UBSAN, the list, page, slab and object checks, and fault injection: see
# scripts/testkernel/*.config.  Prints, for each kernel, its name, its image, and the directory to
# build modules against.  Afterwards the name of one with an image can be given to vm.sh --kernel.
# The first build takes about six minutes on two cores; a kernel is built anew only when its
# configuration, the source package or the compiler is another one.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

PACKAGE=linux-source-6.12
WORK=$BUILD/testkernel
CONFIGS=$ROOT/scripts/testkernel
# KCSAN is to watch our modules, and the library code that works on their data, but not the rest of
# the kernel, whose own races would drown them.  What orders memory for its callers must still say so.
KCSAN_WORDS=(KCSAN_SANITIZE=n KCSAN_SANITIZE_{rbtree,llist}.o=y
	KCSAN_INSTRUMENT_BARRIERS_{spinlock,spinlock_debug,mutex,rwsem,refcount}.o=y
	KCSAN_INSTRUMENT_BARRIERS_{tree,srcutree,smp,softirq,irq_work,workqueue,kthread}.o=y)
force=0 words=()

# unpack_source - sets source to the kernel's source tree, unpacked at most once a version.
unpack_source() {
	source=$WORK/source-$1
	[[ ! -d $source ]] || return 0
	say "unpacking $PACKAGE $1"
	rm -rf "$WORK"/source-*
	mkdir -p "$source.new"
	tar -C "$source.new" --strip-components=1 -I 'xz -T0' -xf "/usr/src/$PACKAGE.tar.xz" ||
		die "cannot unpack /usr/src/$PACKAGE.tar.xz"
	mv "$source.new" "$source"
}

# check_config FRAGMENT CONFIG - kbuild drops without a word what a dependency forbids; we do not.
check_config() {
	local lost

	lost=$(grep '^CONFIG_' "$1" | grep -vxFf "$2") || return 0
	die "this kernel cannot have: ${lost//$'\n'/ }"
}

# kernel_make OBJECTS GOAL... - the log is kept beside the objects.
kernel_make() {
	make -s -C "$source" O="$1" "${words[@]}" -j "$(nproc)" "${@:2}" >"$1/log" 2>&1 ||
		die "cannot build a kernel: see $1/log"
}

# configure OBJECTS FLAVOUR - all that the fragments do not name is off.
configure() {
	fragments "$2" >"$1/fragment"
	kernel_make "$1" KCONFIG_ALLCONFIG="$1/fragment" allnoconfig
	check_config "$1/fragment" "$1/.config"
}

# publish OBJECTS FLAVOUR STAMP - put the kernel where scripts/kernels.sh looks for one.
publish() {
	local dir=$BUILD/kernels/$2

	mkdir -p "$dir/root"
	ln -sfn "$1/arch/x86/boot/bzImage" "$dir/image"
	ln -sfn "$1" "$dir/headers"
	echo "$3" >"$dir/version"
	cp "$1/include/config/kernel.release" "$dir/release"
}

fragments() {
	cat "$CONFIGS/base.config" "$CONFIGS/$1.config"
}

# build FLAVOUR STAMP
build() {
	local objects=$WORK/$1

	{
		flock 8
		unpack_source "$version"
	} 8>"$WORK/source.lock"
	rm -rf "$BUILD/kernels/$1"
	((!force)) || rm -rf "$objects"
	mkdir -p "$objects"
	configure "$objects" "$1"
	if [[ $1 == clang ]]; then
		say "preparing to compile modules with clang"
		kernel_make "$objects" modules_prepare
	else
		say "building the $1 kernel: some minutes"
		kernel_make "$objects" bzImage modules
	fi
	publish "$objects" "$1" "$2"
}

# up_to_date DIR STAMP
up_to_date() {
	((!force)) && [[ -s $1/release && $(cat "$1/version" 2>/dev/null) == "$2" ]]
}

deliver() {
	local dir=$BUILD/kernels/$1 cc=gcc words=() stamp

	case $1 in
	clang)
		need_packages clang
		cc=clang
		;;
	kcsan) words=("${KCSAN_WORDS[@]}") ;;
	esac
	stamp="$version $($cc -dumpfullversion -dumpversion) $(fragments "$1" | sha256sum)${words[*]}"
	words+=(CC="$cc")
	up_to_date "$dir" "$stamp" || build "$1" "$stamp"
	echo "$1 $(realpath -m "$dir/image") $(realpath "$dir/headers")"
}

parse_options "$@"
((${#words[@]})) || words=(debug)
for flavour in "${words[@]}"; do
	need_one_of '' "$flavour" debug kcsan clang
done
need_packages "$PACKAGE" gcc libc6-dev make bc bison flex libelf-dev xz-utils
version=$(dpkg-query -W -f '${Version}' "$PACKAGE")
mkdir -p "$WORK"
for flavour in "${words[@]}"; do
	exec 9>"$WORK/$flavour.lock"
	flock 9
	deliver "$flavour"
done
