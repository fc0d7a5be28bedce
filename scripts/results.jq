# SPDX-License-Identifier: GPL-2.0
#
# results.jq - the table that compares the two targets, from the stress module's results.json.
#
# usec is the time of one pass, on average; the ratio says how many times as long the kernel's own
# vmalloc takes; passes are passed/failed.

include "bench-lib";

def wide: (.[0] | left(32)) + (.[1:] | map(right(15)) | join(""));
def usec: if .status == "passed" then .avg_nsec / 1000 | whole else .status // "-" end;
def passes: if .status and .status != "skipped" and .status != "xfailed" then "\(.passed)/\(.failed)" else "-" end;

(ratios | map({(.test): .ratio}) | add // {}) as $ratio
| (["test", "arena usec", "kernel usec", "ratio", "arena passes", "kernel passes"] | wide),
  (tests[] | [.test, (.arena | usec), (.kernel | usec), ($ratio[.test] // null | if . then two_digits else "-" end),
	      (.arena | passes), (.kernel | passes)] | wide),
  ($ratio | select(. != {}) | [.[] | {ratio: .}] | ["geometric mean", "", "", (geometric_mean | two_digits)] | wide),
  (tests[] | .test as $test | (.arena, .kernel) | select((.note // "") != "") | "\($test), \(.target): \(.status): \(.note)")
