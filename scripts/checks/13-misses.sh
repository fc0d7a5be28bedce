# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: what a pair of the free tree and of summary takes, in instructions and cache misses; all peers are timed
# kernels: -

# shellcheck source=scripts/native-lib.sh
. "$ROOT/scripts/native-lib.sh"

# within INDEX LIVE INSTRUCTIONS MISSES - a pair takes no more, where areas have 1 to 16 units.
within() {
	local pair

	pair=$(count_pair "$CHECK_DIR" "$1" "$2") && read -ra pair <<<"$pair" || return
	echo "${pair[0]} instructions, ${pair[1]} first-level and ${pair[2]} last-level data misses"
	awk -v most="$3 $4" '{ split(most, m, " "); exit !($1 <= m[1] && $2 <= m[2]) }' <<<"${pair[*]}"
}

# all_timed - of each structure there is a line with all figures.
all_timed() {
	"$BENCH" --largest 100 --rounds 5 --operations 640 "$@" | tee "$CHECK_DIR/times"
	awk 'NR > 1 { seen[$3] = NF == 8 } END { exit !(seen["tree"] && seen["plain"] && seen["maple-6.12"] &&
		seen["drm_mm-6.12"] && seen["segregated"] && seen["buddy"] && seen["vmem"]) }' "$CHECK_DIR/times"
}

need_packages valgrind
build_bench 6.12
expect "the benchmark times each structure, sizes from 1 to 16" all_timed
expect "the same with one size" all_timed --one-size
expect_fail "a structure that is none is refused" "$BENCH" --index nothing
expect "a pair among 1,000: at most 450 instructions and 8 first-level misses" within tree 1000 450 8
expect "a pair among 100,000: at most 650 instructions and 24 first-level misses" within tree 100000 650 24
expect "one of summary: at most 700 instructions and 8 first-level misses" within summary 100000 700 8
