#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# testkernel.sh - build the kernels that watch: Debian's kernel sources with their checkers on.
#
# usage: scripts/testkernel.sh [--force] [--help] [FLAVOUR]...
#
#   debug        6.12: KASAN, kmemleak (the default)
#   kcsan        6.12: KCSAN, which excludes KASAN
#   clang        nothing to boot: only what is needed to compile modules with clang
#   7.2-debug    7.2: KASAN, kmemleak
#   rt-debug     6.12 with PREEMPT_RT
#   arm64-debug  6.12 for arm64, by the cross compiler: KASAN, kmemleak
#   cfi          6.12 by clang, which checks that whoever is called by a pointer has the pointer's type
#   drivers      6.12: KASAN, kmemleak, and what scripts/drivers.sh --faults takes
#   tracers      6.12 without any checker: debug information, tracers of interrupts and preemption off
#   rt-tracers   likewise with PREEMPT_RT
#
#   --force  build from nothing, even if the cached kernel is up to date
#
# All but the last two have KUnit, lockdep, UBSAN, the list, page, slab and object checks, and fault injection: see
# scripts/testkernel/*.config.  Prints, for each kernel, its name, its image, and the directory to
# build modules against.  Afterwards the name of one with an image can be given to vm.sh --kernel.
# The first build takes about six minutes on two cores; a kernel is built anew only when its
# configuration, the source package or the compiler is another one.
# Exit status: 0; 1 if one cannot be built; 2 for a bad option; 77 if a source cannot be had.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

WORK=$BUILD/testkernel
CONFIGS=$ROOT/scripts/testkernel
# KCSAN is to watch our modules, and the library code that works on their data, but not the rest of
# the kernel, whose own races would drown them.  What orders memory for its callers must still say so.
KCSAN_WORDS=(KCSAN_SANITIZE=n KCSAN_SANITIZE_{rbtree,llist}.o=y
	KCSAN_INSTRUMENT_BARRIERS_{spinlock,spinlock_debug,mutex,rwsem,refcount}.o=y
	KCSAN_INSTRUMENT_BARRIERS_{tree,srcutree,smp,softirq,irq_work,workqueue,kthread}.o=y)
# Of each: its name, the series of its source, the kernel's word for its architecture, and its fragments.
FLAVOURS='debug 6.12 x86 base debug
kcsan 6.12 x86 base kcsan
clang 6.12 x86 base clang
7.2-debug 7.2 x86 base debug 7.2
rt-debug 6.12 x86 base rt
arm64-debug 6.12 arm64 base debug arm64
cfi 6.12 x86 base cfi
drivers 6.12 x86 base debug drivers
tracers 6.12 x86 base tracers
rt-tracers 6.12 x86 base rt tracers'
force=0 words=()

# unpack_source SERIES VERSION - unpacked into $source at most once a version.
unpack_source() {
	local archive

	[[ ! -d $source ]] || return 0
	say "unpacking linux-source-$1 $2"
	rm -rf "$WORK/source-$1".*
	mkdir -p "$source.new"
	{ source_archive "$1" "$WORK/package" && tar -C "$source.new" --strip-components=1 -I 'xz -T0' -xf "$archive"; } ||
		die "cannot unpack linux-source-$1"
	rm -rf "$WORK/package"
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

# configure OBJECTS - all that the fragments do not name is off.
configure() {
	fragments "${parts[@]}" >"$1/fragment"
	kernel_make "$1" KCONFIG_ALLCONFIG="$1/fragment" allnoconfig
	check_config "$1/fragment" "$1/.config"
}

# publish OBJECTS FLAVOUR STAMP - put the kernel where scripts/kernels.sh looks for one.
publish() {
	local dir=$BUILD/kernels/$2

	mkdir -p "$dir/root"
	ln -sfn "$1/$image" "$dir/image"
	ln -sfn "$1" "$dir/headers"
	echo "$3" >"$dir/version"
	[[ $arch != arm64 ]] || foreign_busybox "$dir/root"
	[[ $2 != drivers ]] || kernel_make "$1" INSTALL_MOD_PATH="$(realpath "$dir/root")" modules_install
	cp "$1/include/config/kernel.release" "$dir/release"
}

# fragments NAME... - what they want, one after the other; but a line "# without: OPTION..." takes back what
# those before it wanted.
fragments() {
	(cd "$CONFIGS" && cat "${@/%/.config}") | awk '
		{ line[NR] = $0 }
		/^# without: / { for (i = 3; i <= NF; i++) dropped["CONFIG_" $i "=y"] = NR }
		END { for (i = 1; i <= NR; i++) if (dropped[line[i]] < i) print line[i] }'
}

# build FLAVOUR SERIES VERSION STAMP
build() {
	local objects=$WORK/$1

	{
		flock 8
		unpack_source "$2" "$3"
	} 8>"$WORK/source.lock"
	rm -rf "$BUILD/kernels/$1"
	((!force)) || rm -rf "$objects"
	mkdir -p "$objects"
	configure "$objects"
	if [[ $1 == clang ]]; then
		say "preparing to compile modules with clang"
		kernel_make "$objects" modules_prepare
	else
		say "building the $1 kernel: some minutes"
		kernel_make "$objects" "${image##*/}" modules
	fi
	publish "$objects" "$1" "$4"
}

# up_to_date DIR STAMP
up_to_date() {
	((!force)) && [[ -s $1/release && $(cat "$1/version" 2>/dev/null) == "$2" ]]
}

# deliver FLAVOUR - print where it is, built if need be.
deliver() {
	local dir=$BUILD/kernels/$1 cc=gcc words=() image=arch/x86/boot/bzImage stamp series arch parts version source

	read -r _ series arch parts < <(grep "^$1 " <<<"$FLAVOURS")
	read -ra parts <<<"$parts"
	version=$(source_version "$series") || {
		say "cannot have linux-source-$series: see $BUILD/apt-$$.log"
		exit 77
	}
	source=$WORK/source-$version
	case $1 in
	clang)
		need_packages clang
		cc=clang
		;;
	cfi)
		need_packages clang-16
		cc=clang-16
		;;
	kcsan) words=("${KCSAN_WORDS[@]}") ;;
	esac
	if [[ $arch == arm64 ]]; then
		cc=aarch64-linux-gnu-gcc-12 image=arch/arm64/boot/Image
		need_packages gcc-12-aarch64-linux-gnu
		words+=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
	fi
	stamp="$version $($cc -dumpfullversion -dumpversion) $(fragments "${parts[@]}" | sha256sum)${words[*]}"
	words+=(CC="$cc")
	up_to_date "$dir" "$stamp" || build "$1" "$series" "$version" "$stamp"
	echo "$1 $(realpath -m "$dir/image") $(realpath "$dir/headers")"
}

parse_options "$@"
((${#words[@]})) || words=(debug)
mapfile -t known < <(cut -d ' ' -f 1 <<<"$FLAVOURS")
for flavour in "${words[@]}"; do
	need_one_of '' "$flavour" "${known[@]}"
done
need_packages gcc libc6-dev make bc bison flex libelf-dev xz-utils
mkdir -p "$WORK"
for flavour in "${words[@]}"; do
	exec 9>"$WORK/$flavour.lock"
	flock 9
	deliver "$flavour"
done
