#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# vm.sh - boot a kernel in QEMU, run a script in it, and return the script's exit status.
#
# usage: scripts/vm.sh --script FILE [option]... [-- ARGUMENT...]
#
#   --kernel K      a stock kernel: 6.1, 6.12 (the default), 7.2, 7.3, 6.1-rt, 6.12-rt, 7.2-rt,
#                   6.1-arm64, 6.12-arm64, 7.2-arm64, 6.12-arm64-16k, 7.2-arm64-16k; or the path of
#                   the tree that a kernel of your own was built in, or of a boot image
#   --script FILE   the script to run, by busybox sh in /modules; it gets the ARGUMENTs
#   --module FILE   put a module of ours into /modules; may be repeated
#   --kernel-module NAME
#                   load a module of the kernel's own, and what it depends on; may be repeated
#   --file FILE     put a file into /; may be repeated
#   --share DIR     let the guest mount DIR and read it: 9p, with the tag share
#   --out DIR       copy what the script leaves in the guest's /out into DIR
#   --log FILE      keep the console output in FILE
#   --monitor PIPE  QEMU's monitor reads the named pipe PIPE.in, and answers in PIPE.out
#   --trace FILE    where QEMU puts what the monitor has it log
#   --cpus N        virtual CPUs, 1 to 64 (2)
#   --possible-cpus N
#                   CPUs that the kernel may have, of which it starts --cpus only, 1 to 64 (as many)
#   --mem MB        memory, 128 to 65536 (1024)
#   --low-mem MB    of it, how much lies below 4 GiB at most, 128 to 3072; amd64 only
#   --cpu MODEL     QEMU's CPU model (qemu64; with KVM: host; arm64: max)
#   --append WORDS  more words for the kernel's command line; may be repeated
#   --icount        one CPU whose clock counts instructions: the same build, the same figures
#   --accel A       one of auto, kvm, tcg; auto, the default, is KVM if a guest really boots with it;
#                   arm64: tcg
#   --timeout S     seconds until a guest that hangs is ended, 1 to 86400 (600)
#   --help          print this text
#
# VMAP_INDEX, in the environment: tree or summary; what vmap_arena.ko has as its parameter index unless the script
# says another.  So with VMAP_INDEX=summary each check, benchmark and table that a guest takes part in is of arenas whose
# index is a summary.
#
# Exit status: the script's own; 2 for a bad option; 124 if time ran out; 125 if the guest died, or
# if its kernel complained (a BUG, a warning, a splat of a checker): those lines are shown again.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=scripts/initramfs.sh
. "$ROOT/scripts/initramfs.sh"
# shellcheck source=scripts/guest/lib.sh
. "$ROOT/scripts/guest/lib.sh"
# shellcheck source=scripts/vm-boot.sh
. "$ROOT/scripts/vm-boot.sh"

# Complaints are looked for in the kernel's own lines only, which begin with a time stamp, so a script may print
# any of these words.
SPLAT="$COMPLAINTS|Call [Tt]race|unreferenced object|kmemleak: .*new suspected|Out of memory|nobody cared"

# No complaint about us: a module that goes has no reference any more before it has the state of one that goes, and who
# opens one of its files in between is told this.  Files that do stay are looked for by the checks.
NO_SPLAT='debugfs file owner did not clean up at exit'

kernel=6.12 script='' share='' out='' log='' monitor='' trace='' cpus=2 possible_cpus='' mem=1024 low_mem='' cpu='' icount=0 accel=auto timeout=600
module=() kernel_module=() file=() append=() arguments=()

check_options() {
	local needed

	[[ $script ]] || die "--script is missing: see --help"
	for needed in "$script" "${module[@]}" "${file[@]}"; do
		[[ -r $needed ]] || die "cannot read '$needed'"
	done
	case ${VMAP_INDEX-} in
	'') ;;
	tree | summary) append+=("vmap_arena.index=$VMAP_INDEX") ;;
	*) die "VMAP_INDEX=$VMAP_INDEX: is neither tree nor summary" ;;
	esac
	[[ ! $share || -d $share ]] || die "--share: there is no directory '$share'"
	if ((icount)); then
		cpus=1 accel=tcg
	fi
	((${possible_cpus:-64} >= cpus)) || die "--possible-cpus: fewer than --cpus"
}

# verdict DIR - say what became of the guest, and return this script's exit status.
verdict() {
	local splats status failed

	failed=$(cat "$1.failed" 2>/dev/null || echo 0)
	status=$(script_status "$1")
	if splats=$(sed "/$NO_SPLAT/,/end trace/d" "$1.log" | grep -E "\[ *[0-9]+\.[0-9]{6}\].*($SPLAT)"); then
		say "the kernel complained:"
		head -n 30 <<<"$splats" >&2
	fi
	if [[ $failed == 124 || $failed == 137 ]]; then
		say "time-out: the guest did not end within $timeout seconds"
		return 124
	elif [[ ! $status ]]; then
		say "the guest died before its script ended (QEMU's exit status: $failed)"
		return 125
	elif [[ $splats ]]; then
		return 125
	fi
	return "$status"
}

# hand_over DIR - give the caller the log and the results, as far as there are any.
hand_over() {
	[[ ! $log ]] || cp "$1.log" "$log"
	[[ ! $out ]] || tar -C "$out" --exclude=./.status -xf "$1.tar" 2>/dev/null || true
}

parse_options "$@"
check_options
need_packages busybox-static cpio kmod xz-utils
kernel_use "$kernel"
if [[ $KERNEL_ARCH == arm64 ]]; then
	[[ ! $low_mem ]] || die "--low-mem is for amd64 only"
	need_packages qemu-system-arm
	accel=tcg
else
	need_packages qemu-system-x86
fi
mkdir -p "$BUILD"
[[ ! $out ]] || mkdir -p "$out"
work=$(mktemp -d "$BUILD/vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
[[ $accel != auto ]] || choose_accel
boot_script "$work/guest"
hand_over "$work/guest"
verdict "$work/guest"
