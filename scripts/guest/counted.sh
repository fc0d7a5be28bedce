# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# counted.sh yes|no - the pages that an arena holds are in its stats; and, if the kernel lets modules count
# theirs (yes), in VmallocUsed, and those that are charged to a cgroup in vmalloc of its memory.stat.
#
# VmallocUsed counts the pages of all who use vmalloc().  What else does so here is the load of a module,
# some 30 pages, stacks of tasks, 4 pages each, and a span's table of owners: 8 bytes a page of the span,
# and the spans are 64 MiB, 32 pages.  OTHERS is several times as much, and a small part of what is held.
OTHERS=512
AREAS=64
PAGES=256
HELD=$((AREAS * PAGES))

# used - pages in VmallocUsed, with what each CPU counted last.
used() {
	echo 1 >/proc/sys/vm/stat_refresh
	awk '$1 == "VmallocUsed:" { print $2 / 4 }' /proc/meminfo
}

# stat NAME - what the stats of the arena say.
stat() {
	awk -v name="$1" '$1 == name { print $2 }' /sys/kernel/debug/vmap_arena/held/stats
}

# charged - pages of vmalloc that the cgroup is charged for.
charged() {
	awk '$1 == "vmalloc" { print $2 / 4096 }' /sys/fs/cgroup/held/memory.stat
}

# near PAGES WANTED - within OTHERS.
near() {
	echo "# $1 pages, $2 wanted"
	[ "$1" -gt $(($2 - OTHERS)) ] && [ "$1" -lt $(($2 + OTHERS)) ]
}

# rises_and_falls WHAT PAGES [PARAMETER]... - load the holder, which is to hold so many pages, and unload it.
rises_and_falls() {
	what=$1 wanted=$2
	shift 2
	before=$(used)
	expect "$what: memory is held" insmod vmap_holder.ko "areas=$AREAS" "pages=$PAGES" "$@"
	expect "$what: stats count each page" [ "$(stat pages)" = "$wanted" ]
	[ "$counted" = no ] || expect "$what: VmallocUsed has them" near $(($(used) - before)) "$wanted"
	[ "$counted" = yes ] || expect "$what: VmallocUsed has none of them" near $(($(used) - before)) 0
	unload vmap_holder
	expect "$what: VmallocUsed is as before" near $(($(used) - before)) 0
}

# in_cgroup COMMAND... - run by a task of the cgroup.
in_cgroup() {
	# shellcheck disable=SC2016 # the inner shell's
	sh -c 'echo $$ >/sys/fs/cgroup/held/cgroup.procs && exec "$@"' sh "$@"
}

counted=$1
expect "vmap_arena.ko loads" insmod vmap_arena.ko
rises_and_falls "small pages" "$HELD"
rises_and_falls "with a reserve" $((HELD + 1000)) reserve=1000
rises_and_falls "2 MiB pages" "$HELD" huge=1

mkdir -p /sys/fs/cgroup
expect "there are cgroups" mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/held
expect "memory is held for a cgroup" in_cgroup insmod vmap_holder.ko "areas=$AREAS" "pages=$PAGES" account=1
expect "stats count each page of it" [ "$(stat pages)" = "$HELD" ]
[ "$counted" = no ] || expect "the cgroup has each page under vmalloc" [ "$(charged)" = "$HELD" ]
unload vmap_holder
[ "$counted" = no ] || expect "and then none" [ "$(charged)" = 0 ]
unload vmap_arena
