# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the tests and bugs that Documentation/ and mutations/ name are there, none is left out, and each bug fits
# kernels: -
# quick: -

# shellcheck source=scripts/mutate-lib.sh
. "$ROOT/scripts/mutate-lib.sh"

TABLE=$ROOT/Documentation/testing.rst
VMALLOC=$ROOT/Documentation/vmalloc.rst

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

# cases_in FILE
cases_in() {
	grep -oE '\bvmap_[a-z]+\.[a-z0-9_*]+' "$1" | grep -vE '\.(ko|c|h)$' | sort -u | unknown_cases
}

# named_checks - what vmalloc.rst calls a check is the file of one.
named_checks() {
	local name bad=0

	# shellcheck disable=SC2016 # these are backquotes
	while read -r name; do
		compgen -G "$ROOT/scripts/checks/[0-9][0-9]-$name.sh" >/dev/null && continue
		echo "$name"
		bad=1
	done < <(tr '\n' ' ' <"$VMALLOC" | grep -oE 'checks? ``[a-z]+``' | tr -d '`' | awk '{ print $2 }')
	return "$bad"
}

# rows_without_a_test - the first line of each row of vmalloc.rst whose third cell, the last, names no test;
# fails if there is any.
rows_without_a_test() {
	awk 'function judge() {
			if (cell == 3 && last !~ /vmap_[a-z]+\.|check ``|``test_|noticed by/) {
				print row
				bad = 1
			}
			cell = 0
		}
		/^   \* - / { judge(); row = $0; cell = 1; next }
		/^     - / { cell++; last = $0; next }
		/^$/ { judge() }
		{ last = last $0 }
		END { judge(); exit bad }' "$VMALLOC"
}

cases_in_bugs() {
	sed -n 's/^suite: //p' "$ROOT"/mutations/*.patch | grep -vxE 'user|litmus|unload|check .*' | sort -u |
		unknown_cases
}

# checks_in_bugs - the checks that bugs name and that are none; fails if there is any.
checks_in_bugs() {
	! sed -n 's/^suite: check //p' "$ROOT"/mutations/*.patch | sort -u |
		grep -vxFf <("$ROOT/scripts/check.sh" --deep --list | awk '{ print $1 }')
}

# The names in the table's last column are alone in their backquotes.
bugs_in_table() {
	# shellcheck disable=SC2016 # these are backquotes
	grep -oE '``[a-z]+(-[a-z0-9]+)+``' "$TABLE" | tr -d '`' | sort -u
}

litmus_in_table() {
	grep -oE '[a-z-]+\.litmus' "$TABLE" | sort -u
}

litmus() {
	find "$ROOT/litmus" -name '*.litmus' -printf '%f\n' | sort
}

bugs() {
	local file

	for file in "$ROOT"/mutations/*.patch; do
		basename "$file" .patch
	done | sort
}

# in_and_out TREE NAME - put a bug in, and take it out again.
in_and_out() {
	put_bug "$1" "$2" && ! diff -rq "$CHECK_DIR/sound" "$1" >/dev/null &&
		put_bug "$1" "$2" -R && diff -r "$CHECK_DIR/sound" "$1"
}

# bad_patches - the bugs that do not go in and out of the sources without a trace, as mutate.sh wants
# them to; fails if there is any.
bad_patches() {
	local name files bad=0

	mapfile -t files < <(sed -n 's|^--- a/||p' "$ROOT"/mutations/*.patch | sort -u)
	mkdir "$CHECK_DIR/sound"
	(cd "$ROOT" && cp --parents -t "$CHECK_DIR/sound" "${files[@]}")
	cp -r "$CHECK_DIR/sound" "$CHECK_DIR/tree"
	while read -r name; do
		in_and_out "$CHECK_DIR/tree" "$name" >"$CHECK_DIR/patch.log" 2>&1 && continue
		echo "$name"
		bad=1
		rm -r "$CHECK_DIR/tree"
		cp -r "$CHECK_DIR/sound" "$CHECK_DIR/tree"
	done < <(bugs)
	return "$bad"
}

need_packages patch
expect "each KUnit case that testing.rst names exists" cases_in "$TABLE"
expect "each KUnit case that vmalloc.rst names exists" cases_in "$VMALLOC"
expect "each check that vmalloc.rst names exists" named_checks
expect "each row of vmalloc.rst names a test" rows_without_a_test
expect "each KUnit case that a bug names exists" cases_in_bugs
expect "each check that a bug names exists" checks_in_bugs
expect "the table names each litmus test, and no other" diff <(litmus_in_table) <(litmus)
expect "the table names each bug, and no other" diff <(bugs_in_table) <(bugs)
expect "each bug goes into the sources, and out of them again, without a trace" bad_patches
