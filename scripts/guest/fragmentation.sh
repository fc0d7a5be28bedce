# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# fragmentation.sh CACHE-MB SAMPLES OPERATIONS REQUESTS PARAMETER... - replay a load with vmap_frag.ko, which gets
# the parameters, beside a load on the page cache; look SAMPLES times, each after so many operations: a line each in
# /out/samples, and what is left in the end in /out/end.  See scripts/fragmentation.sh.

# look - operations, free pages, pages live, allocations that failed, requests served at once, the kernel's
# fragmentation index for 2 MiB, and the unusable share for each order from 0 on, the kernel's own.
look() {
	zone_row "$EXTFRAG/unusable_index" >/tmp/unusable
	index=$(zone_row "$EXTFRAG/extfrag_index" | awk '{ print $10 }')
	echo "$(state operations) $(free_pages) $(state pages) $(state failed) $(probe light "$requests") $index" \
		"$(cat /tmp/unusable)" >>/out/samples
}

# ask NAME - how many blocks there are at once, how many with compaction, and how many pages were moved for them.
ask() {
	light=$(probe light "$requests")
	moved=$(vmstat pgmigrate_success)
	compact=$(probe compact "$requests")
	echo "$1 $light $compact $(($(vmstat pgmigrate_success) - moved))" >>/out/end
}

cache=$1 samples=$2 operations=$3 requests=$4
shift 4
# shellcheck disable=SC2034 # for frag-lib.sh
ZONE=$(largest_zone)
make_cache "$cache" && insmod vmap_arena.ko && insmod vmap_frag.ko cache=/cached/file "$@" || exit
for _ in $(seq "$samples"); do
	echo "$operations" >"$FRAG/step" || exit
	look
done
cat "$FRAG/state" >/out/state
ask live
echo 1 >"$FRAG/release"
ask released
rmmod vmap_frag && rmmod vmap_arena && drop_cache
