# SPDX-License-Identifier: GPL-2.0
#
# bench-targets.jq - what was to be reached, what was reached, and whether that is enough, from the
# bench.json of scripts/bench.sh.
#
# All but the stress suite is without the cost of the timer.  Page tables take 8 bytes a page, in our
# arena and in the kernel alike; 4 pages and a guard are 5.
#
# The worst call is that of the quiet ones: a timer interrupt in a call, or another task's turn, is no
# doing of the allocator's.  The worst of all calls is in the table of bench.jq.

include "bench-lib";

def wide: (.[0] | left(62)) + (.[1:3] | map(right(12)) | join("")) + "  " + .[3];
def verdict($met): if $met then "met" else "NOT MET" end;
def at_most($name; $figure; $asked):
	if $figure == null then [$name, "-", "<= \($asked)", "not measured"]
	else [$name, ($figure | two_digits), "<= \($asked)", verdict($figure <= $asked)] end;
def at_least($name; $figure; $asked):
	if $figure == null then [$name, "-", ">= \($asked)", "not measured"]
	else [$name, ($figure | two_digits), ">= \($asked)", verdict($figure >= $asked)] end;

def find($part; $peer; $sizes; $live):
	first((.results[] | select(.part == $part and .peer == $peer and .sizes == $sizes and
		.live == $live and .order == "random" and .align == 1 and done)), null);

def costs($none):
	def cost($part; $peer; $sizes; $live): find($part; $peer; $sizes; $live) | if . then pair($none) else null end;
	at_most("range arena, cached size: one size"; cost("ranges"; "range"; "one"; 10000); 100),
	at_most("range arena, cached sizes: 1 to 16 pages"; cost("ranges"; "range"; "random"; 10000); 100),
	at_most("range arena, tree path only, n=100,000"; cost("ranges"; "tree"; "random"; 100000); 700),
	at_most("memory arena, 4 pages, warm, init_on_alloc=0"; cost("memory"; "arena"; "one"; 10000); 250),
	(cost("ranges"; "tree"; "random"; 100) as $few | cost("ranges"; "tree"; "random"; 1000000) as $many
	 | at_most("growth of the tree path from n=100 to n=1,000,000";
		   if $few and $many then $many / $few else null end; 2.5));

def worst_calls($none):
	("arena", "arena-nocache", "arena-map", "range", "tree") as $peer
	| find("latency"; $peer; "random"; 100000) as $found
	| at_most("worst quiet call of \($found.ops // "all"), n=100,000, purging: \($peer)";
		  if $found then [$found | worst($none; "alloc", "free"; "quiet_max")] | max
		  else null end; 8000);

def shared_locks:
	locks as $locks | ("range", "arena") as $peer
	| at_most("locks an operation, hot path (one size): \($peer)";
		  first(($locks[] | select(.peer == $peer and .sizes == "one") | .locks * 10 | round / 10
			 | fabs), null); 0);

def bytes:
	bookkeeping as $of
	| at_most("bytes an allocation of 4 pages, with page tables (vmalloc: \($of.vmalloc // null
			| if . then whole else "-" end))"; $of["arena-nocache"]; 64 + 8 * 5 + 8 * 5);

def lists_saved:
	(.lists | map({"\(.live)": saved}) | add) as $by
	| at_least("long_busy_list, per cent of the 4.18 list's time saved, n=15,000"; $by["15000"]; 95),
	  at_least("its growth from n=1,000 to n=15,000"; if $by then $by["15000"] - $by["1000"] else null end; 0.01);

def stress_suite:
	if .stress == [] then at_least("stress suite, geometric mean"; null; 5) else
		.stress[] | "stress suite, \(.kernel), init_on_alloc=\(.init_on_alloc): " as $name
		| (.init_on_alloc == 0) as $asked | ratios
		| at_least($name + "geometric mean"; geometric_mean; if $asked then 5 else 1 end),
		  (min_by(.ratio) | at_least($name + .test; .ratio; 1))
	end;

none as $none
| "", (["what was to be reached", "reached", "asked", ""] | wide),
  ((costs($none), worst_calls($none), stress_suite, lists_saved, shared_locks, bytes) | wide)
