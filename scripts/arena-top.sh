#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# arena-top.sh - what the arenas of this machine hold and do, again and again: a line for each arena,
# the busiest first.  For root, on the machine where vmap_arena.ko is loaded; needs sh and awk only.
#
# usage: scripts/arena-top.sh [option]...
#
#   --interval S   seconds between two tables, 1 to 3600 (2)
#   --count N      print N tables and end; without it: until interrupted
#   --owners N     below the table, the N largest owners of each arena (0)
#   --help         print this text
#
# areas: live now; busy, cached, lazy, free: KiB of address space, in a range arena units / 1024;
# alloc/s, free/s: calls since the table before; hit%: of these allocations, those that the cache
# served; fails: allocations that failed since the arena was made.
#
# Exit status: 0; 1 if there is no arena to be seen; 2 for a bad option.

ARENAS=${ARENAS:-/sys/kernel/debug/vmap_arena}
interval=2 count=0 owners=0

die() {
	echo "arena-top.sh: $1" >&2
	exit "$2"
}

# number OPTION VALUE MIN MAX
number() {
	case $2 in
	'' | *[!0-9]* | ??????*) die "$1: '$2' is not a whole number from $3 to $4" 2 ;;
	esac
	{ [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; } || die "$1: '$2' is not a whole number from $3 to $4" 2
}

# snapshot - a line for each key of each arena: arena, a tab, key, value.
snapshot() {
	for dir in "$ARENAS"/*/; do
		name=${dir%/}
		name=${name##*/}
		# An arena may go at any time.
		while read -r key value; do
			printf '%s\t%s %s\n' "$name" "$key" "$value"
		done 2>/dev/null <"$dir/stats"
	done
}

# table BEFORE NOW - what changed from one snapshot to the next.
table() {
	awk -F '\t' -v seconds="$interval" '
		{ split($2, pair, " ") }
		FILENAME == ARGV[1] { before[$1, pair[1]] = pair[2]; next }
		{ now[$1, pair[1]] = pair[2]; names[$1] = 1 }
		function rate(name, key) {
			return (name, key) in before ? (now[name, key] - before[name, key]) / seconds : 0
		}
		END {
			printf "%-20s %8s %10s %10s %10s %10s %10s %10s %5s %6s\n", "arena", "areas", "busy",
				"cached", "lazy", "free", "alloc/s", "free/s", "hit%", "fails"
			for (name in names) {
				allocs = rate(name, "allocs")
				line = sprintf("%-20s %8d %10d %10d %10d %10d %10d %10d %5d %6d", name,
					now[name, "areas"], now[name, "busy"] / 1024,
					now[name, "cached"] / 1024, now[name, "lazy"] / 1024,
					now[name, "free"] / 1024, allocs, rate(name, "frees"),
					allocs > 0 ? 100 * rate(name, "hits") / allocs : 0, now[name, "fails"])
				printf "%015d\t%s\n", allocs, line | "sort -rn | cut -f 2-"
			}
		}' "$1" "$2"
}

show_owners() {
	for file in "$ARENAS"/*/owners; do
		name=${file%/owners}
		echo
		echo "${name##*/}:"
		head -n $((owners + 1)) "$file" 2>/dev/null
	done
}

while [ $# -gt 0 ]; do
	case $1 in
	--help)
		sed -n '4,${/^#/!q;s/^# \{0,1\}//;p}' "$0"
		exit 0
		;;
	--interval) number "$1" "$2" 1 3600 && interval=$2 ;;
	--count) number "$1" "$2" 1 99999 && count=$2 ;;
	--owners) number "$1" "$2" 0 1000 && owners=$2 ;;
	*) die "there is no option '$1': see --help" 2 ;;
	esac
	shift 2
done
[ -r "$ARENAS/default/stats" ] || die "cannot read $ARENAS/default/stats: is vmap_arena.ko loaded, is debugfs mounted, are you root?" 1
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
trap 'exit 0' INT TERM
snapshot >"$work/before"
while :; do
	sleep "$interval"
	snapshot >"$work/now"
	table "$work/before" "$work/now"
	[ "$owners" = 0 ] || show_owners
	mv "$work/now" "$work/before"
	count=$((count - 1))
	[ "$count" != 0 ] || exit 0
	echo
done
