# SPDX-License-Identifier: GPL-2.0
#
# bench-native.jq - the two tables that make -C user bench prints, as JSON.
#
# tree is what user/bench_free_tree.c measured, by the number of live extents; threads what
# user/bench_magazines.c did, by load: with one thread, and with two where there are two CPUs.

def numbers: [splits(" +") | select(. != "") | tonumber];

[inputs | capture("^(?<figures> *[0-9][ 0-9.]*)(  (?<load>[a-z].*))?$") | .figures |= numbers]
| {
	tree: map(select(.load == null) | .figures
		| {live: .[0], alloc: .[1], free: .[2], free_extents: .[3]}),
	threads: map(select(.load) | {load} + (.figures
		| {one: {ns: .[0], locks: .[1]}}
		+ if length > 2 then {two: {ns: .[2], locks: .[3], waits: .[4], ratio: .[5]}} else {} end))
}
