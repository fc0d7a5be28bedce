# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: a load replayed with moves: each move is right; compaction, evictions and a buddy system side by side
# kernels: -

# shellcheck source=scripts/lab-check-lib.sh
. "$ROOT/scripts/lab-check-lib.sh"

TRACE=$ROOT/lab/traces/mixed.trace.gz

# table COMMAND... - it prints a line for each of seven spaces, with figures in all columns.
table() {
	"$@" >"$CHECK_DIR/table" || return
	awk 'NF == 13 && !/[^0-9 ]/ { lines++ } END { exit lines != 7 }' "$CHECK_DIR/table" || {
		cat "$CHECK_DIR/table"
		return 1
	}
}

# wins - where all can be moved and 95 of 100 units are used, fewer units are refused with moves and with evictions
# than with neither, and all that was evicted is where there was room or was put out.
wins() {
	awk '$1 == 95 && $2 == 100 { won = $7 < $4 && $10 < $4 && $8 > 0 && $9 > 0 && $12 > 0 && $10 >= $11 }
		END { exit !won }' "$CHECK_DIR/table"
}

# next_served PROGRAM - where 90 of 100 units are used, what moved in the background serves some of the later requests:
# more than with nothing moved, and not more than where each request waits for its own compaction.
next_served() {
	"$1" --workload heavy --n 500 --operations 20000 >"$CHECK_DIR/background" || return
	awk '$1 == 90 && $2 == 100 { served = $5 < $4 && $5 >= $7 && $6 > 0 } END { exit !served }' "$CHECK_DIR/background"
}

find_peers "${LAB_PEERS[@]}"
MOVES=$BUILD/lab/gcc/bench_compact
[[ ${peers[*]} == *6.12* ]] || skip_all "linux-source-6.12 cannot be had, so there is no drm_mm"
expect "replay.sh --moves prints a table" table "$ROOT/scripts/replay.sh" --moves "$TRACE"
expect "moves and evictions win what the trace needs" wins
expect "room made in the background serves later requests" next_served "$MOVES"
for load in heavy random_align lifo; do
	expect "so it does of $load" table "$ROOT/scripts/replay.sh" --moves --workload "$load" --n 500 --ops 5000
done
expect "refused: --n 65537" says 2 "--n: '65537'" "$MOVES" --workload heavy --n 65537
expect "refused: --workload x" says 2 "'x' cannot be made" "$MOVES" --workload x
build_sanitized compact
expect "each move is right, under ASan and UBSan" "${SANITIZED%/*}/bench_compact" --check --trace "$TRACE"
((!QUICK)) || finish
! build_mutant drm_mm.c 's/ && found;/ \&\& 0;/' compact ||
	expect_fail "evictions that make no room are noticed" "${MUTANT%/*}/bench_compact" --trace "$TRACE"
! build_mutant ../compact.c 's/larger = wanted .*/larger = false;/' compact ||
	expect_fail "a worker that makes no room is noticed" next_served "${MUTANT%/*}/bench_compact"
! build_mutant ../user/bench_compact.c 's/holder->at = to;/;/' compact ||
	expect_fail "a holder that is not told of a move is noticed" "${MUTANT%/*}/bench_compact" --check --trace "$TRACE"
