# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# moved.sh - a module written for vmalloc() does with vmap_vmalloc.h what it did without: vmap_moved.ko
# makes each call and says what came of it.  vmap_owner.ko has an arena of its own, and may leave areas
# behind.

# areas ARENA [WHOSE] - how many areas of 7 pages there are in an arena, of those whose caller is like that.
areas() {
	awk -v whose="${2-.}" '$3 == 7 && $0 ~ whose' "$ARENAS/$1/areas" | wc -l
}

said() {
	dmesg | grep -qE "$1"
}

# says COUNT LIKE - the kernel log has so many such lines.
says() {
	[ "$(dmesg | grep -cE "$2")" = "$1" ]
}

# free_leaks - have vmap_moved.ko free what is left in the arena "owner".
free_leaks() {
	sed 's/-.*//' "$ARENAS/owner/areas" >/tmp/leaks
	while read -r leak; do
		echo "$leak" >/sys/module/vmap_moved/parameters/free || return
	done </tmp/leaks
}

insmod vmap_arena.ko || not_ok "vmap_arena.ko loads"
expect "vmap_moved.ko loads" insmod vmap_moved.ko
dmesg | tee /out/log >/tmp/log
sed -n "s/.*the driver's own: call //p" /tmp/log >/tmp/calls
while IFS= read -r called; do
	expect "${called%: *}: right" [ "${called##*: }" = right ]
done </tmp/calls
expect_fail "a driver may try remap_vmalloc_range() on any area: no report" said 'vmap_remap_user'
expect "calls were tried, and the module's pr_fmt holds" [ "$(wc -l </tmp/calls)" -gt 10 ]
expect "verify" verify_all
expect "vmap_moved.ko unloads" rmmod vmap_moved

expect "vmap_owner.ko loads" insmod vmap_owner.ko early=1
expect "its areas are in its own arena, early, atomic and by tail calls" [ "$(areas owner vmap_owner)" = 4 ]
expect "none is in the default arena" [ "$(areas default)" = 0 ]
refused "a module whose arena would have the name of another" "no arena \"default\" for it: error -17" \
	insmod vmap_unowned.ko
expect "verify with the arena" verify_all
expect "vmap_owner.ko unloads" rmmod vmap_owner
expect_fail "its arena goes with it" [ -e "$ARENAS/owner" ]

dmesg -c >/dev/null
expect "vmap_owner.ko loads again" insmod vmap_owner.ko leak=13
expect "areas know the init code of the module" [ "$(areas owner 'init code of module vmap_owner')" = 14 ]
expect "vmap_owner.ko unloads and leaks" rmmod vmap_owner
expect "the first leaks are reported, each with its size" \
	says 10 "module vmap_owner goes and leaves $(awk '$3 == 7 { print $2; exit }' "$ARENAS/owner/areas") bytes at .* of arena owner behind"
expect "then their number" said 'module vmap_owner leaves 13 areas of [0-9]* bytes behind in all'
expect "its arena stays" [ "$(areas owner)" = 13 ]
expect "areas are told to be those of a module that has gone" \
	[ "$(areas owner 'module vmap_owner, which has gone')" = 13 ]
expect "another module comes to where it was" insmod vmap_moved.ko
dmesg -c >/dev/null
expect "vmap_moved.ko unloads, too" rmmod vmap_moved
expect_fail "the other is not blamed" said 'goes and leaves'
expect "areas do not blame it either" [ "$(areas owner 'module vmap_owner, which has gone')" = 13 ]
expect "vmap_owner.ko takes its old arena over" insmod vmap_owner.ko
expect "where its areas are beside the old ones" [ "$(areas owner)" = 16 ]
expect "vmap_owner.ko unloads beside its old leaks" rmmod vmap_owner
expect "which are there still" [ "$(areas owner)" = 13 ]
expect "verify with leaks" verify_all
expect "vmap_moved.ko is there for them" insmod vmap_moved.ko
expect "what was left is freed by another" free_leaks
expect "vmap_moved.ko unloads at last" rmmod vmap_moved
expect_fail "the arena goes when it is empty" [ -e "$ARENAS/owner" ]
unload vmap_arena
