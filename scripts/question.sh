#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# question.sh - "rb-tree, maple tree or something else for vmap areas, and may the free tree go?": the figures
# that the first page of Documentation/lab.rst answers it with.
#
# usage: scripts/question.sh [option]...
#
#   --live "N..."    areas live at once in what is timed, 256 to 10000000 ("1000 10000 100000")
#   --counted N      areas live in what is counted; 0: count nothing (10000)
#   --rounds N       rounds of each time, 6 to 1000 (15)
#   --operations N   of each round, 64 to 1000000 (64000)
#   --help           print this text
#
# Two kinds of tables, of areas of 1 to 16 pages that are replaced at random:
#
#   nanoseconds of this machine, median and 95 % interval, by one thread and by two (user/bench_areas.c):
#     allocation and free, look-ups by the first address and by any, walks in address order, readers and a
#     walker beside a writer; how long a lock is held, what memory a free needs, bytes an area
#   instructions and first-level data misses, counted by cachegrind: the same on any machine
#
# The maple tree is that of Linux 6.12 and of 7.2, from Debian's source packages, which are fetched once.  All that
# was printed stands in build/lab/question/.  Exit status: 0; 1 if something failed; 2 for a bad option.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lab-lib.sh
. "$ROOT/scripts/lab-lib.sh"

OUT=$BUILD/lab/question
live="1000 10000 100000" counted=10000 rounds=15 operations=64000
# The maple tree is counted as the newest of these kernels has it.
LAB_PEERS=(6.12 7.2)

times() {
	local n

	printf 'nanoseconds, %s rounds, %s, load %s\n' "$rounds" \
		"$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(cut -d ' ' -f 1 /proc/loadavg)"
	for n in $live; do
		"$AREAS" --live "$n" --rounds "$rounds" --operations "$operations" || return
	done
}

# indexes - the names of those that are counted.
indexes() {
	"$AREAS" --index '?' 2>&1 | sed -n 's/.* is none of none //p' | tr ' ' '\n' |
		grep -E "^[^-]*(-${peers[-1]})?\$"
}

# whole INDEX JOB OPERATIONS - instructions and misses of a whole run.
whole() {
	local file=$OUT/cachegrind-$1-$2-$3

	valgrind --tool=cachegrind --cache-sim=yes "${CACHES[@]}" --cachegrind-out-file="$file" "$AREAS" \
		--index "$1" --count "$2" --live "$counted" --operations "$3" >"$file.log" 2>&1 || return
	awk '/^summary:/ { print $2, $6 + $9 }' "$file"
}

# each INDEX JOB - the same of one operation: the difference between two runs that differ only in how many there are.
each() {
	local few=$((counted + 64)) many=$((4 * counted + 64)) short long

	short=$(whole "$1" "$2" "$few") && long=$(whole "$1" "$2" "$many") || return
	awk -v more="$(((many + 63) / 64 * 64 - (few + 63) / 64 * 64))" \
		'{ print ($3 - $1) / more, ($4 - $2) / more }' <<<"$short $long"
}

counts() {
	local index job figures none=()

	printf '\n%s areas, instructions / first-level data misses of one operation\n%-16s' "$counted" index
	printf ' %14s' pair exact inside walk
	for index in none $(indexes); do
		[[ $index == none ]] || printf '\n%-16s' "$index"
		for job in pairs exact inside walk; do
			figures=$(each "$index" "$job") || return
			if [[ $index == none ]]; then
				none+=("$job $figures")
			else
				awk -v job="$job" -v figures="$figures" '$1 == job { split(figures, f, " ")
					printf " %8.0f / %3.1f", f[1] - $2, (f[2] > $3 ? f[2] - $3 : 0) }' \
					<<<"$(printf '%s\n' "${none[@]}")"
			fi
		done
	done
	echo
}

parse_options "$@"
for n in $live; do
	need_number --live "$n" 256 10000000
done
((counted == 0)) || need_number --counted "$counted" 256 10000000
((counted == 0)) || need_packages valgrind
build_lab
rm -rf "$OUT"
mkdir -p "$OUT"
times | tee "$OUT/times" || die "the benchmark failed"
((counted == 0)) || counts | tee "$OUT/counts" || die "cachegrind failed: see $OUT"
