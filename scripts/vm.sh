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
#   --cpus N        virtual CPUs, 1 to 64 (2)
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
# Exit status: the script's own; 2 for a bad option; 124 if time ran out; 125 if the guest died, or
# if its kernel complained (a BUG, a warning, a splat of a checker): those lines are shown again.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=scripts/initramfs.sh
. "$ROOT/scripts/initramfs.sh"
# shellcheck source=scripts/guest/lib.sh
. "$ROOT/scripts/guest/lib.sh"

# Complaints are looked for in the kernel's own lines only, which begin with a time stamp, so a script may print
# any of these words.
SPLAT="$COMPLAINTS|Call [Tt]race|unreferenced object|kmemleak: .*new suspected|Out of memory|nobody cared"

kernel=6.12 script='' share='' out='' log='' cpus=2 mem=1024 low_mem='' cpu='' icount=0 accel=auto timeout=600
module=() kernel_module=() file=() append=() arguments=()

check_options() {
	local needed

	[[ $script ]] || die "--script is missing: see --help"
	for needed in "$script" "${module[@]}" "${file[@]}"; do
		[[ -r $needed ]] || die "cannot read '$needed'"
	done
	[[ ! $share || -d $share ]] || die "--share: there is no directory '$share'"
	if ((icount)); then
		cpus=1 accel=tcg
	fi
}

# qemu_command DIR - sets command; the console is its standard output, what the guest hands back
# goes to DIR.tar.
qemu_command() {
	local words="loglevel=5 panic=-1 oops=panic" machine model accelerator=(-accel "tcg,thread=multi")

	# What takes a guest seconds on an idle host takes it minutes on a busy one: the kernel's watchdogs are
	# to call only that a lock-up, or a stall, which no load explains.
	((icount)) || words+=" watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=300 sysctl.kernel.hung_task_timeout_secs=900"

	if [[ $KERNEL_ARCH == arm64 ]]; then
		machine=(qemu-system-aarch64 -M "virt,gic-version=3" -device "pci-serial,chardev=results")
		model=max,pauth-impdef=on
		words+=" console=ttyAMA0 results=ttyS0"
	else
		machine=(qemu-system-x86_64 -device "isa-serial,chardev=results,index=1")
		[[ ! $low_mem ]] || machine+=(-M "pc,max-ram-below-4g=${low_mem}M")
		model=qemu64
		# The kernel has 10 ms for a look whether the timer ticks; a busy host needs more.
		words+=" console=ttyS0 results=ttyS1 tsc=reliable no_timer_check"
	fi
	if [[ $accel == kvm ]]; then
		accelerator=(-accel kvm)
		model=host
	elif ((icount)); then
		accelerator=(-accel tcg -icount "shift=0,sleep=off")
		words+=" nokaslr"
	fi
	command=("${machine[@]}" "${accelerator[@]}" -cpu "${cpu:-$model}" -smp "$cpus" -m "$mem"
		-pidfile "$1.pid" -nodefaults -display none -no-reboot
		-chardev "stdio,id=console,signal=off" -serial chardev:console
		-chardev "file,id=results,path=$1.tar"
		-kernel "$KERNEL_IMAGE" -initrd "$1.cpio" -append "$words ${append[*]}")
	[[ ! $share ]] || command+=(-virtfs
		"local,path=$share,mount_tag=share,security_model=none,readonly=on,multidevs=remap")
}

# boot DIR - run a guest made of DIR; its console goes to standard output and to DIR.log.  DIR.failed
# holds QEMU's exit status, or that of timeout, if it is not 0.
boot() {
	local command

	make_initramfs "$1"
	qemu_command "$1"
	trap 'kill "$(cat "$1.pid")" 2>/dev/null || true; exit 143' INT TERM
	{
		timeout --foreground -k 5 "$timeout" "${command[@]}" </dev/null 2>&1 || echo $? >"$1.failed"
	} | sed -u 's/\r$//' | tee "$1.log" &
	wait $!
	trap - INT TERM
}

# script_status DIR - what the script returned; nothing if the guest never said.
script_status() {
	tar -xOf "$1.tar" ./.status 2>/dev/null || true
}

# probe_kvm - does the kernel in use truly boot with KVM?  A /dev/kvm that opens proves nothing.
# shellcheck disable=SC2030,SC2031 # the options are meant for this subshell only
probe_kvm() (
	[[ -r /dev/kvm && -w /dev/kvm ]] || return
	accel=kvm script=/dev/null timeout=20 append=() cpu='' module=() kernel_module=() file=()
	boot "$work/probe" >/dev/null
	[[ $(script_status "$work/probe") == 0 ]]
) 2>/dev/null

# choose_accel - KVM's answer holds until the host boots again, so it is kept.
choose_accel() {
	local known=$BUILD/accel boot_id

	boot_id=$(</proc/sys/kernel/random/boot_id)
	if ! read -r accel _ < <(grep -s " $boot_id\$" "$known"); then
		accel=tcg
		! probe_kvm || accel=kvm
		echo "$accel $boot_id" >"$known"
	fi
	[[ $accel == kvm ]] || say "KVM does not work here: software emulation (TCG)"
}

# shellcheck disable=SC2031 # see probe_kvm
# verdict DIR - say what became of the guest, and return this script's exit status.
verdict() {
	local splats status failed

	failed=$(cat "$1.failed" 2>/dev/null || echo 0)
	status=$(script_status "$1")
	if splats=$(grep -E "\[ *[0-9]+\.[0-9]{6}\].*($SPLAT)" "$1.log"); then
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
boot "$work/guest"
hand_over "$work/guest"
verdict "$work/guest"
