# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# unload-lib.sh - what the modules have in the kernel, counted; after an unload all of it must be gone.
# On top of lib.sh and kunit-lib.sh.
#
# How much memory is free says nothing: a kernel that runs takes and gives back some all the time, and
# keeps the page tables of every vmalloc address that was ever used.  What is looked at names its owner.
#
#   everywhere   slab caches, debugfs folders, kernel threads, work queues, CPU hotplug states, shrinkers,
#                reservations in the vmalloc area.  Needs slab_nomerge, or a cache has another's name.
#   the tracer   per-CPU memory whose allocation passed through the modules' code, and which nobody freed
#   page owner   pages whose allocation passed through the modules' code.  Needs page_owner=on.
#   kmemleak     slab objects and vmalloc areas that nothing leads to any more; addresses of per-CPU memory
#                are small numbers, of which there are always some that look like one

# Pages that a call of ours makes the kernel take, but for itself: page tables, of vmalloc addresses and
# of their KASAN shadow, slabs of caches that all share, per-CPU chunks, saved stack traces.
THEIR_PAGES='__p(te|md|ud|4d)_alloc|kasan_populate_vmalloc|(new|allocate)_slab|pcpu_|stack_depot_save'

PERCPU=/sys/kernel/tracing/instances/percpu
PAGE_STACKS=/sys/kernel/debug/page_owner_stacks/show_stacks

# note_code MODULE... - where the code of these loaded modules is; what is left of a module that has gone
# has no name any more, but lies there.
note_code() {
	for module; do
		# shellcheck disable=SC2013 # these are words
		for field in $(awk -v name="$module" '$1 == name { print $2, $6 }' /proc/modules); do
			case $field in
			0x*) printf '0x%x 0x%x\n' "$field" "$((field + size))" ;;
			*) size=$field ;;
			esac
		done
	done >>/tmp/code
}

# of_ours FILE - the records in the file, parted by empty lines, with an address in the modules' code.
# Addresses of one length compare as words do as numbers.
of_ours() {
	awk -v RS= -v n=0 '
		FILENAME == "/tmp/code" { for (i = 1; i < NF; i += 2) { low[n] = $i; high[n++] = $(i + 1) } next }
		/\[(vmap_arena|test_vmalloc|vmap_kunit)\]/ { print $0 "\n"; next }
		{
			for (i = 1; i <= NF; i++) {
				word = substr($i, index($i, "0xffff"), 18)
				for (k = 0; word ~ /^0xffff/ && k < n; k++)
					if (word >= low[k] && word < high[k]) { print $0 "\n"; next }
			}
		}' /tmp/code "$1"
}

# page_stacks - how the modules came by pages that they still have, with how many they are.
page_stacks() {
	cat "$PAGE_STACKS" >/tmp/stacks
	of_ours /tmp/stacks | awk -v RS= -v theirs="$THEIR_PAGES" '$0 !~ theirs { print $0 "\n" }'
}

# has_pages - prints the number of pages of ours; fails if there is none.
has_pages() {
	page_stacks | awk '$1 == "nr_base_pages:" { n += $2 } END { print n + 0; exit !n }'
}

# watch_percpu - from now on, follow per-CPU memory, with the addresses of all callers: the nearest may be
# a function of the kernel's (6.1, arm64), and not every kernel says which module a function is of.
watch_percpu() {
	[ -d /sys/kernel/tracing/instances ] || mount -t tracefs tracefs /sys/kernel/tracing
	[ -d "$PERCPU" ] || mkdir "$PERCPU"
	for option in nohash-ptr stacktrace sym-addr; do
		echo "$option" >"$PERCPU/trace_options"
	done
	echo 1 >"$PERCPU/events/percpu/enable"
	: >"$PERCPU/trace"
}

# percpu_of_ours - what was allocated by way of the modules' code and not freed, and what the tracer lost.
# A stack follows its event, but events of other CPUs may come between the two.
percpu_of_ours() {
	awk '
		match($0, /\[[0-9]+\]/) { cpu = substr($0, RSTART, RLENGTH) }
		/: percpu_(alloc|free)_percpu: / {
			for (i = 1; i <= NF; i++)
				if ($i ~ /^ptr=/) last[cpu] = $i
			delete line[last[cpu]]
			if (/: percpu_alloc/) line[last[cpu]] = $0
		}
		$1 == "=>" && last[cpu] in line { sub("<", "0x"); line[last[cpu]] = line[last[cpu]] "\n" $0 }
		END { for (address in line) print line[address] "\n" }' "$PERCPU/trace" >/tmp/percpu
	of_ours /tmp/percpu | sed 's/.*: percpu_alloc/percpu_alloc/'
	grep -H '^overrun: [^0]' "$PERCPU"/per_cpu/cpu*/stats
}

# areas_of_ours - reservations in the vmalloc area that the modules asked for.
areas_of_ours() {
	sed 's/$/\n/' /proc/vmallocinfo >/tmp/areas
	of_ours /tmp/areas | grep .
}

# traces - of what the modules have everywhere, what there is; prints nothing if they are gone.
traces() {
	grep -E '^(vmap_|test_vmalloc)' /proc/slabinfo | grep -v '^vmap_area '
	ls -d "$ARENAS" "$STRESS" /sys/kernel/debug/shrinker/vmap_* 2>/dev/null
	grep -E '^(vmap_|test_vmalloc)' /proc/modules
	grep vmap_ /sys/devices/system/cpu/hotplug/states
	grep -lE '^(vmap_|test_vmalloc)' /proc/[0-9]*/comm 2>/dev/null
	areas_of_ours
	percpu_of_ours
}

# left RESERVED - prints what there is of these, or that there are more than so many reservations; fails if
# there is nothing.
left() {
	traces >/tmp/traces
	[ "$(reservations)" -le "$1" ] || echo "$(reservations) reservations in the vmalloc area, $1 before" >>/tmp/traces
	grep . /tmp/traces
}

# no_traces RESERVED - nothing is left.  What is freed after a grace period may take a moment.
no_traces() {
	halves=0
	while left "$1" >/tmp/left; do
		halves=$((halves + 1))
		if [ "$halves" -gt 10 ]; then
			cat /tmp/left
			return 1
		fi
		sleep 0.5
	done
}

no_pages_now() {
	page_stacks >/tmp/pages
	[ ! -s /tmp/pages ]
}

# no_pages - what was allocated with kvmalloc() and freed where nobody may wait a worker gives back, when
# it comes to run.
no_pages() {
	[ ! -e "$PAGE_STACKS" ] || within 30 no_pages_now || {
		cat /tmp/pages
		return 1
	}
}
