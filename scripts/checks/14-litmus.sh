# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: by the kernel's memory model each protocol without a lock holds, and does not without a barrier of its own
# kernels: -
# quick: -
#
# What is read in a test in litmus/, beside what litmus-lib.sh reads:
#
#   STATEMENT  // without N: TEXT  a barrier; all lines with the same N are replaced by their TEXT, and the
#                                  outcome that is never seen must then be seen
#   exists (...)                   that outcome

# shellcheck source=scripts/litmus-lib.sh
. "$ROOT/scripts/litmus-lib.sh"

SOURCE=/usr/src/linux-source-6.12.tar.xz

barriers() {
	grep -oE '// without [0-9]+:' "$1" | grep -oE '[0-9]+' | sort -nu
}

# without N TEST - the test with another name, without its Nth barrier.
without() {
	awk -v n="$1" 'NR == 1 { $0 = $0 "-without-" n }
		sub("^.*// without " n ": *", "\t") { print; next } { print }' "$2"
}

# make_variants DIR - each test, and each with a barrier taken out.
make_variants() {
	local test name n

	for test in "$ROOT"/litmus/*.litmus; do
		name=$(basename "$test" .litmus)
		cp "$test" "$1/"
		for n in $(barriers "$test"); do
			without "$n" "$test" >"$1/$name-without-$n.litmus"
		done
	done
}

# fetch_model DIR - the kernel's memory model.
fetch_model() {
	[[ ! -s $1/linux-kernel.cat || $1/linux-kernel.cat -ot $SOURCE ]] || return 0
	mkdir -p "$1"
	tar -C "$1" -I 'xz -T0' --strip-components=3 -xmf "$SOURCE" --wildcards \
		'*/tools/memory-model/linux-kernel.*' '*/tools/memory-model/lock.cat'
}

# observed NAME - what herd7 said of a test; a flag it raised counts as an answer of its own.
observed() {
	awk -v name="$1" '$1 == "Test" { flags = "" } $1 == "Flag" { flags = flags " " $0 }
		$1 == "Observation" && $2 == name { print $3 flags }' "$CHECK_DIR/herd"
}

# is_observed NAME WORD
is_observed() {
	local word

	word=$(observed "$1")
	[[ $word == "$2" ]] || {
		echo "herd7 says '$word'"
		grep -A 3 "/$1.litmus" "$CHECK_DIR/herd-errors"
		return 1
	}
}

shopt -s nullglob
tests=("$ROOT"/litmus/*.litmus)
for test in "${tests[@]}"; do
	expect "$(basename "$test" .litmus): the sources do what the test says" says_what_code "$test"
done
if ! suite_tree sid herdtools7; then
	skip "the protocols hold" "herd7 is in Debian sid only, of which no tree can be had here"
	finish
fi
need_packages linux-source-6.12 xz-utils
fetch_model "$BUILD/memory-model"
mkdir "$CHECK_DIR/tests"
make_variants "$CHECK_DIR/tests"
cd "$BUILD/memory-model" || exit
timeout 300 "$SUITE_ENTER" herd7 -conf linux-kernel.cfg "$CHECK_DIR"/tests/*.litmus \
	>"$CHECK_DIR/herd" 2>"$CHECK_DIR/herd-errors" || true
for test in "${tests[@]}"; do
	name=$(basename "$test" .litmus)
	expect "$name: never" is_observed "$name" Never
	expect "$name: it has a barrier to be taken out" barriers "$test"
	for n in $(barriers "$test"); do
		expect "$name: without barrier $n sometimes" is_observed "$name-without-$n" Sometimes
	done
done
