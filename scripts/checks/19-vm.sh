# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: what is said of a guest: its script's status, a complaint, a death, and who is not to blame for one
# kernels: 6.12

# vm STATUS BOOTS OPTION... - the script on standard input ends so, in a guest that is booted so many times.
vm() {
	local status=0 out=$CHECK_DIR/vm.log script=$CHECK_DIR/script

	cat >"$script"
	"$ROOT/scripts/vm.sh" --kernel "$KERNEL" --script "$script" --timeout "$PATIENCE" "${@:3}" >"$out" 2>&1 ||
		status=$?
	[[ $status == "$1" && $(grep -c 'Linux version' "$out") == "$2" ]] || {
		echo "status $status"
		tail -n 20 "$out"
		return 1
	}
}

# dies_of_breakpoint BYTE - a script with which the kernel seems to die of a breakpoint, BYTE in its memory there.
dies_of_breakpoint() {
	cat <<-END
		echo "<4>Oops: int3: 0000 [#1]" >/dev/kmsg
		echo "<4>Code: e8 04 $1 <48> 89 e5" >/dev/kmsg
		echo c >/proc/sysrq-trigger
		sleep 60
	END
}

# went_while_opened [COMPLAINT] - a script with which the kernel says what it says of a file that is opened while its
# module goes, and then the complaint.
went_while_opened() {
	printf 'echo "<4>%s" >/dev/kmsg\n' "debugfs file owner did not clean up at exit: stats" \
		"WARNING: CPU: 0 PID: 1 at full_proxy_open+0x156/0x7e0" "Call Trace:" \
		"---[ end trace 0000000000000000 ]---" "$@"
}

find_kernel "$1"
loud=(--append loglevel=7)
expect "the status of the script is that of vm.sh" vm 7 1 "${loud[@]}" <<<'exit 7'
expect "what the kernel complains of is a failure" vm 125 1 "${loud[@]}" <<<'echo "<4>BUG: of this test" >/dev/kmsg'
expect "what it says of a file that is opened while its module goes is none" \
	vm 0 1 "${loud[@]}" < <(went_while_opened)
expect "what it complains of after that is one" vm 125 1 "${loud[@]}" < <(went_while_opened "BUG: of this test")
expect "a kernel that dies while the script runs is one" vm 125 1 "${loud[@]}" \
	<<<'echo c >/proc/sysrq-trigger; sleep 60'
expect "a guest that dies before its script is booted again, twice" vm 125 3 "${loud[@]}" \
	--append "rdinit=/none root=none" <<<'exit 0'
expect "one that dies of a breakpoint which is not there any more, too: QEMU is to blame" \
	vm 125 3 "${loud[@]}" --accel tcg < <(dies_of_breakpoint 55)
expect "one that dies of a breakpoint which is there is a failure" \
	vm 125 1 "${loud[@]}" --accel tcg < <(dies_of_breakpoint cc)
