# SPDX-License-Identifier: GPL-2.0
#
# bench-plot.jq - the points of the plots, from bench.json: FILE, x and y, between tabs.

include "bench-lib";

def cost($none):
	.results[] | select((.part == "ranges" or .part == "memory") and done and .peer != "none" and
		.order == "random" and .align == 1)
	| select(.sizes == if .memory then "one" else "random" end)
	| ["\(.part)-\(.peer)", .live, ([pair($none), 1] | max)];

# Those who were slower than the quantile, as a part of all calls; the slowest call is one of all.
def latency($none):
	.results[] | select(.part == "latency" and done and .peer != "none")
	| . as $found | ("alloc", "free") as $call | .[$call].quantiles[]
	| ["\($call)-\($found.peer)", ([1 - .[0] / 100000, 1 / $found.ops] | max),
	   ([.[1] - $none[$call].median, 1] | max)];

none as $none | (cost($none), latency($none)) | @tsv
