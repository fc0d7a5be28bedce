# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the tests and bugs that Documentation/testing.rst and mutations/ name are there, and none is left out
# kernels: -
# quick: -

# shellcheck source=scripts/check-lib.sh
. "$(dirname "$0")/../check-lib.sh"

TABLE=$ROOT/Documentation/testing.rst

# kunit_cases - SUITE.CASE of each there is.
kunit_cases() {
	local file suite

	for file in "$ROOT"/tests/*_kunit.c; do
		suite=$(sed -n 's/.*\.name = "\(vmap_[a-z]*\)".*/\1/p' "$file")
		sed -nE "s/^\tKUNIT_CASE(_[A-Z]+)?\(([a-z0-9_]+).*/$suite.\2/p" "$file"
	done
}

# unknown_cases - of the names, or globs, on standard input, those of no case and no suite; fails if
# there is any.
unknown_cases() {
	local cases word name bad=0

	mapfile -t cases < <(kunit_cases)
	while read -r word; do
		for name in "${cases[@]}"; do
			# shellcheck disable=SC2053 # the word is a glob
			[[ $name != $word && ${name%.*} != "$word" ]] || continue 2
		done
		echo "$word"
		bad=1
	done
	return "$bad"
}

cases_in_table() {
	grep -oE '\bvmap_[a-z]+\.[a-z0-9_*]+' "$TABLE" | grep -vE '\.(ko|c|h)$' | sort -u | unknown_cases
}

cases_in_bugs() {
	sed -n 's/^suite: //p' "$ROOT"/mutations/*.patch | grep -vx user | sort -u | unknown_cases
}

# The names in the table's last column are alone in their backquotes.
bugs_in_table() {
	# shellcheck disable=SC2016 # these are backquotes
	grep -oE '``[a-z]+(-[a-z0-9]+)+``' "$TABLE" | tr -d '`' | sort -u
}

bugs() {
	local file

	for file in "$ROOT"/mutations/*.patch; do
		basename "$file" .patch
	done | sort
}

expect "each KUnit case that the table names exists" cases_in_table
expect "each KUnit case that a bug names exists" cases_in_bugs
expect "the table names each bug, and no other" diff <(bugs_in_table) <(bugs)
finish
