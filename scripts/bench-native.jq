# SPDX-License-Identifier: GPL-2.0
#
# bench-native.jq - the two tables that make -C user bench prints, as JSON.
#
# tree is what user/bench_free_tree.c measured, by sizes, the number of live areas and structure; threads
# what user/bench_magazines.c did, by load: with one thread, and with two where there are two CPUs, in an
# arena of one shard and in one of two.

def numbers: [splits(" +") | select(. != "") | tonumber];

def two($at): {ns: .[$at], locks: .[$at + 1], waits: .[$at + 2], ratio: .[$at + 3], from: .[$at + 4], to: .[$at + 5]};

[inputs] | {
	tree: map(capture("^(?<sizes>one|random) +(?<live>[0-9]+) (?<index>[^ ]+) +(?<figures>[-0-9. ]+)$")
		| (.figures | numbers) as $ns
		| {sizes, live: (.live | tonumber), index, alloc: $ns[0], free: $ns[1], pair: $ns[2],
		   from: $ns[3], to: $ns[4]}),
	threads: map(capture("^(?<figures> *[0-9][ 0-9.]*)  (?<load>[a-z].*)$") | (.figures | numbers) as $ns
		| {load, one: {ns: $ns[0], locks: $ns[1]}}
		+ if ($ns | length) > 2 then {two: ($ns | two(2))} else {} end
		+ if ($ns | length) > 8 then {two_in_two_shards: ($ns | two(8))} else {} end)
}
