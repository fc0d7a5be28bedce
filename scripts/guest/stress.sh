# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# stress.sh - a run on both targets, in which each cell of the table is a test.  Its arguments are
# the stress module's parameters.

# shellcheck source=scripts/guest/lib.sh
. /lib.sh

TESTS="fix_size full_fit long_busy_list random_size fix_align random_size_align align_shift pcpu
kvfree_rcu_1_arg_vmalloc kvfree_rcu_2_arg_vmalloc vm_map_ram le_fit b_fit ne_fit"

# Reads everything, for what it may do to the arenas; then runs the invariants.
watch() {
	cat "$ARENAS"/*/stats "$ARENAS"/*/areas "$ARENAS"/*/free "$ARENAS"/*/spans "$STRESS/results" \
		"$STRESS/results.json" >/dev/null 2>&1
	verify_all && watched=$((watched + VERIFIED))
}

# result TEST TARGET - turn a line of the table into a test.
result() {
	row=$(grep -E "^$1(_alloc)?_test +$2 " "$STRESS/results")
	set -- "$1 on the $2" "$row"
	case $row in
	*" passed "*) ok "$1" ;;
	*" skipped "*) skip "$1" "${row##*[0-9] }" ;;
	*) not_ok "$1" "${row:-no such line in the results}" ;;
	esac
}

watched=0
expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "arenas verify before the run" verify_all
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko "$@"
if stress_wait watch; then
	ok "the run ends, and arenas verify each time during it"
else
	not_ok "the run ends, and arenas verify each time during it" "state: $(stress_state)"
fi
expect "arenas were verified during the run" [ "$watched" -gt 0 ]
expect "arenas verify after the run" verify_all
for test in $TESTS; do
	result "$test" arena
	result "$test" kernel
done
expect "the kernel log has a summary line for each result" \
	[ "$(dmesg | grep -c 'test_vmalloc: [a-z]*: Summary: ')" = "$(grep -cE '_test +(arena|kernel) ' "$STRESS/results")" ]
expect "results.json says done" grep '"state": "done"' "$STRESS/results.json"
expect "test_vmalloc.ko unloads" rmmod test_vmalloc
expect "arenas verify after the unload" verify_all
expect "vmap_arena.ko unloads" rmmod vmap_arena
finish
