# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# drivers.sh NAME MODE MODULE... - a driver of the kernel's own tree does the same work twice: as it is, and built to
# have its memory of an arena.  Each test is of the two, or of the arena.
#
# MODE is plain; or hog: all the while something else takes what memory there is (hog-lib.sh); or faults: before the
# arena's turn some of its allocations fail (faults-lib.sh); or figures:
# instead of the work it is measured how long the driver's users wait, alone and beside those who purge.
#
# The functions of scripts/drivers/NAME.sh are in /NAME.sh: work leaves in $OUT what is to be the same, measured prints
# what latency.c does.

name=$1
mode=$2
shift 2
PATTERN=/tmp/pattern # 30 MB and more, always the same

# manifest DIR - the checksum of each file.
manifest() {
	(cd "$1" && find . -type f | sort | xargs sha256sum)
}

# pour_out DIR - files of all kinds, flushed.
pour_out() {
	cp -r /material "$1/first" && cp -r /material "$1/second" && sync -f "$1"
}

# read_images TYPE - each /image.ALGORITHM is mounted and unmounted again and again; all of the material is in it.
read_images() {
	for image in /image.*; do
		for turn in 1 2 3; do
			mount -t "$1" -o loop,ro "$image" /mnt && manifest /mnt >"$OUT/${image#/image.}-$turn" &&
				umount /mnt || return
		done
		diff "$OUT/${image#/image.}-1" /material.list || return
	done
}

# load SIDE MODULE...
load() {
	load_side=$1
	shift
	for module; do
		insmod "/$load_side.$module.ko" || return
	done
}

# take_out MODULE... - in the reverse order.
take_out() {
	backwards=''
	for module; do
		backwards="$module $backwards"
	done
	for module in $backwards; do
		within 20 rmmod "$module" || return
	done
}

# look - whether all arenas are as they should be; what is wrong is left in /tmp/wrong, and how many allocations there
# have been in /tmp/allocs.
look() {
	verify_all >>/tmp/wrong 2>&1
	cat "$ARENAS"/*/stats 2>/dev/null | awk '$1 == "allocs" { n += $2 } END { print n }' >>/tmp/allocs
}

keep_looking() {
	while [ -e /tmp/working ]; do
		look
		sleep 0.2
	done
}

# most_allocs - the largest number that was seen.
most_allocs() {
	sort -n /tmp/allocs | tail -n 1
}

# work_of SIDE MODULE... - what comes out is in /tmp/SIDE.
work_of() {
	side=$1
	OUT=/tmp/$side
	mkdir -p "$OUT"
	: >/tmp/allocs
	expect "$name: $side: it loads" load "$@"
	: >/tmp/working
	keep_looking &
	[ "$mode" != hog ] || make_short "$name: $side"
	expect "$name: $side: it works" work
	[ "$mode" != hog ] || was_short "$name: $side"
	rm -f /tmp/working
	wait
	look
	shift
	expect "$name: $side: it unloads" take_out "$@"
}

# figures_of SIDE MODULE... - lines for /out/figures: the driver, the side, beside what; and what latency.c prints.
figures_of() {
	side=$1
	expect "$name: $side: it loads" load "$@"
	for beside in nothing kernel arena; do
		[ "$beside" = nothing ] || insmod test_vmalloc.ko target="$beside" run_test_mask=8 nr_threads=1 \
			test_repeat_count=1000000 test_loop_count=1000000 || not_ok "test_vmalloc.ko loads"
		expect "$name: $side: it is measured beside $beside" sh -c ". '/$name.sh' && measured >/tmp/figures"
		sed "s/^/$name $side $beside /" /tmp/figures >>/out/figures
		[ "$beside" = nothing ] || rmmod test_vmalloc
	done
	shift
	expect "$name: $side: it unloads" take_out "$@"
}

# nothing_left - of arenas those that were there before, and nobody has anything of them.
nothing_left() {
	ls "$ARENAS"
	cat "$ARENAS"/*/areas
	[ "$(ls "$ARENAS")" = "$before" ] && ! cat "$ARENAS"/*/areas | grep -q .
}

# no_report - but of a module that was refused, where allocations fail.
no_report() {
	no_report_but='loading out-of-tree|module verification'
	[ "$mode" != faults ] || no_report_but="$no_report_but|module [^ ]* is not loaded: no arena .* error -12"
	! dmesg | grep 'vmap_arena: ' | grep -vE "vmap_arena: ($no_report_but)"
}

export PATH=/bin:/sbin:/usr/sbin:/usr/bin
tar -xf /root.tar -C /
mkdir -p /mnt /material
tar -xf /material.tar -C /material
rm /root.tar /material.tar
manifest /material >/material.list
while [ "$(stat -c %s "$PATTERN" 2>/dev/null || echo 0)" -lt 30000000 ]; do
	find /material -type f | sort | xargs cat >>"$PATTERN"
done
# shellcheck source=/dev/null
. "/$name.sh"
# shellcheck disable=SC2086 # these are words
insmod vmap_arena.ko ${ARENA_WORDS-} || not_ok "vmap_arena.ko loads"
before=$(ls "$ARENAS")
if [ "$mode" = figures ]; then
	figures_of own "$@"
	figures_of ours "$@"
	finish
fi
if [ -e "/own.$1.ko" ]; then
	work_of own "$@"
	expect "$name: own: an arena was not asked" [ "$(most_allocs)" = 0 ]
fi
[ "$mode" != faults ] || faults_of ours "$@"
work_of ours "$@"
expect "$name: ours: its memory came from an arena" [ "$(most_allocs)" -gt 0 ]
echo "# $name: $(most_allocs) allocations"
if [ -e "/own.$1.ko" ]; then
	expect "$name: the same came out" diff -r /tmp/own /tmp/ours
else
	skip "$name: the same came out" "the kernel does not export what the module itself calls"
fi
expect "$name: that was something" is_something /tmp/ours
expect_fail "$name: no invariant was ever broken" [ -s /tmp/wrong ]
expect "$name: nothing is left of it" nothing_left
expect "$name: nothing was reported" no_report
unload vmap_arena
expect_fail "$name: nor is a part of the vmalloc area" grep -w vmap_arena /proc/vmallocinfo
[ "$mode" != faults ] || expect "$name: kmemleak finds nothing" no_leaks
dmesg >/out/dmesg
