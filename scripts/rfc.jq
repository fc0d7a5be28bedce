# SPDX-License-Identifier: GPL-2.0
#
# rfc.jq - the tables of scripts/rfc.sh, from the results.json of each of its loads; $loads has a line with the
# parameters of each, $unit is that of the times.

include "bench-lib";

# What the RFC gives, for each run: per cent saved on an i5-3320M and on a HiKey960.
def rfc: {
	le_fit: [[5, 6, 6, 7, 7], ["11.19", "23.73", "23.79", "23.78", "23.48"]],
	b_fit: [["-3.74", "1.94", "0.87", "0.77", "3.04"], ["27.33", "30.52", "23.35", "30.17", "23.15"]],
	ne_fit: [["0.64", "0.06", "0.11", "0.12", "0.02"], ["2.57", "-2.62", "-2.56", "-2.66", "3.86"]],
	long_busy_list: [[73, 74, 72, 69, 73], ["86", "95", "84", "92", "93"]]
};

def parameters: split(" ") | map(split("=") | {(.[0]): .[1]}) | add;
def run_row:
	rfc[.workload] as $rfc | (.seed | tonumber - 1) as $run
	| (.workload | left(16)) + (" \(.busy_list)" | right(13)) + " vs" + (" \(.tree)" | right(13))
		+ "  diff" + (" \(saved_of | two_digits)%" | right(9))
		+ "   RFC: i5" + (" \($rfc[0][$run] // "-")" | right(7))
		+ "  HiKey" + (" \($rfc[1][$run] // "-")" | right(7));
def growth_row:
	(2 * (.ops | tonumber)) as $calls
	| (.workload | left(16)) + (.n | right(9)) + (.busy_list / $calls | whole | right(13))
		+ (.tree / $calls | whole | right(13))
		+ (if .tree > 0 then .busy_list / .tree * 10 | round | "\(. / 10 | floor).\(. % 10)" else "0" end
		   | right(10)) + "x";

[[$loads | split("\n")[] | select(. != "") | parameters], map(totals)] | transpose | map(add)
| "", "\($unit): busy_list vs tree, the sum of a run", (.[:-10][] | run_row),
  "", "growth with the number of live areas: \($unit) an operation",
  "test                areas    busy_list         tree      ratio", (.[-10:][] | growth_row)
