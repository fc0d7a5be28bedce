# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: record.sh, trace-cmd and perf record the same on a running machine; all that they print of it is read
# kernels: 6.12

# shellcheck source=scripts/lab-check-lib.sh
. "$ROOT/scripts/lab-check-lib.sh"

# is_part_of INNER OUTER - what was recorded while the other recorded is a part of it, without gap,
# and has all kinds of operation.
is_part_of() {
	local inner

	inner=$(operations "$1")
	[[ $(operations "$2") == *"$inner"* ]] || diff <(operations "$1") <(operations "$2") || return
	[[ $inner == *$'\n'a* && $inner == *$'\n'f* && $inner == *$'\n'p* ]]
}

# print NAME COMMAND... - what it prints of the guest's recording, into $GUEST_OUT/printed/NAME.
print() {
	"${@:2}" >"$GUEST_OUT/printed/$1" 2>"$GUEST_OUT/said" || not_ok "$1 can be printed" "$(cat "$GUEST_OUT/said")"
}

# print_trace_cmd - with each option of trace-cmd report that changes what it prints.
print_trace_cmd() {
	local report=(trace-cmd report -i "$GUEST_OUT/trace.dat") option

	print trace-cmd.plain "${report[@]}"
	for option in t l R N V -ts-diff -ts-check -raw-ts -align-ts -nodate; do
		print "trace-cmd.${option#-}" "${report[@]}" "-$option"
	done
	print trace-cmd.t-diff "${report[@]}" -t --ts-diff
	print trace-cmd.l-diff "${report[@]}" -l --ts-diff
	print trace-cmd.ts-offset "${report[@]}" --ts-offset 5
	print trace-cmd.ts2secs "${report[@]}" --ts2secs 1000000000
}

# print_perf - likewise for perf script.
print_perf() {
	local script=(perf script -i "$GUEST_OUT/perf.data") option

	print perf.plain "${script[@]}" -G
	print perf.stacks "${script[@]}"
	for option in ns reltime deltatime header show-task-events show-mmap-events show-lost-events; do
		print "perf.$option" "${script[@]}" -G "--$option"
	done
	print perf.ns-stacks "${script[@]}" --ns --deltatime
	print perf.max-stack "${script[@]}" --max-stack 3
	for option in +period +misc +flags +ip,+sym,+symoff comm,pid,tid,time,period,event,trace \
		tid,cpu,time,period,event,trace time,event,trace; do
		print "perf.F-$option" "${script[@]}" -G -F "$option"
	done
	print perf.no-time "${script[@]}" -G -F comm,tid,cpu,event,trace
	print perf.event-only "${script[@]}" -G -F event,trace
}

need_packages jq
use_kernel "$1"
build_lab
need_packages trace-cmd linux-perf
in_guest labrecord.sh --cpus 1 --mem 2048 --share / --kernel-module virtio_pci \
	--kernel-module 9pnet_virtio --kernel-module 9p --kernel-module overlay \
	--kernel-module loop -- "$ROOT"
outer=$GUEST_OUT/raw.trace
for tracer in trace-cmd perf; do
	"$LAB" --convert "$GUEST_OUT/$tracer" >"$CHECK_DIR/$tracer.trace" || true
	expect "what $tracer recorded at the same time is the same" \
		is_part_of "$CHECK_DIR/$tracer.trace" "$outer"
	outer=$CHECK_DIR/$tracer.trace
done
print_trace_cmd
print_perf
for tracer in raw hex; do
	expect "refused: what tracefs prints with its option $tracer" \
		says 2 ": expected TIME: EVENT:" "$LAB" --convert "$GUEST_OUT/refused/tracefs.$tracer"
done
expect_read "$GUEST_OUT"/printed/*
"$LAB" --convert "$GUEST_OUT/printed/perf.plain" >"$CHECK_DIR/plain.trace"
"$LAB" --convert "$GUEST_OUT/printed/perf.deltatime" >"$CHECK_DIR/read.trace"
expect "differences of time add up" at_the_same_time "$CHECK_DIR/read.trace" "$CHECK_DIR/plain.trace"
