#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# record.sh - record what a kernel's vmalloc does, as a trace for replay.sh.
#
# usage: scripts/record.sh --out FILE [option]... WORKLOAD
#        scripts/record.sh --out FILE [--guest] -- COMMAND [ARGUMENT]...
#
# In a guest, WORKLOAD is one of:
#   --boot          the boot itself, from the moment the tracer is up, with some modules loaded
#   --fork-storm    waves of processes: kernel stacks come and go
#   --modules       kernel modules unloaded and loaded again
#   --mount         file systems mounted, read and unmounted
#   --mixed         all of these at once, beside disks in compressed memory that come and go
#
# A COMMAND is run on the running machine, as root, or with --guest in the guest.
#
#   --out FILE      the trace; compressed if the name ends in .gz
#   --guest         run the COMMAND in the guest, by busybox
#   --kernel K      the guest's kernel: 6.12 (the default), 6.12-rt, or the path of an image
#   --cpus N        the guest's CPUs, 1 to 64 (2)
#   --convert FILE  record nothing; make the trace of what tracefs (trace), trace-cmd report or perf
#                   script printed into FILE, with whatever options
#   --timeout S     seconds until a guest that hangs is ended, 1 to 86400 (600)
#   --help          print this text
#
# The kernel that is recorded must have vmalloc's tracepoints: Linux 6.2 or later.  Exit status: 0;
# 2 for a bad option or if nothing could be recorded.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lab-lib.sh
. "$ROOT/scripts/lab-lib.sh"

# Loaded by --boot, and again and again by --modules: of several sizes, with what they depend on.
STORM_MODULES=(drm xfs btrfs ext4 nf_tables sctp f2fs cifs)
EVENTS=vmalloc:alloc_vmap_area,vmalloc:free_vmap_area_noflush,vmalloc:purge_vmap_area_lazy

# shellcheck disable=SC2034 # set_workload looks at them by name
boot=0 fork_storm=0 modules=0 mount=0 mixed=0
out='' guest=0 kernel=6.12 cpus=2 convert='' timeout=600 arguments=()

# set_workload - to the one asked for.
set_workload() {
	local name

	workload=''
	for name in boot fork-storm modules mount mixed command; do
		case $name in
		command) ((${#arguments[@]})) || continue ;;
		*) ((${name/-/_})) || continue ;;
		esac
		[[ ! $workload ]] || die "--$name: there is a workload already: $workload"
		workload=$name
	done
	[[ ! $workload || $workload == command ]] || guest=1
}

check_options() {
	[[ $out ]] || die "--out is missing: see --help"
	[[ -d $(dirname "$out") ]] || die "--out: there is no directory '$(dirname "$out")'"
	if [[ $convert ]]; then
		[[ -r $convert ]] || die "--convert: cannot read '$convert'"
		[[ ! $workload ]] || die "--convert records nothing: leave out the workload"
	else
		[[ $workload ]] || die "what is to be recorded is missing: see --help"
	fi
}

make_images() {
	need_packages e2fsprogs squashfs-tools
	mkdir -p "$work/tree"
	cp -r "$ROOT"/scripts "$ROOT"/*.c "$work/tree"
	PATH=$PATH:/sbin:/usr/sbin
	mke2fs -q -t ext4 -d "$work/tree" "$work/ext4.img" 24M >/dev/null
	mksquashfs "$work/tree" "$work/squashfs.img" -comp xz -quiet -no-progress >/dev/null
}

# guest_options - what the workload needs in the guest, into options.
guest_options() {
	case $workload in
	boot | modules)
		options=("${STORM_MODULES[@]/#/--kernel-module=}")
		[[ $workload != boot ]] ||
			options+=(--append "trace_event=$EVENTS trace_buf_size=16M")
		;;
	mount | mixed)
		make_images
		options=(--kernel-module={loop,ext4,squashfs} --file="$work"/{ext4,squashfs}.img)
		[[ $workload != mixed ]] || options+=("${STORM_MODULES[@]/#/--kernel-module=}" --kernel-module=zram)
		;;
	esac
}

record_guest() {
	local options=()

	guest_options
	"$ROOT/scripts/vm.sh" --kernel "$kernel" --cpus "$cpus" --timeout "$timeout" \
		--script "$ROOT/scripts/guest/record.sh" --out "$work" --log "$work/console.log" \
		"${options[@]}" -- "$workload" "${arguments[@]}" >"$work/vm.log" 2>&1 || {
		grep -h 'record.sh: ' "$work/vm.log" >&2 || tail -n 5 "$work/vm.log" >&2
		die "nothing was recorded in the guest"
	}
	kernel_use "$kernel"
	release=$KERNEL_RELEASE
}

record_here() {
	((EUID == 0)) || die "recording needs root"
	release=$(uname -r)
	OUT=$work sh "$ROOT/scripts/guest/record.sh" "$workload" "${arguments[@]}" >&2 ||
		die "nothing was recorded"
}

write_trace() {
	"$LAB" --convert "$1" >"$work/trace" || die "what was recorded makes no trace"
	{
		echo "# $command_line"
		[[ ! $release ]] || echo "# Linux $release"
		cat "$work/trace"
	} >"$work/whole"
	case $out in
	*.gz) gzip -9nc "$work/whole" >"$work/packed" && mv "$work/packed" "$out" ;;
	*) mv "$work/whole" "$out" ;;
	esac
}

command_line="scripts/record.sh $*"
parse_options "$@"
set_workload
check_options
build_lab
work=$(mktemp -d "$BUILD/record.XXXXXX")
trap 'rm -rf "$work"' EXIT
release=''
if [[ $convert ]]; then
	write_trace "$convert"
else
	if ((guest)); then record_guest; else record_here; fi
	write_trace "$work/raw"
fi
say "$out: $(($(zcat -f "$out" | wc -l))) lines, $(stat -c %s "$out") bytes"
