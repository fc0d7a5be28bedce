# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# kunit-lib.sh - run KUnit suites in a test kernel.  Sourced by checks, after check-lib.sh.
#
# What a suite says is read with the kernel's own tools/testing/kunit/kunit.py.

# use_test_kernel NAME - build it if need be, make it the one in use, with our modules built for it.
use_test_kernel() {
	need_packages python3 jq
	"$ROOT/scripts/testkernel.sh" "$1"
	use_kernel "$1"
	KUNIT_PY=$(realpath "$KERNEL_HEADERS/source")/tools/testing/kunit/kunit.py
}

# kunit_cases FILE - a line for each case in what kunit.py made of a suite: status, name.
kunit_cases() {
	jq -r 'def cases($path): (.test_cases[] | [.status, $path + .name]),
		(.sub_groups[] | cases($path + .name + ": "));
		cases("") | @tsv' "$1"
}

# kunit_report FILE - the cases of a suite's results become our tests.  What kunit.py finds wrong
# although no case failed (none ran, the suite's own setting up) is a failure, too, unless it is only
# that all were skipped.  A case that is skipped here, but passed in an earlier boot of the same check,
# was not skipped.
kunit_report() {
	local status name case good=1 failed=0 ran=0 passed=$CHECK_DIR/passed

	python3 "$KUNIT_PY" parse --json="$1.json" "$1" >"$1.parsed" 2>&1 || good=0
	while IFS=$'\t' read -r status name; do
		case=${name#*: }
		[[ $status == SKIP ]] || ran=1
		case $status in
		PASS)
			ok "$name"
			echo "$name" >>"$passed"
			;;
		SKIP)
			grep -sqxF "$name" "$passed" ||
				skip "$name" "$(sed -n "s/.* ${name##*: } # SKIP //p" "$1" | head -n 1)"
			;;
		*)
			failed=1
			not_ok "$name" "$status; all it said is in $1" \
				"$(grep -A 5 "# ${case%%: *}: \(EXPECTATION\|ASSERTION\)" "$1" | head -n 40)"
			;;
		esac
	done < <(kunit_cases "$1.json")
	((ran)) || ! grep -q 'Ran [0-9]* tests: skipped' "$1.parsed" || grep -qF '[ERROR]' "$1.parsed" || good=1
	((good || failed)) || not_ok "kunit.py is content with ${1##*/}" "$(cat "$1.parsed")"
}

# suites_like GLOB - those of our suites whose names match; the glob may go on with that of a case.
suites_like() {
	local suite

	sed -n 's/.*\.name = "\(vmap_[a-z]*\)".*/\1/p' "$ROOT"/tests/*_kunit.c | while read -r suite; do
		# shellcheck disable=SC2053 # it is a pattern
		[[ $suite != ${1%%.*} ]] || echo "$suite"
	done
}

# in_kunit_guest SUITES [VM-OPTION]... [-- PARAMETER]... - boot and run the suites that the glob names;
# a parameter goes to the module that has it.
in_kunit_guest() {
	local suites=$1 suite options=()

	shift
	while (($#)) && [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	in_guest kunit.sh --module "$MODULES/vmap_kunit.ko" "${options[@]}" -- "$suites" "${@:2}"
	for suite in $(suites_like "$suites"); do
		if [[ -s $GUEST_OUT/kunit/$suite ]]; then
			kunit_report "$GUEST_OUT/kunit/$suite"
		else
			not_ok "$suite hands back its results"
		fi
	done
}
