# SPDX-License-Identifier: GPL-2.0
#
# baseline.jq - what replay.sh --baseline prints: how two times the same replays differ, a line a test.
#
# $old and $new are arrays of the results.json of each run; $least is in per cent, $unit that of the times.
#
# A test is a structure's allocations, or its frees; its figure is the median over the runs of the mean of
# one run.  The interval of the difference goes from the one corner of both medians' 95 % intervals to the
# other.  (R) is a regression: all of the interval is above $least; (I) is an improvement: all is below -$least.

include "bench-lib";

# The runs to leave out at each end, so that the median lies outside of the others with a probability of 1 in
# 40 at most on each side.
def left_out:
	. as $n | {out: 0, term: pow(0.5; $n), sum: pow(0.5; $n)}
	| until(.sum > 1 / 40; .term *= ($n - .out) / (.out + 1) | .sum += .term | .out += 1)
	| [.out - 1, 0] | max;
def interval:
	sort as $values | length as $n | ($n | left_out) as $out
	| {median: (($values[($n - 1) / 2 | floor] + $values[$n / 2 | floor]) / 2), from: $values[$out],
	   to: $values[$n - 1 - $out]};

# {test: interval}, of what took any time.
def tests:
	[.[].results[] | select(.error == 0) | .index as $index | ("alloc", "free") as $call
		| select(.[$call].mean > 0) | {test: "\($index) \($call)", mean: .[$call].mean}]
	| group_by(.test) | map({(.[0].test): (map(.mean) | interval)}) | add // {};

def percent($new; $old): ($new / $old - 1) * 100;
def signed: (if . < 0 then "-" else "+" end) + (fabs * 10 | round | "\(. / 10 | floor).\(. % 10)");
def verdict: if .from > $least then " (R)" elif .to < -$least then " (I)" else "" end;

($old[0] | tests) as $was | ($new[0] | tests) as $is
| [$is | to_entries[] | select($was[.key]) | .key as $test | .value as $now | $was[$test] as $before
	| {test: $test, before: $before.median, now: $now.median, change: percent($now.median; $before.median),
	   from: percent($now.from; $before.to), to: percent($now.to; $before.from)}]
| (.[] | (.test | left(24)) + (.before | whole | right(8)) + " to" + (.now | whole | right(8)) + " \($unit) "
	+ (.change | signed | right(9)) + " % [\(.from | signed), \(.to | signed)]" + verdict),
  "\(map(select(.from > $least)) | length) regressions, \(map(select(.to < -$least)) | length) improvements of \(length) tests"
