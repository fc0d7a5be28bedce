# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: a load that several threads replay, each the operations of some CPUs, leaves what one thread leaves
# kernels: -
# quick: -

# shellcheck source=scripts/lab-check-lib.sh
. "$ROOT/scripts/lab-check-lib.sh"

# left_by PROGRAM THREADS LOAD... - the units and areas that each structure holds after the load; 0: no threads.
left_by() {
	local threads=()

	(($2 == 0)) || threads=(--threads "$2")
	rm -rf "$CHECK_DIR/left"
	timeout "$PATIENCE" "$1" "${threads[@]}" --out "$CHECK_DIR/left" "${@:3}" >"$CHECK_DIR/left.log" 2>&1 || return
	rm -f "$CHECK_DIR/left/recorded".*
	tail -q -n 1 "$CHECK_DIR/left"/*.samples | cut -d ' ' -f 1-5
}

# same_left PROGRAM LOAD... - several threads leave what one does.
same_left() {
	local alone threads

	alone=$(left_by "$1" 0 "${@:2}")
	for threads in 1 3 8; do
		[[ $alone && $(left_by "$1" "$threads" "${@:2}") == "$alone" ]] || {
			echo "with $threads threads:"
			cat "$CHECK_DIR/left.log"
			return 1
		}
	done
}

# soon COMMAND... - no program of it takes more than a minute of CPU time: what frees an area twice may spoil a
# structure so that a walk goes round for ever, which is noticed, too.  A right program takes seconds.
soon() (
	ulimit -t 60
	"$@"
)

# shared_out PROGRAM - a trace of which CPU 0 did two operations, CPU 3 one, and of another nobody knows which, is
# shared out to two threads.
shared_out() {
	printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x100000\n' >"$CHECK_DIR/cpus.trace"
	printf '%s\n' '1 a 0x1000 4096 4096 0x1000 0x100000 @0' '2 a 0x2000 4096 4096 0x1000 0x100000' \
		'3 f 0x1000 @3' '4 f 0x2000 @0' >>"$CHECK_DIR/cpus.trace"
	"$1" --index tree --threads 2 --trace "$CHECK_DIR/cpus.trace" | grep -x 'operations of each thread: 3 1; areas handed to another thread: 1 times'
}

build_lab
shape=(--n 500 --ops 5000 --workload)
for load in random heavy lifo; do
	expect "$load: several threads leave what one does" same_left "$LAB" "${shape[@]}" "$load"
done
for trace in "$ROOT"/lab/traces/*.trace.gz; do
	((DEEP)) || break
	expect "$(basename "$trace"): several threads leave what one does" same_left "$LAB" --trace "$trace"
done
expect "the operations of a trace are shared out by CPU" shared_out "$LAB"
for number in 0 9; do
	expect "refused: --threads $number" says 2 "--threads: '$number' is not a whole number from 1 to 8" \
		"$LAB" --threads "$number"
done
expect "replay.sh refuses threads in a guest" says 2 "there are none in the guest" \
	"$ROOT/scripts/replay.sh" --guest --threads 2 --workload random
need_packages gnuplot-nox jq
expect "replay.sh replays with threads" "$ROOT/scripts/replay.sh" --threads 2 --out "$CHECK_DIR/replayed" \
	--index tree,rbtrees --n 500 --workload random
# shellcheck disable=SC2119 # no words for make
build_sanitized
expect "several threads leave what one does, under ASan and UBSan" same_left "$SANITIZED" "${shape[@]}" random
((!QUICK)) || finish
# The kernel's structures take most of the time to compile.
peers=()
expect "the program is compiled with TSan" make_lab "$ROOT/user" "$CHECK_DIR" VARIANT=thread
expect "threads race for nothing" same_left "$CHECK_DIR/thread/vmap_lab" "${shape[@]}" random
((!DEEP)) || ! build_mutant user/threads.c 's/if (!(crowd->index->flags & LAB_LOCKS))/if (0)/' VARIANT=thread ||
	expect_fail "a lock that is not taken is noticed" soon same_left "${MUTANT%/gcc/*}/thread/vmap_lab" "${shape[@]}" random
! build_mutant user/threads.c 's/!= crowd->turns\[i\]/== ~0U/' ||
	expect_fail "areas that are not handed over in order are noticed" soon same_left "$MUTANT" "${shape[@]}" random
! build_mutant trace.c 's/op->cpu = trace->cpu/op->cpu = 0/' ||
	expect_fail "CPUs that are not taken from the trace are noticed" shared_out "$MUTANT"
