# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# soak.sh MINUTES THREADS - rounds of all stress tests on the arena, by threads that each take them in
# an order of their own, until the time is over; the invariants are polled all the while.

now() {
	cut -d . -f 1 /proc/uptime
}

poll() {
	verify_all && polled=$((polled + VERIFIED))
}

# run_round SEED - one run of everything; fails if a test did or an arena does not verify.
run_round() {
	echo "test_loop_count=2000 seed=$1" >"$STRESS/run" || return 1
	stress_wait poll || return 1
	passes=$((passes + $(sed -n 's|^passes: .*/||p' "$STRESS/progress")))
	! grep -E '_test +arena +(failed|not-run)' "$STRESS/results"
}

end=$(($(now) + $1 * 60))
rounds=0 passes=0 polled=0 bad=0
expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko target=arena nr_threads="$2" test_loop_count=1
stress_wait true
while [ "$(now)" -lt "$end" ] && [ "$bad" = 0 ]; do
	rounds=$((rounds + 1))
	run_round "$rounds" || bad=1
done
expect "$rounds rounds, $passes passes of a test by a thread, passed" [ "$bad" = 0 ]
expect "the invariants were checked $polled times" [ "$polled" -gt 0 ]
expect "arenas verify at the end" verify_all
{
	echo "minutes $1"
	echo "rounds $rounds"
	echo "passes $passes"
	echo "verified $polled"
	cat "$ARENAS/default/stats"
} >/out/figures
dmesg >/out/dmesg
unload test_vmalloc vmap_arena
