# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# loadfaults.sh MOST - load vmap_arena.ko with its 1st, 2nd, 3rd, ... allocation failing, until none is
# left to fail.  Each time it must load and verify, or not load and leave nothing behind.
#
# The first are the kernel's own, for the module's code and its folders in sysfs.  How many there are
# says a load that the module refuses because of a bad parameter; since the number is not quite the
# same each time, some of them are made to fail, too.
#
# The kernel may print a trace when it has no memory for what we ask of it.  Nothing is wrong then, so
# the log is kept off the console and searched here.  And it leaks the name of a slab cache for which it
# cannot make a folder in sysfs.
#
# A module that has no folder in debugfs, for lack of memory, works all the same.

# try NTH - sets status to what failnth said; fails if something is wrong.
try() {
	/failnth "$1" vmap_arena.ko span_size=2M >/dev/null
	status=$?
	case $status in
	0) verify_all && rmmod vmap_arena ;;
	1) [ ! -d /sys/module/vmap_arena ] && [ ! -d "$ARENAS" ] ;;
	2) { verify_all || [ "$VERIFIED" = 0 ]; } && rmmod vmap_arena ;;
	*) false ;;
	esac
}

no_complaint() {
	! dmesg | grep -E -A 30 "$COMPLAINTS"
}

chmod +x /failnth
allow_faults
dmesg -n 1
export SPARED_LEAKS=sysfs_slab_add
reserved=$(reservations)
theirs=$(/failnth 1000000 vmap_arena.ko span_size=1)
first=$((theirs - 10))
survived=0 refused=0 nth=$first status=1
while [ "$status" != 0 ] && [ "$nth" -lt "$1" ]; do
	if ! try "$nth"; then
		not_ok "with allocation $nth failing, it loads or leaves nothing" "failnth: $status" \
			"$(dmesg | tail -n 20)"
		break
	fi
	[ "$status" != 1 ] || refused=$((refused + 1))
	[ "$status" != 2 ] || survived=$((survived + 1))
	nth=$((nth + 1))
done
expect "no allocation is left to fail from $first, of which to $theirs not ours, to $((nth - 1))" \
	[ "$status" = 0 ]
expect "$refused loads were refused, $survived survived their fault" [ "$refused" -gt 10 ]
expect "the kernel did not complain" no_complaint
expect "no address space is left reserved" [ "$(reservations)" = "$reserved" ]
expect "kmemleak finds nothing" no_leaks
