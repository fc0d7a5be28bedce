# SPDX-License-Identifier: GPL-2.0
#
# bench.jq - the tables of scripts/bench.sh, from its bench.json.
#
# All figures are instructions, without the cost of the timer and of the calls to the peer, which is
# the median of the peer "none".  Times is how many times as much the peer needs as ours of the same
# load does: arena for memory, else tree.  Quiet is the worst call that no timer interrupt fell into.
# Rest is what went on between the calls, an allocation: background work.

def left($n): . + " " * ([$n - length, 0] | max);
def right($n): " " * ([$n - length, 0] | max) + .;
def row: (.[0] | left(16)) + (.[1:] | map(right(10)) | join(""));
def two_digits: . * 100 | round | "\(. / 100 | floor).\(. % 100 + 100 | tostring[1:])";
def whole: round | tostring;

def load: "\(.sizes) sizes, \(.order) order, \(.live) live" +
	(if .align > 1 then ", aligned to \(.align)" else "" end);
def done: .state == "done";

def between: (.elapsed - .alloc.sum - .free.sum) / .alloc.count;

(.results | map(select(.peer == "none" and done))) as $nones
| $nones[0] as $none
| (reduce $nones[] as $each ({}; .[$each.sizes] = ($each | between))) as $loop
| def mean($call): .[$call].sum / .[$call].count - $none[$call].median;
  def worst($call; $which): [.[$call][$which] - $none[$call].median, 0] | max | whole;
  def pair: mean("alloc") + mean("free");
  def rest: if $loop[.sizes] then between - $loop[.sizes] | whole else "-" end;
  def ours: (if .[0].memory then "arena" else "tree" end) as $name |
	map(select(done and .peer == $name)) | .[0];
  def times($ours): if $ours then pair / ($ours | pair) | two_digits else "-" end;
  def peer_row($ours):
	if done then
		[.peer, (mean("alloc") | whole), (mean("free") | whole), (pair | whole),
		 times($ours), (.alloc.p999 - $none.alloc.median | whole),
		 worst("alloc"; "max"), worst("alloc"; "quiet_max"),
		 (.free.p999 - $none.free.median | whole), worst("free"; "max"),
		 worst("free"; "quiet_max"), rest] | row
	else [.peer, .state] | row end;
  def load_key: [.memory, .sizes, .order, .align, .live];

"a million instructions take \(.ticks_per_million_instructions) ticks; the timer is taken off: " +
	"\($none.alloc.median) an allocation, \($none.free.median) a free",
(.results | map(select(.peer != "none")) | group_by(load_key)[]
 | ours as $ours
 | "", (.[0] | load),
   (["", "alloc", "free", "both", "times", "a p99.9", "a worst", "a quiet", "f p99.9", "f worst",
     "f quiet", "rest"] | row),
   (.[] | peer_row($ours))),
"", (.results | map(select(.differs != "")) | unique_by(.peer)[] | "\(.peer): \(.differs)")
