# SPDX-License-Identifier: GPL-2.0
#
# bench-lib.jq - what the filters on bench.json share.

def left($n): . + " " * ([$n - length, 0] | max);
def right($n): " " * ([$n - length, 0] | max) + .;
def row: (.[0] | left(16)) + (.[1:] | map(right(10)) | join(""));
def two_digits: . * 100 | round | "\(. / 100 | floor).\(. % 100 + 100 | tostring[1:])";
def whole: round | tostring;

def done: .state == "done";

# What measuring costs by itself.
def none: first(.results[] | select(.peer == "none" and .part != "locks" and done));

def net($none; $call): .[$call].sum / .[$call].count - $none[$call].median;
def pair($none): net($none; "alloc") + net($none; "free");
def worst($none; $call; $which): [.[$call][$which] - $none[$call].median, 0] | max;

# {peer: bytes an allocation took besides what was asked for}, of those with many live areas.
def bookkeeping:
	.results | map(select(.part == "locks" and done and .live >= 100000)
		| {(.peer): ((.kept - .payload) / .live)}) | add // {};

# [{peer, sizes, locks}], by operation: the longer of two like measurements less the shorter.
def locks:
	.results | map(select(.part == "locks" and done and .live < 100000)) | group_by([.peer, .sizes])
	| map(sort_by(.ops) | select(length == 2)
	      | .[1] + {locks: ((.[1].locks - .[0].locks) / (.[1].ops - .[0].ops) / 2)});

# [{test, arena, kernel, ratio}] of one run of the stress suite.
def ratios:
	.results | group_by(.test) | map((map({(.target): .}) | add) + {test: .[0].test})
	| map(select(.arena.status == "passed" and .kernel.status == "passed" and .arena.avg_nsec > 0)
	      | {test, ratio: (.kernel.avg_nsec / .arena.avg_nsec)});
def geometric_mean: map(.ratio | log) | add / length | exp;

# Per cent of its time that the list of 4.18 saves by becoming our tree.
def saved:
	def total: .alloc.mean * (.alloc.count + .alloc.disturbed) +
		   .free.mean * (.free.count + .free.disturbed);
	(.results | map({(.index): total}) | add) | 100 * (1 - .tree / .busy_list);
