# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# trace-lib.sh - a guest that makes the calls of one load while QEMU logs each instruction.  Sourced by breakdown.sh
# and ceiling.sh.
# shellcheck disable=SC2154 # size and timeout are theirs

# The guest runs on while it is traced: long enough for a trace, short enough to wait for.
BUDGET=4000000000

# tell DIR COMMAND... - to QEMU's monitor.
tell() {
	printf '%s\n' "${@:2}" >"$1/monitor.in"
}

# log DIR MB WHAT - have the instructions that follow logged until the trace has so many MB.
log() {
	tell "$1" "log $3"
	until (($(stat -c %s "$1/trace" 2>/dev/null || echo 0) >= $2 << 20)); do
		sleep 0.2
	done
}

# trace DIR REGISTERS - once the guest in DIR measures, log up to REGISTERS MB with what the registers hold, and then
# without, up to the size.
trace() {
	until grep -q '^# measuring' "$1/vm.log"; do
		sleep 0.2
	done
	sleep 1 # until all areas are live
	# QEMU 8.1 calls "singlestep" by another name; a command that QEMU does not know does nothing.
	tell "$1" "singlestep on" "one-insn-per-tb on"
	(($2 == 0)) || log "$1" "$2" exec,nochain,cpu
	log "$1" "$size" exec,nochain
	tell "$1" "log none" "singlestep off" "one-insn-per-tb off"
}

# traced DIR PEER LOAD REGISTERS [OPTION]... - run the load in the kernel in use, with more options for vm.sh; leaves
# DIR/trace and DIR/symbols.
traced() {
	local dir=$1 guest tracer

	rm -rf "$dir"
	mkdir -p "$dir"
	mkfifo "$dir/monitor.in" "$dir/monitor.out"
	: >"$dir/vm.log"
	echo "peer=$2 $3 warm=20000 ops=4000000 budget=$BUDGET" >"$dir/load"
	"$ROOT/scripts/vm.sh" --kernel "$KERNEL" --icount --mem 1024 --timeout "$timeout" --monitor "$dir/monitor" \
		--trace "$dir/trace" --append init_on_alloc=0 --kernel-module drm --file "$dir/load" \
		--module "$MODULES/vmap_arena.ko" --module "$MODULES/bench/vmap_bench.ko" "${@:5}" \
		--script "$ROOT/scripts/guest/breakdown.sh" --out "$dir" >"$dir/vm.log" 2>&1 &
	guest=$!
	trace "$dir" "$4" &
	tracer=$!
	wait "$guest" || {
		kill "$tracer" 2>/dev/null || true
		return 1
	}
	kill "$tracer" 2>/dev/null && say "$2: the guest was done before the trace was full"
	gzip -dc "$dir/symbols.gz" | LC_ALL=C sort >"$dir/symbols"
	rm -f "$dir/monitor.in" "$dir/monitor.out"
}

# parts DIR - what breakdown.awk makes of the trace, in DIR/parts.
parts() {
	LC_ALL=C awk -v unnamed="$1/unnamed" -f "$ROOT/scripts/trace.awk" -f "$ROOT/scripts/breakdown.awk" \
		"$ROOT/scripts/breakdown.rows" "$1/symbols" "$1/trace" >"$1/parts" 2>>"$1/vm.log"
}
