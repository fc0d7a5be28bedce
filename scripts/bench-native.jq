# SPDX-License-Identifier: GPL-2.0
#
# bench-native.jq - the two tables that make -C user bench prints, as JSON.
#
# tree is what user/bench_free_tree.c measured, by sizes, the number of live areas and structure; threads
# what user/bench_magazines.c did, by load: with one thread, and with two where there are two CPUs.

def numbers: [splits(" +") | select(. != "") | tonumber];

[inputs] | {
	tree: map(capture("^(?<sizes>one|random) +(?<live>[0-9]+) (?<index>[^ ]+) +(?<figures>[-0-9. ]+)$")
		| (.figures | numbers) as $ns
		| {sizes, live: (.live | tonumber), index, alloc: $ns[0], free: $ns[1], pair: $ns[2],
		   from: $ns[3], to: $ns[4]}),
	threads: map(capture("^(?<figures> *[0-9][ 0-9.]*)  (?<load>[a-z].*)$") | (.figures | numbers) as $ns
		| {load, one: {ns: $ns[0], locks: $ns[1]}}
		+ if ($ns | length) > 2 then {two: {ns: $ns[2], locks: $ns[3], waits: $ns[4], ratio: $ns[5]}} else {} end)
}
