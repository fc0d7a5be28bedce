# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# stress.sh - a run on both targets, in which each cell of the table is a test.  Its arguments are
# the stress module's parameters.

TESTS="fix_size full_fit long_busy_list random_size fix_align random_size_align align_shift pcpu
kvfree_rcu_1_arg_vmalloc kvfree_rcu_2_arg_vmalloc vm_map_ram no_block vrealloc le_fit b_fit ne_fit reserve"

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
	*" xfailed "*) skip "$1" "expected to fail: ${row##*[0-9] }" ;;
	*" skipped "*) skip "$1" "${row##*[0-9] }" ;;
	*) not_ok "$1" "${row:-no such line in the results}" ;;
	esac
}

# older VERSION - is this kernel older?
older() {
	[ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" != "$1" ]
}

# xfails - what the targets lack: test and target.
xfails() {
	! older 6.19 || echo no_block_alloc_test kernel
	! older 6.12 || echo vrealloc_test kernel
}

figures='[a-z_0-9]*_test passed: [0-9]* failed: [0-9]* xfailed: [0-9]* repeat: [0-9]* loops: [0-9]* avg: [0-9]* usec$'
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
expect "what a target lacks, and nothing else, is expected to fail" \
	[ "$(awk '$3 == "xfailed" { print $1, $2 }' "$STRESS/results")" = "$(xfails)" ]
expect "a line of the summary is what the kernel's own module prints, after the target" \
	sh -c "dmesg | grep 'test_vmalloc: arena: Summary: $figures'"
expect "the kernel log has a summary line for each result" \
	[ "$(dmesg | grep -c 'test_vmalloc: [a-z]*: Summary: ')" = "$(grep -cE '_test +(arena|kernel) ' "$STRESS/results")" ]
expect "results.json says done" grep '"state": "done"' "$STRESS/results.json"
unload test_vmalloc
expect "arenas verify after the unload" verify_all
unload vmap_arena
