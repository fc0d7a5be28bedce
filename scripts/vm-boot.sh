# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# vm-boot.sh - the emulator of a guest: its command line, its start, and whether KVM is of any use.  Sourced by
# vm.sh.
# shellcheck disable=SC2034,SC2154 # the variables of vm.sh

# qemu_command DIR - sets command; the console is its standard output, what the guest hands back
# goes to DIR.tar.
qemu_command() {
	local words="loglevel=5 panic=-1 oops=panic" machine model accelerator=(-accel "tcg,thread=multi")

	# What takes a guest seconds on an idle host takes it minutes on a busy one: the kernel's watchdogs are
	# to call only that a lock-up, or a stall, which no load explains.
	((icount)) || words+=" watchdog_thresh=60 patience=300 sysctl.kernel.hung_task_timeout_secs=900"

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
	[[ ! $possible_cpus ]] || words+=" maxcpus=$cpus"
	command=("${machine[@]}" "${accelerator[@]}" -cpu "${cpu:-$model}" -smp "${possible_cpus:-$cpus}" -m "$mem"
		-pidfile "$1.pid" -nodefaults -display none -no-reboot
		-chardev "stdio,id=console,signal=off" -serial chardev:console
		-chardev "file,id=results,path=$1.tar"
		-kernel "$KERNEL_IMAGE" -initrd "$1.cpio" -append "$words ${append[*]}")
	# A dump that the monitor is asked for has what the kernel tells the device of itself.
	[[ ! $monitor ]] || command+=(-chardev "pipe,id=monitor,path=$monitor" -mon chardev=monitor -device vmcoreinfo)
	[[ ! $trace ]] || command+=(-D "$trace")
	[[ ! $share ]] || command+=(-virtfs
		"local,path=$share,mount_tag=share,security_model=none,readonly=on,multidevs=remap")
}

# boot DIR - run a guest with DIR.cpio; its console goes to standard output and to DIR.log.  DIR.failed
# holds QEMU's exit status, or that of timeout, if it is not 0.
boot() {
	local command

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

# stale_breakpoint DIR - did the kernel die of a breakpoint that it had taken out of its code before?  Where one CPU
# runs what another patches, TCG may still execute it.  The byte before the one in <> is what was executed.
stale_breakpoint() {
	[[ $accel == tcg ]] && grep -q 'Oops: int3' "$1.log" &&
		sed -n 's/.*] Code: .* \(..\) <..>.*/\1/p' "$1.log" | head -n 1 | grep -vqx cc
}

# no_fault_of_the_script DIR - did the emulator crash or err, or the kernel die before the script began?
no_fault_of_the_script() {
	local failed

	failed=$(cat "$1.failed" 2>/dev/null || echo 0)
	[[ ! $(script_status "$1") && $failed != 124 && $failed != 137 ]] &&
		{ ((failed > 128)) || ! grep -q '^# the script begins' "$1.log" || stale_breakpoint "$1"; }
}

# boot_script DIR - what is tested did not run in a guest that never got there, or got no further for a fault of
# QEMU's, so it is booted again, twice at most.
boot_script() {
	local again

	make_initramfs "$1"
	boot "$1"
	for again in 1 2; do
		no_fault_of_the_script "$1" || return 0
		say "the guest died before its script began, or of QEMU's fault (its exit status:" \
			"$(cat "$1.failed" 2>/dev/null || echo 0)): booting again ($again of 2)"
		rm -f "$1.failed" "$1.tar"
		boot "$1"
	done
}

# probe_kvm - does the kernel in use truly boot with KVM?  A /dev/kvm that opens proves nothing.
# shellcheck disable=SC2030,SC2031 # the options are meant for this subshell only
probe_kvm() (
	[[ -r /dev/kvm && -w /dev/kvm ]] || return
	accel=kvm script=/dev/null timeout=20 append=() cpu='' module=() kernel_module=() file=()
	make_initramfs "$work/probe"
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
