# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the benchmark measures calls and wake-ups, counts locks and entries of page tables, divides calls into parts; its figures are not judged
# kernels: 6.12
# deep: 6.1
# quick: 6.12

# complete FILE - is each measurement there, whole and in order?
complete() {
	jq -e '.results | length == 10 and all(.[] | select(.wake | not); .state == "done" and
		(.alloc, .free | .median <= .p99 and .p99 <= .p999 and .p999 <= .max and .sum > 0) and
		.alloc.count == .ops and .free.count == .ops)' "$1"
}

# in_entries FILE - does each of five buffers of 2 MiB, and nothing else, appear in the page tables and go again?  By
# one entry, or by 512 of small pages.
in_entries() {
	jq -e '[.results[] | select(.alloc.entries)] | length == 4 and all(.[];
		(if .peer | endswith("huge") then {small: 0, large: 5} else {small: 2560, large: 0} end) as $is |
		(.alloc.entries | {small, large} == $is) and (.free.entries | {small: -.small, large: -.large} == $is) and
		.free.entries.tables == 0)' "$1"
}

# measure_loads - keeps what bench.sh prints.
measure_loads() {
	"${bench[@]}" "${loads[@]/#/--load=}" | tee "$CHECK_DIR/report"
}

# awake FILE - was a real-time thread woken as often as asked, beside calls and purges?
awake() {
	jq -e 'first(.results[] | select(.wake)) | .state == "done" and (.wake | .count == 200 and .p50 > 0 and
		.p50 <= .p99 and .p99 <= .p999 and .p999 <= .p9999 and .p9999 <= .max and
		.replaced > 0 and .purges > 0 and .ours.stack and .others.stack)' "$1"
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

# symbol NAME MODULE, executes NAME... - a line of the symbols, and of the trace, of three functions that do not
# exist elsewhere: each begins at the address that its number says.
symbol() {
	printf 'ffffffff8100000%d t %s\t%s\n' "$@"
}

executes() {
	printf 'Trace 0: 0x7f [0000000000000000/ffffffff8100000%d/00/00] \n' "$@"
}

# divided - two pairs, of which one allocation is disturbed: what is made of the trace of each instruction.
divided() {
	printf 'pages\tget_page|put_page\naddress\tfind\n' >"$CHECK_DIR/rows"
	{
		symbol 1 time_alloc '[vmap_bench]'
		symbol 2 time_free '[vmap_bench]'
		symbol 3 one_alloc '[vmap_bench]'
		symbol 4 one_free '[vmap_bench]'
		symbol 5 get_page ''
		symbol 6 find ''
		symbol 7 lock ''
		symbol 8 sysvec_timer ''
		symbol 9 put_page.part.0 ''
	} >"$CHECK_DIR/symbols"
	executes 5 1 3 6 7 7 5 7 3 1 2 4 9 9 2 1 3 8 6 5 1 6 2 4 9 2 >"$CHECK_DIR/trace"
	awk -v unnamed="$CHECK_DIR/unnamed" -f "$ROOT/scripts/trace.awk" -f "$ROOT/scripts/breakdown.awk" \
		"$CHECK_DIR/rows" "$CHECK_DIR/symbols" "$CHECK_DIR/trace" | tr '\t\n' ' ,' | grep -x 'calls 1 2,pages 2 2,address 3 0,later 0 1,'
}

# registers ADDRESS - what the trace tells of them, the first argument as given.
registers() {
	printf 'RAX=1 RBX=2 RCX=3 RDX=4\nRSI=5 RDI=%s RBP=6 RSP=7\n' "$1"
}

# held - in two pairs: a lock that a variable names, held for 3 instructions and, from the same place, for 1; one that
# the function names, of a module, held for 4, with another one in it, and once while an interrupt came.  A
# worker executes 3.
held() {
	printf 'one\tglobal\tthe_lock\nown\tours\t.* \\[vmap_arena\\]\ncpu\tlists\tlist_.*\n' >"$CHECK_DIR/rows"
	{
		symbol 1 time_free '[vmap_bench]'
		symbol 2 find ''
		symbol 3 _raw_spin_lock_irqsave ''
		symbol 4 _raw_spin_unlock_irqrestore ''
		symbol 5 list_add ''
		symbol 6 put '[vmap_arena]'
		symbol 7 sysvec_timer ''
		symbol 8 process_one_work ''
		symbol 9 __schedule ''
		printf 'ffffffff81000010 d the_lock\t\n'
	} >"$CHECK_DIR/symbols"
	{
		executes 2 3
		registers ffffffff81000010
		executes 2 2 2 4 2 3 2 4 1 6 3
		registers ffffffff99999999
		executes 5 3
		registers ffffffff99999998
		executes 4 6 4 1 6 3 5 7 4 8 5 5 9 5
	} >"$CHECK_DIR/trace"
	awk -v unnamed="$CHECK_DIR/unnamed" -f "$ROOT/scripts/trace.awk" -f "$ROOT/scripts/holds.awk" "$CHECK_DIR/rows" \
		"$CHECK_DIR/symbols" "$CHECK_DIR/trace" | tee "$CHECK_DIR/held"
	tr '\t\n' ' ,' <"$CHECK_DIR/held" | grep -x "global one 1.0000 2.00 3,ours own 1.0000 4.00 4,lists cpu 0.5000 0.00 0,\
unnamed other 0.0000 0.00 0,workers later 0 1.50 0,"
}

# in_parts - has an allocation its address, pages and entries, and a free its entries, in what breakdown.sh says?
in_parts() {
	awk -F '\t' '{ alloc[$1] = $2; free[$1] = $3 }
		END { exit !(alloc["address"] && alloc["pages"] && alloc["entries"] && free["entries"]) }' \
		"$BUILD/breakdown/$KERNEL_NAME/arena-nocache/parts"
}

use_kernel "$1"
need_packages jq
tree="peer=tree sizes=random order=fifo live=50 warm=100 ops=100 align=4"
arena="peer=arena sizes=heavy order=hold live=50 warm=100 ops=100"
wake="peer=arena-nocache sizes=random live=50 wakeups=200 purge=1"
bench=("$ROOT/scripts/bench.sh" --kernel "$KERNEL" --timeout "$PATIENCE")
loads=("$tree" "$arena" "$wake")
for peer in arena-huge vmalloc-huge arena vmalloc; do
	loads+=("peer=$peer sizes=2m live=1 warm=2 ops=5 entries=1")
done
expect "bench.sh measures seven loads" measure_loads
expect "bench.json has each measurement, whole" complete "$BUILD/bench/$KERNEL_NAME-loads/bench.json"
expect "what they do to page tables is counted" in_entries "$BUILD/bench/$KERNEL_NAME-loads/bench.json"
expect "bench.sh shows that" grep -E '^arena-huge +2m +0 +1 +0 +0 +-1 +0$' "$CHECK_DIR/report"
expect "a real-time thread's delays are measured" awake "$BUILD/bench/$KERNEL_NAME-loads/bench.json"
expect_fail "a peer that is none is an error" try_locks
expect "the others are measured, with their locks" counted "$CHECK_DIR/locks/results"
expect_fail "bench.sh refuses a part that is none" "${bench[@]}" --part everything
expect_fail "bench.sh refuses --quick with --part" "${bench[@]}" --quick --part ranges
expect "what a trace of instructions says of calls is right" divided
expect "what a trace of instructions says of locks is right" held
expect "breakdown.sh traces the calls of an arena" "$ROOT/scripts/breakdown.sh" --kernel "$KERNEL" \
	--peer arena-nocache --size 20
expect "their instructions are address, pages and entries" in_parts
