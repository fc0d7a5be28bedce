# SPDX-License-Identifier: GPL-2.0
#
# results.jq - the table that compares the two targets, from the stress module's results.json.
#
# usec is the time of one pass, on average; the ratio says how many times as long the kernel's own
# vmalloc takes; passes are passed/failed.

def left($n): . + " " * ($n - length);
def right($n): " " * ($n - length) + .;
def row: (.[0] | left(32)) + (.[1:] | map(right(15)) | join(""));
def two_digits: . * 100 | round | "\(. / 100 | floor).\(. % 100 + 100 | tostring[1:])";

def usec: if .status == "passed" then .avg_nsec / 1000 | round | tostring else .status // "-" end;
def passes: if .status and .status != "skipped" and .status != "xfailed" then "\(.passed)/\(.failed)" else "-" end;
def ratio:
	if .arena.status == "passed" and .kernel.status == "passed" and .arena.avg_nsec > 0
	then .kernel.avg_nsec / .arena.avg_nsec else empty end;
def test_row:
	[.test, (.arena | usec), (.kernel | usec), ((ratio | two_digits) // "-"),
	 (.arena | passes), (.kernel | passes)] | row;
def mean_row:
	map(ratio | log) | if . == [] then empty else
	["geometric mean", "", "", (add / length | exp | two_digits)] | row end;
def notes: .[] | (.arena, .kernel) | select((.note // "") != "") |
	"\(.test), \(.target): \(.status): \(.note)";

[.results[] | {test, (.target): .}] | reduce .[] as $cell
	([]; (map(.test) | index($cell.test)) as $at |
	     if $at then .[$at] += $cell else . + [$cell] end)
| (["test", "arena usec", "kernel usec", "ratio", "arena passes", "kernel passes"] | row),
  (.[] | test_row), mean_row, notes
