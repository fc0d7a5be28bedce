# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# kunit.sh SUITES [PARAMETER=VALUE]... - load vmap_kunit.ko and keep what its suites say in
# /out/kunit.  SUITES is a glob (vmap_*); a parameter that vmap_kunit.ko does not have goes to
# vmap_arena.ko.  Meanwhile the invariants of every arena are checked again and again from outside.

# scarce - is there so little memory that a test can take it all?
scarce() {
	[ "$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)" -lt 524288 ]
}

# watch - until the tests are over: read everything, run the invariants.
watch() {
	export MAY_LOSE_SPANS=1
	while [ ! -e /tmp/over ]; do
		cat "$ARENAS"/*/stats "$ARENAS"/*/areas "$ARENAS"/*/free "$ARENAS"/*/spans >/dev/null 2>&1
		verify_all >/tmp/said || [ "$VERIFIED" = 0 ] || cp /tmp/said /tmp/wrong
		sleep 0.2
	done
}

# keep_results - fails if no suite ran.
keep_results() {
	mkdir -p /out/kunit
	for results in "$KUNIT"/vmap_*/results; do
		suite=${results%/results}
		cp "$results" "/out/kunit/${suite##*/}" || return 1
	done
}

# checkers - what the kernel's own checkers say by themselves, is on its console; these must be asked,
# or might not be at work at all.
checkers() {
	if [ -e /sys/kernel/debug/kmemleak ]; then
		expect "kmemleak finds nothing" no_leaks
	else
		skip "kmemleak finds nothing" "this kernel does not have it"
	fi
	if [ -e /sys/kernel/debug/kcsan ]; then
		cp /sys/kernel/debug/kcsan /out/kcsan
		traps=$(sed -n 's/^setup_watchpoints: *//p' /out/kcsan)
		expect "KCSAN lay in wait for races: $traps times" [ "$traps" -gt 1000 ]
	fi
}

suites=$1
shift
for word; do
	case $word in
	loops=* | seed=* | destroys=*) kunit_words="$kunit_words $word" ;;
	*) arena_words="$arena_words $word" ;;
	esac
done
allow_faults
make_group
# shellcheck disable=SC2086 # these are words
expect "vmap_arena.ko loads" insmod vmap_arena.ko $arena_words
if scarce; then
	# What the kernel lets itself be asked for shall not change from one request to the next.
	echo 0 >/proc/sys/vm/watermark_boost_factor
else
	watch &
fi
# shellcheck disable=SC2086 # these are words
expect "vmap_kunit.ko loads" run_suites "$suites" $kunit_words
expect "suites ran: $suites" keep_results
touch /tmp/over
wait
expect_fail "no invariant was violated meanwhile" cat /tmp/wrong
expect "arenas verify afterwards" verify_all
checkers
unload vmap_kunit vmap_arena
dmesg >/out/dmesg
