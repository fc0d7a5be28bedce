# SPDX-License-Identifier: GPL-2.0
#
# bench-lib.jq - what the filters on results share.

def left($n): . + " " * ([$n - length, 0] | max);
def right($n): " " * ([$n - length, 0] | max) + .;
def row: (.[0] | left(16)) + (.[1:] | map(right(10)) | join(""));
def two_digits:
	(if . < 0 then "-" else "" end) + (fabs * 100 | round | "\(. / 100 | floor).\(. % 100 + 100 | tostring[1:])");
def whole: round | tostring;

def done: .state == "done";

# Were entries of page tables counted, which takes time between the calls?
def counted: .alloc.entries;

# Were calls timed, by nothing but the CPU's own counter?
def calls: .part != "locks" and (.wake | not) and (counted | not);

# What measuring costs by itself.
def none: first(.results[] | select(.peer == "none" and calls and done));

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

# [{test, arena, kernel}] of one run of the stress suite, in its order; and [{test, ratio}] where both passed.
def tests:
	reduce .results[] as $cell ([];
		((map(.test) | index($cell.test)) // length) as $at | .[$at] += {test: $cell.test, ($cell.target): $cell});
def ratios:
	tests | map(select(.arena.status == "passed" and .kernel.status == "passed" and .arena.avg_nsec > 0)
		    | {test, ratio: (.kernel.avg_nsec / .arena.avg_nsec)});
def geometric_mean: map(.ratio | log) | add / length | exp;

# {index: what it took for all operations of a load} of what the lab replayed, and, of such, the per cent of its
# time that the list of 4.18 saves by becoming our tree.
def totals:
	.results | map({(.index): (.alloc.mean * (.alloc.count + .alloc.disturbed) +
		.free.mean * (.free.count + .free.disturbed))}) | add;
def saved_of: if .busy_list > 0 then 100 * (1 - .tree / .busy_list) else 0 end;
def saved: totals | saved_of;
