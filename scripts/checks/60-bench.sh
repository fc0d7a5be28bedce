# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the benchmark measures calls and wake-ups, counts locks, and says all of it in JSON; its figures are not judged
# kernels: 6.1 6.12
# quick: 6.12

# complete FILE - is each measurement there, whole and in order?
complete() {
	jq -e '.results | length == 6 and all(.[] | select(.wake | not); .state == "done" and
		(.alloc, .free | .median <= .p99 and .p99 <= .p999 and .p999 <= .max and .sum > 0) and
		(.peer == "none" or .alloc.count == 100 and .free.count == 100))' "$1"
}

# awake FILE - was a real-time thread woken as often as asked, beside calls and purges?
awake() {
	jq -e 'first(.results[] | select(.wake)) | .state == "done" and (.wake | .count == 200 and .p50 > 0 and
		.p50 <= .p99 and .p99 <= .p999 and .p999 <= .p9999 and .p9999 <= .max and
		.replaced > 0 and .purges > 0 and .stack)' "$1"
}

# counted FILE - does each line of a run that counts locks have a count, and some more than none?
counted() {
	jq -s -e 'length == 2 and all(.[]; .locks >= 0) and any(.[]; .locks >= 200)' "$1"
}

# try_locks - the same loads again, with probes, and one that cannot be measured.
try_locks() {
	printf '%s\n' "$tree" "peer=nobody live=10" "$arena" >"$CHECK_DIR/loads"
	"$ROOT/scripts/vm.sh" --kernel "$KERNEL" --icount --mem 512 --timeout "$PATIENCE" \
		--kernel-module drm --file "$CHECK_DIR/loads" --module "$MODULES/vmap_arena.ko" \
		--module "$MODULES/bench/vmap_bench.ko" --script "$ROOT/scripts/guest/bench.sh" \
		--out "$CHECK_DIR/locks" -- locks
}

use_kernel "$1"
need_packages jq
tree="peer=tree sizes=random order=fifo live=50 warm=100 ops=100 align=4"
arena="peer=arena sizes=heavy order=lifo live=50 warm=100 ops=100"
wake="peer=arena-nocache sizes=random live=50 wakeups=200 purge=1"
bench=("$ROOT/scripts/bench.sh" --kernel "$KERNEL" --timeout "$PATIENCE")
expect "bench.sh measures three loads" "${bench[@]}" --load "$tree" --load "$arena" --load "$wake"
expect "bench.json has each measurement, whole" complete "$BUILD/bench/$KERNEL_NAME-loads/bench.json"
expect "a real-time thread's delays are measured" awake "$BUILD/bench/$KERNEL_NAME-loads/bench.json"
expect_fail "a peer that is none is an error" try_locks
expect "the others are measured, with their locks" counted "$CHECK_DIR/locks/results"
expect_fail "bench.sh refuses a part that is none" "${bench[@]}" --part everything
expect_fail "bench.sh refuses --quick with --part" "${bench[@]}" --quick --part ranges
