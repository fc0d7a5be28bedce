# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# fragcheck.sh - vmap_frag.ko does what it is asked, and what is read of fragmentation is so: the share of the free
# memory that is unusable is the kernel's own figure, and all figures tell memory that was fragmented on purpose
# from memory that was not.

# load PARAMETER... - what is loaded though it should not be goes.
load() {
	insmod vmap_frag.ko "$@" && rmmod vmap_frag
}

# refuses WORD PARAMETER... - loading fails, and the kernel log has the word.
refuses() {
	refused "refused: $2" "$1" load "$2"
}

# agrees - what buddyinfo says is within a hundredth of the kernel's index, for each order.  A few pages come and go
# between the two.
agrees() {
	unusable >/tmp/ours
	zone_row "$EXTFRAG/unusable_index" >/tmp/kernels
	cat /tmp/ours /tmp/kernels
	paste /tmp/ours /tmp/kernels | awk '{
		for (i = 1; i <= NF / 2; i++) {
			apart = $i - $(i + NF / 2)
			bad += apart > 0.01 || apart < -0.01
		}
		exit bad || NF < 20
	}'
}

# misread SED-SCRIPT - frag-lib.sh with this fault does not agree.
misread() {
	sed "$1" /frag-lib.sh >/tmp/misread.sh
	expect_fail "a fault in what reads buddyinfo is noticed: $1" sh -c ". /tmp/misread.sh
		$(sed -n '/^agrees() {/,/^}/p' /script)
		! cmp -s /tmp/misread.sh /frag-lib.sh || exit 0
		ZONE='$ZONE'
		agrees"
}

# index_of ORDER FILE
index_of() {
	zone_row "$EXTFRAG/$2" | cut -d ' ' -f $(($1 + 1))
}

# tells_blocks - the kernel's fragmentation index for 2 MiB is negative if there is a block for it, and above a half
# if there is none though half of memory is free.
tells_blocks() {
	blocks=$(zone_row /proc/buddyinfo | awk '{ print $10 + $11 }')
	index=$(index_of 9 extfrag_index)
	echo "$blocks blocks, index $index"
	if [ "$blocks" = 0 ]; then exceeds "$index" 0.5; else [ "$index" = -1.000 ]; fi
}

# served HOW MOST - how many of 64 requests for 2 MiB are; at most so many.
served() {
	probe "$1" 64 >/tmp/served && cat /tmp/served && [ "$(cat /tmp/served)" -le "$2" ]
}

# exceeds A B
exceeds() {
	echo "$1 $2" | awk '{ exit !($1 > $2) }'
}

# replays WAY - operations and reads are done, areas have memory, and all of it goes.
replays() {
	insmod vmap_frag.ko way="$1" n=500 ops=1000 read=4 cache=/cached/file || return
	echo 2000 >"$FRAG/step" && [ "$(state operations)" = 2000 ] && [ "$(state live)" = 500 ] &&
		[ "$(state pages)" -ge 500 ] && [ "$(state failed)" = 0 ] && [ "$(state read)" = 8000 ] &&
		echo 3000 >"$FRAG/step" && [ "$(state operations)" = 5000 ] &&
		echo 1 >"$FRAG/release" && [ "$(state live)" = 0 ] && [ "$(state pages)" = 0 ]
	replayed=$?
	rmmod vmap_frag && return "$replayed"
}

ZONE=$(largest_zone)
expect "vmap_arena.ko loads" insmod vmap_arena.ko
refuses '"heap" is not one of none, single' way=heap
refuses '1025 is out of range' read=1025
refuses '0 is out of range 1..' n=0
refuses '"/none" cannot be read' cache=/none
refuses '"/script" is shorter than 1 MiB' cache=/script
refuses '"/none" cannot be read' trace=/none
refuses '"busy" is not one of' workload=busy
expect "the zone with the most memory is found" zone_row /proc/buddyinfo
expect "what buddyinfo says is the kernel's index" within 20 agrees

expect "vmap_frag.ko loads" insmod vmap_frag.ko
for words in 'light 0' 'light 5000' 'light' 'heavy 5' ''; do
	expect_fail "refused: probe \"$words\"" sh -c "echo '$words' >$FRAG/probe"
done
expect_fail "refused: step x" sh -c "echo x >$FRAG/step"
expect_fail "refused: hold 0" sh -c "echo 0 >$FRAG/hold"
expect "2 MiB can be had after the boot" test "$(probe light 64)" = 64
before=$(index_of 9 unusable_index)
expect "each second page of all free memory is held" sh -c "echo $(($(free_pages) * 2)) >$FRAG/hold"
expect_fail "it is not held twice" sh -c "echo 1000 >$FRAG/hold"
expect "what buddyinfo says is the kernel's index then, too" within 20 agrees
misread 's/small += in_blocks/small += 2 * in_blocks/'
misread 's/pages \*= 2 }$/pages += 2 }/'
expect "hardly any free memory is usable for 2 MiB" exceeds "$(index_of 9 unusable_index)" 0.9
expect "that is more than before" exceeds "$(index_of 9 unusable_index)" "$before"
expect "nor for 8 KiB" exceeds "$(index_of 1 unusable_index)" 0.8
expect "it is for 4 KiB" test "$(index_of 0 unusable_index)" = 0.000
expect "the kernel's fragmentation index says so, too" within 20 tells_blocks
expect "2 MiB can hardly be had at once" served light 8
expect "nor with compaction, for what is held stays where it is" served compact 8
echo 1 >"$FRAG/release"
expect "2 MiB can be had when nothing is held" test "$(probe light 64)" = 64
unload vmap_frag

expect "a file can be cached" make_cache 64
for way in none single large vmalloc arena; do
	expect "$way: a load is replayed" replays "$way"
done
expect "nothing is left in debugfs" [ ! -e "$FRAG" ]
expect "the file system goes" drop_cache
unload vmap_arena
