# SPDX-License-Identifier: GPL-2.0
#
# bench.jq - the tables of scripts/bench.sh, from its bench.json.
#
# All figures are instructions, without the cost of the timer and of the calls to the peer, which is
# the median of the peer "none".  Times is how many times as much the peer needs as ours of the same
# kind does: arena for memory, arena-map for pages that the caller has, range for what is cached,
# else tree.  Quiet is the worst call that no interrupt and no other task's turn fell into; disturbed
# is how many calls one did.  Rest is what went on between the calls, an allocation: background work.

include "bench-lib";

def kind: if .memory then "memory" elif .peer | endswith("map") then "mapping" else "ranges" end;
def our_name:
	if .memory then "arena" elif kind == "mapping" then "arena-map"
	elif .peer == "range" or .peer == "iova-fast" then "range" else "tree" end;
def load:
	"\(kind): \(.sizes) sizes, \(.order) order, \(.live) live" +
	(if .align > 1 then ", aligned to \(.align) pages" else "" end) +
	(if .init_on_alloc == 1 then ", init_on_alloc=1" else "" end) +
	(if .part == "caught" then ", catch_vfree=1" else "" end);
def load_key: [.part, kind, .sizes, .order, .align, .live];
def between: (.elapsed - .alloc.sum - .free.sum) / .alloc.count;

def cost_tables($none):
	(reduce (.results[] | select(.peer == "none" and calls)) as $each
		({}; .[$each.sizes] //= ($each | between))) as $loop
	| def times($all):
		our_name as $name | ($all | map(select(done and .peer == $name))[0]) as $ours
		| if $ours then pair($none) / ($ours | pair($none)) | two_digits else "-" end;
	  def peer_row($all):
		if done then
			[.peer, (net($none; "alloc") | whole), (net($none; "free") | whole),
			 (pair($none) | whole), times($all),
			 (worst($none; "alloc"; "p999", "max", "quiet_max") | whole),
			 (worst($none; "free"; "p999", "max", "quiet_max") | whole),
			 (between - $loop[.sizes] | whole), (.alloc.disturbed + .free.disturbed | whole)] | row
		else [.peer, .state] | row end;
	  .results | map(select(.peer != "none" and calls and .part != "latency"))
	| group_by(load_key)[]
	| . as $all | "", (.[0] | load),
	  (["", "alloc", "free", "both", "times", "a p99.9", "a worst", "a quiet", "f p99.9",
	    "f worst", "f quiet", "rest", "disturbed"] | row),
	  (.[] | peer_row($all));

def entries_table:
	def each($call; $what): .[$call] | .entries[$what] / .count | two_digits | sub("\\.00$"; "");
	.results | map(select(done and counted)) | if . == [] then empty else
		"", "entries of page tables that a call sets (below 0: clears): of a page, of 2 MiB, and to a page table",
		(["", "sizes", "a page", "a 2 MiB", "a table", "f page", "f 2 MiB", "f table"] | row),
		(.[] | [.peer, .sizes, (each("alloc"; "small", "large", "tables"), each("free"; "small", "large", "tables"))] | row)
	  end;

def latency_table($none):
	def quantiles($call): worst($none; $call; "median", "p99", "p999", "max", "quiet_max") | whole;
	.results | map(select(.part == "latency" and .peer != "none"))
	| if . == [] then empty else
		"", "latency: \(.[0].ops) frees and allocations, \(.[0].sizes) sizes, \(.[0].live) live",
		(["", "a p50", "a p99", "a p99.9", "a worst", "a quiet", "f p50", "f p99", "f p99.9",
		  "f worst", "f quiet"] | row),
		(.[] | if done then [.peer, quantiles("alloc"), quantiles("free")] else [.peer, .state] end
		 | row)
	  end;

def wake_table:
	def wide: (.[0] | left(16)) + (.[1:] | map(right(10)) | join(""));
	def stack($whose): .peer as $peer | .wake[$whose] | select(.count > 0)
		| "\($peer), \($whose), the longest of \(.count), \(.longest): \(.stack | join(" < "))";
	.results | map(select(done and .wake and (.holds or .sections or .timerlat or .osnoise | not))) | group_by([.part, .live])[]
	| "", "instructions that a real-time thread, which sleeps for 200 us, runs late: \(.[0].wake.count) times, \(.[0].live) live (\(.[0].part))",
	  (["", "p50", "p99", "p99.9", "p99.99", "worst", "replaced", "purges"] | wide),
	  (.[] | [.peer, (.wake | .p50, .p99, .p999, .p9999, .max, .replaced, .purges | whole)] | wide),
	  "whom the timer interrupted when the thread was late by 10000 or more: with functions of an arena; others",
	  (.[] | stack("ours"), stack("others"));

def holds_table:
	.results | map(select(done and .holds)) | if . == [] then empty else
		"", "the longest hold of a lock of an arena, in instructions, by the number of live areas",
		(["", (map(.live) | unique[] | whole)] | row),
		(group_by(.peer)[] | [.[0].peer, (sort_by(.live)[] | .holds | whole)] | row)
	  end;

def sections_table:
	def wide: (.[0] | left(16)) + (.[1] | right(8)) + (.[2:4] | map(right(10)) | join("")) + "  \(.[4])" |
		. + " " * ([64 - length, 0] | max);
	.results | map(select(done and .sections)) | if . == [] then empty else
		"", "the longest section with interrupts or preemption off, in instructions, by a tracer, in thousands:",
		"of all; of those with a function of an arena, or of vmalloc, on the stack; of their own",
		(["", "live", "all", "within", ""] | wide) + ("own" | right(8)),
		(.[] | .sections as $of
		 | ([.peer, (.live | whole), ($of.any | whole), ($of.within | whole), $of.within_in] | wide) +
		   ($of.own | whole | right(8)) + "  \($of.own_in)")
	  end;

def timerlat_table:
	def wide: (.[0] | left(16)) + (.[1:] | map(right(8)) | join(""));
	.results | map(select(done and .timerlat)) | if . == [] then empty else
		"", "instructions that an interrupt, and a real-time thread, are late, by timerlat: p50, p99, p99.9, worst",
		(["", "live", "irq", "", "", "", "thread", "", "", ""] | wide),
		(.[] | [.peer, (.live | whole), (.timerlat | .irq[], .thread[] | whole)] | wide)
	  end;

def osnoise_table:
	def wide: (.[0] | left(16)) + (.[1:] | map(right(10)) | join(""));
	.results | map(select(done and .osnoise)) | if . == [] then empty else
		"", "what takes the CPU from a thread that never sleeps, by osnoise: instructions of a million, the longest in",
		"thousands; interrupts, software interrupts and threads in a thousand million instructions",
		(["", "live", "noise", "longest", "irqs", "softirqs", "threads"] | wide),
		(.[] | .osnoise as $of | [.peer, (.live | whole), ($of.noise * 1000000 / $of.run | whole), ($of.longest | whole),
			($of | .irqs, .softirqs, .threads | . * 1000000 / $of.run | whole)] | wide)
	  end;

def locks_table:
	locks | if . == [] then empty else
		"", "locks taken an operation, counted by probes (with those of a CPU's own, with all that",
		"went on meanwhile; so 0 may show as a few thousandths)",
		(["", "one size", "random"] | row),
		(group_by(.peer)[] | (map({(.sizes): .locks}) | add) as $by
		 | [.[0].peer, ($by.one | two_digits), ($by.random | two_digits)] | row)
	  end;

def bytes_table:
	bookkeeping | if . == {} then empty else
		"", "bytes an allocation of 4 pages took besides those, page tables and what is cached too",
		(to_entries[] | [.key, (.value | whole)] | row)
	  end;

def lists_table:
	.lists | if . == [] then empty else
		"", "time that the busy list of Linux 4.18 saves by becoming our tree (long_busy_list)",
		(.[] | ["", "\(.live) live", "\(saved | two_digits)%"] | row)
	  end;

def stress_table:
	def wide: (.[0] | left(32)) + (.[1:] | map(right(12)) | join(""));
	.stress | if . == [] then empty else
		map(ratios) as $runs
		| "", "the stress suite: how many times as long the kernel's own vmalloc takes",
		  (["", "Linux \(.[].kernel)"] | wide), (["", "init=\(.[].init_on_alloc)"] | wide),
		  ([$runs[][].test] | unique[] as $test
		   | [$test, ($runs[] | map(select(.test == $test))[0].ratio // null
			      | if . then two_digits else "-" end)] | wide),
		  (["geometric mean", ($runs[] | geometric_mean | two_digits)] | wide)
	  end;

def differences:
	.results | map(select(.differs != "")) | unique_by(.peer)[] | "\(.peer): \(.differs)";

(if any(.results[]; calls) then
	none as $none
	| "a million instructions take \($none.ticks_per_million_instructions) ticks; the timer is " +
		"taken off: \($none.alloc.median) an allocation, \($none.free.median) a free",
	  cost_tables($none), latency_table($none)
 else empty end),
entries_table, wake_table, holds_table, sections_table, timerlat_table, osnoise_table, locks_table, bytes_table, lists_table, stress_table, "", differences
