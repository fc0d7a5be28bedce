# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: nothing of an arena keeps interrupts or preemption off for long, by the kernel's own tracer of that
# deep: tracers rt-tracers

# Instructions: a hold of a lock, with the interrupt that waited for its end, took 11,000 at most; hundreds of merges take
# 100,000.
LONGEST=20000
SECTIONS=$BUILD/bench/$1/sections.json

# looked_at - have all loads been watched, and was what is looked for seen: sections of vmalloc, and own ones?
looked_at() {
	jq -e 'length > 0 and all(.[]; .state == "done" and .sections.windows >= 5) and
		all(.[] | select(.peer != "none"); .sections.within > 0)' "$SECTIONS"
}

# all_short
all_short() {
	jq -e --argjson longest "$LONGEST" 'map(select(.peer | startswith("arena"))) | length > 0 and
		all(.[]; .sections.own > 0 and .sections.own <= $longest)' "$SECTIONS"
}

need_packages jq
expect "bench.sh watches sections in $1" "$ROOT/scripts/bench.sh" --kernel "$1" --part sections --timeout "$PATIENCE"
expect "each load had some that were seen" looked_at
expect "the longest of an arena itself takes at most $LONGEST instructions" all_short
